//! Names of objects, and the type `"char"` of one byte.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Cast, Int4, Text, one};
use crate::typed::CastContext;

/// Bytes that a name has at most; the rest is cut off.
const NAME_BYTES_MAX: usize = 63;

/// The name, cut to what a name may have, between characters.
pub fn cut(text: &str) -> &str {
    if text.len() <= NAME_BYTES_MAX {
        return text;
    }
    let end = (0..=NAME_BYTES_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

/// The first character, as type `"char"` has it.
pub fn first_character(text: &str) -> String {
    text.chars().next().map(String::from).unwrap_or_default()
}

fn code(text: &str) -> i32 {
    text.bytes().next().map_or(0, |byte| i32::from(i8::from_ne_bytes([byte])))
}

fn of_code(code: i32) -> SqlResult<String> {
    match u8::try_from(code) {
        Ok(0) => Ok(String::new()),
        Ok(byte) if byte.is_ascii() => Ok(char::from(byte).to_string()),
        _ if (-128..0).contains(&code) => Err(SqlError::unsupported("half of a character")),
        _ => Err(SqlError::new(Condition::NumericValueOutOfRange, "\"char\" out of range")),
    }
}

pub(crate) fn casts() -> Vec<Cast> {
    use CastContext::{Assignment, Explicit, Implicit};
    let cutting = || one::<Text, Text, _>(|text| cut(text).to_owned());
    vec![
        Cast::relabelling("name -> text", Implicit),
        Cast::relabelling("name -> varchar", Assignment),
        Cast::relabelling("name -> bpchar", Assignment),
        Cast::new("text -> name", Implicit, cutting()),
        Cast::new("varchar -> name", Implicit, cutting()),
        Cast::new("bpchar -> name", Implicit, one::<Text, Text, _>(|text| cut(text.trim_end_matches(' ')).to_owned())),
        Cast::relabelling("char -> text", Implicit),
        Cast::relabelling("char -> varchar", Assignment),
        Cast::relabelling("char -> bpchar", Assignment),
        Cast::new("text -> char", Assignment, one::<Text, Text, _>(first_character)),
        Cast::new("varchar -> char", Assignment, one::<Text, Text, _>(first_character)),
        Cast::new("bpchar -> char", Assignment, one::<Text, Text, _>(first_character)),
        Cast::new("int4 -> char", Explicit, one::<Int4, Text, _>(of_code)),
        Cast::new("char -> int4", Explicit, one::<Text, Int4, _>(code)),
    ]
}
