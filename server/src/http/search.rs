//! Search indexes, and searching them.
//!
//! ```text
//!   /v1/search                  list
//!   /v1/search/{index}          make, describe, drop
//!   /v1/search/{index}/query    search
//! ```

use axum::response::Response;
use marquetry::search::{IndexDefinition, SearchRequest};
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
        Route::get("/v1/search", "The names of all search indexes", list),
        Route::put("/v1/search/{index}", "Make a search index over a table or collection", create)
            .json::<DefinitionBody>()
            .success(201),
        Route::get("/v1/search/{index}", "What a search index is and how it stands", describe),
        Route::delete("/v1/search/{index}", "Drop a search index; its source stays", drop_index),
        Route::post("/v1/search/{index}/query", "What matches, best first", query).json::<QueryBody>(),
    ]
}

/// The names of all search indexes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchList)]
pub(super) struct ListIndexes {}

impl Read for ListIndexes {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        names(view, ObjectKind::SearchIndex)
    }
}

/// Makes a search index over a table or collection. It finds what is there already.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchCreate)]
pub(super) struct CreateIndex {
    index: String,
    /// As the body of `PUT /v1/search/{index}`.
    #[schema(value_type = DefinitionBody)]
    definition: IndexDefinition,
}

/// What a search index takes from its source.
#[derive(ToSchema)]
#[schema(as = SearchDefinition)]
#[allow(dead_code, reason = "only its schema is used")]
struct DefinitionBody {
    /// The table or collection.
    source: String,
    /// By name: `type` (text, keyword, integer, float, date or bool), and when needed `path` (such as `maker.brand`; the
    /// name itself when left out), `language` of a text (such as english) and `weight` of its matches (1).
    #[schema(value_type = Object)]
    fields: Value,
}

impl Write for CreateIndex {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.search().create_index(&self.index, &self.definition)?;
        Ok(json!({ "name": self.index }))
    }
}

/// Drops a search index; its source stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchDrop)]
pub(super) struct DropIndex {
    index: String,
}

impl Write for DropIndex {
    fn write(&self, transaction: &Transaction) -> Result<Value> {
        transaction.search().drop_index(&self.index)?;
        Ok(Value::Null)
    }
}

/// What a search index is and how it stands.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchInfo)]
pub(super) struct Info {
    index: String,
}

impl Read for Info {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.search().index(&self.index)?)
    }
}

/// What matches, best first: everything committed, and in a transaction its own changes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SearchQuery)]
pub(super) struct Query {
    index: String,
    /// As the body of `POST /v1/search/{index}/query`.
    #[serde(default)]
    #[schema(value_type = QueryBody)]
    request: Box<SearchRequest>,
}

/// A search; what is left out is as usual.
#[derive(ToSchema)]
#[schema(as = SearchRequest)]
#[allow(dead_code, reason = "only its schema is used")]
struct QueryBody {
    /// One of `{"all": {}}`, `{"match": {"text", "fields", "operator", "distance"}}`,
    /// `{"phrase": {"field", "text", "slop"}}`, `{"prefix": {"field", "value"}}`,
    /// `{"fuzzy": {"field", "value", "distance"}}`, `{"term": {"field", "value"}}`, `{"terms": {"field", "values"}}`,
    /// `{"range": {"field", "gt", "gte", "lt", "lte"}}`, `{"exists": {"field"}}`, `{"ids": {"values"}}`,
    /// `{"bool": {"must", "should", "must_not", "filter"}}` and `{"boost": {"query", "by"}}`. Everything when left out.
    #[schema(value_type = Option<Object>)]
    query: Option<Value>,
    /// Hits to pass over; 0 when left out.
    from: Option<u64>,
    /// Hits on the page; 10 when left out.
    size: Option<u64>,
    /// The `next` of the page before.
    after: Option<String>,
    /// `{"field", "order"}` each; best first when left out. The field `_score` is the score.
    #[schema(value_type = Vec<Object>)]
    sort: Value,
    /// By name: `{"field", "size"}` counts values, `{"field", "ranges": [{"from", "to"}]}` ranges.
    #[schema(value_type = Object)]
    facets: Value,
    /// `fields`, `before`, `after`, `length`, `fragments` and `escape`; nothing is shown when left out.
    #[schema(value_type = Option<Object>)]
    highlight: Option<Value>,
    /// Whether hits come with their documents; false when left out.
    documents: Option<bool>,
}

impl Read for Query {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        answer(&view.search().search(&self.index, &self.request)?)
    }
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(ListIndexes {}).await
}

async fn create(
    session: Session,
    Segments([index]): Segments<1>,
    Json(definition): Json<IndexDefinition>,
) -> Outcome<Response> {
    Ok(session.write(CreateIndex { index, definition }).await?.created())
}

async fn describe(session: Session, Segments([index]): Segments<1>) -> Outcome<Seen<Value>> {
    session.read(Info { index }).await
}

async fn drop_index(session: Session, Segments([index]): Segments<1>) -> Outcome<Seen<Value>> {
    session.write(DropIndex { index }).await
}

async fn query(
    session: Session,
    Segments([index]): Segments<1>,
    Json(request): Json<SearchRequest>,
) -> Outcome<Seen<Value>> {
    session.read(Query { index, request: Box::new(request) }).await
}
