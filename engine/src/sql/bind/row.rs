//! Rows as values, and comparisons of rows.
//!
//! ```text
//!   (a, b) = (c, d)      a = c AND b = d
//!   (a, b) < (c, d)      a < c OR (a = c AND b < d)
//! ```

use datafusion::functions::core::expr_fn::{get_field, named_struct};
use datafusion::logical_expr::{Expr, Operator, binary_expr, lit};
use marquetry_functions::{Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{self, BinaryOperator};

use super::Binder;
use super::clause::Clause;
use super::expression::balanced;
use super::function;
use super::scope::{Scope, ScopeRelation};
use crate::error::Result;

impl Binder<'_> {
    /// `(a, b)` as a value.
    pub(super) fn row(&self, items: &[ast::Expr], scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let mut fields = Vec::with_capacity(items.len());
        for (number, item) in items.iter().enumerate() {
            let value = self.expression(item, scope, clause)?;
            fields.push((format!("f{}", number + 1), self.decided(value)?));
        }
        Ok(record(fields))
    }

    /// A relation's row as a value.
    pub(super) fn whole_row(&self, relation: &ScopeRelation) -> Result<Typed, SqlError> {
        Ok(record(relation.columns.iter().map(|column| (column.name.clone(), column.typed())).collect()))
    }

    /// The field `name` of `value`.
    pub(super) fn field(&self, value: Typed, name: &str) -> Result<Typed, SqlError> {
        let SqlType::Record(fields) = &value.sql_type else {
            let message =
                format!("column notation .{name} applied to type {}, which is not a composite type", value.sql_type);
            return Err(SqlError::new(Condition::WrongObjectType, message));
        };
        match fields.iter().find(|(field, _)| field == name) {
            Some((_, sql_type)) => Ok(Typed::new(get_field(value.expr, name), sql_type.clone())),
            None => Err(SqlError::new(
                Condition::UndefinedColumn,
                format!("could not identify column \"{name}\" in record data type"),
            )),
        }
    }

    /// The fields of what is compared as a row.
    fn fields(&self, tree: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Vec<Typed>> {
        match tree {
            ast::Expr::Tuple(items) => items.iter().map(|item| self.expression(item, scope, clause)).collect(),
            ast::Expr::Nested(inner) => self.fields(inner, scope, clause),
            ast::Expr::Function(call) if function::is_row_constructor(call) => {
                function::row_items(call)?.iter().map(|item| self.expression(item, scope, clause)).collect()
            }
            other => {
                let value = self.expression(other, scope, clause)?;
                let SqlType::Record(fields) = value.sql_type.clone() else { return Ok(vec![value]) };
                Ok(fields.iter().map(|(name, _)| self.field(value.clone(), name)).collect::<Result<_, _>>()?)
            }
        }
    }

    pub(super) fn row_comparison(
        &self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let (left, right) = (self.fields(left, scope, clause)?, self.fields(right, scope, clause)?);
        self.compare_rows(left, op, right)
    }

    pub(super) fn compare_rows(&self, left: Vec<Typed>, op: &BinaryOperator, right: Vec<Typed>) -> Result<Typed> {
        if left.len() != right.len() {
            return Err(SqlError::new(Condition::SyntaxError, "unequal number of entries in row expressions").into());
        }
        let pair = |symbol: &str, left: &Typed, right: &Typed| -> Result<Expr> {
            Ok(self.typing.operator(symbol, Some(left.clone()), right.clone())?.expr)
        };
        let each = |symbol: &str, joined: Operator| -> Result<Expr> {
            let pairs = left.iter().zip(&right).map(|(left, right)| pair(symbol, left, right));
            Ok(balanced(pairs.collect::<Result<Vec<_>>>()?, joined))
        };
        let expr = match op {
            BinaryOperator::Eq => each("=", Operator::And)?,
            BinaryOperator::NotEq => each("<>", Operator::Or)?,
            BinaryOperator::Lt | BinaryOperator::LtEq | BinaryOperator::Gt | BinaryOperator::GtEq => {
                let (strict, last) = match op {
                    BinaryOperator::Lt => ("<", "<"),
                    BinaryOperator::LtEq => ("<", "<="),
                    BinaryOperator::Gt => (">", ">"),
                    _ => (">", ">="),
                };
                let mut pairs = left.iter().zip(&right).rev();
                let Some((first_left, first_right)) = pairs.next() else {
                    return Err(SqlError::new(Condition::SyntaxError, "cannot compare rows of zero length").into());
                };
                let mut expr = pair(last, first_left, first_right)?;
                for (left, right) in pairs {
                    let tie = binary_expr(pair("=", left, right)?, Operator::And, expr);
                    expr = binary_expr(pair(strict, left, right)?, Operator::Or, tie);
                }
                expr
            }
            other => return Err(SqlError::unsupported(format!("the operator {other} between rows")).into()),
        };
        Ok(Typed::new(expr, SqlType::Bool))
    }
}

/// A record of named values.
pub(super) fn record(fields: Vec<(String, Typed)>) -> Typed {
    let types = fields.iter().map(|(name, value)| (name.clone(), value.sql_type.clone())).collect();
    let parts = fields.into_iter().flat_map(|(name, value)| [lit(name), value.expr]).collect();
    Typed::new(named_struct(parts), SqlType::Record(types))
}
