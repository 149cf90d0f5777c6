//! The order of jsonb values, as keys of bytes.
//!
//! Objects are more than arrays, arrays more than booleans, then numbers, strings, null; an empty array alone is less than all.
//! Of arrays and objects the longer ones are more. Names of objects are compared in the order that they are held in.

use std::cmp::Ordering;

use super::value::Json;

const NULL: u8 = 1;
const STRING: u8 = 2;
const NUMBER: u8 = 3;
const BOOL: u8 = 4;
const ARRAY: u8 = 5;
const OBJECT: u8 = 6;

/// Bytes that are ordered as PostgreSQL orders the values; equal ones have equal bytes.
pub fn sort_key(value: &Json) -> Vec<u8> {
    let mut key = Vec::new();
    match value {
        Json::Array(values) if values.is_empty() => key.push(0),
        value => push(&mut key, value),
    }
    key
}

/// How two values compare.
pub fn compare(left: &Json, right: &Json) -> Ordering {
    sort_key(left).cmp(&sort_key(right))
}

/// Whether two scalars, arrays or objects are equal; numbers by their value.
pub fn equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left == right || number_key(left) == number_key(right),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| left.0 == right.0 && equal(&left.1, &right.1))
        }
        (left, right) => left == right,
    }
}

fn push(key: &mut Vec<u8>, value: &Json) {
    let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_be_bytes();
    match value {
        Json::Null => key.push(NULL),
        Json::String(text) => {
            key.push(STRING);
            push_text(key, text);
        }
        Json::Number(digits) => {
            key.push(NUMBER);
            key.extend(number_key(digits));
        }
        Json::Bool(value) => key.extend([BOOL, u8::from(*value)]),
        Json::Array(values) => {
            key.push(ARRAY);
            key.extend(length(values.len()));
            values.iter().for_each(|value| push(key, value));
        }
        Json::Object(entries) => {
            key.push(OBJECT);
            key.extend(length(entries.len()));
            for (name, value) in entries {
                push_text(key, name);
                push(key, value);
            }
        }
    }
}

/// A text and an end that is less than all of its continuations; jsonb holds no NUL.
fn push_text(key: &mut Vec<u8>, text: &str) {
    key.extend_from_slice(text.as_bytes());
    key.push(0);
}

/// Bytes ordered as the numbers are: the sign, the power of ten of the first digit, the digits.
fn number_key(digits: &str) -> Vec<u8> {
    let (is_negative, unsigned) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    let Some(first) = all.iter().position(|digit| *digit != b'0') else { return vec![1] };
    let last = all.iter().rposition(|digit| *digit != b'0').unwrap_or(first);
    let exponent = i64::try_from(whole.len()).unwrap_or_default() - i64::try_from(first).unwrap_or_default();
    let mut key = vec![2];
    key.extend((exponent + (1 << 40)).to_be_bytes());
    key.extend_from_slice(&all[first..=last]);
    key.push(0);
    if is_negative {
        key.iter_mut().for_each(|byte| *byte = !*byte);
        key[0] = 0;
    }
    key
}

/// Whether `left` contains `right`: what is in `right` is in `left` at the same place; places in arrays do not count.
pub fn contains(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Object(_), Json::Object(wanted)) => {
            wanted.iter().all(|(name, value)| left.field(name).is_some_and(|found| contains_nested(found, value)))
        }
        (Json::Array(values), Json::Array(wanted)) => {
            wanted.iter().all(|value| values.iter().any(|found| contains_nested(found, value)))
        }
        // An array contains a scalar that is one of its elements; only at the top.
        (Json::Array(values), scalar) if scalar.is_scalar() => values.iter().any(|found| equal(found, scalar)),
        (left, right) if left.is_scalar() && right.is_scalar() => equal(left, right),
        _ => false,
    }
}

fn contains_nested(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Object(_), Json::Object(_)) | (Json::Array(_), Json::Array(_)) => contains(left, right),
        (left, right) if left.is_scalar() && right.is_scalar() => equal(left, right),
        _ => false,
    }
}
