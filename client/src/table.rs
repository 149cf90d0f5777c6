//! Tables: typed rows under a primary key, with indexes.
//!
//! ```text
//!   tables().insert("orders", row)   get("orders", key)   scan("orders", &Scan)   ...
//! ```
//!
//! Rows are JSON objects by column name. What JSON has no type for is text: numeric, date, time, timestamps and uuid in
//! their usual form, bytea in base64; a float that is no number is `"NaN"`, `"Infinity"` or `"-Infinity"`. A key is one value, or an array of them for a compound primary key.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::connection::Scope;
use crate::error::{Error, ErrorKind, Result};

/// What a table looks like.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TableDefinition {
    /// The name, free among all models.
    pub name: String,
    /// The columns in order.
    pub columns: Vec<Column>,
    /// The names of the columns of the primary key, in order.
    pub primary_key: Vec<String>,
    /// The secondary indexes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
}

/// One column of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// The name within the table.
    pub name: String,
    /// The type: bool, int2, int4, int8, float4, float8, numeric, text, bytea, date, time, timestamp, timestamptz,
    /// uuid, jsonb, timetz or interval; with `[]` behind it, arrays of them.
    #[serde(rename = "type")]
    pub data_type: String,
    /// Whether null is refused.
    #[serde(default)]
    pub not_null: bool,
    /// What a row gets that does not name the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether a row that does not name the column gets the next number.
    #[serde(default)]
    pub auto_increment: bool,
}

impl Column {
    /// A column that may be null.
    pub fn new(name: impl Into<String>, data_type: impl Into<String>) -> Self {
        Column { name: name.into(), data_type: data_type.into(), ..Column::default() }
    }

    /// The same column, refusing null.
    #[must_use]
    pub fn not_null(mut self) -> Self {
        self.not_null = true;
        self
    }

    /// The same column, with `value` for rows that do not name it: a constant, `"now()"` for dates and times, or
    /// `"gen_random_uuid()"`.
    #[must_use]
    pub fn default_value(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self
    }

    /// The same column, numbered by the database.
    #[must_use]
    pub fn auto_increment(mut self) -> Self {
        self.auto_increment = true;
        self
    }
}

/// A secondary index of a table.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Index {
    /// The name within the table.
    pub name: String,
    /// The names of the columns that it orders rows by.
    pub columns: Vec<String>,
    /// Whether two rows with equal values are refused.
    #[serde(default)]
    pub unique: bool,
}

/// Which rows a scan gives, and in which order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Scan {
    /// The index to follow; the primary key without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// Values for the first columns of the index that all rows must equal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prefix: Vec<Value>,
    /// The lower end, included, of the columns after the prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Vec<Value>>,
    /// The lower end, not included; this or `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<Vec<Value>>,
    /// The upper end, not included, of the columns after the prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<Value>>,
    /// The upper end, included; this or `to`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Vec<Value>>,
    /// Whether to go from the upper end down.
    pub reverse: bool,
    /// Rows on one page at most; the server's choice without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Where the page before ended: its `next`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Some rows, and where the next page begins.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rows {
    /// The rows in order.
    pub rows: Vec<Map<String, Value>>,
    /// What to put into [`Scan::after`] for the page after this one; `None` at the end.
    pub next: Option<String>,
}

/// The tables of a server, through a client or a transaction.
///
/// ```no_run
/// # async fn example(client: marquetry_client::Client) -> marquetry_client::Result<()> {
/// use marquetry_client::{Column, Index, Scan, TableDefinition};
/// use serde_json::json;
///
/// let people = TableDefinition {
///     name: "people".into(),
///     columns: vec![Column::new("id", "int8").auto_increment(), Column::new("name", "text").not_null()],
///     primary_key: vec!["id".into()],
///     indexes: vec![Index { name: "by_name".into(), columns: vec!["name".into()], unique: false }],
/// };
/// client.tables().create(&people).await?;
/// let ada = client.tables().insert("people", json!({"name": "Ada"})).await?;
/// client.tables().update("people", ada["id"].clone(), json!({"name": "Ada Lovelace"})).await?;
/// let scan = Scan { index: Some("by_name".into()), from: Some(vec!["A".into()]), ..Scan::default() };
/// assert_eq!(client.tables().scan("people", &scan).await?.rows.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Tables {
    pub(crate) scope: Scope,
}

impl Tables {
    /// Makes a table.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when the name is taken, [`ErrorKind::Invalid`] when the definition makes no sense.
    pub async fn create(&self, definition: &TableDefinition) -> Result<()> {
        self.scope.call_with::<Value>(Method::POST, &["v1", "tables"], definition).await.map(drop)
    }

