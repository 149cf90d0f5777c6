//! About how many rows a table has, for planning: kept in memory, never exact on purpose.
//!
//! ```text
//!   first question    count what is committed, up to a limit
//!   later             that, and what statements added and removed since, whether they were committed or not
//! ```

use std::collections::HashMap;

use parking_lot::Mutex;

use super::{TableModel, keys};
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader};

/// Rows that the first question counts at most.
const COUNTED_ROWS_MAX: usize = 100_000;

/// The counts that somebody asked for.
#[derive(Debug, Default)]
pub(super) struct RowCounts(Mutex<HashMap<ObjectId, u64>>);

impl TableModel {
    /// About how many rows the table has; tables with over 100,000 may say less.
    pub(crate) fn about_rows(&self, reader: &dyn Reader, table: ObjectId) -> Result<u64> {
        if let Some(known) = self.row_counts.0.lock().get(&table) {
            return Ok(*known);
        }
        let scan = reader.committed().scan(KeyRange::prefix(keys::rows(table)), Direction::Forward)?;
        let mut count = 0;
        for entry in scan.take(COUNTED_ROWS_MAX) {
            entry?;
            count += 1;
        }
        self.row_counts.0.lock().insert(table, count);
        Ok(count)
    }

    pub(super) fn note_added_rows(&self, table: ObjectId, added: i64) {
        if added != 0
            && let Some(known) = self.row_counts.0.lock().get_mut(&table)
        {
            *known = known.saturating_add_signed(added);
        }
    }
}
