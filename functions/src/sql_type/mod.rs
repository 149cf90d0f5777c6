//! The one table of types.
//!
//! ```text
//!   bool Boolean       int2 Int16   int4 Int32   int8 Int64      float4 Float32   float8 Float64     oid, reg* UInt32
//!   text, varchar, char, name, json, jsonb, enums, unknown  Utf8                  bytea Binary       uuid FixedSizeBinary(16)
//!   numeric            Decimal128(p, s) where the scale is known, else Binary: see `NumericForm`
//!   date Date32        time Time64(us)  timestamp Timestamp(us)  timestamptz Timestamp(us, "UTC")    timetz Int64, see `timetz`
//!   interval Interval(MonthDayNano), of whole microseconds       array List(element)                 record Struct(f1, f2, ...)
//! ```

mod catalogue;
mod modifier;

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

pub use modifier::{length_modifier, numeric_modifier};

/// How the numbers of an expression of type numeric are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NumericForm {
    /// All have `scale` digits after the point and at most `precision` in all: `Decimal128`, at the speed of the machine.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits after the point, 0 to `precision`.
        scale: u8,
    },
    /// Each has its own scale and any size: `Binary`, one byte pair of scale and the digits as a signed number.
    Any,
}

/// An enumerated type.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct EnumType {
    /// The number by which catalogues and clients know the type.
    pub oid: u32,
    /// The number of the type of arrays of it.
    pub array_oid: u32,
    /// The name, with its schema unless that is `public`.
    pub name: String,
    /// The labels in their order.
    pub labels: Vec<String>,
}

/// A type of SQL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are PostgreSQL's")]
pub enum SqlType {
    Unknown,
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric(NumericForm),
    Text,
    Varchar,
    Bpchar,
    /// The type `"char"`: one byte.
    Char,
    Name,
    Bytea,
    Date,
    Time,
    TimeTz,
    Timestamp,
    TimestampTz,
    Interval,
    Uuid,
    Json,
    Jsonb,
    Jsonpath,
    Oid,
    Regclass,
    Regtype,
    Regproc,
    Regprocedure,
    Regoper,
    Regnamespace,
    Regrole,
    Xid,
    PgLsn,
    TsVector,
    TsQuery,
    Void,
    Enum(Arc<EnumType>),
    Array(Arc<SqlType>),
    /// Named fields; also what a whole row is.
    Record(Arc<[(String, SqlType)]>),
}

impl SqlType {
    /// Numeric with digits that differ from number to number.
    pub const NUMERIC: SqlType = SqlType::Numeric(NumericForm::Any);

    /// Numeric of `precision` digits, `scale` of them after the point; precisions over 38 have no fixed form.
    pub fn decimal(precision: u32, scale: u32) -> SqlType {
        match (u8::try_from(precision), u8::try_from(scale)) {
            (Ok(precision @ 1..=38), Ok(scale)) if scale <= precision => {
                SqlType::Numeric(NumericForm::Decimal { precision, scale })
            }
            _ => SqlType::NUMERIC,
        }
    }

    /// The type of arrays of this type.
    pub fn array_of(self) -> SqlType {
        SqlType::Array(Arc::new(self))
    }

    /// The Arrow type of columns of this type.
    pub fn arrow(&self) -> DataType {
        match self {
            SqlType::Bool => DataType::Boolean,
            SqlType::Int2 => DataType::Int16,
            SqlType::Int4 => DataType::Int32,
            SqlType::Int8 | SqlType::TimeTz | SqlType::PgLsn => DataType::Int64,
            SqlType::Float4 => DataType::Float32,
            SqlType::Float8 => DataType::Float64,
            SqlType::Numeric(NumericForm::Decimal { precision, scale }) => {
                DataType::Decimal128(*precision, i8::try_from(*scale).unwrap_or(i8::MAX))
            }
            SqlType::Numeric(NumericForm::Any) | SqlType::Bytea => DataType::Binary,
            SqlType::Date => DataType::Date32,
            SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
            SqlType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            SqlType::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            SqlType::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            SqlType::Uuid => DataType::FixedSizeBinary(16),
            SqlType::Oid
            | SqlType::Regclass
            | SqlType::Regtype
            | SqlType::Regproc
            | SqlType::Regprocedure
            | SqlType::Regoper
            | SqlType::Regnamespace
            | SqlType::Regrole
            | SqlType::Xid => DataType::UInt32,
            SqlType::Array(element) => DataType::List(Arc::new(Field::new("item", element.arrow(), true))),
            SqlType::Record(fields) => DataType::Struct(
                fields.iter().map(|(name, field)| Field::new(name, field.arrow(), true)).collect::<Fields>(),
            ),
            SqlType::Void
            | SqlType::Unknown
            | SqlType::Text
            | SqlType::Varchar
            | SqlType::Bpchar
            | SqlType::Char
            | SqlType::Name
            | SqlType::Json
            | SqlType::Jsonb
            | SqlType::Jsonpath
            | SqlType::TsVector
            | SqlType::TsQuery
            | SqlType::Enum(_) => DataType::Utf8,
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl SqlType {
    /// The name by which PostgreSQL shows the type, without a modifier: `integer`, `timestamp with time zone`.
    pub fn name(&self) -> String {
        let name = match self {
            SqlType::Unknown => "unknown",
            SqlType::Bool => "boolean",
            SqlType::Int2 => "smallint",
            SqlType::Int4 => "integer",
            SqlType::Int8 => "bigint",
            SqlType::Float4 => "real",
            SqlType::Float8 => "double precision",
            SqlType::Numeric(_) => "numeric",
            SqlType::Text => "text",
            SqlType::Varchar => "character varying",
            SqlType::Bpchar => "character",
            SqlType::Char => "\"char\"",
            SqlType::Name => "name",
            SqlType::Bytea => "bytea",
            SqlType::Date => "date",
            SqlType::Time => "time without time zone",
            SqlType::TimeTz => "time with time zone",
            SqlType::Timestamp => "timestamp without time zone",
            SqlType::TimestampTz => "timestamp with time zone",
            SqlType::Interval => "interval",
            SqlType::Uuid => "uuid",
            SqlType::Json => "json",
            SqlType::Jsonb => "jsonb",
            SqlType::Jsonpath => "jsonpath",
            SqlType::Oid => "oid",
            SqlType::Regclass => "regclass",
            SqlType::Regtype => "regtype",
            SqlType::Regproc => "regproc",
            SqlType::Regprocedure => "regprocedure",
            SqlType::Regoper => "regoper",
            SqlType::Regnamespace => "regnamespace",
            SqlType::Regrole => "regrole",
            SqlType::Xid => "xid",
            SqlType::PgLsn => "pg_lsn",
            SqlType::TsVector => "tsvector",
            SqlType::TsQuery => "tsquery",
            SqlType::Void => "void",
            SqlType::Enum(found) => return found.name.clone(),
            SqlType::Array(element) => return format!("{}[]", element.name()),
            SqlType::Record(_) => "record",
        };
        name.to_owned()
    }
}
