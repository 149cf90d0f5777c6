//! Tables over HTTP: every type there and back, ranges, broken rules, transactions, batches, bad input.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use marquetry_client::{Column, ErrorKind, Index, Scan, TableDefinition};
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value, json};
use support::{Running, answer, start};

const TYPES: [&str; 15] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "text",
    "bytea",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "jsonb",
];

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// id (numbered) | email (unique) | city, age (indexed together)
fn people() -> TableDefinition {
    TableDefinition {
        name: "people".into(),
        columns: vec![
            Column::new("id", "int8").auto_increment(),
            Column::new("email", "text").not_null(),
            Column::new("city", "text").default_value("Graz"),
            Column::new("age", "int4"),
        ],
        primary_key: vec!["id".into()],
        indexes: vec![
            Index { name: "by_email".into(), columns: vec!["email".into()], unique: true },
            Index { name: "by_city".into(), columns: vec!["city".into(), "age".into()], unique: false },
        ],
    }
}

async fn with_people() -> Running {
    let running = start().await;
    running.client().tables().create(&people()).await.unwrap();
    running
}

#[tokio::test]
async fn every_type_comes_back_as_it_was_sent() {
    let running = start().await;
    let tables = running.client().tables();
    let columns = TYPES.map(|name| Column::new(format!("c_{name}"), name)).to_vec();
    let columns = [vec![Column::new("id", "int4")], columns].concat();
    let definition =
        TableDefinition { name: "all".into(), columns, primary_key: vec!["id".into()], ..Default::default() };
    tables.create(&definition).await.unwrap();
    assert_eq!(tables.describe("all").await.unwrap(), definition);
    let rows = [
        json!({"id": 1, "c_bool": true, "c_int2": -32768, "c_int4": 2147483647, "c_int8": i64::MIN, "c_float4": 0.1,
               "c_float8": 0.30000000000000004, "c_numeric": "-12345678901234567890.0120", "c_text": "é\"\n",
               "c_bytea": "AAH/", "c_date": "2026-11-25", "c_time": "23:59:59.999999",
               "c_timestamp": "2026-11-25T08:00:00.5", "c_timestamptz": "2026-11-25T08:00:00Z",
               "c_uuid": "67e55044-10b1-426f-9247-bb680e5fe0c8", "c_jsonb": {"b": [1, 2.5, null], "a": "x"}}),
        json!({"id": 2, "c_bool": false, "c_int2": 0, "c_int4": 0, "c_int8": i64::MAX, "c_float4": "NaN",
               "c_float8": "-Infinity", "c_numeric": "0.00", "c_text": "", "c_bytea": "", "c_date": "0044-03-15 BC",
               "c_time": "00:00:00", "c_timestamp": "0001-01-01T00:00:00", "c_timestamptz": "1969-12-31T23:59:59Z",
               "c_uuid": "00000000-0000-0000-0000-000000000000", "c_jsonb": "text"}),
    ];
    for row in rows {
        assert_eq!(tables.insert("all", &row).await.unwrap(), object(row.clone()));
        assert_eq!(tables.get("all", row["id"].clone()).await.unwrap().unwrap(), object(row));
    }
    let nulls = tables.insert("all", json!({"id": 3, "c_jsonb": null})).await.unwrap();
    assert!(nulls.iter().all(|(name, value)| name == "id" || value.is_null()), "{nulls:?}");
    for name in TYPES {
        let wrong = json!({"id": 9, format!("c_{name}"): if name == "jsonb" { continue } else { json!([1]) }});
        let error = tables.insert("all", wrong).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (ErrorKind::Invalid, Some(400)), "{error}");
        assert!(error.message().contains(name), "{error}");
    }
}

#[tokio::test]
async fn numbers_of_double_precision_keep_every_bit() {
    let running = start().await;
    let tables = running.client().tables();
    let columns = vec![Column::new("number", "float8"), Column::new("json", "jsonb")];
    let definition =
        TableDefinition { name: "floats".into(), columns, primary_key: vec!["number".into()], ..Default::default() };
    tables.create(&definition).await.unwrap();
    let mut state = 1u64;
    let numbers = std::iter::from_fn(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(f64::from_bits(state ^ (state >> 29)))
    });
    let numbers: Vec<f64> = numbers.filter(|number| number.is_finite()).take(1_000).collect();
    let rows = numbers.iter().map(|number| json!({"number": number, "json": [number]})).collect();
    tables.insert_many("floats", rows).await.unwrap();
    let snapshot = running.database.snapshot().unwrap();
    for number in numbers {
        let row = snapshot.tables().get("floats", number).unwrap();
        let row = row.unwrap_or_else(|| panic!("{number:e} was changed on its way"));
        assert_eq!(row.to_json()["json"], json!([number]));
    }
}

