//! Documents over HTTP: through the client, in transactions and batches, and with everything wrong.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as expected")]

mod support;

use std::path::{Path, PathBuf};

use marquetry_client::{Client, DocumentIndex, ErrorKind, Find};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use support::{Running, start};

async fn with_products() -> (Running, Client) {
    let running = start().await;
    let client = running.client();
    let documents = client.documents();
    documents.create("products").await.unwrap();
    let products = vec![
        json!({"_id": "lamp", "price": 20, "tags": ["light", "home"], "size": {"w": 10}}),
        json!({"_id": "desk", "price": 150.5, "tags": ["home"]}),
        json!({"_id": "a/b c?é", "price": 5, "tags": []}),
    ];
    assert_eq!(documents.insert_many("products", products).await.unwrap(), ["lamp", "desk", "a/b c?é"]);
    (running, client)
}

fn index(name: &str, fields: &[&str], unique: bool) -> DocumentIndex {
    DocumentIndex { name: name.into(), fields: fields.iter().map(|field| (*field).to_owned()).collect(), unique }
}

fn kind<T: std::fmt::Debug>(outcome: marquetry_client::Result<T>) -> ErrorKind {
    outcome.unwrap_err().kind()
}

#[tokio::test]
async fn the_client_does_everything_with_documents() {
    let (_running, client) = with_products().await;
    let documents = client.documents();
    assert_eq!(documents.list().await.unwrap(), ["products"]);
    assert_eq!(documents.get("products", "a/b c?é").await.unwrap().unwrap()["price"], 5);
    assert_eq!(documents.get("products", "none").await.unwrap(), None);
    let made = documents.insert("products", json!({"price": u64::MAX, "z": -1, "a": 1.0})).await.unwrap();
    let back = documents.get("products", &made).await.unwrap().unwrap();
    assert_eq!(back.to_string(), format!("{{\"_id\":\"{made}\",\"price\":{},\"z\":-1,\"a\":1.0}}", u64::MAX));
    assert_eq!(kind(documents.insert("products", json!({"_id": "lamp"})).await), ErrorKind::AlreadyExists);
    documents.create_index("products", &index("price", &["price", "tags"], false)).await.unwrap();
    documents.create_index("products", &index("w", &["size.w"], false)).await.unwrap();
    let info = documents.info("products").await.unwrap();
    assert_eq!(info.indexes, [index("price", &["price", "tags"], false), index("w", &["size.w"], false)]);
    let find = Find {
        filter: json!({"price": {"$lt": 1000}, "tags": "home"}),
        projection: json!({"price": 1, "_id": 0}),
        sort: vec![json!({"price": -1})],
        skip: Some(0),
        limit: Some(5),
    };
    assert_eq!(documents.find("products", &find).await.unwrap(), [json!({"price": 150.5}), json!({"price": 20})]);
    let explanation = documents.explain("products", &find).await.unwrap();
    assert_eq!(explanation["reads"][0]["index"], "price");
    assert_eq!((&explanation["sorted"], &explanation["returned"]), (&json!(false), &json!(2)));
    assert_eq!(documents.count("products", Value::Null).await.unwrap(), 4);
    assert_eq!(documents.count("products", json!({"tags": "light"})).await.unwrap(), 1);
    let updated = documents.update("products", "lamp", json!({"$inc": {"price": 1}, "$push": {"tags": "new"}})).await;
    assert_eq!(updated.unwrap()["tags"], json!(["light", "home", "new"]));
    assert_eq!(kind(documents.update("products", "none", json!({"$set": {"a": 1}})).await), ErrorKind::NotFound);
    let first = json!({"$inc": {"n": 1}, "$setOnInsert": {"first": true}});
    assert_eq!(documents.update_or_insert("products", "counter", first.clone()).await.unwrap()["first"], true);
    assert_eq!(documents.update_or_insert("products", "counter", first).await.unwrap()["n"], 2);
    documents.replace("products", "fresh", json!({"b": 1})).await.unwrap();
    documents.replace("products", "fresh", json!({"_id": "fresh", "b": 2})).await.unwrap();
    assert_eq!(documents.get("products", "fresh").await.unwrap().unwrap(), json!({"_id": "fresh", "b": 2}));
    assert_eq!(kind(documents.replace_existing("products", "none", json!({})).await), ErrorKind::NotFound);
    let changed = documents.update_many("products", json!({"price": {"$gte": 20}}), json!({"$set": {"seen": true}}));
    assert_eq!(changed.await.unwrap(), 3);
    assert!(documents.delete("products", "fresh").await.unwrap());
    assert!(!documents.delete("products", "fresh").await.unwrap());
    assert_eq!(documents.delete_many("products", json!({"seen": true})).await.unwrap(), 3);
    documents.drop_index("products", "w").await.unwrap();
    assert_eq!(kind(documents.drop_index("products", "w").await), ErrorKind::NotFound);
    documents.drop("products").await.unwrap();
    assert_eq!(
        kind(documents.get("products", "lamp").await.and_then(|found| found.ok_or_else(not_there))),
        ErrorKind::NotFound
    );
    assert_eq!(kind(documents.count("products", json!({})).await), ErrorKind::NotFound);
}

