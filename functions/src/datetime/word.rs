//! Words that dates, times and intervals may contain.

/// What a word of a date or a time means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// A month, from 1.
    Month(i64),
    /// A day of the week, which is not looked at.
    Weekday,
    /// Before noon.
    Am,
    /// After noon.
    Pm,
    /// Our time.
    Ad,
    /// Before it.
    Bc,
    /// Summer time, after the abbreviation of a zone.
    SummerTime,
    /// Nothing.
    Ignored,
    /// The Julian day follows.
    Julian,
    /// The time follows.
    TimeFollows,
    /// A unit that nothing may follow.
    Unit,
    /// The moment of the statement.
    Now,
    /// Midnight of a day, by days from today.
    Day(i64),
    /// Midnight at Greenwich.
    Midnight,
    /// 1970-01-01 at Greenwich.
    Epoch,
    /// After all others.
    Infinity,
    /// Before all others.
    MinusInfinity,
}

/// Characters of a word that count.
const LETTERS_MAX: usize = 10;

/// What a lowercase word of a date or a time means.
pub(crate) fn find(text: &str) -> Option<Word> {
    let word = match shortened(text) {
        "jan" | "january" => Word::Month(1),
        "feb" | "february" => Word::Month(2),
        "mar" | "march" => Word::Month(3),
        "apr" | "april" => Word::Month(4),
        "may" => Word::Month(5),
        "jun" | "june" => Word::Month(6),
        "jul" | "july" => Word::Month(7),
        "aug" | "august" => Word::Month(8),
        "sep" | "sept" | "september" => Word::Month(9),
        "oct" | "october" => Word::Month(10),
        "nov" | "november" => Word::Month(11),
        "dec" | "december" => Word::Month(12),
        "sun" | "sunday" | "mon" | "monday" | "tue" | "tues" | "tuesday" | "wed" | "weds" | "wednesday" | "thu"
        | "thur" | "thurs" | "thursday" | "fri" | "friday" | "sat" | "saturday" => Word::Weekday,
        "am" => Word::Am,
        "pm" => Word::Pm,
        "ad" => Word::Ad,
        "bc" => Word::Bc,
        "dst" => Word::SummerTime,
        "at" | "on" => Word::Ignored,
        "j" | "jd" | "julian" => Word::Julian,
        "t" => Word::TimeFollows,
        "d" | "dow" | "doy" | "h" | "isodow" | "isoyear" | "m" | "mm" | "s" | "y" => Word::Unit,
        "now" => Word::Now,
        "today" => Word::Day(0),
        "tomorrow" => Word::Day(1),
        "yesterday" => Word::Day(-1),
        "allballs" => Word::Midnight,
        "epoch" => Word::Epoch,
        "infinity" | "+infinity" => Word::Infinity,
        "-infinity" => Word::MinusInfinity,
        _ => return None,
    };
    Some(word)
}

/// What intervals are counted in, and what fields of dates and times are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub(crate) enum Unit {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

/// The unit that a lowercase word means.
pub(crate) fn find_unit(text: &str) -> Option<Unit> {
    let unit = match shortened(text) {
        "us" | "usec" | "usecond" | "useconds" | "usecs" | "microsecon" => Unit::Microseconds,
        "ms" | "msec" | "msecond" | "mseconds" | "msecs" | "millisecon" => Unit::Milliseconds,
        "s" | "sec" | "second" | "seconds" | "secs" => Unit::Second,
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Minute,
        "h" | "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
        "d" | "day" | "days" => Unit::Day,
        "w" | "week" | "weeks" => Unit::Week,
        "mon" | "mons" | "month" | "months" => Unit::Month,
        "qtr" | "quarter" => Unit::Quarter,
        "y" | "year" | "years" | "yr" | "yrs" => Unit::Year,
        "dec" | "decade" | "decades" | "decs" => Unit::Decade,
        "c" | "cent" | "centuries" | "century" => Unit::Century,
        "mil" | "millennia" | "millennium" | "mils" => Unit::Millennium,
        "timezone" => Unit::Timezone,
        "timezone_h" => Unit::TimezoneHour,
        "timezone_m" => Unit::TimezoneMinute,
        _ => return None,
    };
    Some(unit)
}

fn shortened(text: &str) -> &str {
    text.get(..LETTERS_MAX).unwrap_or(text)
}
