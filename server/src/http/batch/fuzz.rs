//! The JSON of batches for any bytes: as text of a stranger, and as operations with some places changed.
//!
//! ```text
//!   bytes --> parse --> compared with a second reader that knows depth and repeated keys
//!                '----> Batch --> run in a transaction that is rolled back: answers, or an error that a caller can act on
//! ```

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use marquetry::fuzzing::Choices;
use marquetry::{Database, ErrorKind};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, json};

use super::super::json;
use super::super::operation::Operation;
use super::super::view::Write;
use super::Batch;

const DEPTH_MAX: usize = 64;

/// Whether text is JSON that repeats no key; with the levels that it nests.
#[derive(Debug)]
struct Levels(usize);

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Counting)
    }
}

struct Counting;

macro_rules! flat {
    ($($method:ident: $type:ty;)*) => {
        $(fn $method<E: serde::de::Error>(self, _: $type) -> Result<Levels, E> {
            Ok(Levels(0))
        })*
    };
}

impl<'de> Visitor<'de> for Counting {
    type Value = Levels;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    flat! {
        visit_bool: bool;
        visit_i64: i64;
        visit_u64: u64;
        visit_f64: f64;
        visit_str: &str;
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Levels, A::Error> {
        let mut deepest = 0;
        while let Some(Levels(levels)) = items.next_element()? {
            deepest = deepest.max(levels);
        }
        Ok(Levels(deepest + 1))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Levels, A::Error> {
        let (mut deepest, mut names) = (0, HashSet::new());
        while let Some((name, Levels(levels))) = members.next_entry::<String, Levels>()? {
            if !names.insert(name) {
                return Err(serde::de::Error::custom("a repeated key"));
            }
            deepest = deepest.max(levels);
        }
        Ok(Levels(deepest + 1))
    }
}

/// Exactly the texts are read that are JSON, nest no deeper than allowed and repeat no key.
fn assert_read_as_it_should(text: &[u8]) {
    let expected = serde_json::from_slice::<Levels>(text).is_ok_and(|Levels(levels)| levels <= DEPTH_MAX);
    let read = json::parse::<Value>(text, DEPTH_MAX);
    assert_eq!(read.is_ok(), expected, "{:?}: {read:?}", String::from_utf8_lossy(text));
    if let Ok(value) = read {
        let again = json::parse::<Value>(value.to_string().as_bytes(), DEPTH_MAX);
        assert_eq!(again.expect("JSON that was just written is read"), value);
    }
}

/// Operations of every kind that make sense in [`DATABASE`].
static OPERATIONS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let operations: Vec<Value> =
        serde_json::from_str(include_str!("operations.json")).expect("the operations are JSON");
    let faults = operations.iter().filter_map(|operation| Some((operation, Operation::deserialize(operation).err()?)));
    let faults: Vec<_> = faults.map(|(operation, fault)| format!("{operation}: {fault}")).collect();
    assert!(faults.is_empty(), "these are no operations: {faults:#?}");
    operations
});

/// A small database with something of every model in it.
static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    let database = Database::in_memory().expect("memory takes a database");
    let furnishing = json!({ "operations": &OPERATIONS[..FURNISHING] });
    let batch: Batch = serde_json::from_value(furnishing).expect("the operations are operations");
    database.transact(|tx| batch.write(tx)).expect("the operations are done");
    database
});

/// So many of the operations make what the others are about.
const FURNISHING: usize = 20;

/// Puts something else in the place of some part of `value`.
fn change(value: &mut Value, choices: &mut Choices<'_>) {
    match value {
        Value::Array(items) if !items.is_empty() && choices.below(6) > 0 => {
            let at = choices.below(items.len());
            match choices.below(8) {
                0 => drop(items.remove(at)),
                1 => items.push(items[at].clone()),
                _ => change(&mut items[at], choices),
            }
        }
        Value::Object(members) if !members.is_empty() && choices.below(8) > 0 => {
            let at = choices.below(members.len());
            let name = members.keys().nth(at).cloned().unwrap_or_default();
            match choices.below(16) {
                0 => drop(members.shift_remove(&name)),
                1 => drop(members.insert(choices.text(8), Value::Null)),
                _ => members.get_mut(&name).into_iter().for_each(|member| change(member, choices)),
            }
        }
        other => *other = choices.json(3),
    }
}

fn batch_of(choices: &mut Choices<'_>) -> Value {
    let mut operations: Vec<Value> = (0..1 + choices.below(4)).map(|_| choices.one_of(&OPERATIONS).clone()).collect();
    for _ in 0..choices.below(4) {
        let at = choices.below(operations.len());
        change(&mut operations[at], choices);
    }
    match choices.below(3) {
        0 => {
            let mut precondition = json!({ "read": operations[0], "contains": choices.json(2) });
            change(&mut precondition, choices);
            json!({ "preconditions": [precondition], "operations": operations })
        }
        _ => json!({ "operations": operations }),
    }
}

fn run(batch: &Batch) {
    if batch.preconditions.iter().any(|precondition| precondition.check_form().is_err()) {
        return;
    }
    let transaction = DATABASE.begin().expect("a database in memory begins transactions");
    if let Err(error) = batch.write(&transaction) {
        let unacceptable = [ErrorKind::Corrupt, ErrorKind::Indeterminate, ErrorKind::Closed, ErrorKind::Unavailable];
        assert!(!unacceptable.contains(&error.kind()), "{error:?}");
        assert!(!error.message().is_empty());
    }
    transaction.rollback();
}

/// What a stranger sends is read exactly when it should be; what was read is done, or refused for a reason.
pub fn batch_json(input: &[u8]) {
    assert_read_as_it_should(input);
    if let Ok(batch) = json::parse::<Batch>(input, DEPTH_MAX) {
        run(&batch);
    }
    let text = batch_of(&mut Choices::new(input)).to_string();
    assert_read_as_it_should(text.as_bytes());
    if let Ok(batch) = json::parse::<Batch>(text.as_bytes(), DEPTH_MAX) {
        run(&batch);
    }
}
