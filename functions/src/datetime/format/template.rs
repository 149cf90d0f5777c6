//! A template as its pieces.

/// What a field of a template says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the templates'")]
pub(super) enum Key {
    Era {
        dotted: bool,
    },
    Half {
        dotted: bool,
    },
    Century,
    DayName,
    DayShort,
    DayOfYear,
    IsoDayOfYear,
    DayOfMonth,
    DayOfWeek,
    IsoDayOfWeek,
    /// Digits of a fraction of a second.
    Fraction(u32),
    Hour24,
    Hour12,
    IsoWeek,
    IsoYear(usize),
    Julian,
    Minute,
    Month,
    MonthName,
    MonthShort,
    MonthRoman,
    Milliseconds,
    Microseconds,
    Offset,
    Quarter,
    SecondOfDay,
    Second,
    ZoneHour,
    ZoneMinute,
    Zone,
    WeekOfYear,
    WeekOfMonth,
    YearWithComma,
    Year(usize),
    Exact,
}

/// How letters are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Capitalized,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Field(Field),
    /// Any other character.
    Character(char),
    /// Punctuation.
    Separator(char),
    Space(char),
}

/// A field of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) key: Key,
    /// In capitals.
    pub(super) name: &'static str,
    pub(super) case: Case,
    /// Whether it is filled up with blanks or zeros.
    pub(super) fills: bool,
    /// Whether `st`, `nd`, ... follows, and how it is written.
    pub(super) ordinal: Option<Case>,
}

impl Field {
    /// The name as it stands in the template.
    pub(super) fn shown(&self) -> String {
        match self.case {
            Case::Upper => self.name.to_owned(),
            Case::Lower => self.name.to_lowercase(),
            Case::Capitalized => self.name[..1].to_owned() + &self.name[1..].to_lowercase(),
        }
    }
}

/// The fields by their names in capitals; of two with the same beginning the longer one comes first.
const KEYS: &[(&str, Key)] = &[
    ("A.D.", Key::Era { dotted: true }),
    ("A.M.", Key::Half { dotted: true }),
    ("AD", Key::Era { dotted: false }),
    ("AM", Key::Half { dotted: false }),
    ("B.C.", Key::Era { dotted: true }),
    ("BC", Key::Era { dotted: false }),
    ("CC", Key::Century),
    ("DAY", Key::DayName),
    ("DDD", Key::DayOfYear),
    ("DD", Key::DayOfMonth),
    ("DY", Key::DayShort),
    ("D", Key::DayOfWeek),
    ("FF1", Key::Fraction(1)),
    ("FF2", Key::Fraction(2)),
    ("FF3", Key::Fraction(3)),
    ("FF4", Key::Fraction(4)),
    ("FF5", Key::Fraction(5)),
    ("FF6", Key::Fraction(6)),
    ("FX", Key::Exact),
    ("HH24", Key::Hour24),
    ("HH12", Key::Hour12),
    ("HH", Key::Hour12),
    ("IDDD", Key::IsoDayOfYear),
    ("ID", Key::IsoDayOfWeek),
    ("IW", Key::IsoWeek),
    ("IYYY", Key::IsoYear(4)),
    ("IYY", Key::IsoYear(3)),
    ("IY", Key::IsoYear(2)),
    ("I", Key::IsoYear(1)),
    ("J", Key::Julian),
    ("MI", Key::Minute),
    ("MM", Key::Month),
    ("MONTH", Key::MonthName),
    ("MON", Key::MonthShort),
    ("MS", Key::Milliseconds),
    ("OF", Key::Offset),
    ("P.M.", Key::Half { dotted: true }),
    ("PM", Key::Half { dotted: false }),
    ("Q", Key::Quarter),
    ("RM", Key::MonthRoman),
    ("SSSSS", Key::SecondOfDay),
    ("SSSS", Key::SecondOfDay),
    ("SS", Key::Second),
    ("TZH", Key::ZoneHour),
    ("TZM", Key::ZoneMinute),
    ("TZ", Key::Zone),
    ("US", Key::Microseconds),
    ("WW", Key::WeekOfYear),
    ("W", Key::WeekOfMonth),
    ("Y,YYY", Key::YearWithComma),
    ("YYYY", Key::Year(4)),
    ("YYY", Key::Year(3)),
    ("YY", Key::Year(2)),
    ("Y", Key::Year(1)),
];

/// The field that a text begins with.
fn field_at(text: &str) -> Option<(&'static str, Key, Case)> {
    KEYS.iter().find_map(|(name, key)| {
        let found = text.get(..name.len())?;
        if found == *name {
            return Some((*name, *key, Case::Upper));
        }
        if found.bytes().zip(name.bytes()).all(|(found, wanted)| found == wanted.to_ascii_lowercase()) {
            return Some((*name, *key, Case::Lower));
        }
        let is_name = matches!(key, Key::DayName | Key::DayShort | Key::MonthName | Key::MonthShort);
        let is_capitalized = found.as_bytes()[0] == name.as_bytes()[0]
            && found.bytes().skip(1).eq(name.bytes().skip(1).map(|byte| byte.to_ascii_lowercase()));
        (is_name && is_capitalized).then_some((*name, *key, Case::Capitalized))
    })
}

/// The pieces of a template.
pub(super) fn pieces(template: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = field(rest, &mut found) {
            rest = &rest[length..];
        } else if first == '"' {
            rest = quoted(&rest[1..], &mut found);
        } else if rest.starts_with("\\\"") {
            found.push(Piece::Character('"'));
            rest = &rest[2..];
        } else {
            found.push(match first {
                first if first.is_ascii_whitespace() => Piece::Space(first),
                first if first.is_ascii_punctuation() => Piece::Separator(first),
                first => Piece::Character(first),
            });
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// Takes the text up to the closing quotation mark; gives what is behind it.
fn quoted<'t>(text: &'t str, found: &mut Vec<Piece>) -> &'t str {
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        let taken = match character {
            '"' => return rest,
            '\\' => {
                let escaped = rest.chars().next().unwrap_or('\\');
                rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                escaped
            }
            other => other,
        };
        found.push(Piece::Character(taken));
    }
    rest
}

/// Takes a field with what stands before and behind it; gives its length.
fn field(text: &str, found: &mut Vec<Piece>) -> Option<usize> {
    let mut at = 0;
    let mut fills = true;
    while let Some(prefix) = text.get(at..at + 2) {
        match prefix {
            "FM" | "fm" | "TM" | "tm" => fills = false,
            _ => break,
        }
        at += 2;
    }
    let (name, key, case) = match field_at(&text[at..]) {
        Some(field) => field,
        // What was taken for a prefix stands for itself with nothing to fill.
        None if at > 0 => return Some(at),
        None => return None,
    };
    at += name.len();
    let ordinal = match text.get(at..at + 2) {
        Some("TH") => Some(Case::Upper),
        Some("th") => Some(Case::Lower),
        _ => None,
    };
    at += if ordinal.is_some() { 2 } else { 0 };
    found.push(Piece::Field(Field { key, name, case, fills, ordinal }));
    Some(at)
}
