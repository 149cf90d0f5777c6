//! Operators and functions of regular expressions.

use ::regex::{Captures, Regex};
use arrow::array::ArrayRef;

use super::{Flags, compile};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bool, Function, Implementation, Int4, Kind, ListOf, Text, four, three, two};
use crate::text::similar_to_regex;

type Texts = ListOf<Text>;

fn matches(text: &str, pattern: &str, flags: Flags) -> SqlResult<bool> {
    Ok(compile(pattern, flags)?.is_match(text))
}

/// The groups of a match, or all of it if there are none.
fn groups(captures: &Captures) -> Vec<Option<String>> {
    let text = |index: usize| captures.get(index).map(|found| found.as_str().to_owned());
    if captures.len() == 1 { vec![text(0)] } else { (1..captures.len()).map(text).collect() }
}

fn first_match(text: &str, pattern: &str, flags: &str) -> SqlResult<Option<Vec<Option<String>>>> {
    let flags = Flags::parse(flags)?;
    if flags.is_global {
        return Err(SqlError::new(
            Condition::InvalidParameterValue,
            "regexp_match() does not support the \"global\" option",
        )
        .hint("Use the regexp_matches function instead."));
    }
    Ok(compile(pattern, flags)?.captures(text).map(|captures| groups(&captures)))
}

fn all_matches(text: &str, pattern: &str, flags: &str) -> SqlResult<Vec<Option<Vec<Option<String>>>>> {
    let flags = Flags::parse(flags)?;
    let limit = if flags.is_global { usize::MAX } else { 1 };
    Ok(compile(pattern, flags)?.captures_iter(text).take(limit).map(|captures| Some(groups(&captures))).collect())
}

/// The first group of the first match, or all of it.
fn part(text: &str, pattern: &str) -> SqlResult<Option<String>> {
    let regex = compile(pattern, Flags::default())?;
    let Some(captures) = regex.captures(text) else { return Ok(None) };
    let index = usize::from(captures.len() > 1);
    Ok(captures.get(index).map(|found| found.as_str().to_owned()))
}

fn similar_part(text: &str, pattern: &str, escape: &str) -> SqlResult<Option<String>> {
    part(text, &similar_to_regex(pattern, Some(escape))?)
}

/// Appends what a match is replaced with: `\1` is a group, `\&` the match.
fn push_replacement(found: &mut String, captures: &Captures, replacement: &str) {
    let mut rest = replacement;
    while let Some(place) = rest.find('\\') {
        found.push_str(&rest[..place]);
        let after = &rest[place + 1..];
        let group = |index: usize| captures.get(index).map_or("", |group| group.as_str());
        match after.chars().next() {
            Some(digit @ '1'..='9') => found.push_str(group(digit as usize - '0' as usize)),
            Some('&') => found.push_str(group(0)),
            Some('\\') | None => found.push('\\'),
            Some(other) => {
                found.push('\\');
                found.push(other);
            }
        }
        rest = after.chars().next().map_or("", |character| &after[character.len_utf8()..]);
    }
    found.push_str(rest);
}

/// The text with the matches replaced whose number, counted from 1, is `which`; 0 means all.
fn replaced(regex: &Regex, text: &str, replacement: &str, start: usize, which: usize) -> String {
    let mut found = text[..start].to_owned();
    let mut end = start;
    for (number, captures) in regex.captures_iter(&text[start..]).enumerate() {
        if which > 0 && number + 1 != which {
            continue;
        }
        let Some(whole) = captures.get(0) else { continue };
        found.push_str(&text[end..start + whole.start()]);
        push_replacement(&mut found, &captures, replacement);
        end = start + whole.end();
        if which > 0 {
            break;
        }
    }
    found.push_str(&text[end..]);
    found
}

fn replace(text: &str, pattern: &str, replacement: &str, flags: &str) -> SqlResult<String> {
    if flags.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(SqlError::new(
            Condition::InvalidParameterValue,
            format!("invalid regular expression option: \"{}\"", &flags[..1]),
        )
        .hint("If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer explicitly."));
    }
    let flags = Flags::parse(flags)?;
    let which = usize::from(!flags.is_global);
    Ok(replaced(&compile(pattern, flags)?, text, replacement, 0, which))
}

