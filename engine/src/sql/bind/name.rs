//! Names as statements write them: folded to lower case unless quoted.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

/// The name that `ident` stands for.
pub(crate) fn name(ident: &Ident) -> String {
    match ident.quote_style {
        None => ident.value.to_lowercase(),
        Some(_) => ident.value.clone(),
    }
}

/// The parts of a name with dots.
pub(crate) fn parts(object: &ObjectName) -> Result<Vec<String>, SqlError> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Ok(name(ident)),
        ObjectNamePart::Function(_) => Err(SqlError::unsupported(format!("the name {object}"))),
    };
    object.0.iter().map(part).collect()
}

/// The schema, if it is said, and the name of an object.
pub(crate) fn schema_and_name(object: &ObjectName) -> Result<(Option<String>, String), SqlError> {
    let mut parts = parts(object)?;
    let name = parts.pop().unwrap_or_default();
    match parts.len() {
        0 => Ok((None, name)),
        // A database in front is this one.
        1 | 2 => Ok((parts.pop(), name)),
        _ => Err(SqlError::new(
            Condition::SyntaxError,
            format!("improper qualified name (too many dotted names): {object}"),
        )),
    }
}
