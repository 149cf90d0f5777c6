//! A table's definition as it is stored, by number, and how it changes.
//!
//! ```text
//!   format 1   columns, primary key, indexes: what tables were before SQL      still read
//!   format 2   also: hidden columns, what old rows lack, conditions of indexes, what the layer above keeps
//! ```
//!
//! Numbers of columns and indexes are never used twice in a table, so keys and rows of one that is gone are never read as
//! another's. Columns stand in the order of their numbers.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::column_type::ColumnType;
use super::definition::{Column, ColumnDefault, Index, TableDefinition};
use super::fit::fit;
use super::value::Value;
use super::value_encoding;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::limits::{NAME_SIZE_BYTES_MAX, TABLE_COLUMNS_MAX, TABLE_INDEXES_MAX, TABLE_KEY_COLUMNS_MAX};

/// Format of the definitions of tables.
const TABLE_FORMAT: u8 = 2;
/// The format before: without what SQL needs.
const TABLE_FORMAT_PLAIN: u8 = 1;

/// The definition of a table in the catalogue.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Layout {
    pub(super) columns: Vec<StoredColumn>,
    pub(super) primary_key: Vec<u32>,
    /// What violations call the primary key, when not `<table>_pkey`.
    pub(super) primary_key_name: Option<String>,
    pub(super) indexes: Vec<StoredIndex>,
    pub(super) next_column: u32,
    next_index: u32,
    /// Whether the table has rules that only the layer above can keep, so that plain writes are refused.
    pub(super) is_ruled: bool,
    /// What the layer above keeps with the table.
    pub(super) extension: Vec<u8>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredColumn {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) column_type: ColumnType,
    pub(super) not_null: bool,
    default: Option<StoredDefault>,
    pub(super) is_hidden: bool,
    /// What the column is in rows that were written before there was one; as `value_encoding` writes it.
    missing: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum StoredDefault {
    /// As `value_encoding` writes it.
    Value(Vec<u8>),
    Now,
    RandomUuid,
    AutoIncrement,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredIndex {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) columns: Vec<u32>,
    pub(super) unique: bool,
    pub(super) nulls_are_equal: bool,
    pub(super) condition: Option<u32>,
}

#[derive(Serialize, Deserialize)]
struct PlainLayout {
    columns: Vec<PlainColumn>,
    primary_key: Vec<u32>,
    indexes: Vec<PlainIndex>,
    next_column: u32,
    next_index: u32,
}

#[derive(Serialize, Deserialize)]
struct PlainColumn {
    number: u32,
    name: String,
    column_type: ColumnType,
    not_null: bool,
    default: Option<StoredDefault>,
}

#[derive(Serialize, Deserialize)]
struct PlainIndex {
    number: u32,
    name: String,
    columns: Vec<u32>,
    unique: bool,
}

impl From<PlainLayout> for Layout {
    fn from(plain: PlainLayout) -> Self {
        let column = |column: PlainColumn| StoredColumn {
            number: column.number,
            name: column.name,
            column_type: column.column_type,
            not_null: column.not_null,
            default: column.default,
            is_hidden: false,
            missing: None,
        };
        let index = |index: PlainIndex| StoredIndex {
            number: index.number,
            name: index.name,
            columns: index.columns,
            unique: index.unique,
            nulls_are_equal: false,
            condition: None,
        };
        Layout {
            columns: plain.columns.into_iter().map(column).collect(),
            primary_key: plain.primary_key,
            primary_key_name: None,
            indexes: plain.indexes.into_iter().map(index).collect(),
            next_column: plain.next_column,
            next_index: plain.next_index,
            is_ruled: false,
            extension: Vec::new(),
        }
    }
}

/// An index as it is added to a layout.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewIndex {
    pub(crate) name: String,
    /// The numbers of the columns.
    pub(crate) columns: Vec<u32>,
    pub(crate) unique: bool,
    /// Whether two rows with NULL in the same place are equal to a unique index.
    pub(crate) nulls_are_equal: bool,
    /// The number of a column of type bool: only rows that are true there have an entry.
    pub(crate) condition: Option<u32>,
}

impl Layout {
    /// A table without columns yet.
    pub(crate) fn new() -> Self {
        Layout { next_column: 1, next_index: 1, ..Layout::default() }
    }

