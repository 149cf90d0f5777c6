//! Operators.

use super::Typing;
use super::resolve::Choice;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::sql_type::SqlType;
use crate::typed::Typed;

impl Typing {
    /// `left name right`, or `name right` of a prefix operator.
    pub fn operator(&self, name: &str, left: Option<Typed>, right: Typed) -> SqlResult<Typed> {
        let operands: Vec<Typed> = left.into_iter().chain([right]).collect();
        let types: Vec<SqlType> = operands.iter().map(|operand| operand.sql_type.clone()).collect();
        let name = if name == "!=" { "<>" } else { name };
        match self.choose_operator(name, &types) {
            Choice::One(function) => self.make_call(&function, operands),
            Choice::None => Err(missing(name, &types)),
            Choice::Several => Err(SqlError::new(
                Condition::AmbiguousFunction,
                format!("operator is not unique: {}", shown(name, &types)),
            )
            .hint("Could not choose a best candidate operator. You might need to add explicit type casts.")),
        }
    }
}

fn shown(name: &str, types: &[SqlType]) -> String {
    match types {
        [left, right] => format!("{} {name} {}", left.name(), right.name()),
        _ => format!("{name} {}", types.iter().map(SqlType::name).collect::<Vec<_>>().join(" ")),
    }
}

fn missing(name: &str, types: &[SqlType]) -> SqlError {
    let hint = if types.len() == 2 {
        "No operator matches the given name and argument types. You might need to add explicit type casts."
    } else {
        "No operator matches the given name and argument type. You might need to add an explicit type cast."
    };
    SqlError::new(Condition::UndefinedFunction, format!("operator does not exist: {}", shown(name, types))).hint(hint)
}
