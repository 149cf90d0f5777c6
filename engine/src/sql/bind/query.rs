//! A whole query: WITH, what stands between, ORDER BY, LIMIT, locks.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, LogicalPlanBuilder, lit};
use marquetry_functions::{CastContext, Condition, SqlError, SqlType};
use sqlparser::ast::{self, LimitClause, LockClause, LockType, NonBlock, Query, SetExpr};

use super::clause::Clause;
use super::name::schema_and_name;
use super::order::{Key, keys};
use super::scope::{Relations, Scope, ScopeColumn};
use super::select::{Output, filtered, projected};
use super::{Binder, window};
use crate::error::Result;
use crate::sql::catalog::SqlTable;
use crate::sql::failure::from_datafusion;

/// A query, bound.
#[derive(Debug, Clone)]
pub(crate) struct BoundQuery {
    pub(crate) plan: LogicalPlan,
    /// The result's columns, in order.
    pub(crate) columns: Vec<ScopeColumn>,
    /// The rows to lock: their keys are columns of the plan behind those of the result.
    pub(crate) locks: Vec<RowLock>,
}

/// Rows of one table that a query locks.
#[derive(Debug, Clone)]
pub(crate) struct RowLock {
    pub(crate) table: Arc<SqlTable>,
    /// The column of the plan that holds the keys of the rows.
    pub(crate) key: Column,
    pub(crate) strength: LockStrength,
    pub(crate) wait: LockWait,
}

/// How strong a lock of a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockStrength {
    Share,
    Update,
}

/// What to do about rows that another transaction has locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LockWait {
    Wait,
    Fail,
    Skip,
}

/// What follows the body of a query.
pub(super) struct Tail<'t> {
    pub(super) order_by: &'t [ast::OrderByExpr],
    limit: Option<&'t ast::Expr>,
    offset: Option<&'t ast::Expr>,
    with_ties: bool,
    locks: &'t [LockClause],
}

/// What a query's rows are ordered and cut by.
pub(super) struct Bounds<'b> {
    pub(super) keys: Vec<Key>,
    pub(super) columns: &'b [ScopeColumn],
    pub(super) hidden: &'b [RowLock],
}

impl BoundQuery {
    pub(super) fn new(plan: LogicalPlan, columns: Vec<ScopeColumn>) -> Self {
        BoundQuery { plan, columns, locks: Vec::new() }
    }
}

impl<'t> Tail<'t> {
    fn of(query: &'t Query) -> Result<Self, SqlError> {
        let Query {
            with: _,
            body: _,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if for_clause.is_some() || settings.is_some() || format_clause.is_some() || !pipe_operators.is_empty() {
            return Err(SqlError::unsupported("a clause that is not PostgreSQL's"));
        }
        let (mut limit, offset) = match limit_clause {
            None => (None, None),
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) if limit_by.is_empty() => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(other) => return Err(SqlError::unsupported(format!("{other}"))),
        };
        let mut with_ties = false;
        if let Some(ast::Fetch { with_ties: ties, percent, quantity }) = fetch {
            if *percent {
                return Err(SqlError::unsupported("FETCH .. PERCENT"));
            }
            with_ties = *ties;
            limit = quantity.as_ref();
            if limit.is_none() {
                return Ok(Tail { order_by: keys(order_by.as_ref())?, limit: Some(one()), offset, with_ties, locks });
            }
        }
        Ok(Tail { order_by: keys(order_by.as_ref())?, limit, offset, with_ties, locks })
    }

    fn is_empty(&self) -> bool {
        self.order_by.is_empty() && self.limit.is_none() && self.offset.is_none() && self.locks.is_empty()
    }
}

/// The number in `FETCH FIRST ROW ONLY`.
fn one() -> &'static ast::Expr {
    static ONE: std::sync::OnceLock<ast::Expr> = std::sync::OnceLock::new();
    ONE.get_or_init(|| ast::Expr::value(ast::Value::Number("1".to_owned(), false)))
}

