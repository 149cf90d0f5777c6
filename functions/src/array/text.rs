//! Arrays and rows as text: `{1,NULL,"a b"}`, `(1,,"a b")`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::Field;
use datafusion::common::ScalarValue;

use crate::condition::{Condition, SqlError, SqlResult};
use crate::environment::Environment;
use crate::registry::internal;
use crate::sql_type::SqlType;
use crate::text_form::{parse_text, text_at};

/// What lies between the braces of an array literal: texts, of which some are NULL.
pub fn parse_elements(text: &str) -> SqlResult<Vec<Option<String>>> {
    let malformed = |detail: &str| {
        SqlError::new(Condition::InvalidTextRepresentation, format!("malformed array literal: \"{text}\""))
            .detail(detail.to_owned())
    };
    let mut rest = text.trim_start();
    if rest.starts_with('[') {
        // Bounds before the elements; only the usual ones are known.
        let (bounds, behind) =
            rest.split_once('=').ok_or_else(|| malformed("Missing \"=\" after array dimensions."))?;
        let inner = bounds.trim().trim_start_matches('[').trim_end_matches(']');
        let lower = inner.split_once(':').map_or("1", |(lower, _)| lower);
        if lower.trim() != "1" || inner.contains('[') {
            return Err(SqlError::unsupported("an array with bounds of its own"));
        }
        rest = behind.trim_start();
    }
    let inside = rest
        .strip_prefix('{')
        .ok_or_else(|| malformed("Array value must start with \"{\" or dimension information."))?;
    let mut reader = Elements { rest: inside, found: Vec::new() };
    let behind = match reader.read() {
        Ok(behind) => behind,
        Err(Flaw::Nested) => return Err(SqlError::unsupported("an array of more than one dimension")),
        Err(Flaw::Ends) => return Err(malformed("Unexpected end of input.")),
        Err(Flaw::Character(character)) => return Err(malformed(&format!("Unexpected \"{character}\" character."))),
        Err(Flaw::Element) => return Err(malformed("Unexpected array element.")),
    };
    if !behind.trim().is_empty() {
        return Err(malformed("Junk after closing right brace."));
    }
    Ok(reader.found)
}

/// What is wrong between the braces.
enum Flaw {
    Nested,
    Ends,
    Character(char),
    Element,
}

struct Elements<'t> {
    rest: &'t str,
    found: Vec<Option<String>>,
}

impl<'t> Elements<'t> {
    /// Takes the elements; gives what is behind the closing brace.
    fn read(&mut self) -> Result<&'t str, Flaw> {
        self.rest = self.rest.trim_start();
        if let Some(behind) = self.rest.strip_prefix('}') {
            return Ok(behind);
        }
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                None => return Err(Flaw::Ends),
                Some('{') => return Err(Flaw::Nested),
                Some(character @ ('}' | ',')) => return Err(Flaw::Character(character)),
                Some('"') => self.quoted()?,
                Some(_) => self.plain()?,
            }
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                Some(',') => self.rest = &self.rest[1..],
                Some('}') => return Ok(&self.rest[1..]),
                None => return Err(Flaw::Ends),
                Some(character @ '{') => return Err(Flaw::Character(character)),
                Some(_) => return Err(Flaw::Element),
            }
        }
    }

    fn quoted(&mut self) -> Result<(), Flaw> {
        let mut text = String::new();
        let mut characters = self.rest.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.found.push(Some(text));
                    self.rest = &self.rest[at + 1..];
                    return Ok(());
                }
                '\\' => text.push(characters.next().ok_or(Flaw::Ends)?.1),
                other => text.push(other),
            }
        }
        Err(Flaw::Ends)
    }

    fn plain(&mut self) -> Result<(), Flaw> {
        let mut text = String::new();
        // Blanks at the end do not belong to the element, unless they are escaped.
        let mut kept = 0;
        let mut is_escaped = false;
        let mut characters = self.rest.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                ',' | '}' => {
                    text.truncate(kept);
                    let is_null = !is_escaped && text.eq_ignore_ascii_case("null");
                    self.found.push((!is_null).then_some(text));
                    self.rest = &self.rest[at..];
                    return Ok(());
                }
                '{' | '"' => return Err(Flaw::Character(character)),
                '\\' => {
                    text.push(characters.next().ok_or(Flaw::Ends)?.1);
                    is_escaped = true;
                    kept = text.len();
                }
                other => {
                    text.push(other);
                    if !other.is_ascii_whitespace() {
                        kept = text.len();
                    }
                }
            }
        }
        Err(Flaw::Ends)
    }
}

