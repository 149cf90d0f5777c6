//! A backup of everything, streamed to whoever keeps it.
//!
//! ```text
//!   POST what the target has --> snapshot --bridge--> pieces that the target lacks --> body, as the client takes it
//! ```
//!
//! The bytes are those that the engine gives and its receiver takes: nothing here looks into them. No worker waits for
//! a client: each part of the stream is a piece of work of its own.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::try_unfold;
use marquetry::backup::BackupStream;
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::error::{Outcome, Problem};
use super::extract::Raw;
use super::routes::Route;
use super::session::{Seen, Session};
use crate::app::App;

pub(super) fn routes() -> Vec<Route> {
    const SUMMARY: &str = "Everything at one version, less what the request says that its target has";
    vec![Route::post("/v1/backup", SUMMARY, back_up).bytes().batch_sized().streaming()]
}

async fn back_up(session: Session, Raw(request): Raw) -> Outcome<Seen<Response>> {
    if session.is_in_transaction() {
        return Err(Problem::invalid("a backup holds what is committed; ask for it outside transactions"));
    }
    let app = session.app.clone();
    let turn = app.backups.clone().try_acquire_owned().map_err(|refusal| match refusal {
        TryAcquireError::NoPermits => Problem::unavailable(format!(
            "{} backups are under way, which is all that this server gives at once; wait for one to end",
            app.limits.backups_max
        )),
        TryAcquireError::Closed => Problem::unavailable("the server is stopping"),
    })?;
    let database = app.database.clone();
    let stream = app.bridge.run(move || database.backup_stream(&request)).await??;
    let version = stream.version().number();
    let mut response = Response::new(body(app, stream, turn));
    let octets = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, octets);
    Ok(Seen { version, value: response })
}

/// The bytes of `stream`, made as the client takes them; `turn` ends with them.
fn body(app: App, stream: BackupStream, turn: OwnedSemaphorePermit) -> Body {
    let begun = (app, Some(stream), Arc::new(turn));
    Body::from_stream(try_unfold(begun, |(app, stream, turn)| async move {
        let Some(stream) = stream else { return Ok(None) };
        let next = app.bridge.run_patiently(stream, |mut stream: BackupStream| {
            let mut bytes = Vec::new();
            let has_more = stream.next_bytes(&mut bytes);
            (Bytes::from(bytes), has_more.then_some(stream))
        });
        let (bytes, stream) = next.await.map_err(|error| axum::BoxError::from(format!("{error:?}")))?;
        Ok::<_, axum::BoxError>((!bytes.is_empty()).then_some((bytes, (app, stream, turn))))
    }))
}
