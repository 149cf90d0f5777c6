//! WITH: named queries of a statement.
//!
//! ```text
//!   plain       bound anew wherever it is named, so that each use has columns of its own
//!   recursive   a first term, and a term that reads what the last round has added
//!   prelude     run once, before the statement, and read from memory: MATERIALIZED, volatile, data-modifying
//! ```

use std::sync::Arc;

use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use marquetry_functions::{CastContext, Condition, SqlError};
use sqlparser::ast::{self, Cte, CteAsMaterialized, SetExpr, SetOperator, SetQuantifier, TableAlias, With};

use super::Binder;
use super::name::name;
use super::query::BoundQuery;
use super::scope::{Relations, Scope, ScopeColumn, ScopeRelation};
use super::select::projected;
use crate::error::Result;
use crate::sql::execute::Held;
use crate::sql::failure::from_datafusion;

/// A name that WITH has given.
#[derive(Clone)]
pub(super) struct CommonTable {
    name: String,
    aliases: Vec<String>,
    body: CommonTableBody,
}

#[derive(Clone)]
enum CommonTableBody {
    Query(Arc<ast::Query>, bool),
    /// The rows of the last round of the recursion around.
    Working {
        table: Arc<CteWorkTable>,
        columns: Vec<ScopeColumn>,
    },
    Held {
        table: Arc<Held>,
        columns: Vec<ScopeColumn>,
    },
}

/// Something that has to be run before the plan is.
pub(crate) struct Prelude {
    pub(crate) body: PreludeBody,
    /// Where its rows go.
    pub(crate) rows: Arc<Held>,
}

/// What a prelude does.
pub(crate) enum PreludeBody {
    Query(Box<BoundQuery>),
    /// INSERT, UPDATE, DELETE or MERGE.
    Change(Arc<ast::Statement>),
}

