//! The search model over a small source.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::twin::{Twin, body, definition, in_body, key_of};
use super::*;
use crate::kv::Isolation;
use crate::{Durability, ErrorKind};

fn kind<T: std::fmt::Debug>(outcome: crate::Result<T>) -> ErrorKind {
    outcome.expect_err("this has to be refused").kind()
}

fn keys(text: &str) -> BTreeSet<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A small shop.
fn shop(seed: u64) -> Twin {
    let twin = Twin::fresh(seed);
    let things = [
        (
            "boots",
            json!({"title": "Winter Boots", "body": "Warm boots for running through the snow", "brand": "Acme",
            "tags": ["winter", "shoes"], "stock": 3, "price": 99.5, "history": {"made": "2024-11-02"},
            "sold_out": false}),
        ),
        (
            "runner",
            json!({"title": "The Running Shoe", "body": "A light shoe; runs and runs", "brand": "Zoom",
            "tags": ["shoes", "sport"], "stock": 0, "price": "59.90", "history": {"made": "2025-01-15T08:00:00Z"},
            "sold_out": true}),
        ),
        (
            "scarf",
            json!({"title": "Scarf", "body": "Soft <wool>, knitted & warm", "brand": "Acme",
            "tags": ["winter"], "stock": 40, "price": 15}),
        ),
        (
            "ball",
            json!({"title": "Ball", "body": "A round ball", "brand": "Zoom", "tags": "sport", "stock": 12,
            "price": 15.0, "sold_out": false, "unknown": {"deep": [1, 2, {"x": null}]}}),
        ),
        (
            "odd",
            json!({"title": 7, "stock": "many", "price": [], "history": [{"made": "2023-05-05"}, {"made": 5}],
            "sold_out": "yes"}),
        ),
    ];
    for (key, thing) in things {
        twin.put(key, &thing).unwrap();
    }
    twin
}

fn query(text: Value) -> Query {
    serde_json::from_value(text).unwrap()
}

/// Queries, and the keys of what they find in the shop.
const FINDINGS: &str = r#"
{"all": {}} => boots runner scarf ball odd
{"match": {"text": "run"}} => runner
{"match": {"text": "running shoes"}} => boots runner
{"match": {"text": "warm boots", "operator": "and"}} => boots
{"match": {"text": "the boots", "operator": "and"}} => boots
{"match": {"text": "the scarf", "fields": ["title"], "operator": "and"}} => scarf
{"match": {"text": "Acme", "fields": ["brand", "title"]}} => boots scarf
{"match": {"text": "warn", "distance": 1}} => boots scarf
{"match": {"text": "7"}} => odd
{"match": {"text": ""}} =>
{"phrase": {"field": "body", "text": "running through"}} => boots
{"phrase": {"field": "body", "text": "through running"}} =>
{"phrase": {"field": "body", "text": "boots running"}} =>
{"phrase": {"field": "body", "text": "boots running", "slop": 1}} => boots
{"phrase": {"field": "title", "text": "running shoes"}} => runner
{"prefix": {"field": "body", "value": "KNIT"}} => scarf
{"prefix": {"field": "brand", "value": "Ac"}} => boots scarf
{"prefix": {"field": "brand", "value": "ac"}} =>
{"fuzzy": {"field": "body", "value": "bools"}} => boots
{"fuzzy": {"field": "body", "value": "bools", "distance": 0}} =>
{"fuzzy": {"field": "brand", "value": "zomo"}} =>
{"fuzzy": {"field": "brand", "value": "Zomo", "distance": 2}} => runner ball
{"term": {"field": "brand", "value": "Zoom"}} => runner ball
{"term": {"field": "body", "value": "Ball"}} => ball
{"term": {"field": "stock", "value": 12}} => ball
{"term": {"field": "price", "value": 59.9}} => runner
{"term": {"field": "sold_out", "value": true}} => runner
{"term": {"field": "made", "value": "2024-11-02T00:00:00Z"}} => boots
{"terms": {"field": "tags", "values": ["winter", "sport", "none"]}} => boots runner scarf ball
{"terms": {"field": "tags", "values": []}} =>
{"range": {"field": "price", "gte": 15, "lt": 59.9}} => scarf ball
{"range": {"field": "price", "gt": 15}} => boots runner
{"range": {"field": "stock", "lte": 3}} => boots runner
{"range": {"field": "made", "gte": "2024-01-01", "lt": "2025-01-15T09:00:00+01:00"}} => boots
{"range": {"field": "brand", "gt": "Acme"}} => runner ball
{"exists": {"field": "sold_out"}} => boots runner ball
{"exists": {"field": "title"}} => boots runner scarf ball odd
{"ids": {"values": ["boots", "odd", "none", 5]}} => boots odd
{"bool": {"must": [{"match": {"text": "warm"}}], "must_not": [ {"term": {"field": "tags", "value": "shoes"}}]}} => scarf
{"bool": {"must_not": [{"exists": {"field": "brand"}}]}} => odd
{"bool": {"should": [{"term": {"field": "stock", "value": 0}}, {"term": {"field": "stock", "value": 40}}]}} => runner scarf
{"bool": {"filter": [{"range": {"field": "stock", "gt": 0}}], "should": [{"match": {"text": "ball"}}]}} => boots scarf ball
{"bool": {}} => boots runner scarf ball odd
{"boost": {"query": {"match": {"text": "wool"}}, "by": 3}} => scarf
"#;

