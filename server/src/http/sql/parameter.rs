//! Values of parameters from JSON, by the types that the statement gives them.
//!
//! ```text
//!   null NULL     true, numbers, text   read as the type reads text     arrays   of an array type, member by member
//!   anything      as it is, for json and jsonb; text that is to be a JSON string is written as one
//! ```

use marquetry::sql::{Environment, SqlType, parse_value};
use marquetry::table::Value;
use marquetry::{Error, Result};
use serde_json::Value as Json;

pub(super) fn values(given: &[Json], types: &[SqlType], environment: &Environment) -> Result<Vec<Value>> {
    if given.len() != types.len() {
        let (given, wanted) = (given.len(), types.len());
        return Err(Error::invalid(format!("the statement has {wanted} parameters, and {given} values are given")));
    }
    let value = |(position, (json, sql_type)): (usize, (&Json, &SqlType))| {
        value(json, sql_type, environment).map_err(|error| error.context(format_args!("parameter {}", position + 1)))
    };
    given.iter().zip(types).enumerate().map(value).collect()
}

fn value(json: &Json, sql_type: &SqlType, environment: &Environment) -> Result<Value> {
    match (json, sql_type) {
        (Json::Null, _) => Ok(Value::Null),
        (json, SqlType::Jsonb) => Ok(Value::Jsonb(json.clone())),
        (json, SqlType::Json) => Ok(Value::Text(json.to_string())),
        (Json::Array(members), SqlType::Array(element)) => {
            let members = members.iter().map(|member| value(member, element, environment));
            Ok(Value::Array(members.collect::<Result<_>>()?))
        }
        (Json::String(text), sql_type) => parse_value(text, sql_type, -1, environment),
        (Json::Bool(_) | Json::Number(_), sql_type) => parse_value(&json.to_string(), sql_type, -1, environment),
        (Json::Array(_) | Json::Object(_), sql_type) => {
            Err(Error::invalid(format!("JSON arrays and objects are no values of type {sql_type}")))
        }
    }
}
