//! Small and capital letters.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Function, Text, one};

/// Each character as its small or capital one, if that is one character.
fn simple(character: char, mapped: impl Iterator<Item = char>) -> char {
    let mut mapped = mapped;
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn lower(text: &str) -> String {
    text.chars().map(|character| simple(character, character.to_lowercase())).collect()
}

fn upper(text: &str) -> String {
    text.chars().map(|character| simple(character, character.to_uppercase())).collect()
}

/// The first letter of each word as a capital one, the others small.
fn capitalized(text: &str) -> String {
    let mut is_inside = false;
    text.chars()
        .map(|character| {
            let changed = if is_inside {
                simple(character, character.to_lowercase())
            } else {
                simple(character, character.to_uppercase())
            };
            is_inside = character.is_alphanumeric();
            changed
        })
        .collect()
}

/// The text with `\XXXX`, `\+XXXXXX`, `\uXXXX` and `\UXXXXXXXX` as the characters that they say.
fn unescaped(text: &str) -> SqlResult<String> {
    let invalid = || {
        SqlError::new(Condition::SyntaxError, "invalid Unicode escape")
            .hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
    };
    let mut found = String::with_capacity(text.len());
    let mut rest = text;
    let mut high: Option<u32> = None;
    while let Some(place) = rest.find('\\') {
        found.push_str(&rest[..place]);
        let escape = &rest[place + 1..];
        if let Some(after) = escape.strip_prefix('\\') {
            found.push('\\');
            rest = after;
            continue;
        }
        let (digits, length) = match escape.chars().next() {
            Some('+') => (&escape[1..], 6),
            Some('u') => (&escape[1..], 4),
            Some('U') => (&escape[1..], 8),
            _ => (escape, 4),
        };
        let code = digits.get(..length).and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(invalid)?;
        rest = &digits[length..];
        let code = match (high.take(), code) {
            (None, 0xD800..=0xDBFF) => {
                high = Some(code);
                continue;
            }
            (Some(high), 0xDC00..=0xDFFF) => 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00),
            (Some(_), _) => return Err(SqlError::new(Condition::SyntaxError, "invalid Unicode surrogate pair")),
            (None, code) => code,
        };
        found.push(char::from_u32(code).ok_or_else(invalid)?);
    }
    found.push_str(rest);
    Ok(found)
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("lower(text) text", one::<Text, Text, _>(lower)),
        Function::new("upper(text) text", one::<Text, Text, _>(upper)),
        Function::new("initcap(text) text", one::<Text, Text, _>(capitalized)),
        Function::new("unistr(text) text", one::<Text, Text, _>(unescaped)),
    ]
}
