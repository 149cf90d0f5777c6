//! What the pieces of a date or a time mean together.
//!
//! The rules grew with PostgreSQL, which reads nearly whatever people write: pieces are taken from left to right, each
//! says which fields it gives, and no field may be given twice.

use super::calendar::{Civil, SECOND_MICROS, days_of_month, is_leap_year};
use super::fault::Fault;
use super::number;
use super::token::{Shape, Token};
use super::word::{self, Word};
use super::zone::Zone;
use super::{abbreviation, calendar};

/// The order of the fields of a date that says it by numbers below 100 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DateOrder {
    /// `8/1/1999` is in August.
    #[default]
    MonthDayYear,
    /// `8/1/1999` is in January.
    DayMonthYear,
    /// `99/8/1` is in August.
    YearMonthDay,
}

/// Sets of fields that a piece gives.
pub(super) mod given {
    pub(in super::super) const YEAR: u32 = 1;
    pub(in super::super) const MONTH: u32 = 1 << 1;
    pub(in super::super) const DAY: u32 = 1 << 2;
    pub(in super::super) const DATE: u32 = YEAR | MONTH | DAY;
    pub(in super::super) const DAY_OF_YEAR: u32 = 1 << 3;
    pub(in super::super) const TIME: u32 = 1 << 4;
    pub(in super::super) const ZONE: u32 = 1 << 5;
    pub(in super::super) const SUMMER: u32 = 1 << 6;
    pub(in super::super) const HALF: u32 = 1 << 7;
    pub(in super::super) const ERA: u32 = 1 << 8;
    pub(in super::super) const WEEKDAY: u32 = 1 << 9;
}
use given::{DATE, DAY, DAY_OF_YEAR, ERA, HALF, MONTH, SUMMER, TIME, WEEKDAY, YEAR, ZONE};

/// A word that stands for a whole date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    /// 1970-01-01 at Greenwich.
    Epoch,
    /// After all others.
    Infinity,
    /// Before all others.
    MinusInfinity,
}

/// Which zone a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamedZone {
    /// The zone.
    pub zone: Zone,
    /// Whether its displacement depends on the date.
    pub is_place: bool,
}

/// The fields that a text gives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    /// Which are given.
    pub given: u32,
    /// Instead of fields.
    pub special: Option<Special>,
    /// The year, as written until the end.
    pub year: i64,
    /// The month.
    pub month: i64,
    /// The day of the month.
    pub day: i64,
    /// The day of the year.
    pub day_of_year: i64,
    /// Hours, minutes and seconds in microseconds, at most 24 hours (and a leap second).
    pub time_micros: i64,
    /// The zone.
    pub zone: Option<NamedZone>,
    pub(super) year_has_two_digits: bool,
    pub(super) month_is_text: bool,
    is_julian: bool,
    is_before_christ: bool,
    is_after_noon: Option<bool>,
}

/// What a text is read against.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// The session's zone.
    pub zone: Zone,
    /// The order of numbers in dates.
    pub order: DateOrder,
    /// The time of the transaction, in microseconds since 1970: what `now` means.
    pub now_micros: i64,
}

impl Fields {
    /// The day, of a date that is given.
    pub(crate) fn civil(&self) -> Civil {
        Civil { year: self.year, month: self.month, day: self.day }
    }

    /// Whether year, month and day are given.
    pub(crate) fn has_date(&self) -> bool {
        self.given & DATE == DATE
    }

    /// Whether the time is given.
    pub(crate) fn has_time(&self) -> bool {
        self.given & TIME != 0
    }
}

/// Reads pieces as a date, a time or both; `wants_time` when a time alone is asked for.
pub(crate) fn decode(tokens: &[Token], setting: &Setting, wants_time: bool) -> Result<Fields, Fault> {
    let mut decoder = Decoder { fields: Fields::default(), setting, wants_time, announced: None };
    for (index, token) in tokens.iter().enumerate() {
        let gives = decoder.token(tokens, index, token)?;
        if gives & decoder.fields.given != 0 {
            return Err(Fault::Format);
        }
        decoder.fields.given |= gives;
    }
    if decoder.announced.is_some() {
        return Err(Fault::Format);
    }
    decoder.finish()?;
    Ok(decoder.fields)
}

/// What a word said that the next piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    Julian,
    Time,
}

struct Decoder<'d> {
    fields: Fields,
    setting: &'d Setting,
    wants_time: bool,
    announced: Option<Announced>,
}

