//! Filters, sorts, projections and updates of documents: with indexes, without, and by a matcher, the answers are the same.

use std::sync::LazyLock;

use marquetry::document::{DocumentIndex, Find, Matcher};
use marquetry::fuzzing::Choices;
use marquetry::{Database, Result};
use serde_json::{Map, Value, json};

use super::assert_refusal;

const PLAIN: &str = "plain";
const INDEXED: &str = "indexed";
const PATHS: [&str; 12] = ["a", "b", "c", "a.x", "b.y", "a.0", "b.1.x", "c.x", "absent", "_id", "a.x.y", "c"];
const COMPARISONS: [&str; 10] = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$all", "$elemMatch"];
const CHANGES: [&str; 12] = [
    "$set",
    "$unset",
    "$inc",
    "$mul",
    "$min",
    "$max",
    "$push",
    "$pull",
    "$addToSet",
    "$pop",
    "$rename",
    "$setOnInsert",
];

/// The same documents in a collection without indexes and in one with several.
static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    let database = Database::in_memory().expect("memory takes a database");
    let index = |name: &str, fields: &[&str]| DocumentIndex {
        name: name.to_owned(),
        fields: fields.iter().map(|&field| field.to_owned()).collect(),
        unique: false,
    };
    let furnish = database.transact(|tx| {
        let documents = tx.documents();
        documents.create_collection(PLAIN)?;
        documents.create_collection(INDEXED)?;
        for index in [index("a", &["a"]), index("bc", &["b", "c"]), index("ax", &["a.x"]), index("c", &["c.x", "a"])] {
            documents.create_index(INDEXED, &index)?;
        }
        for number in 0..40_u8 {
            let bytes: Vec<u8> = (0..60_u8).map(|at| number.wrapping_mul(31) ^ at.wrapping_mul(number | 1)).collect();
            let mut choices = Choices::new(&bytes);
            let mut document = Map::from_iter([("_id".to_owned(), json!(format!("k{number:02}")))]);
            for name in ["a", "b", "c"] {
                if choices.below(5) > 0 {
                    document.insert(name.to_owned(), value(&mut choices, 2));
                }
            }
            documents.insert(PLAIN, Value::Object(document.clone()))?;
            documents.insert(INDEXED, Value::Object(document))?;
        }
        Ok(())
    });
    furnish.expect("documents are taken");
    database
});

/// A value of few, so that filters meet them.
fn value(choices: &mut Choices<'_>, levels: usize) -> Value {
    match choices.below(if levels == 0 { 7 } else { 10 }) {
        0 => Value::Null,
        1 => json!(choices.truth()),
        2 => json!(choices.below(5) as f64 / 2.0),
        3 => json!(-(choices.below(3) as i64)),
        4 => json!("y".repeat(254 + choices.below(6))),
        5 => json!(["a", "b", "", "k07"][choices.below(4)]),
        6 => choices.json(1),
        7 => (0..choices.below(4)).map(|_| value(choices, levels - 1)).collect(),
        8 => {
            let items = (0..choices.below(3)).map(|_| json!({"x": value(choices, 0), "y": value(choices, 0)}));
            items.collect()
        }
        _ => {
            let fields = (0..choices.below(3)).map(|_| {
                let name = ["x", "y", "0", "1"][choices.below(4)].to_owned();
                (name, value(choices, levels - 1))
            });
            Value::Object(fields.collect())
        }
    }
}

fn filter(choices: &mut Choices<'_>, levels: usize) -> Value {
    let mut members = Map::new();
    for _ in 0..=choices.below(2) {
        if levels > 0 && choices.below(4) == 0 {
            let name = ["$and", "$or", "$nor"][choices.below(3)];
            members.insert(name.to_owned(), (0..=choices.below(2)).map(|_| filter(choices, levels - 1)).collect());
        } else {
            members.insert((*choices.one_of(&PATHS)).to_owned(), condition(choices, 1));
        }
    }
    Value::Object(members)
}

fn condition(choices: &mut Choices<'_>, levels: usize) -> Value {
    if choices.below(4) == 0 {
        return value(choices, 1);
    }
    let mut operators = Map::new();
    for _ in 0..=choices.below(2) {
        let (name, operand) = match choices.below(6) {
            0 => ("$exists", json!(choices.truth())),
            1 => ("$size", json!(choices.below(3))),
            2 if levels > 0 => ("$not", condition(choices, levels - 1)),
            _ => {
                let name = *choices.one_of(&COMPARISONS);
                let operand = match name {
                    "$in" | "$nin" | "$all" => (0..choices.below(4)).map(|_| value(choices, 1)).collect(),
                    "$elemMatch" => condition(choices, 0),
                    _ => value(choices, 1),
                };
                (name, operand)
            }
        };
        operators.insert(name.to_owned(), operand);
    }
    Value::Object(operators)
}