/// What stands between the matches; an empty match separates characters.
fn split(text: &str, pattern: &str, flags: &str) -> SqlResult<Vec<Option<String>>> {
    let flags = Flags::parse(flags)?;
    if flags.is_global {
        return Err(SqlError::new(
            Condition::InvalidParameterValue,
            "regexp_split_to_array() does not support the \"global\" option",
        ));
    }
    let regex = compile(pattern, flags)?;
    let mut parts = Vec::new();
    let mut last = 0;
    for found in regex.find_iter(text) {
        // Neither before the first character nor after the last one is anything to be separated by nothing.
        if found.is_empty() && (found.start() == 0 || found.start() == text.len() || found.start() == last) {
            continue;
        }
        parts.push(Some(text[last..found.start()].to_owned()));
        last = found.end();
    }
    parts.push(Some(text[last..].to_owned()));
    Ok(parts)
}

fn positive(value: i32, name: &str) -> SqlResult<usize> {
    usize::try_from(value).ok().filter(|value| *value > 0).ok_or_else(|| {
        SqlError::new(Condition::InvalidParameterValue, format!("invalid value for parameter \"{name}\": {value}"))
    })
}

fn not_negative(value: i32, name: &str) -> SqlResult<usize> {
    usize::try_from(value).map_err(|_| {
        SqlError::new(Condition::InvalidParameterValue, format!("invalid value for parameter \"{name}\": {value}"))
    })
}

/// The byte at which the character `start`, counted from 1, is.
fn byte_of(text: &str, start: i32) -> SqlResult<usize> {
    let start = positive(start, "start")?;
    Ok(text.char_indices().nth(start - 1).map_or(text.len(), |(place, _)| place))
}

fn count(text: &str, pattern: &str, start: i32, flags: &str) -> SqlResult<i32> {
    let place = byte_of(text, start)?;
    let found = compile(pattern, Flags::parse(flags)?)?.find_iter(&text[place..]).count();
    Ok(i32::try_from(found).unwrap_or(i32::MAX))
}

/// The match, or group of it, that the arguments after the pattern say: start, number, flags, group.
fn chosen(
    text: &str,
    pattern: &str,
    start: i32,
    number: i32,
    flags: &str,
    group: i32,
) -> SqlResult<Option<(usize, usize)>> {
    let place = byte_of(text, start)?;
    let (number, group) = (positive(number, "n")?, not_negative(group, "subexpr")?);
    let regex = compile(pattern, Flags::parse(flags)?)?;
    let captures = regex.captures_iter(&text[place..]).nth(number - 1);
    Ok(captures.and_then(|captures| captures.get(group).map(|found| (place + found.start(), place + found.end()))))
}

fn int(arrays: &[ArrayRef], index: usize, row: usize, otherwise: i32) -> i32 {
    arrays.get(index).map_or(otherwise, |array| Int4::value(array, row))
}

fn text_at(arrays: &[ArrayRef], index: usize, row: usize) -> &str {
    arrays.get(index).map_or("", |array| Text::value(array, row))
}

/// `regexp_instr`: where the match begins, or with `end` 1, ends.
fn instr() -> Implementation {
    Implementation::arrays(|_, arrays, rows| {
        Int4::column((0..rows).map(|row| {
            let (text, flags) = (text_at(arrays, 0, row), text_at(arrays, 5, row));
            let at_end = int(arrays, 4, row, 0);
            if !(0..=1).contains(&at_end) {
                return Err(SqlError::new(
                    Condition::InvalidParameterValue,
                    format!("invalid value for parameter \"endoption\": {at_end}"),
                ));
            }
            let (start, number, group) = (int(arrays, 2, row, 1), int(arrays, 3, row, 1), int(arrays, 6, row, 0));
            let found = chosen(text, text_at(arrays, 1, row), start, number, flags, group)?;
            let place = found.map_or(0, |(start, end)| {
                let place = if at_end == 1 { end } else { start };
                i32::try_from(text[..place].chars().count() + 1).unwrap_or(i32::MAX)
            });
            Ok(Some(place))
        }))
    })
}

fn substr() -> Implementation {
    Implementation::arrays(|_, arrays, rows| {
        Text::column((0..rows).map(|row| {
            let (text, flags) = (text_at(arrays, 0, row), text_at(arrays, 4, row));
            let (start, number, group) = (int(arrays, 2, row, 1), int(arrays, 3, row, 1), int(arrays, 5, row, 0));
            let found = chosen(text, text_at(arrays, 1, row), start, number, flags, group)?;
            Ok(found.map(|(start, end)| text[start..end].to_owned()))
        }))
    })
}

