//! SQL: statements in one request, and their rows as JSON values or as types of the caller.
//!
//! ```text
//!   Sql --> POST /v1/sql --> one SqlAnswer per statement: columns, rows, how many rows were changed
//! ```

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::connection::Scope;
use crate::error::{Error, Result};

/// SQL on the server. Each request is a transaction of its own.
///
/// ```no_run
/// # async fn example(client: marquetry_client::Client) -> marquetry_client::Result<()> {
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize)]
/// struct Product {
///     id: i64,
///     name: String,
/// }
///
/// let answer = client.sql().query("SELECT id, name FROM products WHERE price < $1", &json!([20])).await?;
/// let products: Vec<Product> = answer.rows_as()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sql {
    pub(crate) scope: Scope,
}

/// What one statement answered.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SqlAnswer {
    /// What was done, such as `SELECT` or `CREATE TABLE`.
    pub command: String,
    /// How many rows the statement changed, when it is one that changes rows.
    #[serde(default)]
    pub rows_affected: Option<u64>,
    /// The columns of the rows.
    #[serde(default)]
    pub columns: Vec<SqlColumn>,
    /// The rows: one value for each column. Numbers that JSON may round, such as numeric, are text.
    #[serde(default)]
    pub rows: Vec<Vec<Value>>,
}

/// A column of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SqlColumn {
    /// The name.
    pub name: String,
    /// The type, as PostgreSQL calls it: `integer`, `text[]`.
    #[serde(rename = "type")]
    pub data_type: String,
}

impl SqlAnswer {
    /// The rows as values of `T`: structs whose fields are called as the columns, or tuples in their order.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) when a row is no `T`.
    pub fn rows_as<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let named = |row: &Vec<Value>| {
            let names = self.columns.iter().map(|column| column.name.clone());
            Value::Object(names.zip(row.iter().cloned()).collect::<Map<_, _>>())
        };
        let read = |row: &Vec<Value>| {
            let by_name = serde_json::from_value(named(row));
            by_name.or_else(|fault| serde_json::from_value(Value::Array(row.clone())).map_err(|_| fault))
        };
        let rows = self.rows.iter().map(read).collect::<Result<_, _>>();
        rows.map_err(|fault| Error::new(crate::ErrorKind::Invalid, format!("a row is not of that type: {fault}")))
    }
}

#[derive(Serialize)]
struct Request<'a> {
    sql: &'a str,
    parameters: &'a Value,
}

#[derive(Deserialize)]
struct Answers {
    results: Vec<SqlAnswer>,
}

impl Sql {
    /// What the one statement `sql` answers, with the members of the array `parameters` as `$1`, `$2` and so on.
    ///
    /// # Errors
    /// Those of the statement; [`Error::sqlstate`] tells its condition.
    pub async fn query(&self, sql: &str, parameters: &Value) -> Result<SqlAnswer> {
        let mut answers = self.send(&Request { sql, parameters }).await?;
        match (answers.pop(), answers.is_empty()) {
            (Some(answer), true) => Ok(answer),
            _ => Err(Error::new(crate::ErrorKind::Invalid, "give exactly one statement, or use `run` for several")),
        }
    }

    /// What the statements of `sql` answer, which are one transaction.
    ///
    /// # Errors
    /// Those of the statements; then nothing of them is kept.
    pub async fn run(&self, sql: &str) -> Result<Vec<SqlAnswer>> {
        self.send(&Request { sql, parameters: &Value::Array(Vec::new()) }).await
    }

    async fn send(&self, request: &Request<'_>) -> Result<Vec<SqlAnswer>> {
        let answers: Answers = self.scope.call_with(Method::POST, &["v1", "sql"], request).await?;
        Ok(answers.results)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Person {
        id: i64,
        name: Option<String>,
    }

    #[test]
    fn rows_are_read_by_name_or_by_place() {
        let answer: SqlAnswer = serde_json::from_value(json!({
            "command": "SELECT", "rows_affected": null,
            "columns": [{"name": "name", "type": "text"}, {"name": "id", "type": "bigint"}],
            "rows": [["Ada", 1], [null, 2]],
        }))
        .unwrap();
        let people: Vec<Person> = answer.rows_as().unwrap();
        assert_eq!(people, [Person { id: 1, name: Some("Ada".into()) }, Person { id: 2, name: None }]);
        let pairs: Vec<(Option<String>, i64)> = answer.rows_as().unwrap();
        assert_eq!(pairs[1], (None, 2));
        assert!(answer.rows_as::<(String, i64)>().is_err());
    }
}
