//! The table model through its public interface.

use std::error::Error as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::env::MemoryEnv;
use crate::{Database, Error, ErrorKind, Isolation, Result, Settings};

pub(super) fn open(env: &MemoryEnv) -> Result<Database> {
    let settings = Settings { background: false, ..Settings::default() };
    Database::open_on(Arc::new(env.clone()), Path::new("/db"), settings)
}

fn fresh(definition: &TableDefinition) -> Database {
    let database = open(&MemoryEnv::simulated(1)).unwrap();
    database.transact(|tx| tx.tables().create("t", definition)).unwrap();
    database
}

/// id | email (unique) | city, age (indexed together)
pub(super) fn people() -> TableDefinition {
    TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8).auto_increment())
        .column(Column::new("email", ColumnType::Text))
        .column(Column::new("city", ColumnType::Text).not_null().default_value("Graz"))
        .column(Column::new("age", ColumnType::Int4))
        .primary_key(["id"])
        .index(Index::unique("by_email", ["email"]))
        .index(Index::new("by_city", ["city", "age"]))
}

fn person(id: i64, email: &str) -> Row {
    Row::new().set("id", id).set("email", email)
}

fn refused<T: std::fmt::Debug>(outcome: Result<T>) -> Error {
    outcome.expect_err("this has to be refused")
}

fn violation(error: &Error) -> &ConstraintViolation {
    error.source().and_then(|source| source.downcast_ref()).expect("the broken rule is told")
}

fn ids(database: &Database, request: &ScanRequest) -> Vec<i64> {
    let snapshot = database.snapshot().unwrap();
    snapshot.tables().scan("t", request).unwrap().map(|row| row.unwrap().integer("id").unwrap()).collect()
}

#[test]
fn rows_are_inserted_read_changed_and_deleted() {
    let database = fresh(&people());
    database
        .transact(|tx| {
            let tables = tx.tables();
            let row = tables.insert("t", Row::new().set("email", "ada@example.org").set("age", 36))?;
            assert_eq!(row.integer("id")?, 1);
            assert_eq!(row.text("city")?, "Graz");
            let row = tables.update("t", 1, Row::new().set("city", "London").set("age", Value::Null))?;
            assert_eq!((row.text("email")?, row.text("city")?), ("ada@example.org", "London"));
            assert!(row.get("age").unwrap().is_null());
            assert_eq!(tables.get("t", 1)?, Some(row));
            let row = tables.upsert("t", Row::new().set("id", 1).set("age", 5))?;
            assert_eq!(row.to_json(), *json!({"id": 1, "email": null, "city": "Graz", "age": 5}).as_object().unwrap());
            assert_eq!(tables.get("t", 1)?.as_ref(), Some(&row));
            assert!(tables.delete("t", 1)?);
            assert!(!tables.delete("t", 1)?);
            assert_eq!(tables.get("t", 1)?, None);
            assert_eq!(refused(tables.update("t", 1, Row::new())).kind(), ErrorKind::NotFound);
            Ok(())
        })
        .unwrap();
    let report = database.check().unwrap().tables;
    assert_eq!((report.tables, report.rows, report.index_entries), (1, 0, 0));
}

