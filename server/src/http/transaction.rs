//! Transactions that stay open over several requests.
//!
//! ```text
//!   POST /v1/transactions --> id;  any request with Marquetry-Transaction: id;  POST .../commit | rollback
//! ```

use axum::extract::State;
use axum::response::Response;
use marquetry::{Contended, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::error::{Outcome, Problem};
use super::extract::{Json, Segments};
use super::routes::Route;
use super::session::Seen;
use crate::app::App;
use crate::transactions::Slot;

/// Places that one transaction can stand in line at.
const CONTENDED_MAX: usize = 64;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/v1/transactions", "Begin a transaction for several requests", begin).json::<Begin>().success(201),
        Route::post("/v1/transactions/{transaction}/commit", "Make everything in it durable and visible", commit),
        Route::post("/v1/transactions/{transaction}/rollback", "Undo everything in it", rollback),
    ]
}

/// How to begin.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// For another attempt after a conflict: the `contended` of the problem documents of the earlier ones. The
    /// transaction begins when those before it in line there have ended, or after a moment in any case.
    #[serde(default)]
    contended: Vec<String>,
}

impl Begin {
    fn contended(&self) -> Outcome<Vec<Contended>> {
        if self.contended.len() > CONTENDED_MAX {
            let detail = format!("\"contended\" may have {CONTENDED_MAX} members; leave out the oldest");
            return Err(Problem::limit(detail));
        }
        let read = |text: &String| {
            let is_written = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = u64::from_str_radix(text, 16).ok().filter(|_| is_written);
            let unknown = || Problem::invalid(format!("{text:?} in \"contended\" is not of a problem document"));
            number.map(Contended::from_number).ok_or_else(unknown)
        };
        self.contended.iter().map(read).collect()
    }
}

/// How a contended place is written in problem documents.
pub(super) fn written(contended: Contended) -> String {
    format!("{:016x}", contended.number())
}

async fn begin(State(app): State<App>, Json(begin): Json<Begin>) -> Outcome<Response> {
    let contended = begin.contended()?;
    let bridge = if contended.is_empty() { &app.bridge } else { &app.line };
    let work = app.clone();
    let (id, version) = bridge.run(move || work.transactions.begin(&work.database, contended)).await??;
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
