//! Layouts that change under rows that stay, and what a table that only SQL may write refuses.

use std::ops::Bound;

use super::layout::Layout;
use super::tests::open;
use super::*;
use crate::catalog::ObjectId;
use crate::env::MemoryEnv;
use crate::{Database, ErrorKind, Result, Transaction};

/// A definition as tables had it before SQL: `id int8` numbered, `price numeric`, an index over the price.
const FORMAT_1: &[u8] = b"\x01\x02\
    \x01\x02id\x03\x01\x01\x03\
    \x02\x05price\x06\x00\x00\
    \x01\x01\
    \x01\x01\x08by_price\x01\x02\x00\
    \x03\x02";

#[test]
fn definitions_of_format_1_open() {
    let schema = Schema::open(ObjectId::new(7), "t", Layout::decode(FORMAT_1).unwrap()).unwrap();
    let expected = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8).auto_increment())
        .column(Column::new("price", ColumnType::Numeric))
        .primary_key(["id"])
        .index(Index::new("by_price", ["price"]));
    assert_eq!(*schema.definition, expected);
    assert!(!schema.is_ruled());
    let again = Layout::decode(&schema.layout().encode().unwrap()).unwrap();
    assert_eq!(*Schema::open(ObjectId::new(7), "t", again).unwrap().definition, expected);
}

fn database() -> Database {
    let database = open(&MemoryEnv::simulated(1)).unwrap();
    let definition = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int4))
        .column(Column::new("name", ColumnType::Text))
        .primary_key(["id"])
        .index(Index::unique("by_name", ["name"]));
    database.transact(|tx| tx.tables().create("t", &definition)).unwrap();
    for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
        database.transact(|tx| tx.tables().insert("t", Row::new().set("id", id).set("name", name))).unwrap();
    }
    database
}

fn change(database: &Database, change: impl Fn(&mut Layout)) {
    let redefine = |tx: &Transaction| {
        let (entry, schema) = tx.tables().opened("t")?;
        let mut layout = schema.layout();
        change(&mut layout);
        tx.tables().redefine("t", &entry, &layout).map(drop)
    };
    database.transact(redefine).unwrap();
}

fn column(database: &Database, name: &str) -> Vec<Value> {
    let rows = database.read(|snapshot| {
        let rows = snapshot.tables().scan("t", &ScanRequest::primary_key())?;
        rows.collect::<Result<Vec<_>>>()
    });
    rows.unwrap().iter().map(|row| row.get(name).cloned().unwrap_or(Value::Null)).collect()
}

#[test]
fn rows_have_what_columns_added_later_say() {
    let database = database();
    change(&database, |layout| {
        let number = layout.add_column(&Column::new("stock", ColumnType::Int4)).unwrap();
        layout.set_missing(number, &Value::Int4(7)).unwrap();
    });
    database.transact(|tx| tx.tables().insert("t", Row::new().set("id", 4).set("name", "d"))).unwrap();
    database.transact(|tx| tx.tables().update("t", 2, Row::new().set("stock", Value::Null))).unwrap();
    assert_eq!(column(&database, "stock"), [Value::Int4(7), Value::Null, Value::Int4(7), Value::Null]);
    change(&database, |layout| {
        let number = layout.add_column(&Column::new("unit", ColumnType::Text)).unwrap();
        layout.set_missing(number, &Value::from("kg")).unwrap();
    });
    database.transact(|tx| tx.tables().update("t", 1, Row::new().set("stock", 8))).unwrap();
    assert_eq!(column(&database, "unit"), vec![Value::from("kg"); 4]);
    assert_eq!(column(&database, "stock"), [Value::Int4(8), Value::Null, Value::Int4(7), Value::Null]);
    database.check().unwrap();
}

#[test]
fn columns_are_dropped_and_renamed_under_their_rows() {
    let database = database();
    change(&database, |layout| {
        layout.drop_index("by_name").unwrap();
        layout.drop_column(2).unwrap();
        assert_eq!(layout.add_column(&Column::new("name", ColumnType::Int8)).unwrap(), 3);
    });
    assert_eq!(column(&database, "name"), vec![Value::Null; 3]);
    database.transact(|tx| tx.tables().update("t", 1, Row::new().set("name", 5))).unwrap();
    change(&database, |layout| layout.rename_column(3, "label").unwrap());
    assert_eq!(column(&database, "label"), [Value::Int8(5), Value::Null, Value::Null]);
    assert_eq!(column(&database, "name"), vec![Value::Null; 3]);
    let refused = |tx: &Transaction| tx.tables().opened("t")?.1.layout().drop_column(1);
    assert_eq!(database.transact(refused).unwrap_err().kind(), ErrorKind::Invalid);
    database.check().unwrap();
}

