//! The order of all JSON values, and the bytes that keep it.
//!
//! ```text
//!   []        08                 an array without elements, where its elements would stand
//!   null      10                 also what is missing
//!   numbers   20  f64 nearest, then what is left of it: i64, u64 and f64 compare exactly
//!   strings   30  bytes, escaped and closed
//!   objects   40  by name: (01 name value)... 00
//!   arrays    50  values ... 00
//!   booleans  60  00 | 01
//! ```
//!
//! - Comparing bytes is comparing values. No value's bytes begin with the bytes of another, so values may stand one after
//!   the other.
//! - Objects with equal fields are equal, in whatever order the fields were given.
//! - In an index a value of more than 256 bytes is cut there, and a hash of all of it follows. Equal values stay equal;
//!   different ones are still in order unless their first 256 bytes are the same, which the entry says.

use std::cmp::Ordering;

use serde_json::{Number, Value};
use xxhash_rust::xxh3::xxh3_128;

use crate::encoding::key::KeyWriter;
use crate::limits::DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX;

const END: u8 = 0x00;
const FIELD: u8 = 0x01;

/// The kinds of values in their order; comparisons of filters hold within one kind only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Class {
    EmptyArray = 0x08,
    Null = 0x10,
    Number = 0x20,
    Text = 0x30,
    Object = 0x40,
    Array = 0x50,
    Boolean = 0x60,
}

impl Class {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Class::Null,
            Value::Number(_) => Class::Number,
            Value::String(_) => Class::Text,
            Value::Object(_) => Class::Object,
            Value::Array(_) => Class::Array,
            Value::Bool(_) => Class::Boolean,
        }
    }
}

/// What a message calls the kind of a value.
pub(super) fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Object(_) => "an object",
        Value::Array(_) => "an array",
        Value::Bool(_) => "a boolean",
    }
}

/// The nearest floating-point number, and what has to be added to it.
fn parts(number: &Number) -> (f64, i16) {
    let whole = number.as_i64().map(i128::from).or(number.as_u64().map(i128::from));
    match whole {
        Some(whole) => {
            let nearest = whole as f64;
            // Half the distance between neighbours below 2^64 is at most 1024.
            (nearest, (whole - nearest as i128) as i16)
        }
        None => (number.as_f64().unwrap_or_default() + 0.0, 0),
    }
}

/// The order of two values.
pub(super) fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let ((a, a_rest), (b, b_rest)) = (parts(a), parts(b));
            a.partial_cmp(&b).unwrap_or(Ordering::Equal).then(a_rest.cmp(&b_rest))
        }
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let pairs = a.iter().zip(b).map(|(a, b)| compare(a, b));
            pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let (a, b) = (by_name(a), by_name(b));
            let pairs =
                a.iter().zip(&b).map(|(a, b)| a.0.as_bytes().cmp(b.0.as_bytes()).then_with(|| compare(a.1, b.1)));
            pairs.fold(Ordering::Equal, Ordering::then).then(a.len().cmp(&b.len()))
        }
        _ => Class::of(a).cmp(&Class::of(b)),
    }
}

fn by_name(fields: &serde_json::Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut fields: Vec<_> = fields.iter().collect();
    fields.sort_unstable_by_key(|(name, _)| *name);
    fields
}

/// The bytes that keep the order of `value`.
pub(super) fn key(value: &Value) -> Vec<u8> {
    write(KeyWriter::default(), value).finish()
}

fn write(out: KeyWriter, value: &Value) -> KeyWriter {
    let out = out.u8(Class::of(value) as u8);
    match value {
        Value::Null => out,
        Value::Bool(value) => out.u8(u8::from(*value)),
        Value::Number(number) => {
            let (nearest, rest) = parts(number);
            let [high, low] = (rest as u16 ^ 0x8000).to_be_bytes();
            out.f64(nearest).u8(high).u8(low)
        }
        Value::String(text) => out.bytes(text.as_bytes()),
        Value::Array(items) => items.iter().fold(out, write).u8(END),
        Value::Object(fields) => by_name(fields)
            .into_iter()
            .fold(out, |out, (name, value)| write(out.u8(FIELD).bytes(name.as_bytes()), value))
            .u8(END),
    }
}

