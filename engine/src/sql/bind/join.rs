//! FROM: its items side by side, and the joins between them.

use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use marquetry_functions::{CastContext, Condition, SqlError};
use sqlparser::ast::{self, Join, JoinConstraint, JoinOperator, TableWithJoins};

use super::Binder;
use super::clause::Clause;
use super::grouping::with_columns;
use super::name::parts;
use super::scope::{Relations, Scope, ScopeColumn};
use super::values::one_row;
use crate::error::Result;
use crate::sql::failure::from_datafusion;

/// The rows of FROM so far, and what of them can be named.
pub(crate) type Joined = (LogicalPlan, Relations);

impl Binder<'_> {
    /// The items of FROM; one row without columns when there are none.
    pub(crate) fn from(&self, items: &[TableWithJoins], parent: Option<&Scope<'_>>) -> Result<Joined> {
        let mut joined: Option<Joined> = None;
        for item in items {
            joined = Some(self.item(joined, item, parent)?);
        }
        match joined {
            Some(joined) => Ok(joined),
            None => Ok((one_row()?, Relations::default())),
        }
    }

    /// `item` and its joins beside `before`, which lateral ones may look at.
    fn item(&self, before: Option<Joined>, item: &TableWithJoins, parent: Option<&Scope<'_>>) -> Result<Joined> {
        let is_lateral = item.joins.iter().any(|join| super::relation::is_lateral(&join.relation));
        if before.is_none() || is_lateral || super::relation::is_lateral(&item.relation) {
            // One after the other, so that each may look at all before it.
            let mut joined = self.beside(before, &item.relation, parent)?;
            for join in &item.joins {
                joined = self.join(joined, join, parent)?;
            }
            return Ok(joined);
        }
        let joined = self.item(None, item, parent)?;
        match before {
            None => Ok(joined),
            Some(before) => crossed(before, joined),
        }
    }

    fn beside(&self, before: Option<Joined>, factor: &ast::TableFactor, parent: Option<&Scope<'_>>) -> Result<Joined> {
        match before {
            None => self.relation(factor, parent),
            Some(before) if super::relation::is_lateral(factor) => self.lateral(before, factor, false, parent),
            Some(before) => crossed(before, self.relation(factor, parent)?),
        }
    }

    fn join(&self, left: Joined, join: &Join, parent: Option<&Scope<'_>>) -> Result<Joined> {
        let Join { relation, global: false, join_operator } = join else {
            return Err(SqlError::unsupported("GLOBAL JOIN").into());
        };
        let (kind, constraint) = match join_operator {
            JoinOperator::Join(constraint) | JoinOperator::Inner(constraint) => (JoinType::Inner, constraint),
            JoinOperator::Left(constraint) | JoinOperator::LeftOuter(constraint) => (JoinType::Left, constraint),
            JoinOperator::Right(constraint) | JoinOperator::RightOuter(constraint) => (JoinType::Right, constraint),
            JoinOperator::FullOuter(constraint) => (JoinType::Full, constraint),
            JoinOperator::CrossJoin(JoinConstraint::None) => return self.beside(Some(left), relation, parent),
            other => return Err(SqlError::unsupported(format!("the join {other:?}")).into()),
        };
        if super::relation::is_lateral(relation) {
            return self.lateral_join(left, relation, kind, constraint, parent);
        }
        let right = self.relation(relation, parent)?;
        match constraint {
            JoinConstraint::On(condition) => self.join_on(left, right, kind, condition, parent),
            JoinConstraint::Using(names) => {
                let names = names.iter().map(|name| Ok(parts(name)?.concat())).collect::<Result<Vec<_>>>()?;
                self.join_using(left, right, kind, &names)
            }
            JoinConstraint::Natural => {
                let shared = left
                    .1
                    .visible
                    .iter()
                    .filter(|column| right.1.visible.iter().any(|other| other.name == column.name));
                let names: Vec<String> = shared.map(|column| column.name.clone()).collect();
                self.join_using(left, right, kind, &names)
            }
            JoinConstraint::UsingAlias(..) => Err(SqlError::unsupported("an alias of USING").into()),
            JoinConstraint::None => Err(SqlError::new(Condition::SyntaxError, "a join needs ON or USING").into()),
        }
    }

    /// `left` joined with an item that looks at it.
    fn lateral_join(
        &self,
        left: Joined,
        relation: &ast::TableFactor,
        kind: JoinType,
        constraint: &JoinConstraint,
        parent: Option<&Scope<'_>>,
    ) -> Result<Joined> {
        let JoinConstraint::On(condition) = constraint else {
            return Err(SqlError::unsupported("a lateral join without ON").into());
        };
        let is_true = matches!(condition, ast::Expr::Value(value) if value.value == ast::Value::Boolean(true));
        match (kind, is_true) {
            (JoinType::Left, true) => self.lateral(left, relation, true, parent),
            (JoinType::Inner, _) => {
                let (plan, relations) = self.lateral(left, relation, false, parent)?;
                let scope = Scope::new(&relations, parent);
                let condition = self.condition(condition, &scope, &Clause::plain("JOIN/ON"))?;
                Ok((super::select::filtered(plan, condition.expr)?, relations))
            }
            (JoinType::Left, false) => {
                Err(SqlError::unsupported("LEFT JOIN LATERAL with a condition other than true").into())
            }
            _ => Err(SqlError::new(
                Condition::InvalidColumnReference,
                "the combining JOIN type must be INNER or LEFT for a LATERAL reference",
            )
            .into()),
        }
    }

    fn join_on(
        &self,
        left: Joined,
        right: Joined,
        kind: JoinType,
        condition: &ast::Expr,
        parent: Option<&Scope<'_>>,
    ) -> Result<Joined> {
        let relations = left.1.and(right.1)?;
        let scope = Scope::new(&relations, parent);
        // An inner join's condition is a filter, where subqueries may stand.
        let clause = Clause::plain(if kind == JoinType::Inner { "WHERE" } else { "JOIN/ON" });
        let condition = self.condition(condition, &scope, &clause)?;
        let plan = match kind {
            JoinType::Inner => super::select::filtered(cross_plan(left.0, right.0)?, condition.expr)?,
            kind => join_plan(left.0, right.0, kind, vec![condition.expr])?,
        };
        Ok((plan, relations))
    }

    fn join_using(&self, left: Joined, right: Joined, kind: JoinType, names: &[String]) -> Result<Joined> {
        let (mut conditions, mut merged) = (Vec::new(), Vec::new());
        for name in names {
            let (one, other) = (only(&left.1, name, "left")?, only(&right.1, name, "right")?);
            let equal = self.typing.operator("=", Some(one.typed()), other.typed())?;
            conditions.push(equal.expr);
            merged.push((one, other));
        }
        if conditions.is_empty() {
            conditions.push(lit(true));
        }
        let is_other = |column: &ScopeColumn| !names.contains(&column.name);
        let rest: Vec<ScopeColumn> =
            left.1.visible.iter().chain(&right.1.visible).filter(|column| is_other(column)).cloned().collect();
        let mut plan = join_plan(left.0, right.0, kind, conditions)?;
        let mut visible = Vec::new();
        for (one, other) in merged {
            let common = self.typing.common_type("JOIN/USING", &[&one.typed(), &other.typed()])?;
            let is_same = one.sql_type == common && other.sql_type == common;
            visible.push(match kind {
                JoinType::Right if is_same => other,
                JoinType::Inner | JoinType::Left if is_same => one,
                _ => {
                    let sides = match kind {
                        JoinType::Right => vec![other.typed(), one.typed()],
                        _ => vec![one.typed(), other.typed()],
                    };
                    let cast = |side| self.typing.cast(side, &common, -1, CastContext::Implicit);
                    let sides = sides.into_iter().map(cast).collect::<Result<Vec<_>, _>>()?;
                    let column = self.fresh('c');
                    let value = self.typing.call("coalesce", sides)?;
                    plan = with_columns(plan, vec![(value.expr, column.clone())])?;
                    ScopeColumn { column, sql_type: common, table_oid: 0, attribute: 0, ..one }
                }
            });
        }
        visible.extend(rest);
        let relations = left.1.and(right.1)?;
        Ok((plan, Relations { visible, ..relations }))
    }
}

fn only(relations: &Relations, name: &str, side: &str) -> Result<ScopeColumn, SqlError> {
    let mut found = relations.visible.iter().filter(|column| column.name == name);
    match (found.next(), found.next()) {
        (Some(column), None) => Ok(column.clone()),
        (Some(_), Some(_)) => Err(SqlError::new(
            Condition::AmbiguousColumn,
            format!("common column name \"{name}\" appears more than once in {side} table"),
        )),
        (None, _) => Err(SqlError::new(
            Condition::UndefinedColumn,
            format!("column \"{name}\" specified in USING clause does not exist in {side} table"),
        )),
    }
}

fn crossed(left: Joined, right: Joined) -> Result<Joined> {
    Ok((cross_plan(left.0, right.0)?, left.1.and(right.1)?))
}

pub(super) fn cross_plan(left: LogicalPlan, right: LogicalPlan) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(left).cross_join(right).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)
}

fn join_plan(left: LogicalPlan, right: LogicalPlan, kind: JoinType, on: Vec<Expr>) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(left).join_on(right, kind, on).and_then(LogicalPlanBuilder::build).map_err(from_datafusion)
}
