//! Strings of bytes.

use crate::condition::{Condition, SqlError, SqlResult};

/// The bytes as PostgreSQL shows them: in hexadecimal.
pub fn format(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    push_hexadecimal(&mut text, bytes);
    text
}

/// Appends two digits for each byte.
pub(crate) fn push_hexadecimal(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// The bytes that a text says: `\x` and hexadecimal digits, or characters with `\\` and `\ooo`.
pub fn parse(text: &str) -> SqlResult<Vec<u8>> {
    match text.strip_prefix("\\x") {
        Some(digits) => parse_hexadecimal(digits),
        None => parse_escaped(text),
    }
}

/// The bytes that pairs of hexadecimal digits say; white space between pairs is left out.
pub(crate) fn parse_hexadecimal(text: &str) -> SqlResult<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut characters = text.chars();
    while let Some(first) = characters.next() {
        if first.is_ascii_whitespace() {
            continue;
        }
        let high = hexadecimal_digit(first)?;
        let Some(second) = characters.next() else {
            return Err(SqlError::new(
                Condition::InvalidParameterValue,
                "invalid hexadecimal data: odd number of digits",
            ));
        };
        bytes.push(high * 16 + hexadecimal_digit(second)?);
    }
    Ok(bytes)
}

fn hexadecimal_digit(character: char) -> SqlResult<u8> {
    character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(|| {
        SqlError::new(Condition::InvalidParameterValue, format!("invalid hexadecimal digit: \"{character}\""))
    })
}

pub(crate) fn parse_escaped(text: &str) -> SqlResult<Vec<u8>> {
    let invalid =
        || SqlError::new(Condition::InvalidTextRepresentation, "invalid input syntax for type bytea".to_owned());
    let source = text.as_bytes();
    let mut bytes = Vec::with_capacity(source.len());
    let mut next = 0;
    while let Some(byte) = source.get(next) {
        if *byte != b'\\' {
            bytes.push(*byte);
            next += 1;
            continue;
        }
        match &source[next + 1..] {
            [b'\\', ..] => {
                bytes.push(b'\\');
                next += 2;
            }
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                bytes.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                next += 4;
            }
            _ => return Err(invalid()),
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_bytes_are_read() {
        for (text, bytes) in [
            ("\\xDEADbeef", vec![0xDE, 0xAD, 0xBE, 0xEF]),
            ("\\x de ad", vec![0xDE, 0xAD]),
            ("abc\\\\\\001", vec![b'a', b'b', b'c', b'\\', 1]),
            ("", vec![]),
        ] {
            assert_eq!(parse(text).unwrap(), bytes);
        }
        assert_eq!(format(&[0, 255]), "\\x00ff");
        assert!(parse("\\x1").is_err());
        assert!(parse("\\xzz").is_err());
        assert!(parse("a\\b").is_err());
    }
}
