//! Spans of time as text, both ways.
//!
//! Units may stand behind or before nothing at all, so pieces are read from right to left.

use std::fmt::Write;

use super::calendar::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS};
use super::fault::Fault;
use super::interval::{Interval, IntervalFields, MONTH_DAYS, as_f64, out_of_range};
use super::iso_duration;
use super::number::fraction_micros;
use super::text::push_fraction;
use super::token::{Shape, Token, tokens};
use super::word::{Unit, find_unit};
use crate::condition::SqlResult;

/// Reads a span.
pub fn parse_interval(text: &str) -> SqlResult<Interval> {
    parse_interval_fields(text, IntervalFields::ALL)
}

/// Reads a span for a column that keeps `fields`, which say what a number without a unit counts.
pub fn parse_interval_fields(text: &str, fields: IntervalFields) -> SqlResult<Interval> {
    let read = match tokens(text).and_then(|tokens| read(&tokens, fields)) {
        Err(Fault::Format) => iso_duration::read(text),
        other => other,
    };
    let sums = read.map_err(|fault| match fault {
        Fault::Field | Fault::MonthOrDay => Fault::Interval.error("interval", text),
        other => other.error("interval", text),
    })?;
    sums.interval().ok_or_else(out_of_range)
}

/// A span while it is read.
#[derive(Debug, Default)]
pub(super) struct Sums {
    pub(super) months: i64,
    pub(super) days: i64,
    pub(super) micros: i64,
}

impl Sums {
    fn interval(&self) -> Option<Interval> {
        Some(Interval {
            months: i32::try_from(self.months).ok()?,
            days: i32::try_from(self.days).ok()?,
            micros: self.micros,
        })
    }

    pub(super) fn add_micros(&mut self, count: i64, fraction: f64, unit: i64) -> Result<(), Fault> {
        #[allow(clippy::cast_possible_truncation, reason = "a fraction of a day or less")]
        let part = (fraction * as_f64(unit)).round_ties_even() as i64;
        let whole = count.checked_mul(unit).ok_or(Fault::Interval)?;
        self.micros = self.micros.checked_add(whole).and_then(|sum| sum.checked_add(part)).ok_or(Fault::Interval)?;
        Ok(())
    }

    pub(super) fn add_days(&mut self, count: i64, fraction: f64, unit: i64) -> Result<(), Fault> {
        let days = fraction * as_f64(unit);
        let whole = count.checked_mul(unit).ok_or(Fault::Interval)?;
        #[allow(clippy::cast_possible_truncation, reason = "a fraction of a week or a month")]
        let more = days as i64;
        self.days = self.days.checked_add(whole).and_then(|sum| sum.checked_add(more)).ok_or(Fault::Interval)?;
        i32::try_from(self.days).map_err(|_| Fault::Interval)?;
        self.add_micros(0, days - as_f64(more), DAY_MICROS)
    }

    /// Whole months; what is left of one becomes days only where months are the unit.
    pub(super) fn add_months(&mut self, count: i64, fraction: f64, unit: i64) -> Result<(), Fault> {
        let whole = count.checked_mul(unit).ok_or(Fault::Interval)?;
        self.months = self.months.checked_add(whole).ok_or(Fault::Interval)?;
        if unit == 1 {
            self.add_days(0, fraction, MONTH_DAYS)?;
        } else {
            #[allow(clippy::cast_possible_truncation, reason = "a fraction of a millennium")]
            let more = (fraction * as_f64(unit)).round_ties_even() as i64;
            self.months = self.months.checked_add(more).ok_or(Fault::Interval)?;
        }
        i32::try_from(count).map(|_| ()).map_err(|_| Fault::Interval)
    }

    fn add(&mut self, unit: Unit, count: i64, fraction: f64) -> Result<(), Fault> {
        match unit {
            Unit::Microseconds => self.add_micros(count, fraction, 1),
            Unit::Milliseconds => self.add_micros(count, fraction, 1000),
            Unit::Second => self.add_micros(count, fraction, SECOND_MICROS),
            Unit::Minute => self.add_micros(count, fraction, MINUTE_MICROS),
            Unit::Hour => self.add_micros(count, fraction, HOUR_MICROS),
            Unit::Day => self.add_days(count, fraction, 1),
            Unit::Week => self.add_days(count, fraction, 7),
            Unit::Month => self.add_months(count, fraction, 1),
            Unit::Year => self.add_months(count, fraction, 12),
            Unit::Decade => self.add_months(count, fraction, 120),
            Unit::Century => self.add_months(count, fraction, 1200),
            Unit::Millennium => self.add_months(count, fraction, 12_000),
            Unit::Quarter | Unit::Timezone | Unit::TimezoneHour | Unit::TimezoneMinute => Err(Fault::Format),
        }
    }
}

/// One bit for each unit, and three for a time with colons.
fn bits(unit: Unit) -> u32 {
    1 << (unit as u32)
}

