//! Documents in collections, by id and by filter.
//!
//! ```text
//!   /v1/collections/{collection}/documents          insert one or many
//!   /v1/collections/{collection}/documents/{id}     get, replace, update, delete
//!   /v1/collections/{collection}/find count explain update delete      by filter
//! ```
//!
//! Collections themselves and their indexes are in [`super::collection`].

use axum::response::Response;
use marquetry::document::Find;
use marquetry::{Error, Result, Transaction};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::error::{Outcome, Problem};
use super::extract::{Json, Query, Segments};
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Read, View, Write, answer};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/collections/{collection}/documents", "Insert documents, all or none; their ids", insert_many)
            .json::<DocumentsBody>()
            .batch_sized()
            .success(201),
        Route::get("/v1/collections/{collection}/documents/{id}", "A document", get),
        Route::put("/v1/collections/{collection}/documents/{id}", "Replace a document, or insert it", replace)
            .json::<DocumentBody>()
            .query::<ReplaceQuery>()
            .batch_sized(),
        Route::patch("/v1/collections/{collection}/documents/{id}", "Change a document by operators", update)
            .json::<UpdateBody>()
            .query::<UpdateQuery>()
            .batch_sized(),
        Route::delete("/v1/collections/{collection}/documents/{id}", "Delete a document; whether it was there", delete),
        Route::post("/v1/collections/{collection}/find", "The documents that match", find).json::<FindBody>(),
        Route::post("/v1/collections/{collection}/count", "How many documents match", count).json::<CountBody>(),
        Route::post("/v1/collections/{collection}/explain", "How a find is answered", explain).json::<FindBody>(),
        Route::post("/v1/collections/{collection}/update", "Change all that match; how many did", update_many)
            .json::<UpdateManyBody>(),
        Route::post("/v1/collections/{collection}/delete", "Delete all that match; how many did", delete_many)
            .json::<FilterBody>(),
    ]
}

/// Inserts a document; its id.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentInsert)]
pub(super) struct Insert {
    collection: String,
    /// A JSON object; its `_id` is a string, and made when it is missing.
    #[schema(value_type = Object)]
    document: Value,
}

impl Write for Insert {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().insert(&self.collection, self.document.clone()).map(Value::from)
    }
}

/// Inserts documents, all or none; their ids.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentInsertMany)]
pub(super) struct InsertMany {
    collection: String,
    #[schema(value_type = Vec<Object>)]
    documents: Vec<Value>,
}

impl Write for InsertMany {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().insert_many(&self.collection, self.documents.clone()).map(Value::from)
    }
}

/// A document, or null.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentGet)]
pub(super) struct Get {
    collection: String,
    id: String,
}

impl Read for Get {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        Ok(view.documents().get(&self.collection, &self.id)?.unwrap_or_default())
    }
}

/// Replaces a document, or inserts it; whether there was one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentReplace)]
pub(super) struct Replace {
    collection: String,
    id: String,
    #[schema(value_type = Object)]
    document: Value,
    /// Whether to insert it when there is none; otherwise that is an error.
    #[serde(default = "yes")]
    upsert: bool,
}

fn yes() -> bool {
    true
}

impl Write for Replace {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let documents = transaction.documents();
        let document = self.document.clone();
        match self.upsert {
            true => documents.put(&self.collection, &self.id, document).map(Value::from),
            false => match documents.replace(&self.collection, &self.id, document)? {
                true => Ok(true.into()),
                false => Err(absent(&self.collection, &self.id)),
            },
        }
    }
}

/// Changes a document by operators; the document as it is then.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentUpdate)]
pub(super) struct Update {
    collection: String,
    id: String,
    /// Operators, such as {"$set": {"price": 20}}.
    #[schema(value_type = Object)]
    update: Value,
    /// Whether to begin with an empty document when there is none; otherwise that is an error.
    #[serde(default)]
    upsert: bool,
}

impl Write for Update {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let documents = transaction.documents();
        match self.upsert {
            true => documents.update_or_insert(&self.collection, &self.id, &self.update),
            false => documents
                .update(&self.collection, &self.id, &self.update)?
                .ok_or_else(|| absent(&self.collection, &self.id)),
        }
    }
}

fn absent(collection: &str, id: &str) -> Error {
    Error::not_found(format!("there is no document {id:?} in collection {collection:?}"))
}

/// Changes all documents that match; how many did.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentUpdateMany)]
pub(super) struct UpdateMany {
    collection: String,
    /// Which documents; all when it is empty.
    #[schema(value_type = Object)]
    filter: Value,
    /// Operators, such as {"$set": {"price": 20}}.
    #[schema(value_type = Object)]
    update: Value,
}

impl Write for UpdateMany {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        Ok(transaction.documents().update_many(&self.collection, &self.filter, &self.update)?.matched.into())
    }
}

/// Deletes a document; whether it was there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentDelete)]
pub(super) struct Delete {
    collection: String,
    id: String,
}

impl Write for Delete {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().delete(&self.collection, &self.id).map(Value::from)
    }
}

/// Deletes all documents that match; how many did.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentDeleteMany)]
pub(super) struct DeleteMany {
    collection: String,
    /// Which documents; all when it is empty.
    #[schema(value_type = Object)]
    filter: Value,
}

impl Write for DeleteMany {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().delete_many(&self.collection, &self.filter).map(Value::from)
    }
}