fn not_there() -> marquetry_client::Error {
    marquetry_client::Error::new(ErrorKind::NotFound, "there is no such document")
}

#[tokio::test]
async fn unique_values_are_kept_apart() {
    let (_running, client) = with_products().await;
    let documents = client.documents();
    documents.create_index("products", &index("price", &["price"], true)).await.unwrap();
    assert_eq!(kind(documents.insert("products", json!({"price": 20.0})).await), ErrorKind::Constraint);
    assert_eq!(kind(documents.update("products", "desk", json!({"$set": {"price": 5}})).await), ErrorKind::Constraint);
    assert_eq!(kind(documents.create_index("products", &index("tags", &["tags"], true)).await), ErrorKind::Constraint);
    assert_eq!(
        kind(documents.create_index("products", &index("price", &["a"], false)).await),
        ErrorKind::AlreadyExists
    );
}

#[tokio::test]
async fn documents_are_part_of_transactions_and_batches() {
    let (running, client) = with_products().await;
    let tx = client.begin().await.unwrap();
    tx.documents().insert("products", json!({"_id": "in-tx", "price": 1})).await.unwrap();
    assert_eq!(tx.documents().count("products", json!({"price": {"$lt": 10}})).await.unwrap(), 2);
    assert_eq!(
        kind(tx.documents().insert_many("products", vec![json!({"_id": "x"}), json!(5)]).await),
        ErrorKind::Invalid
    );
    assert_eq!(client.documents().get("products", "in-tx").await.unwrap(), None);
    tx.commit().await.unwrap();
    assert!(client.documents().get("products", "in-tx").await.unwrap().is_some());
    assert!(client.documents().get("products", "x").await.unwrap().is_none());
    let read = json!({"op": "document.get", "collection": "products", "id": "lamp"});
    let answers = client
        .batch()
        .only_if(read.clone(), json!({"contains": {"price": 20}}))
        .operation(json!({"op": "collection.create", "name": "log"}))
        .operation(json!({"op": "document.insert", "collection": "log", "document": {"_id": "1"}}))
        .operation(json!({"op": "document.update", "collection": "log", "id": "1", "update": {"$set": {"a": 1}}}))
        .operation(json!({"op": "document.replace", "collection": "log", "id": "2", "document": {}}))
        .operation(json!({"op": "document.find", "collection": "log", "find": {"sort": [{"_id": -1}], "limit": 1}}))
        .operation(json!({"op": "document.count", "collection": "log"}))
        .operation(json!({"op": "document.delete_many", "collection": "log", "filter": {"a": 1}}))
        .run()
        .await
        .unwrap();
    assert_eq!(answers[1..4], [json!("1"), json!({"_id": "1", "a": 1}), json!(false)]);
    assert_eq!(answers[4..], [json!([{"_id": "2"}]), json!(2), json!(1)]);
    let insert = json!({"op": "document.insert", "collection": "products", "document": {"_id": "late"}});
    let twice = client.batch().operation(insert.clone()).operation(insert).run().await;
    assert_eq!(kind(twice), ErrorKind::AlreadyExists);
    let stale = client.batch().only_if(read, json!({"contains": {"price": 21}})).run().await;
    assert_eq!(kind(stale), ErrorKind::Precondition);
    assert_eq!(client.documents().get("products", "late").await.unwrap(), None);
    running.database.check().unwrap();
}

