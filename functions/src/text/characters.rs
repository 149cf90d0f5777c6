//! Texts as sequences of characters: lengths, places, parts.

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Bytea, Function, Int4, Text, four, one, three, two};

/// The longest text that a function makes.
const TEXT_BYTES_MAX: usize = 256 * 1024 * 1024;

fn count(text: &str) -> i32 {
    i32::try_from(text.chars().count()).unwrap_or(i32::MAX)
}

fn bytes(text: &str) -> i32 {
    i32::try_from(text.len()).unwrap_or(i32::MAX)
}

/// The bytes from the character at `start` (0 is the first) on, at most `length` characters.
fn slice(text: &str, start: usize, length: usize) -> &str {
    let mut places = text.char_indices().map(|(place, _)| place).chain([text.len()]).skip(start);
    let Some(begin) = places.next() else { return "" };
    if length == 0 {
        return "";
    }
    let end = places.nth(length - 1).unwrap_or(text.len());
    &text[begin..end]
}

/// Characters from the one at `start` on, counted from 1; places before the text count, too.
fn substring(text: &str, start: i32) -> String {
    let skipped = usize::try_from(i64::from(start) - 1).unwrap_or(0);
    slice(text, skipped, usize::MAX).to_owned()
}

/// The same of at most `length` characters, of which those before the text are lost.
fn substring_of_length(text: &str, start: i32, length: i32) -> SqlResult<String> {
    let (begin, end) = range(start, length)?;
    Ok(slice(text, begin, end - begin).to_owned())
}

/// From which to which element a part of `length` from `start` on goes, counted from 0.
fn range(start: i32, length: i32) -> SqlResult<(usize, usize)> {
    if length < 0 {
        return Err(SqlError::new(Condition::SubstringError, "negative substring length not allowed"));
    }
    let begin = i64::from(start) - 1;
    let end = begin + i64::from(length);
    let place = |value: i64| usize::try_from(value).unwrap_or(0);
    Ok((place(begin), place(end)))
}

fn bytes_of_length(source: &[u8], start: i32, length: i32) -> SqlResult<Vec<u8>> {
    let (begin, end) = range(start, length)?;
    let (begin, end) = (begin.min(source.len()), end.min(source.len()));
    Ok(source[begin..end.max(begin)].to_vec())
}

/// The place of the first `part`, counted from 1; 0 if there is none.
fn position(text: &str, part: &str) -> i32 {
    text.find(part).map_or(0, |place| count(&text[..place]) + 1)
}

fn position_of_bytes(source: &[u8], part: &[u8]) -> i32 {
    if part.is_empty() {
        return 1;
    }
    let place = source.windows(part.len()).position(|window| window == part);
    place.map_or(0, |place| i32::try_from(place + 1).unwrap_or(i32::MAX))
}

/// How many characters a negative count leaves, as `left` and `right` take it.
fn kept(text: &str, length: i32) -> usize {
    match usize::try_from(length) {
        Ok(length) => length,
        Err(_) => text.chars().count().saturating_sub(length.unsigned_abs() as usize),
    }
}

fn left(text: &str, length: i32) -> String {
    slice(text, 0, kept(text, length)).to_owned()
}

fn right(text: &str, length: i32) -> String {
    let all = text.chars().count();
    slice(text, all.saturating_sub(kept(text, length)), usize::MAX).to_owned()
}

/// The text in place of `length` characters from `start` on.
fn overlay(text: &str, part: &str, start: i32, length: i32) -> SqlResult<String> {
    if start <= 0 {
        return Err(SqlError::new(Condition::SubstringError, "negative substring length not allowed"));
    }
    let after = start.checked_add(length).ok_or_else(|| crate::integer::out_of_range("integer"))?;
    Ok(format!("{}{part}{}", substring_of_length(text, 1, start - 1)?, substring(text, after)))
}

fn too_large() -> SqlError {
    SqlError::new(Condition::ProgramLimitExceeded, "requested length too large")
}

