//! Inserting, updating and deleting rows.
//!
//! ```text
//!   insert, insert_many   new rows         upsert   new row, or in place of the one with its primary key
//!   update                some columns of the row under a key         delete   the row under a key
//! ```
//!
//! Every statement is whole or absent: one that fails leaves the transaction as it was before.

use std::sync::Arc;

use super::Tables;
use super::row::{Key, Row};
use super::schema::Schema;
use super::statement::Statement;
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

impl<'a> Tables<'a, Transaction> {
    /// Inserts a row and returns it as it is stored: with defaults and numbers filled in.
    ///
    /// Columns that `row` does not name get their default, without one NULL.
    ///
    /// # Errors
    /// `AlreadyExists` when a row has its primary key, `Constraint` when it breaks a rule, both with a
    /// [`ConstraintViolation`](super::ConstraintViolation) as their source; `NotFound` without such a table; `Invalid`
    /// when a column or value does not fit; `Unsupported` for a table with rules that only SQL keeps; `LimitExceeded` for a
    /// key over 8 KiB or a row over 64 MiB.
    pub fn insert(&self, table: &str, row: Row) -> Result<Row> {
        self.statement(table, |statement| insert(statement, row))
    }

    /// Inserts rows, all or none, and returns them as they are stored.
    ///
    /// # Errors
    /// As for [`Tables::insert`].
    pub fn insert_many(&self, table: &str, rows: impl IntoIterator<Item = Row>) -> Result<Vec<Row>> {
        self.statement(table, |statement| {
            let insert =
                |(number, row)| insert(statement, row).map_err(|error| error.context(format_args!("row {number}")));
            rows.into_iter().enumerate().map(insert).collect()
        })
    }

    /// Inserts a row, or puts it in the place of the row with its primary key; returns it as it is stored.
    ///
    /// Columns that `row` does not name get their default also when it takes another's place.
    ///
    /// # Errors
    /// As for [`Tables::insert`], but for a primary key that is there.
    pub fn upsert(&self, table: &str, row: Row) -> Result<Row> {
        self.statement(table, |statement| {
            let new = statement.values(row)?;
            let primary = statement.schema.primary_of(&new)?;
            let old = self.values_at(&statement.schema, &primary)?;
            statement.change(old.as_deref(), Some(&new))?;
            Ok(statement.schema.row(new))
        })
    }

    /// Gives columns of the row under `key` the values that `set` names, and returns the row as it is stored then.
    ///
    /// Columns of the primary key may change as well.
    ///
    /// # Errors
    /// `NotFound` without such a row or table; otherwise as for [`Tables::insert`].
    pub fn update(&self, table: &str, key: impl Into<Key>, set: Row) -> Result<Row> {
        let key = key.into();
        self.statement(table, |statement| {
            let primary = statement.schema.primary_of_key(key)?;
            let old =
                self.values_at(&statement.schema, &primary)?.ok_or_else(|| no_row(&statement.schema, &primary))?;
            let new = statement.updated(&old, set)?;
            statement.change(Some(&old), Some(&new))?;
            Ok(statement.schema.row(new))
        })
    }

