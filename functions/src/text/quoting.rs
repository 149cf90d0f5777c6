//! Texts as a statement quotes them, and `format`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};

use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Call, Function, Implementation, Text, one};
use crate::sql_type::SqlType;
use crate::text_form::text_at;
use crate::typed::{CastContext, Typed};

/// Words that are names only in quotes.
const RESERVED: [&str; 98] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "authorization",
    "between",
    "binary",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "collation",
    "column",
    "concurrently",
    "constraint",
    "create",
    "cross",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "exists",
    "false",
    "fetch",
    "for",
    "foreign",
    "freeze",
    "from",
    "full",
    "grant",
    "group",
    "having",
    "ilike",
    "in",
    "initially",
    "inner",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "lateral",
    "leading",
    "left",
    "like",
    "limit",
    "localtime",
    "localtimestamp",
    "natural",
    "not",
    "notnull",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "outer",
    "overlaps",
    "placing",
    "primary",
    "references",
    "returning",
    "right",
    "select",
    "session_user",
    "similar",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "when",
    "where",
    "with",
];

/// The name as a statement writes it: in quotes if it has to be.
pub fn quote_identifier(name: &str) -> String {
    let is_plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !RESERVED.contains(&name);
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// The text as a statement writes it.
pub fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// What one `%` of a format asks for.
#[derive(Debug)]
struct Directive {
    argument: Option<usize>,
    width: Width,
    is_left: bool,
    kind: char,
}

#[derive(Debug)]
enum Width {
    Fixed(usize),
    OfArgument(Option<usize>),
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(Condition::InvalidParameterValue, message)
}

/// A number at the start, if there is one.
fn leading_number(text: &str) -> Option<(usize, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok().map(|number| (number, &text[end..]))
}

/// A number with a `$` after it, at the start.
fn leading_place(text: &str) -> Option<(usize, &str)> {
    let (number, rest) = leading_number(text)?;
    rest.strip_prefix('$').map(|rest| (number, rest))
}

fn parse_directive(text: &str) -> SqlResult<(Directive, &str)> {
    let zero = || invalid("format specifies argument 0, but arguments are numbered from 1");
    let ended = || invalid("unterminated format() type specifier").hint("For a single \"%\" use \"%%\".");
    let (argument, mut rest) = leading_place(text).map_or((None, text), |(place, rest)| (Some(place), rest));
    if argument == Some(0) {
        return Err(zero());
    }
    let mut is_left = false;
    while let Some(after) = rest.strip_prefix('-') {
        is_left = true;
        rest = after;
    }
    let mut width = Width::Fixed(0);
    if let Some(after) = rest.strip_prefix('*') {
        let (place, after) = leading_place(after).map_or((None, after), |(place, after)| (Some(place), after));
        if place == Some(0) {
            return Err(zero());
        }
        (width, rest) = (Width::OfArgument(place), after);
    } else if let Some((number, after)) = leading_number(rest) {
        (width, rest) = (Width::Fixed(number), after);
    }
    let kind = rest.chars().next().ok_or_else(ended)?;
    Ok((Directive { argument, width, is_left, kind }, &rest[kind.len_utf8()..]))
}

/// The arguments of one call of `format`, and which of them is next.
struct Arguments<'a> {
    call: &'a Call,
    arrays: &'a [ArrayRef],
    row: usize,
    next: usize,
}

impl Arguments<'_> {
    /// The text of the argument at `place`, counted from 1, or of the next one.
    fn text(&mut self, place: Option<usize>) -> SqlResult<Option<String>> {
        let place = place.unwrap_or(self.next + 1);
        self.next = place;
        // The first array is the format itself.
        let Some(array) = self.arrays.get(place) else {
            return Err(invalid("too few arguments for format()"));
        };
        if array.is_null(self.row) {
            return Ok(None);
        }
        text_at(array, self.row, &self.call.arguments[place], &self.call.environment).map(Some)
    }
}

fn formatted(format: &str, arguments: &mut Arguments) -> SqlResult<String> {
    let mut found = String::new();
    let mut rest = format;
    while let Some(place) = rest.find('%') {
        found.push_str(&rest[..place]);
        rest = &rest[place + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            found.push('%');
            rest = after;
            continue;
        }
        let (directive, after) = parse_directive(rest)?;
        rest = after;
        let (width, is_left) = match directive.width {
            Width::Fixed(width) => (width, directive.is_left),
            Width::OfArgument(place) => {
                let width: i64 =
                    arguments.text(place)?.map_or(Ok(0), |text| crate::integer::parse(&text, &SqlType::Int4))?;
                (usize::try_from(width.unsigned_abs()).unwrap_or(0), directive.is_left || width < 0)
            }
        };
        if !"sIL".contains(directive.kind) {
            return Err(invalid(format!("unrecognized format() type specifier \"{}\"", directive.kind))
                .hint("For a single \"%\" use \"%%\"."));
        }
        let value = arguments.text(directive.argument)?;
        let text = match (directive.kind, value) {
            ('s', value) => value.unwrap_or_default(),
            ('I', Some(value)) => quote_identifier(&value),
            ('I', None) => {
                return Err(SqlError::new(
                    Condition::NullValueNotAllowed,
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            (_, Some(value)) => quote_literal(&value),
            (_, None) => "NULL".to_owned(),
        };
        let blanks = " ".repeat(width.saturating_sub(text.chars().count()));
        found.push_str(&if is_left { format!("{text}{blanks}") } else { format!("{blanks}{text}") });
    }
    found.push_str(rest);
    Ok(found)
}

fn format_rows(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let mut builder = StringBuilder::new();
    let formats = arrays[0].as_string::<i32>();
    for row in 0..rows {
        if formats.is_null(row) {
            builder.append_null();
        } else {
            let mut arguments = Arguments { call, arrays, row, next: 0 };
            builder.append_value(formatted(formats.value(row), &mut arguments)?);
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// A function of any value, of its text.
fn of_text(name: &'static str) -> Implementation {
    Implementation::expression(move |typing, _, arguments| {
        let texts = arguments
            .into_iter()
            .map(|argument| typing.cast(argument, &SqlType::Text, -1, CastContext::Explicit))
            .collect::<SqlResult<Vec<Typed>>>()?;
        typing.call(name, texts)
    })
}

fn nullable() -> Implementation {
    Implementation::arrays(|_, arrays, _| {
        let quoted: arrow::array::StringArray = arrays[0]
            .as_string::<i32>()
            .iter()
            .map(|text| Some(text.map_or_else(|| "NULL".to_owned(), quote_literal)))
            .collect();
        Ok(Arc::new(quoted))
    })
}

pub(crate) fn functions() -> Vec<Function> {
    let format = || Implementation::arrays(format_rows);
    vec![
        Function::new("quote_ident(text) text", one::<Text, Text, _>(quote_identifier)),
        Function::new("quote_literal(text) text", one::<Text, Text, _>(quote_literal)),
        Function::new("quote_literal(anyelement) text", of_text("quote_literal")).stable(),
        Function::new("quote_nullable(text) text", nullable()).called_on_null(),
        Function::new("quote_nullable(anyelement) text", of_text("quote_nullable")).stable().called_on_null(),
        Function::new("format(text) text", format()).stable().called_on_null(),
        Function::new("format(text, variadic any) text", format()).stable().called_on_null(),
    ]
}