fn find(choices: &mut Choices<'_>) -> Find {
    let mut sort: Vec<Value> = (0..choices.below(3))
        .map(|_| json!({ *choices.one_of(&PATHS): if choices.truth() { 1 } else { -1 } }))
        .collect();
    // So that there is one order, and pages can be compared.
    sort.push(json!({ "_id": 1 }));
    let projection = match choices.below(3) {
        0 => json!({ *choices.one_of(&PATHS): choices.below(2) }),
        _ => Value::Null,
    };
    let limit = choices.truth().then(|| choices.below(20) as u64);
    Find { filter: filter(choices, 2), projection, sort, skip: choices.below(4) as u64 * 5, limit }
}

fn update(choices: &mut Choices<'_>) -> Value {
    let mut changes = Map::new();
    for _ in 0..=choices.below(3) {
        let name = *choices.one_of(&CHANGES);
        let operand = match name {
            "$rename" => json!(*choices.one_of(&PATHS)),
            "$pop" => json!(if choices.truth() { 1 } else { -1 }),
            "$inc" | "$mul" => json!(choices.float()),
            _ if choices.below(5) == 0 => json!({ "$each": [value(choices, 1)] }),
            _ => value(choices, 1),
        };
        changes.insert(name.to_owned(), json!({ *choices.one_of(&PATHS): operand }));
    }
    Value::Object(changes)
}

/// Both outcomes are the same: values, or refusals of one kind.
fn assert_same<T: PartialEq + std::fmt::Debug>(plain: Result<T>, indexed: Result<T>, what: &dyn std::fmt::Debug) {
    match (plain, indexed) {
        (Ok(plain), Ok(indexed)) => assert_eq!(plain, indexed, "without and with indexes: {what:?}"),
        (Err(plain), Err(indexed)) => {
            assert_eq!(plain.kind(), indexed.kind(), "{what:?}");
            assert_refusal(&plain);
        }
        (plain, indexed) => panic!("without indexes {plain:?}, with them {indexed:?}: {what:?}"),
    }
}

fn assert_found_alike(find: &Find) {
    let snapshot = DATABASE.snapshot().expect("a database in memory is read");
    let documents = snapshot.documents();
    assert_same(documents.find(PLAIN, find), documents.find(INDEXED, find), find);
    assert_same(documents.count(PLAIN, &find.filter), documents.count(INDEXED, &find.filter), find);
    let Ok(matcher) = Matcher::parse(&find.filter) else { return };
    let all = documents.find(PLAIN, &Find::default()).expect("all documents are found");
    let matching = all.iter().filter(|document| matcher.matches(document)).count() as u64;
    assert_eq!(documents.count(PLAIN, &find.filter).expect("a filter that is one counts"), matching, "{find:?}");
}

fn assert_updated_alike(filter: &Value, update: &Value) {
    let transaction = DATABASE.begin().expect("a database in memory begins transactions");
    let documents = transaction.documents();
    let counts = |collection| documents.update_many(collection, filter, update);
    assert_same(counts(PLAIN), counts(INDEXED), &(filter, update));
    let sorted = Find { sort: vec![json!({ "_id": 1 })], ..Find::default() };
    assert_same(documents.find(PLAIN, &sorted), documents.find(INDEXED, &sorted), &(filter, update));
    // What was changed is found through the indexes.
    let found = Find { filter: filter.clone(), ..sorted };
    assert_same(documents.find(PLAIN, &found), documents.find(INDEXED, &found), &(filter, update));
}

/// Filters, sorts and updates, well-formed or not, do the same with indexes and without, or are refused alike.
pub fn document_queries(input: &[u8]) {
    if let Ok(Value::Object(text)) = serde_json::from_slice::<Value>(input) {
        let text = Value::Object(text);
        assert_found_alike(&Find { sort: vec![json!({ "_id": 1 })], ..Find::matching(text.clone()) });
        assert_updated_alike(&json!({}), &text);
        if let Ok(find) = serde_json::from_value::<Find>(text) {
            assert_found_alike(&Find { sort: vec![json!({ "_id": 1 })], ..find });
        }
    }
    let mut choices = Choices::new(input);
    assert_found_alike(&find(&mut choices));
    assert_updated_alike(&filter(&mut choices, 1), &update(&mut choices));
}
