//! INSERT: rows that are written down, read or all defaults; and what becomes of those whose key is there already.
//!
//! ```text
//!   VALUES       each expression as its column's type, worked out without a plan where it asks for no rows
//!   SELECT       a plan, its columns cast
//!   row          named columns, defaults, what follows from them        (`target`)
//!   ON CONFLICT  keys of the arbiters locked; a row there: nothing, or an update of it        (`conflict`)
//! ```

use std::rc::Rc;

use datafusion::logical_expr::Expr;
use marquetry_functions::{Condition, SqlError, Typed};
use sqlparser::ast::{self, InsertOverriding, OnInsert, SetExpr, TableObject};

use super::assign::{Given, given, last_parts, named_columns};
use super::conflict::{BoundConflict, Conflict};
use super::lock::SharedTable;
use super::read::{Reading, values_from};
use super::returning::{Returning, has_subquery, written};
use super::target::{Target, assigned, relation_of};
use super::work::Work;
use super::{WriteContext, Written, named_table};
use crate::error::Result;
use crate::sql::bind::{Binder, Relations, Scope, ScopeColumn, ScopeRelation, name, projected};
use crate::sql::catalog::ColumnGeneration;
use crate::sql::execute::{Evaluator, constant, value_of};
use crate::table::Value;

/// Where the rows of an INSERT come from.
enum Rows {
    /// Worked out already.
    Given(Vec<Vec<Option<Value>>>),
    /// To be read: by this query, for these columns.
    Query,
}

/// An INSERT, taken apart.
pub(super) struct Insert<'s> {
    pub(super) table: SharedTable,
    pub(super) alias: Option<String>,
    columns: Vec<usize>,
    overriding: Option<InsertOverriding>,
    source: Option<&'s ast::Query>,
    conflict: Option<&'s ast::OnConflict>,
    returning: Option<&'s [ast::SelectItem]>,
}

impl<'s> Insert<'s> {
    pub(super) fn of(binder: &Binder<'_>, insert: &'s ast::Insert) -> Result<Self> {
        refuse_foreign_clauses(insert)?;
        let TableObject::TableName(object) = &insert.table else {
            return Err(SqlError::unsupported(format!("INSERT INTO {}", insert.table)).into());
        };
        let table = named_table(binder, object)?;
        let conflict = match &insert.on {
            None => None,
            Some(OnInsert::OnConflict(conflict)) => Some(conflict),
            Some(_) => return Err(SqlError::new(Condition::SyntaxError, "ON DUPLICATE KEY is not PostgreSQL's").into()),
        };
        let mut columns = named_columns(&table, &last_parts(&insert.columns)?)?;
        if insert.columns.is_empty()
            && let Some(width) = insert.source.as_deref().and_then(values_width)
        {
            columns.truncate(width.max(1));
        }
        Ok(Insert {
            alias: insert.table_alias.as_ref().map(|alias| name(&alias.alias)),
            columns,
            overriding: insert.overriding,
            source: insert.source.as_deref(),
            conflict,
            returning: insert.returning.as_deref(),
            table,
        })
    }

    /// The table's rows as SET, WHERE and RETURNING see them.
    fn relation(&self, binder: &Binder<'_>) -> ScopeRelation {
        let relation = relation_of(binder, &self.table);
        match &self.alias {
            None => relation,
            Some(alias) => ScopeRelation { schema: None, name: alias.clone(), ..relation },
        }
    }

    fn bound_returning(&self, binder: &Binder<'_>) -> Result<Option<Returning>> {
        Returning::bind(binder, self.returning, &Relations::of(self.relation(binder)))
    }

    /// Binds all of the statement, for the types of its parameters, and gives the columns that it answers with.
    pub(super) fn described(&self, binder: &Binder<'_>) -> Result<Vec<ScopeColumn>> {
        match self.source {
            None => {}
            Some(query) => match values_rows(query) {
                Some(rows) => drop(self.given(binder, rows)?),
                None => drop(self.plan(binder, query)?),
            },
        }
        if let Some(conflict) = self.conflict {
            BoundConflict::bind(binder, &self.table, self.relation(binder), conflict)?;
        }
        Ok(self.bound_returning(binder)?.map(|returning| returning.columns).unwrap_or_default())
    }