#[test]
fn every_kind_of_query_finds_what_it_should_waiting_and_in_segments() {
    let twin = shop(1);
    for round in 0..3 {
        for finding in FINDINGS.trim().lines() {
            let (asked, expected) = finding.split_once("=>").unwrap();
            let asked = query(serde_json::from_str(asked).unwrap());
            assert_eq!(twin.found(asked), keys(expected), "{finding} in round {round}");
        }
        match round {
            0 => twin.settle().unwrap(),
            // Some in segments, some waiting and masked there.
            _ => {
                let snapshot = twin.keyspace.snapshot().unwrap();
                let same = twin.model.sources.load(&snapshot, twin_source(&twin), b"boots").unwrap().unwrap();
                twin.put("boots", &same).unwrap();
            }
        }
    }
    assert_eq!(twin.files().len(), 1);
    let report = twin.model.check().unwrap();
    assert_eq!((report.indexes, report.documents, report.rebuilt), (1, 5, 0));
}

fn twin_source(twin: &Twin) -> crate::ObjectId {
    twin.model.sources.find(&twin.keyspace.snapshot().unwrap(), "things").unwrap()
}

#[test]
fn a_change_is_found_at_once_and_what_it_replaced_is_not() {
    let twin = Twin::fresh(2);
    let mut texts: Vec<Option<u64>> = vec![None; 300];
    for number in 0..10_000_u64 {
        let place = (number.wrapping_mul(7919) % 300) as usize;
        let key = format!("k{place}");
        let is_deletion = number % 11 == 10;
        match is_deletion {
            true => twin.delete(&key).unwrap(),
            false => twin.put(&key, &body(&format!("common word{number}"))).unwrap(),
        }
        let old = texts[place].take();
        if let Some(old) = old {
            assert_eq!(twin.found(in_body(&format!("word{old}"))), keys(""), "change {number}");
        }
        if !is_deletion {
            texts[place] = Some(number);
            assert_eq!(twin.found(in_body(&format!("word{number}"))), keys(&key), "change {number}");
        }
        if number % 50 == 0 {
            twin.env.advance(std::time::Duration::from_millis(200));
            twin.model.maintain().unwrap();
        }
    }
    twin.settle().unwrap();
    let alive = texts.iter().flatten().count();
    assert_eq!(twin.found(in_body("common")).len(), alive);
    assert_eq!(twin.model.check().unwrap().documents, alive as u64);
}

#[test]
fn a_transaction_finds_its_own_changes_and_leaves_no_trace_when_it_is_dropped() {
    let twin = Twin::fresh(3);
    twin.put("a", &body("old apple")).unwrap();
    twin.settle().unwrap();
    twin.put("b", &body("old berry")).unwrap();
    {
        let tx = twin.begin();
        twin.set(&tx, "a", Some(&body("new apple"))).unwrap();
        twin.set(&tx, "b", None).unwrap();
        let savepoint = tx.savepoint();
        twin.set(&tx, "c", Some(&body("new cherry"))).unwrap();
        assert_eq!(twin.found_at(&tx, in_body("new")).unwrap(), keys("a c"));
        assert_eq!(twin.found_at(&tx, in_body("old")).unwrap(), keys(""));
        twin.set(&tx, "c", Some(&body("newest cherry"))).unwrap();
        assert_eq!(twin.found_at(&tx, in_body("new newest")).unwrap(), keys("a c"));
        tx.rollback_to(savepoint).unwrap();
        assert_eq!(twin.found_at(&tx, in_body("new newest cherry")).unwrap(), keys("a"));
        assert_eq!(twin.found(in_body("old")), keys("a b"));
    }
    assert_eq!(twin.found(in_body("new newest")), keys(""));
    assert_eq!(twin.found(in_body("old")), keys("a b"));
    let tx = twin.begin();
    twin.set(&tx, "a", Some(&body("kept"))).unwrap();
    tx.commit(Durability::Durable).unwrap();
    assert_eq!(twin.found(in_body("kept")), keys("a"));
}

