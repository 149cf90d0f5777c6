//! A table's definition as it is stored, by number, and as the code works with it, by position.
//!
//! ```text
//!   TableDefinition --define: checked--> StoredSchema --catalogue--> StoredSchema --open--> Schema
//!     by name                              by number                                          by position
//! ```
//!
//! Numbers of columns and indexes are never used twice in a table, so keys and rows of one that is gone are never read as
//! another's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::column_type::ColumnType;
use super::definition::{Column, ColumnDefault, Index, TableDefinition};
use super::fit::fit;
use super::value::Value;
use super::value_encoding;
use crate::catalog::ObjectId;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::limits::{NAME_SIZE_BYTES_MAX, TABLE_COLUMNS_MAX, TABLE_INDEXES_MAX, TABLE_KEY_COLUMNS_MAX};

/// Format of the definitions of tables.
const TABLE_FORMAT: u8 = 1;

/// The definition of a table in the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredSchema {
    columns: Vec<StoredColumn>,
    primary_key: Vec<u32>,
    indexes: Vec<StoredIndex>,
    next_column: u32,
    next_index: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredColumn {
    number: u32,
    name: String,
    column_type: ColumnType,
    not_null: bool,
    default: Option<StoredDefault>,
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
struct StoredIndex {
    number: u32,
    name: String,
    columns: Vec<u32>,
    unique: bool,
}

impl StoredSchema {
    /// The stored form of `definition`, if it makes sense.
    ///
    /// # Errors
    /// `Invalid` for what contradicts itself, `LimitExceeded` for too many or too long parts.
    pub(super) fn define(definition: &TableDefinition) -> Result<Self> {
        check_count("columns", definition.columns.len(), TABLE_COLUMNS_MAX)?;
        let mut names = HashSet::new();
        let mut schema = StoredSchema {
            columns: Vec::new(),
            primary_key: Vec::new(),
            indexes: Vec::new(),
            next_column: 1,
            next_index: 1,
        };
        for column in &definition.columns {
            check_name("column", &column.name)?;
            if !names.insert(&column.name) {
                return Err(Error::invalid(format!("there are two columns {:?}; name each once", column.name)));
            }
            let stored = StoredColumn::define(schema.next_column, column)
                .map_err(|error| error.context(format_args!("column {:?}", column.name)))?;
            schema.columns.push(stored);
            schema.next_column += 1;
        }
        schema.primary_key = schema
            .key_columns(&definition.primary_key)
            .map_err(|error| error.context("the primary key (a table has to have one)"))?;
        for index in &definition.indexes {
            schema = schema.with_index(index)?;
        }
        Ok(schema)
    }

    /// The definition with one more index.
    pub(super) fn with_index(mut self, index: &Index) -> Result<Self> {
        check_name("index", &index.name)?;
        if self.indexes.iter().any(|known| known.name == index.name) {
            return Err(Error::already_exists(format!("the table has an index {:?}; choose another name", index.name)));
        }
        check_count("indexes", self.indexes.len() + 1, TABLE_INDEXES_MAX)?;
        let columns = self.key_columns(&index.columns);
        let columns = columns.map_err(|error| error.context(format_args!("index {:?}", index.name)))?;
        self.indexes.push(StoredIndex {
            number: self.next_index,
            name: index.name.clone(),
            columns,
            unique: index.unique,
        });
        self.next_index += 1;
        Ok(self)
    }

    /// The definition without the index `name`, and the number that it had.
    pub(super) fn without_index(mut self, name: &str) -> Result<(Self, u32)> {
        let position = self.indexes.iter().position(|index| index.name == name);
        let position = position.ok_or_else(|| Error::not_found(format!("the table has no index {name:?}")))?;
        let number = self.indexes.remove(position).number;
        Ok((self, number))
    }

    /// The numbers of the columns of a key.
    fn key_columns(&self, names: &[String]) -> Result<Vec<u32>> {
        check_count("columns of a key", names.len(), TABLE_KEY_COLUMNS_MAX)?;
        if names.is_empty() {
            return Err(Error::invalid("there is no column; name at least one"));
        }
        let mut numbers = Vec::with_capacity(names.len());
        for name in names {
            let column = self.columns.iter().find(|column| column.name == *name);
            let column = column.ok_or_else(|| Error::invalid(format!("there is no column {name:?}")))?;
            if !column.column_type.is_ordered() {
                return Err(Error::invalid(format!("column {name:?} is {}, which has no order", column.column_type)));
            }
            if numbers.contains(&column.number) {
                return Err(Error::invalid(format!("column {name:?} is named twice")));
            }
            numbers.push(column.number);
        }
        Ok(numbers)
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(TABLE_FORMAT, self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        record::decode(TABLE_FORMAT, bytes, "the definition of a table")
    }
}

impl StoredColumn {
    fn define(number: u32, column: &Column) -> Result<Self> {
        let column_type = column.column_type;
        let misplaced =
            |what| Err(Error::invalid(format!("{what} cannot be the default of a column of type {column_type}")));
        let default = match &column.default {
            None | Some(ColumnDefault::Value(Value::Null)) => None,
            Some(ColumnDefault::Value(value)) => {
                let mut bytes = Vec::new();
                value_encoding::write(&mut bytes, &fit(value.clone(), column_type)?);
                Some(StoredDefault::Value(bytes))
            }
            Some(ColumnDefault::Now) if column_type.is_temporal() => Some(StoredDefault::Now),
            Some(ColumnDefault::RandomUuid) if column_type == ColumnType::Uuid => Some(StoredDefault::RandomUuid),
            Some(ColumnDefault::AutoIncrement) if column_type.is_integer() => Some(StoredDefault::AutoIncrement),
            Some(ColumnDefault::Now) => return misplaced("the time of the insert"),
            Some(ColumnDefault::RandomUuid) => return misplaced("a random UUID"),
            Some(ColumnDefault::AutoIncrement) => return misplaced("the next number"),
        };
        let not_null = column.not_null || matches!(default, Some(StoredDefault::AutoIncrement));
        Ok(StoredColumn { number, name: column.name.clone(), column_type, not_null, default })
    }

    fn column(&self) -> Result<Column> {
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
}

/// A table as the code works with it. Columns are known by their position.
#[derive(Debug)]
pub(super) struct Schema {
    pub(super) id: ObjectId,
    pub(super) name: Arc<str>,
    pub(super) columns: Vec<SchemaColumn>,
    pub(super) primary_key: Vec<usize>,
    pub(super) indexes: Vec<SchemaIndex>,
    pub(super) definition: Arc<TableDefinition>,
    positions: HashMap<Arc<str>, usize>,
    stored: StoredSchema,
}

#[derive(Debug)]
pub(super) struct SchemaColumn {
    pub(super) number: u32,
    pub(super) name: Arc<str>,
    pub(super) column_type: ColumnType,
    pub(super) not_null: bool,
    pub(super) default: Option<ColumnDefault>,
    /// Whether the value stands in the row: everything but what the key keeps exactly.
    pub(super) in_row: bool,
}

#[derive(Debug)]
pub(super) struct SchemaIndex {
    pub(super) number: u32,
    pub(super) name: String,
    pub(super) columns: Vec<usize>,
    pub(super) unique: bool,
}

impl Schema {
    /// The table `name` with the definition `stored`.
    ///
    /// # Errors
    /// `Corrupt` when the definition contradicts itself.
    pub(super) fn open(id: ObjectId, name: &str, stored: StoredSchema) -> Result<Self> {
        let position = |number: &u32| {
            let found = stored.columns.iter().position(|column| column.number == *number);
            found.ok_or_else(|| {
                Error::corrupt(format!("the definition of table {name:?} is damaged; restore from a backup"))
            })
        };
        let positions_of = |numbers: &[u32]| numbers.iter().map(position).collect::<Result<Vec<usize>>>();
        let primary_key = positions_of(&stored.primary_key)?;
        let indexes = stored.indexes.iter().map(|index| {
            let columns = positions_of(&index.columns)?;
            Ok(SchemaIndex { number: index.number, name: index.name.clone(), columns, unique: index.unique })
        });
        let indexes = indexes.collect::<Result<Vec<_>>>()?;
        let columns = stored.columns.iter().enumerate().map(|(position, column)| {
            let is_key = primary_key.contains(&position);
            Ok(SchemaColumn {
                number: column.number,
                name: column.name.as_str().into(),
                column_type: column.column_type,
                not_null: column.not_null || is_key,
                default: column.column()?.default,
                in_row: !is_key || !column.column_type.survives_keys(),
            })
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let positions = columns.iter().enumerate().map(|(position, column)| (column.name.clone(), position)).collect();
        let definition = Arc::new(definition_of(&stored, &columns, &primary_key, &indexes)?);
        Ok(Schema { id, name: name.into(), columns, primary_key, indexes, definition, positions, stored })
    }

    /// The stored form, to change it.
    pub(super) fn stored(&self) -> StoredSchema {
        self.stored.clone()
    }

    /// The position of the column `name`.
    pub(super) fn position(&self, name: &str) -> Result<usize> {
        self.positions
            .get(name)
            .copied()
            .ok_or_else(|| Error::invalid(format!("table {:?} has no column {name:?}; see its definition", self.name)))
    }

    pub(super) fn index(&self, name: &str) -> Result<&SchemaIndex> {
        self.indexes
            .iter()
            .find(|index| index.name == name)
            .ok_or_else(|| Error::not_found(format!("table {:?} has no index {name:?}; see its definition", self.name)))
    }

    /// The positions of the columns that get the next number.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &SchemaColumn)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.default == Some(ColumnDefault::AutoIncrement))
    }
}

fn definition_of(
    stored: &StoredSchema,
    columns: &[SchemaColumn],
    primary_key: &[usize],
    indexes: &[SchemaIndex],
) -> Result<TableDefinition> {
    let names = |positions: &[usize]| positions.iter().map(|position| columns[*position].name.to_string()).collect();
    let index =
        |index: &SchemaIndex| Index { name: index.name.clone(), columns: names(&index.columns), unique: index.unique };
    Ok(TableDefinition {
        columns: stored.columns.iter().map(StoredColumn::column).collect::<Result<_>>()?,
        primary_key: names(primary_key),
        indexes: indexes.iter().map(index).collect(),
    })
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