/// The text filled up with `filling` to `length` characters, or cut to it.
fn padded(text: &str, length: i32, filling: &str, is_left: bool) -> SqlResult<String> {
    let length = usize::try_from(length).unwrap_or(0);
    if length.saturating_mul(4) > TEXT_BYTES_MAX * 4 {
        return Err(too_large());
    }
    let own = text.chars().count();
    if own >= length || filling.is_empty() {
        return Ok(slice(text, 0, length).to_owned());
    }
    let filled: String = filling.chars().cycle().take(length - own).collect();
    Ok(if is_left { format!("{filled}{text}") } else { format!("{text}{filled}") })
}

fn repeated(text: &str, count: i32) -> SqlResult<String> {
    let count = usize::try_from(count).unwrap_or(0);
    if text.len().saturating_mul(count) > TEXT_BYTES_MAX {
        return Err(too_large());
    }
    Ok(text.repeat(count))
}

/// The field at `place`, counted from 1, or from the end if it is under 0.
fn split_part(text: &str, separator: &str, place: i32) -> SqlResult<String> {
    if place == 0 {
        return Err(SqlError::new(Condition::InvalidParameterValue, "field position must not be zero"));
    }
    let back = place.unsigned_abs() as usize - 1;
    let found = if separator.is_empty() {
        (back == 0).then_some(text)
    } else if place > 0 {
        text.split(separator).nth(back)
    } else {
        // Separators are found from the start, also where fields are counted from the end.
        let fields: Vec<&str> = text.split(separator).collect();
        fields.len().checked_sub(back + 1).map(|index| fields[index])
    };
    Ok(found.unwrap_or("").to_owned())
}

/// Each character that is in `from` as the one at the same place of `to`, or left out.
fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let translated = |character: char| match from.chars().position(|other| other == character) {
        Some(place) => to.get(place).copied(),
        None => Some(character),
    };
    text.chars().filter_map(translated).collect()
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    if from.is_empty() { text.to_owned() } else { text.replace(from, to) }
}

fn trimmed(text: &str, characters: &str, starts: bool, ends: bool) -> String {
    let is_in = |character: char| characters.contains(character);
    let text = if starts { text.trim_start_matches(is_in) } else { text };
    (if ends { text.trim_end_matches(is_in) } else { text }).to_owned()
}

fn trimmed_bytes(source: &[u8], set: &[u8]) -> Vec<u8> {
    let is_kept = |byte: &u8| !set.contains(byte);
    let Some(start) = source.iter().position(is_kept) else { return Vec::new() };
    let end = source.iter().rposition(is_kept).map_or(source.len(), |place| place + 1);
    source[start..end].to_vec()
}

/// Code points of the first character; 0 of an empty text.
fn ascii(text: &str) -> i32 {
    text.chars().next().map_or(0, |first| i32::try_from(u32::from(first)).unwrap_or(0))
}

fn character(code: i32) -> SqlResult<String> {
    let failure = |message: String| Err(SqlError::new(Condition::ProgramLimitExceeded, message));
    match u32::try_from(code) {
        Ok(0) => failure("null character not permitted".to_owned()),
        Ok(code) => match char::from_u32(code) {
            Some(character) => Ok(character.to_string()),
            None => failure(format!("requested character not valid for encoding: {code}")),
        },
        Err(_) => failure("character number must be positive".to_owned()),
    }
}

fn lengths() -> Vec<Function> {
    let mut functions = Vec::new();
    for name in ["length", "char_length", "character_length"] {
        functions.push(Function::new(&format!("{name}(text) int4"), one::<Text, Int4, _>(count)));
        // Blanks at the end of char(n) do not count.
        let blank = one::<Text, Int4, _>(|text| count(text.trim_end_matches(' ')));
        functions.push(Function::new(&format!("{name}(bpchar) int4"), blank));
    }
    let size = |source: &[u8]| i32::try_from(source.len()).unwrap_or(i32::MAX);
    functions.extend([
        Function::new("length(bytea) int4", one::<Bytea, Int4, _>(size)),
        Function::new("octet_length(text) int4", one::<Text, Int4, _>(bytes)),
        Function::new("octet_length(bpchar) int4", one::<Text, Int4, _>(bytes)),
        Function::new("octet_length(bytea) int4", one::<Bytea, Int4, _>(size)),
        Function::new("bit_length(text) int4", one::<Text, Int4, _>(|text| bytes(text).saturating_mul(8))),
        Function::new(
            "bit_length(bytea) int4",
            one::<Bytea, Int4, _>(move |source: &[u8]| size(source).saturating_mul(8)),
        ),
    ]);
    functions
}

