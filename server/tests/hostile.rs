//! Every operation that a batch knows, with everything wrong that its document allows to get wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use support::{Running, start};

/// Values of every JSON type, and of sizes that nobody means.
fn hostile_values() -> Vec<Value> {
    let deep = (0..50).fold(json!(1), |inner, _| json!([inner]));
    vec![
        Value::Null,
        json!(true),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(0),
        json!(""),
        json!("x".repeat(100_000)),
        json!("\u{0}\u{202e}../../etc/passwd"),
        json!([]),
        json!({}),
        json!([null, [], {}, "a", 1]),
        json!({"$where": "1", "": {}, "op": "table.drop"}),
        deep,
    ]
}

/// The members that a schema describes, through references, parts and alternatives.
fn members(document: &Value, schema: &Value, found: &mut Vec<String>, depth: usize) {
    if depth == 0 {
        return;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap();
        members(document, &document["components"]["schemas"][name], found, depth - 1);
    }
    for part in ["allOf", "oneOf"].iter().filter_map(|name| schema[name].as_array()).flatten() {
        members(document, part, found, depth - 1);
    }
    if let Some(properties) = schema["properties"].as_object() {
        found.extend(properties.keys().filter(|name| *name != "op").cloned());
    }
}

/// Names with their members of all operations, as the server's own document tells them.
async fn operations(running: &Running) -> Vec<(String, Vec<String>)> {
    let document: Value = running.get("/openapi.json").await.json().await.unwrap();
    let listed = document["components"]["schemas"]["Operation"]["oneOf"].as_array().unwrap().clone();
    let described = listed.iter().map(|one| {
        let mut found = Vec::new();
        members(&document, one, &mut found, 6);
        found.sort();
        found.dedup();
        (one["allOf"][1]["properties"]["op"]["enum"][0].as_str().unwrap().to_owned(), found)
    });
    described.collect()
}

/// Things with the names that the plausible members use, so that more than the name is looked at.
async fn furnish(running: &Running) {
    for (path, body) in [("/v1/batch", json!({"operations": [{"op": "bucket.create", "bucket": "thing"}]}))] {
        let (status, answer) = running.post(path, body).await;
        assert!(status.is_success(), "{answer}");
    }
}

async fn refuse_or_answer(running: &Running, operation: &Map<String, Value>) -> StatusCode {
    let (status, answer) = running.post("/v1/batch", json!({"operations": [operation]})).await;
    let shown: String = Value::Object(operation.clone()).to_string().chars().take(300).collect();
    let is_typed = status.is_success() || (answer["kind"].is_string() && answer["status"] == status.as_u16());
    assert!(is_typed, "{shown}: {status} {answer}");
    let is_the_callers_fault = status.is_client_error() || status == StatusCode::NOT_IMPLEMENTED;
    assert!(status.is_success() || is_the_callers_fault, "{shown}: {status} {answer}");
    status
}

#[tokio::test]
async fn every_operation_answers_garbage_with_a_typed_refusal() {
    let running = start().await;
    furnish(&running).await;
    let (mut requests, mut refused) = (0, 0);
    for (name, members) in operations(&running).await {
        let plausible: Map<String, Value> =
            members.iter().map(|member| (member.clone(), json!("thing"))).chain([("op".into(), json!(name))]).collect();
        let mut cases = vec![plausible.clone(), Map::from_iter([("op".into(), json!(name))])];
        for member in &members {
            let mut without = plausible.clone();
            without.remove(member);
            cases.push(without);
            for value in hostile_values() {
                let mut case = plausible.clone();
                case.insert(member.clone(), value.clone());
                cases.push(case);
                cases.push(Map::from_iter([("op".into(), json!(name)), (member.clone(), value)]));
            }
        }
        for case in &cases {
            requests += 1;
            refused += usize::from(!refuse_or_answer(&running, case).await.is_success());
        }
    }
    println!("{requests} requests, {refused} refused");
    assert!(refused * 2 > requests, "garbage is accepted: {refused} of {requests} refused");
    assert_eq!(running.get("/ready").await.status(), StatusCode::OK);
    running.database.check().unwrap();
}
