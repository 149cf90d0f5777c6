//! The bytes of objects: streamed in and out with flat memory, and with the headers that caches and CDNs use.
//!
//! ```text
//!   PUT  body --chunks--> pieces of 256 KiB --bridge--> upload (no transaction yet) --> one short transaction
//!   GET  snapshot --> reader --bridge--> pieces of 256 KiB --> body        If-*, Range: see conditional
//! ```
//!
//! No worker thread waits for a client: each piece is a piece of work of its own. An upload that breaks off leaves
//! nothing, and a conflict runs only the short transaction again, never the upload.

use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream::try_unfold;
use marquetry::Error;
use marquetry::blob::{BlobContent, BlobReader, ObjectAttributes, ObjectCondition, ObjectInfo, PutOptions};
use serde_json::Value;

use super::conditional::{Part, Stored, Verdict, format_date, judge_read, judge_write, part};
use super::error::{Outcome, Problem};
use super::extract::{Segments, content_length, next_chunk};
use super::routes::Route;
use super::session::{Reading, Seen, Session};
use super::view::answer;
use crate::app::App;

/// Bytes that go through the bridge at once.
const PIECE_SIZE_BYTES: usize = 256 * 1024;

/// What the names of metadata headers begin with.
const METADATA_PREFIX: &str = "marquetry-meta-";

/// What an object without a type is.
const UNKNOWN_TYPE: &str = "application/octet-stream";

pub(super) fn routes() -> Vec<Route> {
    const PATH: &str = "/v1/buckets/{bucket}/objects/{*key}";
    vec![
        Route::get(PATH, "The bytes of an object, or a range of them", get).streaming(),
        Route::new(Method::HEAD, PATH, "The headers of an object", head),
        Route::put(PATH, "Store the body as an object", put).bytes().streaming().success(201),
        Route::delete(PATH, "Remove an object", delete),
    ]
}

async fn get(session: Session, Segments([bucket, key]): Segments<2>, headers: HeaderMap) -> Outcome<Seen<Response>> {
    let app = session.app.clone();
    let found = open(&session, bucket, key).await?;
    let (version, mut reader) = (found.version, found.value);
    let info = reader.info().clone();
    let mut response = match judge(&headers, &info)? {
        Some(response) => response,
        None => match part(&headers, stored(&info), info.size_bytes) {
            Part::Whole => with_body(StatusCode::OK, info.size_bytes, stream(app, reader)),
            Part::Bytes(range) => {
                let content_range = format!("bytes {}-{}/{}", range.start, range.end - 1, info.size_bytes);
                let size_bytes = range.end - range.start;
                reader.set_range(range)?;
                let mut response = with_body(StatusCode::PARTIAL_CONTENT, size_bytes, stream(app, reader));
                insert(response.headers_mut(), header::CONTENT_RANGE, &content_range);
                response
            }
            Part::Outside => return Err(outside(&info)),
        },
    };
    describe(response.headers_mut(), &info);
    Ok(Seen { version, value: response })
}

async fn head(session: Session, Segments([bucket, key]): Segments<2>, headers: HeaderMap) -> Outcome<Seen<Response>> {
    let found = open(&session, bucket, key).await?;
    let info = found.value.info().clone();
    let mut response = match judge(&headers, &info)? {
        Some(response) => response,
        None => with_body(StatusCode::OK, info.size_bytes, Body::empty()),
    };
    describe(response.headers_mut(), &info);
    Ok(Seen { version: found.version, value: response })
}

async fn open(session: &Session, bucket: String, key: String) -> Outcome<Seen<BlobReader>> {
    session
        .read_with(move |reading| {
            let found = match reading {
                Reading::Snapshot(snapshot) => snapshot.blobs().get(&bucket, &key)?,
                Reading::Transaction(transaction) => transaction.blobs().get(&bucket, &key)?,
            };
            found.ok_or_else(|| Error::not_found(format!("there is no object {key:?} in the bucket {bucket:?}")))
        })
        .await
}

/// The answer that the conditions of the request make of it, or `None` to go on.
fn judge(headers: &HeaderMap, info: &ObjectInfo) -> Outcome<Option<Response>> {
    match judge_read(headers, stored(info)) {
        Verdict::Proceed => Ok(None),
        Verdict::NotModified => Ok(Some(StatusCode::NOT_MODIFIED.into_response())),
        Verdict::Failed => Err(Problem::precondition(format!("the object has the etag \"{}\"", info.etag))),
    }
}

