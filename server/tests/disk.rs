//! A server whose disk fills up, whose directory cannot be written, or whose files were damaged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use marquetry::Database;
use marquetry::env::{FailureSpan, MemoryEnv};
use marquetry_server::Settings;
use reqwest::StatusCode;
use serde_json::{Value, json};
use support::process::{code, kill, run, said, serve};
use support::{Running, start_of};

async fn start_on(env: &MemoryEnv) -> Running {
    let settings = marquetry::Settings { background: false, ..marquetry::Settings::default() };
    let database = Database::open_on(Arc::new(env.clone()), Path::new("/data"), settings).unwrap();
    start_of(database, Settings::local()).await
}

fn put(key: &str) -> Value {
    json!({"operations": [{"op": "object.put", "bucket": "b", "key": key, "text": key}]})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_keeps_reads_and_loses_nothing() {
    let env = MemoryEnv::simulated(1);
    let running = start_on(&env).await;
    let (status, answer) =
        running.post("/v1/batch", json!({"operations": [{"op": "bucket.create", "bucket": "b"}]})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(running.post("/v1/batch", put("before")).await.0, StatusCode::OK);

    env.fail_at(env.io_count() + 1, ErrorKind::StorageFull, FailureSpan::Forever);
    let (status, problem) = running.post("/v1/batch", put("during")).await;
    assert!(matches!(status.as_u16(), 503 | 504), "{status} {problem}");
    assert!(problem["detail"].as_str().unwrap().contains("disk space"), "{problem}");
    let (status, problem) = running.post("/v1/batch", put("after")).await;
    assert_eq!((status, problem["kind"].as_str()), (StatusCode::SERVICE_UNAVAILABLE, Some("unavailable")), "{problem}");
    assert_eq!(running.get("/v1/buckets/b/objects/before").await.text().await.unwrap(), "before");
    assert_eq!(running.get("/health").await.status(), StatusCode::OK);
    assert_eq!(running.get("/ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let metrics = running.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("marquetry_accepts_writes 0"), "{metrics}");

    // Space alone is not enough: what a failed write left behind is only known after opening again.
    env.clear_faults();
    assert_eq!(running.post("/v1/batch", put("too soon")).await.0, StatusCode::SERVICE_UNAVAILABLE);
    running.server.stop().await;
    drop(running.database);

    let running = start_on(&env).await;
    assert_eq!(running.get("/ready").await.status(), StatusCode::OK);
    assert_eq!(running.get("/v1/buckets/b/objects/before").await.text().await.unwrap(), "before");
    assert_eq!(running.get("/v1/buckets/b/objects/after").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(running.post("/v1/batch", put("again")).await.0, StatusCode::OK);
    running.database.check().unwrap();
}

#[test]
fn a_directory_that_cannot_be_used_is_refused_with_advice() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let foreign = directory.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("letter.txt"), "somebody's").unwrap();
    // Nobody can make a directory in /sys, not even root, whom permissions do not stop.
    for (data, hint) in [
        ("/sys/marquetry", "writable"),
        (file.to_str().unwrap(), "something else"),
        (foreign.to_str().unwrap(), "empty"),
    ] {
        let output = run(&["serve", "--data", data, "--http", "127.0.0.1:0", "--postgres", "off"]);
        assert_eq!(code(&output), 1, "{data}: {}", said(&output));
        assert!(said(&output).contains(hint) && said(&output).contains(data), "{data}: {}", said(&output));
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "not a directory");
}

#[test]
fn damage_is_named_by_file_and_offset_and_nothing_is_served() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    kill(serve(&data, &[]).0);
    let checkpoint = data.join("checkpoint");
    let mut bytes = std::fs::read(&checkpoint).unwrap();
    bytes[21_000] ^= 1;
    std::fs::write(&checkpoint, &bytes).unwrap();
    for arguments in [
        vec!["check", data.to_str().unwrap()],
        vec!["serve", "--data", data.to_str().unwrap(), "--http", "127.0.0.1:0", "--postgres", "off"],
    ] {
        let output = run(&arguments);
        assert_eq!(code(&output), 3, "{}", said(&output));
        assert!(said(&output).contains("checkpoint") && said(&output).contains("byte 20480"), "{}", said(&output));
    }
}