#[test]
fn numbers_are_added_to_columns_of_their_type() {
    let columns = [
        ("int2", ColumnType::Int2),
        ("int8", ColumnType::Int8),
        ("float4", ColumnType::Float4),
        ("numeric", ColumnType::Numeric),
        ("text", ColumnType::Text),
    ];
    let definition = columns.iter().fold(TableDefinition::new().column(Column::new("id", ColumnType::Int8)), |t, c| {
        t.column(Column::new(c.0, c.1))
    });
    let database = fresh(&definition.primary_key(["id"]).index(Index::new("by_int8", ["int8"])));
    let decimal = |text: &str| text.parse::<bigdecimal::BigDecimal>().unwrap();
    let row = Row::new().set("id", 1).set("int2", 1i16).set("int8", i64::MAX).set("float4", 0.5f32);
    let row = row.set("numeric", decimal("0.10")).set("text", "7");
    database.transact(|tx| tx.tables().insert("t", row.clone())).unwrap();
    let add = |amounts: Row| database.transact(|tx| tx.tables().add("t", 1, amounts.clone()));
    let amounts = Row::new().set("int2", -3).set("int8", -i64::MAX).set("float4", 0.25f32);
    let row = add(amounts.set("numeric", decimal("0.20"))).unwrap();
    assert_eq!((row.integer("int2").unwrap(), row.integer("int8").unwrap()), (-2, 0));
    assert_eq!((row.get("float4"), row.numeric("numeric").unwrap()), (Some(&Value::Float4(0.75)), &decimal("0.30")));
    assert_eq!(ids(&database, &ScanRequest::index("by_int8").equal(0)), [1]);
    for (column, amount) in [
        ("int2", Value::Int8(40_000)),
        ("int2", Value::Int2(i16::MIN)),
        ("int8", Value::Float8(0.5)),
        ("text", Value::Text("1".into())),
        ("id", Value::Null),
    ] {
        let error = refused(add(Row::new().set("float4", 1.0f32).set(column, amount.clone())));
        let kinds = [ErrorKind::Invalid, ErrorKind::Constraint];
        assert!(kinds.contains(&error.kind()) && error.message().contains(column), "{column} {amount:?}: {error}");
    }
    assert_eq!(refused(database.transact(|tx| tx.tables().add("t", 2, Row::new()))).kind(), ErrorKind::NotFound);
    assert_eq!(add(Row::new().set("int8", Value::Null)).unwrap().get("int8"), Some(&Value::Null));
    assert_eq!(add(Row::new().set("int8", 1)).unwrap().get("int8"), Some(&Value::Null));
    assert_eq!(add(Row::new().set("id", 6)).unwrap().integer("id").unwrap(), 7);
    database.check().unwrap();
}

#[test]
fn numbers_go_on_behind_those_that_were_given() {
    let database = fresh(&people());
    let insert =
        |row: Row| database.transact(|tx| tx.tables().insert("t", row.clone())).and_then(|row| row.integer("id"));
    assert_eq!(insert(Row::new()).unwrap(), 1);
    assert_eq!(insert(Row::new().set("id", 100)).unwrap(), 100);
    assert_eq!(insert(Row::new()).unwrap(), 101);
    assert_eq!(insert(Row::new().set("id", -5)).unwrap(), -5);
    assert_eq!(insert(Row::new()).unwrap(), 102);
    database.transact(|tx| tx.tables().update("t", 102, Row::new().set("id", 200))).unwrap();
    assert_eq!(insert(Row::new()).unwrap(), 201);
    insert(Row::new().set("id", i64::MAX)).unwrap();
    assert_eq!(refused(insert(Row::new())).kind(), ErrorKind::LimitExceeded);
    let small = TableDefinition::new().column(Column::new("id", ColumnType::Int2).auto_increment()).primary_key(["id"]);
    let database = fresh(&small);
    database.transact(|tx| tx.tables().insert("t", Row::new().set("id", i16::MAX))).unwrap();
    let error = refused(database.transact(|tx| tx.tables().insert("t", Row::new())));
    assert!(error.kind() == ErrorKind::LimitExceeded && error.message().contains("int2"), "{error}");
}

#[test]
fn defaults_are_filled_in() {
    let definition = TableDefinition::new()
        .column(Column::new("id", ColumnType::Uuid).random_uuid())
        .column(Column::new("day", ColumnType::Date).default_now())
        .column(Column::new("at", ColumnType::TimestampTz).default_now())
        .column(Column::new("price", ColumnType::Numeric).default_value(Value::Numeric("1.50".parse().unwrap())))
        .primary_key(["id"]);
    let database = fresh(&definition);
    let (a, b) = database
        .transact(|tx| Ok((tx.tables().insert("t", Row::new())?, tx.tables().insert("t", Row::new())?)))
        .unwrap();
    assert_ne!(a.get("id"), b.get("id"));
    assert_eq!(a.numeric("price").unwrap().to_plain_string(), "1.50");
    assert!(matches!((a.get("day"), a.get("at")), (Some(Value::Date(_)), Some(Value::TimestampTz(_)))));
    let definition_back = database.read(|snapshot| snapshot.tables().definition("t")).unwrap();
    assert_eq!(*definition_back, definition);
}