impl Binder<'_> {
    pub(super) fn common_table_count(&self) -> usize {
        self.common_tables.borrow().len()
    }

    pub(super) fn forget_common_tables(&self, known: usize) {
        self.common_tables.borrow_mut().truncate(known);
    }

    pub(crate) fn with(&self, with: &With, parent: Option<&Scope<'_>>) -> Result<()> {
        let first = self.common_table_count();
        for cte in &with.cte_tables {
            let Cte { alias, query, from: None, materialized, closing_paren_token: _ } = cte else {
                return Err(SqlError::unsupported("WITH .. FROM").into());
            };
            let (name, aliases) = alias_of(alias)?;
            if self.common_tables.borrow()[first..].iter().any(|known| known.name == name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(SqlError::new(Condition::DuplicateAlias, message).into());
            }
            let body = self.common_table(&name, query, materialized.as_ref(), with.recursive, parent)?;
            self.common_tables.borrow_mut().push(CommonTable { name, aliases, body });
        }
        Ok(())
    }

    fn common_table(
        &self,
        name: &str,
        query: &ast::Query,
        materialized: Option<&CteAsMaterialized>,
        is_recursive: bool,
        parent: Option<&Scope<'_>>,
    ) -> Result<CommonTableBody> {
        if let SetExpr::Insert(change) | SetExpr::Update(change) | SetExpr::Delete(change) | SetExpr::Merge(change) =
            &*query.body
        {
            let columns = crate::sql::write::returned_columns(self, change)?;
            return Ok(self.held(PreludeBody::Change(Arc::new(change.clone())), columns));
        }
        let is_recursive = is_recursive && mentions(query, name);
        let plain = CommonTableBody::Query(Arc::new(query.clone()), is_recursive);
        if is_recursive || matches!(materialized, Some(CteAsMaterialized::NotMaterialized)) {
            return Ok(plain);
        }
        let nothing = Relations::default();
        let boundary = Scope::new(&nothing, parent);
        let bound = self.query(query, Some(&boundary))?;
        let is_once = materialized.is_some() || is_volatile(&bound.plan)?;
        if is_once && boundary.outer.borrow().is_empty() {
            let columns = bound.columns.clone();
            return Ok(self.held(PreludeBody::Query(Box::new(bound)), columns));
        }
        Ok(plain)
    }

    fn held(&self, body: PreludeBody, columns: Vec<ScopeColumn>) -> CommonTableBody {
        let fields = columns.iter().map(|column| (column.column.name.clone(), column.sql_type.arrow()));
        let table = Arc::new(Held::new(fields));
        self.preludes.borrow_mut().push(Prelude { body, rows: table.clone() });
        CommonTableBody::Held { table, columns }
    }

    /// The WITH query `wanted` as a relation, if there is one.
    pub(super) fn common_relation(
        &self,
        wanted: &str,
        parent: Option<&Scope<'_>>,
    ) -> Result<Option<(LogicalPlan, Vec<ScopeColumn>)>> {
        let position = self.common_tables.borrow().iter().rposition(|known| known.name == wanted);
        let Some(position) = position else { return Ok(None) };
        let found = self.common_tables.borrow()[position].clone();
        let bound = match &found.body {
            CommonTableBody::Query(query, is_recursive) => {
                // Those that were named later are not known inside.
                let later = self.common_tables.borrow_mut().split_off(position);
                let bound = match is_recursive {
                    true => self.recursive(&found, query, parent),
                    false => self.query(query, parent),
                };
                self.common_tables.borrow_mut().truncate(position);
                self.common_tables.borrow_mut().extend(later);
                bound?
            }
            CommonTableBody::Working { table, columns } => {
                let source = provider_as_source(table.clone());
                self.renamed(scan(wanted, source)?, columns)?
            }
            CommonTableBody::Held { table, columns } => {
                let source = provider_as_source(table.clone());
                self.renamed(scan(wanted, source)?, columns)?
            }
        };
        let columns = with_aliases(bound.columns, &found.aliases, wanted)?;
        Ok(Some((bound.plan, columns)))
    }

    /// `plan`, whose columns are named as `columns`, under names of its own.
    fn renamed(&self, plan: LogicalPlan, columns: &[ScopeColumn]) -> Result<BoundQuery> {
        let mut exprs = Vec::new();
        let mut renamed = Vec::new();
        for (from, column) in plan.schema().columns().into_iter().zip(columns) {
            let fresh = self.fresh('c');
            exprs.push(Expr::Column(from).alias(&fresh.name));
            renamed.push(ScopeColumn { column: fresh, ..column.clone() });
        }
        Ok(BoundQuery::new(projected(plan, exprs)?, renamed))
    }

    fn recursive(&self, table: &CommonTable, query: &ast::Query, parent: Option<&Scope<'_>>) -> Result<BoundQuery> {
        let refuse = |what: &str| {
            Error::from(SqlError::new(
                Condition::InvalidRecursion,
                format!("recursive query \"{}\" {what}", table.name),
            ))
        };
        let SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier, right } = &*query.body else {
            return Err(refuse("does not have the form non-recursive-term UNION [ALL] recursive-term"));
        };
        if query.order_by.is_some() || query.limit_clause.is_some() || query.with.is_some() {
            return Err(SqlError::unsupported("ORDER BY, LIMIT or WITH in a recursive query").into());
        }
        let first = self.bare_body(left, parent)?;
        let columns = with_aliases(first.columns.clone(), &table.aliases, &table.name)?;
        let schema = Arc::new(first.plan.schema().as_arrow().clone());
        let working_name = self.fresh('r').name;
        let working = Arc::new(CteWorkTable::new(&working_name, schema));
        let known = self.common_table_count();
        self.common_tables.borrow_mut().push(CommonTable {
            name: table.name.clone(),
            aliases: Vec::new(),
            body: CommonTableBody::Working { table: working, columns: columns.clone() },
        });
        let next = self.bare_body(right, parent);
        self.forget_common_tables(known);
        let next = next?;
        if next.columns.len() != columns.len() {
            return Err(
                SqlError::new(Condition::SyntaxError, "each UNION query must have the same number of columns").into()
            );
        }
        let mut exprs = Vec::new();
        for (found, wanted) in next.columns.iter().zip(&first.columns) {
            let value = self.typing.cast(found.typed(), &wanted.sql_type, -1, CastContext::Implicit).map_err(|_| {
                let message = format!(
                    "recursive query \"{}\" column \"{}\" has type {} in non-recursive term but type {} overall",
                    table.name, wanted.name, wanted.sql_type, found.sql_type
                );
                SqlError::new(Condition::DatatypeMismatch, message)
            })?;
            exprs.push(value.expr.alias(&wanted.column.name));
        }
        let next = projected(next.plan, exprs)?;
        let is_distinct = !matches!(set_quantifier, SetQuantifier::All);
        let plan = LogicalPlanBuilder::from(first.plan).to_recursive_query(working_name, next, is_distinct);
        let plan = plan.and_then(LogicalPlanBuilder::build).map_err(from_datafusion)?;
        let columns: Vec<ScopeColumn> = columns
            .into_iter()
            .zip(plan.schema().columns())
            .map(|(column, made)| ScopeColumn { column: made, ..column })
            .collect();
        self.renamed(plan, &columns)
    }
}

