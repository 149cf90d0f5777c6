//! Names of types as statements write them.

use marquetry_functions::{Condition, SqlError, SqlType};
use sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, TimezoneInfo, TypeModifier,
};

use super::Binder;
use super::name::parts;
use crate::error::Result;

/// A type and its modifier, or -1.
pub(crate) type ModifiedType = (SqlType, i32);

impl Binder<'_> {
    /// The type that `name` stands for, with its modifier.
    pub(crate) fn data_type(&self, name: &DataType) -> Result<ModifiedType> {
        let plain = |sql_type| Ok((sql_type, -1));
        match name {
            DataType::Bool | DataType::Boolean => plain(SqlType::Bool),
            DataType::SmallInt(None) | DataType::Int2(None) => plain(SqlType::Int2),
            DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) => plain(SqlType::Int4),
            DataType::BigInt(None) | DataType::Int8(None) => plain(SqlType::Int8),
            DataType::Real | DataType::Float4 => plain(SqlType::Float4),
            DataType::DoublePrecision | DataType::Float8 => plain(SqlType::Float8),
            DataType::Float(precision) => float(precision),
            DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) => numeric(digits),
            DataType::Text => plain(SqlType::Text),
            DataType::Varchar(length) | DataType::CharacterVarying(length) | DataType::CharVarying(length) => {
                Ok((SqlType::Varchar, character_modifier(length.as_ref(), -1)?))
            }
            DataType::Char(length) | DataType::Character(length) => {
                Ok((SqlType::Bpchar, character_modifier(length.as_ref(), 5)?))
            }
            DataType::Bytea => plain(SqlType::Bytea),
            DataType::Uuid => plain(SqlType::Uuid),
            DataType::JSON => plain(SqlType::Json),
            DataType::JSONB => plain(SqlType::Jsonb),
            DataType::Date => plain(SqlType::Date),
            DataType::Time(precision, zone) => {
                let sql_type = if has_zone(zone) { SqlType::TimeTz } else { SqlType::Time };
                Ok((sql_type, time_modifier(*precision)?))
            }
            DataType::Timestamp(precision, zone) => {
                let sql_type = if has_zone(zone) { SqlType::TimestampTz } else { SqlType::Timestamp };
                Ok((sql_type, time_modifier(*precision)?))
            }
            DataType::Interval { fields: None, precision } => Ok((SqlType::Interval, time_modifier(*precision)?)),
            DataType::Interval { fields: Some(_), precision: None } => plain(SqlType::Interval),
            DataType::Regclass => plain(SqlType::Regclass),
            DataType::TsVector => plain(SqlType::TsVector),
            DataType::TsQuery => plain(SqlType::TsQuery),
            DataType::Array(element) => self.array_type(element),
            DataType::Custom(name, modifiers) => self.named_type(name, modifiers),
            other => Err(SqlError::new(Condition::UndefinedObject, format!("type \"{other}\" does not exist")).into()),
        }
    }

    fn array_type(&self, element: &ArrayElemTypeDef) -> Result<ModifiedType> {
        match element {
            ArrayElemTypeDef::SquareBracket(element, _) => {
                let (element, type_modifier) = self.data_type(element)?;
                match element {
                    // PostgreSQL has one type of arrays, of however many dimensions.
                    SqlType::Array(_) => Ok((element, type_modifier)),
                    element => Ok((element.array_of(), type_modifier)),
                }
            }
            other => Err(SqlError::unsupported(format!("the type {}", DataType::Array(other.clone()))).into()),
        }
    }

    fn named_type(&self, name: &ObjectName, modifiers: &[TypeModifier]) -> Result<ModifiedType> {
        let parts = parts(name)?;
        let (schema, plain) = match &parts[..] {
            [name] => (None, name.as_str()),
            [schema, name] => (Some(schema.as_str()), name.as_str()),
            [_, schema, name] => (Some(schema.as_str()), name.as_str()),
            _ => return Err(undefined(&parts.join("."))),
        };
        let numbers = modifiers.iter().map(|modifier| match modifier {
            TypeModifier::Identifier(name) => name.value.parse::<u64>(),
            TypeModifier::Number(text, _) | TypeModifier::String(text) => text.parse::<u64>(),
        });
        let numbers = numbers.collect::<Result<Vec<u64>, _>>().map_err(|_| {
            SqlError::new(Condition::SyntaxError, format!("the modifier of type \"{plain}\" is no number"))
        })?;
        if schema.is_none_or(|schema| schema == "pg_catalog")
            && let Some(sql_type) = SqlType::by_name(plain)
        {
            return modified(sql_type, &numbers);
        }
        match self.catalog.type_by_name(schema, plain)? {
            Some(sql_type) => Ok((sql_type, -1)),
            None => Err(undefined(&parts.join("."))),
        }
    }
}