#[test]
fn broken_rules_are_told_and_leave_nothing() {
    let database = fresh(&people());
    let tx = database.begin().unwrap();
    let tables = tx.tables();
    tables.insert("t", person(1, "a")).unwrap();
    let error = refused(tables.insert("t", person(1, "b")));
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!((violation(&error).kind, &*violation(&error).constraint), (ConstraintKind::Unique, "t_pkey"));
    let error = refused(tables.insert("t", person(2, "a")));
    assert_eq!(error.kind(), ErrorKind::Constraint);
    assert_eq!(
        (&*violation(&error).constraint, &violation(&error).columns[..]),
        ("by_email", &["email".to_owned()][..])
    );
    let error = refused(tables.insert("t", person(2, "b").set("city", Value::Null)));
    assert_eq!((error.kind(), violation(&error).kind), (ErrorKind::Constraint, ConstraintKind::NotNull));
    let error = refused(tables.insert_many("t", [person(2, "b"), person(3, "c"), person(4, "a")]));
    assert!(error.message().starts_with("row 2: "), "{error}");
    assert_eq!(tables.count("t", &ScanRequest::primary_key()).unwrap(), 1);
    tables.insert("t", person(2, "b")).unwrap();
    for (key, set) in [(2, Row::new().set("email", "a")), (2, Row::new().set("id", 1))] {
        refused(tables.update("t", key, set));
    }
    refused(tables.upsert("t", person(3, "a")));
    // A value that a row gives up is free at once.
    tables.update("t", 1, Row::new().set("email", "z")).unwrap();
    tables.upsert("t", person(3, "a")).unwrap();
    // NULLs are not equal to each other.
    tables.insert_many("t", [Row::new().set("id", 10), Row::new().set("id", 11)]).unwrap();
    tx.commit().unwrap();
    assert_eq!(ids(&database, &ScanRequest::index("by_email")), [3, 2, 1, 10, 11]);
    database.check().unwrap();
}

#[test]
fn the_primary_key_can_change_and_takes_its_entries_along() {
    let database = fresh(&people());
    database.transact(|tx| tx.tables().insert("t", person(1, "a").set("age", 3))).unwrap();
    database.transact(|tx| tx.tables().update("t", 1, Row::new().set("id", 9))).unwrap();
    assert_eq!(ids(&database, &ScanRequest::primary_key()), [9]);
    assert_eq!(ids(&database, &ScanRequest::index("by_email").equal("a")), [9]);
    assert_eq!(ids(&database, &ScanRequest::index("by_city").equal("Graz").equal(3)), [9]);
    let by = |key: &str| database.read(|snapshot| snapshot.tables().get_by("t", "by_email", key)).unwrap();
    assert_eq!(by("a").unwrap().integer("id").unwrap(), 9);
    assert_eq!(by("b"), None);
    assert_eq!(database.check().unwrap().tables.index_entries, 2);
}

#[test]
fn scans_keep_to_their_ends_in_both_directions() {
    let database = fresh(&people());
    let ages = [
        (1, "A", Some(10)),
        (2, "A", Some(20)),
        (3, "A", None),
        (4, "A", Some(30)),
        (5, "B", Some(20)),
        (6, "B", None),
    ];
    database
        .transact(|tx| {
            for (id, city, age) in ages {
                tx.tables().insert("t", Row::new().set("id", id).set("city", city).set("age", age))?;
            }
            Ok(())
        })
        .unwrap();
    let by_city = || ScanRequest::index("by_city");
    for (request, expected) in [
        (ScanRequest::primary_key(), vec![1, 2, 3, 4, 5, 6]),
        (ScanRequest::primary_key().at_least(2).less_than(5), vec![2, 3, 4]),
        (ScanRequest::primary_key().more_than(2).at_most(5), vec![3, 4, 5]),
        (ScanRequest::primary_key().at_least(5).at_most(2), vec![]),
        (ScanRequest::primary_key().equal(4), vec![4]),
        (by_city(), vec![1, 2, 4, 3, 5, 6]),
        (by_city().equal("A"), vec![1, 2, 4, 3]),
        (by_city().equal("A").at_least(20), vec![2, 4]),
        (by_city().equal("A").more_than(20), vec![4]),
        (by_city().equal("A").at_most(20), vec![1, 2]),
        (by_city().equal("A").less_than(20), vec![1]),
        (by_city().equal("A").equal(Value::Null), vec![3]),
        (by_city().at_least(("A", 20)), vec![2, 4, 3, 5, 6]),
        (by_city().at_most(("A", 20)), vec![1, 2]),
        (by_city().more_than("A"), vec![5, 6]),
        (by_city().equal("C"), vec![]),
    ] {
        assert_eq!(ids(&database, &request), expected, "{request:?}");
        let count = database.read(|snapshot| snapshot.tables().count("t", &request)).unwrap();
        assert_eq!(count, expected.len() as u64, "{request:?}");
        let backwards: Vec<_> = expected.iter().rev().copied().collect();
        assert_eq!(ids(&database, &request.clone().descending()), backwards, "{request:?}");
        assert_eq!(ids(&database, &request.clone().limit(2)), expected[..expected.len().min(2)], "{request:?}");
        for request in [request.clone(), request.descending()] {
            assert_eq!(paged(&database, &request), ids(&database, &request), "{request:?}");
        }
    }
}

