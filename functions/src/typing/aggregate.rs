//! Functions of groups of rows.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::SortOptions;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::{AggregateUDF, Expr};

use super::Typing;
use super::cast::cast_column;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{
    Aggregation, Call, Collection, Function, FunctionKind, Implementation, collector, evaluate_rows,
};
use crate::sql_type::SqlType;
use crate::typed::Typed;

/// A call of an aggregate.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// Its name, in lower case.
    pub name: String,
    /// What stands in the parentheses; nothing for `count(*)`.
    pub arguments: Vec<Typed>,
    /// Whether equal rows count once.
    pub distinct: bool,
    /// The order of the rows, in the parentheses or `WITHIN GROUP`.
    pub order_by: Vec<OrderKey>,
    /// Whether the order was given `WITHIN GROUP`.
    pub within_group: bool,
    /// Which rows count.
    pub filter: Option<Typed>,
}

/// What rows are ordered by.
#[derive(Debug, Clone)]
pub struct OrderKey {
    /// The value.
    pub value: Typed,
    /// Whether the largest comes first.
    pub descending: bool,
    /// Whether NULLs come first.
    pub nulls_first: bool,
}

/// Aggregates of which the same row may be seen twice without a difference.
const INDIFFERENT: [&str; 8] = ["min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "any_value"];

impl Typing {
    /// The aggregate as an `Expr::AggregateFunction`.
    pub fn aggregate(&self, call: AggregateCall) -> SqlResult<Typed> {
        let AggregateCall { name, mut arguments, distinct, mut order_by, within_group, filter } = call;
        let direct = arguments.len();
        if within_group {
            arguments.extend(order_by.iter().map(|key| key.value.clone()));
        }
        let function = self.find_aggregate(&name, &arguments)?;
        let (arguments, call) = self.prepare(&function, arguments)?;
        if within_group {
            // What is ordered is what was made of it.
            for (key, argument) in order_by.iter_mut().zip(&arguments[direct..]) {
                key.value = argument.clone();
            }
        }
        let filter = filter.map(|filter| Box::new(filter.expr));
        let (aggregate, arguments, distinct, returns) = match &function.implementation {
            Implementation::Aggregate(make) if !distinct || INDIFFERENT.contains(&name.as_str()) => {
                let made = make(&call)?;
                (made.aggregate, self.wanted(arguments, &made.arguments)?, false, made.returns)
            }
            Implementation::Aggregate(make) if name == "count" => {
                let keys = arguments.into_iter().map(|argument| self.sort_key(argument));
                let made = make(&call)?;
                (made.aggregate, keys.collect::<SqlResult<Vec<_>>>()?, true, made.returns)
            }
            _ => {
                let (aggregate, arguments, returns) = self.collected(&function, call, arguments, distinct, order_by)?;
                (aggregate, arguments, false, returns)
            }
        };
        let arguments = if arguments.is_empty() {
            vec![super::literal(ScalarValue::Int64(Some(1)))]
        } else {
            arguments.into_iter().map(|argument| argument.expr).collect()
        };
        let expr = AggregateFunction::new_udf(aggregate, arguments, distinct, filter, Vec::new(), None);
        Ok(Typed::new(Expr::AggregateFunction(expr), returns))
    }

    fn find_aggregate(&self, name: &str, arguments: &[Typed]) -> SqlResult<Arc<Function>> {
        let function = self.find_function(name, arguments)?;
        if function.kind != FunctionKind::Aggregate {
            return Err(SqlError::new(Condition::WrongObjectType, format!("{name} is not an aggregate function")));
        }
        Ok(function)
    }

    /// The aggregate over all rows at once, with the columns that say which of them count and in which order.
    fn collected(
        &self,
        function: &Arc<Function>,
        call: Call,
        mut arguments: Vec<Typed>,
        distinct: bool,
        order_by: Vec<OrderKey>,
    ) -> SqlResult<(Arc<AggregateUDF>, Vec<Typed>, SqlType)> {
        let count = arguments.len();
        if distinct {
            for index in 0..count {
                arguments.push(self.sort_key(arguments[index].clone())?);
            }
        }
        let mut order = Vec::new();
        for key in order_by {
            let value = self.settled(key.value)?;
            arguments.push(self.sort_key(value)?);
            order.push(SortOptions { descending: key.descending, nulls_first: key.nulls_first });
        }
        let collection = Collection { arguments: count, distinct: if distinct { count } else { 0 }, order };
        let (aggregate, returns) = collecting(function, call, collection)?;
        Ok((aggregate, arguments, returns))
    }

    /// The arguments in the types that an aggregate wants them in.
    pub(super) fn wanted(&self, arguments: Vec<Typed>, wanted: &[SqlType]) -> SqlResult<Vec<Typed>> {
        let cast = |(argument, to): (Typed, &SqlType)| {
            if argument.sql_type == *to {
                return Ok(argument);
            }
            self.cast(argument, to, -1, crate::typed::CastContext::Explicit)
        };
        arguments.into_iter().zip(wanted).map(cast).collect()
    }

    /// The value, a bare string as a text.
    pub(super) fn settled(&self, value: Typed) -> SqlResult<Typed> {
        if value.sql_type != SqlType::Unknown {
            return Ok(value);
        }
        self.cast(value, &SqlType::Text, -1, crate::typed::CastContext::Implicit)
    }
}

/// The function as an aggregate that sees all rows at once.
pub(super) fn collecting(
    function: &Function,
    call: Call,
    collection: Collection,
) -> SqlResult<(Arc<AggregateUDF>, SqlType)> {
    match &function.implementation {
        Implementation::Collect(finish) => {
            let returns = call.returns.clone();
            Ok((collector(&function.name, call, collection, finish.clone()), returns))
        }
        Implementation::Aggregate(make) => {
            let Aggregation { aggregate, arguments, returns } = make(&call)?;
            let call = Call { returns: returns.clone(), ..call };
            let finish = Arc::new(move |call: &Call, columns: &[ArrayRef], _: usize| {
                let wanted = columns.iter().zip(call.arguments.iter().zip(&arguments));
                let columns = wanted
                    .map(|(column, (from, to))| {
                        cast_column(&Call::new(&call.environment, vec![from.clone()], to.clone()), column)
                    })
                    .collect::<SqlResult<Vec<_>>>()?;
                evaluate_rows(&aggregate, &columns)
            });
            Ok((collector(&function.name, call, collection, finish), returns))
        }
        _ => Err(SqlError::new(Condition::InternalError, "not an aggregate")),
    }
}