    /// The names of all tables.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn list(&self) -> Result<Vec<String>> {
        self.scope.call(Method::GET, &["v1", "tables"]).await
    }

    /// What the table looks like.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a table.
    pub async fn describe(&self, table: &str) -> Result<TableDefinition> {
        self.scope.call(Method::GET, &["v1", "tables", table]).await
    }

    /// Removes the table with its rows and indexes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a table.
    pub async fn drop(&self, table: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "tables", table]).await.map(drop)
    }

    /// Adds an index and fills it from the rows that are there.
    ///
    /// # Errors
    /// [`ErrorKind::Constraint`] when it is unique and the rows are not.
    pub async fn create_index(&self, table: &str, index: &Index) -> Result<()> {
        self.scope.call_with::<Value>(Method::POST, &["v1", "tables", table, "indexes"], index).await.map(drop)
    }

    /// Removes an index.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such an index.
    pub async fn drop_index(&self, table: &str, index: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "tables", table, "indexes", index]).await.map(drop)
    }

    /// Adds a row; the row as it is stored, with defaults and numbers filled in.
    ///
    /// # Errors
    /// [`ErrorKind::AlreadyExists`] when its primary key is there, [`ErrorKind::Constraint`] when it breaks a rule.
    pub async fn insert(&self, table: &str, row: impl Serialize) -> Result<Map<String, Value>> {
        self.write_rows(table, "insert", vec![to_value(row)?]).await?.pop().ok_or_else(no_row)
    }

    /// Adds rows, all or none; the rows as they are stored, in the same order.
    ///
    /// # Errors
    /// As for [`Tables::insert`].
    pub async fn insert_many(&self, table: &str, rows: Vec<Value>) -> Result<Vec<Map<String, Value>>> {
        self.write_rows(table, "insert", rows).await
    }

    /// Adds a row, or replaces the one with its primary key; the row as it is stored.
    ///
    /// # Errors
    /// [`ErrorKind::Constraint`] when it breaks a rule.
    pub async fn upsert(&self, table: &str, row: impl Serialize) -> Result<Map<String, Value>> {
        self.write_rows(table, "upsert", vec![to_value(row)?]).await?.pop().ok_or_else(no_row)
    }

    async fn write_rows(&self, table: &str, mode: &str, rows: Vec<Value>) -> Result<Vec<Map<String, Value>>> {
        let body = json!({ "rows": rows, "mode": mode });
        self.scope.call_with(Method::POST, &["v1", "tables", table, "rows"], &body).await
    }

    /// The row with the primary key `key`, or `None`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a table.
    pub async fn get(&self, table: &str, key: impl Into<Value>) -> Result<Option<Map<String, Value>>> {
        let body = json!({ "key": key_of(key.into()) });
        self.scope.call_with(Method::POST, &["v1", "tables", table, "get"], &body).await
    }

    /// Changes columns of the row with the primary key `key`; the row as it is stored then.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a row, [`ErrorKind::Constraint`] when it would break a rule.
    pub async fn update(&self, table: &str, key: impl Into<Value>, set: impl Serialize) -> Result<Map<String, Value>> {
        let body = json!({ "key": key_of(key.into()), "set": to_value(set)? });
        self.scope.call_with(Method::POST, &["v1", "tables", table, "update"], &body).await
    }

    /// Adds numbers to columns of the row with the primary key `key`, negative ones too; the row as it is stored then.
    ///
    /// # Errors
    /// As [`Tables::update`]; [`ErrorKind::Invalid`] when a column is no number or has no room for the sum.
    pub async fn add(&self, table: &str, key: impl Into<Value>, amounts: impl Serialize) -> Result<Map<String, Value>> {
        let body = json!({ "key": key_of(key.into()), "amounts": to_value(amounts)? });
        self.scope.call_with(Method::POST, &["v1", "tables", table, "add"], &body).await
    }

    /// Removes the row with the primary key `key`; whether it was there.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a table.
    pub async fn delete(&self, table: &str, key: impl Into<Value>) -> Result<bool> {
        let body = json!({ "key": key_of(key.into()) });
        self.scope.call_with(Method::POST, &["v1", "tables", table, "delete"], &body).await
    }

    /// One page of rows in the order of an index.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a table or index.
    pub async fn scan(&self, table: &str, scan: &Scan) -> Result<Rows> {
        self.scope.call_with(Method::POST, &["v1", "tables", table, "scan"], scan).await
    }

    /// How many rows `scan` goes over on all its pages, or up to its limit.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without such a table or index.
    pub async fn count(&self, table: &str, scan: &Scan) -> Result<u64> {
        self.scope.call_with(Method::POST, &["v1", "tables", table, "count"], scan).await
    }
}

fn key_of(key: Value) -> Value {
    if key.is_array() { key } else { Value::Array(vec![key]) }
}

pub(crate) fn to_value(value: impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|fault| Error::new(ErrorKind::Invalid, format!("it is not JSON: {fault}")))
}

fn no_row() -> Error {
    Error::protocol("the server answered without the row")
}
