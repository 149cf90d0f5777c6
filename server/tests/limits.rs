//! What a stranger may not make large or long: heads, bodies, depth, time, connections, open transactions.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use marquetry_server::Limits;
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{answer, read_to_end, start, start_limited};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn hostile_json_is_a_typed_refusal() {
    let running = start().await;
    let deep = |open: &str, count: usize| format!("{{\"operations\":{}", open.repeat(count));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("deep arrays", deep("[", 1_000_000).into_bytes()),
        ("deep objects", deep("{\"a\":", 1_000_000).into_bytes()),
        ("barely too deep", format!("{{\"operations\":{}{}}}", "[".repeat(64), "]".repeat(64)).into_bytes()),
        ("unknown field", br#"{"operations":[],"extra":1}"#.to_vec()),
        ("unknown operation", br#"{"operations":[{"op":"table.explode"}]}"#.to_vec()),
        ("unknown field in an operation", br#"{"operations":[{"op":"catalog.list","x":1}]}"#.to_vec()),
        ("no operation name", br#"{"operations":[{}]}"#.to_vec()),
        ("duplicate key", br#"{"operations":[],"operations":[]}"#.to_vec()),
        ("duplicate key in escapes", br#"{"operations":[],"operation\u0073":[]}"#.to_vec()),
        ("invalid UTF-8", b"{\"operations\":[\"\xff\xfe\"]}".to_vec()),
        ("wrong type", br#"{"operations":7}"#.to_vec()),
        ("not an object", b"[]".to_vec()),
        ("lone surrogate", br#"{"operations":["\ud800"]}"#.to_vec()),
        ("number out of range", br#"{"operations":1e999}"#.to_vec()),
        ("empty", b"".to_vec()),
        ("trailing text", br#"{"operations":[]} x"#.to_vec()),
    ];
    for (name, body) in cases {
        let (status, problem) = running.post_text("/v1/batch", body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}: {problem}");
        assert_eq!(problem["kind"], "invalid", "{name}: {problem}");
        assert_eq!(problem["status"], 400, "{name}");
    }
    assert_eq!(running.get("/health").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn bodies_and_counts_are_capped_per_route() {
    let limits = Limits {
        body_size_max_bytes: 1_000,
        batch_size_max_bytes: 100_000,
        batch_operations_max: 3,
        ..Limits::default()
    };
    let running = start_limited(limits).await;
    let padding = " ".repeat(2_000);
    let (status, problem) = running.post_text("/v1/transactions", format!("{{}}{padding}")).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::PAYLOAD_TOO_LARGE, Some("limit_exceeded")));
    let (status, _) = running.post_text("/v1/batch", format!("{{\"operations\":[]}}{padding}")).await;
    assert_eq!(status, StatusCode::OK);
    let unsized_body = reqwest::Body::wrap_stream(futures_util::stream::iter(
        (0..200).map(|_| Ok::<_, std::io::Error>(" ".repeat(1_000))),
    ));
    let (status, _) = running.post_text("/v1/batch", unsized_body).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let operation = json!({"op": "catalog.list"});
    let (status, _) = running.post("/v1/batch", json!({"operations": vec![operation; 4]})).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn json_must_say_that_it_is_json() {
    let running = start().await;
    let request = running.request(Method::POST, "/v1/batch").header("content-type", "text/plain").body("{}");
    let (status, problem) = answer(request.send().await.unwrap()).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::UNSUPPORTED_MEDIA_TYPE, Some("unsupported")));
}

#[tokio::test]
async fn heads_are_capped_in_size() {
    let running = start().await;
    let long = "x".repeat(20_000);
    let said =
        running.raw(format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: {long}\r\n\r\n").as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 431"), "{said}");
    let said = running.raw(format!("GET /{long} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 414") || said.starts_with("HTTP/1.1 431"), "{said}");
    let said = running.raw(b"\x16\x03\x01 this is not HTTP\r\n\r\n").await;
    assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    assert_eq!(running.get("/health").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn slow_heads_slow_bodies_and_silence_end_the_connection() {
    let limits = Limits { header_timeout_ms: 200, stall_timeout_ms: 300, idle_timeout_ms: 300, ..Limits::default() };
    let running = start_limited(limits).await;
    let begun = Instant::now();
    for beginning in ["", "G", "GET /health HTTP/1.1\r\nHost: loc"] {
        let mut socket = running.socket().await;
        socket.write_all(beginning.as_bytes()).await.unwrap();
        read_to_end(&mut socket).await;
    }
    let mut drip = running.socket().await;
    let mut ended = false;
    for byte in b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaa" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        ended |= drip.write_all(&[*byte]).await.is_err();
    }
    assert!(ended, "a head that arrives byte by byte was waited for");
    let head =
        "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    let said = running.raw(head.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 408"), "{said}");
    let mut idle = running.socket().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut idle).await.starts_with("HTTP/1.1 200"));
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_claimed_length_costs_nothing() {
    let running = start().await;
    let head = "POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                Content-Length: 4000000000\r\nConnection: close\r\n\r\n{";
    let said = running.raw(head.as_bytes()).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
}

#[tokio::test]
async fn connections_past_the_cap_wait_their_turn() {
    let running = start_limited(Limits { connections_max: 2, header_timeout_ms: 400, ..Limits::default() }).await;
    let _held = (running.socket().await, running.socket().await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begun = Instant::now();
    assert_eq!(running.get("/health").await.status(), StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn open_transactions_are_capped_and_roll_back_when_idle() {
    let limits = Limits { transactions_max: 2, transaction_idle_ms: 200, ..Limits::default() };
    let running = start_limited(limits).await;
    let (status, first) = running.post("/v1/transactions", json!({})).await;
    assert_eq!(status, StatusCode::CREATED);
    running.post("/v1/transactions", json!({})).await;
    let (status, problem) = running.post("/v1/transactions", json!({})).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("unavailable")));
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(running.post("/v1/transactions", json!({})).await.0, StatusCode::CREATED);
    let id = first["transaction"].as_str().unwrap();
    let (status, problem) = running.post(&format!("/v1/transactions/{id}/commit"), json!({})).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    let inside = running.request(Method::GET, "/v1/catalog").header("marquetry-transaction", id);
    assert_eq!(inside.send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn waiting_for_a_version_is_bounded() {
    let running = start_limited(Limits { wait_max_ms: 100, ..Limits::default() }).await;
    let version: u64 =
        running.get("/v1/catalog").await.headers()["marquetry-version"].to_str().unwrap().parse().unwrap();
    for (after, wanted) in [
        (version.to_string(), StatusCode::OK),
        ((version + 1).to_string(), StatusCode::SERVICE_UNAVAILABLE),
        ("soon".to_owned(), StatusCode::BAD_REQUEST),
        ("-1".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let request = running.request(Method::GET, "/v1/catalog").header("marquetry-after", &after);
        assert_eq!(request.send().await.unwrap().status(), wanted, "{after}");
    }
}

#[tokio::test]
async fn unknown_paths_methods_and_query_fields_are_told() {
    let running = start().await;
    let (status, problem) = answer(running.get("/v1/nothing").await).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    let (status, problem) = running.call(Method::PUT, "/v1/batch", json!({})).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::METHOD_NOT_ALLOWED, Some("unsupported")));
}
