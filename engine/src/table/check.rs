//! Reading every row and every index entry, and holding them against each other.
//!
//! ```text
//!   rows    --> decode; each has its entry in every index, with the value that it has to have
//!   indexes --> as many entries as rows that have one: none that no row has
//! ```

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::schema::Schema;
use super::{TableModel, keys};
use crate::catalog::{self, ObjectKind};
use crate::error::{Error, Result};
use crate::kv::{Direction, KeyRange, Reader, Snapshot};

/// What a check of the tables went through without finding damage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCheck {
    /// Tables.
    pub tables: u64,
    /// Rows, each decoded.
    pub rows: u64,
    /// Entries of indexes, each belonging to a row.
    pub index_entries: u64,
}

impl TableModel {
    /// Verifies that rows can be read, and that rows and index entries fit each other.
    ///
    /// # Errors
    /// `Corrupt` naming the table and index of the first damage.
    pub(crate) fn check(&self) -> Result<TableCheck> {
        let snapshot = self.keyspace.snapshot()?;
        let mut report = TableCheck::default();
        for (name, entry) in catalog::list(&snapshot, Some(ObjectKind::Table))? {
            let schema = self.open_schema(&name, &entry)?;
            let mut held = HashMap::new();
            report.tables += 1;
            report.rows += check_rows(&snapshot, &schema, &mut held)?;
            report.index_entries += check_entries(&snapshot, &schema, &held)?;
        }
        Ok(report)
    }
}

/// Reads all rows and looks up the entry of each in every index; the number of rows, and in `held` that of the entries that
/// each index has to have.
fn check_rows(snapshot: &Snapshot, schema: &Schema, held: &mut HashMap<u32, u64>) -> Result<u64> {
    let mut rows = 0;
    for stored in snapshot.scan(KeyRange::prefix(keys::rows(schema.id)), Direction::Forward)? {
        let (key, row) = stored?;
        let primary = key.slice_ref(keys::primary_of_row(&key)?);
        let values = schema.decode_row(&primary, &row)?;
        if schema.primary_of(&values)? != primary {
            return Err(Error::corrupt(format!(
                "a row of table {:?} is not under its primary key; restore from a backup",
                schema.name
            )));
        }
        for index in &schema.indexes {
            let Some(entry) = schema.entry_of(index, &values, &primary)? else { continue };
            *held.entry(index.number).or_default() += 1;
            if snapshot.get(&entry.key)?.as_ref() != Some(&entry.value) {
                return Err(apart(schema, &index.name, "lacks the entry of a row"));
            }
        }
        rows += 1;
    }
    Ok(rows)
}

/// Counts the entries of every index. The entries of different rows are different and were all there, so an equal number
/// means that there are no others.
fn check_entries(snapshot: &Snapshot, schema: &Schema, held: &HashMap<u32, u64>) -> Result<u64> {
    let mut count = 0;
    for index in &schema.indexes {
        let mut entries = 0;
        for entry in snapshot.scan(KeyRange::prefix(keys::index(schema.id, index.number)), Direction::Forward)? {
            entry?;
            entries += 1;
        }
        if entries != held.get(&index.number).copied().unwrap_or(0) {
            return Err(apart(schema, &index.name, "has an entry without a row"));
        }
        count += entries;
    }
    Ok(count)
}

fn apart(schema: &Schema, index: &str, what: &str) -> Error {
    Error::corrupt(format!(
        "index {index:?} of table {:?} {what}; drop the index and create it again, or restore from a backup",
        schema.name
    ))
}
