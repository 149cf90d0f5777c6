//! The parts of a JSON text as parts of the text.
//!
//! The text was checked before; values are skipped, not built.

use super::read::{string_end, unescape};
use crate::condition::SqlResult;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// What `json_typeof` calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Bool => "boolean",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r'])
}

/// What the value of a text is.
pub(crate) fn kind(text: &str) -> Kind {
    match trimmed(text).as_bytes().first() {
        Some(b'n') => Kind::Null,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'"') => Kind::String,
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        _ => Kind::Number,
    }
}

/// The bytes of the value that a text begins with.
fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += string_end(&text[at..]).unwrap_or(text.len() - at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => return at,
            b']' | b'}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

/// The elements of an array.
pub(crate) fn elements(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = trimmed(text).get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        if rest.is_empty() || rest.starts_with(']') {
            return None;
        }
        let (value, behind) = rest.split_at(value_end(rest));
        rest = behind;
        Some(value)
    })
}

/// The names, still with their escapes, and the values of an object.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = trimmed(text).get(1..).unwrap_or_default();
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',']);
        if !rest.starts_with('"') {
            return None;
        }
        let (name, behind) = rest.split_at(string_end(rest)?);
        let behind = behind.trim_start_matches([' ', '\t', '\n', '\r', ':']);
        let (value, behind) = behind.split_at(value_end(behind));
        rest = behind;
        Some((&name[1..name.len() - 1], value))
    })
}

/// The value of a name of an object; of several the last one.
pub(crate) fn field<'t>(text: &'t str, name: &str) -> SqlResult<Option<&'t str>> {
    if kind(text) != Kind::Object {
        return Ok(None);
    }
    let mut found = None;
    for (quoted, value) in entries(text) {
        let is_it = if quoted.contains('\\') { unescape(quoted, true)? == name } else { quoted == name };
        if is_it {
            found = Some(value);
        }
    }
    Ok(found)
}

/// The element of an array, from 0 on or, if negative, from the end.
pub(crate) fn element(text: &str, index: i64) -> Option<&str> {
    if kind(text) != Kind::Array {
        return None;
    }
    let index = match usize::try_from(index) {
        Ok(index) => index,
        Err(_) => elements(text).count().checked_sub(usize::try_from(index.unsigned_abs()).ok()?)?,
    };
    elements(text).nth(index)
}

/// The value at the end of a path of names and places.
pub(crate) fn at_path<'t>(text: &'t str, path: &[Option<String>]) -> SqlResult<Option<&'t str>> {
    let mut value = trimmed(text);
    for step in path {
        let Some(step) = step else { return Ok(None) };
        let found = match kind(value) {
            Kind::Object => field(value, step)?,
            Kind::Array => step.trim().parse::<i32>().ok().and_then(|index| element(value, index.into())),
            _ => None,
        };
        match found {
            Some(found) => value = found,
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

/// A value as `->>` gives it: strings without their quotation marks, `null` as NULL.
pub(crate) fn as_text(value: &str) -> SqlResult<Option<String>> {
    match kind(value) {
        Kind::Null => Ok(None),
        Kind::String => {
            let value = trimmed(value);
            unescape(&value[1..value.len() - 1], true).map(Some)
        }
        _ => Ok(Some(value.to_owned())),
    }
}
