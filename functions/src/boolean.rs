//! True and false.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bool, Cast, Function, Int4, Text, one};
use crate::typed::CastContext;

/// The value that a text says: any beginning of true, false, yes, no, and on, off, 1, 0.
pub fn parse(text: &str) -> SqlResult<bool> {
    let word = text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}').to_ascii_lowercase();
    let begins = |whole: &str| !word.is_empty() && whole.starts_with(&word);
    if begins("true") || begins("yes") || word == "on" || word == "1" {
        return Ok(true);
    }
    if begins("false") || begins("no") || word == "of" || word == "off" || word == "0" {
        return Ok(false);
    }
    Err(SqlError::new(
        Condition::InvalidTextRepresentation,
        format!("invalid input syntax for type boolean: \"{text}\""),
    ))
}

/// The value as PostgreSQL shows it.
pub fn format(value: bool) -> &'static str {
    if value { "t" } else { "f" }
}

fn word(value: bool) -> String {
    if value { "true" } else { "false" }.to_owned()
}

pub(crate) fn casts() -> Vec<Cast> {
    use CastContext::{Assignment, Explicit};
    vec![
        Cast::new("bool -> int4", Explicit, one::<Bool, Int4, _>(i32::from)),
        Cast::new("int4 -> bool", Explicit, one::<Int4, Bool, _>(|value| value != 0)),
        Cast::new("bool -> text", Assignment, one::<Bool, Text, _>(word)),
        Cast::new("bool -> varchar", Assignment, one::<Bool, Text, _>(word)),
        Cast::new("bool -> bpchar", Assignment, one::<Bool, Text, _>(word)),
    ]
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new("booland_statefunc(bool, bool) bool", crate::registry::two::<Bool, Bool, Bool, _>(|a, b| a && b)),
        Function::new("boolor_statefunc(bool, bool) bool", crate::registry::two::<Bool, Bool, Bool, _>(|a, b| a || b)),
    ]
}
