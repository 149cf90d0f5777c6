//! Running bound plans: DataFusion over scans of one transaction.
//!
//! ```text
//!   Source     what scans read: a transaction or snapshot, the models, an interrupt
//!   table      a table as DataFusion reads it: filters become key ranges (`range`), rows become batches (`scan`)
//!   held       rows in memory           apply    a subquery for each different row around it
//!   executor   DataFusion's state, its threads and memory, shared by the database
//!   convert    values of rows <-> Arrow
//! ```
//!
//! - DataFusion never writes: no provider here implements any of its hooks for that.
//! - A statement sees what was there when its scans were made, also while it writes.

mod apply;
mod convert;
mod direct;
mod evaluate;
mod executor;
mod held;
mod interrupt;
mod model;
mod range;
mod scan;
mod table;

use std::sync::Arc;

pub(crate) use apply::{Apply, ApplyKind};
pub(crate) use convert::{array_of, record_lists, scalar_of, value_of, values_of};
pub(crate) use direct::direct;
pub(crate) use evaluate::{Evaluator, constant};
pub(crate) use executor::{Executor, Running};
pub(crate) use held::Held;
pub use interrupt::Interrupter;
pub(crate) use model::{ModelTable, model_columns};
pub(crate) use range::{Access, ColumnTest, Test, access_for, is_comparable};
pub(crate) use table::TableProviderOf;

use crate::database::Shared;
use crate::kv::{Direction, KeyRange, ReadSet, Reader, Scan, Snapshot, Version};
use crate::transaction::Transaction;

/// What the scans of one statement read.
pub(crate) struct Source {
    pub(crate) shared: Arc<Shared>,
    pub(crate) reader: Arc<dyn Reader>,
    pub(crate) interrupter: Interrupter,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {}", self.reader.version())
    }
}

/// A transaction that several scans share.
pub(crate) struct TransactionReader(pub(crate) Arc<Transaction>);

impl Reader for TransactionReader {
    fn version(&self) -> Version {
        self.0.inner.version()
    }

    fn get(&self, key: &[u8]) -> crate::error::Result<Option<bytes::Bytes>> {
        self.0.inner.get(key)
    }

    fn scan(&self, range: KeyRange, direction: Direction) -> crate::error::Result<Scan> {
        self.0.inner.scan(range, direction)
    }

    fn rest_on(&self, reads: &ReadSet) {
        self.0.inner.rest_on(reads);
    }

    fn committed(&self) -> Snapshot {
        self.0.inner.committed()
    }

    fn as_transaction(&self) -> Option<&crate::kv::Transaction> {
        Some(&self.0.inner)
    }
}
