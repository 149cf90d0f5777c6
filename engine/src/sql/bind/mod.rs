//! Binding: a syntax tree becomes a plan of DataFusion whose every type and name PostgreSQL has decided.
//!
//! ```text
//!   query    WITH, set operations, ORDER BY, LIMIT          select    FROM .. WHERE .. GROUP BY .. HAVING .. DISTINCT
//!   relation what stands in FROM                            join      how two of them meet
//!   expression, function, row, subquery                     scope     what names mean
//! ```
//!
//! - Types are decided here and in `marquetry-functions`; DataFusion is given casts wherever types differ, so that its own
//!   coercion finds nothing to do.
//! - Columns have names of their own (`c17`); the users' names live in scopes and in the description of the result.
//! - A subquery that depends on the query around it is given to DataFusion to decorrelate; where that does not work the
//!   statement is bound again with [`Correlation::Apply`], which runs it for each different row outside.

mod array;
mod clause;
mod expression;
mod function;
mod grouping;
mod join;
mod made;
mod name;
mod order;
mod query;
mod relation;
mod row;
mod scope;
mod select;
mod set_operation;
mod sets;
mod subquery;
mod type_name;
mod values;
mod window;
mod with;

pub(crate) use clause::{Clause, Collected};
pub(crate) use name::{name, parts, schema_and_name};
pub(crate) use query::{BoundQuery, LockStrength, LockWait, RowLock};
pub(crate) use scope::{Relations, Scope, ScopeColumn, ScopeRelation};
pub(crate) use select::{filtered, projected};
pub(crate) use with::{Prelude, PreludeBody};

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use marquetry_functions::{CastContext, Condition, SqlError, SqlType, Typed, Typing};

use super::catalog::Catalog;
use super::execute::Source;
use crate::error::Result;
use crate::limits::SQL_NESTING_MAX;

/// How subqueries that depend on what is around them are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Correlation {
    /// By turning them into joins.
    Join,
    /// Once for each different row around them.
    Apply,
}

/// Binds the parts of one statement.
pub(crate) struct Binder<'a> {
    pub(crate) catalog: &'a Catalog<'a>,
    pub(crate) typing: &'a Typing,
    /// What the plan's scans read.
    pub(crate) source: Arc<Source>,
    pub(crate) search_path: &'a [String],
    pub(crate) correlation: Correlation,
    /// Whether anything correlated was met, so that binding again may help.
    pub(crate) met_correlation: Cell<bool>,
    /// What has to run before the plan: data-modifying and materialised parts of WITH.
    pub(crate) preludes: RefCell<Vec<Prelude>>,
    /// The values of the parameters, when the statement is about to run.
    values: Option<Vec<datafusion::common::ScalarValue>>,
    next: Cell<usize>,
    depth: Cell<usize>,
    common_tables: RefCell<Vec<with::CommonTable>>,
    named_windows: RefCell<Vec<(String, sqlparser::ast::NamedWindowExpr)>>,
}

/// Counts down again when a level of the tree has been left.
pub(crate) struct Depth<'b>(&'b Cell<usize>);

impl Drop for Depth<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<'a> Binder<'a> {
    pub(crate) fn new(
        catalog: &'a Catalog<'a>,
        typing: &'a Typing,
        source: Arc<Source>,
        search_path: &'a [String],
        correlation: Correlation,
    ) -> Self {
        Binder {
            catalog,
            typing,
            source,
            search_path,
            correlation,
            met_correlation: Cell::new(false),
            preludes: RefCell::default(),
            values: None,
            next: Cell::new(0),
            depth: Cell::new(0),
            common_tables: RefCell::default(),
            named_windows: RefCell::default(),
        }
    }

    /// A binder that puts these values in the place of parameters.
    pub(crate) fn with_parameters(
        catalog: &'a Catalog<'a>,
        typing: &'a Typing,
        source: Arc<Source>,
        search_path: &'a [String],
        correlation: Correlation,
        parameters: &super::session::Parameters,
    ) -> Result<Self> {
        let mut binder = Binder::new(catalog, typing, source, search_path, correlation);
        let values = parameters.values.iter().zip(&parameters.types);
        let scalars = values.map(|(value, sql_type)| super::execute::scalar_of(value, sql_type));
        binder.values = Some(scalars.collect::<Result<_>>()?);
        Ok(binder)
    }

    /// A column name that nothing else in the statement has, led by `letter`.
    pub(crate) fn fresh(&self, letter: char) -> Column {
        let number = self.next.get();
        self.next.set(number + 1);
        Column::new_unqualified(format!("{letter}{number}"))
    }

    /// Says that the tree has been entered one level more; undone when the result is dropped.
    fn deeper(&self) -> Result<Depth<'_>> {
        self.depth.set(self.depth.get() + 1);
        let depth = Depth(&self.depth);
        match self.depth.get() > 4 * SQL_NESTING_MAX {
            true => Err(SqlError::new(Condition::StatementTooComplex, "the statement nests too deeply").into()),
            false => Ok(depth),
        }
    }

    /// `value` as text if nothing else has decided its type: what a result column has to be.
    pub(crate) fn decided(&self, value: Typed) -> Result<Typed> {
        match value.sql_type {
            SqlType::Unknown => Ok(self.typing.cast(value, &SqlType::Text, -1, CastContext::Implicit)?),
            _ => Ok(value),
        }
    }

    /// The expression of a default, check or index as it is kept in the catalogue, over the columns of `scope`.
    pub(crate) fn stored_expression(&self, text: &str, scope: &Scope<'_>, place: &'static str) -> Result<Typed> {
        let tree = super::parse::parse_expression(text)?;
        self.expression(&tree, scope, &Clause::plain(place))
    }
}

/// The columns that `expr` reads.
pub(crate) fn columns_of(expr: &Expr) -> Vec<Column> {
    expr.column_refs().into_iter().cloned().collect()
}