/// Appends an element as an array shows it.
fn push_element(out: &mut String, text: &str) {
    let needs_quotes = text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.contains(|character: char| {
            matches!(character, '"' | '\\' | '{' | '}' | ',') || character.is_ascii_whitespace() || character == '\u{b}'
        });
    if !needs_quotes {
        return out.push_str(text);
    }
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
}

/// An array as PostgreSQL shows it, of its elements as texts.
pub fn print_elements<'t>(elements: impl Iterator<Item = Option<&'t str>>) -> String {
    let mut out = String::from("{");
    for (index, element) in elements.enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        match element {
            Some(text) => push_element(&mut out, text),
            None => out.push_str("NULL"),
        }
    }
    out.push('}');
    out
}

/// The array of `row` as PostgreSQL shows it.
pub(crate) fn array_text(
    array: &ArrayRef,
    row: usize,
    element: &SqlType,
    environment: &Environment,
) -> SqlResult<String> {
    let values = array.as_list::<i32>().value(row);
    let mut texts = Vec::with_capacity(values.len());
    for index in 0..values.len() {
        texts.push(if values.is_null(index) { None } else { Some(text_at(&values, index, element, environment)?) });
    }
    Ok(print_elements(texts.iter().map(Option::as_deref)))
}

/// The row of values at `row` as PostgreSQL shows it.
pub(crate) fn record_text(
    array: &ArrayRef,
    row: usize,
    fields: &[(String, SqlType)],
    environment: &Environment,
) -> SqlResult<String> {
    let record = array.as_struct();
    let mut out = String::from("(");
    for (index, (_, sql_type)) in fields.iter().enumerate() {
        out.push_str(if index == 0 { "" } else { "," });
        let column = record.column(index);
        if column.is_null(row) {
            continue;
        }
        let text = text_at(column, row, sql_type, environment)?;
        let needs_quotes = text.is_empty()
            || text.contains(|character: char| {
                matches!(character, '"' | '\\' | '(' | ')' | ',') || character.is_ascii_whitespace()
            });
        if needs_quotes {
            let doubled = text.replace('\\', "\\\\").replace('"', "\"\"");
            out.push('"');
            out.push_str(&doubled);
            out.push('"');
        } else {
            out.push_str(&text);
        }
    }
    out.push(')');
    Ok(out)
}

/// The array that a text says, of elements of this type and modifier.
pub(crate) fn parse_array(
    text: &str,
    element: &SqlType,
    type_modifier: i32,
    environment: &Environment,
) -> SqlResult<ScalarValue> {
    let null = ScalarValue::try_from(&element.arrow()).map_err(internal)?;
    let values = parse_elements(text)?
        .into_iter()
        .map(|text| match text {
            Some(text) => parse_text(&text, element, type_modifier, environment),
            None => Ok(null.clone()),
        })
        .collect::<SqlResult<Vec<ScalarValue>>>()?;
    let values = if values.is_empty() {
        arrow::array::new_empty_array(&element.arrow())
    } else {
        ScalarValue::iter_to_array(values).map_err(internal)?
    };
    let field = Arc::new(Field::new("item", element.arrow(), true));
    let offsets = OffsetBuffer::from_lengths([values.len()]);
    Ok(ScalarValue::List(Arc::new(ListArray::new(field, offsets, values, None))))
}
