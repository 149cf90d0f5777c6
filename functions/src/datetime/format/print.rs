//! A date, a time or a span through a template.

use std::fmt::Write;

use super::template::{Case, Field, Key, Piece, pieces};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::datetime::arithmetic::{is_infinite, timestamp_out_of_range};
use crate::datetime::calendar::{
    Civil, EPOCH_JULIAN_DAY, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS, day_of_week, iso_week_monday, iso_year_week,
    split_days,
};
use crate::datetime::interval::Interval;
use crate::datetime::zone::Zone;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
pub(super) const ROMAN_MONTHS: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];
/// Characters of the longest name of a month or a day.
const NAME_WIDTH: usize = 9;

/// A timestamp through a template; none for infinity and for an empty template.
pub fn to_char_timestamp(micros: i64, template: &str) -> Option<String> {
    if is_infinite(micros) || template.is_empty() {
        return None;
    }
    let moment = Moment::of_timestamp(micros, None);
    print(&moment, template).ok().filter(|text| !text.is_empty())
}

/// A timestamp through a template as the clocks of `zone` show it; empty for infinity.
pub fn to_char_timestamptz(micros: i64, template: &str, zone: Zone) -> SqlResult<String> {
    if is_infinite(micros) {
        return Ok(String::new());
    }
    let local = zone.to_local(micros).ok_or_else(timestamp_out_of_range)?;
    let displacement = (zone.abbreviation(micros), i64::from(zone.east_seconds(micros)));
    print(&Moment::of_timestamp(local, Some(displacement)), template)
}

/// A span through a template; none for an empty one.
pub fn to_char_interval(span: Interval, template: &str) -> SqlResult<Option<String>> {
    let (years, months, days) = (i64::from(span.months / 12), i64::from(span.months % 12), i64::from(span.days));
    let moment = Moment {
        civil: Civil { year: years, month: months, day: days },
        day_of_year: (years * 12 + months) * 30 + days,
        days: None,
        time_micros: span.micros,
        zone: None,
    };
    print(&moment, template).map(|text| (!text.is_empty()).then_some(text))
}

/// What is printed.
struct Moment {
    civil: Civil,
    day_of_year: i64,
    /// Days since 1970; none for a span.
    days: Option<i64>,
    time_micros: i64,
    zone: Option<(String, i64)>,
}

impl Moment {
    fn of_timestamp(local_micros: i64, zone: Option<(String, i64)>) -> Self {
        let (days, time_micros) = split_days(local_micros);
        let civil = Civil::from_days(days);
        Moment { civil, day_of_year: civil.day_of_year(), days: Some(days), time_micros, zone }
    }

    /// Days since 1970, which a span has not.
    fn day(&self) -> SqlResult<i64> {
        self.days.ok_or_else(|| {
            SqlError::new(Condition::InvalidDatetimeFormat, "invalid format specification for an interval value")
                .hint("Intervals are not tied to specific calendar dates.")
        })
    }

    /// The year as it is shown: there is no year 0.
    fn shown_year(&self, year: i64) -> i64 {
        if self.days.is_some() && year <= 0 { 1 - year } else { year }
    }

    /// Days since 1970 as if the span were a date.
    fn nominal_days(&self) -> i64 {
        self.days.unwrap_or_else(|| Civil { month: self.civil.month.max(1), ..self.civil }.days())
    }
}

fn print(moment: &Moment, template: &str) -> SqlResult<String> {
    let mut out = String::new();
    for piece in pieces(template) {
        match piece {
            Piece::Field(field) => push_field(&mut out, moment, &field)?,
            Piece::Character(character) | Piece::Separator(character) | Piece::Space(character) => out.push(character),
        }
    }
    Ok(out)
}

/// Appends a number in at least `width` digits, a sign not counted, and its ordinal ending.
fn push_number(out: &mut String, value: i64, width: usize, field: &Field) {
    let width = if field.fills { width + usize::from(value < 0) } else { 0 };
    let _ = write!(out, "{value:0width$}");
    push_ordinal(out, field);
}

fn push_ordinal(out: &mut String, field: &Field) {
    let Some(case) = field.ordinal else { return };
    let digits: Vec<u8> = out.bytes().rev().take_while(u8::is_ascii_digit).take(2).collect();
    let is_teen = digits.get(1) == Some(&b'1');
    let ending = match digits.first() {
        Some(b'1') if !is_teen => "st",
        Some(b'2') if !is_teen => "nd",
        Some(b'3') if !is_teen => "rd",
        Some(_) => "th",
        None => return,
    };
    out.push_str(&cased(ending, case));
}

fn cased(text: &str, case: Case) -> String {
    match case {
        Case::Upper => text.to_uppercase(),
        Case::Lower => text.to_lowercase(),
        Case::Capitalized => text.to_owned(),
    }
}

fn push_name(out: &mut String, name: &str, field: &Field, width: usize) {
    let width = if field.fills { width } else { 0 };
    let name = cased(name, field.case);
    let _ = write!(out, "{name:<width$}");
}

