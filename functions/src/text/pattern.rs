//! `LIKE`, `ILIKE` and `SIMILAR TO`.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, Like};

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bool, Bytea, Function, Implementation, Text, one, two};
use crate::sql_type::SqlType;
use crate::typed::Typed;

fn unfinished() -> SqlError {
    SqlError::new(Condition::InvalidEscapeSequence, "LIKE pattern must not end with escape character")
}

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Part<T> {
    One(T),
    AnyOne,
    Any,
}

/// The parts of a pattern, in which a backslash takes a character as it is.
fn parts<T: Copy + PartialEq>(pattern: impl Iterator<Item = T>, signs: [T; 3]) -> SqlResult<Vec<Part<T>>> {
    let [any, any_one, escape] = signs;
    let mut found = Vec::new();
    let mut pattern = pattern;
    while let Some(next) = pattern.next() {
        found.push(if next == escape {
            Part::One(pattern.next().ok_or_else(unfinished)?)
        } else if next == any {
            Part::Any
        } else if next == any_one {
            Part::AnyOne
        } else {
            Part::One(next)
        });
    }
    Ok(found)
}

/// Whether the whole text is of the pattern: on a mismatch the last `%` takes one character more.
fn matches<T: Copy + PartialEq>(text: &[T], pattern: &[Part<T>]) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while at < text.len() {
        match pattern.get(part) {
            Some(Part::Any) => {
                retry = Some((part + 1, at));
                part += 1;
                continue;
            }
            Some(Part::AnyOne) => {
                at += 1;
                part += 1;
                continue;
            }
            Some(Part::One(wanted)) if *wanted == text[at] => {
                at += 1;
                part += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = retry else { return false };
        retry = Some((after, from + 1));
        (part, at) = (after, from + 1);
    }
    pattern[part..].iter().all(|part| *part == Part::Any)
}

fn like(text: &str, pattern: &str) -> SqlResult<bool> {
    let parts = parts(pattern.chars(), ['%', '_', '\\'])?;
    Ok(matches(&text.chars().collect::<Vec<_>>(), &parts))
}

fn like_ignoring_case(text: &str, pattern: &str) -> SqlResult<bool> {
    like(&text.to_lowercase(), &pattern.to_lowercase())
}

fn like_bytes(bytes: &[u8], pattern: &[u8]) -> SqlResult<bool> {
    Ok(matches(bytes, &parts(pattern.iter().copied(), [b'%', b'_', b'\\'])?))
}

/// The pattern with backslashes in place of another escape character; without one, backslashes are as they are.
fn like_escape(pattern: &str, escape: &str) -> SqlResult<String> {
    let mut characters = escape.chars();
    let escape = characters.next();
    if characters.next().is_some() {
        return Err(SqlError::new(Condition::InvalidEscapeSequence, "invalid escape string")
            .hint("Escape string must be empty or one character."));
    }
    let mut found = String::with_capacity(pattern.len());
    let mut is_escaped = false;
    for character in pattern.chars() {
        if Some(character) == escape && !is_escaped {
            found.push('\\');
            is_escaped = true;
        } else if character == '\\' && escape != Some('\\') {
            found.push_str(if is_escaped { "\\" } else { "\\\\" });
            is_escaped = false;
        } else {
            found.push(character);
            is_escaped = false;
        }
    }
    Ok(found)
}

/// The regular expression that a pattern of `SIMILAR TO` means.
pub(crate) fn similar_to_regex(pattern: &str, escape: Option<&str>) -> SqlResult<String> {
    let mut characters = escape.unwrap_or("\\").chars();
    let escape = characters.next();
    if characters.next().is_some() {
        return Err(SqlError::new(Condition::InvalidEscapeSequence, "invalid escape string")
            .hint("Escape string must be empty or one character."));
    }
    let mut found = String::from("^(?:");
    let (mut is_escaped, mut is_in_brackets, mut separators) = (false, false, 0);
    for character in pattern.chars() {
        if is_escaped {
            is_escaped = false;
            if character == '"' && !is_in_brackets {
                // Two separators cut the pattern into what stands before, what is meant, and what comes after.
                found.push_str(if separators == 0 { "){1,1}?(" } else { "){1,1}(?:" });
                separators += 1;
                if separators > 2 {
                    return Err(SqlError::new(
                        Condition::InvalidEscapeSequence,
                        "SQL regular expression may not contain more than two escape-double-quote separators",
                    ));
                }
            } else {
                found.push('\\');
                found.push(character);
            }
        } else if Some(character) == escape {
            is_escaped = true;
        } else if is_in_brackets {
            if character == '\\' {
                found.push('\\');
            }
            found.push(character);
            is_in_brackets = character != ']';
        } else {
            match character {
                '[' => {
                    found.push('[');
                    is_in_brackets = true;
                }
                '%' => found.push_str(".*"),
                '_' => found.push('.'),
                '(' => found.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    found.push('\\');
                    found.push(character);
                }
                other => found.push(other),
            }
        }
    }
    found.push_str(")$");
    Ok(found)
}

