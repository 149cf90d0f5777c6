//! Random documents, filters, sorts and updates: with indexes, without, and in a naive twin, the answers are the same.
//!
//! ```text
//!   seed --> operations --> indexed collection --.
//!                      '--> plain collection ----+--> equal answers, in the order of the sort
//!                      '--> BTreeMap ------------'
//! ```

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::change::Update;
use super::filter::Filter;
use super::sort::Sort;
use super::tests::{fresh, index};
use super::{Find, UpdateCounts};
use crate::{Database, ErrorKind};

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    fn one_of<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len() as u64) as usize]
    }

    fn scalar(&mut self) -> Value {
        match self.below(12) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.below(5) as f64 / 2.0),
            3 => json!(-(self.below(3) as i64)),
            4 => json!("y".repeat(300 + self.below(3) as usize)),
            5 | 6 => json!(*self.one_of(&["a", "b", "c"])),
            _ => json!(self.below(5)),
        }
    }

    fn value(&mut self, depth: u32) -> Value {
        match self.below(if depth == 0 { 6 } else { 9 }) {
            6 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            7 => Value::Object((0..self.below(3)).map(|_| (self.name(), self.value(depth - 1))).collect()),
            8 => {
                let items = (0..self.below(3)).map(|_| json!({"x": self.scalar(), "y": self.scalar()}));
                items.collect()
            }
            _ => self.scalar(),
        }
    }

    fn name(&mut self) -> String {
        (*self.one_of(&["x", "y", "0", "1"])).to_owned()
    }

    fn path(&mut self) -> &'static str {
        self.one_of::<&str>(&["a", "b", "c", "a.x", "b.y", "a.0", "b.1.x", "c.x", "absent", "_id"])
    }

    fn document(&mut self, id: &str) -> Value {
        let mut fields = Map::from_iter([("_id".to_owned(), json!(id))]);
        for name in ["a", "b", "c"] {
            if self.below(5) > 0 {
                fields.insert(name.to_owned(), self.value(2));
            }
        }
        Value::Object(fields)
    }

    fn id(&mut self) -> String {
        format!("k{:02}", self.below(60))
    }

    fn operand(&mut self, path: &str) -> Value {
        match (path, self.below(8)) {
            ("_id", 1..) => json!(self.id()),
            (_, 0) => self.value(1),
            _ => self.scalar(),
        }
    }

    fn filter(&mut self, depth: u32) -> Value {
        let mut members = Map::new();
        for _ in 0..=self.below(2) {
            if depth > 0 && self.below(4) == 0 {
                let name = *self.one_of(&["$and", "$or", "$or", "$nor"]);
                let filters = (0..=self.below(2)).map(|_| self.filter(depth - 1)).collect();
                members.insert(name.to_owned(), filters);
            } else {
                let path = self.path();
                members.insert(path.to_owned(), self.condition(path, 1));
            }
        }
        Value::Object(members)
    }

    fn condition(&mut self, path: &str, depth: u32) -> Value {
        if self.below(3) == 0 && path != "_id" {
            // Both ends of a range, which different elements of an array may satisfy.
            let (lower, upper) = (*self.one_of(&["$gt", "$gte"]), *self.one_of(&["$lt", "$lte"]));
            let number = self.below(4);
            return json!({ lower: number, upper: number + self.below(2) });
        }
        let mut operators = Map::new();
        for _ in 0..=self.below(2) {
            let name = *self.one_of(&[
                "$eq",
                "$ne",
                "$gt",
                "$gte",
                "$lt",
                "$lte",
                "$in",
                "$nin",
                "$exists",
                "$size",
                "$all",
                "$elemMatch",
                "$not",
            ]);
            let operand = match name {
                "$in" | "$nin" | "$all" => (0..self.below(4)).map(|_| self.operand(path)).collect(),
                "$exists" => json!(self.below(2) == 0),
                "$size" => json!(self.below(3)),
                "$elemMatch" if self.below(2) == 0 => json!({"x": self.scalar()}),
                "$elemMatch" => json!({"$gte": self.scalar()}),
                "$not" if depth > 0 => self.condition(path, depth - 1),
                "$not" => continue,
                _ => self.operand(path),
            };
            operators.insert(name.to_owned(), operand);
        }
        match operators.is_empty() {
            true => json!({"$gt": self.operand(path)}),
            false => Value::Object(operators),
        }
    }

    /// Often by what is filtered by, and in one direction, so that an index may serve both.
    fn sort(&mut self, filter: &Value) -> Vec<Value> {
        let filtered: Vec<&String> = filter.as_object().unwrap().keys().filter(|name| !name.starts_with('$')).collect();
        let mut direction = 1;
        let mut fields = Vec::new();
        for _ in 0..self.below(3) {
            let path = match filtered.is_empty() || self.below(2) == 0 {
                true => self.path(),
                false => self.one_of(&filtered),
            };
            if self.below(3) == 0 {
                direction = -direction;
            }
            fields.push(json!({ path: direction }));
        }
        fields
    }

    fn update(&mut self) -> Value {
        let path = *self.one_of(&["a", "b", "c", "a.x", "b.1", "c.x.y"]);
        let (name, operand) = match self.below(9) {
            0 => ("$unset", json!(1)),
            1 => ("$inc", json!(1)),
            2 => ("$push", self.value(1)),
            3 => ("$addToSet", json!({"$each": [self.scalar(), self.scalar()]})),
            4 => ("$pull", self.scalar()),
            5 => ("$min", self.scalar()),
            6 => ("$max", self.scalar()),
            7 => ("$rename", json!("d")),
            _ => ("$set", self.value(2)),
        };
        json!({ name: { path: operand } })
    }
}

