//! Definitions through a session, and what the catalogue knows after them.

use std::sync::Arc;

use marquetry_functions::SqlError;

use crate::sql::catalog::{Catalog, Relation, SqlTable};
use crate::sql::{Outcome, Session};
use crate::table::{Row, Value};
use crate::{Database, ErrorKind, Settings};

fn open(env: &crate::env::MemoryEnv) -> Database {
    let settings = Settings { background: false, ..Settings::default() };
    Database::open_on(Arc::new(env.clone()), std::path::Path::new("/db"), settings).unwrap()
}

fn fresh() -> (Database, Session) {
    let database = open(&crate::env::MemoryEnv::simulated(1));
    let session = database.session().unwrap();
    (database, session)
}

fn run(session: &mut Session, sql: &str) {
    if let Err(error) = session.run(sql) {
        panic!("{sql}: {error:?}");
    }
}

/// The condition with which `sql` is refused, and what it says.
fn refused(session: &mut Session, sql: &str) -> (String, String) {
    let Err(error) = session.run(sql) else { panic!("{sql} is not refused") };
    let inner = SqlError::inside(&error);
    (inner.map_or("", |inner| inner.condition.code()).to_owned(), error.message().to_owned())
}

fn table(database: &Database, name: &str) -> Arc<SqlTable> {
    let snapshot = database.snapshot().unwrap();
    let catalog = Catalog::new(&database.shared, &snapshot.inner);
    match catalog.relation(None, name, &["public".to_owned()]).unwrap() {
        Some(Relation::Table(table)) => table,
        other => panic!("{name} is {other:?}"),
    }
}

fn exists(database: &Database, schema: &str, name: &str) -> bool {
    let snapshot = database.snapshot().unwrap();
    Catalog::new(&database.shared, &snapshot.inner).object(schema, name).unwrap().is_some()
}

/// Puts rows of values into a table, whatever its rules.
fn put(database: &Database, name: &str, rows: &[Vec<Value>]) {
    let insert = |tx: &crate::Transaction| {
        let tables = tx.tables();
        let schema = tables.schema(name)?;
        let statement = tables.positional(schema.clone());
        for row in rows {
            let mut values = row.clone();
            for column in &schema.columns[values.len()..] {
                values.push(statement.default(column)?);
            }
            statement.change(None, Some(&values))?;
        }
        statement.finish()
    };
    database.transact(insert).unwrap();
}

fn rows(database: &Database, name: &str) -> Vec<Vec<Value>> {
    let snapshot = database.snapshot().unwrap();
    let table = table(database, name);
    let scan = crate::table::ScanRequest::primary_key();
    let found = snapshot.tables().scan(name, &scan).unwrap();
    let values = |row: Row| table.columns.iter().map(|column| row.get(&column.name).unwrap().clone()).collect();
    found.map(|row| values(row.unwrap())).collect()
}

#[test]
fn a_table_is_what_its_definition_says_also_after_reopening() {
    let env = crate::env::MemoryEnv::simulated(1);
    let database = open(&env);
    let mut session = database.session().unwrap();
    run(&mut session, "CREATE TYPE mood AS ENUM ('sad', 'happy')");
    run(&mut session, "CREATE TABLE city (id int PRIMARY KEY, name varchar(20) NOT NULL UNIQUE)");
    run(
        &mut session,
        "CREATE TABLE person (
            id bigserial PRIMARY KEY,
            name text NOT NULL DEFAULT 'nobody',
            city int REFERENCES city ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
            age int CHECK (age >= 0),
            feels mood[],
            doubled int GENERATED ALWAYS AS (age * 2) STORED,
            price numeric(10, 2),
            CONSTRAINT grown CHECK (age < 200 OR name = 'Methuselah'),
            UNIQUE (name, age)
        )",
    );
    drop(session);
    database.close().unwrap();
    drop(database);
    let database = open(&env);
    let person = table(&database, "person");
    let names: Vec<&str> = person.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "name", "city", "age", "feels", "doubled", "price"]);
    assert_eq!(person.primary_key_name.as_deref(), Some("person_pkey"));
    assert_eq!(person.columns[0].default.as_deref(), Some("nextval('person_id_seq'::regclass)"));
    assert!(person.columns[0].not_null && person.columns[1].not_null && !person.columns[2].not_null);
    assert_eq!(person.columns[4].sql_type.to_string(), "mood[]");
    assert_eq!(person.columns[6].type_modifier, (10 << 16 | 2) + 4);
    let checks: Vec<&str> = person.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(checks, ["person_age_check", "grown"]);
    assert_eq!(person.indexes[0].name, "person_name_age_key");
    let key = &person.foreign_keys[0];
    assert_eq!((key.name.as_str(), key.is_deferrable, key.is_initially_deferred), ("person_city_fkey", true, true));
    let city = table(&database, "city");
    assert_eq!(city.referenced_by, [person.id]);
    assert_eq!(city.indexes[0].name, "city_name_key");
    let plain = database.transact(|tx| tx.tables().insert("person", Row::new().set("id", 1)));
    assert_eq!(plain.unwrap_err().kind(), ErrorKind::Unsupported);
    database.check().unwrap();
}