/// A value as it stands in an index entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bounded {
    pub(super) bytes: Vec<u8>,
    /// Whether it is a hash that tells it from others with the same beginning.
    pub(super) shortened: bool,
}

/// `key` within the length that index entries have for it.
pub(super) fn bounded(mut key: Vec<u8>) -> Bounded {
    if key.len() <= DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX {
        return Bounded { bytes: key, shortened: false };
    }
    let hash = xxh3_128(&key);
    key.truncate(DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX);
    key.extend_from_slice(&hash.to_be_bytes());
    Bounded { bytes: key, shortened: true }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn kinds_and_numbers_are_in_order() {
        let sorted = [
            json!(null),
            json!(-1e300),
            json!(i64::MIN),
            json!(-1),
            json!(-0.5),
            json!(0),
            json!(0.1),
            json!(9_007_199_254_740_992_i64),
            json!(9_007_199_254_740_993_i64),
            json!(9_007_199_254_740_994_i64),
            json!(i64::MAX - 1),
            json!(i64::MAX),
            json!(9_223_372_036_854_775_808_u64),
            json!(u64::MAX - 1),
            json!(u64::MAX),
            json!(18_446_744_073_709_551_616.0),
            json!(1e300),
            json!(""),
            json!("\u{0}"),
            json!("a"),
            json!("a\u{0}"),
            json!("aa"),
            json!("é"),
            json!({}),
            json!({"a": 1}),
            json!({"b": 0, "a": 1}),
            json!({"a": 2}),
            json!([]),
            json!([1]),
            json!([1, 0]),
            json!([2]),
            json!(false),
            json!(true),
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(a, b), i.cmp(&j), "{a} and {b}");
                assert_eq!(key(a).cmp(&key(b)), i.cmp(&j), "{a} and {b}");
            }
        }
        for (a, b) in
            [(json!(0), json!(-0.0)), (json!(1), json!(1.0)), (json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1}))]
        {
            assert_eq!(compare(&a, &b), Ordering::Equal);
            assert_eq!(key(&a), key(&b));
        }
    }

    pub(in crate::document) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            (-3..3_i64).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-3..3_i32).prop_map(|n| Value::from(f64::from(n) / 2.0)),
            "[ab\u{0}\u{1}é]{0,4}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::vec(("[ab]{0,2}", inner), 0..3).prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn bytes_compare_as_values(a in any_value(), b in any_value(), c in any_value()) {
            prop_assert_eq!(key(&a).cmp(&key(&b)), compare(&a, &b));
            let (a_key, b_key) = (key(&a), key(&b));
            prop_assert_eq!(a_key == b_key, a_key.starts_with(&b_key) || b_key.starts_with(&a_key));
            prop_assert_eq!([key(&a), key(&c)].concat().cmp(&[key(&b), key(&c)].concat()), compare(&a, &b));
        }

        #[test]
        fn shortened_values_keep_their_order_up_to_the_cut(a in "[ab]{250,260}", b in "[ab]{250,260}") {
            let (a, b) = (Value::from(a), Value::from(b));
            let (a_key, b_key) = (bounded(key(&a)), bounded(key(&b)));
            prop_assert_eq!(a == b, a_key == b_key);
            let cut = |bytes: &[u8]| bytes[..bytes.len().min(DOCUMENT_INDEX_VALUE_SIZE_BYTES_MAX)].to_vec();
            if cut(&a_key.bytes) != cut(&b_key.bytes) {
                prop_assert_eq!(a_key.bytes.cmp(&b_key.bytes), compare(&a, &b));
            }
        }
    }
}
