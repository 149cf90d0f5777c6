//! Texts that are nothing in particular: what reads them answers or fails, and never panics.
//!
//! `MARQUETRY_SEED=n cargo test --test hostile_text` tries other texts.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use marquetry_functions::array::parse_elements;
use marquetry_functions::datetime::format::{to_char_interval, to_char_timestamp, to_date, to_timestamp};
use marquetry_functions::datetime::{
    DateOrder, Setting, Zone, parse_date, parse_interval, parse_time, parse_timestamp, parse_timestamptz, parse_timetz,
    print_date, print_interval, print_timestamptz, round_micros,
};
use marquetry_functions::json::{self, path};

const ROUNDS: usize = 20_000;

/// Pieces that mean something to one reader or another.
const PIECES: [&str; 72] = [
    "1",
    "12",
    "2020",
    "999999999999",
    "9223372036854775807",
    "-",
    "+",
    ":",
    ".",
    "/",
    " ",
    ",",
    "T",
    "Z",
    "J",
    "jan",
    "BC",
    "AM",
    "PM",
    "now",
    "today",
    "epoch",
    "infinity",
    "-infinity",
    "Europe/Berlin",
    "EST",
    "GMT+3",
    "day",
    "hours",
    "month",
    "ago",
    "P",
    "Y",
    "M",
    "W",
    "\u{e4}",
    "\u{1f600}",
    "\0",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\",
    "\\u",
    "d83d",
    "null",
    "NULL",
    "true",
    "e",
    "E99999999999",
    "$",
    "@",
    "?",
    "(",
    ")",
    "**",
    "==",
    "&&",
    "||",
    "!",
    "last",
    "to",
    ".size()",
    "YYYY",
    "HH24",
    "MI",
    "FM",
    "FX",
    "th",
    "IYYY",
    "TZH",
];

struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn text(&mut self) -> String {
        let count = self.next() % 8;
        (0..count).map(|_| PIECES[usize::try_from(self.next()).unwrap() % PIECES.len()]).collect()
    }
}

#[test]
fn nothing_that_is_written_makes_a_reader_panic() {
    let seed = std::env::var("MARQUETRY_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(7);
    println!("MARQUETRY_SEED={seed} cargo test --test hostile_text");
    let mut dice = Dice(seed);
    let zone = Zone::parse("America/New_York").unwrap();
    for _ in 0..ROUNDS {
        let (text, other) = (dice.text(), dice.text());
        let setting = Setting { zone, order: DateOrder::DayMonthYear, now_micros: 0 };
        let _ = parse_date(&text, &setting).map(print_date);
        let _ = parse_time(&text, &setting);
        let _ = parse_timetz(&text, &setting).map(|time| time.packed());
        let moment = parse_timestamptz(&text, &setting).map(|micros| print_timestamptz(round_micros(micros, 1), zone));
        let _ = (moment, parse_timestamp(&text, &setting).map(|micros| to_char_timestamp(micros, &other)));
        if let Ok(span) = parse_interval(&text) {
            print_interval(span);
            let _ = (to_char_interval(span, &other), span.justify(), span.times(1e300), span.negated());
        }
        let _ = (to_date(&text, &other), to_timestamp(&text, &other, zone), Zone::parse(&text));
        let _ = (Zone::parse_setting(&text), parse_elements(&text), json::validate(&text));
        let value = json::canonical(&text).unwrap_or_else(|_| "[1, {\"a\": null}]".to_owned());
        let value = json::parse(&value).unwrap();
        assert_eq!(json::parse(&value.text()).unwrap(), value, "{text:?}");
        if let Ok(found) = path::parse_path(&text) {
            assert_eq!(path::canonical_path(&found.to_string()).unwrap(), found.to_string(), "{text:?}");
            let _ = path::query(&found, &value, &value).map(|found| found.len());
        }
    }
}

#[test]
fn depth_is_limited() {
    let deep = |open: &str, close: &str, count: usize| format!("{}1{}", open.repeat(count), close.repeat(count));
    for count in [900, 5_000, 100_000] {
        let is_allowed = count < json::DEPTH_MAX;
        assert_eq!(json::canonical(&deep("[", "]", count)).is_ok(), is_allowed);
        assert_eq!(json::canonical(&deep("{\"a\":", "}", count)).is_ok(), is_allowed);
        assert!(path::parse_path(&deep("(", ")", count)).is_err());
        assert!(path::parse_path(&format!("${}", ".a".repeat(count))).is_err());
        assert!(path::parse_path(&deep("-", "", count)).is_err());
    }
    assert_eq!(json::parse(&deep("[", "]", 2_000)).unwrap_err().condition.code(), "54001");
}