#[test]
fn plain_tables_stay_writable_by_the_models_own_interface() {
    let (database, mut session) = fresh();
    run(
        &mut session,
        "CREATE TABLE \"Order Details\" (id int PRIMARY KEY, n int DEFAULT 7, at timestamptz DEFAULT now())",
    );
    run(&mut session, "CREATE INDEX ON \"Order Details\" (n)");
    let row = database.transact(|tx| tx.tables().insert("Order Details", Row::new().set("id", 1))).unwrap();
    assert_eq!(row.integer("n").unwrap(), 7);
    run(&mut session, "CREATE TABLE log (line text)");
    database.transact(|tx| tx.tables().insert("log", Row::new().set("line", "a"))).unwrap();
    assert_eq!(rows(&database, "log"), [[Value::from("a")]]);
    assert_eq!(table(&database, "Order Details").indexes[0].name, "Order Details_n_idx");
    assert!(table(&database, "log").primary_key_name.is_none());
}

#[test]
fn what_makes_no_sense_is_refused_by_its_condition() {
    let (_database, mut session) = fresh();
    run(&mut session, "CREATE TABLE t (a int PRIMARY KEY, b text); CREATE TABLE u (a int)");
    for (sql, code) in [
        ("CREATE TABLE t (a int)", "42P07"),
        ("CREATE TABLE x (a int, a int)", "42701"),
        ("CREATE TABLE x (a int PRIMARY KEY, b int PRIMARY KEY)", "42P16"),
        ("CREATE TABLE x (a nothing)", "42704"),
        ("CREATE TABLE x (a int CHECK (c > 1))", "42703"),
        ("CREATE TABLE x (a int, UNIQUE (c))", "42703"),
        ("CREATE TABLE x (a int REFERENCES nothing)", "42P01"),
        ("CREATE TABLE x (a int REFERENCES u)", "42704"),
        ("CREATE TABLE x (a int REFERENCES u (a))", "42830"),
        ("CREATE TABLE x (a text REFERENCES t)", "42804"),
        ("CREATE TEMP TABLE x (a int)", "0A000"),
        ("CREATE TABLE pg_catalog.x (a int)", "42501"),
        ("CREATE TABLE nowhere.x (a int)", "3F000"),
        ("CREATE INDEX ON t (c)", "42703"),
        ("CREATE INDEX ON nothing (a)", "42P01"),
        ("CREATE INDEX ON t USING gin (b)", "0A000"),
        ("CREATE SEQUENCE s INCREMENT 0", "22023"),
        ("CREATE SCHEMA pg_mine", "42939"),
        ("CREATE TYPE e AS ENUM ('a', 'a')", "42710"),
        ("ALTER TABLE t ADD COLUMN a int", "42701"),
        ("ALTER TABLE t DROP COLUMN c", "42703"),
        ("ALTER TABLE t RENAME COLUMN c TO d", "42703"),
        ("ALTER TABLE t DROP CONSTRAINT c", "42704"),
        ("ALTER TABLE t ALTER COLUMN b TYPE int", "42804"),
        ("ALTER TABLE nothing ADD COLUMN a int", "42P01"),
        ("DROP TABLE nothing", "42P01"),
        ("DROP VIEW t", "42809"),
        ("DROP SCHEMA nothing", "3F000"),
        ("DROP TYPE nothing", "42704"),
        ("DROP INDEX t_pkey", "2BP01"),
        ("COMMENT ON COLUMN t.c IS 'x'", "42703"),
    ] {
        let (found, message) = refused(&mut session, sql);
        assert_eq!(found, code, "{sql}: {message}");
    }
    run(&mut session, "DROP TABLE IF EXISTS nothing; CREATE TABLE IF NOT EXISTS t (c int)");
    assert_eq!(session.take_notices().len(), 2);
}

