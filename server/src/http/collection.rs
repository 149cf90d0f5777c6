//! Collections of documents and their indexes. What is in them is in [`super::document`].
//!
//! ```text
//!   /v1/collections                                    list, make
//!   /v1/collections/{collection}                       describe, drop
//!   /v1/collections/{collection}/indexes[/{index}]     add, remove
//! ```

use axum::response::Response;
use marquetry::document::DocumentIndex;
use marquetry::{ObjectKind, Result, Transaction};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::catalog::names;
use super::error::Outcome;
use super::extract::{Json, Segments};
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Read, View, Write, answer};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/v1/collections", "The names of all collections", list),
        Route::post("/v1/collections", "Make a collection", create).json::<CreateCollection>().success(201),
        Route::get("/v1/collections/{collection}", "A collection and its indexes", info),
        Route::delete("/v1/collections/{collection}", "Drop a collection with its documents", drop_collection),
        Route::post("/v1/collections/{collection}/indexes", "Add an index and fill it", create_index)
            .json::<IndexBody>()
            .success(201),
        Route::delete("/v1/collections/{collection}/indexes/{index}", "Remove an index", drop_index),
    ]
}

/// The names of all collections.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionList)]
pub(super) struct ListCollections {}

impl Read for ListCollections {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        names(view, ObjectKind::Collection)
    }
}

/// Makes a collection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionCreate)]
pub(super) struct CreateCollection {
    name: String,
}

impl Write for CreateCollection {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().create_collection(&self.name)?;
        Ok(json!({ "name": self.name }))
    }
}

/// A collection and its indexes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionInfo)]
pub(super) struct Info {
    collection: String,
}

impl Read for Info {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.documents().collection(&self.collection)?)
    }
}

/// Drops a collection with its documents and indexes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionDrop)]
pub(super) struct DropCollection {
    collection: String,
}

impl Write for DropCollection {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().drop_collection(&self.collection)?;
        Ok(Value::Null)
    }
}

/// Adds an index and fills it from the documents that are there.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionCreateIndex)]
pub(super) struct CreateIndex {
    collection: String,
    index: IndexBody,
}

/// An index of a collection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionIndex)]
struct IndexBody {
    name: String,
    /// The paths of the fields that it orders documents by, such as address.city.
    fields: Vec<String>,
    /// Whether two documents with equal values are refused; what is missing counts as null.
    #[serde(default)]
    unique: bool,
}

impl Write for CreateIndex {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        let IndexBody { name, fields, unique } = &self.index;
        let index = DocumentIndex { name: name.clone(), fields: fields.clone(), unique: *unique };
        transaction.documents().create_index(&self.collection, &index)?;
        Ok(json!({ "name": name }))
    }
}

/// Removes an index.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CollectionDropIndex)]
pub(super) struct DropIndex {
    collection: String,
    index: String,
}

impl Write for DropIndex {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.documents().drop_index(&self.collection, &self.index)?;
        Ok(Value::Null)
    }
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(ListCollections {}).await
}

async fn create(session: Session, Json(body): Json<CreateCollection>) -> Outcome<Response> {
    Ok(session.write(body).await?.created())
}

async fn info(session: Session, Segments([collection]): Segments<1>) -> Outcome<Seen<Value>> {
    session.read(Info { collection }).await
}

async fn drop_collection(session: Session, Segments([collection]): Segments<1>) -> Outcome<Seen<Value>> {
    session.write(DropCollection { collection }).await
}

async fn create_index(
    session: Session,
    Segments([collection]): Segments<1>,
    Json(index): Json<IndexBody>,
) -> Outcome<Response> {
    Ok(session.write(CreateIndex { collection, index }).await?.created())
}

async fn drop_index(session: Session, Segments([collection, index]): Segments<2>) -> Outcome<Seen<Value>> {
    session.write(DropIndex { collection, index }).await
}
