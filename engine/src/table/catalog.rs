//! Creating, describing and dropping tables and indexes.
//!
//! ```text
//!   create        catalogue entry                       drop         entry and sequences gone, both prefixes retired
//!   create_index  entries of the rows that are there    drop_index   its prefix retired
//! ```
//!
//! A retired prefix is emptied in the background; its numbers are never used again, so nobody meets what is left.

use std::sync::Arc;

use super::definition::{Index, TableDefinition};
use super::layout::Layout;
use super::schema::{Schema, SchemaIndex};
use super::statement::sequence_name;
use super::{Tables, keys};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Direction, KeyRange, Reader, Transaction, key_after};

/// Rows that are read before their entries are written: a scan does not go on while something is written.
const INDEX_PAGE_ROWS: usize = 1_000;

impl<R: Reader + ?Sized> Tables<'_, R> {
    /// The names of all tables, in order.
    ///
    /// # Errors
    /// Those of reading.
    pub fn list(&self) -> Result<Vec<String>> {
        let tables = catalog::list(self.reader, Some(ObjectKind::Table))?;
        Ok(tables.into_iter().map(|(name, _)| name).collect())
    }

    /// What `table` looks like.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when the name is something else's.
    pub fn definition(&self, table: &str) -> Result<Arc<TableDefinition>> {
        Ok(self.schema(table)?.definition.clone())
    }

    /// The table by position.
    pub(crate) fn schema(&self, table: &str) -> Result<Arc<Schema>> {
        self.opened(table).map(|(_, schema)| schema)
    }

    pub(crate) fn opened(&self, table: &str) -> Result<(Entry, Arc<Schema>)> {
        let entry = catalog::find(self.reader, ObjectKind::Table, table)?;
        let schema = self.model.open_schema(table, &entry)?;
        Ok((entry, schema))
    }
}

impl super::TableModel {
    pub(crate) fn open_schema(&self, name: &str, entry: &Entry) -> Result<Arc<Schema>> {
        self.definitions.decode(entry, |bytes| Schema::open(entry.id, name, Layout::decode(bytes)?))
    }

    /// The table with the id `table`, or `None` when there is none (any more).
    pub(crate) fn schema_by_id(&self, reader: &dyn Reader, table: ObjectId) -> Result<Option<Arc<Schema>>> {
        let Some(name) = catalog::name_of(reader, table)? else { return Ok(None) };
        match catalog::get(reader, &name)? {
            Some(entry) if entry.id == table && entry.kind == ObjectKind::Table => {
                self.open_schema(&name, &entry).map(Some)
            }
            _ => Ok(None),
        }
    }
}

impl Tables<'_, Transaction> {
    /// Creates the table `name`.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken by anything; `Invalid` when the definition makes no sense; `LimitExceeded`
    /// for over 1,600 columns, 64 indexes, 32 columns of a key or 255 bytes of a name.
    pub fn create(&self, name: &str, definition: &TableDefinition) -> Result<()> {
        self.create_as(name, &Layout::define(definition)?).map(drop)
    }

    /// Drops the table `name` with its rows and indexes: one small commit, whatever it holds. The space is reclaimed in the
    /// background.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Unsupported` when it has rules that only SQL keeps.
    pub fn drop(&self, name: &str) -> Result<()> {
        let schema = self.schema(name)?;
        schema.check_is_plain()?;
        self.drop_with_rules(&schema)
    }

    /// Drops a table whatever its rules; what rests on it is the layer above's.
    pub(crate) fn drop_with_rules(&self, schema: &Schema) -> Result<()> {
        self.atomically(|| {
            catalog::remove(self.reader, &schema.name, schema.id)?;
            self.reader.reclaim_prefix(&keys::rows(schema.id))?;
            self.reader.reclaim_prefix(&keys::indexes(schema.id))?;
            for (_, column) in schema.numbered() {
                self.model.sequences.drop_in(self.reader, &sequence_name(schema.id, column))?;
            }
            self.model.hook.dropped(self.reader, schema.id)
        })?;
        let (definitions, id) = (self.model.definitions.clone(), schema.id);
        self.reader.after_commit(Box::new(move |_| definitions.forget(id)));
        Ok(())
    }

    /// Adds an index to `table` and fills it from the rows that are there.
    ///
    /// # Errors
    /// `Constraint` when it is unique and the rows are not; `AlreadyExists` when the table has an index of that name;
    /// otherwise as for [`Tables::create`].
    pub fn create_index(&self, table: &str, index: &Index) -> Result<()> {
        let (entry, schema) = self.opened(table)?;
        let layout = schema.layout().with_index(index)?;
        self.atomically(|| {
            let schema = self.redefine(table, &entry, &layout)?;
            self.fill(&schema, schema.index(&index.name)?)
        })
    }

    /// Writes the entries of all rows into `index`.
    pub(crate) fn fill(&self, schema: &Schema, index: &SchemaIndex) -> Result<()> {
        let mut rest = KeyRange::prefix(keys::rows(schema.id));
        loop {
            let scan = self.reader.scan(rest.clone(), Direction::Forward)?;
            let page = scan.take(INDEX_PAGE_ROWS).collect::<Result<Vec<_>>>()?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            rest.start = key_after(last).into();
            for (key, stored) in &page {
                let primary = key.slice_ref(keys::primary_of_row(key)?);
                let values = schema.decode_row(&primary, stored)?;
                let Some(entry) = schema.entry_of(index, &values, &primary)? else { continue };
                if entry.is_exclusive && self.reader.get(&entry.key)?.is_some() {
                    return Err(schema.taken_index_key(index, &values).context("the index cannot be unique"));
                }
                self.reader.put(entry.key, entry.value)?;
            }
        }
    }

    /// Removes the index `index` of `table`.
    ///
    /// # Errors
    /// `NotFound` without such a table or index, `Unsupported` for a table with rules that only SQL keeps.
    pub fn drop_index(&self, table: &str, index: &str) -> Result<()> {
        let (entry, schema) = self.opened(table)?;
        schema.check_is_plain()?;
        let mut layout = schema.layout();
        let number = layout.drop_index(index).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::not_found(format!("table {table:?} has no index {index:?}")),
            _ => error,
        })?;
        self.atomically(|| {
            self.redefine(table, &entry, &layout)?;
            self.reader.reclaim_prefix(&keys::index(schema.id, number))
        })
    }
}