fn read(tokens: &[Token], fields: IntervalFields) -> Result<Sums, Fault> {
    let time_bits = bits(Unit::Hour) | bits(Unit::Minute) | bits(Unit::Second);
    let mut sums = Sums::default();
    let mut unit = None;
    let mut given = 0;
    let mut is_ago = false;
    for token in tokens.iter().rev() {
        let (sign, unsigned) = match token.text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, token.text.strip_prefix('+').unwrap_or(&token.text)),
        };
        let gives = match token.shape {
            Shape::Time | Shape::Signed if unsigned.contains(':') => {
                let micros = clock(unsigned, fields)?;
                sums.micros = sums.micros.checked_add(sign * micros).ok_or(Fault::Interval)?;
                unit = Some(Unit::Day);
                time_bits
            }
            Shape::Time | Shape::SignedWord => return Err(Fault::Format),
            Shape::Number | Shape::Date | Shape::Signed => number(&mut sums, sign, unsigned, &mut unit, fields)?,
            Shape::Word => {
                match token.text.as_str() {
                    "ago" => is_ago = true,
                    "at" | "on" => {}
                    text => unit = Some(find_unit(text).ok_or(Fault::Format)?),
                }
                0
            }
        };
        if given & gives != 0 {
            return Err(Fault::Format);
        }
        given |= gives;
    }
    if given == 0 {
        return Err(Fault::Format);
    }
    if is_ago {
        sums =
            Sums { months: -sums.months, days: -sums.days, micros: sums.micros.checked_neg().ok_or(Fault::Interval)? };
    }
    Ok(sums)
}

/// A number with the unit that was read before it, which stands behind it; or years and months (`1-2`).
fn number(
    sums: &mut Sums,
    sign: i64,
    text: &str,
    unit: &mut Option<Unit>,
    fields: IntervalFields,
) -> Result<u32, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = text.split_at(digits);
    if whole.is_empty() && !rest.starts_with('.') {
        return Err(Fault::Format);
    }
    let count = if whole.is_empty() { 0 } else { whole.parse::<i64>().map_err(|_| Fault::Interval)? };
    if let Some(months) = rest.strip_prefix('-') {
        let months: i64 = months.parse().map_err(|_| Fault::Format)?;
        if months >= 12 {
            return Err(Fault::Interval);
        }
        *unit = Some(Unit::Month);
        sums.add_months(sign * count, 0.0, 12)?;
        sums.add_months(sign * months, 0.0, 1)?;
        return Ok(bits(Unit::Month));
    }
    let fraction = match rest.strip_prefix('.') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("0.{digits}0").parse::<f64>().map_err(|_| Fault::Format)?
        }
        None if rest.is_empty() => 0.0,
        _ => return Err(Fault::Format),
    };
    let counted = *unit.get_or_insert(fields.last());
    sums.add(counted, sign * count, if sign < 0 { -fraction } else { fraction })?;
    if counted == Unit::Hour {
        // A number before hours without a unit of its own is days.
        *unit = Some(Unit::Day);
    }
    Ok(match counted {
        Unit::Second if fraction != 0.0 => bits(Unit::Second) | bits(Unit::Milliseconds) | bits(Unit::Microseconds),
        _ => bits(counted),
    })
}

/// Hours, minutes and seconds; hours of any number.
pub(super) fn clock(text: &str, fields: IntervalFields) -> Result<i64, Fault> {
    let mut parts = text.splitn(3, ':');
    let whole = |part: &str| {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
        part.parse::<i64>().map_err(|_| Fault::Interval)
    };
    let first = whole(parts.next().unwrap_or_default())?;
    let second = parts.next().unwrap_or_default();
    let (hours, minutes, seconds, micros) = match (second.split_once('.'), parts.next()) {
        (Some((seconds, fraction)), None) => (0, first, whole(seconds)?, fraction_micros(fraction)?),
        (Some(_), Some(_)) => return Err(Fault::Format),
        (None, None) if fields.is_minute_to_second() => (0, first, whole(second)?, 0),
        (None, None) => (first, whole(second)?, 0, 0),
        (None, Some(last)) => {
            let (seconds, fraction) = last.split_once('.').unwrap_or((last, "0"));
            (first, whole(second)?, whole(seconds)?, fraction_micros(fraction)?)
        }
    };
    if minutes > 59 || seconds > 60 {
        return Err(Fault::Interval);
    }
    hours
        .checked_mul(HOUR_MICROS)
        .and_then(|hours| hours.checked_add(minutes * MINUTE_MICROS + seconds * SECOND_MICROS + micros))
        .ok_or(Fault::Interval)
}

/// A span as PostgreSQL prints it.
pub fn print_interval(span: Interval) -> String {
    let mut out = String::new();
    let mut was_negative = false;
    for (count, unit) in
        [(span.months / 12, "year"), (span.months % 12, "mon"), (span.days, "day")].map(|(n, u)| (i64::from(n), u))
    {
        if count != 0 {
            let separator = if out.is_empty() { "" } else { " " };
            let sign = if was_negative && count > 0 { "+" } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            let _ = write!(out, "{separator}{sign}{count} {unit}{plural}");
            was_negative = count < 0;
        }
    }
    if out.is_empty() || span.micros != 0 {
        let separator = if out.is_empty() { "" } else { " " };
        let sign = match span.micros {
            ..0 => "-",
            _ if was_negative => "+",
            _ => "",
        };
        let micros = span.micros.unsigned_abs();
        let unit = |micros: i64| micros.unsigned_abs();
        let (hours, rest) = (micros / unit(HOUR_MICROS), micros % unit(HOUR_MICROS));
        let (minutes, rest) = (rest / unit(MINUTE_MICROS), rest % unit(MINUTE_MICROS));
        let _ = write!(out, "{separator}{sign}{hours:02}:{minutes:02}:{:02}", rest / 1_000_000);
        push_fraction(&mut out, i64::try_from(rest % 1_000_000).unwrap_or_default());
    }
    out
}
