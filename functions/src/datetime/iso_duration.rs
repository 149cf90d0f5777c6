//! Durations as ISO 8601 writes them: `P1Y2M3DT4H5M6S`, and the alternative `P0001-02-03T04:05:06`.

use super::calendar::{HOUR_MICROS, MINUTE_MICROS, SECOND_MICROS};
use super::fault::Fault;
use super::interval_text::Sums;

/// Reads a duration.
pub(super) fn read(text: &str) -> Result<Sums, Fault> {
    let mut reader = Reader { rest: text.strip_prefix('P').ok_or(Fault::Format)?, sums: Sums::default() };
    if reader.rest.is_empty() {
        return Err(Fault::Format);
    }
    reader.date()?;
    Ok(reader.sums)
}

struct Reader<'t> {
    rest: &'t str,
    sums: Sums,
}

/// A number of a duration: the whole part, the rest of it, and how many digits the whole part was written in.
struct Number {
    whole: i64,
    fraction: f64,
    digits: usize,
}

impl Reader<'_> {
    fn number(&mut self) -> Result<Number, Fault> {
        let unsigned = self.rest.strip_prefix(['-', '+']).unwrap_or(self.rest);
        let is_negative = self.rest.starts_with('-');
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let (whole, rest) = unsigned.split_at(digits);
        let fraction_digits =
            rest.strip_prefix('.').map_or(0, |rest| 1 + rest.bytes().take_while(u8::is_ascii_digit).count());
        let (fraction, rest) = rest.split_at(fraction_digits);
        if digits == 0 && fraction_digits < 2 {
            return Err(Fault::Format);
        }
        let mut number = Number { whole: 0, fraction: 0.0, digits };
        if digits > 0 {
            number.whole = whole.parse().map_err(|_| Fault::Interval)?;
        }
        if fraction_digits > 1 {
            number.fraction = format!("0{fraction}").parse().map_err(|_| Fault::Format)?;
        }
        if is_negative {
            (number.whole, number.fraction) = (-number.whole, -number.fraction);
        }
        self.rest = rest;
        Ok(number)
    }

    fn letter(&mut self) -> Option<char> {
        let letter = self.rest.chars().next();
        self.rest = letter.map_or("", |letter| &self.rest[letter.len_utf8()..]);
        letter
    }

    fn date(&mut self) -> Result<(), Fault> {
        let mut is_first = true;
        while !self.rest.is_empty() {
            if self.rest.starts_with('T') {
                self.letter();
                return self.time();
            }
            let number = self.number()?;
            let Number { whole, fraction, digits } = number;
            match self.letter() {
                Some('Y') => self.sums.add_months(whole, fraction, 12)?,
                Some('M') => self.sums.add_months(whole, fraction, 1)?,
                Some('W') => self.sums.add_days(whole, fraction, 7)?,
                Some('D') => self.sums.add_days(whole, fraction, 1)?,
                end @ (Some('T') | None) if is_first && digits == 8 => {
                    self.sums.add_months(whole / 10_000, 0.0, 12)?;
                    self.sums.add_months(whole / 100 % 100, 0.0, 1)?;
                    self.sums.add_days(whole % 100, fraction, 1)?;
                    return if end.is_some() { self.time() } else { Ok(()) };
                }
                end @ (Some('T' | '-') | None) if is_first => {
                    self.sums.add_months(whole, fraction, 12)?;
                    return self.months_and_days(end);
                }
                _ => return Err(Fault::Format),
            }
            is_first = false;
        }
        Ok(())
    }

    /// What follows the year of `P0001-02-03T04:05:06`.
    fn months_and_days(&mut self, end: Option<char>) -> Result<(), Fault> {
        let mut end = end;
        if end == Some('-') {
            let months = self.number()?;
            self.sums.add_months(months.whole, months.fraction, 1)?;
            end = self.letter();
        }
        if end == Some('-') {
            let days = self.number()?;
            self.sums.add_days(days.whole, days.fraction, 1)?;
            end = self.letter();
        }
        match end {
            Some('T') => self.time(),
            None => Ok(()),
            _ => Err(Fault::Format),
        }
    }

    fn time(&mut self) -> Result<(), Fault> {
        let mut is_first = true;
        while !self.rest.is_empty() {
            let Number { whole, fraction, digits } = self.number()?;
            match self.letter() {
                Some('H') => self.sums.add_micros(whole, fraction, HOUR_MICROS)?,
                Some('M') => self.sums.add_micros(whole, fraction, MINUTE_MICROS)?,
                Some('S') => self.sums.add_micros(whole, fraction, SECOND_MICROS)?,
                None if is_first && digits == 6 => {
                    self.sums.add_micros(whole / 10_000, 0.0, HOUR_MICROS)?;
                    self.sums.add_micros(whole / 100 % 100, 0.0, MINUTE_MICROS)?;
                    self.sums.add_micros(whole % 100, fraction, SECOND_MICROS)?;
                }
                Some(':') | None if is_first => {
                    self.sums.add_micros(whole, fraction, HOUR_MICROS)?;
                    return self.minutes_and_seconds();
                }
                _ => return Err(Fault::Format),
            }
            is_first = false;
        }
        Ok(())
    }

    fn minutes_and_seconds(&mut self) -> Result<(), Fault> {
        for unit in [MINUTE_MICROS, SECOND_MICROS] {
            if self.rest.is_empty() {
                return Ok(());
            }
            let number = self.number()?;
            self.sums.add_micros(number.whole, number.fraction, unit)?;
            if self.letter().is_some_and(|letter| letter != ':') {
                return Err(Fault::Format);
            }
        }
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Format) }
    }
}
