//! The names that are taken, of every model: they share one namespace.
//!
//! ```text
//!   GET /v1/catalog --> [{"name": "orders", "kind": "table"}, ...]
//! ```

use marquetry::{ObjectKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::error::Outcome;
use super::routes::Route;
use super::session::{Seen, Session};
use super::view::{Read, View};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/v1/catalog", "Every table, collection, bucket, cache, search index and queue", list)]
}

/// Every named thing.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CatalogList)]
pub(super) struct List {}

impl Read for List {
    fn read<V: View>(&self, view: &V) -> Result<Value> {
        let named = |(name, kind)| json!({ "name": name, "kind": kind });
        Ok(Value::Array(view.objects()?.into_iter().map(named).collect()))
    }
}

/// The names of all things of one kind.
pub(super) fn names(view: &impl View, kind: ObjectKind) -> Result<Value> {
    let objects = view.objects()?.into_iter().filter(|(_, found)| *found == kind);
    Ok(Value::Array(objects.map(|(name, _)| Value::String(name)).collect()))
}

async fn list(session: Session) -> Outcome<Seen<Value>> {
    session.read(List {}).await
}
