//! A table beside a twin that does everything the slow and obvious way, through thousands of random statements.
//!
//! ```text
//!   statement --> table:  rows, index entries, read sets       twin: BTreeMap of rows; indexes are sorted anew each time
//!                   '------------- same outcome, same rows, same scans ------------'
//! ```

use std::collections::BTreeMap;
use std::ops::Bound;

use super::tests::open;
use super::*;
use crate::env::MemoryEnv;
use crate::kv::Direction;
use crate::{Database, ErrorKind, Result, Transaction};

const SEEDS: u64 = 24;
const STATEMENTS: usize = 400;

/// Numbers that follow from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }
}

const COLUMNS: [&str; 5] = ["a", "b", "code", "amount", "note"];

/// Compound primary key (a, b); unique code; unique (amount, note); amount with duplicates.
fn definition() -> TableDefinition {
    TableDefinition::new()
        .column(Column::new("a", ColumnType::Text))
        .column(Column::new("b", ColumnType::Int4))
        .column(Column::new("code", ColumnType::Bytea))
        .column(Column::new("amount", ColumnType::Numeric))
        .column(Column::new("note", ColumnType::Text).not_null().default_value(""))
        .primary_key(["a", "b"])
        .index(Index::unique("code", ["code"]))
        .index(Index::unique("amount_note", ["amount", "note"]))
        .index(Index::new("amount", ["amount"]))
}

type Values = [Value; 5];

/// The twin: rows by primary key, and nothing else.
#[derive(Debug, Clone, Default, PartialEq)]
struct Twin {
    rows: BTreeMap<(Value, Value), Values>,
}

fn key_of(values: &Values) -> (Value, Value) {
    (values[0].clone(), values[1].clone())
}

impl Twin {
    /// Puts `new` in the place of the row under `old`, or says which kind of rule that breaks.
    fn put(&mut self, old: Option<&(Value, Value)>, new: Values) -> Result<(), ErrorKind> {
        if new[4].is_null() || new[0].is_null() || new[1].is_null() {
            return Err(ErrorKind::Constraint);
        }
        let others = || self.rows.iter().filter(|(key, _)| Some(*key) != old);
        if others().any(|(key, _)| *key == key_of(&new)) {
            return Err(ErrorKind::AlreadyExists);
        }
        let equal = |columns: &[usize], other: &Values| {
            columns.iter().all(|column| !new[*column].is_null() && new[*column] == other[*column])
        };
        if others().any(|(_, other)| equal(&[2], other) || equal(&[3, 4], other)) {
            return Err(ErrorKind::Constraint);
        }
        if let Some(old) = old {
            self.rows.remove(old);
        }
        self.rows.insert(key_of(&new), new);
        Ok(())
    }

    /// The primary keys of the rows that `request` asks for, in order, without a limit.
    fn scan(&self, request: &ScanRequest) -> Vec<(Value, Value)> {
        let columns: &[usize] = match request.index.as_deref() {
            None => &[0, 1],
            Some("code") => &[2],
            Some("amount_note") => &[3, 4],
            _ => &[3],
        };
        let behind = &columns[request.equal.len()..];
        let within = |values: &&Values| {
            let equal = columns.iter().zip(&request.equal).all(|(column, value)| values[*column] == *value);
            let part =
                |key: &Key| behind[..key.0.len()].iter().map(|column| values[*column].clone()).collect::<Vec<_>>();
            let lower = match &request.lower {
                Bound::Unbounded => true,
                Bound::Included(key) => part(key) >= key.0,
                Bound::Excluded(key) => part(key) > key.0,
            };
            let upper = match &request.upper {
                Bound::Unbounded => request.lower == Bound::Unbounded || !values[behind[0]].is_null(),
                Bound::Included(key) => part(key) <= key.0,
                Bound::Excluded(key) => part(key) < key.0,
            };
            equal && lower && upper
        };
        let mut found: Vec<&Values> = self.rows.values().filter(within).collect();
        found.sort_by_key(|values| (columns.iter().map(|c| values[*c].clone()).collect::<Vec<_>>(), key_of(values)));
        if request.direction == Direction::Backward {
            found.reverse();
        }
        found.into_iter().map(key_of).collect()
    }
}

