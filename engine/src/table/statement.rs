//! One statement at work: what rows become, and what that does to the keyspace.
//!
//! ```text
//!   Row --values: fitted, defaults filled in, NOT NULL--> one value per column
//!   insert   nothing -> new      update, upsert   old -> new      delete   old -> nothing
//!                '-------------------- change(old, new) --------------'
//!                    constraints, the row, its index entries, the hook
//! ```
//!
//! Every change of a row goes through one function, so that a row and its index entries cannot part.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use chrono::DateTime;

use super::arithmetic::sum;
use super::column_type::ColumnType;
use super::constraint::{ConstraintKind, ConstraintViolation};
use super::definition::ColumnDefault;
use super::fit::fit;
use super::row::{Key, Row};
use super::schema::{Schema, SchemaColumn, SchemaIndex};
use super::value::Value;
use super::{TableModel, keys};
use crate::catalog::ObjectId;
use crate::encoding::key::KeyWriter;
use crate::env::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Reader, Transaction};

/// What the names of the sequences of columns begin with.
const COLUMN_SEQUENCE: &[u8] = b"table column ";

/// The name of the sequence of a column that gets the next number.
pub(crate) fn sequence_name(table: ObjectId, column: &SchemaColumn) -> Vec<u8> {
    KeyWriter::default().raw(COLUMN_SEQUENCE).u64(table.number()).u32(column.number).finish()
}

/// One statement on one table.
pub(crate) struct Statement<'a> {
    model: &'a TableModel,
    transaction: &'a Transaction,
    pub(crate) schema: Arc<Schema>,
    now: Timestamp,
    /// The largest number that a row brought along, by the position of its numbered column.
    brought: BTreeMap<usize, i64>,
    /// Rows added less rows removed.
    added_rows: Cell<i64>,
}

impl<'a> Statement<'a> {
    pub(crate) fn new(model: &'a TableModel, transaction: &'a Transaction, schema: Arc<Schema>) -> Self {
        let now = model.keyspace.env().now();
        Statement { model, transaction, schema, now, brought: BTreeMap::new(), added_rows: Cell::new(0) }
    }

    /// The values of a new row: those that `row` names, and the defaults of the others.
    pub(super) fn values(&mut self, row: Row) -> Result<Vec<Value>> {
        let mut named: Vec<Option<Value>> = vec![None; self.schema.columns.len()];
        for (position, value) in self.schema.fitted(row)? {
            named[position] = Some(value);
        }
        self.note_brought(named.iter().map(Option::as_ref));
        let mut values = Vec::with_capacity(named.len());
        for (column, value) in self.schema.columns.iter().zip(named) {
            values.push(match value {
                Some(value) => value,
                None => self.default(column)?,
            });
        }
        self.schema.check_not_null(&values)?;
        Ok(values)
    }

    /// `old` with what `row` names in its place.
    pub(super) fn updated(&mut self, old: &[Value], row: Row) -> Result<Vec<Value>> {
        let mut values = old.to_vec();
        let mut named = vec![None; values.len()];
        for (position, value) in self.schema.fitted(row)? {
            values[position] = value;
            named[position] = Some(position);
        }
        self.note_brought(named.iter().map(|position| position.map(|position| &values[position])));
        self.schema.check_not_null(&values)?;
        Ok(values)
    }

    /// `old` with the numbers that `amounts` names added to it.
    pub(super) fn added(&mut self, old: &[Value], amounts: Row) -> Result<Vec<Value>> {
        let mut values = old.to_vec();
        for (position, amount) in self.schema.fitted(amounts)? {
            let column = &self.schema.columns[position];
            let sum = sum(&values[position], &amount).and_then(|sum| fit(sum, column.column_type));
            values[position] = sum.map_err(|error| error.context(format_args!("column {:?}", column.name)))?;
        }
        self.schema.check_not_null(&values)?;
        Ok(values)
    }

