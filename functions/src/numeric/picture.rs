//! Pictures of numbers, as `to_char` and `to_number` take them: `FM999G990D00`, `S9.99EEEE`.

use std::cmp::Ordering;

use super::number::Number;
use super::text::{format, parse};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Float4, Float8, Function, Int4, Int8, Numeric, Text, two};

/// Columns of a Roman number.
const ROMAN_COLUMNS: usize = 15;

/// One part of a picture.
#[derive(Debug, Clone, PartialEq)]
enum Item {
    /// A digit; one that must is shown also where it is a zero at an end.
    Digit {
        must: bool,
    },
    Point,
    Group,
    /// `S`: a sign that stands beside the number.
    Sign,
    /// `MI`, `PL`, `SG`: a sign that stands where it is written.
    Minus,
    Plus,
    Either,
    Currency,
    Ordinal {
        capital: bool,
    },
    Literal(String),
}

#[derive(Debug, Default)]
struct Picture {
    items: Vec<Item>,
    whole: usize,
    fraction: usize,
    /// Digits after `V`: the number is shown times as many powers of ten.
    shift: usize,
    is_filled: bool,
    is_roman: bool,
    is_scientific: bool,
    in_brackets: bool,
}

fn invalid(message: &str) -> SqlError {
    SqlError::new(Condition::SyntaxError, message)
}

type Setting = fn(&mut Picture);

/// The words of pictures that stand for a part.
const PARTS: [(&str, Item); 11] = [
    ("MI", Item::Minus),
    ("PL", Item::Plus),
    ("SG", Item::Either),
    ("th", Item::Ordinal { capital: false }),
    ("TH", Item::Ordinal { capital: true }),
    ("D", Item::Point),
    (".", Item::Point),
    ("G", Item::Group),
    (",", Item::Group),
    ("L", Item::Currency),
    ("S", Item::Sign),
];

/// The words of pictures that change all of it.
const SETTINGS: [(&str, Setting); 5] = [
    ("FM", |picture| picture.is_filled = true),
    ("RN", |picture| picture.is_roman = true),
    ("EEEE", |picture| picture.is_scientific = true),
    ("PR", |picture| picture.in_brackets = true),
    ("B", |_| {}),
];

impl Picture {
    fn parse(text: &str) -> SqlResult<Picture> {
        let mut picture = Picture::default();
        let (mut rest, mut after_point, mut after_shift) = (text, false, false);
        while let Some(first) = rest.chars().next() {
            let upper: String = rest.chars().take(4).collect::<String>().to_uppercase();
            if let Some((word, set)) = SETTINGS.iter().find(|(word, _)| upper.starts_with(word)) {
                set(&mut picture);
                rest = &rest[word.len()..];
            } else if first == '9' || first == '0' {
                picture.items.push(Item::Digit { must: first == '0' });
                let count = if after_point { &mut picture.fraction } else { &mut picture.whole };
                *count += 1;
                picture.shift += usize::from(after_shift);
                rest = &rest[1..];
            } else if upper.starts_with('V') {
                after_shift = true;
                rest = &rest[1..];
            } else if let Some((word, item)) =
                PARTS.iter().find(|(word, _)| rest.starts_with(word) || (*word != "th" && upper.starts_with(word)))
            {
                if *item == Item::Point {
                    if after_point {
                        return Err(invalid("multiple decimal points"));
                    }
                    after_point = true;
                }
                picture.items.push(item.clone());
                rest = &rest[word.len()..];
            } else if let Some(quoted) = rest.strip_prefix('"') {
                let (literal, after) = quoted.split_once('"').unwrap_or((quoted, ""));
                picture.items.push(Item::Literal(literal.to_owned()));
                rest = after;
            } else {
                picture.items.push(Item::Literal(first.to_string()));
                rest = &rest[first.len_utf8()..];
            }
        }
        if picture.is_scientific && picture.in_brackets {
            return Err(invalid("\"EEEE\" is incompatible with other formats"));
        }
        Ok(picture)
    }

    fn has_own_sign(&self) -> bool {
        self.in_brackets
            || self.items.iter().any(|item| matches!(item, Item::Minus | Item::Plus | Item::Either | Item::Sign))
    }

