//! Transactions over several requests, batches with preconditions, and versions that answers carry.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use marquetry_client::{Client, ErrorKind, PutOptions, Result};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use support::{Running, start};

async fn with_bucket() -> Running {
    let running = start().await;
    running.client().blobs().create_bucket("b").await.unwrap();
    running
}

fn version_of(response: &Response) -> u64 {
    response.headers()["marquetry-version"].to_str().unwrap().parse().unwrap()
}

async fn text(running: &Running, key: &str, transaction: Option<&str>) -> Option<String> {
    let mut request = running.request(Method::GET, &format!("/v1/buckets/b/objects/{key}"));
    if let Some(id) = transaction {
        request = request.header("marquetry-transaction", id);
    }
    let response = request.send().await.unwrap();
    match response.status() {
        StatusCode::NOT_FOUND => None,
        status => {
            assert_eq!(status, StatusCode::OK);
            Some(response.text().await.unwrap())
        }
    }
}

async fn put(running: &Running, key: &str, body: &'static str, transaction: &str) -> StatusCode {
    let request = running.request(Method::PUT, &format!("/v1/buckets/b/objects/{key}")).body(body);
    request.header("marquetry-transaction", transaction).send().await.unwrap().status()
}

async fn begin(running: &Running) -> String {
    let (status, begun) = running.post("/v1/transactions", json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{begun}");
    begun["transaction"].as_str().unwrap().to_owned()
}

async fn end(running: &Running, id: &str, verb: &str) -> (StatusCode, Value) {
    running.post(&format!("/v1/transactions/{id}/{verb}"), json!({})).await
}

#[tokio::test]
async fn what_is_done_inside_is_seen_outside_only_after_the_commit() {
    let running = with_bucket().await;
    let id = begin(&running).await;
    assert!(put(&running, "k", "mine", &id).await.is_success());
    assert_eq!(text(&running, "k", Some(&id)).await.as_deref(), Some("mine"));
    assert_eq!(text(&running, "k", None).await, None);
    let (status, committed) = end(&running, &id, "commit").await;
    assert_eq!(status, StatusCode::OK, "{committed}");
    assert_eq!(text(&running, "k", None).await.as_deref(), Some("mine"));
    let (status, problem) = end(&running, &id, "commit").await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::NOT_FOUND, Some("not_found")));
    assert_eq!(put(&running, "k", "late", &id).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_rollback_leaves_nothing_and_a_conflict_is_told() {
    let running = with_bucket().await;
    let id = begin(&running).await;
    assert!(put(&running, "gone", "x", &id).await.is_success());
    assert_eq!(end(&running, &id, "rollback").await.0, StatusCode::OK);
    assert_eq!(text(&running, "gone", None).await, None);

    let (one, two) = (begin(&running).await, begin(&running).await);
    for id in [&one, &two] {
        assert_eq!(text(&running, "k", Some(id)).await, None);
        assert!(put(&running, "k", "value", id).await.is_success());
    }
    assert_eq!(end(&running, &one, "commit").await.0, StatusCode::OK);
    let (status, problem) = end(&running, &two, "commit").await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::CONFLICT, Some("conflict")), "{problem}");
}

#[tokio::test]
async fn a_failed_request_inside_takes_only_itself_back() {
    let running = with_bucket().await;
    let id = begin(&running).await;
    assert!(put(&running, "k", "kept", &id).await.is_success());
    let bad = json!({"operations": [
        {"op": "object.put", "bucket": "b", "key": "half", "text": "x"},
        {"op": "object.put", "bucket": "missing", "key": "k", "text": "x"},
    ]});
    let request = running.request(Method::POST, "/v1/batch").header("marquetry-transaction", &id).json(&bad);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(end(&running, &id, "commit").await.0, StatusCode::OK);
    assert_eq!(text(&running, "k", None).await.as_deref(), Some("kept"));
    assert_eq!(text(&running, "half", None).await, None);
}