fn push_field(out: &mut String, moment: &Moment, field: &Field) -> SqlResult<()> {
    let hours = moment.time_micros / HOUR_MICROS;
    let seconds = moment.time_micros / SECOND_MICROS;
    let micros = moment.time_micros % SECOND_MICROS;
    match field.key {
        Key::Hour24 => push_number(out, hours, 2, field),
        Key::Hour12 => push_number(out, if hours % 12 == 0 { 12 } else { hours % 12 }, 2, field),
        Key::Minute => push_number(out, moment.time_micros / MINUTE_MICROS % 60, 2, field),
        Key::Second => push_number(out, seconds % 60, 2, field),
        Key::Milliseconds => push_fraction(out, micros / 1000, 3, field),
        Key::Microseconds => push_fraction(out, micros, 6, field),
        Key::Fraction(digits) => push_fraction(out, micros / 10_i64.pow(6 - digits), digits as usize, field),
        Key::SecondOfDay => push_number(out, seconds, 1, field),
        Key::Half { dotted } => {
            let is_after_noon = hours % 24 >= 12;
            let text = match (is_after_noon, dotted) {
                (true, true) => "P.M.",
                (true, false) => "PM",
                (false, true) => "A.M.",
                (false, false) => "AM",
            };
            out.push_str(&cased(text, field.case));
        }
        Key::Offset | Key::Zone | Key::ZoneHour | Key::ZoneMinute => push_zone(out, moment, field)?,
        Key::Exact => {}
        _ => push_day(out, moment, field)?,
    }
    Ok(())
}

fn push_fraction(out: &mut String, value: i64, width: usize, field: &Field) {
    let _ = write!(out, "{value:0width$}");
    push_ordinal(out, field);
}

fn push_zone(out: &mut String, moment: &Moment, field: &Field) -> SqlResult<()> {
    moment.day()?;
    let (name, east_seconds) = moment.zone.clone().unwrap_or_default();
    let sign = if east_seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (east_seconds.abs() / 3600, east_seconds.abs() / 60 % 60);
    match field.key {
        Key::Zone => out.push_str(&cased(&name, field.case)),
        Key::ZoneHour => {
            let _ = write!(out, "{sign}{hours:02}");
        }
        Key::ZoneMinute => {
            let _ = write!(out, "{minutes:02}");
        }
        _ => {
            let width = if field.fills { 2 } else { 0 };
            let _ = write!(out, "{sign}{hours:0width$}");
            if minutes != 0 {
                let _ = write!(out, ":{minutes:02}");
            }
        }
    }
    Ok(())
}

fn push_day(out: &mut String, moment: &Moment, field: &Field) -> SqlResult<()> {
    let civil = moment.civil;
    match field.key {
        Key::Era { dotted } => {
            moment.day()?;
            let text = match (civil.year <= 0, dotted) {
                (true, true) => "B.C.",
                (true, false) => "BC",
                (false, true) => "A.D.",
                (false, false) => "AD",
            };
            out.push_str(&cased(text, field.case));
        }
        Key::MonthName | Key::MonthShort => {
            moment.day()?;
            let name = month_name(&MONTHS, civil.month).unwrap_or_default();
            match field.key {
                Key::MonthName => push_name(out, name, field, NAME_WIDTH),
                _ => push_name(out, &name[..3], field, 3),
            }
        }
        Key::MonthRoman => {
            // Months of a span before its beginning are counted from the end.
            let month = if civil.month < 0 { civil.month + 13 } else { civil.month };
            if let Some(name) = month_name(&ROMAN_MONTHS, month) {
                push_name(out, name, field, 4);
            }
        }
        Key::DayName | Key::DayShort => {
            let name = DAYS[usize::try_from(day_of_week(moment.day()?)).unwrap_or_default()];
            match field.key {
                Key::DayName => push_name(out, name, field, NAME_WIDTH),
                _ => push_name(out, &name[..3], field, 3),
            }
        }
        Key::Month => push_number(out, civil.month, 2, field),
        Key::DayOfMonth => push_number(out, civil.day, 2, field),
        Key::DayOfYear => push_number(out, moment.day_of_year, 3, field),
        Key::DayOfWeek => push_number(out, day_of_week(moment.day()?) + 1, 1, field),
        Key::IsoDayOfWeek => push_number(out, (day_of_week(moment.day()?) + 6) % 7 + 1, 1, field),
        Key::Quarter if civil.month != 0 => push_number(out, (civil.month - 1) / 3 + 1, 1, field),
        Key::Quarter => {}
        Key::WeekOfMonth => push_number(out, (civil.day - 1) / 7 + 1, 1, field),
        Key::WeekOfYear => push_number(out, (moment.day_of_year - 1) / 7 + 1, 2, field),
        Key::Julian => push_number(out, moment.nominal_days() + EPOCH_JULIAN_DAY, 1, field),
        _ => push_year(out, moment, field),
    }
    Ok(())
}

fn month_name<'n>(names: &[&'n str; 12], month: i64) -> Option<&'n str> {
    usize::try_from(month - 1).ok().and_then(|index| names.get(index)).copied()
}

fn push_year(out: &mut String, moment: &Moment, field: &Field) {
    let year = moment.civil.year;
    let days = moment.nominal_days();
    let last_digits = |out: &mut String, year: i64, digits: usize| match digits {
        4 => push_number(out, year, 4, field),
        fewer => push_number(out, year % 10_i64.pow(u32::try_from(fewer).unwrap_or_default()), fewer, field),
    };
    match field.key {
        Key::IsoWeek => push_number(out, iso_year_week(days).1, 2, field),
        Key::IsoDayOfYear => {
            let first = iso_week_monday(iso_year_week(days).0, 1);
            push_number(out, days - first + 1, 3, field);
        }
        Key::IsoYear(digits) => last_digits(out, moment.shown_year(iso_year_week(days).0), digits),
        Key::Year(digits) => last_digits(out, moment.shown_year(year), digits),
        Key::YearWithComma => {
            let year = moment.shown_year(year);
            let _ = write!(out, "{},{:03}", year / 1000, year % 1000);
            push_ordinal(out, field);
        }
        Key::Century => {
            let century = match moment.days {
                None => year / 100,
                Some(_) if year > 0 => (year - 1) / 100 + 1,
                Some(_) => year / 100 - 1,
            };
            push_number(out, century, 2, field);
        }
        _ => {}
    }
}