    /// The stored form of `definition`, if it makes sense.
    ///
    /// # Errors
    /// `Invalid` for what contradicts itself, `LimitExceeded` for too many or too long parts.
    pub(super) fn define(definition: &TableDefinition) -> Result<Self> {
        let mut layout = Layout::new();
        for column in &definition.columns {
            layout.add_column(column)?;
        }
        layout.primary_key = layout
            .key_columns(&definition.primary_key)
            .map_err(|error| error.context("the primary key (a table has to have one)"))?;
        for index in &definition.indexes {
            layout = layout.with_index(index)?;
        }
        Ok(layout)
    }

    /// Adds a column that statements see, and returns its number.
    pub(crate) fn add_column(&mut self, column: &Column) -> Result<u32> {
        self.add(column, false)
    }

    /// Adds a column that only the code sees.
    pub(crate) fn add_hidden_column(&mut self, column: &Column) -> Result<u32> {
        self.add(column, true)
    }

    fn add(&mut self, column: &Column, is_hidden: bool) -> Result<u32> {
        check_count("columns", self.columns.len() + 1, TABLE_COLUMNS_MAX)?;
        check_name("column", &column.name)?;
        if !is_hidden {
            self.check_column_is_new(&column.name)?;
        }
        let stored = StoredColumn::define(self.next_column, column, is_hidden)
            .map_err(|error| error.context(format_args!("column {:?}", column.name)))?;
        self.columns.push(stored);
        self.next_column += 1;
        Ok(self.next_column - 1)
    }

    fn check_column_is_new(&self, name: &str) -> Result<()> {
        match self.columns.iter().any(|known| !known.is_hidden && known.name == name) {
            true => Err(Error::invalid(format!("there are two columns {name:?}; name each once"))),
            false => Ok(()),
        }
    }

    /// The number of the column `name` that statements see.
    pub(crate) fn number_of(&self, name: &str) -> Option<u32> {
        self.columns.iter().find(|column| !column.is_hidden && column.name == name).map(|column| column.number)
    }

    /// The type of a column.
    pub(crate) fn type_of(&self, number: u32) -> Result<ColumnType> {
        self.column_of(number).map(|column| column.column_type)
    }

    /// The default that the table model fills in.
    pub(crate) fn default_of(&self, number: u32) -> Result<Option<ColumnDefault>> {
        self.column_of(number)?.column().map(|column| column.default)
    }

    /// Whether the table has a column that only the code sees.
    pub(crate) fn has_hidden_columns(&self) -> bool {
        self.columns.iter().any(|column| column.is_hidden && !self.primary_key.contains(&column.number))
    }

    /// The numbers of the primary key's columns.
    pub(crate) fn primary_key_numbers(&self) -> Vec<u32> {
        self.primary_key.clone()
    }

    fn column_of(&self, number: u32) -> Result<&StoredColumn> {
        let found = self.columns.iter().find(|column| column.number == number);
        found.ok_or_else(|| Error::invalid(format!("the table has no column with the number {number}")))
    }

    /// Makes rows that are there already have `value` in the column.
    pub(crate) fn set_missing(&mut self, number: u32, value: &Value) -> Result<()> {
        let column = self.column_mut(number)?;
        column.missing = match fit(value.clone(), column.column_type)? {
            Value::Null => None,
            value => Some(bytes_of(&value)),
        };
        Ok(())
    }

    /// Forgets what old rows lack, for when all rows are written anew.
    pub(super) fn clear_missing(&mut self) {
        self.columns.iter_mut().for_each(|column| column.missing = None);
    }

    /// Removes the column; it must be in no key.
    pub(crate) fn drop_column(&mut self, number: u32) -> Result<()> {
        let is_used = self.primary_key.contains(&number)
            || self.indexes.iter().any(|index| index.columns.contains(&number) || index.condition == Some(number));
        if is_used {
            return Err(Error::invalid("a key or index needs the column; remove that first"));
        }
        self.column_mut(number)?;
        self.columns.retain(|column| column.number != number);
        Ok(())
    }

    /// Gives the column another name.
    pub(crate) fn rename_column(&mut self, number: u32, name: &str) -> Result<()> {
        check_name("column", name)?;
        self.check_column_is_new(name)?;
        name.clone_into(&mut self.column_mut(number)?.name);
        Ok(())
    }

    /// Whether the column refuses NULL; rows that are there are the caller's.
    pub(crate) fn set_not_null(&mut self, number: u32, not_null: bool) -> Result<()> {
        self.column_mut(number)?.not_null = not_null;
        Ok(())
    }

