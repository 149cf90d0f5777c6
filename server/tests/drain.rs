//! Stopping: what has begun is finished, what is idle is closed, what hangs is cut.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use marquetry_server::Limits;
use support::{read_to_end, start, start_limited};
use tokio::io::AsyncWriteExt;

const BODY: &str = r#"{"operations":[]}"#;

fn head() -> String {
    let length = BODY.len();
    format!(
        "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

#[tokio::test]
async fn a_request_that_has_begun_is_answered() {
    let running = start().await;
    let mut socket = running.socket().await;
    socket.write_all(head().as_bytes()).await.unwrap();
    let mut idle = running.socket().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let address = running.server.address();
    let stopping = tokio::spawn(running.server.stop());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "a stopping server takes no connections");
    socket.write_all(BODY.as_bytes()).await.unwrap();
    let said = read_to_end(&mut socket).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with(r#"{"results":[]}"#), "{said}");
    assert_eq!(read_to_end(&mut idle).await, "");
    stopping.await.unwrap();
}

#[tokio::test]
async fn a_request_that_hangs_is_cut_after_the_drain_time() {
    let running = start_limited(Limits { drain_timeout_ms: 300, ..Limits::default() }).await;
    let mut socket = running.socket().await;
    socket.write_all(head().as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    running.server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(read_to_end(&mut socket).await, "");
}
