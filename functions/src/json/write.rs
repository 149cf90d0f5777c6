//! JSON values as texts.

use std::fmt::Write;

use super::value::Json;

/// Appends a value as PostgreSQL prints jsonb.
pub(super) fn push(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(digits) => out.push_str(digits),
        Json::String(text) => push_string(out, text),
        Json::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                push(out, value);
            }
            out.push(']');
        }
        Json::Object(entries) => {
            out.push('{');
            for (index, (name, value)) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                push_string(out, name);
                out.push_str(": ");
                push(out, value);
            }
            out.push('}');
        }
    }
}

/// Appends a string with quotation marks and escapes.
pub(super) fn push_string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Over several lines, each level four blanks further in.
pub fn pretty(value: &Json) -> String {
    let mut out = String::new();
    push_pretty(&mut out, value, 0);
    out
}

fn push_pretty(out: &mut String, value: &Json, level: usize) {
    let line = |out: &mut String, level: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", level));
    };
    let (open, close, count) = match value {
        Json::Array(values) => ('[', ']', values.len()),
        Json::Object(entries) => ('{', '}', entries.len()),
        scalar => return push(out, scalar),
    };
    out.push(open);
    for index in 0..count {
        line(out, level + 1);
        match value {
            Json::Array(values) => push_pretty(out, &values[index], level + 1),
            Json::Object(entries) => {
                push_string(out, &entries[index].0);
                out.push_str(": ");
                push_pretty(out, &entries[index].1, level + 1);
            }
            _ => {}
        }
        out.push_str(if index + 1 < count { "," } else { "" });
    }
    line(out, level);
    out.push(close);
}

#[cfg(test)]
mod tests {
    use super::super::read::parse;
    use super::*;

    #[test]
    fn levels_are_four_blanks_further_in() {
        let value = parse(r#"[{"f1":1,"f2":null}, [], {}]"#).unwrap();
        let expected = "[\n    {\n        \"f1\": 1,\n        \"f2\": null\n    },\n    [\n    ],\n    {\n    }\n]";
        assert_eq!(pretty(&value), expected);
    }
}