#[tokio::test]
async fn bad_requests_are_told_and_change_nothing() {
    let (running, client) = with_products().await;
    let base = "/v1/collections/products";
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let nested = (0..40).fold(json!({"a": 1}), |inner, _| json!({ "$and": [inner] }));
    let long = "x".repeat(3_000);
    for (method, path, body, status) in [
        (Method::POST, format!("{base}/find"), json!({"filter": {"$where": "1"}}), 501),
        (Method::POST, format!("{base}/find"), json!({"filter": {"a": {"$regex": "x"}}}), 501),
        (Method::POST, format!("{base}/find"), json!({"filter": []}), 400),
        (Method::POST, format!("{base}/find"), json!({"filter": {"a": {"$in": 1}}}), 400),
        (Method::POST, format!("{base}/find"), json!({ "filter": nested }), 400),
        (Method::POST, format!("{base}/find"), json!({"sort": [{"a": 2}]}), 400),
        (Method::POST, format!("{base}/find"), json!({"sort": {"a": 1}}), 400),
        (Method::POST, format!("{base}/find"), json!({"projection": {"a": 1, "b": 0}}), 400),
        (Method::POST, format!("{base}/find"), json!({"limit": -1}), 400),
        (Method::POST, format!("{base}/find"), json!({"limits": 1}), 400),
        (Method::POST, format!("{base}/find"), json!({"filter": {long.clone(): 1}}), 413),
        (Method::POST, format!("{base}/count"), json!({"limit": 1}), 400),
        (Method::POST, format!("{base}/delete"), json!({}), 400),
        (Method::POST, format!("{base}/update"), json!({"filter": {}, "update": {"a": 1}}), 400),
        (Method::POST, format!("{base}/update"), json!({"filter": {}, "update": {"$push": {"price": 1}}}), 400),
        (Method::PATCH, format!("{base}/documents/lamp"), json!({"$explode": {}}), 501),
        (Method::PATCH, format!("{base}/documents/lamp"), json!({"$set": {"_id": "x"}}), 400),
        (Method::PATCH, format!("{base}/documents/lamp"), json!({"$set": {"a": 1, "a.b": 2}}), 400),
        (Method::PATCH, format!("{base}/documents/lamp"), json!({"$inc": {"tags": 1}}), 400),
        (Method::PATCH, format!("{base}/documents/lamp"), json!({"$set": {"tags.99999999999": 1}}), 413),
        (Method::PATCH, format!("{base}/documents/lamp?upserts=true"), json!({"$set": {"a": 1}}), 400),
        (Method::PUT, format!("{base}/documents/lamp"), json!({"_id": "other"}), 400),
        (Method::PUT, format!("{base}/documents/lamp"), json!({"_id": 1}), 400),
        (Method::PUT, format!("{base}/documents/lamp"), json!([]), 400),
        (Method::PUT, format!("{base}/documents/{long}"), json!({}), 413),
        (Method::PUT, format!("{base}/documents/%ff"), json!({}), 400),
        (Method::POST, format!("{base}/documents"), json!({"documents": [{"_id": 1}]}), 400),
        (Method::POST, format!("{base}/documents"), json!({"documents": [{"_id": "new"}, {"_id": "lamp"}]}), 409),
        (Method::POST, format!("{base}/documents"), json!({"documents": [{"a": deep}]}), 400),
        (Method::POST, format!("{base}/documents"), json!({"documents": {}}), 400),
        (Method::POST, "/v1/collections/none/documents".into(), json!({"documents": [{}]}), 404),
        (Method::POST, "/v1/collections".into(), json!({"name": "n".repeat(300)}), 413),
        (Method::POST, "/v1/collections".into(), json!({"name": "a b"}), 400),
        (Method::POST, "/v1/collections".into(), json!({"name": "products"}), 409),
        (Method::POST, format!("{base}/indexes"), json!({"name": "i", "fields": []}), 400),
        (Method::POST, format!("{base}/indexes"), json!({"name": "i", "fields": ["_id"]}), 400),
        (Method::POST, format!("{base}/indexes"), json!({"name": "i", "fields": ["a"], "sparse": true}), 400),
        (Method::DELETE, format!("{base}/indexes/none"), json!({}), 404),
        (Method::DELETE, "/v1/collections/none".into(), json!({}), 404),
        (Method::GET, format!("{base}/documents/none"), json!({}), 404),
    ] {
        let (answered, problem) = running.call(method.clone(), &path, body.clone()).await;
        let text = body.to_string();
        let context = format!("{method} {} {}: {problem}", &path[..path.len().min(60)], &text[..text.len().min(80)]);
        assert_eq!(answered.as_u16(), status, "{context}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{context}");
    }
    for text in [
        r#"{"documents": [{"a": 1, "a": 2}]}"#.to_owned(),
        r#"{"documents": [{"a": 1e999}]}"#.to_owned(),
        r#"{"documents": [{"a": "\ud800"}]}"#.to_owned(),
        format!("{{\"documents\": [{{\"a\": {}", "[".repeat(1_000_000)),
    ] {
        let (status, _) = running.post_text(&format!("{base}/documents"), text.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{}", &text[..text.len().min(80)]);
    }
    let digits = format!("{{\"documents\": [{{\"_id\": \"big\", \"a\": {}}}]}}", "9".repeat(200));
    let (status, _) = running.post_text(&format!("{base}/documents"), digits).await;
    assert_eq!(status, StatusCode::CREATED, "a whole number beyond 64 bits is a floating-point number");
    assert_eq!(client.documents().count("products", json!({"a": {"$gt": 1e199}})).await.unwrap(), 1);
    assert_eq!(client.documents().count("products", Value::Null).await.unwrap(), 4);
    assert_eq!(running.database.check().unwrap().documents.documents, 4);
}

fn shared_data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: there is no {}", path.display());
    None
}