    /// Adds to columns of the row under `key` the numbers that `amounts` names, and returns the row as it is stored then.
    ///
    /// What is negative is taken away. NULL stays NULL.
    ///
    /// ```
    /// # use marquetry::{Database, table::{Column, ColumnType, Row, TableDefinition}};
    /// # let database = Database::in_memory()?;
    /// # let id = Column::new("id", ColumnType::Int8);
    /// # let stock = TableDefinition::new().column(id).column(Column::new("left", ColumnType::Int4)).primary_key(["id"]);
    /// # database.transact(|tx| tx.tables().create("stock", &stock))?;
    /// # database.transact(|tx| tx.tables().insert("stock", Row::new().set("id", 7).set("left", 3)))?;
    /// let row = database.transact(|tx| tx.tables().add("stock", 7, Row::new().set("left", -2)))?;
    /// assert_eq!(row.integer("left")?, 1);
    /// # Ok::<(), marquetry::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Invalid` when a column or an amount is no number, or the sum is out of range; otherwise as for
    /// [`Tables::update`].
    pub fn add(&self, table: &str, key: impl Into<Key>, amounts: Row) -> Result<Row> {
        let key = key.into();
        self.statement(table, |statement| {
            let primary = statement.schema.primary_of_key(key)?;
            let old =
                self.values_at(&statement.schema, &primary)?.ok_or_else(|| no_row(&statement.schema, &primary))?;
            let new = statement.added(&old, amounts)?;
            statement.change(Some(&old), Some(&new))?;
            Ok(statement.schema.row(new))
        })
    }

    /// Deletes the row under `key`; false when there was none.
    ///
    /// # Errors
    /// `NotFound` without such a table, `Invalid` when the key does not fit, `Unsupported` as for [`Tables::insert`].
    pub fn delete(&self, table: &str, key: impl Into<Key>) -> Result<bool> {
        let key = key.into();
        self.statement(table, |statement| {
            let primary = statement.schema.primary_of_key(key)?;
            let Some(old) = self.values_at(&statement.schema, &primary)? else { return Ok(false) };
            statement.change(Some(&old), None)?;
            Ok(true)
        })
    }

    /// Runs a statement on `table`, all of it or nothing.
    fn statement<T>(&self, table: &str, run: impl FnOnce(&mut Statement<'_>) -> Result<T>) -> Result<T> {
        let schema = self.schema(table)?;
        schema.check_is_plain()?;
        let mut statement = self.positional(schema);
        self.atomically(|| {
            let outcome = run(&mut statement)?;
            statement.finish()?;
            Ok(outcome)
        })
    }

    /// A statement by position, for the layer above: it keeps the table's rules, fills in every value, and makes all of its
    /// changes or takes them back.
    pub(crate) fn positional(&self, schema: Arc<Schema>) -> Statement<'a> {
        Statement::new(self.model, self.reader, schema)
    }

    /// All that `write` writes, or nothing of it when it fails.
    pub(crate) fn atomically<T>(&self, write: impl FnOnce() -> Result<T>) -> Result<T> {
        let savepoint = self.reader.savepoint();
        let outcome = write();
        if outcome.is_err() {
            self.reader.rollback_to(savepoint)?;
        }
        self.reader.release(savepoint)?;
        outcome
    }
}

impl Schema {
    /// Refuses what does not go through the layer that keeps the table's rules.
    pub(super) fn check_is_plain(&self) -> Result<()> {
        match self.is_ruled() {
            false => Ok(()),
            true => Err(Error::unsupported(format!(
                "table {:?} has rules that only SQL keeps (checks, references, computed columns or the like); change it with \
                 SQL",
                self.name
            ))),
        }
    }
}

fn insert(statement: &mut Statement<'_>, row: Row) -> Result<Row> {
    let values = statement.values(row)?;
    statement.change(None, Some(&values))?;
    Ok(statement.schema.row(values))
}

fn no_row(schema: &Arc<Schema>, primary: &[u8]) -> Error {
    let key = schema.primary_values(primary).map(|values| Key(values).to_json().to_string()).unwrap_or_default();
    let shown: String = key.chars().take(100).collect();
    Error::not_found(format!("table {:?} has no row with the primary key {shown}", schema.name))
}

impl<R: Reader + ?Sized> Tables<'_, R> {
    /// The values of the row with the encoded primary key `primary`, or `None`.
    pub(crate) fn values_at(&self, schema: &Schema, primary: &[u8]) -> Result<Option<Vec<super::Value>>> {
        let stored = self.reader.get(&super::keys::row(schema.id, primary))?;
        stored.map(|stored| schema.decode_row(primary, &stored)).transpose()
    }
}