use crate::error::Error;

/// A scan of everything in `source`.
pub(super) fn scan(name: &str, source: Arc<dyn datafusion::logical_expr::TableSource>) -> Result<LogicalPlan> {
    LogicalPlanBuilder::scan(datafusion::common::TableReference::bare(name), source, None)
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)
}

/// An alias and the names of columns behind it.
pub(super) fn alias_of(alias: &TableAlias) -> Result<(String, Vec<String>), SqlError> {
    let TableAlias { explicit: _, name: ident, columns, at: None } = alias else {
        return Err(SqlError::unsupported("AT in an alias"));
    };
    Ok((name(ident), columns.iter().map(|column| name(&column.name)).collect()))
}

/// `columns` under the names `aliases`, as far as these go.
pub(super) fn with_aliases(
    mut columns: Vec<ScopeColumn>,
    aliases: &[String],
    table: &str,
) -> Result<Vec<ScopeColumn>, SqlError> {
    if aliases.len() > columns.len() {
        return Err(SqlError::new(
            Condition::InvalidColumnReference,
            format!(
                "table \"{table}\" has {} columns available but {} columns specified",
                columns.len(),
                aliases.len()
            ),
        ));
    }
    for (column, alias) in columns.iter_mut().zip(aliases) {
        column.name.clone_from(alias);
    }
    Ok(columns)
}

/// `columns` as the relation `name`.
pub(super) fn relation_of(name: &str, columns: Vec<ScopeColumn>) -> ScopeRelation {
    ScopeRelation {
        schema: None,
        name: name.to_owned(),
        columns,
        system: Vec::new(),
        row_key: None,
        key: Vec::new(),
        is_scalar: false,
    }
}

fn is_volatile(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    let visited = plan.apply_with_subqueries(|plan| {
        found |= plan.expressions().iter().any(Expr::is_volatile);
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    visited.map_err(from_datafusion)?;
    Ok(found)
}

/// Whether `query` names the relation `name` anywhere.
fn mentions(query: &ast::Query, name: &str) -> bool {
    let found = sqlparser::ast::visit_relations(query, |relation| {
        let is_it = matches!(&relation.0[..], [ast::ObjectNamePart::Identifier(ident)] if super::name(ident) == name);
        match is_it {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        }
    });
    found.is_break()
}

/// A column that is only a name.
pub(super) fn plain_column(name: &str, column: Column, sql_type: marquetry_functions::SqlType) -> ScopeColumn {
    ScopeColumn { name: name.to_owned(), column, sql_type, type_modifier: -1, table_oid: 0, attribute: 0 }
}