fn parts() -> Vec<Function> {
    let mut functions = Vec::new();
    for name in ["substr", "substring"] {
        functions.extend([
            Function::new(&format!("{name}(text, int4) text"), two::<Text, Int4, Text, _>(substring)),
            Function::new(
                &format!("{name}(text, int4, int4) text"),
                three::<Text, Int4, Int4, Text, _>(substring_of_length),
            ),
            Function::new(
                &format!("{name}(bytea, int4, int4) bytea"),
                three::<Bytea, Int4, Int4, Bytea, _>(bytes_of_length),
            ),
            Function::new(
                &format!("{name}(bytea, int4) bytea"),
                two::<Bytea, Int4, Bytea, _>(|source: &[u8], start| bytes_of_length(source, start, i32::MAX)),
            ),
        ]);
    }
    functions.extend([
        Function::new("position(text, text) int4", two::<Text, Text, Int4, _>(position)),
        Function::new("strpos(text, text) int4", two::<Text, Text, Int4, _>(position)),
        Function::new("position(bytea, bytea) int4", two::<Bytea, Bytea, Int4, _>(position_of_bytes)),
        Function::new("left(text, int4) text", two::<Text, Int4, Text, _>(left)),
        Function::new("right(text, int4) text", two::<Text, Int4, Text, _>(right)),
        Function::new("overlay(text, text, int4, int4) text", four::<Text, Text, Int4, Int4, Text, _>(overlay)),
        Function::new(
            "overlay(text, text, int4) text",
            three::<Text, Text, Int4, Text, _>(|text, part, start| overlay(text, part, start, count(part))),
        ),
        Function::new("split_part(text, text, int4) text", three::<Text, Text, Int4, Text, _>(split_part)),
        Function::new(
            "starts_with(text, text) bool",
            two::<Text, Text, crate::registry::Bool, _>(|text, part| text.starts_with(part)),
        ),
        Function::new(
            "^@(text, text) bool",
            two::<Text, Text, crate::registry::Bool, _>(|text, part| text.starts_with(part)),
        ),
    ]);
    functions
}

fn changes() -> Vec<Function> {
    let mut functions = Vec::new();
    for (name, starts, ends) in [("btrim", true, true), ("ltrim", true, false), ("rtrim", false, true)] {
        let blanks = one::<Text, Text, _>(move |text| trimmed(text, " ", starts, ends));
        functions.push(Function::new(&format!("{name}(text) text"), blanks));
        let chosen = two::<Text, Text, Text, _>(move |text, set| trimmed(text, set, starts, ends));
        functions.push(Function::new(&format!("{name}(text, text) text"), chosen));
    }
    functions.extend([
        Function::new("btrim(bytea, bytea) bytea", two::<Bytea, Bytea, Bytea, _>(trimmed_bytes)),
        Function::new(
            "lpad(text, int4) text",
            two::<Text, Int4, Text, _>(|text, length| padded(text, length, " ", true)),
        ),
        Function::new(
            "rpad(text, int4) text",
            two::<Text, Int4, Text, _>(|text, length| padded(text, length, " ", false)),
        ),
        Function::new(
            "lpad(text, int4, text) text",
            three::<Text, Int4, Text, Text, _>(|text, length, filling| padded(text, length, filling, true)),
        ),
        Function::new(
            "rpad(text, int4, text) text",
            three::<Text, Int4, Text, Text, _>(|text, length, filling| padded(text, length, filling, false)),
        ),
        Function::new("repeat(text, int4) text", two::<Text, Int4, Text, _>(repeated)),
        Function::new("replace(text, text, text) text", three::<Text, Text, Text, Text, _>(replaced)),
        Function::new("translate(text, text, text) text", three::<Text, Text, Text, Text, _>(translate)),
        Function::new("reverse(text) text", one::<Text, Text, _>(|text| text.chars().rev().collect::<String>())),
        Function::new("ascii(text) int4", one::<Text, Int4, _>(ascii)),
        Function::new("chr(int4) text", one::<Int4, Text, _>(character)),
    ]);
    functions
}

pub(crate) fn functions() -> Vec<Function> {
    [lengths(), parts(), changes()].into_iter().flatten().collect()
}
