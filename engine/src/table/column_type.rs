//! The types of columns.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a column's values; names and meaning are PostgreSQL's.
///
/// Stored in definitions by position: new types are added at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// Whole numbers of 16 bits.
    Int2,
    /// Whole numbers of 32 bits.
    Int4,
    /// Whole numbers of 64 bits.
    Int8,
    /// Floating-point numbers of 32 bits.
    Float4,
    /// Floating-point numbers of 64 bits.
    Float8,
    /// Exact decimal numbers of up to [`NUMERIC_DIGITS_MAX`](crate::limits::NUMERIC_DIGITS_MAX) digits.
    Numeric,
    /// Text, ordered by its bytes (the "C" collation); without NUL characters.
    Text,
    /// Bytes.
    Bytea,
    /// Days.
    Date,
    /// Times of day, in microseconds.
    Time,
    /// Days and times without a zone, in microseconds.
    Timestamp,
    /// Moments, in microseconds.
    TimestampTz,
    /// UUIDs.
    Uuid,
    /// JSON of up to 64 levels; it cannot be part of a key or index.
    Jsonb,
}

impl ColumnType {
    /// Every type, for whoever tries all of them.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) const ALL: [ColumnType; 15] = [
        ColumnType::Bool,
        ColumnType::Int2,
        ColumnType::Int4,
        ColumnType::Int8,
        ColumnType::Float4,
        ColumnType::Float8,
        ColumnType::Numeric,
        ColumnType::Text,
        ColumnType::Bytea,
        ColumnType::Date,
        ColumnType::Time,
        ColumnType::Timestamp,
        ColumnType::TimestampTz,
        ColumnType::Uuid,
        ColumnType::Jsonb,
    ];

    /// Whether columns of this type can be part of a primary key or index.
    pub fn is_ordered(self) -> bool {
        self != ColumnType::Jsonb
    }

    /// Whether a key tells everything about a value: equal numbers may differ in their digits, or in the sign of zero.
    pub(crate) fn survives_keys(self) -> bool {
        !matches!(self, ColumnType::Float4 | ColumnType::Float8 | ColumnType::Numeric)
    }

    pub(crate) fn is_temporal(self) -> bool {
        matches!(self, ColumnType::Date | ColumnType::Time | ColumnType::Timestamp | ColumnType::TimestampTz)
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8)
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ColumnType::Bool => "bool",
            ColumnType::Int2 => "int2",
            ColumnType::Int4 => "int4",
            ColumnType::Int8 => "int8",
            ColumnType::Float4 => "float4",
            ColumnType::Float8 => "float8",
            ColumnType::Numeric => "numeric",
            ColumnType::Text => "text",
            ColumnType::Bytea => "bytea",
            ColumnType::Date => "date",
            ColumnType::Time => "time",
            ColumnType::Timestamp => "timestamp",
            ColumnType::TimestampTz => "timestamptz",
            ColumnType::Uuid => "uuid",
            ColumnType::Jsonb => "jsonb",
        })
    }
}