type Twin = BTreeMap<String, Value>;

fn twin_update(twin: &mut Twin, filter: &Value, update: &Value) -> Option<UpdateCounts> {
    let (filter, update) = (Filter::parse(filter).unwrap(), Update::parse(update).unwrap());
    let mut counts = UpdateCounts::default();
    let mut after = twin.clone();
    for document in after.values_mut().filter(|document| filter.matches(document)) {
        let before = document.to_string();
        update.apply(document, false).ok()?;
        counts.matched += 1;
        let after = document.to_string();
        counts.modified += u64::from(after != before);
    }
    *twin = after;
    Some(counts)
}

fn change_all(random: &mut Random, databases: &[&Database], twin: &mut Twin) {
    let id = random.id();
    match random.below(10) {
        0..5 => {
            let document = random.document(&id);
            for database in databases {
                database.transact(|tx| tx.documents().put("c", &id, document.clone())).unwrap();
            }
            twin.insert(id, document);
        }
        5 => {
            for database in databases {
                let deleted = database.transact(|tx| tx.documents().delete("c", &id)).unwrap();
                assert_eq!(deleted, twin.contains_key(&id));
            }
            twin.remove(&id);
        }
        6 => {
            let filter = json!({"$and": [random.filter(1), {"_id": {"$gte": id}}, {"_id": {"$lt": format!("{id}~")}}]});
            let parsed = Filter::parse(&filter).unwrap();
            let before = twin.len();
            twin.retain(|_, document| !parsed.matches(document));
            for database in databases {
                let deleted = database.transact(|tx| tx.documents().delete_many("c", &filter)).unwrap();
                assert_eq!(deleted, (before - twin.len()) as u64, "{filter}");
            }
        }
        _ => {
            let (filter, update) = (json!({"$and": [random.filter(1), {"_id": id}]}), random.update());
            let expected = twin_update(twin, &filter, &update);
            for database in databases {
                let outcome = database.transact(|tx| tx.documents().update_many("c", &filter, &update));
                match expected {
                    Some(expected) => assert_eq!(outcome.unwrap(), expected, "{filter} {update}"),
                    None => assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Invalid, "{filter} {update}"),
                }
            }
        }
    }
}

fn compare_finds(random: &mut Random, databases: &[&Database], twin: &Twin) -> usize {
    let filter = random.filter(2);
    let find = Find {
        sort: random.sort(&filter),
        filter,
        skip: random.below(3),
        limit: (random.below(2) == 0).then(|| random.below(10)),
        ..Find::default()
    };
    let (filter, sort) = (Filter::parse(&find.filter).unwrap(), Sort::parse(&find.sort).unwrap());
    let mut matching: Vec<&Value> = twin.values().filter(|document| filter.matches(document)).collect();
    matching.sort_by(|a, b| sort.compare(&sort.key(a), &sort.key(b)));
    let limit = usize::try_from(find.limit.unwrap_or(1_000)).unwrap();
    let expected: Vec<_> =
        matching.iter().skip(find.skip as usize).take(limit).map(|document| sort.key(document)).collect();
    for database in databases {
        let snapshot = database.snapshot().unwrap();
        let found = snapshot.documents().find("c", &find).unwrap();
        let context = format!("{find:?}\n{:?}", snapshot.documents().explain("c", &find).unwrap());
        // Documents that compare equal may come in any order: their sort keys are the same, and they do match.
        assert_eq!(found.iter().map(|document| sort.key(document)).collect::<Vec<_>>(), expected, "{context}");
        for document in &found {
            assert!(matching.contains(&document), "{document} is wrong\n{context}");
        }
        let mut ids: Vec<&Value> = found.iter().map(|document| &document["_id"]).collect();
        ids.sort_by_key(|id| id.to_string());
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "{context}");
        assert_eq!(snapshot.documents().count("c", &find.filter).unwrap(), matching.len() as u64, "{context}");
    }
    matching.len()
}

#[test]
fn indexes_change_what_is_read_and_never_what_is_found() {
    for seed in 1..=12_u64 {
        println!("seed {seed}");
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (indexed, plain) = (fresh(), fresh());
        let databases = [&indexed, &plain];
        let mut twin = Twin::new();
        let mut matched = 0;
        let fields: [&[&str]; 7] = [&["a"], &["b"], &["a", "b"], &["a.x"], &["b.y", "a", "c"], &["c", "_id"], &["a.0"]];
        for (number, fields) in fields.iter().enumerate() {
            for _ in 0..25 {
                change_all(&mut random, &databases, &mut twin);
            }
            let index = index(&format!("i{number}"), fields, false);
            indexed.transact(|tx| tx.documents().create_index("c", &index)).unwrap();
            for _ in 0..40 {
                change_all(&mut random, &databases, &mut twin);
                for _ in 0..4 {
                    matched += compare_finds(&mut random, &databases, &twin);
                }
            }
        }
        assert!(matched > 500, "only {matched} matches");
        let report = indexed.check().unwrap().documents;
        assert_eq!(report.documents, twin.len() as u64);
        assert!(report.index_entries >= 7 * report.documents);
    }
}