fn paged(database: &Database, request: &ScanRequest) -> Vec<i64> {
    let snapshot = database.snapshot().unwrap();
    let mut found = Vec::new();
    let mut request = request.clone().limit(2);
    loop {
        let page = snapshot.tables().page("t", &request).unwrap();
        assert!(page.next.is_none() || page.rows.len() == 2);
        found.extend(page.rows.iter().map(|row| row.integer("id").unwrap()));
        match page.next {
            Some(next) => request = request.resume_after(next),
            None => return found,
        }
    }
}

#[test]
fn requests_that_do_not_fit_are_refused() {
    let database = fresh(&people());
    let snapshot = database.snapshot().unwrap();
    let tables = snapshot.tables();
    for (request, kind) in [
        (ScanRequest::index("nothing"), ErrorKind::NotFound),
        (ScanRequest::primary_key().equal(1).equal(2), ErrorKind::Invalid),
        (ScanRequest::primary_key().equal("text"), ErrorKind::Invalid),
        (ScanRequest::primary_key().at_least(Key(vec![])), ErrorKind::Invalid),
        (ScanRequest::primary_key().equal(1).at_least(2), ErrorKind::Invalid),
        (ScanRequest::index("by_city").at_least(Value::Null), ErrorKind::Invalid),
        (ScanRequest::primary_key().resume_after("not base64!"), ErrorKind::Invalid),
        (ScanRequest::primary_key().resume_after("A".repeat(100_000)), ErrorKind::Invalid),
        (ScanRequest::primary_key().limit(0), ErrorKind::Invalid),
        (ScanRequest::primary_key().limit(10_001), ErrorKind::LimitExceeded),
    ] {
        assert_eq!(refused(tables.page("t", &request)).kind(), kind, "{request:?}");
    }
    assert_eq!(refused(tables.get("none", 1)).kind(), ErrorKind::NotFound);
    assert_eq!(refused(tables.get("t", "x")).kind(), ErrorKind::Invalid);
    assert_eq!(refused(tables.get("t", (1, 2))).kind(), ErrorKind::Invalid);
    assert_eq!(refused(tables.get_by("t", "by_city", ("a", 1))).kind(), ErrorKind::Invalid);
    let insert = |row: Row| refused(database.transact(|tx| tx.tables().insert("t", row.clone()))).kind();
    assert_eq!(insert(Row::new().set("nothing", 1)), ErrorKind::Invalid);
    assert_eq!(insert(Row::new().set("age", "old")), ErrorKind::Invalid);
    assert_eq!(insert(Row::new().set("email", "x".repeat(9_000))), ErrorKind::LimitExceeded);
}

