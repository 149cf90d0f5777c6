//! Full-text search over tables and collections, at the same snapshot as everything else.
//!
//! ```text
//!   search().create("products_text", definition)      search().search("products_text", &SearchRequest::matching("shoes"))
//! ```

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connection::Scope;
use crate::error::Result;

/// A search; what is left out is as usual.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SearchRequest {
    /// What is searched for, as `/openapi.json` describes it; everything when null.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub query: Value,
    /// Hits to pass over.
    pub from: u64,
    /// Hits on the page; 10 when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// `{"field", "order"}` each; best first when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Value>,
    /// What to count over all hits, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<String, Value>,
    /// How to show what matched; not at all when `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub highlight: Option<Value>,
    /// Whether hits come with their documents.
    pub documents: bool,
}

impl SearchRequest {
    /// What matches `query`.
    pub fn new(query: Value) -> Self {
        SearchRequest { query, ..SearchRequest::default() }
    }

    /// Words of `text` in any text field.
    pub fn matching(text: &str) -> Self {
        SearchRequest::new(json!({"match": {"text": text}}))
    }

    /// The same, of that only what `query` matches as well; scores stay.
    #[must_use]
    pub fn filter(mut self, query: Value) -> Self {
        let must = if self.query.is_null() { json!({"all": {}}) } else { self.query };
        self.query = json!({"bool": {"must": [must], "filter": [query]}});
        self
    }

    /// The same, with this many hits on the page.
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// The same, with the documents of the hits.
    #[must_use]
    pub fn documents(mut self) -> Self {
        self.documents = true;
        self
    }

    /// The same, with the words that matched marked.
    #[must_use]
    pub fn highlighted(mut self) -> Self {
        self.highlight = Some(json!({}));
        self
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct SearchResponse {
    /// How many documents match, exactly.
    pub total: u64,
    /// The page of them that was asked for.
    pub hits: Vec<Hit>,
    /// The counts that were asked for.
    #[serde(default)]
    pub facets: BTreeMap<String, Vec<FacetCount>>,
    /// What to pass as `after` for the next page; `None` on the last one.
    pub next: Option<String>,
}

/// A document or row that matches.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Hit {
    /// Its key: a document's id, or a row's primary key (one value, or a list of several).
    pub key: Value,
    /// How well it matches.
    pub score: f32,
    /// The document itself, when asked for.
    pub document: Option<Value>,
    /// What matched, by field, when asked for.
    #[serde(default)]
    pub highlights: BTreeMap<String, Vec<String>>,
}

/// One count of a facet.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FacetCount {
    /// The value, or the range as it was asked for.
    pub value: Value,
    /// How many documents have it.
    pub count: u64,
}

/// The search indexes of a server, through a client or a transaction.
#[derive(Debug, Clone)]
pub struct Search {
    pub(crate) scope: Scope,
}

impl Search {
    /// Declares an index over a table or collection, as `/openapi.json` describes its definition. It finds what is there
    /// already.
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

    /// What the index is and how it stands, as `/openapi.json` describes it.
    ///
    /// # Errors
    /// `NotFound` without such an index.
    pub async fn info(&self, index: &str) -> Result<Value> {
        self.scope.call(Method::GET, &["v1", "search", index]).await
    }

    /// Removes the index; its source stays.
    ///
    /// # Errors
    /// `NotFound` without such an index.
    pub async fn drop(&self, index: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "search", index]).await.map(drop)
    }

    /// What matches, best first.
    ///
    /// # Errors
    /// `Invalid` when the request makes no sense for the index.
    pub async fn search(&self, index: &str, request: &SearchRequest) -> Result<SearchResponse> {
        self.scope.call_with(Method::POST, &["v1", "search", index, "query"], request).await
    }

    /// What matches, best first, asked and answered in plain JSON as `/openapi.json` describes it.
    ///
    /// # Errors
    /// `Invalid` when the request makes no sense for the index.
    pub async fn query(&self, index: &str, request: Value) -> Result<Value> {
        self.scope.call_with(Method::POST, &["v1", "search", index, "query"], &request).await
    }
}
