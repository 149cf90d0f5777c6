//! Documents as stored and the order of their values, for any bytes.

use serde_json::{Map, Value};

use super::order::{compare, key};
use super::stored::{decode, encode};
use crate::fuzzing::{Choices, reads_again};

/// A document comes back from its bytes, whole and from no part of them; keys of values are in the order of values;
/// other bytes are a document that comes back, or damage.
pub fn documents(input: &[u8]) {
    let written = |document: &Value| encode(document).expect("a document that was read is written");
    let read = reads_again(input, decode, written);
    let mut choices = Choices::new(input);
    let fields = (0..choices.below(5)).map(|_| (choices.text(4), choices.json(5)));
    let document = Value::Object(fields.collect::<Map<_, _>>());
    let stored = encode(&document).expect("a small document is written");
    let back = decode(&stored).expect("what was just written is read");
    assert_eq!(back.to_string(), document.to_string());
    let end = choices.below(stored.len());
    assert!(decode(&stored[..end]).is_err(), "a document that was cut at {end} is read");
    let others = [choices.json(3), choices.json(3), read.unwrap_or_default()];
    for a in &others {
        for b in [&document, &others[0], &others[1]] {
            assert_eq!(key(a).cmp(&key(b)), compare(a, b), "{a} and {b}");
            assert_eq!(key(a) == key(b), key(a).starts_with(&key(b)), "{b} begins {a}");
        }
    }
}
