//! JSON as rows hold it: numbers keep every bit, and nothing has to be parsed.
//!
//! ```text
//!   00 null   01 false   02 true   03 i64: varint, zigzag   04 u64: varint   05 f64: 8 bytes, little end first
//!   06 string: length, UTF-8       07 array: count, items   08 object: count, (length, UTF-8, item) each
//! ```
//!
//! Members keep their order. The depth is bounded when a value is taken in and again when it is read, so that neither can
//! exhaust the stack.

use serde_json::{Map, Number, Value as Json};

use crate::encoding::varint;
use crate::error::{Error, Result};
use crate::limits::JSONB_DEPTH_MAX;

const NULL: u8 = 0x00;
const FALSE: u8 = 0x01;
const TRUE: u8 = 0x02;
const SIGNED: u8 = 0x03;
const UNSIGNED: u8 = 0x04;
const FLOAT: u8 = 0x05;
const STRING: u8 = 0x06;
const ARRAY: u8 = 0x07;
const OBJECT: u8 = 0x08;

/// Whether arrays and objects nest at most as deep as a column may hold.
pub(super) fn is_shallow(json: &Json) -> bool {
    nests_within(json, JSONB_DEPTH_MAX)
}

fn nests_within(json: &Json, levels: usize) -> bool {
    match json {
        Json::Array(items) => levels > 0 && items.iter().all(|item| nests_within(item, levels - 1)),
        Json::Object(members) => levels > 0 && members.values().all(|item| nests_within(item, levels - 1)),
        _ => true,
    }
}

/// Appends `json`, which is shallow.
pub(super) fn write(out: &mut Vec<u8>, json: &Json) {
    match json {
        Json::Null => out.push(NULL),
        Json::Bool(false) => out.push(FALSE),
        Json::Bool(true) => out.push(TRUE),
        Json::Number(number) => write_number(out, number),
        Json::String(text) => {
            out.push(STRING);
            varint::write_bytes(out, text.as_bytes());
        }
        Json::Array(items) => {
            out.push(ARRAY);
            varint::write(out, items.len() as u64);
            items.iter().for_each(|item| write(out, item));
        }
        Json::Object(members) => {
            out.push(OBJECT);
            varint::write(out, members.len() as u64);
            for (name, item) in members {
                varint::write_bytes(out, name.as_bytes());
                write(out, item);
            }
        }
    }
}

fn write_number(out: &mut Vec<u8>, number: &Number) {
    if let Some(whole) = number.as_i64() {
        out.push(SIGNED);
        varint::write(out, ((whole << 1) ^ (whole >> 63)) as u64);
    } else if let Some(whole) = number.as_u64() {
        out.push(UNSIGNED);
        varint::write(out, whole);
    } else {
        out.push(FLOAT);
        out.extend_from_slice(&number.as_f64().unwrap_or(0.0).to_bits().to_le_bytes());
    }
}

/// The JSON that is exactly `bytes`.
pub(super) fn read(bytes: &[u8]) -> Result<Json> {
    let mut rest = bytes;
    let json = take(&mut rest, JSONB_DEPTH_MAX)?;
    if rest.is_empty() { Ok(json) } else { Err(damaged()) }
}

fn take(rest: &mut &[u8], levels: usize) -> Result<Json> {
    Ok(match take_byte(rest)? {
        NULL => Json::Null,
        FALSE => Json::Bool(false),
        TRUE => Json::Bool(true),
        SIGNED => {
            let folded = varint::read(rest)?;
            Json::from((folded >> 1) as i64 ^ -((folded & 1) as i64))
        }
        UNSIGNED => Json::from(varint::read(rest)?),
        FLOAT => {
            let (bits, behind) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
            *rest = behind;
            Number::from_f64(f64::from_bits(u64::from_le_bytes(*bits))).map(Json::Number).ok_or_else(damaged)?
        }
        STRING => Json::String(take_text(rest)?.to_owned()),
        ARRAY => {
            let levels = levels.checked_sub(1).ok_or_else(damaged)?;
            let count = varint::read(rest)?;
            Json::Array((0..count).map(|_| take(rest, levels)).collect::<Result<_>>()?)
        }
        OBJECT => {
            let levels = levels.checked_sub(1).ok_or_else(damaged)?;
            let count = varint::read(rest)?;
            let member = |_| Ok((take_text(rest)?.to_owned(), take(rest, levels)?));
            Json::Object((0..count).map(member).collect::<Result<Map<_, _>>>()?)
        }
        _ => return Err(damaged()),
    })
}

fn take_byte(rest: &mut &[u8]) -> Result<u8> {
    let (first, behind) = rest.split_first().ok_or_else(damaged)?;
    *rest = behind;
    Ok(*first)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(varint::read_bytes(rest)?).map_err(|_| damaged())
}

fn damaged() -> Error {
    Error::corrupt("a stored row holds damaged JSON; restore from a backup")
}
