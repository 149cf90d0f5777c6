//! The document model through its public interface.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::env::MemoryEnv;
use crate::limits::{DOCUMENT_ID_SIZE_BYTES_MAX, DOCUMENT_INDEX_ENTRIES_MAX};
use crate::{Database, ErrorKind, Isolation, Result, Settings, TransactOptions};

pub(super) fn open(env: &MemoryEnv) -> Result<Database> {
    let settings = Settings { background: false, ..Settings::default() };
    Database::open_on(Arc::new(env.clone()), Path::new("/db"), settings)
}

pub(super) fn fresh() -> Database {
    let database = open(&MemoryEnv::new()).unwrap();
    database.transact(|tx| tx.documents().create_collection("c")).unwrap();
    database
}

pub(super) fn insert(database: &Database, document: Value) -> Result<String> {
    database.transact(|tx| tx.documents().insert("c", document.clone()))
}

fn filled(documents: &[Value]) -> Database {
    let database = fresh();
    database.transact(|tx| tx.documents().insert_many("c", documents.to_vec())).unwrap();
    database
}

pub(super) fn index(name: &str, fields: &[&str], unique: bool) -> DocumentIndex {
    DocumentIndex { name: name.into(), fields: fields.iter().map(|field| (*field).to_owned()).collect(), unique }
}

fn add_index(database: &Database, name: &str, fields: &[&str], unique: bool) -> Result<()> {
    database.transact(|tx| tx.documents().create_index("c", &index(name, fields, unique)))
}

fn get(database: &Database, id: &str) -> Option<Value> {
    database.read(|snapshot| snapshot.documents().get("c", id)).unwrap()
}

pub(super) fn find(database: &Database, find: &Find) -> Result<Vec<Value>> {
    database.read(|snapshot| snapshot.documents().find("c", find))
}

fn ids(database: &Database, wanted: &Find) -> Vec<String> {
    find(database, wanted).unwrap().iter().map(|document| document["_id"].as_str().unwrap().to_owned()).collect()
}

fn explain(database: &Database, find: &Find) -> Explanation {
    database.read(|snapshot| snapshot.documents().explain("c", find)).unwrap()
}

fn kind<T: std::fmt::Debug>(outcome: Result<T>) -> ErrorKind {
    outcome.expect_err("this has to be refused").kind()
}

#[test]
fn documents_come_back_as_they_were_inserted() {
    let database = fresh();
    let document = json!({"z": 1, "_id": "own", "a": [1.0, u64::MAX, -1], "n": {"": null}});
    assert_eq!(insert(&database, document.clone()).unwrap(), "own");
    assert_eq!(get(&database, "own").unwrap().to_string(), document.to_string());
    let made = insert(&database, json!({"b": 2})).unwrap();
    assert_eq!(get(&database, &made).unwrap().to_string(), format!("{{\"_id\":\"{made}\",\"b\":2}}"));
    assert_eq!(get(&database, "absent"), None);
    assert_eq!(get(&database, &"x".repeat(10_000)), None);
}