/// A value of column `column`; few different ones, so that rows meet.
fn value(random: &mut Random, column: usize) -> Value {
    if column > 1 && random.one_in(4) {
        return Value::Null;
    }
    match column {
        0 => Value::from(["", "a", "ab", "b\u{1}"][random.below(4) as usize]),
        1 => Value::Int4(random.below(8) as i32 - 4),
        2 => Value::Bytea(vec![[0, 1, 255][random.below(3) as usize]; random.below(3) as usize]),
        3 => {
            let scale = random.below(3) as i64;
            Value::Numeric(bigdecimal::BigDecimal::new((random.below(200) as i64 - 100).into(), scale))
        }
        _ => Value::from(["", "x", "y", "xy"][random.below(4) as usize]),
    }
}

fn values(random: &mut Random) -> Values {
    std::array::from_fn(|column| value(random, column))
}

fn row_of(values: &Values) -> Row {
    COLUMNS.into_iter().zip(values.iter().cloned()).collect()
}

fn key(pair: &(Value, Value)) -> Key {
    Key(vec![pair.0.clone(), pair.1.clone()])
}

/// One random statement on both; they must agree on its outcome.
fn step(tx: &Transaction, twin: &mut Twin, random: &mut Random) {
    let tables = tx.tables();
    let new = values(random);
    match random.below(10) {
        0..=3 => {
            let outcome = tables.insert("t", row_of(&new)).map_err(|error| error.kind()).map(drop);
            assert_eq!(outcome, twin.put(None, new.clone()), "insert {new:?}");
        }
        4 => {
            let old = twin.rows.contains_key(&key_of(&new)).then(|| key_of(&new));
            let outcome = tables.upsert("t", row_of(&new)).map_err(|error| error.kind()).map(drop);
            assert_eq!(outcome, twin.put(old.as_ref(), new.clone()), "upsert {new:?}");
        }
        5..=6 => update(tx, twin, random),
        7 => {
            let is_there = twin.rows.remove(&key_of(&new)).is_some();
            assert_eq!(tables.delete("t", key(&key_of(&new))).unwrap(), is_there);
        }
        8 => {
            let rows: Vec<Values> = (0..random.below(4)).map(|_| values(random)).collect();
            let mut after = twin.clone();
            let expected = rows.iter().try_for_each(|row| after.put(None, row.clone()));
            let outcome = tables.insert_many("t", rows.iter().map(row_of)).map_err(|error| error.kind()).map(drop);
            assert_eq!(outcome, expected, "insert many {rows:?}");
            if expected.is_ok() {
                *twin = after;
            }
        }
        _ => {
            let found = tables.get("t", key(&key_of(&new))).unwrap();
            assert_eq!(found, twin.rows.get(&key_of(&new)).map(row_of));
        }
    }
}

/// Changes some columns of some row, the primary key among them.
fn update(tx: &Transaction, twin: &mut Twin, random: &mut Random) {
    let number = random.below(twin.rows.len() as u64 + 1) as usize;
    let old = twin.rows.keys().nth(number).cloned().unwrap_or_else(|| key_of(&values(random)));
    let mut set = Row::new();
    let mut new = twin.rows.get(&old).cloned();
    for (column, name) in COLUMNS.into_iter().enumerate() {
        if random.one_in(3) {
            let value = value(random, column);
            if let Some(new) = &mut new {
                new[column] = value.clone();
            }
            set.put(name, value);
        }
    }
    let outcome = tx.tables().update("t", key(&old), set).map_err(|error| error.kind()).map(drop);
    let expected = match new {
        Some(new) => twin.put(Some(&old), new),
        None => Err(ErrorKind::NotFound),
    };
    assert_eq!(outcome, expected, "update {old:?}");
}

