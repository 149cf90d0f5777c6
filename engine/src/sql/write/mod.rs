//! Changing rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY, and the rules that rows keep.
//!
//! ```text
//!   insert, conflict    change (UPDATE, DELETE)    merge    truncate    copy          the statements
//!      |                   '-- read: which rows, by a plan; lock: theirs, before any is changed
//!      '--> target: defaults, generated columns, NOT NULL, CHECK, what indexes compute
//!             '--> work: unique keys locked and looked at, the row and its entries written (`table::Statement`)
//!                    '--> foreign_key: what references do, and that they hold, when the statement ends
//! ```
//!
//! - READ COMMITTED: rows are locked before they are changed; when one was changed since the statement read it, the transaction
//!   goes on at the newest version and the statement reads again, keeping its locks. Whoever waits for another's unique key
//!   learns of his outcome. Other isolations fail with 40001 there.
//! - A statement is whole or absent.

mod assign;
mod change;
mod conflict;
mod copy;
mod foreign_key;
mod insert;
mod lock;
mod merge;
mod parameters;
mod read;
mod returning;
mod target;
mod truncate;
mod violation;
mod work;

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use marquetry_functions::{Condition, Environment, SqlError, Typing};
use sqlparser::ast;

use self::change::Change;
pub(crate) use self::copy::CopyTable;
pub(crate) use self::foreign_key::before_commit;
pub(crate) use self::lock::lock_rows;
pub(crate) use self::parameters::{parameter_types, parameter_values};
use super::bind::{Binder, Correlation, ScopeColumn, schema_and_name};
use super::catalog::{Catalog, Relation, SqlTable};
use super::execute::{Source, array_of};
use super::session::{Parameters, SessionContext};
use crate::error::Result;
use crate::table::Value;

/// What a change of rows works with.
#[derive(Clone)]
pub(crate) struct WriteContext {
    pub(crate) source: Arc<Source>,
    pub(crate) session: Arc<SessionContext>,
    pub(crate) environment: Arc<Environment>,
    pub(crate) parameters: Parameters,
}

/// What a change of rows did.
pub(crate) struct Written {
    pub(crate) command: &'static str,
    pub(crate) rows: u64,
    /// What RETURNING gives.
    pub(crate) returned: Option<(Vec<ScopeColumn>, Vec<Vec<Value>>)>,
}

impl Written {
    /// What RETURNING gives, as a batch.
    pub(crate) fn batch(self) -> Result<Option<RecordBatch>> {
        let Some((columns, rows)) = self.returned else { return Ok(None) };
        let arrays = columns
            .iter()
            .enumerate()
            .map(|(position, column)| array_of(rows.iter().map(|row| &row[position]), &column.sql_type));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let named = columns.iter().zip(arrays).map(|(column, array)| (column.column.name.clone(), array, true));
        let batch = RecordBatch::try_from_iter_with_nullable(named);
        batch.map(Some).map_err(|error| super::failure::from_datafusion(error.into()))
    }
}

/// Does what `statement` says in the transaction of `context`: all of it, or nothing when it fails.
pub(crate) fn run(context: &WriteContext, statement: &ast::Statement) -> Result<Written> {
    context.tables()?.atomically(|| dispatch(context, None, statement))
}

fn dispatch(context: &WriteContext, with: Option<&ast::With>, statement: &ast::Statement) -> Result<Written> {
    match statement {
        ast::Statement::Insert(insert) => insert::run(context, with, insert),
        ast::Statement::Update(update) => Change::of_update(update)?.run(context, with),
        ast::Statement::Delete(delete) => Change::of_delete(delete)?.run(context, with),
        ast::Statement::Merge(merge) => merge::run(context, with, merge),
        ast::Statement::Truncate(truncate) => truncate::run(context, truncate),
        other => match changing(other) {
            Some((with, change)) => dispatch(context, Some(with), change),
            None => Err(SqlError::unsupported("this change of rows").into()),
        },
    }
}

/// The statement behind a WITH that changes something, when `statement` is one.
pub(crate) fn changing(statement: &ast::Statement) -> Option<(&ast::With, &ast::Statement)> {
    let ast::Statement::Query(query) = statement else { return None };
    let (
        Some(with),
        ast::SetExpr::Insert(change)
        | ast::SetExpr::Update(change)
        | ast::SetExpr::Delete(change)
        | ast::SetExpr::Merge(change),
    ) = (&query.with, &*query.body)
    else {
        return None;
    };
    Some((with, change))
}

/// The columns of RETURNING; none without one.
pub(crate) fn returned_columns(binder: &Binder<'_>, statement: &ast::Statement) -> Result<Vec<ScopeColumn>> {
    match statement {
        ast::Statement::Insert(insert) => insert::Insert::of(binder, insert)?.described(binder),
        ast::Statement::Update(update) => Change::of_update(update)?.described(binder),
        ast::Statement::Delete(delete) => Change::of_delete(delete)?.described(binder),
        ast::Statement::Merge(merge) => merge::described(binder, merge),
        other => match changing(other) {
            Some((with, change)) => {
                binder.with(with, None)?;
                returned_columns(binder, change)
            }
            None => Ok(Vec::new()),
        },
    }
}

/// Calls `work` with a binder over what `context` reads.
pub(crate) fn with_binder<T>(context: &WriteContext, work: impl FnOnce(&Binder<'_>) -> Result<T>) -> Result<T> {
    with_binder_as(context, Correlation::Join, work)
}

/// As [`with_binder`], with subqueries run as `correlation` says.
fn with_binder_as<T>(
    context: &WriteContext,
    correlation: Correlation,
    work: impl FnOnce(&Binder<'_>) -> Result<T>,
) -> Result<T> {
    let source = &context.source;
    let catalog = Catalog::new(&source.shared, &*source.reader);
    let search_path = context.session.search_path();
    let types = context.parameters.types.iter().cloned().map(Some).collect();
    let typing = Typing::new(context.environment.clone(), source.shared.sql.registry(), types);
    let parameters = &context.parameters;
    let binder = Binder::with_parameters(&catalog, &typing, source.clone(), &search_path, correlation, parameters)?;
    work(&binder)
}

/// The table that a statement writes to.
fn named_table(binder: &Binder<'_>, object: &ast::ObjectName) -> Result<Arc<SqlTable>> {
    let (schema, name) = schema_and_name(object)?;
    written_table(binder, schema.as_deref(), &name)
}

fn written_table(binder: &Binder<'_>, schema: Option<&str>, name: &str) -> Result<Arc<SqlTable>> {
    let shown = || schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
    match binder.catalog.relation(schema, name, binder.search_path)? {
        Some(Relation::Table(table)) => Ok(table),
        Some(_) => {
            let message = format!("cannot change \"{}\": it is no table", shown());
            Err(SqlError::new(Condition::WrongObjectType, message).into())
        }
        None => {
            let message = format!("relation \"{}\" does not exist", shown());
            Err(SqlError::new(Condition::UndefinedTable, message).into())
        }
    }
}
