//! Regular expressions as PostgreSQL writes them, matched by the crate `regex`.
//!
//! ```text
//!   translation  PostgreSQL's way of writing into the crate's
//!   functions    the operators and functions
//! ```
//!
//! No expression takes more than linear time. In return there are no back references and no lookaround, and of several
//! alternatives the first that matches is taken, not the longest.

mod functions;
mod translation;

use std::cell::RefCell;
use std::collections::HashMap;

use ::regex::{Error, Regex, RegexBuilder};

use crate::condition::{Condition, SqlError, SqlResult};

pub(crate) use functions::functions;

/// Expressions that a thread keeps compiled.
const KEPT: usize = 64;
/// Bytes that a compiled expression takes at most.
const COMPILED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How an expression is to be read and what is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Flags {
    ignores_case: bool,
    /// A dot matches a line's end, too.
    dot_matches_all: bool,
    /// `^` and `$` are also at the lines' ends.
    is_by_line: bool,
    is_expanded: bool,
    is_literal: bool,
    /// All matches are meant, not the first.
    is_global: bool,
}

impl Default for Flags {
    fn default() -> Self {
        Flags {
            ignores_case: false,
            dot_matches_all: true,
            is_by_line: false,
            is_expanded: false,
            is_literal: false,
            is_global: false,
        }
    }
}

impl Flags {
    /// The flags that a function's argument says.
    pub(crate) fn parse(text: &str) -> SqlResult<Flags> {
        let mut flags = Flags::default();
        for flag in text.chars() {
            if flag == 'g' {
                flags.is_global = true;
            } else if !flags.set(flag) {
                return Err(SqlError::new(
                    Condition::InvalidParameterValue,
                    format!("invalid regular expression option: \"{flag}\""),
                ));
            }
        }
        Ok(flags)
    }

    /// Sets one flag, if there is one of this letter.
    fn set(&mut self, flag: char) -> bool {
        match flag {
            'i' => self.ignores_case = true,
            'c' => self.ignores_case = false,
            'm' | 'n' => (self.is_by_line, self.dot_matches_all) = (true, false),
            'p' => (self.is_by_line, self.dot_matches_all) = (false, false),
            'w' => (self.is_by_line, self.dot_matches_all) = (true, true),
            's' => (self.is_by_line, self.dot_matches_all) = (false, true),
            'x' => self.is_expanded = true,
            't' => self.is_expanded = false,
            'q' => self.is_literal = true,
            'b' | 'e' => {}
            _ => return false,
        }
        true
    }

    /// The flags with case ignored.
    pub(crate) fn ignoring_case() -> Flags {
        Flags { ignores_case: true, ..Flags::default() }
    }
}

thread_local! {
    static COMPILED: RefCell<HashMap<(String, Flags), Regex>> = RefCell::new(HashMap::new());
}

/// The expression, compiled; a thread remembers the last ones.
pub(crate) fn compile(pattern: &str, flags: Flags) -> SqlResult<Regex> {
    COMPILED.with_borrow_mut(|compiled| {
        let key = (pattern.to_owned(), flags);
        if let Some(found) = compiled.get(&key) {
            return Ok(found.clone());
        }
        let regex = build(pattern, flags)?;
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(key, regex.clone());
        Ok(regex)
    })
}

/// What the crate says is wrong, as PostgreSQL says it.
const REASONS: [(&str, &str); 5] = [
    ("unclosed group", "parentheses () not balanced"),
    ("unopened group", "parentheses () not balanced"),
    ("unclosed character class", "brackets [] not balanced"),
    ("repetition operator missing", "quantifier operand invalid"),
    ("invalid character class range", "invalid character range"),
];

fn build(pattern: &str, flags: Flags) -> SqlResult<Regex> {
    let (translated, flags) = translation::translate(pattern, flags)?;
    RegexBuilder::new(&translated)
        .case_insensitive(flags.ignores_case)
        .dot_matches_new_line(flags.dot_matches_all)
        .multi_line(flags.is_by_line)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|error| match error {
            Error::CompiledTooBig(_) => invalid("regular expression is too complex"),
            Error::Syntax(text) => {
                let last = text.lines().last().unwrap_or_default();
                let reason = last.strip_prefix("error: ").unwrap_or(last);
                let known = REASONS.iter().find(|(theirs, _)| reason.starts_with(theirs));
                invalid(known.map_or(reason, |(_, ours)| ours))
            }
            _ => invalid("not a regular expression"),
        })
}

pub(super) fn invalid(reason: &str) -> SqlError {
    SqlError::new(Condition::InvalidRegularExpression, format!("invalid regular expression: {reason}"))
}
