//! Universally unique identifiers.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Function, Uuid, none};

const BYTES: usize = 16;

/// The identifier as PostgreSQL shows it.
pub fn format(bytes: &[u8]) -> String {
    ::uuid::Uuid::from_slice(bytes).map(|found| found.hyphenated().to_string()).unwrap_or_default()
}

/// The identifier that a text says: 32 hexadecimal digits, with hyphens after any four of them, perhaps in braces.
pub fn parse(text: &str) -> SqlResult<[u8; BYTES]> {
    parse_digits(text).ok_or_else(|| {
        SqlError::new(Condition::InvalidTextRepresentation, format!("invalid input syntax for type uuid: \"{text}\""))
    })
}

fn parse_digits(text: &str) -> Option<[u8; BYTES]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut found = [0; BYTES];
    let mut bytes = inner.bytes().peekable();
    for (index, slot) in found.iter_mut().enumerate() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
        *slot = u8::try_from(value).ok()?;
        if bytes.peek() == Some(&b'-') && index % 2 == 1 && index < BYTES - 1 {
            bytes.next();
        }
    }
    bytes.next().is_none().then_some(found)
}

pub(crate) fn functions() -> Vec<Function> {
    vec![Function::new("gen_random_uuid() uuid", none::<Uuid, _>(|| ::uuid::Uuid::new_v4().into_bytes())).volatile()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_writing_one_are_read() {
        let shown = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for text in [
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11",
        ] {
            assert_eq!(format(&parse(text).unwrap()), shown);
        }
        for text in ["", "a0eebc99", "{a0eebc999c0b4ef8bb6d6bb9bd380a11", "g0eebc999c0b4ef8bb6d6bb9bd380a11"] {
            assert!(parse(text).is_err());
        }
    }
}