#[test]
fn an_index_is_searched_in_the_transaction_that_creates_it() {
    let twin = Twin::fresh(4);
    twin.put("a", &body("apple")).unwrap();
    let tx = twin.begin();
    twin.set(&tx, "b", Some(&body("apple"))).unwrap();
    twin.in_transaction(&tx).create_index("second", &definition()).unwrap();
    twin.set(&tx, "c", Some(&body("apple"))).unwrap();
    let request = SearchRequest::new(in_body("apple"));
    assert_eq!(twin.in_transaction(&tx).search("second", &request).unwrap().total, 3);
    tx.commit(Durability::Durable).unwrap();
    let snapshot = twin.keyspace.snapshot().unwrap();
    let searches = Searches::new(&twin.model, &snapshot);
    assert_eq!(searches.search("second", &request).unwrap().total, 3);
    assert!(!searches.index("second").unwrap().is_built, "a snapshot sees the layout of its version");
    twin.settle().unwrap();
    let snapshot = twin.keyspace.snapshot().unwrap();
    let searches = Searches::new(&twin.model, &snapshot);
    let info = searches.index("second").unwrap();
    assert_eq!((info.is_built, info.segment_documents, info.waiting), (true, 3, 0));
    assert_eq!(searches.indexes().unwrap().len(), 2);
}

#[test]
fn changing_conflicts_with_the_creation_of_an_index_under_every_isolation() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let twin = Twin::fresh(5);
        let writer = twin.keyspace.begin(isolation).unwrap();
        twin.set(&writer, "a", Some(&body("apple"))).unwrap();
        twin.transact(|tx| twin.in_transaction(tx).create_index("second", &definition())).unwrap();
        assert_eq!(kind(writer.commit(Durability::Durable)), ErrorKind::Conflict, "{isolation:?}");
    }
}

#[test]
fn a_search_makes_a_transaction_conflict_with_changes_and_writers_with_nothing() {
    let twin = Twin::fresh(6);
    twin.put("a", &body("apple")).unwrap();
    let reader = twin.begin();
    assert_eq!(twin.found_at(&reader, in_body("pear")).unwrap(), keys(""));
    reader.put(vec![crate::keyspace::QUEUE_MESSAGE_TAG], "depends on there being no pear").unwrap();
    twin.put("b", &body("pear")).unwrap();
    assert_eq!(kind(reader.commit(Durability::Durable)), ErrorKind::Conflict);
    let reader = twin.begin();
    assert_eq!(twin.found_at(&reader, in_body("pear")).unwrap(), keys("b"));
    reader.put(vec![crate::keyspace::QUEUE_MESSAGE_TAG], "depends on there being one pear").unwrap();
    twin.settle().unwrap();
    twin.put("x", &json!({})).unwrap();
    let late = twin.begin();
    assert_eq!(twin.found_at(&late, in_body("pear")).unwrap(), keys("b"));
    assert_eq!(kind(reader.commit(Durability::Durable)), ErrorKind::Conflict);
    late.put(vec![crate::keyspace::QUEUE_MESSAGE_TAG], "rounds and merges are no change").unwrap();
    twin.settle().unwrap();
    late.commit(Durability::Durable).unwrap();
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let writers = [twin.keyspace.begin(isolation).unwrap(), twin.keyspace.begin(isolation).unwrap()];
        twin.set(&writers[0], "c", Some(&body("cherry"))).unwrap();
        twin.set(&writers[1], "d", Some(&body("date"))).unwrap();
        twin.settle().unwrap();
        for writer in writers {
            writer.commit(Durability::Durable).unwrap();
        }
    }
    assert_eq!(twin.found(in_body("cherry date")), keys("c d"));
}

