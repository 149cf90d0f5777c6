//! The six models of whatever is read: a snapshot or a transaction, behind one trait.
//!
//! ```text
//!   Read::read(view)    a snapshot of its own, or the open transaction, or a batch
//!   Write::write(tx)    a transaction
//! ```

use marquetry::blob::Blobs;
use marquetry::cache::Caches;
use marquetry::document::Documents;
use marquetry::kv::{self, Reader};
use marquetry::queue::Queues;
use marquetry::search::Searches;
use marquetry::table::Tables;
use marquetry::{Error, ObjectKind, Result, Snapshot, Transaction};
use serde::Serialize;
use serde_json::Value;

/// All models, to read.
pub(crate) trait View {
    type Reader: Reader + 'static;

    fn tables(&self) -> Tables<'_, Self::Reader>;
    fn documents(&self) -> Documents<'_, Self::Reader>;
    fn blobs(&self) -> Blobs<'_, Self::Reader>;
    fn cache(&self) -> Caches<'_, Self::Reader>;
    fn search(&self) -> Searches<'_, Self::Reader>;
    fn queues(&self) -> Queues<'_, Self::Reader>;
    fn objects(&self) -> Result<Vec<(String, ObjectKind)>>;
}

macro_rules! view {
    ($owner:ty, $reader:ty) => {
        impl View for $owner {
            type Reader = $reader;

            fn tables(&self) -> Tables<'_, $reader> {
                self.tables()
            }

            fn documents(&self) -> Documents<'_, $reader> {
                self.documents()
            }

            fn blobs(&self) -> Blobs<'_, $reader> {
                self.blobs()
            }

            fn cache(&self) -> Caches<'_, $reader> {
                self.cache()
            }

            fn search(&self) -> Searches<'_, $reader> {
                self.search()
            }

            fn queues(&self) -> Queues<'_, $reader> {
                self.queues()
            }

            fn objects(&self) -> Result<Vec<(String, ObjectKind)>> {
                self.objects()
            }
        }
    };
}

view!(Snapshot, kv::Snapshot);
view!(Transaction, kv::Transaction);

/// An operation that changes nothing: its answer at `view`.
pub(crate) trait Read: Send + 'static {
    fn read<V: View>(&self, view: &V) -> Result<Value>;
}

/// An operation that changes something through `transaction`; it may be run again after a conflict.
pub(crate) trait Write: Send + 'static {
    fn write(&self, transaction: &Transaction) -> Result<Value>;
}

/// What the engine answered, as JSON.
pub(super) fn answer(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|fault| Error::invalid(format!("the answer cannot be written as JSON: {fault}")))
}