    /// The sign that stands before the first digit.
    fn leading_sign(&self, is_negative: bool) -> &'static str {
        let sign_place = self.items.iter().position(|item| *item == Item::Sign);
        let digit_place = self.items.iter().position(|item| matches!(item, Item::Digit { .. }));
        if self.in_brackets {
            return if is_negative {
                "<"
            } else if self.is_filled {
                ""
            } else {
                " "
            };
        }
        match (sign_place, digit_place) {
            (Some(sign), Some(digit)) if sign < digit => return if is_negative { "-" } else { "+" },
            _ => {}
        }
        match (self.has_own_sign(), is_negative) {
            (true, _) => "",
            (false, true) => "-",
            (false, false) if self.is_filled => "",
            (false, false) => " ",
        }
    }
}

/// A number that is being shown.
struct Shown<'p> {
    picture: &'p Picture,
    is_negative: bool,
    whole: Vec<char>,
    fraction: Vec<char>,
    /// The first place that is not blank.
    first: usize,
    /// The last digit after the point that is shown, plus one.
    last: usize,
    found: String,
    has_begun: bool,
}

impl<'p> Shown<'p> {
    fn new(picture: &'p Picture, number: &Number) -> Shown<'p> {
        let is_negative = number.sign() == Ordering::Less;
        let shift = Number::small(10_i128.pow(u32::try_from(picture.shift.min(30)).unwrap_or(0)), 0);
        let shifted = number.times(&shift).unwrap_or_else(|_| number.clone());
        let places = i32::try_from(picture.fraction).unwrap_or(0);
        let text = format(&shifted.absolute().rounded(places));
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        let overflows = !number.is_finite() || whole.trim_start_matches('0').len() > picture.whole;
        let digits: Vec<bool> = picture
            .items
            .iter()
            .filter_map(|item| if let Item::Digit { must } = item { Some(*must) } else { None })
            .collect();
        let forced = digits.iter().take(picture.whole).position(|must| *must).unwrap_or(picture.whole);
        let significant = whole.trim_start_matches('0').len();
        let mut first = forced.min(picture.whole - significant.min(picture.whole));
        if first == picture.whole && picture.fraction == 0 {
            first = first.saturating_sub(1);
        }
        let (whole, fraction) = if overflows {
            first = 0;
            (vec!['#'; picture.whole], vec!['#'; picture.fraction])
        } else {
            let padded = format!("{:0>width$}", whole.trim_start_matches('0'), width = picture.whole);
            (padded.chars().collect(), fraction.chars().collect())
        };
        let is_needed = |place: &usize| fraction[*place] != '0' || digits[picture.whole + place];
        let last = if picture.is_filled {
            (0..fraction.len()).rev().find(is_needed).map_or(0, |place| place + 1)
        } else {
            fraction.len()
        };
        Shown { picture, is_negative, whole, fraction, first, last, found: String::new(), has_begun: false }
    }

    fn begin(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.found.push_str(self.picture.leading_sign(self.is_negative));
        }
    }

    fn blank(&mut self) {
        if !self.picture.is_filled {
            self.found.push(' ');
        }
    }

    fn digit(&mut self, place: usize) {
        let whole = self.whole.len();
        if place < whole {
            if place < self.first {
                return self.blank();
            }
            self.begin();
            self.found.push(self.whole[place]);
        } else if place - whole < self.last {
            self.begin();
            self.found.push(self.fraction[place - whole]);
        }
    }

    fn sign(&mut self, shown: bool, sign: char) {
        if shown { self.found.push(sign) } else { self.blank() }
    }

    fn all(mut self) -> String {
        let mut place = 0;
        for item in &self.picture.items {
            match item {
                Item::Digit { .. } => {
                    self.digit(place);
                    place += 1;
                }
                Item::Point => {
                    self.begin();
                    self.found.push('.');
                }
                Item::Group if place > self.first => self.found.push(','),
                Item::Group => self.blank(),
                Item::Sign if place > 0 => self.found.push(if self.is_negative { '-' } else { '+' }),
                Item::Sign => {}
                Item::Minus => self.sign(self.is_negative, '-'),
                Item::Plus => self.sign(!self.is_negative, '+'),
                Item::Either => self.found.push(if self.is_negative { '-' } else { '+' }),
                Item::Currency => self.found.push(' '),
                Item::Ordinal { capital } => {
                    let ordinal = ordinal(&self.whole);
                    self.found.push_str(&if *capital { ordinal.to_uppercase() } else { ordinal.to_owned() });
                }
                Item::Literal(literal) => self.found.push_str(literal),
            }
        }
        if self.picture.in_brackets {
            if self.is_negative { self.found.push('>') } else { self.blank() }
        }
        self.found
    }
}

fn ordinal(whole: &[char]) -> &'static str {
    match whole {
        [.., '1', _] => "th",
        [.., '1'] => "st",
        [.., '2'] => "nd",
        [.., '3'] => "rd",
        _ => "th",
    }
}

