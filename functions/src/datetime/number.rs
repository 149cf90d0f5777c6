//! Numbers in dates and times, which say by their place and their length what they are.

use super::calendar::{HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS};
use super::decode::given::{DATE, DAY, DAY_OF_YEAR, MONTH, TIME, YEAR, ZONE};
use super::decode::{DateOrder, Fields};
use super::fault::Fault;
use super::word::{self, Word};

/// A date whose fields are separated: `1999-01-08`, `8/1/1999`, `Jan-08-1999`.
pub(super) fn date(fields: &mut Fields, text: &str, order: DateOrder) -> Result<u32, Fault> {
    let mut parts: Vec<&str> = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|character: char| !character.is_ascii_alphanumeric());
        let Some(first) = rest.bytes().next() else { break };
        let length = rest
            .bytes()
            .take_while(|byte| if first.is_ascii_digit() { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() })
            .count();
        parts.push(&rest[..length]);
        rest = &rest[length..];
    }
    let mut gives = 0;
    for part in parts.iter().filter(|part| !part.starts_with(|first: char| first.is_ascii_digit())) {
        let Some(Word::Month(month)) = word::find(part) else { return Err(Fault::Format) };
        if (fields.given | gives) & MONTH != 0 {
            return Err(Fault::Format);
        }
        fields.month = month;
        fields.month_is_text = true;
        gives |= MONTH;
    }
    for part in parts.iter().filter(|part| part.starts_with(|first: char| first.is_ascii_digit())) {
        let known = fields.given | gives;
        let more = field(fields, part, known, order)?;
        if known & more != 0 {
            return Err(Fault::Format);
        }
        gives |= more;
    }
    if (fields.given | gives) & !(DAY_OF_YEAR | ZONE) != DATE {
        return Err(Fault::Format);
    }
    Ok(gives)
}

/// A number by itself; `known` says which fields there are already.
pub(super) fn field(fields: &mut Fields, text: &str, known: u32, order: DateOrder) -> Result<u32, Fault> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 {
        return Err(Fault::Format);
    }
    if digits < text.len() {
        if digits > 2 {
            return run_together(fields, text, known | DATE);
        }
        if !text[digits + 1..].bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Fault::Format);
        }
    }
    let value: i64 = text[..digits].parse::<i32>().map_err(|_| Fault::Field)?.into();
    let length = text.len();
    if length == 3 && known & DATE == YEAR && (1..=366).contains(&value) {
        fields.day_of_year = value;
        return Ok(DAY_OF_YEAR | MONTH | DAY);
    }
    let gives = match known & DATE {
        0 if length >= 3 || order == DateOrder::YearMonthDay => YEAR,
        0 if order == DateOrder::DayMonthYear => DAY,
        0 => MONTH,
        YEAR | DAY => MONTH,
        MONTH if fields.month_is_text && (length >= 3 || order == DateOrder::YearMonthDay) => YEAR,
        MONTH => DAY,
        known if known == YEAR | MONTH => {
            if fields.month_is_text && length >= 3 && fields.year_has_two_digits {
                // What was taken for the year is the day: `08-Jan-1999` where years come first.
                fields.day = fields.year;
                fields.year = value;
                fields.year_has_two_digits = false;
                return Ok(DAY);
            }
            DAY
        }
        known if known == MONTH | DAY => YEAR,
        DATE => return run_together(fields, text, known),
        _ => return Err(Fault::Format),
    };
    match gives {
        YEAR => {
            fields.year = value;
            fields.year_has_two_digits = length <= 2;
        }
        MONTH => fields.month = value,
        _ => fields.day = value,
    }
    Ok(gives)
}

