//! Values as text, as PostgreSQL prints and reads them.

use marquetry_functions::{Environment, SqlType};

use crate::error::{Error, Result};
use crate::sql::execute::{array_of, value_of};
use crate::table::Value;

/// The text of `value`, which is of type `sql_type`; NULL has none.
///
/// # Errors
/// When the value is not of that type.
pub fn format_value(value: &Value, sql_type: &SqlType, environment: &Environment) -> Result<Option<String>> {
    use arrow::array::Array;
    match value {
        Value::Null => Ok(None),
        Value::Text(text) if !matches!(sql_type, SqlType::Array(_) | SqlType::Record(_)) => Ok(Some(text.clone())),
        Value::Int2(number) => Ok(Some(number.to_string())),
        Value::Int4(number) => Ok(Some(number.to_string())),
        Value::Int8(number) if matches!(sql_type, SqlType::Int8) => Ok(Some(number.to_string())),
        value => {
            let array = array_of(std::iter::once(value), sql_type)?;
            let text = marquetry_functions::text_of(&array, sql_type, environment)?;
            Ok((!text.is_null(0)).then(|| text.value(0).to_owned()))
        }
    }
}

/// The value of type `sql_type` that `text` says.
///
/// # Errors
/// `Invalid` with PostgreSQL's conditions when it says none.
pub fn parse_value(text: &str, sql_type: &SqlType, type_modifier: i32, environment: &Environment) -> Result<Value> {
    if matches!(sql_type, SqlType::Text) {
        return Ok(Value::Text(text.to_owned()));
    }
    let scalar = marquetry_functions::parse_text(text, sql_type, type_modifier, environment).map_err(Error::from)?;
    value_of(&scalar, sql_type)
}
