//! Signatures as text: `lpad(text, int4, text) text`, `concat_ws(text, variadic "any") text`,
//! `jsonb_each(jsonb) table(key text, value jsonb)`, `=(int4, int8) bool`.

use crate::sql_type::SqlType;

/// What an argument may be, or what a result is, given the arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// This type; of numeric in any form, which an implementation sees as `Any` unless it is an expression.
    Exact(SqlType),
    /// Anything, each argument on its own.
    Any,
    /// Anything, the same in all places.
    AnyElement,
    /// An array of the element that the others say.
    AnyArray,
    /// Anything but an array, the same in all places.
    AnyNonArray,
    /// An enumerated type, the same in all places.
    AnyEnum,
    /// Anything, made the common type of all places.
    AnyCompatible,
    /// An array of the common type.
    AnyCompatibleArray,
    /// Anything but an array, made the common type of all places.
    AnyCompatibleNonArray,
    /// A row.
    Record,
}

/// What a function returns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Returns {
    /// One value.
    One(Pattern),
    /// Rows of one column, which has the function's name.
    Set(Pattern),
    /// Rows of these columns.
    Table(Vec<(String, Pattern)>),
}

impl Pattern {
    /// The pattern that a signature calls `name`.
    fn by_name(name: &str) -> Pattern {
        match name {
            "any" | "\"any\"" => Pattern::Any,
            "anyelement" => Pattern::AnyElement,
            "anyarray" => Pattern::AnyArray,
            "anynonarray" => Pattern::AnyNonArray,
            "anyenum" => Pattern::AnyEnum,
            "anycompatible" => Pattern::AnyCompatible,
            "anycompatiblearray" => Pattern::AnyCompatibleArray,
            "anycompatiblenonarray" => Pattern::AnyCompatibleNonArray,
            "record" => Pattern::Record,
            name => match SqlType::by_name(name) {
                Some(sql_type) => Pattern::Exact(sql_type),
                None => panic!("no type is called {name}"),
            },
        }
    }

    /// The number by which catalogues know the pattern.
    pub fn oid(&self) -> u32 {
        match self {
            Pattern::Exact(sql_type) => sql_type.oid(),
            Pattern::Any => 2276,
            Pattern::AnyElement => 2283,
            Pattern::AnyArray => 2277,
            Pattern::AnyNonArray => 2776,
            Pattern::AnyEnum => 3500,
            Pattern::AnyCompatible => 5077,
            Pattern::AnyCompatibleArray => 5078,
            Pattern::AnyCompatibleNonArray => 5079,
            Pattern::Record => 2249,
        }
    }

    /// The name by which PostgreSQL shows the pattern.
    pub fn name(&self) -> String {
        let name = match self {
            Pattern::Exact(sql_type) => return sql_type.name(),
            Pattern::Any => "\"any\"",
            Pattern::AnyElement => "anyelement",
            Pattern::AnyArray => "anyarray",
            Pattern::AnyNonArray => "anynonarray",
            Pattern::AnyEnum => "anyenum",
            Pattern::AnyCompatible => "anycompatible",
            Pattern::AnyCompatibleArray => "anycompatiblearray",
            Pattern::AnyCompatibleNonArray => "anycompatiblenonarray",
            Pattern::Record => "record",
        };
        name.to_owned()
    }
}

/// Name, arguments, whether the last one repeats, and result.
pub(super) fn parse_signature(text: &str) -> (String, Vec<Pattern>, bool, Returns) {
    let (name, rest) = text.split_once('(').unwrap_or_else(|| panic!("{text} has no arguments"));
    let (arguments, returns) = rest.split_once(')').unwrap_or_else(|| panic!("{text} does not end its arguments"));
    let mut variadic = false;
    let arguments = list(arguments)
        .map(|argument| {
            let argument = argument.strip_prefix("variadic ").inspect(|_| variadic = true).unwrap_or(argument);
            Pattern::by_name(argument)
        })
        .collect();
    (name.trim().to_owned(), arguments, variadic, parse_returns(returns.trim()))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn parse_returns(text: &str) -> Returns {
    if let Some(columns) = text.strip_prefix("table(") {
        let columns = list(columns.trim_end_matches(')')).map(|column| {
            let (name, pattern) = column.split_once(' ').unwrap_or_else(|| panic!("{column} has no type"));
            (name.to_owned(), Pattern::by_name(pattern.trim()))
        });
        return Returns::Table(columns.collect());
    }
    match text.strip_prefix("setof ") {
        Some(pattern) => Returns::Set(Pattern::by_name(pattern)),
        None => Returns::One(Pattern::by_name(text)),
    }
}