/// Digits of a whole date or a whole time: `19990108`, `040506.789`.
pub(super) fn run_together(fields: &mut Fields, text: &str, known: u32) -> Result<u32, Fault> {
    let (digits, fraction) = match text.split_once('.') {
        Some((digits, fraction)) => (digits, Some(fraction)),
        None => (text, None),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    let number = |part: &str| part.parse::<i32>().map(i64::from).map_err(|_| Fault::Field);
    if fraction.is_none() && known & DATE != DATE && digits.len() >= 6 {
        let (rest, day) = digits.split_at(digits.len() - 2);
        let (year, month) = rest.split_at(rest.len() - 2);
        (fields.year, fields.month, fields.day) = (number(year)?, number(month)?, number(day)?);
        fields.year_has_two_digits = year.len() == 2;
        return Ok(DATE);
    }
    if known & TIME != 0 || !matches!(digits.len(), 4 | 6) {
        return Err(Fault::Format);
    }
    let seconds = if digits.len() == 6 { number(&digits[4..])? } else { 0 };
    let micros = fraction.map_or(Ok(0), fraction_micros)?;
    fields.time_micros = time_of(number(&digits[..2])?, number(&digits[2..4])?, seconds, micros)?;
    Ok(TIME)
}

/// A time with colons.
pub(super) fn clock(text: &str) -> Result<i64, Fault> {
    let mut parts = text.splitn(3, ':');
    let whole = |part: Option<&str>| {
        let part = part.unwrap_or_default();
        match part.parse::<i32>() {
            Ok(value) => Ok(i64::from(value)),
            Err(_) if part.bytes().all(|byte| byte.is_ascii_digit()) && !part.is_empty() => Err(Fault::Field),
            Err(_) => Err(Fault::Format),
        }
    };
    let hours = whole(parts.next())?;
    let second = parts.next().unwrap_or_default();
    match (second.split_once('.'), parts.next()) {
        // Two parts, the second with a fraction, are minutes and seconds.
        (Some((seconds, fraction)), None) => time_of(0, hours, whole(Some(seconds))?, fraction_micros(fraction)?),
        (Some(_), Some(_)) => Err(Fault::Format),
        (None, None) => time_of(hours, whole(Some(second))?, 0, 0),
        (None, Some(last)) => {
            let (seconds, fraction) = match last.split_once('.') {
                Some((seconds, fraction)) => (seconds, fraction_micros(fraction)?),
                None => (last, 0),
            };
            time_of(hours, whole(Some(second))?, whole(Some(seconds))?, fraction)
        }
    }
}

/// A time of a day, at most 24 hours.
fn time_of(hours: i64, minutes: i64, seconds: i64, micros: i64) -> Result<i64, Fault> {
    let time = hours * HOUR_MICROS + minutes * MINUTE_MICROS + seconds * SECOND_MICROS + micros;
    let fits = hours <= 24 && minutes < 60 && seconds <= 60 && time <= 24 * HOUR_MICROS;
    if fits { Ok(time) } else { Err(Fault::Field) }
}

/// The digits after a point in microseconds, rounded.
pub(super) fn fraction_micros(digits: &str) -> Result<i64, Fault> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Fault::Format);
    }
    let fraction: f64 = format!("0.{digits}0").parse().map_err(|_| Fault::Format)?;
    #[allow(clippy::cast_possible_truncation, reason = "below a million")]
    let micros = (fraction * 1_000_000.0).round_ties_even() as i64;
    Ok(micros)
}

/// Hours from Greenwich that a displacement may have.
const DISPLACEMENT_HOURS_MAX: i32 = 15;

/// `+02`, `-0330`, `+05:53:28`: seconds to the east.
pub(super) fn displacement(text: &str) -> Result<i32, Fault> {
    let is_west = match text.as_bytes().first() {
        Some(b'+') => false,
        Some(b'-') => true,
        _ => return Err(Fault::Format),
    };
    let mut parts = text[1..].split(':');
    let first = parts.next().unwrap_or_default();
    let number = |part: &str| match part.parse::<i32>() {
        Ok(value) if part.bytes().all(|byte| byte.is_ascii_digit()) => Ok(value),
        Err(_) if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) => Err(Fault::Displacement),
        _ => Err(Fault::Format),
    };
    let whole = number(first)?;
    let (hours, minutes) = match parts.next() {
        Some(minutes) => (whole, number(minutes)?),
        None if first.len() > 2 => (whole / 100, whole % 100),
        None => (whole, 0),
    };
    let seconds = parts.next().map_or(Ok(0), number)?;
    if parts.next().is_some() {
        return Err(Fault::Format);
    }
    if hours > DISPLACEMENT_HOURS_MAX || minutes >= 60 || seconds >= 60 {
        return Err(Fault::Displacement);
    }
    let east = hours * 3600 + minutes * 60 + seconds;
    Ok(if is_west { -east } else { east })
}
