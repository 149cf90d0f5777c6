//! Documents as bytes: JSON in binary, compact, in the order in which its fields were given.
//!
//! ```text
//!   format, then a value:
//!     00 null   01 false   02 true
//!     03 n      -n - 1 as a varint       04 n   n as a varint       05 f   8 bytes, little end first
//!     06 text   length, UTF-8            07     count, values       08     count, then name and value each
//! ```
//!
//! Numbers come back as what they were: whole from -2^63 to 2^64 - 1, or floating point. Depth is limited on both ways, so
//! that damaged bytes cannot exhaust the stack.

use serde_json::{Map, Number, Value};

use crate::encoding::varint;
use crate::error::{Error, Result};
use crate::limits::{DOCUMENT_DEPTH_MAX, DOCUMENT_SIZE_BYTES_MAX};

/// Format of stored documents.
const DOCUMENT_FORMAT: u8 = 1;

/// Room for this many items is made at once; for more only as they are read, because a damaged count may stand on every level.
const ITEMS_EXPECTED: usize = 64;

const NULL: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const NEGATIVE: u8 = 0x03;
const POSITIVE: u8 = 0x04;
const FLOAT: u8 = 0x05;
const TEXT: u8 = 0x06;
const ARRAY: u8 = 0x07;
const OBJECT: u8 = 0x08;

/// The bytes of `document`.
///
/// # Errors
/// `LimitExceeded` when it nests too deep or is too large.
pub(super) fn encode(document: &Value) -> Result<Vec<u8>> {
    let mut out = vec![DOCUMENT_FORMAT];
    write(&mut out, document, DOCUMENT_DEPTH_MAX)?;
    if out.len() > DOCUMENT_SIZE_BYTES_MAX {
        return Err(too_large());
    }
    Ok(out)
}

fn write(out: &mut Vec<u8>, value: &Value, levels: usize) -> Result<()> {
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Number(number) => write_number(out, number),
        Value::String(text) => {
            out.push(TEXT);
            varint::write_bytes(out, text.as_bytes());
        }
        Value::Array(items) => {
            let levels = levels.checked_sub(1).ok_or_else(too_deep)?;
            out.push(ARRAY);
            varint::write(out, items.len() as u64);
            items.iter().try_for_each(|item| write(out, item, levels))?;
        }
        Value::Object(fields) => {
            let levels = levels.checked_sub(1).ok_or_else(too_deep)?;
            out.push(OBJECT);
            varint::write(out, fields.len() as u64);
            for (name, value) in fields {
                varint::write_bytes(out, name.as_bytes());
                write(out, value, levels)?;
            }
        }
    }
    match out.len() > DOCUMENT_SIZE_BYTES_MAX {
        true => Err(too_large()),
        false => Ok(()),
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(whole) = number.as_u64() {
        out.push(POSITIVE);
        varint::write(out, whole);
    } else if let Some(negative) = number.as_i64() {
        out.push(NEGATIVE);
        varint::write(out, !negative as u64);
    } else {
        out.push(FLOAT);
        out.extend_from_slice(&number.as_f64().unwrap_or_default().to_le_bytes());
    }
}

/// Refuses a value that nests deeper than a document may.
pub(super) fn check_depth(value: &Value) -> Result<()> {
    fn fits(value: &Value, levels: usize) -> bool {
        match value {
            Value::Array(items) => levels > 0 && items.iter().all(|item| fits(item, levels - 1)),
            Value::Object(fields) => levels > 0 && fields.values().all(|value| fits(value, levels - 1)),
            _ => true,
        }
    }
    fits(value, DOCUMENT_DEPTH_MAX).then_some(()).ok_or_else(too_deep)
}

fn too_deep() -> Error {
    Error::limit_exceeded(format!(
        "a value nests deeper than the {DOCUMENT_DEPTH_MAX} levels that a document may have; flatten it"
    ))
}

fn too_large() -> Error {
    Error::limit_exceeded(format!(
        "a document is larger than {DOCUMENT_SIZE_BYTES_MAX} bytes; split it, or keep its large parts as blobs"
    ))
}