#[test]
fn scores_do_not_depend_on_where_documents_are() {
    let words = ["red", "green", "blue", "shoe", "boot", "sock", "long", "short"];
    let text = |seed: u64| {
        let mixed = |n: u64| (seed * 31 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        (0..3 + seed % 7).map(|n| words[(mixed(n) % 8) as usize]).collect::<Vec<_>>().join(" ")
    };
    let (spread, whole) = (Twin::fresh(7), Twin::fresh(7));
    for number in 0..400_u64 {
        let document = json!({"title": text(number + 1000), "body": text(number)});
        spread.put(&format!("k{:03}", number % 250), &document).unwrap();
        if number % 37 == 0 {
            spread.settle().unwrap();
        }
        if number >= 150 {
            whole.put(&format!("k{:03}", number % 250), &document).unwrap();
        }
    }
    whole.settle().unwrap();
    assert!(spread.files().len() > 1);
    for asked in [
        json!({"match": {"text": "red shoes"}}),
        json!({"match": {"text": "blue long boots", "operator": "and"}}),
        json!({"phrase": {"field": "body", "text": "red green"}}),
        json!({"bool": {"must": [{"match": {"text": "sock"}}], "should": [{"match": {"text": "short"}}]}}),
    ] {
        let request = SearchRequest { size: 300, ..SearchRequest::new(query(asked.clone())) };
        let (spread, whole) = (spread.search(&request).unwrap(), whole.search(&request).unwrap());
        assert!(whole.total > 3, "{asked} finds {}", whole.total);
        assert_eq!(spread.total, whole.total, "{asked}");
        let mut by_key: Vec<_> = spread.hits.iter().map(|hit| (key_of(hit), hit.score)).collect();
        let mut expected: Vec<_> = whole.hits.iter().map(|hit| (key_of(hit), hit.score)).collect();
        by_key.sort_by(|a, b| a.0.cmp(&b.0));
        expected.sort_by(|a, b| a.0.cmp(&b.0));
        for ((key, score), (expected_key, expected_score)) in by_key.iter().zip(&expected) {
            assert_eq!(key, expected_key, "{asked}");
            assert!((score - expected_score).abs() < 1e-4, "{asked}: {key} has {score}, not {expected_score}");
        }
    }
}

#[test]
fn pages_follow_each_other_in_every_order() {
    let twin = Twin::fresh(8);
    for number in 0..57 {
        let mut document = json!({"body": "thing", "brand": format!("b{}", number % 5), "stock": number % 7,
            "price": f64::from(number % 11) / 2.0, "sold_out": number % 3 == 0});
        if number % 13 == 0 {
            document.as_object_mut().unwrap().remove("brand");
            document.as_object_mut().unwrap().remove("stock");
        }
        twin.put(&format!("k{number:02}"), &document).unwrap();
        if number % 20 == 0 {
            twin.settle().unwrap();
        }
    }
    for sort in [
        json!([]),
        json!([{"field": "brand"}]),
        json!([{"field": "brand", "order": "desc"}, {"field": "stock"}]),
        json!([{"field": "stock", "order": "desc"}, {"field": "price"}, {"field": "_score", "order": "desc"}]),
        json!([{"field": "sold_out"}, {"field": "brand", "order": "desc"}]),
    ] {
        let request = SearchRequest {
            sort: serde_json::from_value(sort.clone()).unwrap(),
            size: 100,
            documents: true,
            ..SearchRequest::new(in_body("thing"))
        };
        let all = twin.search(&request).unwrap();
        assert_eq!((all.total, all.hits.len(), all.next), (57, 57, None));
        assert_sorted(&all.hits, &request.sort, &sort);
        let mut by_offset = Vec::new();
        let mut by_cursor = Vec::new();
        let mut after = None;
        for page in 0.. {
            let from = page * 10;
            let response = twin.search(&SearchRequest { from, size: 10, ..request.clone() }).unwrap();
            by_offset.extend(response.hits);
            let response = twin.search(&SearchRequest { size: 10, after: after.clone(), ..request.clone() }).unwrap();
            assert_eq!(response.total, 57);
            by_cursor.extend(response.hits);
            after = response.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(by_offset, all.hits, "{sort}");
        assert_eq!(by_cursor, all.hits, "{sort}");
    }
}

/// False and true, downwards, had one code in a segment: they came mixed, and pages came again and again.
#[test]
fn pages_end_where_the_least_values_come_last() {
    let twin = Twin::fresh(9);
    for number in 0..40_i64 {
        // Every part has a least word of its own, and the least numbers and the largest are next to each other.
        let stock = if number % 2 == 0 { i64::MIN + number % 3 } else { i64::MAX - number % 3 };
        let document = json!({"body": "thing", "brand": format!("b{}", 9 - number / 10), "stock": stock,
            "sold_out": number % 3 == 0});
        twin.put(&format!("k{number:02}"), &document).unwrap();
        if number % 10 == 9 {
            twin.settle().unwrap();
        }
    }
    for (field, order) in ["sold_out", "brand", "stock"].into_iter().flat_map(|it| [(it, "asc"), (it, "desc")]) {
        let sort: Vec<SortBy> = serde_json::from_value(json!([{"field": field, "order": order}])).unwrap();
        let request = SearchRequest { sort, size: 100, documents: true, ..SearchRequest::new(in_body("thing")) };
        let all = twin.search(&request).unwrap().hits;
        if field != "stock" {
            assert_sorted(&all, &request.sort, &json!(field));
        }
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..=40 / 7 {
            let page = twin.search(&SearchRequest { size: 7, after, ..request.clone() }).unwrap();
            found.extend(page.hits);
            after = page.next;
        }
        assert!(found == all && after.is_none(), "{field} {order}: {} hits on all pages", found.len());
    }
}

fn assert_sorted(hits: &[Hit], sort: &[SortBy], shown: &Value) {
    for pair in hits.windows(2) {
        let mut ordering = std::cmp::Ordering::Equal;
        for by in sort.iter().filter(|by| by.field != SCORE_FIELD) {
            let value = |hit: &Hit| hit.document.as_ref().unwrap()[&by.field].clone();
            let (a, b) = (value(&pair[0]), value(&pair[1]));
            let natural = match (&a, &b) {
                (Value::Null, Value::Null) => std::cmp::Ordering::Equal,
                (Value::Null, _) => std::cmp::Ordering::Greater,
                (_, Value::Null) => std::cmp::Ordering::Less,
                (Value::String(a), Value::String(b)) if by.order == Order::Asc => a.cmp(b),
                (Value::String(a), Value::String(b)) => b.cmp(a),
                (Value::Bool(a), Value::Bool(b)) if by.order == Order::Asc => a.cmp(b),
                (Value::Bool(a), Value::Bool(b)) => b.cmp(a),
                (a, b) if by.order == Order::Asc => a.as_f64().partial_cmp(&b.as_f64()).unwrap(),
                (a, b) => b.as_f64().partial_cmp(&a.as_f64()).unwrap(),
            };
            ordering = ordering.then(natural);
        }
        let ordering = ordering.then_with(|| key_of(&pair[0]).cmp(&key_of(&pair[1])));
        assert_eq!(ordering, std::cmp::Ordering::Less, "{shown}: {:?} before {:?}", pair[0], pair[1]);
    }
}

#[test]
fn facets_count_all_hits() {
    let twin = shop(9);
    for _ in 0..2 {
        let request: SearchRequest = serde_json::from_value(json!({"size": 1, "facets": {
            "tags": {"field": "tags"},
            "one": {"field": "tags", "size": 1},
            "sold": {"field": "sold_out"},
            "stock": {"field": "stock"},
            "price": {"field": "price", "ranges": [{"to": 15}, {"from": 15, "to": 60}, {"from": 60}]},
            "made": {"field": "made", "ranges": [{"from": "2024-01-01"}, {"to": "2024-01-01"}]}}}))
        .unwrap();
        let response = twin.search(&request).unwrap();
        assert_eq!((response.total, response.hits.len()), (5, 1));
        let counts = |name: &str| {
            let counts = response.facets[name].iter().map(|count| (count.value.clone(), count.count));
            counts.collect::<Vec<_>>()
        };
        assert_eq!(counts("tags"), [(json!("shoes"), 2), (json!("sport"), 2), (json!("winter"), 2)]);
        assert_eq!(counts("one"), [(json!("shoes"), 2)]);
        assert_eq!(counts("sold"), [(json!(false), 2), (json!(true), 1)]);
        assert_eq!(counts("stock").len(), 4);
        assert_eq!(counts("price").iter().map(|(_, count)| *count).collect::<Vec<_>>(), [0, 3, 1]);
        assert_eq!(counts("price")[1].0, json!({"from": 15, "to": 60}));
        assert_eq!(counts("made").iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
        twin.settle().unwrap();
    }
}

#[test]
fn highlights_mark_what_matched() {
    let twin = shop(10);
    let marked = |asked: Value, highlight: Value, key: &str| {
        let request: SearchRequest = serde_json::from_value(json!({"query": asked, "highlight": highlight})).unwrap();
        let response = twin.search(&request).unwrap();
        let hit = response.hits.into_iter().find(|hit| key_of(hit) == key).unwrap();
        json!(hit.highlights)
    };
    assert_eq!(
        marked(json!({"match": {"text": "running"}}), json!({}), "runner"),
        json!({"title": ["The <em>Running</em> Shoe"]})
    );
    assert_eq!(
        marked(json!({"match": {"text": "wool warm"}}), json!({"fields": ["body"]}), "scarf"),
        json!({"body": ["Soft &lt;<em>wool</em>&gt;, knitted &amp; <em>warm</em>"]})
    );
    assert_eq!(
        marked(
            json!({"prefix": {"field": "body", "value": "kn"}}),
            json!({"before": "[", "after": "]", "escape": false}),
            "scarf"
        ),
        json!({"body": ["Soft <wool>, [knitted] & warm"]})
    );
    assert_eq!(
        marked(json!({"fuzzy": {"field": "body", "value": "rownd"}}), json!({}), "ball"),
        json!({"body": ["A <em>round</em> ball"]})
    );
    assert_eq!(
        marked(json!({"term": {"field": "brand", "value": "Zoom"}}), json!({}), "ball"),
        json!({"brand": ["<em>Zoom</em>"]})
    );
    let filtered = json!({"bool": {"must": [{"match": {"text": "ball"}}],
        "filter": [{"term": {"field": "brand", "value": "Zoom"}}]}});
    assert_eq!(marked(filtered, json!({"fields": ["title", "brand"]}), "ball"), json!({"title": ["<em>Ball</em>"]}));
}

#[test]
fn bad_input_is_refused_and_says_why() {
    let twin = shop(11);
    let mut deep = Query::All {};
    for _ in 0..1000 {
        deep = Query::Bool(BoolQuery { must: vec![deep], ..BoolQuery::default() });
    }
    let long = "word ".repeat(2000);
    for (asked, expected) in [
        (deep, ErrorKind::LimitExceeded),
        (Query::matching(&*long), ErrorKind::LimitExceeded),
        (Query::matching("a b c d e ".repeat(300)), ErrorKind::LimitExceeded),
        (query(json!({"terms": {"field": "brand", "values": vec![1; 2000]}})), ErrorKind::LimitExceeded),
        (Query::term("none", 1), ErrorKind::Invalid),
        (Query::term("stock", "many"), ErrorKind::Invalid),
        (Query::term("made", "yesterday"), ErrorKind::Invalid),
        (Query::term("body", "two words"), ErrorKind::Invalid),
        (Query::term("brand", json!({"a": 1})), ErrorKind::Invalid),
        (query(json!({"term": {"field": "brand", "value": "x".repeat(9000)}})), ErrorKind::LimitExceeded),
        (query(json!({"prefix": {"field": "brand", "value": "x".repeat(300)}})), ErrorKind::LimitExceeded),
        (query(json!({"prefix": {"field": "stock", "value": "1"}})), ErrorKind::Invalid),
        (query(json!({"fuzzy": {"field": "body", "value": "x", "distance": 3}})), ErrorKind::Invalid),
        (query(json!({"range": {"field": "body", "gt": "a"}})), ErrorKind::Invalid),
        (query(json!({"range": {"field": "stock"}})), ErrorKind::Invalid),
        (query(json!({"range": {"field": "stock", "gt": 1, "gte": 1}})), ErrorKind::Invalid),
        (query(json!({"boost": {"query": {"all": {}}, "by": 0}})), ErrorKind::Invalid),
        (query(json!({"match": {"text": "x", "fields": ["price"]}})), ErrorKind::Invalid),
    ] {
        assert_eq!(kind(twin.search(&SearchRequest::new(asked))), expected);
    }
    let request = |text: Value| serde_json::from_value::<SearchRequest>(text).unwrap();
    for (asked, expected) in [
        (json!({"size": 10_001}), ErrorKind::LimitExceeded),
        (json!({"from": u64::MAX}), ErrorKind::LimitExceeded),
        (json!({"after": "x"}), ErrorKind::Invalid),
        (json!({"after": "AQID", "from": 1}), ErrorKind::Invalid),
        (json!({"sort": [{"field": "title"}]}), ErrorKind::Invalid),
        (json!({"sort": [{"field": "none"}]}), ErrorKind::Invalid),
        (json!({"facets": {"x": {"field": "body"}}}), ErrorKind::Invalid),
        (json!({"facets": {"x": {"field": "price"}}}), ErrorKind::Invalid),
        (json!({"facets": {"x": {"field": "price", "ranges": [{"from": "x"}]}}}), ErrorKind::Invalid),
        (json!({"highlight": {"fields": ["price"]}}), ErrorKind::Invalid),
        (json!({"highlight": {"length": 0}}), ErrorKind::LimitExceeded),
    ] {
        assert_eq!(kind(twin.search(&request(asked.clone()))), expected, "{asked}");
    }
    let create = |text: Value| {
        let definition: IndexDefinition = serde_json::from_value(text).unwrap();
        kind(twin.transact(|tx| twin.in_transaction(tx).create_index("other", &definition)))
    };
    let text = json!({"type": "text"});
    assert_eq!(create(json!({"source": "none", "fields": {"a": text}})), ErrorKind::NotFound);
    assert_eq!(create(json!({"source": "things", "fields": {}})), ErrorKind::Invalid);
    assert_eq!(create(json!({"source": "things", "fields": {"_a": text}})), ErrorKind::Invalid);
    assert_eq!(create(json!({"source": "things", "fields": {"a": {"type": "text", "weight": 0}}})), ErrorKind::Invalid);
    assert_eq!(
        create(json!({"source": "things", "fields": {"a": {"type": "keyword", "language": "german"}}})),
        ErrorKind::Invalid
    );
    assert_eq!(
        create(json!({"source": "things", "fields": {"a": {"type": "text", "path": "a..b"}}})),
        ErrorKind::Invalid
    );
    let again = twin.transact(|tx| twin.in_transaction(tx).create_index("find", &definition()));
    assert_eq!(kind(again), ErrorKind::AlreadyExists);
    let snapshot = twin.keyspace.snapshot().unwrap();
    let missing = Searches::new(&twin.model, &snapshot).search("none", &SearchRequest::default());
    assert_eq!(kind(missing), ErrorKind::NotFound);
}

#[test]
fn words_follow_the_language_of_their_field() {
    use super::analyzer::words;
    let terms =
        |language, text: &str| words(language, text).into_iter().map(|word| word.term).collect::<Vec<_>>().join(" ");
    assert_eq!(terms(None, "The Häuser, running!"), "the häuser running");
    assert_eq!(terms(Some(Language::English), "The houses are running"), "hous run");
    assert_eq!(terms(Some(Language::German), "Die Häuser und das Haus"), "haus haus");
    assert_eq!(terms(Some(Language::French), "les chevaux"), "cheval");
    let long = "x".repeat(256);
    assert_eq!(terms(None, &format!("{long} short")), "short");
}

#[test]
fn dropping_removes_everything_in_the_end() {
    let twin = shop(12);
    twin.settle().unwrap();
    twin.put("more", &body("waiting")).unwrap();
    let snapshot = twin.keyspace.snapshot().unwrap();
    assert_eq!(twin.found_at(&snapshot, in_body("warm")).unwrap(), keys("boots scarf"));
    twin.transact(|tx| twin.in_transaction(tx).drop_index("find")).unwrap();
    assert_eq!(kind(twin.search(&SearchRequest::default())), ErrorKind::NotFound);
    twin.settle().unwrap();
    assert_eq!(twin.files().len(), 1, "an old snapshot can still search");
    assert_eq!(twin.found_at(&snapshot, in_body("warm waiting")).unwrap(), keys("boots scarf more"));
    drop(snapshot);
    twin.settle().unwrap();
    while twin.keyspace.reclaim().unwrap() {}
    assert!(twin.files().is_empty());
    let everything = twin.keyspace.snapshot().unwrap();
    for tag in [crate::keyspace::SEARCH_PENDING_TAG, crate::keyspace::SEARCH_SOURCE_TAG] {
        assert_eq!(everything.scan(KeyRange::prefix(vec![tag]), Direction::Forward).unwrap().count(), 0);
    }
    drop(everything);
    twin.put("boots", &body("nobody watches")).unwrap();
    twin.transact(|tx| twin.in_transaction(tx).create_index("find", &definition())).unwrap();
    assert_eq!(twin.found(in_body("nobody")), keys("boots"));
    twin.drop_source().unwrap();
    twin.settle().unwrap();
    assert_eq!(kind(twin.search(&SearchRequest::default())), ErrorKind::NotFound);
    assert!(twin.files().is_empty());
}

#[test]
fn a_large_load_is_written_into_segments_by_the_search_that_meets_it() {
    let twin = Twin::fresh(13);
    twin.put("before", &body("common")).unwrap();
    twin.settle().unwrap();
    twin.transact(|tx| {
        (0..5_000).try_for_each(|number| twin.set(tx, &format!("k{number}"), Some(&body(&format!("common n{number}")))))
    })
    .unwrap();
    let loaded = twin.keyspace.snapshot().unwrap();
    twin.put("k17", &body("common changed")).unwrap();
    let request = SearchRequest::new(in_body("common"));
    assert_eq!(twin.search_at(&loaded, &request).unwrap().total, 5_001);
    let info = Searches::new(&twin.model, &twin.keyspace.snapshot().unwrap()).index("find").unwrap();
    assert_eq!((info.waiting, info.segment_documents), (1, 5_001));
    assert_eq!(twin.found_at(&loaded, in_body("n17 changed")).unwrap(), keys("k17"));
    assert_eq!(twin.found_at(&loaded, in_body("changed")).unwrap(), keys(""));
    assert_eq!(twin.found(in_body("n17")), keys(""));
    assert_eq!(twin.found(in_body("changed n18")), keys("k17 k18"));
    twin.settle().unwrap();
    assert_eq!(twin.model.check().unwrap().documents, 5_001);
}

#[test]
fn segments_are_merged_and_dead_documents_leave() {
    let twin = Twin::fresh(14);
    for number in 0..40 {
        for key in 0..30 {
            twin.put(&format!("k{key}"), &body(&format!("text of round {number}"))).unwrap();
        }
        twin.settle().unwrap();
    }
    let info = Searches::new(&twin.model, &twin.keyspace.snapshot().unwrap()).index("find").unwrap();
    assert!(info.segments < 8 && info.segment_documents < 200, "{info:?}");
    assert_eq!(twin.found(in_body("round")).len(), 30);
    assert_eq!(twin.files().len() as u64, info.segments);
    assert_eq!(twin.model.check().unwrap().documents, 30);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_any_query_text_are_taken(texts: Vec<String>, asked: String, prefix: String) {
        let twin = Twin::fresh(15);
        for (number, text) in texts.iter().enumerate() {
            let document = json!({"title": text, "body": text, "brand": text, "tags": texts});
            twin.put(&format!("k{number}"), &document).unwrap();
        }
        let short: String = prefix.chars().take(40).collect();
        let request: SearchRequest = serde_json::from_value(json!({"highlight": {"length": 20}, "query": {"bool": {
            "should": [{"match": {"text": asked, "distance": 2}}, {"prefix": {"field": "body", "value": short}},
                {"fuzzy": {"field": "brand", "value": short}}, {"term": {"field": "brand", "value": asked}}]}}})).unwrap();
        twin.search(&request).unwrap();
        twin.settle().unwrap();
        twin.search(&request).unwrap();
        for text in &texts {
            let found = twin.search(&SearchRequest::new(Query::term("brand", text.as_str()))).unwrap();
            prop_assert!(found.total >= 1);
        }
    }
}

#[test]
fn a_database_searches_its_tables() {
    let database = crate::Database::in_memory().unwrap();
    let create = |tx: &crate::Transaction| {
        let table = json!({"columns": [{"name": "shop", "type": "int4"}, {"name": "sku", "type": "text"},
            {"name": "title", "type": "text"}, {"name": "price", "type": "numeric"},
            {"name": "added", "type": "timestamptz"}, {"name": "details", "type": "jsonb"}],
            "primary_key": ["shop", "sku"]});
        tx.tables().create("products", &serde_json::from_value(table).unwrap())
    };
    let insert = |tx: &crate::Transaction, row: Value| {
        let row = tx.tables().definition("products")?.row_from_json(&row)?;
        tx.tables().insert("products", row).map(drop)
    };
    database.transact(create).unwrap();
    let first = json!({"shop": 1, "sku": "a", "title": "Running shoes", "price": "59.90",
        "added": "2025-01-01T00:00:00Z", "details": {"maker": {"brand": "Acme"}}});
    database.transact(|tx| insert(tx, first.clone())).unwrap();
    let definition: IndexDefinition = serde_json::from_value(json!({"source": "products", "fields": {
        "title": {"type": "text", "language": "english"}, "price": {"type": "float"}, "added": {"type": "date"},
        "brand": {"type": "keyword", "path": "details.maker.brand"}}}))
    .unwrap();
    database.transact(|tx| tx.search().create_index("text", &definition)).unwrap();
    let second = json!({"shop": 2, "sku": "b", "title": "A shoe", "price": 10});
    database.transact(|tx| insert(tx, second.clone())).unwrap();
    let search = |asked: Value| {
        let request: SearchRequest = serde_json::from_value(asked).unwrap();
        database.read(|snapshot| snapshot.search().search("text", &request)).unwrap()
    };
    let found = search(json!({"query": {"match": {"text": "shoes"}}, "documents": true, "sort": [{"field": "price"}]}));
    assert_eq!(found.hits.iter().map(|hit| hit.key.clone()).collect::<Vec<_>>(), [json!([2, "b"]), json!([1, "a"])]);
    assert_eq!(found.hits[1].document.as_ref().unwrap()["details"]["maker"]["brand"], json!("Acme"));
    for asked in [
        json!({"term": {"field": "brand", "value": "Acme"}}),
        json!({"range": {"field": "price", "gt": 50}}),
        json!({"range": {"field": "added", "gte": "2025-01-01"}}),
        json!({"ids": {"values": [[1, "a"]]}}),
    ] {
        assert_eq!(search(json!({"query": asked})).total, 1);
    }
    let report = database.check().unwrap().search;
    assert_eq!((report.indexes, report.documents), (1, 2));
    assert_eq!(database.stats().search.indexes, 1);
    database.transact(|tx| tx.tables().drop("products")).unwrap();
    assert_eq!(kind(database.read(|snapshot| snapshot.search().index("text"))), ErrorKind::NotFound);
    database.close().unwrap();
}
