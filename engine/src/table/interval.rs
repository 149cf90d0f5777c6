//! Spans of time as PostgreSQL has them: months, days and microseconds apart, because a month has no fixed number of days
//! and a day no fixed number of hours.
//!
//! As text in the form of ISO 8601, in which every part may have its own sign: `P1Y2M3DT4H5M6.5S`, `P-1DT12H`.

use std::cmp::Ordering;

use crate::error::{Error, Result};

const DAY_MICROS: i128 = 86_400_000_000;
const MONTH_MICROS: i128 = 30 * DAY_MICROS;

/// A span of time. Compared as if a month had 30 days and a day 24 hours, so `1 month` equals `30 days`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    /// A span of months, days and microseconds.
    pub const fn new(months: i32, days: i32, micros: i64) -> Self {
        Interval { months, days, micros }
    }

    /// The span in microseconds as it is compared.
    pub fn span_micros(self) -> i128 {
        i128::from(self.months) * MONTH_MICROS + i128::from(self.days) * DAY_MICROS + i128::from(self.micros)
    }

    /// An interval that equals `span` microseconds, when there is one.
    pub(super) fn from_span_micros(span: i128) -> Option<Self> {
        let months = (span / MONTH_MICROS).clamp(i128::from(i32::MIN), i128::from(i32::MAX));
        let rest = span - months * MONTH_MICROS;
        let days = (rest / DAY_MICROS).clamp(i128::from(i32::MIN), i128::from(i32::MAX));
        let micros = i64::try_from(rest - days * DAY_MICROS).ok()?;
        Some(Interval { months: i32::try_from(months).ok()?, days: i32::try_from(days).ok()?, micros })
    }
}

impl Ord for Interval {
    fn cmp(&self, other: &Self) -> Ordering {
        self.span_micros().cmp(&other.span_micros())
    }
}

impl PartialOrd for Interval {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Interval {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Interval {}

/// `P1Y2M3DT4H5M6.5S`.
pub(crate) fn interval_text(interval: Interval) -> String {
    let mut text = String::from("P");
    let mut part = |number: i64, unit: char| {
        if number != 0 {
            text.push_str(&number.to_string());
            text.push(unit);
        }
    };
    part(i64::from(interval.months / 12), 'Y');
    part(i64::from(interval.months % 12), 'M');
    part(i64::from(interval.days), 'D');
    if interval.micros != 0 {
        text.push('T');
        let mut part = |number: i64, unit: char| {
            if number != 0 {
                text.push_str(&number.to_string());
                text.push(unit);
            }
        };
        part(interval.micros / 3_600_000_000, 'H');
        part(interval.micros / 60_000_000 % 60, 'M');
        let micros = interval.micros % 60_000_000;
        if micros != 0 {
            let sign = if micros < 0 { "-" } else { "" };
            let digits = format!("{}.{:06}", micros.abs() / 1_000_000, micros.abs() % 1_000_000);
            text.push_str(&format!("{sign}{}S", digits.trim_end_matches('0').trim_end_matches('.')));
        }
    }
    if text.len() == 1 { "PT0S".to_owned() } else { text }
}

/// Reads `P1Y2M3DT4H5M6.5S`; weeks are seven days.
pub(crate) fn parse_interval(text: &str) -> Result<Interval> {
    take_interval(text).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        Error::invalid(format!("{shown:?} is no interval; write it as P1Y2M3DT4H5M6.5S"))
    })
}

fn take_interval(text: &str) -> Option<Interval> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((_, "")) => return None,
        Some((date, time)) => (date, time),
        None => (text.strip_prefix('P').filter(|date| !date.is_empty())?, ""),
    };
    let (mut months, mut days, mut micros) = (0i64, 0i64, 0i64);
    for (number, unit) in parts(date)? {
        let whole = number.parse::<i64>().ok()?;
        match unit {
            'Y' => months = months.checked_add(whole.checked_mul(12)?)?,
            'M' => months = months.checked_add(whole)?,
            'W' => days = days.checked_add(whole.checked_mul(7)?)?,
            'D' => days = days.checked_add(whole)?,
            _ => return None,
        }
    }
    for (number, unit) in parts(time)? {
        let part = match unit {
            'H' => number.parse::<i64>().ok()?.checked_mul(3_600_000_000)?,
            'M' => number.parse::<i64>().ok()?.checked_mul(60_000_000)?,
            'S' => seconds(number)?,
            _ => return None,
        };
        micros = micros.checked_add(part)?;
    }
    Some(Interval { months: i32::try_from(months).ok()?, days: i32::try_from(days).ok()?, micros })
}

/// The numbers of a text with the letters behind them.
fn parts(text: &str) -> Option<Vec<(&str, char)>> {
    let mut found = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
        found.push((&rest[..end], char::from(rest.as_bytes()[end])));
        rest = &rest[end + 1..];
    }
    Some(found)
}

fn seconds(number: &str) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 6 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let micros = format!("{fraction:0<6}").parse::<i64>().ok()?;
    let whole_micros = whole.parse::<i64>().ok()?.checked_mul(1_000_000)?;
    whole_micros.checked_add(if whole.starts_with('-') { -micros } else { micros })
}
