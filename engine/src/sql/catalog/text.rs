//! Names and values as SQL writes them.

use crate::table::Value;

pub(crate) use marquetry_functions::quote_identifier as quoted;
pub(crate) use marquetry_functions::quote_literal as string_literal;

/// `value` as an expression.
pub(crate) fn literal(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int2(number) => number.to_string(),
        Value::Int4(number) => number.to_string(),
        Value::Int8(number) => number.to_string(),
        Value::Numeric(number) => number.to_plain_string(),
        Value::Text(text) => format!("{}::text", string_literal(text)),
        other => {
            let json = crate::table::value_to_json(other);
            let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
            match other.column_type() {
                Some(column_type) => format!("{}::{column_type}", string_literal(&text)),
                None => string_literal(&text),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_when_they_have_to_be() {
        for (name, shown) in [("a_1", "a_1"), ("Order", "\"Order\""), ("user", "\"user\""), ("a\"b", "\"a\"\"b\"")] {
            assert_eq!(quoted(name), shown);
        }
        assert_eq!(string_literal("it's"), "'it''s'");
    }
}
