//! A text through a template.
//!
//! Unless the template says `FX`, spaces and punctuation of text and template need not match.

use super::print::{DAYS, MONTHS, ROMAN_MONTHS};
use super::template::{Field, Key, Piece, pieces};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::datetime::calendar::{
    Civil, EPOCH_JULIAN_DAY, HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS, days_of_month, iso_week_monday, join_days,
};
use crate::datetime::zone::Zone;

/// Reads a date.
pub fn to_date(text: &str, template: &str) -> SqlResult<i32> {
    let scanned = scan(text, template)?;
    let (civil, _) = scanned.resolve(text)?;
    if !civil.is_in_range() {
        return Err(out_of_range("date out of range", text));
    }
    i32::try_from(civil.days()).map_err(|_| out_of_range("date out of range", text))
}

/// Reads a moment, on the clocks of `zone` unless the text says a displacement.
pub fn to_timestamp(text: &str, template: &str, zone: Zone) -> SqlResult<i64> {
    let scanned = scan(text, template)?;
    let (civil, time_micros) = scanned.resolve(text)?;
    let zone = match scanned.zone_sign {
        Some(sign) => Zone::Fixed {
            east_seconds: i32::try_from(sign * (scanned.zone_hours * 60 + scanned.zone_minutes) * 60)
                .map_err(|_| out_of_range("time zone displacement out of range", text))?,
        },
        None => zone,
    };
    if !civil.is_in_range() {
        return Err(out_of_range("timestamp out of range", text));
    }
    join_days(civil.days(), time_micros)
        .and_then(|local| zone.to_utc(local))
        .ok_or_else(|| out_of_range("timestamp out of range", text))
}

fn out_of_range(what: &str, text: &str) -> SqlError {
    SqlError::new(Condition::DatetimeFieldOverflow, format!("{what}: \"{text}\""))
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(Condition::InvalidDatetimeFormat, message)
}

/// What a text says; a field that it does not say is none or zero.
#[derive(Debug, Default)]
struct Scanned {
    hour: i64,
    is_twelve_hours: bool,
    is_after_noon: bool,
    minute: i64,
    second: i64,
    second_of_day: Option<i64>,
    micros: i64,
    year: Option<i64>,
    year_digits: usize,
    century: Option<i64>,
    is_before_christ: bool,
    month: Option<i64>,
    day: Option<i64>,
    day_of_week: Option<i64>,
    day_of_year: Option<i64>,
    week_of_year: Option<i64>,
    week_of_month: Option<i64>,
    julian_day: Option<i64>,
    is_iso: Option<bool>,
    zone_sign: Option<i64>,
    zone_hours: i64,
    zone_minutes: i64,
}

struct Scanner<'t> {
    rest: &'t str,
    is_exact: bool,
    skipped: i64,
}

fn scan(text: &str, template: &str) -> SqlResult<Scanned> {
    let pieces = pieces(template);
    let mut scanner = Scanner { rest: text, is_exact: false, skipped: 0 };
    let mut scanned = Scanned::default();
    for (index, piece) in pieces.iter().enumerate() {
        if scanner.rest.is_empty() {
            break;
        }
        let is_field = matches!(piece, Piece::Field(_));
        if !scanner.is_exact && (is_field || index == 0) {
            scanner.skip_spaces();
        }
        match piece {
            Piece::Field(field) if field.key == Key::Exact => scanner.is_exact = true,
            Piece::Field(field) => {
                let next_ends = pieces.get(index + 1).is_none_or(|next| !begins_with_digit(next));
                scanner.field(field, next_ends, &mut scanned)?;
                if field.ordinal.is_some() {
                    scanner.rest = scanner.rest.get(2..).unwrap_or_default();
                }
                if !scanner.is_exact {
                    scanner.skipped = 0;
                    scanner.skip_spaces();
                }
            }
            Piece::Separator(_) | Piece::Space(_) => scanner.separator(),
            Piece::Character(_) => {
                if !scanner.is_exact && scanner.skipped > 0 {
                    scanner.skipped -= 1;
                } else {
                    scanner.advance();
                }
            }
        }
    }
    Ok(scanned)
}

