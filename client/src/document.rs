//! Documents: JSON objects in collections, found by filters.
//!
//! ```text
//!   documents().insert("products", document)   find("products", &Find { filter, .. })   update("products", id, change)
//! ```

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::connection::{Scope, decode};
use crate::error::Result;
use crate::table::to_value;

/// Which documents are wanted, and what of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Find {
    /// What they must match, such as `{"price": {"$lt": 20}}`; everything without one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub filter: Value,
    /// The fields wanted, such as `{"name": 1}`; all without one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub projection: Value,
    /// The order, such as `[{"price": -1}, {"name": 1}]`; no particular one without it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<Value>,
    /// Documents to pass over first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip: Option<u64>,
    /// Documents at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

impl Find {
    /// All documents that match `filter`.
    pub fn matching(filter: Value) -> Self {
        Find { filter, ..Find::default() }
    }
}

/// An index of a collection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DocumentIndex {
    /// The name within the collection.
    pub name: String,
    /// The paths of the fields, such as `address.city`.
    pub fields: Vec<String>,
    /// Whether two documents with equal values are refused.
    #[serde(default)]
    pub unique: bool,
}

/// A collection.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CollectionInfo {
    /// Its name.
    pub name: String,
    /// When it was created, in microseconds since 1970 in UTC.
    pub created_at: i64,
    /// Its indexes, in the order of their creation.
    pub indexes: Vec<DocumentIndex>,
}

/// The collections of a server, through a client or a transaction.
#[derive(Debug, Clone)]
pub struct Documents {
    pub(crate) scope: Scope,
}

impl Documents {
    /// Makes a collection.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken.
    pub async fn create(&self, collection: &str) -> Result<()> {
        let body = json!({ "name": collection });
        self.scope.call_with::<Value>(Method::POST, &["v1", "collections"], &body).await.map(drop)
    }

    /// The collection and its indexes.
    ///
    /// # Errors
    /// `NotFound` without such a collection.
    pub async fn info(&self, collection: &str) -> Result<CollectionInfo> {
        self.scope.call(Method::GET, &["v1", "collections", collection]).await
    }

    /// The names of all collections.
    ///
    /// # Errors
    /// Only those of the connection.
    pub async fn list(&self) -> Result<Vec<String>> {
        self.scope.call(Method::GET, &["v1", "collections"]).await
    }

    /// Removes the collection with its documents and indexes.
    ///
    /// # Errors
    /// `NotFound` without such a collection.
    pub async fn drop(&self, collection: &str) -> Result<()> {
        self.scope.call::<Value>(Method::DELETE, &["v1", "collections", collection]).await.map(drop)
    }

    /// Adds an index and fills it from the documents that are there.
    ///
    /// # Errors
    /// `Constraint` when it is unique and the documents are not.
    pub async fn create_index(&self, collection: &str, index: &DocumentIndex) -> Result<()> {
        let path = ["v1", "collections", collection, "indexes"];
        self.scope.call_with::<Value>(Method::POST, &path, index).await.map(drop)
    }

    /// Removes an index.
    ///
    /// # Errors
    /// `NotFound` without such an index.
    pub async fn drop_index(&self, collection: &str, index: &str) -> Result<()> {
        let path = ["v1", "collections", collection, "indexes", index];
        self.scope.call::<Value>(Method::DELETE, &path).await.map(drop)
    }

    /// Adds a document; its id, which is its `_id` if it has one.
    ///
    /// # Errors
    /// `AlreadyExists` when the id is there, `Constraint` when a unique index has its values.
    pub async fn insert(&self, collection: &str, document: impl Serialize) -> Result<String> {
        let ids = self.insert_many(collection, vec![to_value(document)?]).await?;
        ids.into_iter().next().ok_or_else(|| crate::Error::protocol("the server answered without the id"))
    }

    /// Adds documents, all or none; their ids.
    ///
    /// # Errors
    /// As for [`Documents::insert`].
    pub async fn insert_many(&self, collection: &str, documents: Vec<Value>) -> Result<Vec<String>> {
        let body = json!({ "documents": documents });
        self.scope.call_with(Method::POST, &["v1", "collections", collection, "documents"], &body).await
    }

