//! UNION, INTERSECT and EXCEPT.
//!
//! ```text
//!   UNION ALL   one after the other          UNION   then DISTINCT
//!   the others  both sides marked, grouped by all columns:   l and r rows of equal columns become
//!               INTERSECT  1 if l and r      INTERSECT ALL  min(l, r)
//!               EXCEPT     1 if l and not r  EXCEPT ALL     l - r
//! ```

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when};
use marquetry_functions::{CastContext, Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{SetExpr, SetOperator, SetQuantifier};

use super::Binder;
use super::grouping::{aggregated, with_columns};
use super::query::BoundQuery;
use super::scope::{Scope, ScopeColumn};
use super::select::{filtered, projected};
use crate::error::Result;
use crate::sql::failure::from_datafusion;

impl Binder<'_> {
    pub(super) fn set_operation(
        &self,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
        parent: Option<&Scope<'_>>,
    ) -> Result<BoundQuery> {
        let is_all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            other => return Err(SqlError::unsupported(format!("{op} {other}")).into()),
        };
        // A long chain leans to the left; its right sides are bound from a list, not by recursion.
        let left = self.bare_body(left, parent)?;
        let right = self.bare_body(right, parent)?;
        let (left, right, columns) = self.unified(left, right, &op.to_string())?;
        let plan = match op {
            SetOperator::Union => {
                let plan = union(left, right)?;
                if is_all { plan } else { self.distinct(plan, &columns)? }
            }
            SetOperator::Intersect | SetOperator::Except => self.counted(left, right, &columns, op, is_all)?,
            SetOperator::Minus => return Err(SqlError::unsupported("MINUS").into()),
        };
        Ok(BoundQuery::new(plan, columns))
    }

    /// Both sides with the same columns: of the types that they have in common, under the names of the left.
    pub(super) fn unified(
        &self,
        left: BoundQuery,
        right: BoundQuery,
        operation: &str,
    ) -> Result<(LogicalPlan, LogicalPlan, Vec<ScopeColumn>)> {
        if left.columns.len() != right.columns.len() {
            let message = format!("each {operation} query must have the same number of columns");
            return Err(SqlError::new(Condition::SyntaxError, message).into());
        }
        let (mut columns, mut lefts, mut rights) = (Vec::new(), Vec::new(), Vec::new());
        for (one, other) in left.columns.iter().zip(&right.columns) {
            let sides = [self.literal_behind(&left.plan, one), self.literal_behind(&right.plan, other)];
            let common = self.typing.common_type(operation, &[&sides[0], &sides[1]])?;
            let common = if common == SqlType::Unknown { SqlType::Text } else { common };
            let column = self.fresh('u');
            let type_modifier = if one.type_modifier == other.type_modifier { one.type_modifier } else { -1 };
            for (side, exprs) in sides.into_iter().zip([&mut lefts, &mut rights]) {
                let value = self.typing.cast(side, &common, -1, CastContext::Implicit)?;
                exprs.push(value.expr.alias(&column.name));
            }
            columns.push(ScopeColumn {
                name: one.name.clone(),
                column,
                sql_type: common,
                type_modifier,
                table_oid: 0,
                attribute: 0,
            });
        }
        Ok((projected(left.plan, lefts)?, projected(right.plan, rights)?, columns))
    }

    /// `column` of `plan`; where it is a bare literal that was made text only for want of a type, that literal.
    fn literal_behind(&self, plan: &LogicalPlan, column: &ScopeColumn) -> Typed {
        if let LogicalPlan::Projection(projection) = plan
            && column.sql_type == SqlType::Text
        {
            for expr in &projection.expr {
                if let Expr::Alias(alias) = expr
                    && alias.name == column.column.name
                    && let Expr::Literal(datafusion::common::ScalarValue::Utf8(text), None) = &*alias.expr
                {
                    return match text {
                        Some(text) => self.typing.string(text.as_str()),
                        None => self.typing.null(),
                    };
                }
            }
        }
        column.typed()
    }

    fn counted(
        &self,
        left: LogicalPlan,
        right: LogicalPlan,
        columns: &[ScopeColumn],
        op: SetOperator,
        is_all: bool,
    ) -> Result<LogicalPlan> {
        let mark = self.fresh('m');
        let marked = |plan, side: i64| with_columns(plan, vec![(lit(side), mark.clone())]);
        let plan = union(marked(left, 1)?, marked(right, -1)?)?;
        let count = |side: i64| -> Result<Expr> {
            let is_side = when(Expr::Column(mark.clone()).eq(lit(side)), lit(1_i64)).otherwise(lit(0_i64));
            Ok(datafusion::functions_aggregate::sum::sum(is_side.map_err(from_datafusion)?))
        };
        let (lefts, rights) = (self.fresh('a'), self.fresh('a'));
        let mut groups = Vec::new();
        let mut aggregates = vec![(count(1)?, lefts.clone()), (count(-1)?, rights.clone())];
        let mut shown = Vec::new();
        for column in columns {
            let key = self.typing.sort_key(column.typed())?;
            let group = self.fresh('g');
            if key.expr == Expr::Column(column.column.clone()) {
                shown.push(group.clone());
            } else {
                let first = datafusion::functions_aggregate::first_last::first_value(
                    Expr::Column(column.column.clone()),
                    Vec::new(),
                );
                let name = self.fresh('a');
                aggregates.push((first, name.clone()));
                shown.push(name);
            }
            groups.push((key.expr, group));
        }
        let plan = aggregated(plan, groups, aggregates)?;
        let (lefts, rights) = (Expr::Column(lefts), Expr::Column(rights));
        let copies = match op {
            SetOperator::Intersect => when(lefts.clone().lt(rights.clone()), lefts.clone()).otherwise(rights.clone()),
            _ => Ok(lefts.clone() - rights.clone()),
        };
        let is_there = match op {
            SetOperator::Intersect => lefts.gt(lit(0_i64)).and(rights.gt(lit(0_i64))),
            _ if is_all => lefts.gt(rights),
            _ => lefts.gt(lit(0_i64)).and(rights.eq(lit(0_i64))),
        };
        let mut plan = filtered(plan, is_there)?;
        if is_all {
            plan = self.repeated(plan, copies.map_err(from_datafusion)?)?;
        }
        let exprs = shown.into_iter().zip(columns).map(|(from, to)| Expr::Column(from).alias(&to.column.name));
        projected(plan, exprs.collect())
    }

    /// `plan` with each of its rows as often as `copies` says.
    fn repeated(&self, plan: LogicalPlan, copies: Expr) -> Result<LogicalPlan> {
        let one = self.typing.cast(self.typing.number("1")?, &SqlType::Int8, -1, CastContext::Implicit)?;
        let list = self.typing.set_returning("generate_series", vec![one, Typed::new(copies, SqlType::Int8)])?;
        let name: Column = self.fresh('s');
        self.unnested(plan, vec![(list, name)])
    }
}

fn union(left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(left).union(right).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)
}