impl Decoder<'_> {
    /// Which fields numbers must not be taken for: when a time alone is asked for, those of the date.
    fn known(&self) -> u32 {
        self.fields.given | if self.wants_time { DATE } else { 0 }
    }

    fn token(&mut self, tokens: &[Token], index: usize, token: &Token) -> Result<u32, Fault> {
        match token.shape {
            Shape::Date => self.date(tokens, index, &token.text),
            Shape::Time => {
                if self.announced.take().is_some_and(|announced| announced != Announced::Time) {
                    return Err(Fault::Format);
                }
                self.fields.time_micros = number::clock(&token.text)?;
                Ok(TIME)
            }
            Shape::Signed => {
                let east_seconds = number::displacement(&token.text)?;
                self.fields.zone = Some(NamedZone { zone: Zone::Fixed { east_seconds }, is_place: false });
                Ok(ZONE)
            }
            Shape::Number => self.number(tokens, index, &token.text),
            Shape::Word | Shape::SignedWord => self.word(&token.text),
        }
    }

    fn date(&mut self, tokens: &[Token], index: usize, text: &str) -> Result<u32, Fault> {
        let allows_date = if self.wants_time {
            let last_is_date = tokens.last().is_some_and(|last| last.shape == Shape::Date);
            let time_is_next = tokens.get(1).is_some_and(|next| next.shape == Shape::Time);
            index == 0 && tokens.len() >= 2 && (last_is_date || time_is_next)
        } else {
            self.announced.is_none() && self.fields.given & (MONTH | DAY) != MONTH | DAY
        };
        if self.announced == Some(Announced::Julian) {
            return self.julian_with_zone(text);
        }
        if allows_date && self.announced.is_none() {
            return number::date(&mut self.fields, text, self.setting.order);
        }
        if self.announced.is_none() && !text.starts_with(|first: char| first.is_ascii_digit()) {
            let zone = Zone::of_place(text).ok_or_else(|| Fault::Zone(text.to_owned()))?;
            self.fields.zone = Some(NamedZone { zone, is_place: true });
            return Ok(ZONE);
        }
        // Digits run together, and a displacement to the west: `040506-08`.
        self.announced = None;
        if self.fields.has_time() {
            return Err(Fault::Format);
        }
        let at = text.find('-').ok_or(Fault::Format)?;
        let east_seconds = number::displacement(&text[at..])?;
        self.fields.zone = Some(NamedZone { zone: Zone::Fixed { east_seconds }, is_place: false });
        let known = self.known();
        Ok(number::run_together(&mut self.fields, &text[..at], known)? | ZONE)
    }

    /// `J2451187-08`: a Julian day and a displacement.
    fn julian_with_zone(&mut self, text: &str) -> Result<u32, Fault> {
        let at = text.find('-').ok_or(Fault::Format)?;
        let east_seconds = number::displacement(&text[at..])?;
        self.fields.zone = Some(NamedZone { zone: Zone::Fixed { east_seconds }, is_place: false });
        Ok(self.julian(&text[..at])? | ZONE)
    }

    fn number(&mut self, tokens: &[Token], index: usize, text: &str) -> Result<u32, Fault> {
        match self.announced {
            Some(Announced::Julian) => return self.julian(text),
            Some(Announced::Time) => {
                self.announced = None;
                let known = self.known() | DATE;
                return match number::run_together(&mut self.fields, text, known)? {
                    TIME => Ok(TIME),
                    _ => Err(Fault::Format),
                };
            }
            None => {}
        }
        let known = self.known();
        let order = self.setting.order;
        if let Some(point) = text.find('.') {
            let last_is_date = tokens.last().is_some_and(|last| last.shape == Shape::Date);
            let allows_date = if self.wants_time { index == 0 && last_is_date } else { self.fields.given & DATE == 0 };
            return if allows_date {
                number::date(&mut self.fields, text, order)
            } else if point > 2 {
                number::run_together(&mut self.fields, text, known)
            } else {
                number::field(&mut self.fields, text, known, order)
            };
        }
        let is_long = if self.wants_time { text.len() > 4 } else { text.len() >= 6 };
        if is_long && (known & DATE != DATE || !self.fields.has_time()) {
            number::run_together(&mut self.fields, text, known)
        } else {
            number::field(&mut self.fields, text, known, order)
        }
    }

    fn julian(&mut self, text: &str) -> Result<u32, Fault> {
        self.announced = None;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let julian_day = i64::from(whole.parse::<i32>().map_err(|_| Fault::Field)?);
        let civil = Civil::from_days(julian_day - calendar::EPOCH_JULIAN_DAY);
        (self.fields.year, self.fields.month, self.fields.day) = (civil.year, civil.month, civil.day);
        self.fields.is_julian = true;
        if !text.contains('.') {
            return Ok(DATE);
        }
        let share: f64 = format!("0.{fraction}").parse().map_err(|_| Fault::Format)?;
        #[allow(clippy::cast_possible_truncation, reason = "the share is below one")]
        let micros = (share * 86_400_000_000.0) as i64;
        self.fields.time_micros = micros;
        Ok(DATE | TIME)
    }

    fn word(&mut self, text: &str) -> Result<u32, Fault> {
        if let Some((east_seconds, _)) = abbreviation::find_abbreviation(text) {
            self.fields.zone = Some(NamedZone { zone: Zone::Fixed { east_seconds }, is_place: false });
            return Ok(ZONE);
        }
        match word::find(text) {
            Some(word) => self.meaning(word),
            None => {
                let zone = Zone::of_place(text).ok_or(Fault::Format)?;
                self.fields.zone = Some(NamedZone { zone, is_place: true });
                Ok(ZONE)
            }
        }
    }

    fn meaning(&mut self, word: Word) -> Result<u32, Fault> {
        let fields = &mut self.fields;
        match word {
            Word::Ignored => return Ok(0),
            Word::Month(month) => {
                let mut gives = MONTH;
                // A number that was taken for the month before the name of one came is the day.
                if fields.given & MONTH != 0
                    && !fields.month_is_text
                    && fields.given & DAY == 0
                    && (1..=31).contains(&fields.month)
                {
                    fields.day = fields.month;
                    gives = DAY;
                }
                fields.month_is_text = true;
                fields.month = month;
                return Ok(gives);
            }
            Word::Weekday => return Ok(WEEKDAY),
            Word::Am => fields.is_after_noon = Some(false),
            Word::Pm => fields.is_after_noon = Some(true),
            Word::Ad => fields.is_before_christ = false,
            Word::Bc => fields.is_before_christ = true,
            Word::Julian | Word::TimeFollows | Word::Unit => return self.announce(word),
            Word::SummerTime => return self.summer_time(),
            Word::Now => return Ok(self.now(0, true)),
            Word::Day(days) => return Ok(self.now(days, false)),
            Word::Midnight => {
                fields.time_micros = 0;
                fields.zone = Some(NamedZone { zone: Zone::UTC, is_place: false });
                return Ok(TIME | ZONE);
            }
            Word::Epoch => fields.special = Some(Special::Epoch),
            Word::Infinity => fields.special = Some(Special::Infinity),
            Word::MinusInfinity => fields.special = Some(Special::MinusInfinity),
        }
        Ok(match word {
            Word::Am | Word::Pm => HALF,
            Word::Ad | Word::Bc => ERA,
            _ => DATE | TIME | ZONE,
        })
    }

    fn announce(&mut self, word: Word) -> Result<u32, Fault> {
        self.announced = match word {
            Word::Julian => Some(Announced::Julian),
            Word::TimeFollows if self.wants_time || self.fields.has_date() => Some(Announced::Time),
            _ => return Err(Fault::Format),
        };
        Ok(0)
    }

    fn summer_time(&mut self) -> Result<u32, Fault> {
        let Some(NamedZone { zone: Zone::Fixed { east_seconds }, .. }) = self.fields.zone else {
            return Err(Fault::Format);
        };
        let zone = Zone::Fixed { east_seconds: east_seconds + 3600 };
        self.fields.zone = Some(NamedZone { zone, is_place: false });
        Ok(SUMMER)
    }

    /// The day of the statement or one near it; `with_time` its moment.
    fn now(&mut self, days: i64, with_time: bool) -> u32 {
        let zone = self.setting.zone;
        let local = zone.to_local(self.setting.now_micros).unwrap_or_default();
        let (today, time_micros) = calendar::split_days(local);
        let civil = Civil::from_days(today + days);
        (self.fields.year, self.fields.month, self.fields.day) = (civil.year, civil.month, civil.day);
        self.fields.is_julian = true;
        if !with_time {
            return DATE;
        }
        self.fields.time_micros = time_micros;
        let east_seconds = zone.east_seconds(self.setting.now_micros);
        self.fields.zone = Some(NamedZone { zone: Zone::Fixed { east_seconds }, is_place: false });
        DATE | TIME | ZONE
    }

    /// What only all pieces together tell: the era, the century, the half of the day.
    fn finish(&mut self) -> Result<(), Fault> {
        let fields = &mut self.fields;
        if fields.special.is_some() {
            return Ok(());
        }
        if fields.given & YEAR != 0 && !fields.is_julian {
            if fields.is_before_christ && fields.year > 0 {
                fields.year = 1 - fields.year;
            } else if !fields.is_before_christ && fields.year_has_two_digits {
                fields.year += if fields.year < 70 { 2000 } else { 1900 };
            } else if fields.year <= 0 {
                return Err(Fault::Field);
            }
        }
        if fields.given & DAY_OF_YEAR != 0 {
            if fields.day_of_year == 366 && !is_leap_year(fields.year) {
                // The day after the last of the year.
                fields.year += 1;
                fields.day_of_year = 1;
            }
            let first = Civil { year: fields.year, month: 1, day: 1 }.days();
            let civil = Civil::from_days(first + fields.day_of_year - 1);
            (fields.month, fields.day) = (civil.month, civil.day);
        }
        if fields.given & MONTH != 0 && !(1..=12).contains(&fields.month)
            || fields.given & DAY != 0 && !(1..=31).contains(&fields.day)
        {
            return Err(Fault::MonthOrDay);
        }
        if fields.has_date() && fields.day > days_of_month(fields.year, fields.month) {
            return Err(Fault::Field);
        }
        fields.apply_half_of_day()
    }
}

impl Fields {
    fn apply_half_of_day(&mut self) -> Result<(), Fault> {
        const HOUR: i64 = 3600 * SECOND_MICROS;
        let Some(is_after_noon) = self.is_after_noon else { return Ok(()) };
        let hour = self.time_micros / HOUR;
        if hour > 12 {
            return Err(Fault::Field);
        }
        match (is_after_noon, hour) {
            (false, 12) => self.time_micros -= 12 * HOUR,
            (true, 0..12) => self.time_micros += 12 * HOUR,
            _ => {}
        }
        Ok(())
    }
}