const ROMANS: [(i128, &str); 13] = [
    (1000, "M"),
    (900, "CM"),
    (500, "D"),
    (400, "CD"),
    (100, "C"),
    (90, "XC"),
    (50, "L"),
    (40, "XL"),
    (10, "X"),
    (9, "IX"),
    (5, "V"),
    (4, "IV"),
    (1, "I"),
];

fn roman(number: &Number, is_filled: bool) -> String {
    let Some(mut rest @ 1..=3999) = number.to_i128() else { return "#".repeat(ROMAN_COLUMNS) };
    let mut found = String::new();
    for (value, letters) in ROMANS {
        while rest >= value {
            found.push_str(letters);
            rest -= value;
        }
    }
    if is_filled { found } else { format!("{found:>ROMAN_COLUMNS$}") }
}

fn scientific(picture: &Picture, number: &Number) -> String {
    let sign = if number.sign() == Ordering::Less {
        "-"
    } else if picture.is_filled {
        ""
    } else {
        " "
    };
    if !number.is_finite() {
        return format!("{sign}{}", "#".repeat(picture.whole + picture.fraction + 5));
    }
    let digits = picture.fraction;
    let text = format!("{:.digits$e}", number.absolute().to_f64());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let direction = if exponent < 0 { '-' } else { '+' };
    format!("{sign}{mantissa}e{direction}{:02}", exponent.unsigned_abs())
}

/// The number as the picture shows it.
fn show(number: &Number, picture: &str) -> SqlResult<String> {
    let picture = Picture::parse(picture)?;
    if picture.is_roman {
        return Ok(roman(number, picture.is_filled));
    }
    if picture.is_scientific {
        return Ok(scientific(&picture, number));
    }
    Ok(Shown::new(&picture, number).all())
}

/// The number that a text says which looks like the picture.
fn read(text: &str, picture: &str) -> SqlResult<Number> {
    let picture = Picture::parse(picture)?;
    let mut digits = String::new();
    let mut is_negative = text.contains('-') || (picture.in_brackets && text.contains('<'));
    let mut characters = text.trim_start().chars().peekable();
    let mut skip_signs = |characters: &mut std::iter::Peekable<std::str::Chars>| {
        while let Some(sign) = characters.next_if(|c| matches!(c, '-' | '+' | '<' | '>' | ' ')) {
            is_negative |= sign == '-';
        }
    };
    for item in &picture.items {
        skip_signs(&mut characters);
        match item {
            Item::Digit { .. } => digits.extend(characters.next_if(char::is_ascii_digit)),
            Item::Point => digits.extend(characters.next_if_eq(&'.')),
            Item::Group => {
                characters.next_if_eq(&',');
            }
            Item::Currency | Item::Literal(_) => {
                characters.next_if(|c| !c.is_ascii_digit() && *c != '.');
            }
            _ => {}
        }
        // A point that comes early ends the digits before it.
        if characters.peek() == Some(&'.') && !digits.contains('.') && picture.items.contains(&Item::Point) {
            characters.next();
            digits.push('.');
        }
    }
    let number = parse(&digits).map_err(|_| {
        SqlError::new(
            Condition::InvalidTextRepresentation,
            format!("invalid input syntax for type numeric: \"{text}\""),
        )
    })?;
    let shift = u16::try_from(picture.shift).unwrap_or(0);
    let number = match number {
        Number::Finite { digits, scale } => Number::Finite { digits, scale: scale + shift },
        other => other,
    };
    Ok(if is_negative { number.negated() } else { number })
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        Function::new(
            "to_char(numeric, text) text",
            two::<Numeric, Text, Text, _>(|n: Number, picture| show(&n, picture)),
        ),
        Function::new(
            "to_char(int4, text) text",
            two::<Int4, Text, Text, _>(|n, picture| show(&Number::from(i64::from(n)), picture)),
        ),
        Function::new(
            "to_char(int8, text) text",
            two::<Int8, Text, Text, _>(|n, picture| show(&Number::from(n), picture)),
        ),
        Function::new(
            "to_char(float4, text) text",
            two::<Float4, Text, Text, _>(|n, picture| show(&Number::from_f32(n), picture)),
        ),
        Function::new(
            "to_char(float8, text) text",
            two::<Float8, Text, Text, _>(|n, picture| show(&Number::from_f64(n), picture)),
        ),
        Function::new("to_number(text, text) numeric", two::<Text, Text, Numeric, _>(read)),
    ]
}