/// Whether what a piece stands for begins with a digit, so that a number before it must have its width.
fn begins_with_digit(piece: &Piece) -> bool {
    match piece {
        Piece::Field(field) => !matches!(
            field.key,
            Key::Era { .. }
                | Key::Half { .. }
                | Key::DayName
                | Key::DayShort
                | Key::MonthName
                | Key::MonthShort
                | Key::MonthRoman
                | Key::Offset
                | Key::Zone
                | Key::ZoneHour
                | Key::Exact
        ),
        Piece::Character(character) => character.is_ascii_digit(),
        Piece::Separator(_) | Piece::Space(_) => false,
    }
}

impl<'t> Scanner<'t> {
    fn advance(&mut self) {
        let length = self.rest.chars().next().map_or(0, char::len_utf8);
        self.rest = &self.rest[length..];
    }

    fn skip_spaces(&mut self) {
        while self.rest.starts_with(|first: char| first.is_ascii_whitespace()) {
            self.advance();
            self.skipped += 1;
        }
    }

    fn separator(&mut self) {
        if self.is_exact {
            return self.advance();
        }
        self.skipped -= 1;
        if self.rest.starts_with(|first: char| first.is_ascii_whitespace() || first.is_ascii_punctuation()) {
            self.advance();
            self.skipped += 1;
        }
    }

