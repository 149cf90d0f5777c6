//! Changing a table that has rows, for the layer above.
//!
//! ```text
//!   redefine   another layout, the rows as they are: names, defaults, columns that rows lack or have too much
//!   rewrite    another layout, and every row read under the old one and written under the new one: types, primary key
//! ```
//!
//! A rewrite is one statement in the caller's transaction, so it is bounded by what a commit may hold.

use std::sync::Arc;

use bytes::Bytes;

use super::layout::Layout;
use super::schema::Schema;
use super::statement::Statement;
use super::{TableModel, Tables, Value, keys};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::error::Result;
use crate::kv::{Direction, KeyRange, Reader, Transaction};

/// Makes of a row by the old positions one by the new positions.
pub(crate) type Convert<'c> = &'c mut dyn FnMut(&Statement<'_>, Vec<Value>) -> Result<Vec<Value>>;

impl TableModel {
    /// Creates an object of the layer above in the catalogue.
    pub(crate) fn create_object(
        &self,
        transaction: &Transaction,
        kind: ObjectKind,
        name: &str,
        definition: Vec<u8>,
    ) -> Result<ObjectId> {
        catalog::create(transaction, &self.sequences, kind, name, definition)
    }

    /// Gives an object of the layer above another definition.
    pub(crate) fn redefine_object(
        &self,
        transaction: &Transaction,
        name: &str,
        entry: &Entry,
        definition: Vec<u8>,
    ) -> Result<()> {
        catalog::redefine(transaction, &self.sequences, name, entry, definition)
    }

    /// Gives an object another name.
    pub(crate) fn rename_object(&self, transaction: &Transaction, name: &str, entry: &Entry, to: &str) -> Result<()> {
        catalog::rename(transaction, &self.sequences, name, entry, to)
    }

    /// A number for a part of an object, from where the ids of objects come.
    pub(crate) fn next_part_id(&self) -> Result<u64> {
        catalog::next_id(&self.sequences)
    }
}

impl Tables<'_, Transaction> {
    /// Creates the table `name`.
    pub(crate) fn create_as(&self, name: &str, layout: &Layout) -> Result<ObjectId> {
        let stored = layout.encode()?;
        self.atomically(|| catalog::create(self.reader, &self.model.sequences, ObjectKind::Table, name, stored))
    }

    /// Gives the table `name` another layout; its rows must fit it.
    pub(crate) fn redefine(&self, name: &str, entry: &Entry, layout: &Layout) -> Result<Arc<Schema>> {
        catalog::redefine(self.reader, &self.model.sequences, name, entry, layout.encode()?)?;
        self.schema(name)
    }

    /// Gives the table `name` another name.
    pub(crate) fn rename(&self, name: &str, entry: &Entry, to: &str) -> Result<()> {
        self.atomically(|| catalog::rename(self.reader, &self.model.sequences, name, entry, to))
    }

    /// Removes the index `index` from the layout and its entries from the keyspace, whatever the table's rules.
    pub(crate) fn drop_entries(&self, table: ObjectId, index: u32) -> Result<()> {
        self.reader.reclaim_prefix(&keys::index(table, index))
    }

    /// Gives the table `name` another layout and makes every row anew. All indexes are filled again.
    pub(crate) fn rewrite(&self, name: &str, entry: &Entry, mut layout: Layout, convert: Convert<'_>) -> Result<()> {
        let old = self.schema(name)?;
        layout.clear_missing();
        layout.renumber_indexes();
        self.atomically(|| {
            let rows = self.all_rows(&old)?;
            for (primary, _) in &rows {
                self.reader.delete(keys::row(old.id, primary))?;
                self.model.hook.changed(self.reader, old.id, primary)?;
            }
            for index in &old.indexes {
                self.reader.reclaim_prefix(&keys::index(old.id, index.number))?;
            }
            let schema = self.redefine(name, entry, &layout)?;
            let statement = self.positional(schema.clone());
            for (_, values) in rows {
                let values = convert(&statement, values)?;
                schema.check_not_null(&values)?;
                statement.change(None, Some(&values))?;
            }
            Ok(())
        })
    }

    /// Every row with its encoded primary key.
    pub(crate) fn all_rows(&self, schema: &Schema) -> Result<Vec<(Bytes, Vec<Value>)>> {
        let mut rows = Vec::new();
        for stored in self.reader.scan(KeyRange::prefix(keys::rows(schema.id)), Direction::Forward)? {
            let (key, row) = stored?;
            let primary = key.slice_ref(keys::primary_of_row(&key)?);
            let values = schema.decode_row(&primary, &row)?;
            rows.push((primary, values));
        }
        Ok(rows)
    }
}
