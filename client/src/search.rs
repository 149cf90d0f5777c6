//! Full-text search over tables and collections, at the same snapshot as everything else.
//!
//! ```text
//!   search().create("products_text", definition)      search().query("products_text", query) --> hits, facets, total
//! ```

use reqwest::Method;
use serde_json::Value;

use crate::connection::Scope;
use crate::error::Result;

/// The search indexes of a server, through a client or a transaction.
#[derive(Debug, Clone)]
pub struct Search {
    pub(crate) scope: Scope,
}

impl Search {
    /// Declares an index, as `/openapi.json` describes its definition, and fills it from its source.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, `NotFound` without the source.
    pub async fn create(&self, index: &str, definition: Value) -> Result<()> {
        self.scope.call_with::<Value>(Method::PUT, &["v1", "search", index], &definition).await.map(drop)
    }

    /// The names of all indexes.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn list(&self) -> Result<Vec<String>> {
        self.scope.call(Method::GET, &["v1", "search"]).await
    }

    /// Removes the index; its source stays.
    ///
    /// # Errors
    /// `NotFound` without such an index.
    pub async fn drop(&self, index: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "search", index]).await.map(drop)
    }

    /// What matches, best first, as `/openapi.json` describes query and answer.
    ///
    /// # Errors
    /// `Invalid` when the query makes no sense for the index.
    pub async fn query(&self, index: &str, query: Value) -> Result<Value> {
        self.scope.call_with(Method::POST, &["v1", "search", index, "query"], &query).await
    }
}
