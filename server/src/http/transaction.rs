//! Transactions that stay open over several requests.
//!
//! ```text
//!   POST /v1/transactions --> id;  any request with Marquetry-Transaction: id;  POST .../commit | rollback
//! ```

use axum::extract::State;
use axum::response::Response;
use marquetry::Result;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::error::Outcome;
use super::extract::{Json, Segments};
use super::routes::Route;
use super::session::Seen;
use crate::app::App;
use crate::transactions::Slot;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/transactions", "Begin a transaction for several requests", begin).json::<Begin>().success(201),
        Route::post("/v1/transactions/{transaction}/commit", "Make everything in it durable and visible", commit),
        Route::post("/v1/transactions/{transaction}/rollback", "Undo everything in it", rollback),
    ]
}

/// There is nothing to choose yet.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Begin {}

async fn begin(State(app): State<App>, Json(_): Json<Begin>) -> Outcome<Response> {
    let work = app.clone();
    let (id, version) = app.bridge.run(move || work.transactions.begin(&work.database)).await??;
    let value = json!({ "transaction": id, "version": version, "idle_timeout_ms": app.limits.transaction_idle_ms });
    Ok(Seen { version, value }.created())
}

async fn commit(State(app): State<App>, Segments([id]): Segments<1>) -> Outcome<Seen<Value>> {
    end(&app, &id, |mut slot| match slot.take() {
        Some(transaction) => transaction.commit().map(|version| version.number()),
        None => Ok(0),
    })
    .await
}

async fn rollback(State(app): State<App>, Segments([id]): Segments<1>) -> Outcome<Seen<Value>> {
    end(&app, &id, |mut slot| {
        let version = slot.take().map_or(0, |transaction| transaction.version().number());
        Ok(version)
    })
    .await
}

/// Ends the transaction `id`. When no worker is free it stays open, and the caller may try again.
async fn end(app: &App, id: &str, work: impl FnOnce(Slot) -> Result<u64> + Send + 'static) -> Outcome<Seen<Value>> {
    let slot = app.transactions.turn(id).await?;
    let outcome = app.bridge.run(move || work(slot)).await?;
    app.transactions.forget(id);
    let version = outcome?;
    Ok(Seen { version, value: json!({ "version": version }) })
}
