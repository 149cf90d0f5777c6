//! Loaded cache entries against every model that they can be loaded from.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry::blob::PutOptions;
use marquetry::cache::{CacheClass, CacheOptions, LoadOptions};
use marquetry::document::Find;
use marquetry::queue::QueueSettings;
use marquetry::search::{FieldDefinition, IndexDefinition, Language, Query, SearchRequest};
use marquetry::table::{Column, ColumnType, Row, ScanRequest, TableDefinition};
use marquetry::{Database, Result, Snapshot, Transaction};
use serde_json::json;

const CLASSES: [CacheClass; 3] = [CacheClass::Volatile, CacheClass::Buffered, CacheClass::Durable];

/// Loads with `load` before and after `change`: the second value must be another one than the first, the third the same.
fn assert_follows(
    database: &Database,
    what: &str,
    load: impl Fn(&Snapshot) -> Result<String>,
    change: impl Fn(&Transaction) -> Result<()>,
) {
    for class in CLASSES {
        let namespace = format!("{what}-{class:?}");
        let options = CacheOptions { class, ..CacheOptions::default() };
        database.transact(|tx| tx.cache().create_namespace(&namespace, &options)).unwrap();
        let cached = || {
            database
                .get_or_load(&namespace, "k", &LoadOptions::default(), |snapshot| Ok(load(snapshot)?.into()))
                .unwrap()
        };
        let first = cached();
        assert_eq!(cached(), first);
        assert_eq!(database.cache(&namespace).info().unwrap().loads, 1, "{namespace}");
        let rolled_back = database.begin().unwrap();
        change(&rolled_back).unwrap();
        rolled_back.rollback();
        assert_eq!(database.cache(&namespace).get("k").unwrap().expect("nothing has changed").value, first);
        database.transact(|tx| change(tx)).unwrap();
        let second = cached();
        assert_eq!(second, database.read(|snapshot| load(snapshot)).unwrap(), "{namespace}");
        assert_ne!(second, first, "{namespace}");
    }
}

/// Another number at every call, so that every change changes something.
fn next() -> i64 {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NEXT: AtomicI64 = AtomicI64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

#[test]
fn rows_by_key_by_scan_and_by_count() {
    let database = Database::in_memory().unwrap();
    let people = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8).not_null())
        .column(Column::new("name", ColumnType::Text))
        .primary_key(["id"]);
    database
        .transact(|tx| {
            tx.tables().create("people", &people)?;
            tx.tables().insert("people", Row::new().set("id", 0_i64).set("name", "Ada")).map(drop)
        })
        .unwrap();
    let insert =
        |tx: &Transaction| tx.tables().insert("people", Row::new().set("id", next()).set("name", "Grace")).map(drop);
    let upsert = |tx: &Transaction| {
        tx.tables().upsert("people", Row::new().set("id", 0_i64).set("name", next().to_string())).map(drop)
    };
    let get = |snapshot: &Snapshot| Ok(format!("{:?}", snapshot.tables().get("people", 0_i64)?));
    let scan = |snapshot: &Snapshot| {
        let rows = snapshot.tables().scan("people", &ScanRequest::primary_key())?;
        Ok(format!("{:?}", rows.collect::<Result<Vec<_>>>()?))
    };
    let count = |snapshot: &Snapshot| Ok(snapshot.tables().count("people", &ScanRequest::primary_key())?.to_string());
    assert_follows(&database, "get", get, upsert);
    assert_follows(&database, "scan", scan, insert);
    assert_follows(&database, "count", count, insert);
}

#[test]
fn documents_by_id_and_by_filter() {
    let database = Database::in_memory().unwrap();
    database
        .transact(|tx| {
            tx.documents().create_collection("products")?;
            tx.documents().insert("products", json!({"_id": "lamp", "price": 25})).map(drop)
        })
        .unwrap();
    let get = |snapshot: &Snapshot| Ok(format!("{:?}", snapshot.documents().get("products", "lamp")?));
    let cheap = Find::matching(json!({"price": {"$lt": 100}}));
    let find = |snapshot: &Snapshot| Ok(format!("{:?}", snapshot.documents().find("products", &cheap)?));
    let update =
        |tx: &Transaction| tx.documents().update("products", "lamp", &json!({"$set": {"stock": next()}})).map(drop);
    let insert = |tx: &Transaction| tx.documents().insert("products", json!({"price": 5})).map(drop);
    assert_follows(&database, "get", get, update);
    assert_follows(&database, "find", find, insert);
}

#[test]
fn searches_before_and_after_indexing() {
    let database = Database::in_memory().unwrap();
    database
        .transact(|tx| {
            tx.documents().create_collection("products")?;
            let fields = [("title", FieldDefinition::text(Language::English))];
            tx.search().create_index("by_title", &IndexDefinition::new("products", fields))
        })
        .unwrap();
    let search = |snapshot: &Snapshot| {
        let found = snapshot.search().search("by_title", &SearchRequest::new(Query::matching("shoe")))?;
        Ok(found.total.to_string())
    };
    let insert = |tx: &Transaction| tx.documents().insert("products", json!({"title": "Running shoes"})).map(drop);
    assert_follows(&database, "search", search, insert);
    while database.maintain().unwrap() {}
    assert_follows(&database, "indexed", search, insert);
}

#[test]
fn objects_and_queues() {
    let database = Database::in_memory().unwrap();
    database
        .transact(|tx| {
            tx.blobs().create_bucket("images")?;
            tx.queues().create("jobs", &QueueSettings::default())
        })
        .unwrap();
    let put = |tx: &Transaction| {
        let bytes = next().to_string().repeat(20_000);
        tx.blobs().put("images", "tom.png", bytes.as_bytes(), &PutOptions::default()).map(drop)
    };
    let get = |snapshot: &Snapshot| {
        let reader = snapshot.blobs().get("images", "tom.png")?;
        let bytes = reader.map(|reader| reader.into_bytes()).transpose()?;
        Ok(bytes.map_or("none".into(), |bytes| String::from_utf8_lossy(&bytes[..20]).into_owned()))
    };
    assert_follows(&database, "object", get, put);
    let count = |snapshot: &Snapshot| Ok(snapshot.queues().counts("jobs")?.ready.to_string());
    let send = |tx: &Transaction| tx.queues().send("jobs", json!({"number": next()})).map(drop);
    assert_follows(&database, "queue", count, send);
}