/// Puts a file of shop data into a collection, and asks by each filter without and with the indexes.
async fn ask_both_ways(name: &str, indexes: &[(&str, &[&str])], questions: &[(Value, &str, usize)]) {
    let Some(path) = shared_data(&format!("{name}.json")) else { return };
    let records: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let running = start().await;
    let documents = running.client().documents();
    documents.create(name).await.unwrap();
    for batch in records.chunks(500) {
        documents.insert_many(name, batch.to_vec()).await.unwrap();
    }
    assert_eq!(documents.count(name, Value::Null).await.unwrap(), records.len() as u64);
    let mut scanned = Vec::new();
    for (filter, _, at_least) in questions {
        let find = Find { sort: vec![json!({"_id": 1})], ..Find::matching(filter.clone()) };
        let found = documents.find(name, &find).await.unwrap();
        assert!(found.len() >= *at_least && found.len() < records.len(), "{name} {filter}: {}", found.len());
        scanned.push(found);
    }
    for (index_name, fields) in indexes {
        documents.create_index(name, &index(index_name, fields, false)).await.unwrap();
    }
    for ((filter, index_name, _), scanned) in questions.iter().zip(scanned) {
        let find = Find { sort: vec![json!({"_id": 1})], ..Find::matching(filter.clone()) };
        assert!(documents.find(name, &find).await.unwrap() == scanned, "{name} {filter}");
        let explanation = documents.explain(name, &find).await.unwrap();
        assert_eq!(explanation["reads"][0]["index"], *index_name, "{name} {filter}: {explanation}");
        assert!(explanation["examined_documents"].as_u64().unwrap() < records.len() as u64, "{filter}: {explanation}");
    }
    running.database.check().unwrap();
}

#[tokio::test]
async fn real_stores_are_found_alike_with_and_without_indexes() {
    let indexes: [(&str, &[&str]); 4] = [
        ("state_city", &["state", "city"]),
        ("services", &["services"]),
        ("lat", &["location.lat"]),
        ("type_zip", &["type", "zip"]),
    ];
    let questions = [
        (json!({"state": "MN", "city": "Bloomington"}), "state_city", 1),
        (json!({"state": {"$in": ["MN", "WI"]}}), "state_city", 10),
        (json!({"state": "MN", "type": {"$ne": "BigBox"}}), "state_city", 1),
        (json!({"services": "Apple Shop", "location.lat": {"$not": {"$gt": 30}}}), "services", 1),
        (json!({"services": {"$all": ["Apple Shop", "Windows Store"]}, "state": {"$gte": "T"}}), "services", 1),
        (json!({"location.lat": {"$gte": 44, "$lt": 45}}), "lat", 5),
        (json!({"type": "BigBox", "zip": {"$gt": "9"}}), "type_zip", 10),
        (json!({"$or": [{"state": "AK"}, {"location.lat": {"$gt": 48}}]}), "state_city", 2),
    ];
    ask_both_ways("stores", &indexes, &questions).await;
}

#[tokio::test]
async fn real_categories_are_found_alike_with_and_without_indexes() {
    let indexes: [(&str, &[&str]); 2] = [("path", &["path.id", "name"]), ("sub", &["subCategories.name"])];
    let questions = [
        (json!({"path.id": "abcat0010000"}), "path", 2),
        (json!({"path.id": "abcat0010000", "name": {"$gte": "M"}}), "path", 1),
        (json!({"subCategories.name": {"$in": ["Him", "Her"]}}), "sub", 1),
        (json!({"subCategories": {"$elemMatch": {"name": "Him"}}, "subCategories.name": "Her"}), "sub", 1),
    ];
    ask_both_ways("categories", &indexes, &questions).await;
}

#[tokio::test]
async fn real_recipes_are_found_alike_with_and_without_indexes() {
    let indexes: [(&str, &[&str]); 2] = [("name", &["recipe_name"]), ("servings", &["servings", "recipe_name"])];
    let questions = [
        (json!({"recipe_name": "Apple-Cranberry Crostada"}), "name", 1),
        (json!({"recipe_name": {"$gte": "Apple", "$lt": "Apply"}}), "name", 5),
        (json!({"servings": 8, "recipe_name": {"$lt": "C"}}), "servings", 2),
        (json!({"servings": {"$gt": 20}, "recipe_name": {"$exists": true}}), "servings", 1),
    ];
    ask_both_ways("recipes", &indexes, &questions).await;
}