#[tokio::test]
async fn the_client_retries_conflicts_and_returns_other_errors() {
    let running = with_bucket().await;
    let client = running.client();
    client.blobs().put("b", "count", "0", &PutOptions::default()).await.unwrap();
    let counting = (0..4).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            for _ in 0..5 {
                let count = async |tx: marquetry_client::Transaction| {
                    let object = tx.blobs().get("b", "count").await?.expect("it was put");
                    let number: u64 = String::from_utf8_lossy(&object.bytes().await?).parse().unwrap();
                    tx.blobs().put("b", "count", (number + 1).to_string(), &PutOptions::default()).await
                };
                client.transact(count).await.unwrap();
            }
        })
    });
    for task in counting.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(text(&running, "count", None).await.as_deref(), Some("20"));
    let missing = client.transact(async |tx| tx.blobs().drop_bucket("nothing").await).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn preconditions_decide_whether_a_batch_happens() {
    let running = with_bucket().await;
    let put = |expected: Value| {
        let mut precondition = json!({"read": {"op": "object.head", "bucket": "b", "key": "k"}});
        precondition.as_object_mut().unwrap().extend(expected.as_object().unwrap().clone());
        let operation = json!({"op": "object.put", "bucket": "b", "key": "k", "text": "1"});
        json!({"preconditions": [precondition], "operations": [operation]})
    };
    assert_eq!(running.post("/v1/batch", put(json!({"exists": true}))).await.0, StatusCode::PRECONDITION_FAILED);
    assert_eq!(text(&running, "k", None).await, None);
    assert_eq!(running.post("/v1/batch", put(json!({"exists": false}))).await.0, StatusCode::OK);
    assert_eq!(running.post("/v1/batch", put(json!({"contains": {"size_bytes": 1}}))).await.0, StatusCode::OK);
    assert_eq!(
        running.post("/v1/batch", put(json!({"contains": {"size_bytes": 2}}))).await.0,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(running.post("/v1/batch", put(json!({"equals": null}))).await.0, StatusCode::PRECONDITION_FAILED);
    for (filter, status) in [
        (json!({"size_bytes": {"$gte": 1, "$lt": 2}}), StatusCode::OK),
        (json!({"size_bytes": {"$gt": 1}}), StatusCode::PRECONDITION_FAILED),
        (json!({"size_bytes": {"$near": 1}}), StatusCode::NOT_IMPLEMENTED),
        (json!([1]), StatusCode::BAD_REQUEST),
    ] {
        let (found, answer) = running.post("/v1/batch", put(json!({"matches": filter}))).await;
        assert_eq!(found, status, "{filter}: {answer}");
    }
    assert_eq!(running.post("/v1/batch", put(json!({}))).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn answers_carry_versions_and_requests_wait_for_them() {
    let running = with_bucket().await;
    let write = running.request(Method::PUT, "/v1/buckets/b/objects/k").body("1").send().await.unwrap();
    let version = version_of(&write);
    let read = running.request(Method::GET, "/v1/buckets/b/objects/k").header("marquetry-after", version);
    let read = read.send().await.unwrap();
    assert!(version_of(&read) >= version);

    let waiting = running.request(Method::GET, "/v1/catalog").header("marquetry-after", version + 1);
    let waiting = tokio::spawn(async move { waiting.send().await.unwrap() });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!waiting.is_finished(), "the version is not there yet");
    let begun = Instant::now();
    running.client().blobs().put("b", "k", "2", &PutOptions::default()).await.unwrap();
    let answer = waiting.await.unwrap();
    assert!(answer.status().is_success() && version_of(&answer) > version);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

async fn increment(client: &Client) -> Result<()> {
    let increment = async |tx: marquetry_client::Transaction| {
        let counter = tx.documents().get("counters", "one").await?.expect("it is never deleted");
        let n = counter["n"].as_u64().expect("counters are numbers");
        tx.documents().replace("counters", "one", json!({"n": n + 1})).await.map(drop)
    };
    client.transact(increment).await
}

#[tokio::test]
async fn many_clients_at_one_hot_key_take_turns_and_all_commit() {
    let running = start().await;
    let client = running.client();
    client.documents().create("counters").await.unwrap();
    client.documents().insert("counters", json!({"_id": "one", "n": 0})).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let client = client.clone();
        tasks.spawn(async move {
            for _ in 0..10 {
                increment(&client).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(client.documents().get("counters", "one").await.unwrap().unwrap()["n"], json!(160));
}

#[tokio::test]
async fn a_conflict_says_where_to_stand_in_line() {
    let running = with_bucket().await;
    let (one, two) = (begin(&running).await, begin(&running).await);
    for id in [&one, &two] {
        assert_eq!(text(&running, "k", Some(id)).await, None);
        assert!(put(&running, "k", "mine", id).await.is_success());
    }
    assert_eq!(end(&running, &one, "commit").await.0, StatusCode::OK);
    let (status, problem) = end(&running, &two, "commit").await;
    assert_eq!((status, &problem["kind"]), (StatusCode::CONFLICT, &json!("conflict")), "{problem}");
    let (status, begun) = running.post("/v1/transactions", json!({"contended": [problem["contended"]]})).await;
    assert_eq!(status, StatusCode::CREATED, "{begun}");
    for (contended, expected) in [
        (json!(["no"]), StatusCode::BAD_REQUEST),
        (json!(["+000000000000001"]), StatusCode::BAD_REQUEST),
        (json!([7]), StatusCode::BAD_REQUEST),
        (json!(vec!["0000000000000001"; 65]), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (status, problem) = running.post("/v1/transactions", json!({"contended": contended})).await;
        assert_eq!(status, expected, "{problem}");
    }
}