#[test]
fn definitions_that_make_no_sense_are_refused() {
    let database = open(&MemoryEnv::simulated(1)).unwrap();
    let id = || TableDefinition::new().column(Column::new("id", ColumnType::Int8)).primary_key(["id"]);
    let column = |column: Column| id().column(column);
    for (definition, kind) in [
        (TableDefinition::new(), ErrorKind::Invalid),
        (TableDefinition::new().column(Column::new("id", ColumnType::Int8)), ErrorKind::Invalid),
        (id().primary_key(["other"]), ErrorKind::Invalid),
        (id().primary_key(["id", "id"]), ErrorKind::Invalid),
        (column(Column::new("id", ColumnType::Text)), ErrorKind::Invalid),
        (column(Column::new("", ColumnType::Text)), ErrorKind::Invalid),
        (column(Column::new("a\0", ColumnType::Text)), ErrorKind::Invalid),
        (column(Column::new("x".repeat(256), ColumnType::Text)), ErrorKind::LimitExceeded),
        (column(Column::new("a", ColumnType::Text).auto_increment()), ErrorKind::Invalid),
        (column(Column::new("a", ColumnType::Text).default_now()), ErrorKind::Invalid),
        (column(Column::new("a", ColumnType::Text).random_uuid()), ErrorKind::Invalid),
        (column(Column::new("a", ColumnType::Int2).default_value(70_000)), ErrorKind::Invalid),
        (column(Column::new("a", ColumnType::Jsonb)).primary_key(["a"]), ErrorKind::Invalid),
        (column(Column::new("a", ColumnType::Jsonb)).index(Index::new("i", ["a"])), ErrorKind::Invalid),
        (id().index(Index::new("i", ["id"])).index(Index::new("i", ["id"])), ErrorKind::AlreadyExists),
        (id().index(Index::new("", ["id"])), ErrorKind::Invalid),
        (id().index(Index::new("i", Vec::<String>::new())), ErrorKind::Invalid),
        (
            (0..1_601).fold(id(), |table, n| table.column(Column::new(format!("c{n}"), ColumnType::Bool))),
            ErrorKind::LimitExceeded,
        ),
        ((0..65).fold(id(), |table, n| table.index(Index::new(format!("i{n}"), ["id"]))), ErrorKind::LimitExceeded),
    ] {
        let outcome = database.transact(|tx| tx.tables().create("t", &definition));
        assert_eq!(refused(outcome).kind(), kind, "{definition:?}");
    }
    let create = |name: &str| database.transact(|tx| tx.tables().create(name, &id()));
    assert_eq!(refused(create(&"x".repeat(256))).kind(), ErrorKind::LimitExceeded);
    assert_eq!(refused(create("no\ncontrol")).kind(), ErrorKind::Invalid);
    create("t").unwrap();
    assert_eq!(refused(create("t")).kind(), ErrorKind::AlreadyExists);
    assert_eq!(database.read(|snapshot| snapshot.tables().list()).unwrap(), ["t"]);
}

#[test]
fn a_dropped_table_is_gone_and_its_name_begins_anew() {
    let database = fresh(&people());
    database.transact(|tx| tx.tables().insert_many("t", (1..50).map(|id| person(id, &id.to_string())))).unwrap();
    let before = database.snapshot().unwrap();
    database
        .transact(|tx| {
            tx.tables().drop("t")?;
            assert_eq!(refused(tx.tables().get("t", 1)).kind(), ErrorKind::NotFound);
            tx.tables().create("t", &people())?;
            assert_eq!(tx.tables().count("t", &ScanRequest::primary_key())?, 0);
            tx.tables().insert("t", Row::new().set("email", "1")).map(drop)
        })
        .unwrap();
    assert_eq!(before.tables().count("t", &ScanRequest::index("by_email")).unwrap(), 49);
    drop(before);
    assert_eq!(ids(&database, &ScanRequest::index("by_email")), [1]);
    while crate::kv::reclaim::step(&database.shared.keyspace).unwrap() {}
    let left = database.check().unwrap();
    assert_eq!((left.tables.rows, left.tables.index_entries), (1, 2));
    database.transact(|tx| tx.tables().drop("t")).unwrap();
    while crate::kv::reclaim::step(&database.shared.keyspace).unwrap() {}
    let snapshot = database.snapshot().unwrap();
    for tag in [crate::keyspace::TABLE_ROW_TAG, crate::keyspace::TABLE_INDEX_TAG] {
        let rest = snapshot.inner.scan(crate::kv::KeyRange::prefix(vec![tag]), crate::kv::Direction::Forward);
        assert_eq!(rest.unwrap().count(), 0);
    }
}

#[test]
fn indexes_come_and_go_on_a_table_with_rows() {
    let database = fresh(&people());
    let rows = (1..=2_500i64).map(|id| Row::new().set("id", id).set("age", (id % 100) as i32));
    database.transact(|tx| tx.tables().insert_many("t", rows.clone())).unwrap();
    let create = |index: Index| database.transact(|tx| tx.tables().create_index("t", &index));
    let error = refused(create(Index::unique("by_age", ["age"])));
    assert_eq!((error.kind(), &*violation(&error).constraint), (ErrorKind::Constraint, "by_age"));
    create(Index::new("by_age", ["age"])).unwrap();
    create(Index::unique("by_age_and_id", ["age", "id"])).unwrap();
    assert_eq!(refused(create(Index::new("by_age", ["id"]))).kind(), ErrorKind::AlreadyExists);
    assert_eq!(ids(&database, &ScanRequest::index("by_age").equal(7)).len(), 25);
    assert_eq!(database.check().unwrap().tables.index_entries, 4 * 2_500);
    database.transact(|tx| tx.tables().drop_index("t", "by_age")).unwrap();
    assert_eq!(refused(database.transact(|tx| tx.tables().drop_index("t", "by_age"))).kind(), ErrorKind::NotFound);
    // The same name again has nothing of the entries of before.
    database.transact(|tx| tx.tables().delete("t", 7)).unwrap();
    create(Index::new("by_age", ["age"])).unwrap();
    assert_eq!(ids(&database, &ScanRequest::index("by_age").equal(7)).len(), 24);
    while crate::kv::reclaim::step(&database.shared.keyspace).unwrap() {}
    assert_eq!(database.check().unwrap().tables.index_entries, 4 * 2_499);
}