#[tokio::test]
async fn rows_are_written_scanned_and_counted() {
    let running = with_people().await;
    let tables = running.client().tables();
    assert_eq!(tables.list().await.unwrap(), ["people"]);
    let row = tables.insert("people", json!({"email": "a"})).await.unwrap();
    assert_eq!(row, object(json!({"id": 1, "email": "a", "city": "Graz", "age": null})));
    let rows = (2..=10).map(|id| json!({"id": id, "email": id.to_string(), "city": "Wien", "age": id % 3})).collect();
    assert_eq!(tables.insert_many("people", rows).await.unwrap().len(), 9);
    assert_eq!(tables.update("people", 1, json!({"age": 5})).await.unwrap()["age"], 5);
    assert_eq!(tables.add("people", 1, json!({"age": -7})).await.unwrap()["age"], -2);
    assert_eq!(tables.add("people", 1, json!({"email": "x"})).await.unwrap_err().kind(), ErrorKind::Invalid);
    assert_eq!(tables.upsert("people", json!({"id": 1, "email": "b"})).await.unwrap()["age"], Value::Null);
    assert!(tables.delete("people", 10).await.unwrap());
    assert!(!tables.delete("people", 10).await.unwrap());
    assert_eq!(tables.get("people", json!([10])).await.unwrap(), None);
    let scan = Scan { index: Some("by_city".into()), prefix: vec!["Wien".into()], ..Scan::default() };
    assert_eq!(tables.count("people", &scan).await.unwrap(), 8);
    let aged = Scan { above: Some(vec![0.into()]), through: Some(vec![1.into()]), reverse: true, ..scan.clone() };
    let page = tables.scan("people", &aged).await.unwrap();
    assert_eq!(page.rows.iter().map(|row| row["id"].as_i64().unwrap()).collect::<Vec<_>>(), [7, 4]);
    assert_eq!(page.next, None);
    let mut found = Vec::new();
    let mut scan = Scan { limit: Some(3), ..scan };
    loop {
        let page = tables.scan("people", &scan).await.unwrap();
        found.extend(page.rows.iter().map(|row| row["id"].as_i64().unwrap()));
        scan.after = page.next;
        if scan.after.is_none() {
            break;
        }
    }
    assert_eq!(found, [3, 6, 9, 4, 7, 2, 5, 8]);
    let by_age = Index { name: "by_age".into(), columns: vec!["age".into()], unique: false };
    tables.create_index("people", &by_age).await.unwrap();
    assert_eq!(tables.describe("people").await.unwrap().indexes.len(), 3);
    let two = Scan { index: Some("by_age".into()), prefix: vec![2.into()], ..Scan::default() };
    assert_eq!(tables.count("people", &two).await.unwrap(), 3);
    tables.drop_index("people", "by_age").await.unwrap();
    assert_eq!(tables.scan("people", &two).await.unwrap_err().kind(), ErrorKind::NotFound);
    tables.drop("people").await.unwrap();
    assert_eq!(tables.get("people", 1).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(tables.list().await.unwrap().is_empty());
    running.database.check().unwrap();
}

/// Sends what is wrong and expects the status, and a detail that holds the hint.
async fn expect_refusals(running: &Running, cases: Vec<(Method, &str, Value, u16, &str)>) {
    for (method, path, body, status, hint) in cases {
        let (found, problem) = running.call(method, path, body.clone()).await;
        assert_eq!(found.as_u16(), status, "{path} {body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(hint), "{path} {body}: {problem}");
    }
    assert_eq!(running.client().tables().count("people", &Scan::default()).await.unwrap(), 1);
    running.database.check().unwrap();
}

#[tokio::test]
async fn wrong_rows_keys_and_scans_have_their_status_and_are_told() {
    let running = with_people().await;
    running.client().tables().insert("people", json!({"email": "a"})).await.unwrap();
    let rows = "/v1/tables/people/rows";
    let row = |row: Value| json!({"rows": [row]});
    let cases = vec![
        (Method::POST, rows, row(json!({"id": 1, "email": "b"})), 409, "primary key"),
        (Method::POST, rows, row(json!({"email": "a"})), 422, "by_email"),
        (Method::POST, rows, row(json!({"age": 1})), 422, "email"),
        (Method::POST, rows, row(json!({"email": "b", "size": 1})), 400, "size"),
        (Method::POST, rows, row(json!({"email": 5})), 400, "text"),
        (Method::POST, rows, row(json!({"email": "b", "age": 3_000_000_000u64})), 400, "int4"),
        (Method::POST, rows, row(json!({"email": "b", "age": 1.5})), 400, "whole number"),
        (Method::POST, rows, row(json!({"email": "nul\u{0}"})), 400, "NUL"),
        (Method::POST, rows, row(json!([1])), 400, "object"),
        (Method::POST, rows, row(json!({"email": "x".repeat(9_000)})), 413, "by_email"),
        (Method::POST, rows, json!({"rows": [], "mode": "replace"}), 400, "replace"),
        (Method::POST, rows, json!({"row": {}}), 400, "row"),
        (Method::POST, "/v1/tables/people/get", json!({"key": "one"}), 400, "int8"),
        (Method::POST, "/v1/tables/people/get", json!({"key": [1, 2]}), 400, "id"),
        (Method::POST, "/v1/tables/people/get", json!({"key": 1, "columns": []}), 400, "columns"),
        (Method::POST, "/v1/tables/people/update", json!({"key": 7, "set": {}}), 404, "7"),
        (Method::POST, "/v1/tables/people/scan", json!({"index": "by_age"}), 404, "by_age"),
        (Method::POST, "/v1/tables/people/scan", json!({"limit": 100_000}), 413, "10000"),
        (Method::POST, "/v1/tables/people/scan", json!({"limit": 0}), 400, "limit"),
        (Method::POST, "/v1/tables/people/scan", json!({"after": "%%%"}), 400, "position"),
        (Method::POST, "/v1/tables/people/scan", json!({"from": [1], "above": [1]}), 400, "lower"),
        (Method::POST, "/v1/tables/people/scan", json!({"from": [null]}), 400, "NULL"),
    ];
    expect_refusals(&running, cases).await;
    let (status, _) = running.post_text(rows, &b"{\"rows\":[{\"email\":\"\xff\"}]}"[..]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let (status, problem) = running.post_text(rows, r#"{"rows":[{"email":"b","email":"c"}]}"#).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{problem}");
    let (status, _) = answer(running.get("/v1/tables/%ff").await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn wrong_definitions_have_their_status_and_are_told() {
    let running = with_people().await;
    running.client().tables().insert("people", json!({"email": "a"})).await.unwrap();
    let long = "x".repeat(300);
    let cases = vec![
        (Method::POST, "/v1/tables/people/indexes", json!({"name": "by_email", "columns": ["id"]}), 409, "by_email"),
        (Method::DELETE, "/v1/tables/people/indexes/none", json!(null), 404, "none"),
        (Method::GET, "/v1/tables/none", json!(null), 404, "none"),
        (Method::DELETE, "/v1/tables/none", json!(null), 404, "none"),
        (Method::POST, "/v1/tables", json!({"name": "people", "columns": [], "primary_key": []}), 400, "primary key"),
        (
            Method::POST,
            "/v1/tables",
            json!({"name": "x", "columns": [{"name": "a", "type": "money"}], "primary_key": ["a"]}),
            400,
            "money",
        ),
        (
            Method::POST,
            "/v1/tables",
            json!({"name": "x", "columns": [{"name": "a", "type": "int4", "size": 1}], "primary_key": ["a"]}),
            400,
            "size",
        ),
        (
            Method::POST,
            "/v1/tables",
            json!({"name": "x", "columns": [{"name": long, "type": "int4"}], "primary_key": [long]}),
            413,
            "255",
        ),
        (
            Method::POST,
            "/v1/tables",
            json!({"name": long, "columns": [{"name": "a", "type": "int4"}], "primary_key": ["a"]}),
            413,
            "255",
        ),
        (
            Method::POST,
            "/v1/tables",
            json!({"name": "people", "columns": [{"name": "a", "type": "int4"}], "primary_key": ["a"]}),
            409,
            "people",
        ),
    ];
    expect_refusals(&running, cases).await;
}

#[tokio::test]
async fn transactions_see_their_own_rows_and_nobody_else_does() {
    let running = with_people().await;
    let client = running.client();
    let tx = client.begin().await.unwrap();
    tx.tables().insert("people", json!({"email": "a"})).await.unwrap();
    let error =
        tx.tables().insert_many("people", vec![json!({"email": "b"}), json!({"email": "a"})]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Constraint);
    // The statement that failed is gone, the transaction goes on.
    assert_eq!(tx.tables().count("people", &Scan::default()).await.unwrap(), 1);
    assert_eq!(client.tables().count("people", &Scan::default()).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(client.tables().count("people", &Scan::default()).await.unwrap(), 1);
    // Two that read a count and write on its strength cannot both commit.
    let (one, two) = (client.begin().await.unwrap(), client.begin().await.unwrap());
    for (tx, email) in [(&one, "one"), (&two, "two")] {
        assert_eq!(tx.tables().count("people", &Scan::default()).await.unwrap(), 1);
        tx.tables().insert("people", json!({"email": email})).await.unwrap();
    }
    one.commit().await.unwrap();
    assert_eq!(two.commit().await.unwrap_err().kind(), ErrorKind::Conflict);
    let dropped = client.begin().await.unwrap();
    dropped.tables().drop("people").await.unwrap();
    assert_eq!(dropped.tables().list().await.unwrap(), Vec::<String>::new());
    dropped.rollback().await.unwrap();
    assert_eq!(client.tables().count("people", &Scan::default()).await.unwrap(), 2);
}

#[tokio::test]
async fn batches_take_effect_as_one_when_their_preconditions_hold() {
    let running = with_people().await;
    let client = running.client();
    let insert = |email: &str| json!({"op": "table.insert", "table": "people", "row": {"email": email}});
    let create = json!({"op": "table.create", "name": "log", "columns": [{"name": "at", "type": "timestamptz", "default": "now()"},
                        {"name": "what", "type": "jsonb"}], "primary_key": ["at"]});
    let answers = client
        .batch()
        .only_if(json!({"op": "table.count", "table": "people"}), json!({"equals": 0}))
        .operation(create)
        .operation(
            json!({"op": "table.create_index", "table": "people", "index": {"name": "by_age", "columns": ["age"]}}),
        )
        .operation(insert("a"))
        .operation(json!({"op": "table.insert_many", "table": "people", "rows": [{"email": "b"}, {"email": "c"}]}))
        .operation(json!({"op": "table.upsert", "table": "people", "row": {"id": 3, "email": "d"}}))
        .operation(json!({"op": "table.update", "table": "people", "key": [2], "set": {"age": 4}}))
        .operation(json!({"op": "table.delete", "table": "people", "key": 1}))
        .operation(json!({"op": "table.scan", "table": "people", "scan": {"index": "by_age", "reverse": true}}))
        .operation(json!({"op": "table.definition", "table": "log"}))
        .operation(json!({"op": "table.drop_index", "table": "people", "index": "by_age"}))
        .operation(json!({"op": "table.drop", "table": "log"}))
        .operation(json!({"op": "table.list"}))
        .run()
        .await
        .unwrap();
    assert_eq!(answers[6], true);
    let ids: Vec<_> = answers[7]["rows"].as_array().unwrap().iter().map(|row| row["id"].clone()).collect();
    assert_eq!(ids, [3, 2]);
    assert_eq!(answers[8]["columns"][0]["default"], "now()");
    assert_eq!(answers[11], json!(["people"]));
    let stock = json!({"op": "table.get", "table": "people", "key": [2]});
    client.batch().only_if(stock.clone(), json!({"contains": {"age": 4}})).operation(insert("e")).run().await.unwrap();
    for expected in [json!({"exists": false}), json!({"contains": {"age": 5}})] {
        let error = client.batch().only_if(stock.clone(), expected).operation(insert("f")).run().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Precondition);
    }
    let error = client.batch().operation(insert("g")).operation(insert("e")).run().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Constraint);
    assert!(error.message().starts_with("operation 1: "), "{error}");
    assert_eq!(client.tables().count("people", &Scan::default()).await.unwrap(), 3);
    running.database.check().unwrap();
}
