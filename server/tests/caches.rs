//! Caches over HTTP: entries as bytes, conditions, times, numbers, transactions, and what is refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use marquetry_client::{ErrorKind, SetOptions};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Running, answer, start, start_limited};

const CLASSES: [&str; 3] = ["volatile", "buffered", "durable"];
const ENTRY: &str = "/v1/caches/durable/entries/a/b%20c";

async fn with_caches() -> Running {
    let running = start().await;
    for class in CLASSES {
        running.client().cache().create(class, json!({ "class": class })).await.unwrap();
    }
    running
}

#[tokio::test]
async fn entries_live_as_the_client_says() {
    let running = with_caches().await;
    let cache = running.client().cache();
    assert_eq!(cache.list().await.unwrap(), ["buffered", "durable", "volatile"]);
    for class in CLASSES {
        assert_eq!(cache.get(class, "/home?x").await.unwrap(), None);
        assert!(cache.set(class, "/home?x", "one", &SetOptions::default()).await.unwrap());
        let entry = cache.get(class, "/home?x").await.unwrap().unwrap();
        assert_eq!(entry.value, "one");
        let if_absent = SetOptions { if_absent: true, ..SetOptions::default() };
        assert!(!cache.set(class, "/home?x", "two", &if_absent).await.unwrap());
        let if_version = SetOptions { if_version: Some(entry.version), ..SetOptions::default() };
        assert!(cache.set(class, "/home?x", "three", &if_version).await.unwrap());
        assert!(!cache.set(class, "/home?x", "four", &if_version).await.unwrap());
        assert_eq!(cache.increment(class, "n", 5).await.unwrap(), 5);
        assert_eq!(cache.increment(class, "n", -7).await.unwrap(), -2);
        assert_eq!(cache.increment(class, "/home?x", 1).await.unwrap_err().kind(), ErrorKind::Invalid);
        let short = SetOptions { ttl: Some(Duration::from_millis(40)), ..SetOptions::default() };
        assert!(cache.set(class, "short", "gone soon", &short).await.unwrap());
        assert!(cache.expire(class, "n", Duration::from_millis(40)).await.unwrap());
        assert!(cache.set(class, "kept", "stays", &short).await.unwrap());
        assert!(cache.persist(class, "kept").await.unwrap());
        assert!(!cache.expire(class, "none", Duration::from_secs(1)).await.unwrap());
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(cache.get(class, "short").await.unwrap(), None);
        assert_eq!(cache.get(class, "n").await.unwrap(), None);
        assert!(cache.get(class, "kept").await.unwrap().is_some());
        assert!(cache.delete(class, "/home?x").await.unwrap());
        assert!(!cache.delete(class, "/home?x").await.unwrap());
        let info = cache.info(class).await.unwrap();
        assert_eq!((&info["class"], &info["name"]), (&json!(class), &json!(class)));
        assert!(info["hits"].as_u64().unwrap() >= 2 && info["misses"].as_u64().unwrap() >= 2, "{info}");
        cache.drop(class).await.unwrap();
        assert_eq!(cache.get(class, "kept").await.unwrap(), None);
        assert_eq!(cache.info(class).await.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn bytes_and_tags_come_back() {
    let running = with_caches().await;
    let put = running.request(Method::PUT, ENTRY).body(vec![0u8, 255, 7]).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    let tag = put.headers()["etag"].clone();
    let got = running.get(ENTRY).await;
    assert_eq!(got.headers()["etag"], tag);
    assert_eq!(got.headers()["x-content-type-options"], "nosniff");
    assert_eq!(got.bytes().await.unwrap(), vec![0u8, 255, 7]);
    let entry = json!({"op": "cache.get", "cache": "durable", "key": "a/b c"});
    let (status, answers) = running.post("/v1/batch", json!({ "operations": [entry] })).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answers["results"][0]["base64"], "AP8H");
    for (name, value, status) in [
        ("if-match", "\"1\"", StatusCode::PRECONDITION_FAILED),
        ("if-none-match", "*", StatusCode::PRECONDITION_FAILED),
        ("if-match", tag.to_str().unwrap(), StatusCode::CREATED),
        ("if-match", "*", StatusCode::BAD_REQUEST),
        ("if-match", "17", StatusCode::BAD_REQUEST),
        ("if-none-match", "\"17\"", StatusCode::BAD_REQUEST),
    ] {
        let request = running.request(Method::PUT, ENTRY).header(name, value).body("x");
        assert_eq!(request.send().await.unwrap().status(), status, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_transaction_takes_its_entries_back() {
    let running = with_caches().await;
    let client = running.client();
    for class in CLASSES {
        client.cache().set(class, "k", "old", &SetOptions::default()).await.unwrap();
        let transaction = client.begin().await.unwrap();
        transaction.cache().set(class, "k", "new", &SetOptions::default()).await.unwrap();
        assert_eq!(transaction.cache().increment(class, "n", 3).await.unwrap(), 3);
        assert_eq!(transaction.cache().get(class, "k").await.unwrap().unwrap().value, "new");
        assert_eq!(client.cache().get(class, "k").await.unwrap().unwrap().value, "old");
        transaction.rollback().await.unwrap();
        assert_eq!(client.cache().get(class, "k").await.unwrap().unwrap().value, "old");
        assert_eq!(client.cache().get(class, "n").await.unwrap(), None);
        let transaction = client.begin().await.unwrap();
        assert!(transaction.cache().delete(class, "k").await.unwrap());
        transaction.commit().await.unwrap();
        assert_eq!(client.cache().get(class, "k").await.unwrap(), None, "{class}");
    }
}

#[tokio::test]
async fn a_batch_sets_all_or_nothing() {
    let running = with_caches().await;
    for class in CLASSES {
        let set = json!({"op": "cache.set", "cache": class, "key": "k", "text": "v", "ttl_ms": 60_000});
        let add = json!({"op": "cache.increment", "cache": class, "key": "n"});
        let fails = json!({"op": "cache.set", "cache": class, "key": "k", "text": "w", "if_version": 1});
        let (status, _) = running.post("/v1/batch", json!({"operations": [set, add, fails]})).await;
        assert_eq!(status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(running.client().cache().get(class, "k").await.unwrap(), None);
        let read = json!({"op": "cache.get", "cache": class, "key": "k"});
        let absent = json!({"read": read, "exists": false});
        let batch = json!({"preconditions": [absent], "operations": [set, add, read]});
        let (status, answers) = running.post("/v1/batch", batch.clone()).await;
        assert_eq!(status, StatusCode::OK, "{answers}");
        assert_eq!(answers["results"][1], 1);
        assert_eq!(answers["results"][2]["text"], "v");
        assert!(answers["results"][2]["expires_at"].is_i64());
        assert_eq!(running.post("/v1/batch", batch).await.0, StatusCode::PRECONDITION_FAILED);
        let expire = json!({"op": "cache.expire", "cache": class, "key": "k"});
        let delete = json!({"op": "cache.delete", "cache": class, "key": "k"});
        let drop = json!({"op": "cache.drop", "cache": class});
        let list = json!({"op": "cache.list"});
        let (status, answers) = running.post("/v1/batch", json!({"operations": [expire, delete, drop, list]})).await;
        assert_eq!(status, StatusCode::OK, "{answers}");
        assert_eq!((&answers["results"][0], &answers["results"][1]), (&json!(true), &json!(true)));
        assert!(!answers["results"][3].as_array().unwrap().contains(&Value::from(class)));
    }
}

#[tokio::test]
async fn bad_input_is_refused_with_a_reason() {
    let running = with_caches().await;
    let long = format!("/v1/caches/durable/entries/{}", "k".repeat(1025));
    let (empty, none) = ("/v1/caches/durable/entries/", "/v1/caches/none/entries/k");
    let zero = format!("{ENTRY}?ttl_ms=0");
    let words = format!("{ENTRY}?ttl_ms=soon");
    let unknown = format!("{ENTRY}?ttl=5");
    let ages = format!("{ENTRY}?ttl_ms=18446744073709551615");
    for (path, status) in [(&*long, 413), (none, 404), (&*zero, 400), (&*words, 400), (&*unknown, 400), (&*ages, 413)] {
        let (found, problem) = answer(running.request(Method::PUT, path).body("x").send().await.unwrap()).await;
        assert_eq!(found.as_u16(), status, "{path}: {problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{problem}");
    }
    assert!(running.request(Method::PUT, empty).body("x").send().await.unwrap().status().is_client_error());
    for (path, settings, status) in [
        ("/v1/caches/x", json!({"class": "eternal"}), 400),
        ("/v1/caches/x", json!({"budget_size_bytes": 1}), 400),
        ("/v1/caches/x", json!({"budget_size_bytes": -1}), 400),
        ("/v1/caches/x", json!({"default_ttl_ms": 0}), 400),
        ("/v1/caches/x", json!({"size": 5}), 400),
        ("/v1/caches/x%20y", json!({}), 400),
        ("/v1/caches/durable", json!({}), 409),
    ] {
        let (found, problem) = running.call(Method::PUT, path, settings.clone()).await;
        assert_eq!(found.as_u16(), status, "{path} {settings}: {problem}");
    }
    for (path, body) in [
        ("/v1/caches/durable/increment", json!({"key": "n", "by": 1.5})),
        ("/v1/caches/durable/increment", json!({"key": "n", "by": "1"})),
        ("/v1/caches/durable/increment", json!({"key": 1})),
        ("/v1/caches/durable/expire", json!({"key": "n", "ttl_ms": -1})),
        ("/v1/caches/durable/expire", json!({"ttl_ms": 1})),
    ] {
        assert_eq!(running.post(path, body.clone()).await.0, StatusCode::BAD_REQUEST, "{path} {body}");
    }
    let both = json!({"op": "cache.set", "cache": "durable", "key": "k", "text": "v", "base64": "dg=="});
    assert_eq!(running.post("/v1/batch", json!({"operations": [both]})).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_large_body_is_refused_before_it_is_kept() {
    let limits = marquetry_server::Limits { body_size_max_bytes: 1000, ..marquetry_server::Limits::default() };
    let running = start_limited(limits).await;
    running.client().cache().create("durable", json!({"class": "durable"})).await.unwrap();
    let large = running.request(Method::PUT, ENTRY).body(vec![0; 1001]).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(running.get(ENTRY).await.status(), StatusCode::NOT_FOUND);
}
