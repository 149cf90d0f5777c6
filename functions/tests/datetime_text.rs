//! Texts of dates, times and spans: a table of what PostgreSQL reads and how it prints it, in a session in New York.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry_functions::SqlResult;
use marquetry_functions::datetime::{
    DateOrder, IntervalFields, Setting, Zone, parse_date, parse_interval_fields, parse_time, parse_timestamp,
    parse_timestamptz, parse_timetz, print_date, print_interval, print_time, print_timestamp, print_timestamptz,
    print_timetz,
};

/// `type 'text' modifier`
fn literal(expression: &str) -> (&str, &str, &str) {
    let (type_name, rest) = expression.split_once(" '").unwrap();
    let (text, modifier) = rest.rsplit_once('\'').unwrap();
    (type_name, text, modifier.trim())
}

fn interval(text: &str, modifier: &str) -> SqlResult<String> {
    let (fields, precision) = match modifier {
        "" => (IntervalFields::ALL, None),
        "second(1)" => (IntervalFields::new("second", "second").unwrap(), Some(1)),
        fields => {
            let (first, last) = fields.split_once(" to ").unwrap_or((fields, fields));
            (IntervalFields::new(first, last).unwrap(), None)
        }
    };
    let (fields, precision) = IntervalFields::of_modifier(fields.modifier(precision));
    Ok(print_interval(fields.apply(parse_interval_fields(text, fields)?, precision)))
}

#[test]
fn texts_are_read_and_printed_as_postgresql_does() {
    let zone = Zone::parse("America/New_York").unwrap();
    let setting = Setting { zone, order: DateOrder::MonthDayYear, now_micros: 1_600_000_000_000_000 };
    let mut wrong = Vec::new();
    for line in include_str!("cases/datetime_text.txt").lines() {
        let Some((expression, expected)) = line.split_once(" => ") else { continue };
        let (type_name, text, modifier) = literal(expression);
        let printed = match type_name {
            "date" => parse_date(text, &setting).map(print_date),
            "time" => parse_time(text, &setting).map(print_time),
            "timetz" => parse_timetz(text, &setting).map(print_timetz),
            "timestamp" => parse_timestamp(text, &setting).map(print_timestamp),
            "timestamptz" => parse_timestamptz(text, &setting).map(|micros| print_timestamptz(micros, zone)),
            _ => interval(text, modifier),
        };
        let printed = printed.unwrap_or_else(|error| format!("ERROR {} {}", error.condition.code(), error.message));
        if printed != expected {
            wrong.push(format!("{expression}: {printed}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