    /// Gives the column another default.
    pub(crate) fn set_default(&mut self, number: u32, default: Option<&ColumnDefault>) -> Result<()> {
        let column = self.column_mut(number)?;
        column.default = StoredDefault::define(default, column.column_type)?;
        Ok(())
    }

    /// Gives the column another type, without a default; the caller rewrites the rows.
    pub(crate) fn set_type(&mut self, number: u32, column_type: ColumnType) -> Result<()> {
        let column = self.column_mut(number)?;
        (column.column_type, column.default, column.missing) = (column_type, None, None);
        Ok(())
    }

    fn column_mut(&mut self, number: u32) -> Result<&mut StoredColumn> {
        let found = self.columns.iter_mut().find(|column| column.number == number);
        found.ok_or_else(|| Error::invalid(format!("the table has no column with the number {number}")))
    }

    /// Makes the columns the primary key; when rows are there the caller rewrites them.
    pub(crate) fn set_primary_key(&mut self, numbers: Vec<u32>, name: Option<String>) -> Result<()> {
        self.check_key(&numbers)?;
        self.primary_key = numbers;
        self.primary_key_name = name;
        Ok(())
    }

    /// Adds an index and returns its number; the caller fills it.
    pub(crate) fn add_index(&mut self, index: NewIndex) -> Result<u32> {
        check_name("index", &index.name)?;
        if self.indexes.iter().any(|known| known.name == index.name) {
            return Err(Error::already_exists(format!("the table has an index {:?}; choose another name", index.name)));
        }
        check_count("indexes", self.indexes.len() + 1, TABLE_INDEXES_MAX)?;
        self.check_key(&index.columns).map_err(|error| error.context(format_args!("index {:?}", index.name)))?;
        if let Some(condition) = index.condition
            && self.column_mut(condition)?.column_type != ColumnType::Bool
        {
            return Err(Error::invalid("the condition of an index is a column of type bool"));
        }
        let NewIndex { name, columns, unique, nulls_are_equal, condition } = index;
        self.indexes.push(StoredIndex { number: self.next_index, name, columns, unique, nulls_are_equal, condition });
        self.next_index += 1;
        Ok(self.next_index - 1)
    }

    /// The definition with one more index.
    pub(super) fn with_index(mut self, index: &Index) -> Result<Self> {
        let columns = self.key_columns(&index.columns);
        let columns = columns.map_err(|error| error.context(format_args!("index {:?}", index.name)))?;
        let (name, unique) = (index.name.clone(), index.unique);
        self.add_index(NewIndex { name, columns, unique, ..NewIndex::default() })?;
        Ok(self)
    }

    /// Removes the index `name`, and returns the number that it had.
    pub(crate) fn drop_index(&mut self, name: &str) -> Result<u32> {
        let position = self.indexes.iter().position(|index| index.name == name);
        let position = position.ok_or_else(|| Error::not_found(format!("the table has no index {name:?}")))?;
        Ok(self.indexes.remove(position).number)
    }

    /// Gives the index `name` another one.
    pub(crate) fn rename_index(&mut self, name: &str, to: &str) -> Result<()> {
        check_name("index", to)?;
        let index = self.indexes.iter_mut().find(|index| index.name == name);
        let index = index.ok_or_else(|| Error::not_found(format!("the table has no index {name:?}")))?;
        to.clone_into(&mut index.name);
        Ok(())
    }

    /// Gives all indexes new numbers, for when all rows are written anew; the numbers that they had.
    pub(super) fn renumber_indexes(&mut self) -> Vec<u32> {
        let mut old = Vec::new();
        for index in &mut self.indexes {
            old.push(index.number);
            index.number = self.next_index;
            self.next_index += 1;
        }
        old
    }

    /// What the layer above keeps with the table, and whether only it may write.
    pub(crate) fn set_extension(&mut self, extension: Vec<u8>, is_ruled: bool) {
        (self.extension, self.is_ruled) = (extension, is_ruled);
    }

    /// The numbers of the columns of a key.
    fn key_columns(&self, names: &[String]) -> Result<Vec<u32>> {
        let number = |name: &String| {
            let column = self.columns.iter().find(|column| !column.is_hidden && column.name == *name);
            column.map(|column| column.number).ok_or_else(|| Error::invalid(format!("there is no column {name:?}")))
        };
        let numbers = names.iter().map(number).collect::<Result<Vec<_>>>()?;
        self.check_key(&numbers)?;
        Ok(numbers)
    }

