//! A server in memory on a free port, and raw requests to it.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod orders;
pub(crate) mod postgres;
pub(crate) mod process;

use std::time::Duration;

use marquetry::Database;
use marquetry_client::Client;
use marquetry_server::{Limits, Server, Settings, Token};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server of its own for one test.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) database: Database,
    http: reqwest::Client,
}

pub(crate) async fn start() -> Running {
    start_with(Settings::local()).await
}

pub(crate) async fn start_limited(limits: Limits) -> Running {
    start_with(Settings { limits, ..Settings::local() }).await
}

pub(crate) async fn start_guarded(token: &str) -> Running {
    start_with(Settings { token: Some(Token::new(token).unwrap()), ..Settings::local() }).await
}

pub(crate) async fn start_with(settings: Settings) -> Running {
    start_of(Database::in_memory().unwrap(), settings).await
}

pub(crate) async fn start_of(database: Database, settings: Settings) -> Running {
    let server = Server::start(database.clone(), settings).await.unwrap();
    Running { server, database, http: reqwest::Client::new() }
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.server.url()).unwrap()
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.server.url())).timeout(Duration::from_secs(20))
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// The status and the JSON of the answer to `body` posted as it is.
    pub(crate) async fn post_text(&self, path: &str, body: impl Into<reqwest::Body>) -> (StatusCode, Value) {
        let request = self.request(Method::POST, path).header("content-type", "application/json").body(body);
        answer(request.send().await.unwrap()).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        answer(self.request(method, path).json(&body).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.call(Method::POST, path, body).await
    }

    /// A bare connection to the server.
    pub(crate) async fn socket(&self) -> TcpStream {
        TcpStream::connect(self.server.address()).await.unwrap()
    }

    /// Everything that the server sends back to `bytes` until it closes, within ten seconds.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut socket = self.socket().await;
        // A server that refuses early may close while the rest is being sent.
        let _ = socket.write_all(bytes).await;
        read_to_end(&mut socket).await
    }
}

pub(crate) async fn read_to_end(socket: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut bytes)).await;
    assert!(reading.is_ok(), "the server did not close; it said {}", String::from_utf8_lossy(&bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) async fn answer(response: Response) -> (StatusCode, Value) {
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    let value =
        serde_json::from_slice(&bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    (status, value)
}
