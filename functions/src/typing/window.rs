//! Functions of a row within its window.

use datafusion::logical_expr::WindowFunctionDefinition;

use super::Typing;
use super::aggregate::collecting;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Collection, Implementation};
use crate::sql_type::SqlType;
use crate::typed::Typed;

impl Typing {
    /// The window function or aggregate that is meant, its arguments as it wants them, and the type of its result.
    pub fn window_function(
        &self,
        name: &str,
        arguments: Vec<Typed>,
    ) -> SqlResult<(WindowFunctionDefinition, Vec<Typed>, SqlType)> {
        let function = self.find_function(name, &arguments)?;
        let (mut arguments, call) = self.prepare(&function, arguments)?;
        let returns = call.returns.clone();
        match &function.implementation {
            Implementation::Window(make) => Ok((WindowFunctionDefinition::WindowUDF(make(&call)?), arguments, returns)),
            Implementation::Aggregate(make) => {
                let made = make(&call)?;
                arguments = self.wanted(arguments, &made.arguments)?;
                if arguments.is_empty() {
                    arguments.push(self.number("1")?);
                }
                Ok((WindowFunctionDefinition::AggregateUDF(made.aggregate), arguments, made.returns))
            }
            Implementation::Collect(_) => {
                let collection = Collection { arguments: arguments.len(), distinct: 0, order: Vec::new() };
                let (aggregate, returns) = collecting(&function, call, collection)?;
                Ok((WindowFunctionDefinition::AggregateUDF(aggregate), arguments, returns))
            }
            _ => Err(SqlError::new(
                Condition::WrongObjectType,
                format!("OVER specified, but {name} is not a window function nor an aggregate function"),
            )),
        }
    }
}