#[test]
fn columns_come_and_go_with_their_rows() {
    let (database, mut session) = fresh();
    run(&mut session, "CREATE TABLE t (a int PRIMARY KEY, b text)");
    put(&database, "t", &[vec![Value::Int4(1), Value::from("x")], vec![Value::Int4(2), Value::Null]]);
    run(&mut session, "ALTER TABLE t ADD COLUMN c int NOT NULL DEFAULT 40 + 2, ADD COLUMN d text");
    run(&mut session, "ALTER TABLE t ADD COLUMN e int GENERATED ALWAYS AS (a + c) STORED");
    let expected = |a: i32, b: Value| vec![Value::Int4(a), b, Value::Int4(42), Value::Null, Value::Int4(42 + a)];
    assert_eq!(rows(&database, "t"), [expected(1, Value::from("x")), expected(2, Value::Null)]);
    assert_eq!(refused(&mut session, "ALTER TABLE t ADD COLUMN f int NOT NULL").0, "23502");
    assert_eq!(refused(&mut session, "ALTER TABLE t ALTER COLUMN b SET NOT NULL").0, "23502");
    assert_eq!(refused(&mut session, "ALTER TABLE t DROP COLUMN c").0, "2BP01");
    run(&mut session, "ALTER TABLE t DROP COLUMN e, DROP COLUMN c, DROP COLUMN d");
    run(&mut session, "ALTER TABLE t ALTER COLUMN a TYPE text USING 'no ' || a::text");
    assert_eq!(rows(&database, "t"), [[Value::from("no 1"), Value::from("x")], [Value::from("no 2"), Value::Null]]);
    run(&mut session, "ALTER TABLE t RENAME COLUMN b TO \"B\"; ALTER TABLE t RENAME TO s");
    assert_eq!(table(&database, "s").columns[1].name, "B");
    run(&mut session, "ALTER TABLE s DROP CONSTRAINT t_pkey");
    assert!(table(&database, "s").primary_key_name.is_none());
    run(&mut session, "ALTER TABLE s ADD PRIMARY KEY (a)");
    assert_eq!(table(&database, "s").primary_key_name.as_deref(), Some("s_pkey"));
    database.check().unwrap();
}

#[test]
fn indexes_hold_expressions_and_conditions() {
    let (database, mut session) = fresh();
    run(&mut session, "CREATE TABLE t (a int PRIMARY KEY, b text)");
    put(&database, "t", &[vec![Value::Int4(1), Value::from("X")], vec![Value::Int4(2), Value::from("x")]]);
    assert_eq!(refused(&mut session, "CREATE UNIQUE INDEX ON t (lower(b))").0, "23505");
    run(&mut session, "CREATE INDEX ON t (lower(b), a DESC) WHERE a > 1");
    let found = table(&database, "t");
    let index = &found.indexes[0];
    assert_eq!(index.name, "t_lower_a_idx");
    assert_eq!(index.predicate.as_deref(), Some("a > 1"));
    assert!(index.orders[1].is_descending && index.orders[1].nulls_first);
    assert_eq!(found.computed.len(), 2);
    assert_eq!(database.check().unwrap().tables.index_entries, 1);
    run(&mut session, "ALTER INDEX t_lower_a_idx RENAME TO other");
    run(&mut session, "DROP INDEX other");
    assert_eq!(table(&database, "t").rows.columns.len(), 2);
    run(&mut session, "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t (b)");
    assert_eq!(database.check().unwrap().tables.index_entries, 2);
}