fn stored(info: &ObjectInfo) -> Stored<'_> {
    let micros = u64::try_from(info.modified_at.as_micros()).unwrap_or(0);
    Stored { etag: &info.etag, modified: SystemTime::UNIX_EPOCH + Duration::from_micros(micros) }
}

fn outside(info: &ObjectInfo) -> Problem {
    let detail = format!("the object has {} bytes, and the range begins behind them", info.size_bytes);
    let range = HeaderValue::from_str(&format!("bytes */{}", info.size_bytes));
    Problem::new(StatusCode::RANGE_NOT_SATISFIABLE, "invalid", detail)
        .with_header(header::CONTENT_RANGE, range.expect("digits can stand in a header"))
}

fn with_body(status: StatusCode, size_bytes: u64, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    insert(response.headers_mut(), header::CONTENT_LENGTH, &size_bytes.to_string());
    if status != StatusCode::NOT_MODIFIED {
        insert(response.headers_mut(), header::ACCEPT_RANGES, "bytes");
    }
    response
}

/// The headers that tell what the object is and how long caches may keep it.
fn describe(headers: &mut HeaderMap, info: &ObjectInfo) {
    insert(headers, header::ETAG, &format!("\"{}\"", info.etag));
    insert(headers, header::LAST_MODIFIED, &format_date(stored(info).modified));
    let attributes = &info.attributes;
    insert(headers, header::CONTENT_TYPE, attributes.content_type.as_deref().unwrap_or(UNKNOWN_TYPE));
    // The type is the uploader's word; a browser must not guess another one and run it.
    insert(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    let optional = [
        (header::CONTENT_ENCODING, &attributes.content_encoding),
        (header::CONTENT_DISPOSITION, &attributes.content_disposition),
        (header::CONTENT_LANGUAGE, &attributes.content_language),
        (header::CACHE_CONTROL, &attributes.cache_control),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            insert(headers, name, value);
        }
    }
    for (name, value) in &attributes.metadata {
        if let Ok(name) = HeaderName::try_from(format!("{METADATA_PREFIX}{name}")) {
            insert(headers, name, value);
        }
    }
}

/// Sets a header, unless the value cannot stand in one, which the engine refuses when it is stored.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The bytes that `reader` has left, read piece by piece as the client takes them.
fn stream(app: App, reader: BlobReader) -> Body {
    Body::from_stream(try_unfold((app, Some(reader)), |(app, reader)| async move {
        let Some(reader) = reader else { return Ok(None) };
        let (piece, reader) = next_piece(&app, reader).await?;
        Ok::<_, axum::BoxError>((!piece.is_empty()).then_some((piece, (app, reader))))
    }))
}

/// The next piece, and the reader unless it is at its end.
async fn next_piece(app: &App, reader: BlobReader) -> Result<(Bytes, Option<BlobReader>), axum::BoxError> {
    let read = app.bridge.run_patiently(reader, |mut reader: BlobReader| {
        let mut piece = BytesMut::with_capacity(PIECE_SIZE_BYTES.min(reader.remaining_bytes() as usize));
        while piece.len() < PIECE_SIZE_BYTES {
            match reader.next_chunk()? {
                Some(chunk) => piece.extend_from_slice(&chunk),
                None => break,
            }
        }
        let more = reader.remaining_bytes() > 0;
        Ok::<_, Error>((piece.freeze(), more.then_some(reader)))
    });
    let outcome = read.await.map_err(|error| format!("{error:?}"))?;
    outcome.inspect_err(|error| tracing::error!(%error, "an object broke off")).map_err(Into::into)
}