fn undefined(name: &str) -> crate::error::Error {
    SqlError::new(Condition::UndefinedObject, format!("type \"{name}\" does not exist")).into()
}

fn modified(sql_type: SqlType, numbers: &[u64]) -> Result<ModifiedType> {
    let invalid = || {
        SqlError::new(Condition::InvalidParameterValue, format!("type modifier is not allowed for type \"{sql_type}\""))
    };
    match (&sql_type, numbers) {
        // The name alone, as in casts of catalogues, has no length.
        (_, []) => Ok((sql_type, -1)),
        (SqlType::Varchar | SqlType::Bpchar, [length]) => {
            let length = CharacterLength::IntegerLength { length: *length, unit: None };
            Ok((sql_type, character_modifier(Some(&length), -1)?))
        }
        (SqlType::Numeric(_), [precision]) => numeric(&ExactNumberInfo::Precision(*precision)),
        (SqlType::Numeric(_), [precision, scale]) => {
            numeric(&ExactNumberInfo::PrecisionAndScale(*precision, i64::try_from(*scale).unwrap_or(i64::MAX)))
        }
        (SqlType::Time | SqlType::TimeTz | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval, [digits]) => {
            Ok((sql_type, time_modifier(Some(*digits))?))
        }
        _ => Err(invalid().into()),
    }
}

fn has_zone(zone: &TimezoneInfo) -> bool {
    matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz)
}

fn time_modifier(precision: Option<u64>) -> Result<i32> {
    Ok(precision.map_or(-1, |digits| i32::try_from(digits.min(6)).unwrap_or(6)))
}

fn float(precision: &ExactNumberInfo) -> Result<ModifiedType> {
    match precision {
        ExactNumberInfo::None => Ok((SqlType::Float8, -1)),
        ExactNumberInfo::Precision(1..=24) => Ok((SqlType::Float4, -1)),
        ExactNumberInfo::Precision(25..=53) => Ok((SqlType::Float8, -1)),
        _ => Err(SqlError::new(Condition::InvalidParameterValue, "precision for type float must be from 1 to 53 bits")
            .into()),
    }
}

fn numeric(digits: &ExactNumberInfo) -> Result<ModifiedType> {
    let (precision, scale) = match digits {
        ExactNumberInfo::None => return Ok((SqlType::NUMERIC, -1)),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    if !(1..=1000).contains(&precision) {
        let message = format!("NUMERIC precision {precision} must be between 1 and 1000");
        return Err(SqlError::new(Condition::InvalidParameterValue, message).into());
    }
    let (Ok(precision), Ok(scale)) = (u32::try_from(precision), u32::try_from(scale)) else {
        return Err(SqlError::unsupported("a negative scale of numeric").into());
    };
    if scale > 1000 {
        let message = format!("NUMERIC scale {scale} must be between -1000 and 1000");
        return Err(SqlError::new(Condition::InvalidParameterValue, message).into());
    }
    let type_modifier = i32::try_from((precision << 16) | scale).unwrap_or(i32::MAX - 4) + 4;
    Ok((SqlType::decimal(precision, scale), type_modifier))
}

fn character_modifier(length: Option<&CharacterLength>, without: i32) -> Result<i32> {
    let length = match length {
        None => return Ok(without),
        Some(CharacterLength::IntegerLength { length, unit: None }) => *length,
        Some(other) => return Err(SqlError::unsupported(format!("the length {other} of a type")).into()),
    };
    match i32::try_from(length) {
        Ok(length @ 1..=10_485_760) => Ok(length + 4),
        Ok(0) => {
            Err(SqlError::new(Condition::InvalidParameterValue, "length for type varchar must be at least 1").into())
        }
        _ => {
            Err(SqlError::new(Condition::InvalidParameterValue, "length for type varchar cannot exceed 10485760")
                .into())
        }
    }
}