fn replace_from() -> Implementation {
    Implementation::arrays(|_, arrays, rows| {
        Text::column((0..rows).map(|row| {
            let text = text_at(arrays, 0, row);
            let flags = Flags::parse(text_at(arrays, 5, row))?;
            let start = byte_of(text, int(arrays, 3, row, 1))?;
            let otherwise = i32::from(!flags.is_global);
            let which = not_negative(int(arrays, 4, row, otherwise), "n")?;
            let regex = compile(text_at(arrays, 1, row), flags)?;
            Ok(Some(replaced(&regex, text, text_at(arrays, 2, row), start, which)))
        }))
    })
}

fn operators() -> Vec<Function> {
    let mut functions = Vec::new();
    for (sign, is_negated, ignores_case) in
        [("~", false, false), ("!~", true, false), ("~*", false, true), ("!~*", true, true)]
    {
        let flags = if ignores_case { Flags::ignoring_case() } else { Flags::default() };
        for argument in ["text", "name", "bpchar"] {
            let run = two::<Text, Text, Bool, _>(move |text, pattern| {
                matches(text, pattern, flags).map(|found| found != is_negated)
            });
            functions.push(Function::new(&format!("{sign}({argument}, text) bool"), run));
        }
    }
    functions
}

fn searches() -> Vec<Function> {
    vec![
        Function::new(
            "regexp_like(text, text) bool",
            two::<Text, Text, Bool, _>(|a, b| matches(a, b, Flags::default())),
        ),
        Function::new(
            "regexp_like(text, text, text) bool",
            three::<Text, Text, Text, Bool, _>(|a, b, flags| matches(a, b, Flags::parse(flags)?)),
        ),
        Function::new("regexp_match(text, text) _text", two::<Text, Text, Texts, _>(|a, b| first_match(a, b, ""))),
        Function::new("regexp_match(text, text, text) _text", three::<Text, Text, Text, Texts, _>(first_match)),
        Function::new(
            "regexp_matches(text, text) setof _text",
            two::<Text, Text, ListOf<Texts>, _>(|a, b| all_matches(a, b, "")),
        ),
        Function::new(
            "regexp_matches(text, text, text) setof _text",
            three::<Text, Text, Text, ListOf<Texts>, _>(all_matches),
        ),
        Function::new("regexp_count(text, text) int4", two::<Text, Text, Int4, _>(|a, b| count(a, b, 1, ""))),
        Function::new(
            "regexp_count(text, text, int4) int4",
            three::<Text, Text, Int4, Int4, _>(|a, b, n| count(a, b, n, "")),
        ),
        Function::new("regexp_count(text, text, int4, text) int4", four::<Text, Text, Int4, Text, Int4, _>(count)),
        Function::new("substring(text, text) text", two::<Text, Text, Text, _>(part)),
        Function::new("substring(text, text, text) text", three::<Text, Text, Text, Text, _>(similar_part)),
    ]
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = operators();
    functions.extend(searches());
    functions.extend([
        Function::new(
            "regexp_replace(text, text, text) text",
            three::<Text, Text, Text, Text, _>(|text, pattern, with| replace(text, pattern, with, "")),
        ),
        Function::new("regexp_replace(text, text, text, text) text", four::<Text, Text, Text, Text, Text, _>(replace)),
        Function::new("regexp_split_to_array(text, text) _text", two::<Text, Text, Texts, _>(|a, b| split(a, b, ""))),
        Function::new("regexp_split_to_array(text, text, text) _text", three::<Text, Text, Text, Texts, _>(split)),
        Function::new(
            "regexp_split_to_table(text, text) setof text",
            two::<Text, Text, Texts, _>(|a, b| split(a, b, "")),
        ),
        Function::new("regexp_split_to_table(text, text, text) setof text", three::<Text, Text, Text, Texts, _>(split)),
    ]);
    let signatures = [
        (
            "regexp_instr",
            vec!["text", "text", "int4", "int4", "int4", "text", "int4"],
            "int4",
            instr as fn() -> Implementation,
        ),
        ("regexp_substr", vec!["text", "text", "int4", "int4", "text", "int4"], "text", substr),
        ("regexp_replace", vec!["text", "text", "text", "int4", "int4", "text"], "text", replace_from),
    ];
    for (name, arguments, returns, run) in signatures {
        let least = if name == "regexp_replace" { 4 } else { 2 };
        for count in least..=arguments.len() {
            functions.push(Function::new(&format!("{name}({}) {returns}", arguments[..count].join(", ")), run()));
        }
    }
    functions
}
