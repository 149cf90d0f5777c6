//! The way to one server: where it is, the token, the newest version seen, and how one request is sent.
//!
//! ```text
//!   Client / Transaction --> Scope { connection, transaction } --> request --> answer | Error
//! ```
//!
//! Every answer tells the version that it saw. The connection remembers the newest one, and every request asks for at
//! least that: whoever writes through a client reads its own writes through it, on any replica.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

pub(crate) const VERSION_HEADER: &str = "Marquetry-Version";
const AFTER_HEADER: &str = "Marquetry-After";
const TRANSACTION_HEADER: &str = "Marquetry-Transaction";

/// One server and the credential for it.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) http: reqwest::Client,
    /// Without a slash at its end.
    pub(crate) base: String,
    pub(crate) token: Option<String>,
    pub(crate) version: AtomicU64,
}

/// What requests are sent through: a connection, inside a transaction or not.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) connection: Arc<Connection>,
    pub(crate) transaction: Option<Arc<str>>,
}

impl Scope {
    /// A request for the path made of `segments`, each of which is escaped.
    pub(crate) fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.connection.base.clone();
        for segment in segments {
            url.push('/');
            escape(segment, &mut url);
        }
        let mut request = self.connection.http.request(method, url);
        if let Some(token) = &self.connection.token {
            request = request.bearer_auth(token);
        }
        match &self.transaction {
            // A transaction reads at its own snapshot.
            Some(transaction) => request.header(TRANSACTION_HEADER, &**transaction),
            None => request.header(AFTER_HEADER, self.connection.version.load(Ordering::Relaxed)),
        }
    }

    /// The answer to `request`, or the error that it tells.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let response = request.send().await?;
        let version = response.headers().get(VERSION_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
        if let Some(version) = version {
            self.connection.version.fetch_max(version, Ordering::Relaxed);
        }
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let body = response.bytes().await.unwrap_or_default();
        Err(Error::from_answer(status.as_u16(), &body))
    }

    /// The JSON answer to a request without a body.
    pub(crate) async fn call<T: DeserializeOwned>(&self, method: Method, segments: &[&str]) -> Result<T> {
        decode(self.send(self.request(method, segments)).await?).await
    }

    /// The JSON answer to a request with the JSON body `body`.
    pub(crate) async fn call_with<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        body: &impl Serialize,
    ) -> Result<T> {
        decode(self.send(self.request(method, segments).json(body)).await?).await
    }
}

/// The JSON of `response`; an answer without content reads as `null`.
pub(crate) async fn decode<T: DeserializeOwned>(response: Response) -> Result<T> {
    let status = response.status();
    let bytes = response.bytes().await?;
    let text: &[u8] = if status == StatusCode::NO_CONTENT { b"null" } else { &bytes };
    serde_json::from_slice(text)
        .map_err(|fault| Error::protocol(format!("the answer is not what was expected: {fault}")))
}

/// Appends `segment` so that it stays one path segment: everything but unreserved characters is escaped.
///
/// A segment of dots alone would be resolved away by URL parsers, so its dots are escaped as well.
fn escape(segment: &str, url: &mut String) {
    let dots_only = segment.bytes().all(|byte| byte == b'.');
    for byte in segment.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'~' => url.push(char::from(byte)),
            b'.' if !dots_only => url.push('.'),
            _ => {
                let hex =
                    |digit: u8| char::from_digit(u32::from(digit), 16).map_or('0', |digit| digit.to_ascii_uppercase());
                url.extend(['%', hex(byte >> 4), hex(byte & 15)]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn segments_stay_segments() {
        let escaped = |text| {
            let mut url = String::new();
            escape(text, &mut url);
            url
        };
        assert_eq!(escaped("a/b c?d#é"), "a%2Fb%20c%3Fd%23%C3%A9");
        assert_eq!(escaped(".."), "%2E%2E");
        assert_eq!(escaped("a.png"), "a.png");
    }
}