#[test]
fn made_ids_sort_by_their_making() {
    let database = fresh();
    let documents = vec![json!({}); 5_000];
    let made = database.transact(|tx| tx.documents().insert_many("c", documents.clone())).unwrap();
    assert!(made.is_sorted() && made.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(insert(&database, json!({})).unwrap() > made[4_999]);
    assert_eq!(made[0].len(), 36);
}

#[test]
fn bad_documents_are_typed_errors_and_leave_nothing() {
    let database = fresh();
    insert(&database, json!({"_id": "a"})).unwrap();
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for (document, expected) in [
        (json!([]), ErrorKind::Invalid),
        (json!({"_id": 7}), ErrorKind::Invalid),
        (json!({"_id": null}), ErrorKind::Invalid),
        (json!({"_id": ""}), ErrorKind::Invalid),
        (json!({"$set": {"a": 1}}), ErrorKind::Invalid),
        (json!({"_id": "x".repeat(DOCUMENT_ID_SIZE_BYTES_MAX + 1)}), ErrorKind::LimitExceeded),
        (json!({"a": "x".repeat(17 << 20)}), ErrorKind::LimitExceeded),
        (json!({ "a": deep }), ErrorKind::LimitExceeded),
        (json!({"_id": "a"}), ErrorKind::AlreadyExists),
    ] {
        assert_eq!(kind(insert(&database, document.clone())), expected);
        let tx = database.begin().unwrap();
        let refused = tx.documents().insert_many("c", vec![json!({"_id": "b"}), document]);
        assert!(refused.as_ref().is_err_and(|error| error.message().starts_with("document 1")), "{refused:?}");
        assert_eq!(kind(refused), expected);
        tx.commit().unwrap();
        assert_eq!(get(&database, "b"), None, "all or none");
    }
    let missing = database.transact(|tx| tx.documents().insert("absent", json!({})));
    assert_eq!(kind(missing), ErrorKind::NotFound);
    assert_eq!(database.check().unwrap().documents.documents, 1);
}

#[test]
fn documents_are_replaced_updated_and_deleted() {
    let database = filled(&[json!({"_id": "a", "n": 1}), json!({"_id": "b", "n": 2})]);
    let documents = |work: &dyn Fn(&Documents<'_, crate::kv::Transaction>) -> Result<Value>| {
        database.transact(|tx| work(&tx.documents()))
    };
    assert_eq!(documents(&|d| d.put("c", "a", json!({"x": 1})).map(Value::from)).unwrap(), true);
    assert_eq!(documents(&|d| d.put("c", "new", json!({"_id": "new"})).map(Value::from)).unwrap(), false);
    assert_eq!(documents(&|d| d.replace("c", "none", json!({})).map(Value::from)).unwrap(), false);
    assert_eq!(documents(&|d| d.replace("c", "a", json!({"y": 2})).map(Value::from)).unwrap(), true);
    assert_eq!(get(&database, "a").unwrap(), json!({"_id": "a", "y": 2}));
    assert_eq!(kind(documents(&|d| d.put("c", "a", json!({"_id": "b"})).map(Value::from))), ErrorKind::Invalid);
    assert_eq!(kind(documents(&|d| d.put("c", "a", json!({"_id": 1})).map(Value::from))), ErrorKind::Invalid);
    let updated = documents(&|d| Ok(d.update("c", "b", &json!({"$inc": {"n": 5}}))?.unwrap())).unwrap();
    assert_eq!(updated, json!({"_id": "b", "n": 7}));
    assert_eq!(documents(&|d| Ok(json!(d.update("c", "none", &json!({"$set": {"a": 1}}))?))).unwrap(), Value::Null);
    let change = json!({"$inc": {"n": 1}, "$setOnInsert": {"first": true}});
    let inserted = documents(&|d| d.update_or_insert("c", "up", &change)).unwrap();
    assert_eq!(inserted, json!({"_id": "up", "n": 1, "first": true}));
    assert_eq!(documents(&|d| d.update_or_insert("c", "up", &change)).unwrap()["n"], 2);
    let many = database
        .transact(|tx| tx.documents().update_many("c", &json!({"n": {"$exists": true}}), &json!({"$max": {"n": 5}})))
        .unwrap();
    assert_eq!(many, UpdateCounts { matched: 2, modified: 1 });
    assert_eq!(documents(&|d| d.delete("c", "a").map(Value::from)).unwrap(), true);
    assert_eq!(documents(&|d| d.delete("c", "a").map(Value::from)).unwrap(), false);
    assert_eq!(documents(&|d| d.delete_many("c", &json!({"n": {"$gte": 5}})).map(Value::from)).unwrap(), 2);
    assert_eq!(ids(&database, &Find::default()), ["new"]);
}

#[test]
fn an_update_of_many_that_fails_changes_none() {
    let database = filled(&[json!({"_id": "a", "n": 1}), json!({"_id": "b", "n": "text"})]);
    let tx = database.begin().unwrap();
    let refused = tx.documents().update_many("c", &json!({}), &json!({"$inc": {"n": 1}}));
    assert!(refused.as_ref().is_err_and(|error| error.message().contains("\"b\"")), "{refused:?}");
    tx.commit().unwrap();
    assert_eq!(get(&database, "a").unwrap()["n"], 1);
}

#[test]
fn finds_sort_skip_limit_and_project() {
    let rows: Vec<Value> =
        (0..20).map(|n| json!({"_id": format!("{n:02}"), "g": n % 3, "n": n, "t": [n, -n]})).collect();
    let database = filled(&rows);
    for indexed in [false, true] {
        if indexed {
            add_index(&database, "g_n", &["g", "n"], false).unwrap();
            add_index(&database, "t", &["t"], false).unwrap();
        }
        let wanted = Find {
            filter: json!({"g": {"$in": [0, 2]}, "n": {"$gte": 3}}),
            projection: json!({"n": 1, "_id": 0}),
            sort: vec![json!({"g": -1, "n": -1})],
            skip: 1,
            limit: Some(3),
        };
        assert_eq!(find(&database, &wanted).unwrap(), [json!({"n": 14}), json!({"n": 11}), json!({"n": 8})]);
        let explanation = explain(&database, &wanted);
        assert_eq!(explanation.sorted, !indexed);
        assert_eq!(explanation.returned, 3);
        assert!(!indexed || explanation.examined_documents == 4, "{explanation:?}");
        let by_array = Find { sort: vec![json!({"t": -1})], limit: Some(2), ..Find::default() };
        assert_eq!(ids(&database, &by_array), ["19", "18"]);
        let by_array = Find { sort: vec![json!({"t": 1})], limit: Some(2), ..Find::default() };
        assert_eq!(ids(&database, &by_array), ["19", "18"]);
        assert_eq!(explain(&database, &by_array).sorted, !indexed);
        let none = Find { limit: Some(0), ..Find::default() };
        assert!(find(&database, &none).unwrap().is_empty());
        let past = Find { skip: 100, sort: vec![json!({"n": 1})], ..Find::default() };
        assert!(find(&database, &past).unwrap().is_empty());
    }
    let backward = Find { sort: vec![json!({"_id": -1})], limit: Some(2), ..Find::default() };
    assert_eq!(ids(&database, &backward), ["19", "18"]);
    assert_eq!(explain(&database, &backward).examined_documents, 2);
    let page = Find { filter: json!({"_id": {"$gt": "17"}}), ..backward.clone() };
    assert_eq!(ids(&database, &page), ["19", "18"]);
    let count = |filter: Value| database.read(|snapshot| snapshot.documents().count("c", &filter)).unwrap();
    assert_eq!((count(json!(null)), count(json!({"g": 1})), count(json!({"g": 9}))), (20, 7, 0));
    for bad in [json!({"n": 2}), json!("n"), json!({"n": "asc"})] {
        assert_eq!(kind(find(&database, &Find { sort: vec![bad], ..Find::default() })), ErrorKind::Invalid);
    }
}

#[test]
fn the_planner_takes_the_index_that_bounds_most() {
    let rows: Vec<Value> = (0..100)
        .map(|n| json!({"_id": format!("{n:03}"), "a": n % 10, "b": n, "u": n, "list": [n, n + 1000], "s": {"x": n % 7}}))
        .collect();
    let database = filled(&rows);
    add_index(&database, "a", &["a"], false).unwrap();
    add_index(&database, "a_b", &["a", "b"], false).unwrap();
    add_index(&database, "u", &["u"], true).unwrap();
    add_index(&database, "list", &["list"], false).unwrap();
    add_index(&database, "s_x", &["s.x"], false).unwrap();
    for (filter, sort, index, examined, sorted) in [
        (json!({}), json!({}), "_id", 100, false),
        (json!({"_id": "007"}), json!({}), "_id", 1, false),
        (json!({"_id": {"$in": ["007", "008", "zzz", 5]}, "a": 7}), json!({}), "_id", 2, false),
        (json!({"_id": 7}), json!({}), "_id", 0, false),
        (json!({"_id": {"$gte": "010", "$lt": "020"}}), json!({"_id": -1}), "_id", 10, false),
        (json!({"_id": {"$gt": 5}}), json!({}), "_id", 0, false),
        (json!({"a": 3}), json!({}), "a", 10, false),
        (json!({"a": 3}), json!({"b": -1}), "a_b", 10, false),
        (json!({"a": 3, "b": {"$gt": 50}}), json!({}), "a_b", 5, false),
        (json!({"a": 3, "b": {"$gt": 50}, "u": 53}), json!({}), "u", 1, false),
        (json!({"a": {"$in": [1, 2]}, "b": {"$lt": 20}}), json!({"a": 1, "b": 1}), "a_b", 4, false),
        (json!({"a": {"$gte": 8}}), json!({"u": 1}), "a", 20, true),
        (json!({"b": 5}), json!({"u": 1}), "u", 100, false),
        (json!({"list": {"$gte": 1005, "$lt": 1010}}), json!({}), "list", 95, false),
        (json!({"list": 1005}), json!({"_id": 1}), "list", 1, false),
        (json!({"list": {"$gt": 1090}}), json!({"list": 1}), "list", 9, true),
        (json!({"s.x": 2, "b": {"$lt": 50}}), json!({}), "s_x", 14, false),
        (json!({"a": {"$ne": 3}}), json!({}), "_id", 100, false),
        (json!({"$and": [{"a": 3}, {"b": 3}]}), json!({}), "a_b", 1, false),
        (json!({"list": [5, 1005]}), json!({}), "_id", 100, false),
    ] {
        let wanted = Find { filter: filter.clone(), sort: vec![sort], ..Find::default() };
        let explanation = explain(&database, &wanted);
        let context = format!("{filter}: {explanation:?}");
        assert_eq!(explanation.reads[0].index, index, "{context}");
        assert_eq!(explanation.examined_documents, examined, "{context}");
        assert_eq!(explanation.sorted, sorted, "{context}");
    }
    let either = Find::matching(json!({"$or": [{"a": 3, "b": {"$lt": 30}}, {"u": 3}, {"list": 1004}]}));
    let explanation = explain(&database, &either);
    let names: Vec<&str> = explanation.reads.iter().map(|read| &read.index[..]).collect();
    assert_eq!(names, ["a_b", "u", "list"]);
    assert_eq!(ids(&database, &either), ["003", "013", "023", "004"]);
    assert_eq!(explanation.examined_documents, 4);
}

#[test]
fn values_too_long_for_an_entry_are_found_and_sorted_all_the_same() {
    let long = |ending: &str| format!("{}{ending}", "x".repeat(1_000));
    let rows: Vec<Value> = ["b", "a", "c", "a"]
        .iter()
        .enumerate()
        .map(|(n, e)| json!({"_id": n.to_string(), "k": long(e), "n": n}))
        .collect();
    let database = filled(&rows);
    insert(&database, json!({"_id": "short", "k": "x"})).unwrap();
    add_index(&database, "k", &["k", "n"], false).unwrap();
    for (filter, expected) in [
        (json!({"k": long("a")}), vec!["1", "3"]),
        (json!({"k": {"$gt": long("a")}}), vec!["0", "2"]),
        (json!({"k": {"$lte": long("b")}}), vec!["0", "1", "3", "short"]),
        (json!({"k": {"$lt": long("")}}), vec!["short"]),
        (json!({"k": {"$gte": long(""), "$lt": long("b")}}), vec!["1", "3"]),
    ] {
        let explanation = explain(&database, &Find::matching(filter.clone()));
        assert_eq!(explanation.reads[0].index, "k");
        let mut found = ids(&database, &Find::matching(filter.clone()));
        found.sort();
        assert_eq!(found, expected, "{filter}");
    }
    let sorted = Find { sort: vec![json!({"k": 1, "n": 1})], limit: Some(4), ..Find::default() };
    assert_eq!(ids(&database, &sorted), ["short", "1", "3", "0"]);
    assert!(explain(&database, &sorted).sorted, "the order of shortened values is not relied on");
    database.check().unwrap();
}

#[test]
fn unique_indexes_refuse_equal_values_and_count_missing_as_null() {
    let database = filled(&[json!({"_id": "a", "e": "x"}), json!({"_id": "b", "e": ["y", "z"]})]);
    add_index(&database, "e", &["e"], true).unwrap();
    assert_eq!(kind(insert(&database, json!({"e": "x"}))), ErrorKind::Constraint);
    assert_eq!(kind(insert(&database, json!({"e": ["q", "z"]}))), ErrorKind::Constraint);
    insert(&database, json!({"_id": "n"})).unwrap();
    assert_eq!(kind(insert(&database, json!({"e": null}))), ErrorKind::Constraint);
    let update = |id: &str, value: Value| {
        database.transact(|tx| tx.documents().update("c", id, &json!({"$set": {"e": value}}))).map(drop)
    };
    update("a", json!("x")).unwrap();
    assert_eq!(kind(update("n", json!("x"))), ErrorKind::Constraint);
    update("a", json!("moved")).unwrap();
    update("n", json!("x")).unwrap();
    let long = "l".repeat(5_000);
    update("n", json!(long)).unwrap();
    assert_eq!(kind(update("a", json!(long))), ErrorKind::Constraint);
    update("a", json!(format!("{long}2"))).unwrap();
    assert_eq!(kind(add_index(&database, "e", &["x"], false)), ErrorKind::AlreadyExists);
    insert(&database, json!({"_id": "m", "e": 1})).unwrap();
    assert_eq!(kind(add_index(&database, "all_missing", &["missing"], true)), ErrorKind::Constraint);
    let info = database.read(|snapshot| snapshot.documents().collection("c")).unwrap();
    assert_eq!(info.indexes, [index("e", &["e"], true)]);
    database.check().unwrap();
}

#[test]
fn bad_indexes_are_typed_errors() {
    let database = fresh();
    let many: Vec<String> = (0..17).map(|n| format!("f{n}")).collect();
    let many: Vec<&str> = many.iter().map(|name| &name[..]).collect();
    let long = "n".repeat(300);
    for (name, fields, expected) in [
        ("", vec!["a"], ErrorKind::Invalid),
        ("a b", vec!["a"], ErrorKind::Invalid),
        (&long[..], vec!["a"], ErrorKind::LimitExceeded),
        ("i", vec![], ErrorKind::Invalid),
        ("i", vec!["a", "a"], ErrorKind::Invalid),
        ("i", vec!["_id"], ErrorKind::Invalid),
        ("i", vec!["a..b"], ErrorKind::Invalid),
        ("i", vec!["$a"], ErrorKind::Unsupported),
        ("i", many, ErrorKind::Invalid),
    ] {
        assert_eq!(kind(add_index(&database, name, &fields, false)), expected, "{name} {fields:?}");
    }
    assert_eq!(kind(database.transact(|tx| tx.documents().drop_index("c", "none"))), ErrorKind::NotFound);
    let options = TransactOptions { isolation: Isolation::Snapshot, ..TransactOptions::default() };
    let outcome = database.transact_with(options, |tx| tx.documents().create_index("c", &index("i", &["a"], false)));
    assert_eq!(kind(outcome), ErrorKind::Unsupported);
    add_index(&database, "list", &["list", "other"], false).unwrap();
    let wide: Vec<usize> = (0..DOCUMENT_INDEX_ENTRIES_MAX).collect();
    insert(&database, json!({"list": wide})).unwrap();
    assert_eq!(kind(insert(&database, json!({"list": wide, "other": [1, 2]}))), ErrorKind::LimitExceeded);
    for number in 1..64 {
        add_index(&database, &format!("i{number}"), &["a"], false).unwrap();
    }
    assert_eq!(kind(add_index(&database, "i64", &["a"], false)), ErrorKind::LimitExceeded);
}

#[test]
fn dropped_indexes_and_collections_are_gone_and_reclaimed() {
    let database = filled(&(0..50).map(|n| json!({ "n": n })).collect::<Vec<_>>());
    add_index(&database, "n", &["n"], false).unwrap();
    database.transact(|tx| tx.documents().drop_index("c", "n")).unwrap();
    add_index(&database, "n", &["n", "m"], false).unwrap();
    assert_eq!(database.check().unwrap().documents.index_entries, 50);
    database.transact(|tx| tx.documents().drop_collection("c")).unwrap();
    assert_eq!(kind(find(&database, &Find::default())), ErrorKind::NotFound);
    database.transact(|tx| tx.documents().create_collection("c")).unwrap();
    assert!(find(&database, &Find::default()).unwrap().is_empty());
    assert_eq!(database.check().unwrap().documents, DocumentCheck { collections: 1, ..DocumentCheck::default() });
    let taken = database.transact(|tx| tx.blobs().create_bucket("c"));
    assert_eq!(kind(taken), ErrorKind::AlreadyExists);
    assert_eq!(kind(database.transact(|tx| tx.documents().create_collection("c"))), ErrorKind::AlreadyExists);
}

#[test]
fn a_transaction_finds_its_own_changes() {
    let database = filled(&[json!({"_id": "a", "n": 1}), json!({"_id": "b", "n": 2})]);
    add_index(&database, "n", &["n"], false).unwrap();
    let tx = database.begin().unwrap();
    let documents = tx.documents();
    documents.insert("c", json!({"_id": "d", "n": 3})).unwrap();
    documents.update("c", "a", &json!({"$set": {"n": 9}})).unwrap();
    documents.delete("c", "b").unwrap();
    let found = documents.find("c", &Find::matching(json!({"n": {"$gt": 0}}))).unwrap();
    assert_eq!(found, [json!({"_id": "d", "n": 3}), json!({"_id": "a", "n": 9})]);
    tx.rollback();
    assert_eq!(ids(&database, &Find::matching(json!({"n": {"$gt": 0}}))), ["a", "b"]);
}

#[test]
fn unique_holds_and_no_update_is_lost_under_concurrency() {
    let database = Database::in_memory().unwrap();
    database
        .transact(|tx| {
            tx.documents().create_collection("c")?;
            tx.documents().create_index("c", &index("k", &["k"], true))?;
            tx.documents().insert("c", json!({"_id": "counter", "n": 0, "k": "counter"})).map(drop)
        })
        .unwrap();
    let inserted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = [Isolation::Serializable, Isolation::Snapshot]
            .into_iter()
            .cycle()
            .take(6)
            .map(|isolation| {
                let database = database.clone();
                scope.spawn(move || {
                    let options = TransactOptions { isolation, attempts: 1_000, ..TransactOptions::default() };
                    let insert = |n: i32| match database
                        .transact_with(options, |tx| tx.documents().insert("c", json!({ "k": n })))
                    {
                        Ok(_) => 1,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Constraint, "{error}");
                            0
                        }
                    };
                    let inserted = (0..50).map(insert).sum::<usize>();
                    for _ in 0..50 {
                        let increment = json!({"$inc": {"n": 1}});
                        database
                            .transact_with(options, |tx| tx.documents().update("c", "counter", &increment))
                            .unwrap();
                    }
                    inserted
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(inserted, 50);
    assert_eq!(get(&database, "counter").unwrap()["n"], 300);
    assert_eq!(database.check().unwrap().documents.documents, 51);
}

#[test]
fn an_index_that_is_made_while_others_insert_misses_nothing() {
    let database = fresh();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let options =
                TransactOptions { isolation: Isolation::Snapshot, attempts: 1_000, ..TransactOptions::default() };
            let mut count = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) && count < 3_000 {
                database
                    .transact_with(options, |tx| tx.documents().insert("c", json!({"n": [count, -count]})))
                    .unwrap();
                count += 1;
            }
            count
        });
        for round in 0..5 {
            let options = TransactOptions { attempts: 10_000, ..TransactOptions::default() };
            let name = format!("i{round}");
            // A build that always conflicts with the writer is as right as one that succeeds.
            let _ =
                database.transact_with(options, |tx| tx.documents().create_index("c", &index(&name, &["n"], false)));
            database.check().unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let inserted = writer.join().unwrap();
        assert_eq!(database.check().unwrap().documents.documents, inserted as u64);
    });
}

#[test]
fn a_find_that_holds_too_much_is_refused() {
    let database = fresh();
    for n in 0..5 {
        insert(&database, json!({"_id": n.to_string(), "n": n, "x": "x".repeat(15 << 20)})).unwrap();
    }
    assert_eq!(kind(find(&database, &Find::default())), ErrorKind::LimitExceeded);
    let sorted = Find { sort: vec![json!({"n": -1})], ..Find::default() };
    assert_eq!(kind(find(&database, &sorted)), ErrorKind::LimitExceeded);
    assert_eq!(find(&database, &Find { limit: Some(2), ..Find::default() }).unwrap().len(), 2);
    assert_eq!(database.read(|snapshot| snapshot.documents().count("c", &json!({"n": 3}))).unwrap(), 1);
    add_index(&database, "n", &["n"], false).unwrap();
    assert_eq!(ids(&database, &Find { limit: Some(1), projection: json!({"n": 1}), ..sorted }), ["4"]);
}
