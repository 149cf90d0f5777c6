//! Search over HTTP: indexes, queries, transactions, batches, bad input.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use marquetry_client::{Client, ErrorKind, SearchRequest};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Running, start};

async fn with_index() -> (Running, Client) {
    let running = start().await;
    let client = running.client();
    let products = json!({"name": "products", "columns": [{"name": "id", "type": "int8"}, {"name": "title", "type": "text"},
        {"name": "brand", "type": "text"}, {"name": "price", "type": "numeric"}], "primary_key": ["id"]});
    client.tables().create(&serde_json::from_value(products).unwrap()).await.unwrap();
    let definition = json!({"source": "products", "fields": {"title": {"type": "text", "language": "english"},
        "brand": {"type": "keyword"}, "price": {"type": "float"}}});
    client.search().create("text", definition).await.unwrap();
    for (id, title, brand, price) in
        [(1, "Running shoes", "Acme", "59.90"), (2, "Winter boots", "Acme", "99"), (3, "A shoe <new>", "Zoom", "10")]
    {
        insert(&client, json!({"id": id, "title": title, "brand": brand, "price": price})).await;
    }
    (running, client)
}

async fn insert(client: &Client, row: Value) {
    client.tables().insert("products", row).await.unwrap();
}

async fn found(running: &Running, query: Value) -> Vec<Value> {
    let (status, answer) = running.post("/v1/search/text/query", json!({ "query": query })).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["hits"].as_array().unwrap().iter().map(|hit| hit["key"].clone()).collect()
}

#[tokio::test]
async fn what_is_written_is_found_with_everything_around_it() {
    let (running, client) = with_index().await;
    assert_eq!(client.search().list().await.unwrap(), ["text"]);
    let request = json!({"query": {"match": {"text": "shoes"}}, "documents": true, "highlight": {},
        "sort": [{"field": "price"}], "facets": {"brands": {"field": "brand"}}, "size": 1});
    let (status, page) = running.post("/v1/search/text/query", request.clone()).await;
    assert_eq!((status, &page["total"]), (StatusCode::OK, &json!(2)));
    assert_eq!(page["hits"][0]["key"], json!(3));
    assert_eq!(page["hits"][0]["document"]["brand"], json!("Zoom"));
    assert_eq!(page["hits"][0]["highlights"], json!({"title": ["A <em>shoe</em> &lt;new&gt;"]}));
    assert_eq!(page["facets"]["brands"], json!([{"value": "Acme", "count": 1}, {"value": "Zoom", "count": 1}]));
    let mut next = request;
    next["after"] = page["next"].clone();
    let page = client.search().query("text", next).await.unwrap();
    assert_eq!((&page["hits"][0]["key"], &page["total"]), (&json!(1), &json!(2)));
    let info = client.search().info("text").await.unwrap();
    assert_eq!(info["definition"]["source"], json!("products"));
    client.search().drop("text").await.unwrap();
    let gone = client.search().query("text", json!({})).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    assert_eq!(client.search().drop("text").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn typed_requests_are_answered_with_types() {
    let (_running, client) = with_index().await;
    let request = SearchRequest::matching("shoes").filter(json!({"term": {"field": "brand", "value": "Acme"}}));
    let answer = client.search().search("text", &request.documents().size(5)).await.unwrap();
    assert_eq!((answer.total, answer.hits.len()), (1, 1));
    assert_eq!(answer.hits[0].key, json!(1));
    assert!(answer.hits[0].score > 0.0);
    assert_eq!(answer.hits[0].document.as_ref().unwrap()["title"], json!("Running shoes"));
}

#[tokio::test]
async fn a_transaction_finds_its_own_changes_and_others_do_not() {
    let (running, client) = with_index().await;
    let transaction = client.begin().await.unwrap();
    transaction.tables().insert("products", json!({"id": 4, "title": "Sandals"})).await.unwrap();
    let sandals = json!({"query": {"match": {"text": "sandals"}}});
    assert_eq!(transaction.search().query("text", sandals.clone()).await.unwrap()["total"], json!(1));
    assert_eq!(found(&running, sandals["query"].clone()).await, Vec::<Value>::new());
    transaction.commit().await.unwrap();
    assert_eq!(found(&running, sandals["query"].clone()).await, [json!(4)]);
    let operations = json!({"operations": [
        {"op": "table.insert", "table": "products", "row": {"id": 5, "title": "Slippers"}},
        {"op": "search.query", "index": "text", "request": {"query": {"match": {"text": "slipper"}}}},
        {"op": "search.create", "index": "other", "definition": {"source": "products", "fields":
            {"title": {"type": "text"}}}},
        {"op": "search.query", "index": "other"},
        {"op": "search.info", "index": "other"},
        {"op": "search.drop", "index": "other"},
        {"op": "search.list"}]});
    let (status, answer) = running.post("/v1/batch", operations).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let results = answer["results"].as_array().unwrap();
    assert_eq!((&results[1]["total"], &results[3]["total"]), (&json!(1), &json!(5)));
    assert_eq!(results[6], json!(["text"]));
}

#[tokio::test]
async fn bad_input_is_refused_with_the_reason() {
    let (running, _client) = with_index().await;
    for (query, status) in [
        (json!({"match": {"text": "x", "fields": ["none"]}}), 400),
        (json!({"match": {"text": "x", "unknown": 1}}), 400),
        (json!({"unknown": {}}), 400),
        (json!({"match": {}}), 400),
        (json!([1]), 400),
        (json!({"match": {"text": "word ".repeat(20_000)}}), 413),
        (json!({"terms": {"field": "brand", "values": vec!["x"; 100_000]}}), 413),
        (json!({"prefix": {"field": "brand", "value": "x".repeat(1000)}}), 413),
        (json!({"term": {"field": "price", "value": "cheap"}}), 400),
    ] {
        let (found, answer) = running.post("/v1/search/text/query", json!({ "query": query })).await;
        assert_eq!(found.as_u16(), status, "{answer}");
        assert!(answer["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{answer}");
    }
    for depth in [100, 1_000, 100_000] {
        let nested =
            format!("{{\"query\":{}{{\"all\":{{}}}}{}}}", "{\"bool\":{\"must\":[".repeat(depth), "]}}".repeat(depth));
        let (status, answer) = running.post_text("/v1/search/text/query", nested).await;
        assert!(status.is_client_error(), "{depth}: {status} {answer}");
    }
    for (definition, status) in [
        (json!({"source": "none", "fields": {"a": {"type": "text"}}}), 404),
        (json!({"source": "products", "fields": {}}), 400),
        (json!({"source": "products", "fields": {"a": {"type": "vector"}}}), 400),
        (json!({"source": "products", "fields": {"a": {"type": "text", "language": "klingon"}}}), 400),
    ] {
        let (found, answer) = running.call(Method::PUT, "/v1/search/other", definition).await;
        assert_eq!(found.as_u16(), status, "{answer}");
    }
    let again = json!({"source": "products", "fields": {"title": {"type": "text"}}});
    assert_eq!(running.call(Method::PUT, "/v1/search/text", again.clone()).await.0, StatusCode::CONFLICT);
    let (status, _) = running.call(Method::PUT, "/v1/search/-bad", again).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(found(&running, json!({"all": {}})).await.len(), 3, "the server is well");
}