#[test]
fn constraints_are_checked_against_the_rows() {
    let (database, mut session) = fresh();
    run(&mut session, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int)");
    put(&database, "a", &[vec![Value::Int4(1)]]);
    put(&database, "b", &[vec![Value::Int4(1), Value::Int4(1)], vec![Value::Int4(2), Value::Int4(5)]]);
    let key = "ALTER TABLE b ADD FOREIGN KEY (a) REFERENCES a";
    assert_eq!(refused(&mut session, key).0, "23503");
    assert_eq!(refused(&mut session, "ALTER TABLE b ADD CHECK (a < 3)").0, "23514");
    run(&mut session, &format!("{key} NOT VALID"));
    assert_eq!(refused(&mut session, "ALTER TABLE b VALIDATE CONSTRAINT b_a_fkey").0, "23503");
    assert_eq!(refused(&mut session, "DROP TABLE a").0, "2BP01");
    run(&mut session, "ALTER TABLE b DROP CONSTRAINT b_a_fkey");
    assert!(table(&database, "a").referenced_by.is_empty());
    run(&mut session, "ALTER TABLE b ADD CHECK (a < 7); ALTER TABLE b RENAME COLUMN a TO c");
    assert_eq!(table(&database, "b").checks[0].expression, "c < 7");
    run(&mut session, "DROP TABLE a, b");
}

#[test]
fn what_rests_on_something_goes_with_it_when_asked() {
    let (database, mut session) = fresh();
    run(&mut session, "CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad')");
    run(&mut session, "CREATE TABLE app.t (id serial PRIMARY KEY, m app.mood); CREATE VIEW v AS SELECT id FROM app.t");
    run(&mut session, "CREATE TABLE u (t int REFERENCES app.t (id))");
    let (code, _) = refused(&mut session, "DROP TABLE app.t");
    assert_eq!(code, "2BP01");
    assert_eq!(refused(&mut session, "DROP SCHEMA app").0, "2BP01");
    assert_eq!(refused(&mut session, "DROP TYPE app.mood").0, "2BP01");
    assert_eq!(refused(&mut session, "DROP SEQUENCE app.t_id_seq").0, "2BP01");
    run(
        &mut session,
        "ALTER TYPE app.mood ADD VALUE 'glad' BEFORE 'sad'; ALTER TYPE app.mood RENAME VALUE 'sad' TO 'blue'",
    );
    run(&mut session, "COMMENT ON TABLE app.t IS 'things'; COMMENT ON COLUMN app.t.m IS 'how'");
    run(&mut session, "DROP SCHEMA app CASCADE");
    assert!(!exists(&database, "public", "v"));
    assert!(table(&database, "u").foreign_keys.is_empty());
    assert!(!exists(&database, "app", "t_id_seq"));
}

#[test]
fn a_transaction_that_rolls_back_defines_nothing() {
    let (database, mut session) = fresh();
    run(&mut session, "BEGIN; CREATE TABLE t (id serial PRIMARY KEY); CREATE INDEX ON t (id); ROLLBACK");
    assert!(!exists(&database, "public", "t") && !exists(&database, "public", "t_id_seq"));
    run(&mut session, "BEGIN; CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t ADD COLUMN b int; COMMIT");
    assert_eq!(table(&database, "t").columns.len(), 2);
}

#[test]
fn tables_are_made_from_queries_and_from_others() {
    let (database, mut session) = fresh();
    run(&mut session, "CREATE TABLE a AS SELECT 1 AS x, 'y'::text AS y UNION ALL SELECT 2, 'z'");
    assert_eq!(rows(&database, "a"), [[Value::Int4(1), Value::from("y")], [Value::Int4(2), Value::from("z")]]);
    run(&mut session, "CREATE TABLE b (LIKE a)");
    assert_eq!(table(&database, "b").columns.len(), 2);
    run(&mut session, "CREATE VIEW v (q) AS SELECT x FROM a");
    assert_eq!(refused(&mut session, "CREATE OR REPLACE VIEW v AS SELECT y FROM a").0, "42P16");
    run(&mut session, "CREATE OR REPLACE VIEW v (q) AS SELECT x + 1 FROM a");
    let Outcome::Rows(mut answer) = session.run("SELECT q FROM v ORDER BY q").unwrap() else { panic!("rows") };
    assert_eq!(answer.next_values().unwrap().unwrap()[0], [Value::Int4(2)]);
    assert_eq!(refused(&mut session, "ALTER TABLE a DROP COLUMN x").0, "2BP01");
    run(&mut session, "ALTER TABLE a DROP COLUMN x CASCADE");
    assert!(!exists(&database, "public", "v"));
}
