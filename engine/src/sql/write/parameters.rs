//! Parameters of PREPARE and EXECUTE.

use marquetry_functions::{CastContext, Condition, SqlError, SqlType};
use sqlparser::ast;

use super::{WriteContext, with_binder};
use crate::error::Result;
use crate::sql::bind::{Clause, Relations, Scope};
use crate::sql::execute::{constant, value_of};
use crate::table::Value;

/// The types that PREPARE names.
pub(crate) fn parameter_types(context: &WriteContext, names: &[ast::DataType]) -> Result<Vec<Option<SqlType>>> {
    with_binder(context, |binder| names.iter().map(|name| Ok(Some(binder.data_type(name)?.0))).collect())
}

/// The values of the parameters of EXECUTE.
pub(crate) fn parameter_values(
    context: &WriteContext,
    statement: &str,
    trees: &[ast::Expr],
    types: &[SqlType],
) -> Result<Vec<Value>> {
    if trees.len() != types.len() {
        let message = format!("wrong number of parameters for prepared statement \"{statement}\"");
        let detail = format!("Expected {} parameters but got {}.", types.len(), trees.len());
        return Err(SqlError::new(Condition::SyntaxError, message).detail(detail).into());
    }
    with_binder(context, |binder| {
        let nothing = Relations::default();
        let scope = Scope::new(&nothing, None);
        let value = |(tree, sql_type): (&ast::Expr, &SqlType)| {
            let value = binder.expression(tree, &scope, &Clause::plain("EXECUTE parameter"))?;
            let value = binder.typing.cast(value, sql_type, -1, CastContext::Assignment)?;
            value_of(&constant(&value.expr)?, sql_type)
        };
        trees.iter().zip(types).map(value).collect()
    })
}