    fn note_brought<'v>(&mut self, named: impl Iterator<Item = Option<&'v Value>>) {
        for (position, value) in named.enumerate() {
            if let Some(number) = value.and_then(Value::as_integer)
                && self.schema.columns[position].default == Some(ColumnDefault::AutoIncrement)
            {
                let largest = self.brought.entry(position).or_insert(number);
                *largest = number.max(*largest);
            }
        }
    }

    /// What `column` gets in a row that does not name it.
    pub(crate) fn default(&self, column: &SchemaColumn) -> Result<Value> {
        Ok(match &column.default {
            None => Value::Null,
            Some(ColumnDefault::Value(value)) => value.clone(),
            Some(ColumnDefault::Now) => now_as(self.now, column.column_type),
            Some(ColumnDefault::RandomUuid) => {
                let mut bytes = [0; 16];
                self.model.keyspace.env().fill_random(&mut bytes);
                Value::Uuid(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }
            Some(ColumnDefault::AutoIncrement) => {
                let number = self.model.sequences.next(&sequence_name(self.schema.id, column))?;
                let number = i64::try_from(number).map_err(|_| used_up(column))?;
                fit(Value::Int8(number), column.column_type).map_err(|_| used_up(column))?
            }
        })
    }

    /// Turns the row `old` into the row `new`, with its index entries; `None` is no row.
    pub(crate) fn change(&self, old: Option<&[Value]>, new: Option<&[Value]>) -> Result<()> {
        self.added_rows.set(self.added_rows.get() + i64::from(new.is_some()) - i64::from(old.is_some()));
        let old = old.map(|values| self.place(values)).transpose()?;
        let new = new.map(|values| self.place(values)).transpose()?;
        let moves = old.as_ref().map(|old| &old.primary) != new.as_ref().map(|new| &new.primary);
        if let Some(new) = new.as_ref().filter(|_| moves)
            && self.transaction.get(&keys::row(self.schema.id, &new.primary))?.is_some()
        {
            return Err(self.schema.taken_primary_key(new.values));
        }
        for index in &self.schema.indexes {
            self.change_entry(index, old.as_ref(), new.as_ref())?;
        }
        if let Some(old) = old.as_ref().filter(|_| moves) {
            self.transaction.delete(keys::row(self.schema.id, &old.primary))?;
            self.model.hook.changed(self.transaction, self.schema.id, &old.primary)?;
        }
        if let Some(new) = new {
            let row = self.schema.encode_row(new.values);
            self.transaction
                .put(keys::row(self.schema.id, &new.primary), row)
                .map_err(|error| error.context(format_args!("a row of table {:?}", self.schema.name)))?;
            self.model.hook.changed(self.transaction, self.schema.id, &new.primary)?;
        }
        Ok(())
    }

    fn place<'v>(&self, values: &'v [Value]) -> Result<Place<'v>> {
        Ok(Place { values, primary: self.schema.primary_of(values)? })
    }

    fn change_entry(&self, index: &SchemaIndex, old: Option<&Place<'_>>, new: Option<&Place<'_>>) -> Result<()> {
        let entry = |place: &Place<'_>| self.schema.entry_of(index, place.values, &place.primary).transpose();
        let (old, entry_new) = (old.and_then(entry).transpose()?, new.and_then(entry).transpose()?);
        if old == entry_new {
            return Ok(());
        }
        if let Some(old) = old {
            self.transaction.delete(old.key)?;
        }
        if let (Some(new), Some(entry)) = (new, entry_new) {
            if entry.is_exclusive && self.transaction.get(&entry.key)?.is_some() {
                return Err(self.schema.taken_index_key(index, new.values));
            }
            self.transaction.put(entry.key, entry.value).map_err(|error| {
                error.context(format_args!("index {:?} of table {:?}", index.name, self.schema.name))
            })?;
        }
        Ok(())
    }

    /// Makes the sequences go on behind the numbers that the rows brought along.
    pub(crate) fn finish(self) -> Result<()> {
        self.model.note_added_rows(self.schema.id, self.added_rows.get());
        for (position, number) in self.brought {
            if let Ok(number) = u64::try_from(number) {
                let column = &self.schema.columns[position];
                self.model.sequences.advance_past(&sequence_name(self.schema.id, column), number)?;
            }
        }
        Ok(())
    }
}

/// A row and where it is.
struct Place<'v> {
    values: &'v [Value],
    primary: Bytes,
}

