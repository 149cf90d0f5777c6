//! Array constructors, and comparisons with all or any elements of an array.

use datafusion::functions_nested::make_array::make_array;
use datafusion::logical_expr::Expr;
use marquetry_functions::{CastContext, Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{self, BinaryOperator};

use super::Binder;
use super::clause::Clause;
use super::expression::operator_symbol;
use super::scope::Scope;
use crate::error::Result;

impl Binder<'_> {
    pub(super) fn array(&self, array: &ast::Array, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        self.array_of(array, None, scope, clause)
    }

    /// `ARRAY[a, b]`, of elements of type `wanted` where that is said.
    pub(super) fn array_of(
        &self,
        array: &ast::Array,
        wanted: Option<&SqlType>,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        if array.elem.is_empty() {
            let Some(element) = wanted else {
                let error = SqlError::new(Condition::IndeterminateDatatype, "cannot determine type of empty array");
                return Err(error.hint("Explicitly cast to the desired type, for example ARRAY[]::integer[].").into());
            };
            let empty = self.typing.string("{}");
            return Ok(self.typing.cast(empty, &element.clone().array_of(), -1, CastContext::Explicit)?);
        }
        let items = array.elem.iter().map(|item| self.expression(item, scope, clause)).collect::<Result<Vec<_>>>()?;
        let element = match wanted {
            Some(element) => element.clone(),
            None => match self.typing.common_type("ARRAY", &items.iter().collect::<Vec<_>>())? {
                SqlType::Unknown => SqlType::Text,
                found => found,
            },
        };
        if matches!(element, SqlType::Array(_)) {
            return Err(SqlError::unsupported("an array of more than one dimension").into());
        }
        let context = if wanted.is_some() { CastContext::Explicit } else { CastContext::Implicit };
        let cast = |item| Ok(self.typing.cast(item, &element, -1, context)?.expr);
        let items = items.into_iter().map(cast).collect::<Result<Vec<_>>>()?;
        Ok(Typed::new(make_array(items), element.array_of()))
    }

    /// `left op ANY (right)` and `left op ALL (right)`, of an array or a subquery.
    pub(super) fn quantified(
        &self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        is_all: bool,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let right = unnested(right);
        if let ast::Expr::Subquery(query) = right {
            return match (op, is_all) {
                (BinaryOperator::Eq, false) => self.in_subquery(left, query, false, scope, clause),
                (BinaryOperator::NotEq, true) => self.in_subquery(left, query, true, scope, clause),
                _ => self.compared_with_subquery(left, op, query, is_all, scope, clause),
            };
        }
        let value = self.expression(left, scope, clause)?;
        let array = match right {
            ast::Expr::Array(array) => self.array_of(array, None, scope, clause)?,
            other => self.expression(other, scope, clause)?,
        };
        let array = self.array_operand(&value, array)?;
        if let (Expr::ScalarFunction(made), BinaryOperator::Eq, false) = (&array.expr, op, is_all)
            && made.func.name() == "make_array"
            && let Some(found) = self.listed(&value, &made.args, &array.sql_type)?
        {
            return Ok(found);
        }
        let symbol = self.typing.string(operator_symbol(op)?);
        let function = if is_all { "all_of" } else { "any_of" };
        Ok(self.typing.call(function, vec![symbol, value, array])?)
    }

    /// An array that nothing has given a type yet is one of the type that it is compared with.
    fn array_operand(&self, value: &Typed, array: Typed) -> Result<Typed> {
        match (&array.sql_type, &value.sql_type) {
            (SqlType::Array(_), _) => Ok(array),
            (SqlType::Unknown, SqlType::Unknown) => {
                Ok(self.typing.cast(array, &SqlType::Text.array_of(), -1, CastContext::Implicit)?)
            }
            (SqlType::Unknown, element) => {
                let element = match element {
                    SqlType::Varchar => SqlType::Text,
                    SqlType::Numeric(_) => SqlType::NUMERIC,
                    other => other.clone(),
                };
                Ok(self.typing.cast(array, &element.array_of(), -1, CastContext::Implicit)?)
            }
            _ => {
                Err(SqlError::new(Condition::WrongObjectType, "op ANY/ALL (array) requires array on right side").into())
            }
        }
    }

    /// `value IN (items)`, which an index may serve.
    fn listed(&self, value: &Typed, items: &[Expr], sql_type: &SqlType) -> Result<Option<Typed>> {
        let SqlType::Array(element) = sql_type else { return Ok(None) };
        let common = self.typing.common_type("ANY", &[value, &Typed::new(items[0].clone(), (**element).clone())])?;
        let value = self.key_of(value.clone(), &common)?;
        let key = |item: &Expr| self.key_of(Typed::new(item.clone(), (**element).clone()), &common);
        let list = items.iter().map(key).collect::<Result<Vec<_>>>()?;
        Ok(Some(Typed::new(value.in_list(list, false), SqlType::Bool)))
    }
}

fn unnested(tree: &ast::Expr) -> &ast::Expr {
    match tree {
        ast::Expr::Nested(inner) => unnested(inner),
        other => other,
    }
}