    /// A number of at most `width` digits, or of any length where what follows is no digit; and how long it was.
    fn number(&mut self, width: usize, field: &Field, next_ends: bool) -> SqlResult<(i64, usize)> {
        let is_free = next_ends || !field.fills;
        let signed = self.rest.trim_start_matches(|first: char| first.is_ascii_whitespace());
        let limited = if is_free { signed } else { signed.get(..width.min(signed.len())).unwrap_or(signed) };
        let sign = usize::from(limited.starts_with(['+', '-']));
        let digits = limited[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let name = field.shown();
        if digits == 0 {
            let shown: String = limited.chars().take(width).collect();
            return Err(
                invalid(format!("invalid value \"{shown}\" for \"{name}\"")).detail("Value must be an integer.")
            );
        }
        if !is_free && signed.len() < width {
            return Err(invalid(format!("source string too short for \"{name}\" formatting field"))
                .detail(format!("Field requires {width} characters, but only {} remain.", signed.len()))
                .hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        if !is_free && sign + digits < width && self.is_exact {
            let shown: String = limited.chars().take(width).collect();
            return Err(invalid(format!("invalid value \"{shown}\" for \"{name}\""))
                .detail(format!("Field requires {width} characters, but only {} could be parsed.", sign + digits))
                .hint("If your source string is not fixed-width, try using the \"FM\" modifier."));
        }
        let value: i32 = limited[..sign + digits].parse().map_err(|_| {
            let message = format!("value for \"{name}\" in source string is out of range");
            SqlError::new(Condition::DatetimeFieldOverflow, message)
        })?;
        self.rest = &signed[sign + digits..];
        Ok((value.into(), sign + digits))
    }

    /// Which of the names the text begins with, whatever their case; the longest.
    fn name(&mut self, names: &[&str], field: &Field) -> SqlResult<usize> {
        let found = names
            .iter()
            .enumerate()
            .filter(|(_, name)| self.rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
            .max_by_key(|(_, name)| name.len());
        let Some((index, name)) = found else {
            let end = self.rest.find(|character: char| character.is_ascii_whitespace()).unwrap_or(self.rest.len());
            let message = format!("invalid value \"{}\" for \"{}\"", &self.rest[..end], field.shown());
            return Err(
                invalid(message).detail("The given value did not match any of the allowed values for this field.")
            );
        };
        self.rest = &self.rest[name.len()..];
        Ok(index)
    }

    fn field(&mut self, field: &Field, next_ends: bool, scanned: &mut Scanned) -> SqlResult<()> {
        let number = |scanner: &mut Self, width: usize| scanner.number(width, field, next_ends);
        match field.key {
            Key::Hour24 | Key::Hour12 => {
                scanned.hour = number(self, 2)?.0;
                scanned.is_twelve_hours = field.key == Key::Hour12;
            }
            Key::Minute => scanned.minute = number(self, 2)?.0,
            Key::Second => scanned.second = number(self, 2)?.0,
            Key::SecondOfDay => scanned.second_of_day = Some(number(self, 5)?.0),
            Key::Milliseconds => scanned.micros += fraction(number(self, 3)?, 3),
            Key::Microseconds => scanned.micros += fraction(number(self, 6)?, 6),
            Key::Fraction(digits) => scanned.micros += fraction(number(self, digits as usize)?, digits),
            Key::Half { dotted } => {
                let names: &[&str] = if dotted { &["A.M.", "P.M."] } else { &["AM", "PM"] };
                scanned.is_after_noon = self.name(names, field)? == 1;
                scanned.is_twelve_hours = true;
            }
            Key::Era { dotted } => {
                let names: &[&str] = if dotted { &["A.D.", "B.C."] } else { &["AD", "BC"] };
                scanned.is_before_christ = self.name(names, field)? == 1;
            }
            Key::ZoneHour => {
                let sign = if self.rest.starts_with('-') { -1 } else { 1 };
                self.rest = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
                scanned.zone_sign = Some(sign);
                scanned.zone_hours = number(self, 2)?.0;
            }
            Key::ZoneMinute => {
                scanned.zone_sign.get_or_insert(1);
                scanned.zone_minutes = number(self, 2)?.0;
            }
            Key::Zone | Key::Offset => {
                let message = format!("formatting field \"{}\" is only supported in to_char", field.shown());
                return Err(SqlError::new(Condition::FeatureNotSupported, message));
            }
            _ => self.day_field(field, next_ends, scanned)?,
        }
        Ok(())
    }

    fn day_field(&mut self, field: &Field, next_ends: bool, scanned: &mut Scanned) -> SqlResult<()> {
        let number = |scanner: &mut Self, width: usize| scanner.number(width, field, next_ends);
        match field.key {
            Key::MonthName | Key::MonthShort => {
                let short = MONTHS.map(|name| &name[..3]);
                let names = if field.key == Key::MonthName { &MONTHS } else { &short };
                scanned.month = Some(as_i64(self.name(names, field)?) + 1);
            }
            Key::MonthRoman => scanned.month = Some(as_i64(self.name(&ROMAN_MONTHS, field)?) + 1),
            Key::DayName | Key::DayShort => {
                let short = DAYS.map(|name| &name[..3]);
                let names = if field.key == Key::DayName { &DAYS } else { &short };
                scanned.day_of_week = Some(as_i64(self.name(names, field)?) + 1);
            }
            Key::Month => scanned.month = Some(number(self, 2)?.0),
            Key::DayOfMonth => scanned.day = Some(number(self, 2)?.0),
            Key::DayOfYear => scanned.day_of_year = Some(number(self, 3)?.0),
            Key::DayOfWeek => scanned.day_of_week = Some(number(self, 1)?.0),
            Key::IsoDayOfYear => {
                scanned.calendar(true)?;
                scanned.day_of_year = Some(number(self, 3)?.0);
            }
            Key::IsoDayOfWeek => {
                scanned.calendar(true)?;
                // Sunday is 1, as in the other calendar.
                scanned.day_of_week = Some(number(self, 1)?.0 % 7 + 1);
            }
            Key::Quarter => {
                number(self, 1)?;
            }
            Key::Century => scanned.century = Some(number(self, 2)?.0),
            Key::WeekOfYear => scanned.week_of_year = Some(number(self, 2)?.0),
            Key::WeekOfMonth => scanned.week_of_month = Some(number(self, 1)?.0),
            Key::Julian => scanned.julian_day = Some(number(self, 7)?.0),
            Key::IsoWeek => {
                scanned.calendar(true)?;
                scanned.week_of_year = Some(number(self, 2)?.0);
            }
            Key::Year(digits) | Key::IsoYear(digits) => {
                scanned.calendar(matches!(field.key, Key::IsoYear(_)))?;
                let (year, length) = number(self, digits)?;
                let is_short = digits < 4 && length < 4;
                scanned.year = Some(if is_short { near_2020(year) } else { year });
                scanned.year_digits = digits;
            }
            Key::YearWithComma => {
                let thousands = number(self, 2)?.0;
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                scanned.year = Some(thousands * 1000 + number(self, 3)?.0);
                scanned.year_digits = 4;
            }
            _ => {}
        }
        Ok(())
    }
}

fn as_i64(index: usize) -> i64 {
    i64::try_from(index).unwrap_or_default()
}

/// The digits after a point that were read, in microseconds.
fn fraction((value, length): (i64, usize), width: u32) -> i64 {
    let length = u32::try_from(length).unwrap_or(width).min(6);
    value * 10_i64.pow(6 - length)
}

/// The year near 2020 whose last digits these are.
fn near_2020(year: i64) -> i64 {
    match year {
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

impl Scanned {
    /// Remembers which calendar the text speaks of; it may be one only.
    fn calendar(&mut self, is_iso: bool) -> SqlResult<()> {
        if self.is_iso.is_some_and(|before| before != is_iso) {
            return Err(invalid("invalid combination of date conventions")
                .hint("Do not mix Gregorian and ISO week date conventions in a formatting template."));
        }
        self.is_iso = Some(is_iso);
        Ok(())
    }

    /// The day and the time that the text says.
    fn resolve(&self, text: &str) -> SqlResult<(Civil, i64)> {
        let out_of_range = || out_of_range("date/time field value out of range", text);
        let civil = self.civil(text)?;
        let is_day =
            (1..=12).contains(&civil.month) && (1..=days_of_month(civil.year, civil.month)).contains(&civil.day);
        if !is_day {
            return Err(out_of_range());
        }
        Ok((civil, self.time(text)?))
    }

    fn time(&self, text: &str) -> SqlResult<i64> {
        let (mut hour, mut minute, mut second) = (self.hour, self.minute, self.second);
        if let Some(seconds) = self.second_of_day {
            (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        }
        if self.is_twelve_hours {
            if !(1..=12).contains(&hour) {
                return Err(invalid(format!("hour \"{hour}\" is invalid for the 12-hour clock"))
                    .hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            hour = hour % 12 + if self.is_after_noon { 12 } else { 0 };
        }
        let is_time = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        if !is_time {
            return Err(out_of_range("date/time field value out of range", text));
        }
        Ok(hour * HOUR_MICROS + minute * MINUTE_MICROS + second * SECOND_MICROS + self.micros)
    }

    fn astronomical_year(&self) -> i64 {
        match (self.year, self.century) {
            (Some(year), Some(century)) if self.year_digits <= 2 => {
                let century = if self.is_before_christ { -century } else { century };
                let year = year % 100;
                match (year, century) {
                    (0, ..0) => century * 100 + 1,
                    (0, _) => century * 100,
                    (year, ..0) => (century + 1) * 100 - year + 1,
                    (year, _) => (century - 1) * 100 + year,
                }
            }
            (Some(year), _) => {
                let year = if self.is_before_christ { -year } else { year };
                if year < 0 { year + 1 } else { year }
            }
            (None, Some(century)) => {
                let century = if self.is_before_christ { -century } else { century };
                if century >= 0 { (century - 1) * 100 + 1 } else { century * 100 + 1 }
            }
            (None, None) => 0,
        }
    }

    fn civil(&self, text: &str) -> SqlResult<Civil> {
        if let Some(julian_day) = self.julian_day {
            return Ok(Civil::from_days(julian_day - EPOCH_JULIAN_DAY));
        }
        let year = self.astronomical_year();
        let is_iso = self.is_iso == Some(true);
        let mut day_of_year = self.day_of_year;
        if let Some(week) = self.week_of_year {
            if is_iso {
                // Sunday, which is 1, ends the week.
                let days = self.day_of_week.map_or(0, |day| (day + 5) % 7);
                return Ok(Civil::from_days(iso_week_monday(year, week) + days));
            }
            day_of_year = Some((week - 1) * 7 + 1);
        }
        let day = self.day.or(self.week_of_month.map(|week| (week - 1) * 7 + 1));
        if let Some(number) = day_of_year
            && (self.month.is_none_or(|month| month <= 1) || day.is_none_or(|day| day <= 1))
        {
            if self.year.is_none() && !self.is_before_christ {
                return Err(invalid("cannot calculate day of year without year information"));
            }
            let first = if is_iso { iso_week_monday(year, 1) } else { Civil { year, month: 1, day: 1 }.days() };
            let last = match is_iso {
                true => 371,
                false => Civil { year: year + 1, month: 1, day: 1 }.days() - first,
            };
            let is_day = (1..=last).contains(&number);
            if !is_day {
                return Err(out_of_range("date/time field value out of range", text));
            }
            return Ok(Civil::from_days(first + number - 1));
        }
        Ok(Civil { year, month: self.month.unwrap_or(1), day: day.unwrap_or(1) })
    }
}