impl Binder<'_> {
    /// `query`, inside `parent` when it is a subquery.
    pub(crate) fn query(&self, query: &Query, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        let _depth = self.deeper()?;
        let known = self.common_table_count();
        if let Some(with) = &query.with {
            self.with(with, parent)?;
        }
        let tail = Tail::of(query)?;
        let bound = self.body(&query.body, &tail, parent);
        self.forget_common_tables(known);
        bound
    }

    /// The body of a query, with what follows it.
    pub(super) fn body(&self, body: &SetExpr, tail: &Tail<'_>, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        let bound = match body {
            SetExpr::Select(select) => return self.select(select, tail, parent),
            SetExpr::Query(inner) => {
                let bound = self.query(inner, parent)?;
                if tail.is_empty() {
                    return Ok(bound);
                }
                bound
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                self.set_operation(left, *op, *set_quantifier, right, parent)?
            }
            SetExpr::Values(values) => self.values(values, parent)?,
            SetExpr::Table(table) => self.table_command(table)?,
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                return Err(SqlError::new(
                    Condition::FeatureNotSupported,
                    "a statement that changes data may only stand in a WITH at the top level",
                )
                .into());
            }
        };
        if !tail.locks.is_empty() {
            return Err(SqlError::new(
                Condition::FeatureNotSupported,
                "FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT or VALUES",
            )
            .into());
        }
        self.with_tail(bound, tail, parent)
    }

    /// `body` without anything that follows it.
    pub(super) fn bare_body(&self, body: &SetExpr, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        let tail = Tail { order_by: &[], limit: None, offset: None, with_ties: false, locks: &[] };
        self.body(body, &tail, parent)
    }

    /// ORDER BY and LIMIT over a result whose own columns are all that can be named.
    fn with_tail(&self, bound: BoundQuery, tail: &Tail<'_>, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        let relations = Relations { relations: Vec::new(), visible: bound.columns.clone() };
        let scope = Scope::new(&relations, parent);
        let outputs: Vec<Output> = bound.columns.iter().map(output_of).collect();
        let mut keys = self.order_by(tail.order_by, &outputs, &scope, &Clause::plain("ORDER BY"))?;
        let mut more = Vec::new();
        for key in &mut keys {
            if key.output.is_none() {
                let column = self.fresh('o');
                more.push((key.value.expr.clone(), column.clone()));
                key.value.expr = Expr::Column(column);
            }
        }
        let plan = super::grouping::with_columns(bound.plan, more)?;
        let bounds = Bounds { keys, columns: &bound.columns, hidden: &[] };
        let plan = self.ordered_and_limited(plan, tail, bounds)?;
        Ok(BoundQuery::new(plan, bound.columns))
    }

    /// `plan` in the order of the keys, cut, with only the columns of the result left.
    pub(super) fn ordered_and_limited(
        &self,
        mut plan: LogicalPlan,
        tail: &Tail<'_>,
        bounds: Bounds<'_>,
    ) -> Result<LogicalPlan> {
        let Bounds { keys, columns, hidden } = bounds;
        let sort = keys.iter().map(|key| self.sort_expression(key, key.value.expr.clone()));
        let sort = sort.collect::<Result<Vec<_>>>()?;
        let limit = self.row_count(tail.limit, "LIMIT")?;
        let offset = self.row_count(tail.offset, "OFFSET")?;
        if tail.with_ties {
            if sort.is_empty() {
                return Err(SqlError::new(
                    Condition::SyntaxError,
                    "WITH TIES cannot be specified without ORDER BY clause",
                )
                .into());
            }
            plan = self.cut_with_ties(plan, &sort, limit.clone(), offset.clone())?;
        }
        if !sort.is_empty() {
            plan = LogicalPlanBuilder::from(plan)
                .sort(sort)
                .and_then(LogicalPlanBuilder::build)
                .map_err(from_datafusion)?;
        }
        if !tail.with_ties && (limit.is_some() || offset.is_some()) {
            let (skip, fetch) = (offset.map(Box::new), limit.map(Box::new));
            plan = LogicalPlan::Limit(Limit { skip, fetch, input: Arc::new(plan) });
        }
        let mut wanted: Vec<Column> = columns.iter().map(|column| column.column.clone()).collect();
        wanted.extend(hidden.iter().map(|lock| lock.key.clone()));
        if plan.schema().columns() != wanted {
            plan = projected(plan, wanted.into_iter().map(Expr::Column).collect())?;
        }
        Ok(plan)
    }

    /// The rows up to the limit and those that sort equal to the last of them.
    fn cut_with_ties(
        &self,
        plan: LogicalPlan,
        sort: &[datafusion::logical_expr::SortExpr],
        limit: Option<Expr>,
        offset: Option<Expr>,
    ) -> Result<LogicalPlan> {
        let Some(limit) = limit else { return Ok(plan) };
        let (rank, number) = (self.fresh('w'), self.fresh('w'));
        let offset = offset.unwrap_or_else(|| lit(0_i64));
        let mut plan = window::ranked(plan, sort.to_vec(), &rank)?;
        plan = window::numbered(plan, Vec::new(), sort.to_vec(), &number)?;
        let as_int8 =
            |column: Column| datafusion::logical_expr::cast(Expr::Column(column), arrow::datatypes::DataType::Int64);
        let inside = as_int8(rank).lt_eq(limit + offset.clone()).and(as_int8(number).gt(offset));
        filtered(plan, inside)
    }

    /// A number of rows: a constant or parameter of type bigint.
    fn row_count(&self, tree: Option<&ast::Expr>, place: &'static str) -> Result<Option<Expr>> {
        let Some(tree) = tree else { return Ok(None) };
        // ALL is parsed as no limit; a NULL is none either.
        let nothing = Relations::default();
        let value = self.expression(tree, &Scope::new(&nothing, None), &Clause::plain(place))?;
        let value = self.typing.cast(value, &SqlType::Int8, -1, CastContext::Assignment)?;
        if let Expr::Literal(value, _) = &value.expr
            && value.is_null()
        {
            return Ok(None);
        }
        let condition = match place {
            "LIMIT" => Condition::InvalidRowCountInLimit,
            _ => Condition::InvalidRowCountInOffset,
        };
        if let Ok(datafusion::common::ScalarValue::Int64(Some(rows))) = crate::sql::execute::constant(&value.expr) {
            if rows < 0 {
                return Err(SqlError::new(condition, format!("{place} must not be negative")).into());
            }
            return Ok(Some(lit(rows)));
        }
        Ok(Some(value.expr))
    }

    /// `TABLE name`.
    fn table_command(&self, table: &ast::Table) -> Result<BoundQuery> {
        let ast::Table { table_name: Some(name), schema_name } = table else {
            return Err(SqlError::new(Condition::SyntaxError, "TABLE has no name").into());
        };
        let schema = schema_name.as_ref().map(super::name);
        let (plan, relations) = self.named_relation(schema.as_deref(), &super::name(name), None)?;
        let columns: Vec<ScopeColumn> = relations.visible;
        let plan = projected(plan, columns.iter().map(|column| Expr::Column(column.column.clone())).collect())?;
        Ok(BoundQuery::new(plan, columns))
    }

    /// The keys of the rows that FOR UPDATE and the like lock.
    pub(super) fn locked_keys(
        &self,
        tail: &Tail<'_>,
        select: &ast::Select,
        relations: &Relations,
    ) -> Result<Vec<RowLock>> {
        if tail.locks.is_empty() {
            return Ok(Vec::new());
        }
        let is_grouped = !matches!(&select.group_by, ast::GroupByExpr::Expressions(trees, _) if trees.is_empty());
        if is_grouped || select.distinct.is_some() || select.having.is_some() {
            return Err(SqlError::new(
                Condition::FeatureNotSupported,
                "FOR UPDATE is not allowed with DISTINCT, GROUP BY or HAVING",
            )
            .into());
        }
        let mut locks = Vec::new();
        for clause in tail.locks {
            let LockClause { lock_type, of, nonblock } = clause;
            let of = of.as_ref().map(schema_and_name).transpose()?.map(|(_, name)| name);
            if let Some(of) = &of
                && relations.relation(std::slice::from_ref(of))?.is_none()
            {
                let message = format!("relation \"{of}\" in FOR UPDATE clause not found in FROM clause");
                return Err(SqlError::new(Condition::UndefinedTable, message).into());
            }
            let meant = relations.relations.iter().filter(|known| of.as_ref().is_none_or(|of| known.name == *of));
            for relation in meant {
                let Some((table, key)) = &relation.row_key else { continue };
                locks.push(RowLock {
                    table: table.clone(),
                    key: key.clone(),
                    strength: match lock_type {
                        LockType::Share => LockStrength::Share,
                        LockType::Update => LockStrength::Update,
                    },
                    wait: match nonblock {
                        None => LockWait::Wait,
                        Some(NonBlock::Nowait) => LockWait::Fail,
                        Some(NonBlock::SkipLocked) => LockWait::Skip,
                    },
                });
            }
        }
        Ok(locks)
    }
}

fn output_of(column: &ScopeColumn) -> Output {
    Output {
        name: column.name.clone(),
        value: column.typed(),
        table_oid: column.table_oid,
        attribute: column.attribute,
    }
}