    fn check_key(&self, numbers: &[u32]) -> Result<()> {
        check_count("columns of a key", numbers.len(), TABLE_KEY_COLUMNS_MAX)?;
        if numbers.is_empty() {
            return Err(Error::invalid("there is no column; name at least one"));
        }
        let mut seen = HashSet::new();
        for number in numbers {
            let column = self.columns.iter().find(|column| column.number == *number);
            let column =
                column.ok_or_else(|| Error::invalid(format!("there is no column with the number {number}")))?;
            let name = &column.name;
            if !column.column_type.is_ordered() {
                return Err(Error::invalid(format!("column {name:?} is {}, which has no order", column.column_type)));
            }
            if !seen.insert(number) {
                return Err(Error::invalid(format!("column {name:?} is named twice")));
            }
        }
        Ok(())
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(TABLE_FORMAT, self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "the definition of a table";
        match bytes.first() {
            Some(&TABLE_FORMAT_PLAIN) => record::decode::<PlainLayout>(TABLE_FORMAT_PLAIN, bytes, WHAT).map(Into::into),
            _ => record::decode(TABLE_FORMAT, bytes, WHAT),
        }
    }
}

impl StoredDefault {
    fn define(default: Option<&ColumnDefault>, column_type: ColumnType) -> Result<Option<Self>> {
        let misplaced =
            |what| Err(Error::invalid(format!("{what} cannot be the default of a column of type {column_type}")));
        Ok(match default {
            None | Some(ColumnDefault::Value(Value::Null)) => None,
            Some(ColumnDefault::Value(value)) => {
                Some(StoredDefault::Value(bytes_of(&fit(value.clone(), column_type)?)))
            }
            Some(ColumnDefault::Now) if column_type.is_temporal() => Some(StoredDefault::Now),
            Some(ColumnDefault::RandomUuid) if column_type == ColumnType::Uuid => Some(StoredDefault::RandomUuid),
            Some(ColumnDefault::AutoIncrement) if column_type.is_integer() => Some(StoredDefault::AutoIncrement),
            Some(ColumnDefault::Now) => return misplaced("the time of the insert"),
            Some(ColumnDefault::RandomUuid) => return misplaced("a random UUID"),
            Some(ColumnDefault::AutoIncrement) => return misplaced("the next number"),
        })
    }
}

impl StoredColumn {
    fn define(number: u32, column: &Column, is_hidden: bool) -> Result<Self> {
        let column_type = column.column_type;
        let default = StoredDefault::define(column.default.as_ref(), column_type)?;
        let not_null = column.not_null || matches!(default, Some(StoredDefault::AutoIncrement));
        Ok(StoredColumn { number, name: column.name.clone(), column_type, not_null, default, is_hidden, missing: None })
    }

    pub(super) fn column(&self) -> Result<Column> {
        let default = match &self.default {
            None => None,
            Some(StoredDefault::Value(bytes)) => {
                Some(ColumnDefault::Value(value_encoding::read(bytes, self.column_type)?))
            }
            Some(StoredDefault::Now) => Some(ColumnDefault::Now),
            Some(StoredDefault::RandomUuid) => Some(ColumnDefault::RandomUuid),
            Some(StoredDefault::AutoIncrement) => Some(ColumnDefault::AutoIncrement),
        };
        Ok(Column { name: self.name.clone(), column_type: self.column_type, not_null: self.not_null, default })
    }

    pub(super) fn missing(&self) -> Result<Option<Value>> {
        self.missing.as_ref().map(|bytes| value_encoding::read(bytes, self.column_type)).transpose()
    }
}

fn bytes_of(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value_encoding::write(&mut bytes, value);
    bytes
}

fn check_count(what: &str, count: usize, max: usize) -> Result<()> {
    match count <= max {
        true => Ok(()),
        false => Err(Error::limit_exceeded(format!("{count} {what} are more than the {max} that a table may have"))),
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.len() > NAME_SIZE_BYTES_MAX {
        return Err(Error::limit_exceeded(format!(
            "the name of a {what} is {} bytes long, the limit is {NAME_SIZE_BYTES_MAX}; use a shorter one",
            name.len()
        )));
    }
    match name.is_empty() || name.chars().any(char::is_control) {
        true => {
            Err(Error::invalid(format!("{name:?} cannot name a {what}; use at least one character, none of control")))
        }
        false => Ok(()),
    }
}