fn now_as(now: Timestamp, column_type: ColumnType) -> Value {
    let Some(now) = DateTime::from_timestamp_micros(now.as_micros()) else { return Value::Null };
    match column_type {
        ColumnType::Date => Value::Date(now.date_naive()),
        ColumnType::Time => Value::Time(now.time()),
        ColumnType::Timestamp => Value::Timestamp(now.naive_utc()),
        _ => Value::TimestampTz(now),
    }
}

fn used_up(column: &SchemaColumn) -> Error {
    Error::limit_exceeded(format!(
        "column {:?} of type {} has no next number left; give it a wider type",
        column.name, column.column_type
    ))
}

impl Schema {
    /// The values that `row` names, by the positions of their columns.
    fn fitted(&self, row: Row) -> Result<Vec<(usize, Value)>> {
        let fitted = row.into_iter().map(|(name, value)| {
            let position = self.position(&name)?;
            Ok((position, self.fit_column(position, value)?))
        });
        fitted.collect()
    }

    /// `value` as the column at `position` keeps it.
    pub(crate) fn fit_column(&self, position: usize, value: Value) -> Result<Value> {
        let column = &self.columns[position];
        fit(value, column.column_type)
            .map_err(|error| error.context(format_args!("column {:?} of table {:?}", column.name, self.name)))
    }

    /// The encoded primary key that `key` says.
    pub(super) fn primary_of_key(&self, key: Key) -> Result<Bytes> {
        let found = key.0.len();
        if found != self.primary_key.len() {
            return Err(Error::invalid(format!(
                "the key has {found} values, the primary key of table {:?} has {}: {}",
                self.name,
                self.primary_key.len(),
                self.definition.primary_key.join(", ")
            )));
        }
        let mut bytes = KeyWriter::default();
        for (position, value) in self.primary_key.iter().zip(key.0) {
            bytes = super::key_encoding::write(bytes, &self.fit_column(*position, value)?)?;
        }
        Ok(bytes.finish().into())
    }

    /// The row of `values`, one for each column.
    pub(super) fn row(&self, values: Vec<Value>) -> Row {
        let mut row = Row::with_capacity(values.len());
        for (column, value) in self.columns.iter().zip(values).filter(|(column, _)| !column.is_hidden) {
            row.push(column.name.clone(), value);
        }
        row
    }

    /// Refuses NULL where a column does.
    pub(crate) fn check_not_null(&self, values: &[Value]) -> Result<()> {
        let missing = self.columns.iter().zip(values).find(|(column, value)| column.not_null && value.is_null());
        let Some((column, _)) = missing else { return Ok(()) };
        let message = format!("column {:?} of table {:?} refuses NULL; give it a value", column.name, self.name);
        Err(Error::constraint(message).with_source(ConstraintViolation {
            kind: ConstraintKind::NotNull,
            table: self.name.to_string(),
            constraint: String::new(),
            columns: vec![column.name.to_string()],
        }))
    }

    fn taken_primary_key(&self, values: &[Value]) -> Error {
        let what =
            format!("table {:?} has a row with the primary key {}", self.name, self.shown(&self.primary_key, values));
        self.taken(ErrorKind::AlreadyExists, what, self.primary_key_name(), &self.primary_key)
    }

    pub(super) fn taken_index_key(&self, index: &SchemaIndex, values: &[Value]) -> Error {
        let shown = self.shown(&index.columns, values);
        let what = format!("another row of table {:?} has {shown} in the unique index {:?}", self.name, index.name);
        self.taken(ErrorKind::Constraint, what, index.name.clone(), &index.columns)
    }

    fn taken(&self, kind: ErrorKind, what: String, constraint: String, columns: &[usize]) -> Error {
        Error::new(kind, format!("{what}; choose another value or change that row")).with_source(ConstraintViolation {
            kind: ConstraintKind::Unique,
            table: self.name.to_string(),
            constraint,
            columns: columns.iter().map(|position| self.columns[*position].name.to_string()).collect(),
        })
    }

    /// The values of some columns for a message, shortened.
    fn shown(&self, columns: &[usize], values: &[Value]) -> String {
        let key = Key(columns.iter().map(|position| values[*position].clone()).collect());
        let text = key.to_json().to_string();
        match text.char_indices().nth(100) {
            None => text,
            Some((end, _)) => format!("{}...", &text[..end]),
        }
    }
}