    /// The expressions of VALUES, as what their columns keep.
    fn given(&self, binder: &Binder<'_>, rows: &[ast::Parens<Vec<ast::Expr>>]) -> Result<Vec<Vec<Given>>> {
        let nothing = Relations::default();
        let scope = Scope::new(&nothing, None);
        let row = |row: &ast::Parens<Vec<ast::Expr>>| {
            self.check_width(row.len())?;
            let columns = self.columns.iter().zip(row.iter());
            columns.map(|(index, tree)| given(binder, &self.table, *index, tree, &scope, "VALUES")).collect()
        };
        rows.iter().map(row).collect()
    }

    fn check_width(&self, width: usize) -> Result<(), SqlError> {
        match width.cmp(&self.columns.len()) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => {
                Err(SqlError::new(Condition::SyntaxError, "INSERT has more target columns than expressions"))
            }
            std::cmp::Ordering::Greater => {
                Err(SqlError::new(Condition::SyntaxError, "INSERT has more expressions than target columns"))
            }
        }
    }

    /// The plan of the query that rows are read by, its columns as those that they are for.
    fn plan(
        &self,
        binder: &Binder<'_>,
        query: &ast::Query,
    ) -> Result<(datafusion::logical_expr::LogicalPlan, Vec<ScopeColumn>)> {
        let bound = binder.query(query, None)?;
        if bound.columns.len() > self.columns.len() {
            self.check_width(bound.columns.len())?;
        }
        let (mut exprs, mut columns) = (Vec::new(), Vec::new());
        for (found, index) in bound.columns.iter().zip(&self.columns) {
            let column = &self.table.columns[*index];
            let value = assigned(binder, found.typed(), column)?;
            let fresh = binder.fresh('c');
            exprs.push(value.expr.alias(&fresh.name));
            columns.push(ScopeColumn {
                name: column.name.clone(),
                column: fresh,
                sql_type: value.sql_type,
                type_modifier: -1,
                table_oid: 0,
                attribute: 0,
            });
        }
        Ok((projected(bound.plan, exprs)?, columns))
    }

    /// What the statement names for some columns, by their numbers among all; refuses what must not be named.
    fn named(&self, values: Vec<Option<Value>>) -> Result<Vec<Option<Value>>> {
        let mut named = vec![None; self.table.columns.len()];
        for (index, value) in self.columns.iter().zip(values) {
            let column = &self.table.columns[*index];
            let value = match (&column.generation, &self.overriding, value) {
                (_, _, None) => None,
                (Some(ColumnGeneration::Stored(_)), ..) => return Err(must_be_default(column).into()),
                (Some(ColumnGeneration::IdentityAlways(_)), Some(InsertOverriding::System), value) => value,
                (
                    Some(ColumnGeneration::IdentityAlways(_) | ColumnGeneration::IdentityByDefault(_)),
                    Some(InsertOverriding::User),
                    Some(_),
                ) => None,
                (Some(ColumnGeneration::IdentityAlways(_)), None, Some(_)) => {
                    return Err(must_be_default(column).hint("Use OVERRIDING SYSTEM VALUE to override.").into());
                }
                (_, _, value) => value,
            };
            named[*index] = value;
        }
        Ok(named)
    }
}

fn must_be_default(column: &crate::sql::catalog::SqlColumn) -> SqlError {
    let message = format!("cannot insert a non-DEFAULT value into column \"{}\"", column.name);
    let what = match column.generation {
        Some(ColumnGeneration::Stored(_)) => "a generated column",
        _ => "an identity column defined as GENERATED ALWAYS",
    };
    SqlError::new(Condition::GeneratedAlways, message).detail(format!("Column \"{}\" is {what}.", column.name))
}

/// The rows of a bare VALUES.
fn values_rows(query: &ast::Query) -> Option<&[ast::Parens<Vec<ast::Expr>>]> {
    let is_bare = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty();
    match &*query.body {
        SetExpr::Values(values) if is_bare => Some(&values.rows),
        _ => None,
    }
}

fn values_width(query: &ast::Query) -> Option<usize> {
    values_rows(query).and_then(|rows| rows.first()).map(|row| row.len())
}

fn refuse_foreign_clauses(insert: &ast::Insert) -> Result<(), SqlError> {
    let is_foreign = insert.or.is_some()
        || insert.ignore
        || insert.by_name
        || insert.overwrite
        || !insert.assignments.is_empty()
        || insert.partitioned.is_some()
        || !insert.after_columns.is_empty()
        || insert.has_table_keyword
        || insert.output.is_some()
        || insert.replace_into
        || insert.priority.is_some()
        || insert.insert_alias.is_some()
        || insert.settings.is_some()
        || insert.format_clause.is_some()
        || insert.multi_table_insert_type.is_some();
    match is_foreign {
        true => Err(SqlError::new(Condition::SyntaxError, "INSERT has a clause that is not PostgreSQL's")),
        false => Ok(()),
    }
}

