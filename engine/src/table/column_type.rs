//! The types of columns.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// What is added to the code of a scalar type for the type of arrays of it.
const ARRAY_CODE: u32 = 64;

macro_rules! types {
    ($($(#[doc = $doc:literal])* $name:ident $code:literal $text:literal;)*) => {
        /// The type of a column's values; names and meaning are PostgreSQL's.
        ///
        /// As text, and in JSON, by its name: `int8`, `text[]`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ColumnType {
            $($(#[doc = $doc])* $name,)*
            /// Lists of values of one type, any of them NULL; of one dimension.
            Array(ElementType),
        }

        /// The type of an array's elements.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ElementType {
            $($(#[doc = $doc])* $name,)*
        }

        impl ElementType {
            /// Every type.
            pub(crate) const ALL: &[ElementType] = &[$(ElementType::$name,)*];

            /// The number by which definitions know it.
            fn code(self) -> u32 {
                match self { $(ElementType::$name => $code,)* }
            }

            fn name(self) -> &'static str {
                match self { $(ElementType::$name => $text,)* }
            }
        }

        impl From<ElementType> for ColumnType {
            fn from(element: ElementType) -> Self {
                match element { $(ElementType::$name => ColumnType::$name,)* }
            }
        }

        impl ColumnType {
            /// Every type, for whoever tries all of them.
            #[cfg(any(test, feature = "fuzzing"))]
            pub(crate) const ALL: &[ColumnType] =
                &[$(ColumnType::$name,)* $(ColumnType::Array(ElementType::$name),)*];

            /// The type of elements that has these values; `None` for arrays.
            pub fn element(self) -> Option<ElementType> {
                match self {
                    $(ColumnType::$name => Some(ElementType::$name),)*
                    ColumnType::Array(_) => None,
                }
            }
        }
    };
}

types! {
    /// True or false.
    Bool 0 "bool";
    /// Whole numbers of 16 bits.
    Int2 1 "int2";
    /// Whole numbers of 32 bits.
    Int4 2 "int4";
    /// Whole numbers of 64 bits.
    Int8 3 "int8";
    /// Floating-point numbers of 32 bits.
    Float4 4 "float4";
    /// Floating-point numbers of 64 bits.
    Float8 5 "float8";
    /// Exact decimal numbers of up to [`NUMERIC_DIGITS_MAX`](crate::limits::NUMERIC_DIGITS_MAX) digits.
    Numeric 6 "numeric";
    /// Text, ordered by its bytes (the "C" collation); without NUL characters.
    Text 7 "text";
    /// Bytes.
    Bytea 8 "bytea";
    /// Days.
    Date 9 "date";
    /// Times of day, in microseconds.
    Time 10 "time";
    /// Days and times without a zone, in microseconds.
    Timestamp 11 "timestamp";
    /// Moments, in microseconds.
    TimestampTz 12 "timestamptz";
    /// UUIDs.
    Uuid 13 "uuid";
    /// JSON of up to 64 levels; it cannot be part of a key or index.
    Jsonb 14 "jsonb";
    /// Times of day at an offset from UTC, in microseconds.
    TimeTz 15 "timetz";
    /// Spans of time: months, days and microseconds.
    Interval 16 "interval";
}

impl ColumnType {
    /// Whether columns of this type can be part of a primary key or index.
    pub fn is_ordered(self) -> bool {
        !matches!(self, ColumnType::Jsonb | ColumnType::Array(ElementType::Jsonb))
    }

    /// Whether a key tells everything about a value: equal numbers may differ in their digits, or in the sign of zero, and
    /// 30 days equal a month.
    pub(crate) fn survives_keys(self) -> bool {
        match self {
            ColumnType::Float4 | ColumnType::Float8 | ColumnType::Numeric | ColumnType::Interval => false,
            ColumnType::Array(element) => ColumnType::from(element).survives_keys(),
            _ => true,
        }
    }

    pub(crate) fn is_temporal(self) -> bool {
        matches!(self, ColumnType::Date | ColumnType::Time | ColumnType::Timestamp | ColumnType::TimestampTz)
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8)
    }

    /// The number by which definitions know the type; new types get new ones.
    pub(crate) fn code(self) -> u32 {
        match (self, self.element()) {
            (ColumnType::Array(element), _) => ARRAY_CODE + element.code(),
            (_, element) => element.map_or(0, ElementType::code),
        }
    }

    fn from_code(code: u32) -> Option<Self> {
        let scalar = |code| ElementType::ALL.iter().copied().find(|element| element.code() == code);
        match code.checked_sub(ARRAY_CODE) {
            Some(code) => scalar(code).map(ColumnType::Array),
            None => scalar(code).map(ColumnType::from),
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.element()) {
            (ColumnType::Array(element), _) => write!(f, "{element}[]"),
            (_, element) => f.write_str(element.map_or("", ElementType::name)),
        }
    }
}

impl FromStr for ColumnType {
    type Err = Error;

    /// The type called `text`, such as `int8` or `text[]`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, is_array) = match text.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (text, false),
        };
        match ElementType::ALL.iter().copied().find(|element| element.name() == name) {
            Some(element) if is_array => Ok(ColumnType::Array(element)),
            Some(element) => Ok(element.into()),
            None => {
                let shown: String = text.chars().take(64).collect();
                let names: Vec<&str> = ElementType::ALL.iter().map(|element| element.name()).collect();
                Err(Error::invalid(format!(
                    "there is no type {shown:?}; use one of {}, or one of them with [] for arrays",
                    names.join(", ")
                )))
            }
        }
    }
}

impl Serialize for ColumnType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.collect_str(self),
            false => serializer.serialize_u32(self.code()),
        }
    }
}

impl<'de> Deserialize<'de> for ColumnType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return String::deserialize(deserializer)?.parse().map_err(de::Error::custom);
        }
        let code = u32::deserialize(deserializer)?;
        ColumnType::from_code(code).ok_or_else(|| de::Error::custom(format_args!("there is no type {code}")))
    }
}