/// The document that `stored` holds.
///
/// # Errors
/// `Corrupt` when the bytes are damaged, `Unsupported` when a newer program wrote them.
pub(super) fn decode(stored: &[u8]) -> Result<Value> {
    let Some((&format, mut input)) = stored.split_first() else { return Err(damaged()) };
    if format != DOCUMENT_FORMAT {
        return Err(Error::unsupported(format!(
            "a stored document has format {format}, this program reads format {DOCUMENT_FORMAT}; open it with a newer \
             program"
        )));
    }
    let value = read(&mut input, DOCUMENT_DEPTH_MAX)?;
    match input.is_empty() && value.is_object() {
        true => Ok(value),
        false => Err(damaged()),
    }
}

fn read(input: &mut &[u8], levels: usize) -> Result<Value> {
    Ok(match read_byte(input)? {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NEGATIVE => {
            let complement = i64::try_from(varint::read(input)?).map_err(|_| damaged())?;
            Value::from(!complement)
        }
        POSITIVE => Value::from(varint::read(input)?),
        FLOAT => {
            let (bytes, rest) = input.split_first_chunk::<8>().ok_or_else(damaged)?;
            *input = rest;
            Value::Number(Number::from_f64(f64::from_le_bytes(*bytes)).ok_or_else(damaged)?)
        }
        TEXT => Value::String(read_text(input)?),
        ARRAY => {
            let levels = levels.checked_sub(1).ok_or_else(damaged)?;
            let count = read_count(input)?;
            let mut items = Vec::with_capacity(count.min(ITEMS_EXPECTED));
            for _ in 0..count {
                items.push(read(input, levels)?);
            }
            Value::Array(items)
        }
        OBJECT => {
            let levels = levels.checked_sub(1).ok_or_else(damaged)?;
            let count = read_count(input)?;
            let mut fields = Map::with_capacity(count.min(ITEMS_EXPECTED));
            for _ in 0..count {
                let name = read_text(input)?;
                fields.insert(name, read(input, levels)?);
            }
            Value::Object(fields)
        }
        _ => return Err(damaged()),
    })
}

fn read_byte(input: &mut &[u8]) -> Result<u8> {
    let (&byte, rest) = input.split_first().ok_or_else(damaged)?;
    *input = rest;
    Ok(byte)
}

fn read_text(input: &mut &[u8]) -> Result<String> {
    let bytes = varint::read_bytes(input)?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| damaged())
}

/// A number of items, each of which takes at least one byte of what is left.
fn read_count(input: &mut &[u8]) -> Result<usize> {
    let count = varint::read(input)?;
    usize::try_from(count).ok().filter(|count| *count <= input.len()).ok_or_else(damaged)
}

fn damaged() -> Error {
    Error::corrupt("a stored document does not decode; restore from a backup")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_and_the_order_of_fields_are_kept() {
        let document = json!({
            "z": [0, 1, -1, i64::MIN, i64::MAX, u64::MAX, 0.5, -0.0, 1.0, 1e300, 9_007_199_254_740_993_i64],
            "a": {"empty": {}, "list": [], "": "\u{0}é", "null": null, "yes": true, "no": false},
        });
        let back = decode(&encode(&document).unwrap()).unwrap();
        assert_eq!(back.to_string(), document.to_string());
    }

    #[test]
    fn depth_and_size_are_limited() {
        let nested = |levels: usize| (1..levels).fold(json!({}), |inner, _| json!({ "a": inner }));
        assert!(encode(&nested(DOCUMENT_DEPTH_MAX)).is_ok());
        assert!(check_depth(&nested(DOCUMENT_DEPTH_MAX)).is_ok());
        assert_eq!(encode(&nested(DOCUMENT_DEPTH_MAX + 1)).unwrap_err().kind(), crate::ErrorKind::LimitExceeded);
        assert!(check_depth(&nested(DOCUMENT_DEPTH_MAX + 1)).is_err());
        let large = json!({ "a": "x".repeat(DOCUMENT_SIZE_BYTES_MAX) });
        assert_eq!(encode(&large).unwrap_err().kind(), crate::ErrorKind::LimitExceeded);
        let mut deep = vec![DOCUMENT_FORMAT];
        deep.extend([ARRAY, 1].repeat(1_000_000));
        assert!(decode(&deep).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(mut bytes: Vec<u8>, format in 0..3_u8) {
            bytes.insert(0, format);
            let _ = decode(&bytes);
        }

        #[test]
        fn a_changed_byte_is_read_or_refused(at in 1..60_usize, byte: u8) {
            let document = json!({"_id": "a", "b": [1, -1, 2.5, {"c": "text", "d": null}], "e": {"f": [true, false]}});
            let mut bytes = encode(&document).unwrap();
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = decode(&bytes);
        }
    }
}
