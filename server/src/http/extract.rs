//! Takes requests apart: JSON bodies within the limits of their route, query strings, path segments.
//!
//! ```text
//!   POST /v1/tables/{table}/rows ? limit=5        {"row": ...}
//!                   Segments       Query<T>        Json<T>      each refusal is a 400 or 413 problem
//! ```
//!
//! Path segments are decoded here one by one from the raw path, so that a `%2F` inside a key stays part of the key.

use std::borrow::Cow;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::error::{Outcome, Problem};
use super::json;
use crate::app::App;

/// The bytes that the body of a route may have at most; the route table attaches it to each request.
#[derive(Debug, Clone, Copy)]
pub(super) struct BodySizeMax(pub(super) usize);

/// A JSON body, checked and parsed.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Outcome<Self> {
        let (parts, body) = request.into_parts();
        require_json(&parts.headers)?;
        let bytes = read_body(&parts, body, app).await?;
        json::parse(&bytes, app.limits.json_depth_max).map(Json)
    }
}

/// A body of any bytes, within the limit of its route.
pub(super) struct Raw(pub(super) Bytes);

impl FromRequest<App> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Outcome<Self> {
        let (parts, body) = request.into_parts();
        read_body(&parts, body, app).await.map(Raw)
    }
}

/// A web page may send other types to a server on the same machine without asking; JSON it may not.
fn require_json(headers: &HeaderMap) -> Outcome<()> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    match media_type.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported",
            "this route takes JSON; send it with Content-Type: application/json",
        )),
    }
}

async fn read_body(parts: &Parts, body: Body, app: &App) -> Outcome<Bytes> {
    let size_max = parts.extensions.get::<BodySizeMax>().map_or(app.limits.body_size_max_bytes, |max| max.0);
    let too_large =
        || Problem::limit(format!("the body is larger than {size_max} bytes; send less at once, or raise the limit"));
    if content_length(&parts.headers).is_some_and(|length| length > size_max as u64) {
        return Err(too_large());
    }
    // The length that a request claims is never reserved: memory grows with what has arrived.
    let mut collected = BytesMut::new();
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = next_chunk(&mut chunks, app).await? {
        if collected.len() + chunk.len() > size_max {
            return Err(too_large());
        }
        collected.extend_from_slice(&chunk);
    }
    Ok(collected.freeze())
}

/// The next piece of a body, or a problem when it stands still for too long or breaks off.
pub(super) async fn next_chunk(chunks: &mut axum::body::BodyDataStream, app: &App) -> Outcome<Option<Bytes>> {
    match timeout(app.limits.stall_timeout(), chunks.next()).await {
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "unavailable",
            "the body stood still for too long; nothing was done, send it again",
        )),
        Ok(None) => Ok(None),
        Ok(Some(Ok(chunk))) => Ok(Some(chunk)),
        Ok(Some(Err(fault))) => Err(Problem::invalid(format!("the body broke off: {fault}; nothing was done"))),
    }
}

/// The length that the request claims for its body.
pub(super) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The query string as a struct; names that the struct does not have are refused if it says so.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Query(query.0))
            .map_err(|fault| Problem::invalid(format!("in the query string: {}", fault.body_text())))
    }
}

/// The decoded segments of the path that stand where the route has `{...}`, in order.
pub(super) struct Segments<const COUNT: usize>(pub(super) [String; COUNT]);

impl<const COUNT: usize, S: Sync> FromRequestParts<S> for Segments<COUNT> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Outcome<Self> {
        let route = parts.extensions.get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned());
        let values = values_of(route.as_deref().unwrap_or_default(), parts.uri.path())?;
        let found = values.len();
        <[String; COUNT]>::try_from(values)
            .map(Segments)
            .map_err(|_| Problem::invalid(format!("the path names {found} things where {COUNT} are expected")))
    }
}

/// What `path` holds at the places where `route` has `{name}` (one segment) or `{*name}` (the rest).
fn values_of(route: &str, path: &str) -> Outcome<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = path;
    for part in route.split('/').skip(1) {
        rest = rest.strip_prefix('/').unwrap_or(rest);
        if part.starts_with("{*") {
            values.push(decode(rest)?);
            return Ok(values);
        }
        let (segment, after) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if part.starts_with('{') {
            values.push(decode(segment)?);
        }
        rest = after;
    }
    Ok(values)
}

/// The text behind `%XX` escapes; other bytes stand for themselves.
pub(super) fn decode(text: &str) -> Outcome<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = (byte == b'%').then(|| bytes.get(at + 1..at + 3).and_then(hex_byte));
        match escaped {
            None => decoded.push(byte),
            Some(Some(value)) => {
                decoded.push(value);
                at += 2;
            }
            Some(None) => return Err(Problem::invalid("the path has a % that two hexadecimal digits do not follow")),
        }
        at += 1;
    }
    match String::from_utf8_lossy(&decoded) {
        Cow::Borrowed(text) => Ok(text.to_owned()),
        Cow::Owned(_) => Err(Problem::invalid("the path is not UTF-8 once its % escapes are decoded")),
    }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let value = |digit: &u8| char::from(*digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_one_by_one() {
        let object = "/v1/buckets/{bucket}/objects/{*key}";
        assert_eq!(values_of(object, "/v1/buckets/a%2Fb/objects/c/d%2Fe//f").unwrap(), ["a/b", "c/d/e//f"]);
        assert_eq!(values_of("/v1/tables/{table}", "/v1/tables/caf%C3%A9").unwrap(), ["café"]);
        for broken in ["/v1/tables/%", "/v1/tables/%f", "/v1/tables/%zz", "/v1/tables/%ff"] {
            assert!(values_of("/v1/tables/{table}", broken).is_err(), "{broken}");
        }
    }
}
