//! Queues over HTTP: leases, long polls, transactions, stale receipts, dead letters, bad input.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::{Duration, Instant};

use marquetry_client::{Client, ErrorKind, Message, Receive, SendOptions};
use marquetry_server::Limits;
use reqwest::{Method, StatusCode};
use serde_json::json;
use support::{Running, answer, start, start_limited};

async fn with_queue() -> (Running, Client) {
    let running = start().await;
    let client = running.client();
    client.queues().create("jobs", json!({})).await.unwrap();
    (running, client)
}

fn up_to(count: usize) -> Receive {
    Receive { count, ..Receive::default() }
}

fn waiting(wait: Duration) -> Receive {
    Receive { wait, ..Receive::default() }
}

fn ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

#[tokio::test]
async fn messages_are_sent_received_and_settled() {
    let (_running, client) = with_queue().await;
    let queues = client.queues();
    assert_eq!(queues.list().await.unwrap(), ["jobs"]);
    let options =
        SendOptions { headers: [("a".into(), "b".into())].into(), group: Some("g".into()), ..Default::default() };
    let first = queues.send_with("jobs", json!({"n": 1}), &options).await.unwrap();
    let rest = queues.send_many("jobs", [(json!(null), SendOptions::default()), (json!([2]), SendOptions::default())]);
    let rest = rest.await.unwrap();
    let received = queues.receive("jobs", &up_to(10)).await.unwrap();
    assert_eq!(ids(&received), [&first, &rest[0], &rest[1]]);
    assert_eq!((&received[0].body, &received[1].body), (&json!({"n": 1}), &json!(null)));
    assert_eq!((received[0].headers["a"].as_str(), received[0].group.as_deref()), ("b", Some("g")));
    assert_eq!((received[0].receive_count, received[0].base64.as_ref()), (1, None));
    assert_eq!(queues.counts("jobs").await.unwrap().leased, 3);
    queues.acknowledge("jobs", &received[0].receipt).await.unwrap();
    queues.extend("jobs", &received[1].receipt, Duration::from_secs(600)).await.unwrap();
    queues.release("jobs", &received[2].receipt, Duration::ZERO).await.unwrap();
    let again = queues.receive("jobs", &up_to(10)).await.unwrap();
    assert_eq!((ids(&again), again[0].receive_count), (vec![rest[1].as_str()], 2));
    queues.reject("jobs", &again[0].receipt, "no such thing").await.unwrap();
    let letters = queues.dead_letters("jobs").await.unwrap();
    assert_eq!((letters[0].id.as_str(), letters[0].reason.as_str()), (rest[1].as_str(), "no such thing"));
    queues.redrive("jobs", &letters[0].id).await.unwrap();
    assert_eq!(queues.redrive("jobs", &letters[0].id).await.unwrap_err().kind(), ErrorKind::NotFound);
    queues.purge("jobs").await.unwrap();
    let counts = queues.counts("jobs").await.unwrap();
    assert_eq!((counts.ready, counts.leased, counts.dead), (0, 0, 0));
    queues.drop("jobs").await.unwrap();
    assert_eq!(queues.send("jobs", 1).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_stale_receipt_is_told_apart() {
    let (_running, client) = with_queue().await;
    let queues = client.queues();
    queues.send("jobs", 1).await.unwrap();
    let brief = Receive { lease: Some(Duration::from_millis(20)), ..Receive::default() };
    let first = queues.receive("jobs", &brief).await.unwrap().remove(0);
    let second = queues.receive("jobs", &waiting(Duration::from_secs(10))).await.unwrap().remove(0);
    assert_eq!((second.id.clone(), second.receive_count), (first.id, 2));
    let error = queues.acknowledge("jobs", &first.receipt).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Precondition);
    queues.acknowledge("jobs", &second.receipt).await.unwrap();
    for receipt in [second.receipt.as_str(), "17-0123456789abcdef"] {
        let error = queues.release("jobs", receipt, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Precondition, "{receipt}");
    }
    assert_eq!(queues.acknowledge("jobs", "garbage").await.unwrap_err().kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn many_long_polls_wait_without_workers_and_each_message_wakes_one() {
    let running = start_limited(Limits { workers: 1, ..Limits::default() }).await;
    let client = running.client();
    client.queues().create("jobs", json!({})).await.unwrap();
    let polls: Vec<_> = (0..20)
        .map(|_| {
            let queues = client.queues();
            tokio::spawn(async move { queues.receive("jobs", &waiting(Duration::from_secs(15))).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    // With one worker, this answers only when nobody waits on it.
    let begun = Instant::now();
    for n in 0..20 {
        client.queues().send("jobs", n).await.unwrap();
    }
    let mut bodies = Vec::new();
    for poll in polls {
        let received = poll.await.unwrap();
        assert_eq!(received.len(), 1);
        bodies.push(received[0].body.as_u64().unwrap());
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    bodies.sort_unstable();
    assert_eq!(bodies, (0..20).collect::<Vec<u64>>());
}

#[tokio::test]
async fn a_long_poll_ends_with_a_delay_a_rollback_or_its_time() {
    let (_running, client) = with_queue().await;
    let queues = client.queues();
    assert!(queues.receive("jobs", &waiting(Duration::from_millis(50))).await.unwrap().is_empty());
    let id = queues.send_later("jobs", 1, Duration::from_millis(150)).await.unwrap();
    let received = queues.receive("jobs", &waiting(Duration::from_secs(10))).await.unwrap();
    assert_eq!(ids(&received), [&id]);
    queues.release("jobs", &received[0].receipt, Duration::ZERO).await.unwrap();
    let tx = client.begin().await.unwrap();
    assert_eq!(tx.queues().receive("jobs", &Receive::default()).await.unwrap().len(), 1);
    let poll = tokio::spawn(async move { queues.receive("jobs", &waiting(Duration::from_secs(10))).await.unwrap() });
    tokio::time::sleep(Duration::from_millis(50)).await;
    tx.rollback().await.unwrap();
    assert_eq!(ids(&poll.await.unwrap()), [&id]);
}

#[tokio::test]
async fn messages_are_part_of_transactions() {
    let (_running, client) = with_queue().await;
    let queues = client.queues();
    let id = queues.send("jobs", 1).await.unwrap();
    let tx = client.begin().await.unwrap();
    let received = tx.queues().receive("jobs", &up_to(5)).await.unwrap();
    assert_eq!(ids(&received), [&id]);
    tx.queues().acknowledge("jobs", &received[0].receipt).await.unwrap();
    tx.queues().send("jobs", 2).await.unwrap();
    assert!(queues.receive("jobs", &up_to(5)).await.unwrap().is_empty());
    let error = tx.queues().receive("jobs", &waiting(Duration::from_secs(1))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    tx.rollback().await.unwrap();
    let again = queues.receive("jobs", &up_to(5)).await.unwrap();
    assert_eq!((ids(&again), again[0].receive_count), (vec![id.as_str()], 1));
    client
        .transact(|tx| {
            let receipt = again[0].receipt.clone();
            async move {
                tx.queues().acknowledge("jobs", &receipt).await?;
                tx.queues().send("jobs", 3).await
            }
        })
        .await
        .unwrap();
    assert_eq!(queues.receive("jobs", &up_to(5)).await.unwrap()[0].body, 3);
}

#[tokio::test]
async fn messages_are_part_of_batches() {
    let (running, client) = with_queue().await;
    let answers = client
        .batch()
        .operation(json!({"op": "queue.send", "queue": "jobs", "body": {"order": 1}, "deduplication_id": "x"}))
        .operation(json!({"op": "queue.send", "queue": "jobs", "base64": "AAE=", "deduplication_id": "y"}))
        .operation(json!({"op": "queue.send", "queue": "jobs", "body": 2, "deduplication_id": "x"}))
        .operation(json!({"op": "queue.receive", "queue": "jobs", "count": 10}))
        .operation(json!({"op": "queue.counts", "queue": "jobs"}))
        .run()
        .await
        .unwrap();
    assert_eq!(answers[0], answers[2]);
    assert_eq!((&answers[3][0]["body"], &answers[3][1]["base64"]), (&json!({"order": 1}), &json!("AAE=")));
    assert_eq!(answers[4]["leased"], 2);
    let receipts: Vec<_> = answers[3].as_array().unwrap().iter().map(|message| message["receipt"].clone()).collect();
    let settle = client
        .batch()
        .operation(json!({"op": "queue.acknowledge", "queue": "jobs", "receipt": receipts[0]}))
        .operation(json!({"op": "queue.acknowledge", "queue": "jobs", "receipt": receipts[0]}));
    assert_eq!(settle.run().await.unwrap_err().kind(), ErrorKind::Precondition);
    assert_eq!(client.queues().counts("jobs").await.unwrap().leased, 2, "nothing of it happened");
    let peeked = running.get("/v1/queues/jobs/messages?limit=1").await;
    let (status, peeked) = answer(peeked).await;
    assert_eq!((status, &peeked[0]["status"]), (StatusCode::OK, &json!("leased")));
    let (_, described) = answer(running.get("/v1/queues/jobs").await).await;
    assert_eq!((&described["settings"]["lease_ms"], &described["leased"]), (&json!(30_000), &json!(2)));
}

#[tokio::test]
async fn bad_input_is_told() {
    let (running, _client) = with_queue().await;
    for (method, path, body, status) in [
        (Method::PUT, "/v1/queues/jobs", json!({}), StatusCode::CONFLICT),
        (Method::PUT, "/v1/queues/a", json!({"lease": 1}), StatusCode::BAD_REQUEST),
        (Method::PUT, "/v1/queues/a", json!({"lease_ms": 0}), StatusCode::BAD_REQUEST),
        (Method::PUT, "/v1/queues/a", json!({"dead_letter_queue": "b"}), StatusCode::NOT_FOUND),
        (Method::PUT, "/v1/queues/a%20b", json!({}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/messages", json!({}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/messages", json!({"body": 1, "base64": ""}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/messages", json!({"base64": "%"}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/messages", json!({"body": 1, "delay_ms": -1}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/messages", json!({"body": 1, "group": ""}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/none/messages", json!({"body": 1}), StatusCode::NOT_FOUND),
        (Method::POST, "/v1/queues/jobs/receive", json!({"count": 0}), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, "/v1/queues/jobs/receive", json!({"count": 1_000_000}), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, "/v1/queues/jobs/receive", json!({"wait_ms": u64::MAX}), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, "/v1/queues/jobs/receive", json!({"lease_ms": u64::MAX}), StatusCode::PAYLOAD_TOO_LARGE),
        (Method::POST, "/v1/queues/none/receive", json!({"wait_ms": 1000}), StatusCode::NOT_FOUND),
        (Method::POST, "/v1/queues/jobs/acknowledge", json!({"receipt": "x".repeat(9999)}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/purge", json!({"all": true}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/dead/redrive", json!({}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/dead/redrive", json!({"id": "x"}), StatusCode::BAD_REQUEST),
        (Method::POST, "/v1/queues/jobs/dead/delete", json!({"id": "7"}), StatusCode::NOT_FOUND),
    ] {
        let (found, problem) = running.call(method, path, body.clone()).await;
        let shown: String = body.to_string().chars().take(60).collect();
        assert_eq!(found, status, "{path} {shown}: {problem}");
    }
    let large = running
        .post("/v1/queues/jobs/messages", json!({"body": "x".repeat(1_000_000), "headers": {"a": "x".repeat(17_000)}}));
    assert_eq!(large.await.0, StatusCode::PAYLOAD_TOO_LARGE);
    running.database.check().unwrap();
}