#[test]
fn a_new_index_and_a_row_written_meanwhile_do_not_miss_each_other() {
    for isolation in [Isolation::Serializable, Isolation::Snapshot] {
        let database = fresh(&people());
        let writer = database.begin_with(isolation).unwrap();
        writer.tables().insert("t", person(1, "a")).unwrap();
        database.transact(|tx| tx.tables().create_index("t", &Index::new("by_age", ["age"]))).unwrap();
        assert_eq!(refused(writer.commit()).kind(), ErrorKind::Conflict, "{isolation:?}");
        database.check().unwrap();
    }
}

#[test]
fn keys_keep_the_digits_and_signs_that_were_written() {
    let definition = TableDefinition::new()
        .column(Column::new("price", ColumnType::Numeric))
        .column(Column::new("factor", ColumnType::Float8))
        .primary_key(["price", "factor"]);
    let database = fresh(&definition);
    let key = |price: &str, factor: f64| Key(vec![Value::Numeric(price.parse().unwrap()), factor.into()]);
    database
        .transact(|tx| {
            let row = Row::new().set("price", Value::Numeric("1.500".parse().unwrap())).set("factor", -0.0);
            tx.tables().insert("t", row.clone())?;
            assert_eq!(refused(tx.tables().insert("t", row)).kind(), ErrorKind::AlreadyExists);
            let row = tx.tables().get("t", key("1.5", 0.0))?.unwrap();
            assert_eq!(row.numeric("price")?.to_plain_string(), "1.500");
            assert!(row.float("factor")?.is_sign_negative());
            Ok(())
        })
        .unwrap();
    database.check().unwrap();
}

#[test]
fn rows_are_sources_of_derived_data() {
    let database = fresh(&people());
    database.transact(|tx| tx.tables().insert_many("t", [person(2, "b"), person(1, "a")])).unwrap();
    let snapshot = database.snapshot().unwrap();
    let tables = &database.shared.tables;
    let entry = crate::catalog::get(&snapshot.inner, "t").unwrap().unwrap();
    let keys: Vec<_> = tables.keys(&snapshot.inner, entry.id).unwrap().map(|key| key.unwrap()).collect();
    assert_eq!(keys.len(), 2);
    assert_eq!(tables.key_value(&snapshot.inner, entry.id, &keys[0]).unwrap(), json!(1));
    let row = tables.load(&snapshot.inner, entry.id, &keys[1]).unwrap().unwrap();
    assert_eq!(row, json!({"id": 2, "email": "b", "city": "Graz", "age": null}));
    assert_eq!(tables.load(&snapshot.inner, entry.id, b"nothing").unwrap(), None);
    let gone = crate::catalog::ObjectId::new(999);
    assert_eq!(tables.load(&snapshot.inner, gone, &keys[0]).unwrap(), None);
}

#[test]
fn damage_is_reported_and_never_read_as_something_else() {
    for damage in ["row", "entry", "surplus"] {
        let database = fresh(&people());
        database.transact(|tx| tx.tables().insert("t", person(1, "a"))).unwrap();
        let tx = database.begin().unwrap();
        let schema = tx.tables().schema("t").unwrap();
        let primary = schema.primary_of_key(1.into()).unwrap();
        let values = tx.tables().values_at(&schema, &primary).unwrap().unwrap();
        let entry = schema.entry_of(&schema.indexes[0], &values, &primary).unwrap().unwrap();
        match damage {
            "row" => tx.inner.put(keys::row(schema.id, &primary), vec![1, 200]).unwrap(),
            "entry" => tx.inner.delete(entry.key).unwrap(),
            _ => tx.inner.put([&entry.key[..], b"x"].concat(), primary).unwrap(),
        }
        tx.commit().unwrap();
        let error = refused(database.check());
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{damage}");
        assert!(damage == "row" || error.message().contains("by_email"), "{error}");
    }
}