async fn put(session: Session, Segments([bucket, key]): Segments<2>, request: Request) -> Outcome<Response> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let size_max = session.app.limits.object_size_max_bytes;
    if content_length(&headers).is_some_and(|length| length > size_max) {
        return Err(too_large(size_max));
    }
    let options = PutOptions { attributes: attributes(&headers)?, condition: ObjectCondition::Any };
    // What is bound to fail is refused before its bytes are taken.
    let (first_bucket, first_key, first_headers) = (bucket.clone(), key.clone(), headers.clone());
    let check = move |reading: Reading<'_>| match reading {
        Reading::Snapshot(view) => permit(&first_headers, view.blobs().head(&first_bucket, &first_key)?),
        Reading::Transaction(view) => permit(&first_headers, view.blobs().head(&first_bucket, &first_key)?),
    };
    session.read_with(check).await?;
    let content = receive(&session.app, body, size_max).await?;
    let stored = session.write_with(move |transaction| {
        let blobs = transaction.blobs();
        permit(&headers, blobs.head(&bucket, &key)?)?;
        let info = blobs.put_content(&bucket, &key, &content, &options)?;
        Ok((format!("\"{}\"", info.etag), answer(&info)?))
    });
    let stored = stored.await?;
    let etag = stored.value.0.clone();
    let mut response = stored.map(|(_, value)| value).created();
    insert(response.headers_mut(), header::ETAG, &etag);
    Ok(response)
}

/// Refuses a write that the conditions in `headers` forbid over what is `present`.
fn permit(headers: &HeaderMap, present: Option<ObjectInfo>) -> marquetry::Result<()> {
    match judge_write(headers, present.as_ref().map(stored)) {
        Verdict::Proceed => Ok(()),
        Verdict::Failed | Verdict::NotModified => Err(Error::precondition(match present {
            Some(info) => format!("the object has the etag \"{}\"; read it again and decide", info.etag),
            None => "there is no such object; read again and decide".to_owned(),
        })),
    }
}

fn too_large(size_max: u64) -> Problem {
    Problem::limit(format!("the object is larger than {size_max} bytes, the limit of this server; split it"))
}

/// What the headers of a PUT say about the object.
fn attributes(headers: &HeaderMap) -> Outcome<ObjectAttributes> {
    let text = |name: HeaderName| -> Outcome<Option<String>> {
        let Some(value) = headers.get(&name) else { return Ok(None) };
        let text = value.to_str().map_err(|_| Problem::invalid(format!("the header {name} is not ASCII")))?;
        Ok(Some(text.to_owned()))
    };
    let mut attributes = ObjectAttributes {
        content_type: text(header::CONTENT_TYPE)?,
        content_encoding: text(header::CONTENT_ENCODING)?,
        content_disposition: text(header::CONTENT_DISPOSITION)?,
        content_language: text(header::CONTENT_LANGUAGE)?,
        cache_control: text(header::CACHE_CONTROL)?,
        ..ObjectAttributes::default()
    };
    for name in headers.keys() {
        if let Some(short) = name.as_str().strip_prefix(METADATA_PREFIX) {
            attributes.metadata.insert(short.to_owned(), text(name.clone())?.unwrap_or_default());
        }
    }
    Ok(attributes)
}

/// The bytes of `body`, stored and waiting for a transaction that names them.
async fn receive(app: &App, body: Body, size_max: u64) -> Outcome<BlobContent> {
    let mut upload = app.database.upload();
    let mut chunks = body.into_data_stream();
    loop {
        let (piece, ended) = collect(&mut chunks, app).await?;
        if upload.size_bytes() + piece.len() as u64 > size_max {
            return Err(too_large(size_max));
        }
        if ended {
            let finish = move || {
                upload.write(&piece)?;
                upload.finish()
            };
            return Ok(app.bridge.run(finish).await??);
        }
        upload = app.bridge.run(move || upload.write(&piece).map(|()| upload)).await??;
    }
}

/// The next bytes of a body, about as many as one piece has, and whether the body ended with them.
async fn collect(chunks: &mut axum::body::BodyDataStream, app: &App) -> Outcome<(Bytes, bool)> {
    let mut piece = BytesMut::new();
    while piece.len() < PIECE_SIZE_BYTES {
        match next_chunk(chunks, app).await? {
            Some(chunk) => piece.extend_from_slice(&chunk),
            None => return Ok((piece.freeze(), true)),
        }
    }
    Ok((piece.freeze(), false))
}

async fn delete(session: Session, Segments([bucket, key]): Segments<2>, headers: HeaderMap) -> Outcome<Seen<Value>> {
    session
        .write_with(move |transaction| {
            let blobs = transaction.blobs();
            permit(&headers, blobs.head(&bucket, &key)?)?;
            Ok(blobs.delete(&bucket, &key)?.into())
        })
        .await
}
