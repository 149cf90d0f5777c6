//! What a table is, as its users write and read it: columns, primary key, indexes.
//!
//! ```text
//!   TableDefinition ---- columns      name, type, not null, default
//!                   |--- primary_key  names of columns
//!                   '--- indexes      name, names of columns, unique
//! ```
//!
//! Plain data, also as JSON. The form that is stored, with ids instead of names, is `schema`.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::column_type::ColumnType;
use super::json;
use super::value::Value;
use crate::error::{Error, Result};

/// The columns, primary key and indexes of a table.
///
/// ```
/// use marquetry::table::{Column, ColumnType, Index, TableDefinition};
///
/// let orders = TableDefinition::new()
///     .column(Column::new("id", ColumnType::Int8).auto_increment())
///     .column(Column::new("customer", ColumnType::Text).not_null())
///     .column(Column::new("placed_at", ColumnType::TimestampTz).default_now())
///     .primary_key(["id"])
///     .index(Index::new("orders_by_customer", ["customer", "placed_at"]));
/// assert_eq!(orders.columns.len(), 3);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableDefinition {
    /// The columns, in the order in which rows list them.
    pub columns: Vec<Column>,
    /// The names of the columns that tell rows apart; at least one. They are never NULL.
    pub primary_key: Vec<String>,
    /// The indexes besides the primary key.
    #[serde(default)]
    pub indexes: Vec<Index>,
}

/// One column of a table.
///
/// As JSON: `{"name": "id", "type": "int8", "not_null": true, "auto_increment": true}`, or with `"default"`: a constant as rows
/// have it in JSON, `"now()"` for dates and times, `"gen_random_uuid()"` for UUIDs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ColumnForm", into = "ColumnForm")]
pub struct Column {
    /// The name, unique in the table.
    pub name: String,
    /// The type of the values.
    pub column_type: ColumnType,
    /// Whether NULL is refused. Columns of the primary key refuse it anyway.
    pub not_null: bool,
    /// What an inserted row without this column gets; without a default, NULL.
    pub default: Option<ColumnDefault>,
}

/// A column as JSON has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnForm {
    name: String,
    #[serde(rename = "type")]
    column_type: ColumnType,
    #[serde(default)]
    not_null: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<Json>,
    #[serde(default)]
    auto_increment: bool,
}

const NOW: &str = "now()";
const RANDOM_UUID: &str = "gen_random_uuid()";

impl TryFrom<ColumnForm> for Column {
    type Error = Error;

    fn try_from(form: ColumnForm) -> Result<Self> {
        let default = match form.default {
            Some(_) if form.auto_increment => {
                return Err(Error::invalid(format!(
                    "column {:?} has a default and auto_increment; choose one",
                    form.name
                )));
            }
            None if form.auto_increment => Some(ColumnDefault::AutoIncrement),
            None => None,
            Some(default) if default == NOW && form.column_type.is_temporal() => Some(ColumnDefault::Now),
            Some(default) if default == RANDOM_UUID && form.column_type == ColumnType::Uuid => {
                Some(ColumnDefault::RandomUuid)
            }
            Some(constant) => {
                let value = json::value_from_json(&constant, form.column_type);
                Some(ColumnDefault::Value(
                    value.map_err(|error| error.context(format_args!("the default of column {:?}", form.name)))?,
                ))
            }
        };
        Ok(Column { name: form.name, column_type: form.column_type, not_null: form.not_null, default })
    }
}

impl From<Column> for ColumnForm {
    fn from(column: Column) -> Self {
        let default = match &column.default {
            Some(ColumnDefault::Value(value)) => Some(json::value_to_json(value)),
            Some(ColumnDefault::Now) => Some(NOW.into()),
            Some(ColumnDefault::RandomUuid) => Some(RANDOM_UUID.into()),
            Some(ColumnDefault::AutoIncrement) | None => None,
        };
        ColumnForm {
            auto_increment: column.default == Some(ColumnDefault::AutoIncrement),
            name: column.name,
            column_type: column.column_type,
            not_null: column.not_null,
            default,
        }
    }
}

/// What an inserted row gets in a column that it does not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnDefault {
    /// Always this value.
    Value(Value),
    /// The time of the insert; for dates, times and timestamps.
    Now,
    /// A random UUID (version 4); for UUIDs.
    RandomUuid,
    /// The next number, from 1 on, never handed out twice; numbers may be skipped. For whole numbers.
    AutoIncrement,
}

/// An ordered index over columns of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// The name, unique in the table.
    pub name: String,
    /// The names of the columns, the first one ordering first.
    pub columns: Vec<String>,
    /// Whether two rows may not have equal values in all columns. NULL equals nothing here.
    #[serde(default)]
    pub unique: bool,
}

impl TableDefinition {
    /// A table without columns yet.
    pub fn new() -> Self {
        TableDefinition::default()
    }

    /// The definition with one more column.
    #[must_use]
    pub fn column(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// The definition with these columns as its primary key.
    #[must_use]
    pub fn primary_key<N: Into<String>>(mut self, columns: impl IntoIterator<Item = N>) -> Self {
        self.primary_key = columns.into_iter().map(Into::into).collect();
        self
    }

    /// The definition with one more index.
    #[must_use]
    pub fn index(mut self, index: Index) -> Self {
        self.indexes.push(index);
        self
    }
}

impl Column {
    /// A column that may be NULL and has no default.
    pub fn new(name: impl Into<String>, column_type: ColumnType) -> Self {
        Column { name: name.into(), column_type, not_null: false, default: None }
    }

    /// The column, refusing NULL.
    #[must_use]
    pub fn not_null(self) -> Self {
        Column { not_null: true, ..self }
    }

    /// The column with a value for rows that do not name it.
    #[must_use]
    pub fn default_value(self, value: impl Into<Value>) -> Self {
        Column { default: Some(ColumnDefault::Value(value.into())), ..self }
    }

    /// The column with the time of the insert for rows that do not name it.
    #[must_use]
    pub fn default_now(self) -> Self {
        Column { default: Some(ColumnDefault::Now), ..self }
    }

    /// The column with a random UUID for rows that do not name it.
    #[must_use]
    pub fn random_uuid(self) -> Self {
        Column { default: Some(ColumnDefault::RandomUuid), ..self }
    }

    /// The column, refusing NULL, with the next number for rows that do not name it.
    #[must_use]
    pub fn auto_increment(self) -> Self {
        Column { not_null: true, default: Some(ColumnDefault::AutoIncrement), ..self }
    }
}

impl Index {
    /// An index that allows equal rows.
    pub fn new<N: Into<String>>(name: impl Into<String>, columns: impl IntoIterator<Item = N>) -> Self {
        Index { name: name.into(), columns: columns.into_iter().map(Into::into).collect(), unique: false }
    }

    /// An index that refuses equal rows.
    pub fn unique<N: Into<String>>(name: impl Into<String>, columns: impl IntoIterator<Item = N>) -> Self {
        Index { unique: true, ..Index::new(name, columns) }
    }
}
