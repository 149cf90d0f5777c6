//! Subqueries inside expressions.
//!
//! ```text
//!   not correlated           DataFusion's own subquery expressions
//!   correlated, as a join    EXISTS and IN in WHERE, and scalars that are one aggregate: decorrelated by DataFusion
//!   correlated, applied      everything else: run once for each different row around it (`execute::apply`)
//! ```

use std::sync::Arc;

use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};
use marquetry_functions::{AggregateCall, CastContext, Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{self, BinaryOperator};

use super::clause::Clause;
use super::expression::operator_symbol;
use super::query::BoundQuery;
use super::scope::{Relations, Scope, ScopeColumn, outer_reference};
use super::{Binder, Correlation};
use crate::error::Result;
use crate::sql::execute::{Apply, ApplyKind};

/// A subquery, bound, with what it uses of the query around it.
pub(super) struct Inner {
    pub(super) query: BoundQuery,
    pub(super) outer: Vec<ScopeColumn>,
}

impl Inner {
    fn is_correlated(&self) -> bool {
        !self.outer.is_empty()
    }

    /// The one column that a subquery in an expression has.
    fn only_column(&self) -> Result<&ScopeColumn, SqlError> {
        match &self.query.columns[..] {
            [column] => Ok(column),
            _ => Err(SqlError::new(Condition::SyntaxError, "subquery must return only one column")),
        }
    }

    /// Whether it gives one row whatever it reads: an aggregate without groups.
    fn is_one_row(&self) -> bool {
        let mut plan = &self.query.plan;
        loop {
            match plan {
                LogicalPlan::Projection(projection) => plan = &projection.input,
                LogicalPlan::Aggregate(aggregate) => return aggregate.group_expr.is_empty(),
                _ => return false,
            }
        }
    }
}

impl Binder<'_> {
    pub(super) fn inner(&self, query: &ast::Query, scope: &Scope<'_>) -> Result<Inner> {
        let nothing = Relations::default();
        let boundary = Scope::new(&nothing, Some(scope));
        let query = self.query(query, Some(&boundary))?;
        Ok(Inner { query, outer: boundary.outer.take() })
    }

    pub(super) fn scalar_subquery(&self, query: &ast::Query, scope: &Scope<'_>, _clause: &Clause<'_>) -> Result<Typed> {
        let inner = self.inner(query, scope)?;
        self.scalar_of(inner, scope)
    }

    fn scalar_of(&self, inner: Inner, scope: &Scope<'_>) -> Result<Typed> {
        let column = inner.only_column()?.clone();
        let is_native = !inner.is_correlated() || (self.correlation == Correlation::Join && inner.is_one_row());
        let expr = match is_native {
            true => Expr::ScalarSubquery(self.subquery(inner)),
            false => self.apply(inner, scope, ApplyKind::Scalar),
        };
        Ok(Typed::new(expr, column.sql_type).modified(column.type_modifier))
    }

    /// `inner` as DataFusion has it.
    fn subquery(&self, inner: Inner) -> Subquery {
        if inner.is_correlated() {
            self.met_correlation.set(true);
        }
        let outer_ref_columns = inner.outer.iter().map(|column| outer_reference(column).expr).collect();
        Subquery { subquery: Arc::new(inner.query.plan), outer_ref_columns, spans: Default::default() }
    }

    /// `inner`, to be run for each different row of what it uses of `scope`.
    pub(super) fn apply(&self, inner: Inner, scope: &Scope<'_>, kind: ApplyKind) -> Expr {
        let arguments = inner.outer.iter().map(|column| scope.seen(column).expr).collect();
        let outer = inner.outer.into_iter().map(|column| column.column).collect();
        let columns = inner.query.columns.iter().map(|column| (column.name.clone(), column.sql_type.clone())).collect();
        Apply::new(self.source.clone(), inner.query.plan, outer, columns, kind).call(arguments)
    }

    pub(super) fn exists(
        &self,
        query: &ast::Query,
        negated: bool,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let inner = self.inner(query, scope)?;
        let is_join = self.correlation == Correlation::Join || !inner.is_correlated();
        let expr = match is_join && is_filter(clause) {
            true => Expr::Exists(Exists { subquery: self.subquery(inner), negated }),
            false => {
                let exists = self.apply(inner, scope, ApplyKind::Exists);
                if negated { Expr::Not(Box::new(exists)) } else { exists }
            }
        };
        Ok(Typed::new(expr, SqlType::Bool))
    }

    pub(super) fn in_subquery(
        &self,
        left: &ast::Expr,
        query: &ast::Query,
        negated: bool,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        if super::expression::is_row(left) {
            return self.row_in_subquery(left, query, negated, scope, clause);
        }
        let value = self.expression(left, scope, clause)?;
        let inner = self.inner(query, scope)?;
        let column = inner.only_column()?.clone();
        let is_join = self.correlation == Correlation::Join || !inner.is_correlated();
        if !is_join || !is_filter(clause) {
            return self.any_of(value, "=", inner, negated, scope);
        }
        let common = self.typing.common_type("IN", &[&value, &column.typed()])?;
        let key = self.key_of(column.typed(), &common)?;
        let mut inner = inner;
        let name = self.fresh('k');
        inner.query.plan = super::select::projected(inner.query.plan, vec![key.alias(&name.name)])?;
        let expr = Box::new(self.key_of(value, &common)?);
        let expr = Expr::InSubquery(InSubquery { expr, subquery: self.subquery(inner), negated });
        Ok(Typed::new(expr, SqlType::Bool))
    }

    /// `(a, b) IN (SELECT c, d ..)`: whether there is a row that equals it.
    fn row_in_subquery(
        &self,
        left: &ast::Expr,
        query: &ast::Query,
        negated: bool,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let row = self.expression(left, scope, clause)?;
        let inner = self.inner(query, scope)?;
        let SqlType::Record(fields) = row.sql_type.clone() else {
            return Err(SqlError::unsupported("this row in IN").into());
        };
        if fields.len() != inner.query.columns.len() {
            return Err(SqlError::new(Condition::SyntaxError, "subquery has too few or too many columns").into());
        }
        // The rows as one column of records, compared as rows are.
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for ((name, _), column) in fields.iter().zip(&inner.query.columns) {
            let value = self.field(row.clone(), name)?;
            let common = self.typing.common_type("IN", &[&value, &column.typed()])?;
            left.push((name.clone(), self.typing.cast(value, &common, -1, CastContext::Implicit)?));
            right.push((name.clone(), self.typing.cast(column.typed(), &common, -1, CastContext::Implicit)?));
        }
        let (left, right) = (super::row::record(left), super::row::record(right));
        let name = self.fresh('k');
        let plan = super::select::projected(inner.query.plan, vec![right.expr.alias(&name.name)])?;
        let column = ScopeColumn {
            name: String::new(),
            column: name,
            sql_type: right.sql_type,
            type_modifier: -1,
            table_oid: 0,
            attribute: 0,
        };
        let inner = Inner { query: BoundQuery::new(plan, vec![column]), outer: inner.outer };
        self.any_of(left, "=", inner, negated, scope)
    }

    /// `value symbol ANY (inner)`, negated or not.
    fn any_of(&self, value: Typed, symbol: &str, inner: Inner, negated: bool, scope: &Scope<'_>) -> Result<Typed> {
        let value = match (&value.sql_type, inner.only_column()?) {
            // What nothing has given a type is of the type that it is compared with.
            (SqlType::Unknown, column) => {
                self.typing.cast(value, &column.sql_type.clone(), -1, CastContext::Implicit)?
            }
            _ => value,
        };
        let list = self.list_of(inner, false, scope)?;
        let any = self.compared_with_list(value, symbol, list, false)?;
        if negated { self.not(any) } else { Ok(any) }
    }

    pub(super) fn compared_with_subquery(
        &self,
        left: &ast::Expr,
        op: &BinaryOperator,
        query: &ast::Query,
        is_all: bool,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let value = self.expression(left, scope, clause)?;
        let list = self.list_of(self.inner(query, scope)?, false, scope)?;
        self.compared_with_list(value, &operator_symbol(op)?, list, is_all)
    }

    /// `value symbol ANY` or `ALL (list)`; of nothing it is false or true also for NULL.
    fn compared_with_list(&self, value: Typed, symbol: &str, list: Typed, is_all: bool) -> Result<Typed> {
        let length = self.typing.call("cardinality", vec![list.clone()])?;
        let is_empty = self.typing.operator("=", Some(length), self.typing.number("0")?)?;
        let symbol = self.typing.string(symbol);
        let found = self.typing.call(if is_all { "all_of" } else { "any_of" }, vec![symbol, value, list])?;
        let mut of_nothing = datafusion::logical_expr::when(is_empty.expr, datafusion::logical_expr::lit(is_all));
        let expr = of_nothing.otherwise(found.expr).map_err(crate::sql::failure::from_datafusion)?;
        Ok(Typed::new(expr, SqlType::Bool))
    }

    /// `ARRAY(SELECT ..)`.
    pub(super) fn array_subquery(&self, query: &ast::Query, scope: &Scope<'_>, _clause: &Clause<'_>) -> Result<Typed> {
        let is_ordered = query.order_by.is_some() || query.limit_clause.is_some();
        self.list_of(self.inner(query, scope)?, is_ordered, scope)
    }

    /// The values of the subquery's column as an array; empty, not NULL, when there are none.
    fn list_of(&self, inner: Inner, is_ordered: bool, scope: &Scope<'_>) -> Result<Typed> {
        let column = inner.only_column()?.clone();
        let sql_type = match &column.sql_type {
            SqlType::Unknown => SqlType::Text.array_of(),
            SqlType::Array(_) => return Err(SqlError::unsupported("an array of more than one dimension").into()),
            element => element.clone().array_of(),
        };
        if inner.is_correlated() || is_ordered || matches!(column.sql_type, SqlType::Record(_)) {
            return Ok(Typed::new(self.apply(inner, scope, ApplyKind::Array), sql_type));
        }
        let call = AggregateCall {
            name: "array_agg".to_owned(),
            arguments: vec![column.typed()],
            distinct: false,
            order_by: Vec::new(),
            within_group: false,
            filter: None,
        };
        let (list, name) = (self.typing.aggregate(call)?, self.fresh('a'));
        let plan = super::grouping::aggregated(inner.query.plan, vec![], vec![(list.expr, name.clone())])?;
        let column = ScopeColumn { column: name, sql_type: sql_type.clone(), ..column };
        let list = self.scalar_of(Inner { query: BoundQuery::new(plan, vec![column]), outer: inner.outer }, scope)?;
        let empty = self.typing.cast(self.typing.string("{}"), &sql_type, -1, CastContext::Explicit)?;
        Ok(self.typing.call("coalesce", vec![list, empty])?)
    }
}

/// Whether the clause keeps rows, where DataFusion can join instead.
fn is_filter(clause: &Clause<'_>) -> bool {
    clause.name == "WHERE"
}