/// The value of an expression that asks for no rows.
fn plain_value(value: &Typed) -> Result<Value> {
    if let Expr::Literal(scalar, _) = &value.expr {
        return value_of(scalar, &value.sql_type);
    }
    if value.expr.is_volatile() {
        let row = Evaluator::new(&[], std::slice::from_ref(value))?.evaluate(&[&[]])?.pop();
        return Ok(row.and_then(|mut row| row.pop()).unwrap_or(Value::Null));
    }
    value_of(&constant(&value.expr)?, &value.sql_type)
}

/// Runs an INSERT.
pub(super) fn run(context: &WriteContext, with: Option<&ast::With>, tree: &ast::Insert) -> Result<Written> {
    let reading = Reading::new(context, with);
    let work = Work::new(context)?;
    let (target, rows, conflict, returning) = super::with_binder(context, |binder| {
        let insert = Insert::of(binder, tree)?;
        let target = work.open(binder, &insert.table)?;
        let rows = rows(binder, &insert, with.is_some())?;
        let conflict = match insert.conflict {
            Some(conflict) => Some(BoundConflict::bind(binder, &insert.table, insert.relation(binder), conflict)?),
            None => None,
        };
        Ok((target, rows, conflict, insert.bound_returning(binder)?))
    })?;
    let rows = match rows {
        Rows::Given(rows) => rows,
        Rows::Query => read(&reading, tree)?,
    };
    let rows = rows.into_iter().map(|named| target.row(context, named)).collect::<Result<Vec<_>>>()?;
    let kept = insert_rows(&work, &target, rows, conflict)?;
    work.finish()?;
    let seen: Vec<Vec<Value>> = match &returning {
        Some(_) => kept.iter().map(|row| target.seen(row)).collect(),
        None => Vec::new(),
    };
    written("INSERT 0", kept.len(), returning, &seen)
}

/// The rows that need no plan, by all columns of the table.
fn rows(binder: &Binder<'_>, insert: &Insert<'_>, has_with: bool) -> Result<Rows> {
    let Some(query) = insert.source else {
        return Ok(Rows::Given(vec![vec![None; insert.table.columns.len()]]));
    };
    let Some(trees) = values_rows(query).filter(|_| !has_with) else { return Ok(Rows::Query) };
    let mut rows = Vec::with_capacity(trees.len());
    for given in insert.given(binder, trees)? {
        let mut values = Vec::with_capacity(given.len());
        for given in given {
            values.push(match given {
                Given::Default => None,
                Given::Value(value) if has_subquery(&value.expr) || !value.expr.column_refs().is_empty() => {
                    return Ok(Rows::Query);
                }
                Given::Value(value) => Some(plain_value(&value)?),
            });
        }
        rows.push(insert.named(values)?);
    }
    Ok(Rows::Given(rows))
}

/// Reads the rows of the query of an INSERT.
fn read(reading: &Reading<'_>, tree: &ast::Insert) -> Result<Vec<Vec<Option<Value>>>> {
    let (batches, columns) = reading.rows(|binder| {
        let insert = Insert::of(binder, tree)?;
        let query = insert.source.ok_or_else(|| SqlError::new(Condition::InternalError, "an INSERT without rows"))?;
        insert.plan(binder, query)
    })?;
    super::with_binder(reading.context, |binder| {
        let insert = Insert::of(binder, tree)?;
        let rows = values_from(&batches, 0, &columns)?;
        rows.into_iter().map(|row| insert.named(row.into_iter().map(Some).collect())).collect()
    })
}

/// Inserts `rows`, and gives those that are there in the end: as inserted, or as updated instead.
pub(super) fn insert_rows(
    work: &Work<'_>,
    target: &Rc<Target>,
    mut rows: Vec<Vec<Value>>,
    conflict: Option<BoundConflict>,
) -> Result<Vec<Vec<Value>>> {
    target.complete(work.context, &mut rows)?;
    let Some(conflict) = conflict else {
        for row in &rows {
            work.insert(target, row.clone())?;
        }
        return Ok(rows);
    };
    let mut conflict = Conflict::new(work, target, conflict);
    let mut kept = Vec::new();
    for row in rows {
        kept.extend(conflict.insert(row)?);
    }
    Ok(kept)
}
