//! Names of a database that the models' own interfaces filled, and numbers of sequences.

use super::*;
use crate::table::{Column, ColumnType, ElementType, Index, TableDefinition};
use crate::{Database, Transaction};

fn database() -> Database {
    let database = Database::in_memory().unwrap();
    let orders = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8))
        .column(Column::new("tags", ColumnType::Array(ElementType::Text)))
        .column(Column::new("at", ColumnType::TimestampTz).default_now())
        .primary_key(["id"])
        .index(Index::unique("by_time", ["at"]));
    database.transact(|tx| tx.tables().create("shop.orders", &orders)).unwrap();
    database.transact(|tx| tx.documents().create_collection("profiles")).unwrap();
    database
}

fn path() -> [String; 1] {
    [PUBLIC.to_owned()]
}

#[test]
fn tables_of_the_models_own_interface_are_tables_of_sql() {
    let database = database();
    let snapshot = database.snapshot().unwrap();
    let catalog = Catalog::new(&database.shared, &snapshot.inner);
    let Some(Relation::Table(table)) = catalog.relation(None, "shop.orders", &path()).unwrap() else {
        panic!("the table is found");
    };
    let types: Vec<SqlType> = table.columns.iter().map(|column| column.sql_type.clone()).collect();
    assert_eq!(types, [SqlType::Int8, SqlType::Text.array_of(), SqlType::TimestampTz]);
    assert_eq!(table.columns[2].default.as_deref(), Some("now()"));
    assert_eq!(table.primary_key_name.as_deref(), Some("shop.orders_pkey"));
    assert!(table.is_key(&[2]) && !table.is_key(&[1]));
    let again = catalog.relation_by_oid(table.oid).unwrap();
    assert!(matches!(again, Some(Relation::Table(found)) if Arc::ptr_eq(&found, &table)));
    let profiles = catalog.relation(None, "profiles", &path()).unwrap();
    assert!(matches!(profiles, Some(Relation::Model(model)) if model.kind == ObjectKind::Collection));
    assert!(catalog.relation(None, "nothing", &path()).unwrap().is_none());
}

#[test]
fn a_schema_takes_the_names_that_begin_with_it() {
    let database = database();
    let create = |tx: &Transaction| {
        let stored = StoredSchema::default().encode()?;
        database.shared.tables.create_object(&tx.inner, ObjectKind::Schema, &schema_object_name("shop"), stored)
    };
    database.transact(create).unwrap();
    let snapshot = database.snapshot().unwrap();
    let catalog = Catalog::new(&database.shared, &snapshot.inner);
    assert!(catalog.relation(None, "shop.orders", &path()).unwrap().is_none());
    let found = catalog.relation(Some("shop"), "orders", &path()).unwrap();
    assert!(matches!(found, Some(Relation::Table(table)) if table.schema == "shop" && table.name == "orders"));
    assert_eq!(catalog.made_schemas().unwrap(), ["shop"]);
    assert_eq!(catalog.objects().unwrap().len(), 2);
}

fn sequence(id: u64, change: impl Fn(&mut StoredSequence)) -> SqlSequence {
    let mut stored = StoredSequence {
        data_type: StoredType::of(&SqlType::Int8),
        start: 1,
        increment: 1,
        minimum: 1,
        maximum: i64::MAX,
        cache: 1,
        is_cycle: false,
        owner: None,
        is_identity: false,
        comment: None,
    };
    change(&mut stored);
    stored.open(ObjectId::new(id), PUBLIC, "s")
}

#[test]
fn numbers_of_sequences_are_handed_out_once() {
    let env = crate::env::MemoryEnv::simulated(1);
    let settings = crate::Settings { background: false, ..crate::Settings::default() };
    let open = || Database::open_on(Arc::new(env.clone()), std::path::Path::new("/db"), settings.clone()).unwrap();
    let numbers = sequence(1, |_| {});
    let few = sequence(2, |stored| (stored.maximum, stored.increment) = (5, 2));
    let database = open();
    let states = &database.shared.sql_catalog.numbers;
    let next = |sequence| states.next(&database.shared.keyspace, sequence);
    assert_eq!((next(&numbers).unwrap(), next(&numbers).unwrap()), (1, 2));
    assert_eq!([next(&few).unwrap(), next(&few).unwrap(), next(&few).unwrap()], [1, 3, 5]);
    assert_eq!(next(&few).unwrap_err().kind(), crate::ErrorKind::LimitExceeded);
    let round = sequence(2, |stored| (stored.maximum, stored.increment, stored.is_cycle) = (5, 2, true));
    assert_eq!(next(&round).unwrap(), 1);
    assert_eq!(states.state(&database.shared.keyspace, &numbers).unwrap(), SequenceState { last: 2, is_called: true });
    states.set(&database.shared.keyspace, &numbers, SequenceState { last: 7, is_called: false }).unwrap();
    assert_eq!((next(&numbers).unwrap(), next(&numbers).unwrap()), (7, 8));
    database.close().unwrap();
    drop(database);
    let database = open();
    let after = database.shared.sql_catalog.numbers.next(&database.shared.keyspace, &numbers).unwrap();
    assert!(after > 8, "{after} was handed out before");
}

#[test]
fn definitions_are_read_as_they_were_written() {
    let down = sequence(3, |stored| stored.increment = -1).definition;
    let again = StoredSequence::decode(&down.encode().unwrap()).unwrap();
    assert_eq!(again.increment, -1);
    let labels = vec![(17, "sad".to_owned()), (18, "happy".to_owned())];
    let mood = StoredEnum { array_oid: 16_400, labels, comment: None };
    let mood = StoredEnum::decode(&mood.encode().unwrap()).unwrap().open(ObjectId::new(4), "app", "Mood");
    assert_eq!(mood.enumeration.name, "app.\"Mood\"");
    assert_eq!(mood.enumeration.labels, ["sad", "happy"]);
    assert!(StoredView::decode(&[9]).is_err());
}