fn request(random: &mut Random) -> ScanRequest {
    let (index, columns): (Option<&str>, &[usize]) = match random.below(4) {
        0 => (None, &[0, 1]),
        1 => (Some("code"), &[2]),
        2 => (Some("amount_note"), &[3, 4]),
        _ => (Some("amount"), &[3]),
    };
    let mut request = index.map_or_else(ScanRequest::primary_key, ScanRequest::index);
    let equal = random.below(columns.len() as u64 + 1) as usize;
    for column in &columns[..equal] {
        request = request.equal(value(random, *column));
    }
    let behind = &columns[equal..];
    let end = |random: &mut Random| {
        let length = random.below(behind.len() as u64) + 1;
        let part = behind[..length as usize].iter().map(|column| value(random, *column)).collect::<Vec<_>>();
        // NULL is no end of a range.
        (!part.iter().any(Value::is_null)).then_some(Key(part))
    };
    if !behind.is_empty() {
        if let Some(key) = end(random).filter(|_| random.one_in(2)) {
            request = if random.one_in(2) { request.at_least(key) } else { request.more_than(key) };
        }
        if let Some(key) = end(random).filter(|_| random.one_in(2)) {
            request = if random.one_in(2) { request.at_most(key) } else { request.less_than(key) };
        }
    }
    if random.one_in(2) { request.descending() } else { request }
}

/// A random scan, whole, in pages and counted, is what the twin says.
fn compare(tx: &Transaction, twin: &Twin, random: &mut Random) {
    let request = request(random);
    let expected = twin.scan(&request);
    let tables = tx.tables();
    let pair = |row: Row| (row.get("a").unwrap().clone(), row.get("b").unwrap().clone());
    let scanned: Vec<_> = tables.scan("t", &request).unwrap().map(|row| pair(row.unwrap())).collect();
    assert_eq!(scanned, expected, "{request:?}");
    assert_eq!(tables.count("t", &request).unwrap(), expected.len() as u64, "{request:?}");
    let mut paged = Vec::new();
    let mut page_request = request.clone().limit(1 + random.below(5) as usize);
    loop {
        let page = tables.page("t", &page_request).unwrap();
        paged.extend(page.rows.into_iter().map(pair));
        match page.next {
            Some(next) => page_request = page_request.resume_after(next),
            None => break,
        }
    }
    assert_eq!(paged, expected, "{request:?} in pages");
}

/// One transaction of some statements, committed, rolled back or rolled back in part.
fn transaction(database: &Database, twin: &mut Twin, random: &mut Random) {
    let tx = database.begin().unwrap();
    let mut after = twin.clone();
    for _ in 0..random.below(12) {
        if random.one_in(5) {
            let (savepoint, before) = (tx.savepoint(), after.clone());
            step(&tx, &mut after, random);
            step(&tx, &mut after, random);
            if random.one_in(2) {
                tx.rollback_to(savepoint).unwrap();
                after = before;
            }
            tx.release(savepoint).unwrap();
        }
        step(&tx, &mut after, random);
        compare(&tx, &after, random);
    }
    if random.one_in(5) {
        tx.rollback();
    } else {
        tx.commit().unwrap();
        *twin = after;
    }
    match random.below(6) {
        0 => drop(database.checkpoint().unwrap()),
        1 => {
            let index = Index::new("amount", ["amount"]);
            let again = |tx: &Transaction| {
                tx.tables().drop_index("t", "amount")?;
                tx.tables().create_index("t", &index)
            };
            database.transact(again).unwrap();
        }
        _ => {}
    }
}

#[test]
fn a_table_does_what_its_twin_does() {
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut random = Random(seed);
        let env = MemoryEnv::simulated(seed);
        let mut database = open(&env).unwrap();
        database.transact(|tx| tx.tables().create("t", &definition())).unwrap();
        let mut twin = Twin::default();
        for number in 0..STATEMENTS / 6 {
            transaction(&database, &mut twin, &mut random);
            if number % 16 == 15 {
                let report = database.check().unwrap().tables;
                assert_eq!((report.rows, report.index_entries), (twin.rows.len() as u64, 3 * twin.rows.len() as u64));
                database.close().unwrap();
                drop(database);
                database = open(&env).unwrap();
            }
        }
    }
}