/// `LIKE` as DataFusion's own where the pattern is a constant that it reads as PostgreSQL does.
fn native(negated: bool, ignores_case: bool) -> Implementation {
    let name = if ignores_case { "like_ignoring_case" } else { "like" };
    Implementation::expression(move |typing, _, operands| {
        let [text, pattern] = <[Typed; 2]>::try_from(operands)
            .map_err(|_| SqlError::new(Condition::InternalError, "an operator has two operands"))?;
        let is_plain = match &pattern.expr {
            Expr::Literal(ScalarValue::Utf8(Some(pattern)), _) => !pattern.contains('\\') && !ignores_case,
            _ => false,
        };
        if is_plain {
            let expr = Like::new(negated, Box::new(text.expr), Box::new(pattern.expr), None, false);
            return Ok(Typed::new(Expr::Like(expr), SqlType::Bool));
        }
        let found = typing.call(name, vec![text, pattern])?;
        Ok(if negated { Typed::new(!found.expr, SqlType::Bool) } else { found })
    })
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (sign, negated, ignores_case) in
        [("~~", false, false), ("!~~", true, false), ("~~*", false, true), ("!~~*", true, true)]
    {
        functions.push(Function::new(&format!("{sign}(text, text) bool"), native(negated, ignores_case)));
        // Blanks at the end of char(n) count for patterns.
        let blank = Implementation::expression(move |typing, _, operands| {
            let mut operands = operands.into_iter();
            let text = operands.next().map(|text| Typed::new(text.expr, SqlType::Text));
            let pattern = operands.next().ok_or_else(|| SqlError::new(Condition::InternalError, "no pattern"))?;
            typing.operator(sign, text, pattern)
        });
        functions.push(Function::new(&format!("{sign}(bpchar, text) bool"), blank));
    }
    functions.extend([
        Function::new("~~(bytea, bytea) bool", two::<Bytea, Bytea, Bool, _>(like_bytes)),
        Function::new(
            "!~~(bytea, bytea) bool",
            two::<Bytea, Bytea, Bool, _>(|a: &[u8], b: &[u8]| like_bytes(a, b).map(|found| !found)),
        ),
        Function::new("like(text, text) bool", two::<Text, Text, Bool, _>(like)),
        Function::new("like_ignoring_case(text, text) bool", two::<Text, Text, Bool, _>(like_ignoring_case)),
        Function::new("notlike(text, text) bool", two::<Text, Text, Bool, _>(|a, b| like(a, b).map(|found| !found))),
        Function::new("like_escape(text, text) text", two::<Text, Text, Text, _>(like_escape)),
        Function::new("similar_to_escape(text) text", one::<Text, Text, _>(|pattern| similar_to_regex(pattern, None))),
        Function::new(
            "similar_to_escape(text, text) text",
            two::<Text, Text, Text, _>(|pattern, escape| similar_to_regex(pattern, Some(escape))),
        ),
    ]);
    functions
}