/// The documents that match.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentFind)]
pub(super) struct FindDocuments {
    collection: String,
    /// Which documents, in which order, and what of them; all without it.
    #[serde(default)]
    find: FindBody,
}

/// Which documents are wanted, in which order, and what of them.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentQuery)]
struct FindBody {
    /// What they must match, such as {"price": {"$lt": 20}}; everything without one.
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: Value,
    /// The fields wanted, such as {"name": 1}, or not wanted, such as {"notes": 0}; all without one.
    #[serde(default)]
    #[schema(value_type = Object)]
    projection: Value,
    /// The order, such as [{"price": -1}, {"name": 1}]; no particular one without.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    sort: Vec<Value>,
    /// Documents to pass over first.
    skip: Option<u64>,
    /// Documents at most.
    limit: Option<u64>,
}

impl FindBody {
    fn parts(&self) -> Find {
        Find {
            filter: self.filter.clone(),
            projection: self.projection.clone(),
            sort: self.sort.clone(),
            skip: self.skip.unwrap_or_default(),
            limit: self.limit,
        }
    }
}

impl Read for FindDocuments {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        view.documents().find(&self.collection, &self.find.parts()).map(Value::from)
    }
}

/// How a find is answered: which indexes, within which bounds, and how much was read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentExplain)]
pub(super) struct Explain {
    collection: String,
    /// As for `document.find`.
    #[serde(default)]
    find: FindBody,
}

impl Read for Explain {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.documents().explain(&self.collection, &self.find.parts())?)
    }
}

/// How many documents match.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DocumentCount)]
pub(super) struct Count {
    collection: String,
    /// Which documents; all without one.
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: Value,
}

impl Read for Count {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        view.documents().count(&self.collection, &self.filter).map(Value::from)
    }
}

/// Documents to insert.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DocumentsBody {
    /// JSON objects; an `_id` is a string, and made where it is missing.
    #[schema(value_type = Vec<Object>)]
    documents: Vec<Value>,
}

async fn insert_many(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(body): Json<DocumentsBody>,
) -> Outcome<Response> {
    Ok(session.write(InsertMany { collection, documents: body.documents }).await?.created())
}

async fn get(session: Session, Segments([collection, id]): Segments<2>) -> Outcome<Seen<Value>> {
    let found = session.read(Get { collection: collection.clone(), id: id.clone() }).await?;
    match found.value.is_null() {
        true => Err(Problem::from(absent(&collection, &id))),
        false => Ok(found),
    }
}

/// A whole document.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
struct DocumentBody(Value);

/// What to do when there is no document.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct ReplaceQuery {
    /// Whether to insert it when there is none; true without it.
    #[serde(default = "yes")]
    upsert: bool,
}

async fn replace(
    session: Session,
    Segments([collection, id]): Segments<2>,
    Query(query): Query<ReplaceQuery>,
    Json(DocumentBody(document)): Json<DocumentBody>,
) -> Outcome<Seen<Value>> {
    session.write(Replace { collection, id, document, upsert: query.upsert }).await
}

/// Operators, such as {"$set": {"price": 20}}.
#[derive(Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
struct UpdateBody(Value);

/// What to do when there is no document.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct UpdateQuery {
    /// Whether to begin with an empty document when there is none; false without it.
    #[serde(default)]
    upsert: bool,
}

async fn update(
    session: Session,
    Segments([collection, id]): Segments<2>,
    Query(query): Query<UpdateQuery>,
    Json(UpdateBody(update)): Json<UpdateBody>,
) -> Outcome<Seen<Value>> {
    session.write(Update { collection, id, update, upsert: query.upsert }).await
}

async fn delete(session: Session, Segments([collection, id]): Segments<2>) -> Outcome<Seen<Value>> {
    session.write(Delete { collection, id }).await
}

async fn find(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(find): Json<FindBody>,
) -> Outcome<Seen<Value>> {
    session.read(FindDocuments { collection, find }).await
}

async fn explain(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(find): Json<FindBody>,
) -> Outcome<Seen<Value>> {
    session.read(Explain { collection, find }).await
}

/// Which documents.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct FilterBody {
    /// Which documents, such as {"price": {"$lt": 20}}; all when it is empty.
    #[schema(value_type = Object)]
    filter: Value,
}

/// Which documents to count.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CountBody {
    /// Which documents, such as {"price": {"$lt": 20}}; all without one.
    #[serde(default)]
    #[schema(value_type = Object)]
    filter: Value,
}

async fn count(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(body): Json<CountBody>,
) -> Outcome<Seen<Value>> {
    session.read(Count { collection, filter: body.filter }).await
}

async fn delete_many(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(body): Json<FilterBody>,
) -> Outcome<Seen<Value>> {
    session.write(DeleteMany { collection, filter: body.filter }).await
}

/// Which documents to change, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct UpdateManyBody {
    /// Which documents, such as {"price": {"$lt": 20}}; all when it is empty.
    #[schema(value_type = Object)]
    filter: Value,
    /// Operators, such as {"$set": {"price": 20}}.
    #[schema(value_type = Object)]
    update: Value,
}

async fn update_many(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(UpdateManyBody { filter, update }): Json<UpdateManyBody>,
) -> Outcome<Seen<Value>> {
    session.write(UpdateMany { collection, filter, update }).await
}