    /// The document `id`, or `None`.
    ///
    /// # Errors
    /// `NotFound` without such a collection.
    pub async fn get(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        let answer = self.scope.call(Method::GET, &["v1", "collections", collection, "documents", id]).await;
        crate::error::found(answer)
    }

    /// Puts `document` in the place of the one with `id`, or adds it.
    ///
    /// # Errors
    /// `Constraint` when a unique index has its values.
    pub async fn replace(&self, collection: &str, id: &str, document: impl Serialize) -> Result<()> {
        let path = ["v1", "collections", collection, "documents", id];
        self.scope.call_with::<Value>(Method::PUT, &path, &to_value(document)?).await.map(drop)
    }

    /// Puts `document` in the place of the one with `id`.
    ///
    /// # Errors
    /// `NotFound` without such a document, `Constraint` when a unique index has its values.
    pub async fn replace_existing(&self, collection: &str, id: &str, document: impl Serialize) -> Result<()> {
        let path = ["v1", "collections", collection, "documents", id];
        let request = self.scope.request(Method::PUT, &path).query(&[("upsert", "false")]);
        self.scope.send(request.json(&to_value(document)?)).await.map(drop)
    }

    /// Changes the document `id` by operators; the document as it is then.
    ///
    /// There are `$set`, `$unset`, `$inc`, `$mul`, `$min`, `$max`, `$push` and `$addToSet` (one value, or several in
    /// `$each`), `$pull`, `$rename`.
    ///
    /// # Errors
    /// `NotFound` without such a document.
    pub async fn update(&self, collection: &str, id: &str, change: Value) -> Result<Value> {
        let path = ["v1", "collections", collection, "documents", id];
        self.scope.call_with(Method::PATCH, &path, &change).await
    }

    /// As [`Documents::update`], beginning with a document of nothing but `id` when there is none; `$setOnInsert` applies
    /// then.
    ///
    /// # Errors
    /// `Invalid` for an operator that does not fit, `Constraint` when a unique index has the values.
    pub async fn update_or_insert(&self, collection: &str, id: &str, change: Value) -> Result<Value> {
        let path = ["v1", "collections", collection, "documents", id];
        let request = self.scope.request(Method::PATCH, &path).query(&[("upsert", "true")]);
        decode(self.scope.send(request.json(&change)).await?).await
    }

    /// Changes every document that matches; how many did.
    ///
    /// # Errors
    /// `Invalid` for an operator that does not fit.
    pub async fn update_many(&self, collection: &str, filter: Value, change: Value) -> Result<u64> {
        let body = json!({ "filter": filter, "update": change });
        self.scope.call_with(Method::POST, &["v1", "collections", collection, "update"], &body).await
    }

    /// Removes the document `id`; whether it was there.
    ///
    /// # Errors
    /// `NotFound` without such a collection.
    pub async fn delete(&self, collection: &str, id: &str) -> Result<bool> {
        self.scope.call(Method::DELETE, &["v1", "collections", collection, "documents", id]).await
    }

    /// Removes every document that matches; how many did.
    ///
    /// # Errors
    /// `NotFound` without such a collection.
    pub async fn delete_many(&self, collection: &str, filter: Value) -> Result<u64> {
        let body = json!({ "filter": filter });
        self.scope.call_with(Method::POST, &["v1", "collections", collection, "delete"], &body).await
    }

    /// The documents that match.
    ///
    /// # Errors
    /// `Unsupported` for an operator that is not offered.
    pub async fn find(&self, collection: &str, find: &Find) -> Result<Vec<Value>> {
        self.scope.call_with(Method::POST, &["v1", "collections", collection, "find"], find).await
    }

    /// How many documents match.
    ///
    /// # Errors
    /// As for [`Documents::find`].
    pub async fn count(&self, collection: &str, filter: Value) -> Result<u64> {
        let find = Find::matching(filter);
        self.scope.call_with(Method::POST, &["v1", "collections", collection, "count"], &find).await
    }

    /// How a find would be answered: which index, which range.
    ///
    /// # Errors
    /// As for [`Documents::find`].
    pub async fn explain(&self, collection: &str, find: &Find) -> Result<Value> {
        self.scope.call_with(Method::POST, &["v1", "collections", collection, "explain"], find).await
    }
}
