//! Functions that make several rows of one.

use super::Typing;
use super::cast::fold;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{FunctionKind, Returns};
use crate::sql_type::SqlType;
use crate::typed::Typed;

/// A call of a function that makes several rows of one.
#[derive(Debug, Clone)]
pub struct SetReturning {
    /// An expression that gives one list for each row: of the values, or of records if there are several columns.
    pub list: Typed,
    /// The columns.
    pub columns: Vec<(String, SqlType)>,
}

impl Typing {
    /// The call of a function that makes several rows of one.
    pub fn set_returning(&self, name: &str, arguments: Vec<Typed>) -> SqlResult<SetReturning> {
        let function = self.find_function(name, &arguments)?;
        if function.kind != FunctionKind::SetReturning {
            return Err(SqlError::new(Condition::WrongObjectType, format!("{name} does not return a set")));
        }
        let (arguments, call) = self.prepare(&function, arguments)?;
        let element = call.returns.clone();
        let columns = match (&function.returns, &element) {
            (Returns::Table(_), SqlType::Record(columns)) => columns.to_vec(),
            _ => vec![(name.to_owned(), element.clone())],
        };
        let arguments = arguments.into_iter().map(|argument| argument.expr).collect();
        let list = Typed::new(fold(&function, call, arguments)?, element.array_of());
        Ok(SetReturning { list, columns })
    }
}