#[test]
fn rows_are_written_anew_under_another_key_and_type() {
    let database = database();
    let rewrite = |tx: &Transaction| {
        let (entry, schema) = tx.tables().opened("t")?;
        let mut layout = schema.layout();
        layout.set_type(1, ColumnType::Text)?;
        layout.set_primary_key(vec![2, 1], Some("t_key".to_owned()))?;
        tx.tables().rewrite("t", &entry, layout, &mut |_, mut values| {
            values[0] = Value::from(format!("no {}", values[0].as_integer().unwrap_or(0)));
            Ok(values)
        })
    };
    database.transact(rewrite).unwrap();
    assert_eq!(column(&database, "id"), ["no 1", "no 2", "no 3"].map(Value::from));
    let found = database.read(|snapshot| snapshot.tables().get_by("t", "by_name", "b")).unwrap().unwrap();
    assert_eq!(found.text("id").unwrap(), "no 2");
    let taken = database.transact(|tx| tx.tables().insert("t", Row::new().set("id", "x").set("name", "b")));
    assert_eq!(taken.unwrap_err().kind(), ErrorKind::Constraint);
    database.check().unwrap();
}

#[test]
fn indexes_with_a_condition_hold_the_rows_that_meet_it() {
    let database = open(&MemoryEnv::simulated(1)).unwrap();
    let mut layout = Layout::new();
    let key = layout.add_hidden_column(&Column::new("row", ColumnType::Int8).auto_increment()).unwrap();
    let name = layout.add_column(&Column::new("name", ColumnType::Text)).unwrap();
    let is_live = layout.add_hidden_column(&Column::new("is live", ColumnType::Bool)).unwrap();
    layout.set_primary_key(vec![key], None).unwrap();
    let index = NewIndex {
        name: "live".to_owned(),
        columns: vec![name],
        unique: true,
        nulls_are_equal: true,
        condition: Some(is_live),
    };
    layout.add_index(index).unwrap();
    layout.set_extension(vec![1, 2, 3], true);
    database.transact(|tx| tx.tables().create_as("t", &layout).map(drop)).unwrap();
    let insert = |name: Value, is_live: bool| {
        database.transact(|tx| {
            let schema = tx.tables().schema("t")?;
            let statement = tx.tables().positional(schema.clone());
            let row = statement.default(&schema.columns[0])?;
            statement.change(None, Some(&[row, name.clone(), Value::Bool(is_live)]))?;
            statement.finish()
        })
    };
    insert(Value::from("a"), true).unwrap();
    insert(Value::from("a"), false).unwrap();
    insert(Value::Null, true).unwrap();
    assert_eq!(insert(Value::from("a"), true).unwrap_err().kind(), ErrorKind::Constraint);
    assert_eq!(insert(Value::Null, true).unwrap_err().kind(), ErrorKind::Constraint);
    let report = database.check().unwrap();
    assert_eq!((report.tables.rows, report.tables.index_entries), (3, 2));
    let snapshot = database.snapshot().unwrap();
    let schema = snapshot.tables().schema("t").unwrap();
    assert_eq!(schema.extension(), [1, 2, 3]);
    let span = schema.span(Some(&schema.indexes[0]), &[Value::from("a")], Bound::Unbounded, Bound::Unbounded).unwrap();
    assert_eq!(crate::kv::Reader::scan(&snapshot.inner, span, crate::kv::Direction::Forward).unwrap().count(), 1);
}

#[test]
fn rules_of_sql_are_not_gone_around() {
    let database = database();
    change(&database, |layout| layout.set_extension(Vec::new(), true));
    let kinds = [
        database.transact(|tx| tx.tables().insert("t", Row::new().set("id", 9)).map(drop)),
        database.transact(|tx| tx.tables().update("t", 1, Row::new().set("name", "z")).map(drop)),
        database.transact(|tx| tx.tables().delete("t", 1).map(drop)),
        database.transact(|tx| tx.tables().drop_index("t", "by_name")),
        database.transact(|tx| tx.tables().drop("t")),
    ]
    .map(|outcome| outcome.unwrap_err().kind());
    assert_eq!(kinds, [ErrorKind::Unsupported; 5]);
    assert_eq!(column(&database, "name").len(), 3);
}

#[test]
fn tables_are_renamed_with_their_rows() {
    let database = database();
    let rename = |tx: &Transaction| {
        let (entry, _) = tx.tables().opened("t")?;
        tx.tables().rename("t", &entry, "Order Details")
    };
    database.transact(rename).unwrap();
    let found = database.read(|snapshot| snapshot.tables().get("Order Details", 2)).unwrap().unwrap();
    assert_eq!(found.text("name").unwrap(), "b");
    assert_eq!(database.read(|snapshot| snapshot.tables().list()).unwrap(), ["Order Details"]);
}

#[test]
fn rows_are_counted_about() {
    let database = database();
    let count = || {
        let snapshot = database.snapshot().unwrap();
        let schema = snapshot.tables().schema("t").unwrap();
        snapshot.shared.tables.about_rows(&snapshot.inner, schema.id).unwrap()
    };
    assert_eq!(count(), 3);
    database.transact(|tx| tx.tables().delete("t", 1)).unwrap();
    assert_eq!(count(), 2);
}
