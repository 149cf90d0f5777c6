//! Changing rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, and the rules that rows keep.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use marquetry_functions::{CastContext, Condition, Environment, SqlError, SqlType, Typing};
use sqlparser::ast;

use super::bind::RowLock;
use super::bind::{Binder, Clause, Correlation, Relations, Scope, ScopeColumn};
use super::catalog::{Catalog, SqlColumn};
use super::execute::{Source, array_of, constant, value_of};
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

/// A table that COPY fills.
pub(crate) struct CopyTable {
    name: String,
    pub(crate) columns: Vec<SqlColumn>,
}

fn not_yet() -> crate::error::Error {
    SqlError::unsupported("changing rows").into()
}

impl CopyTable {
    pub(crate) fn open(
        _context: &WriteContext,
        _schema: Option<&str>,
        _name: &str,
        _columns: &[String],
    ) -> Result<Self> {
        Err(not_yet())
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn insert(&self, _context: &WriteContext, _rows: Vec<Vec<Value>>) -> Result<()> {
        Err(not_yet())
    }
}

/// Does what `statement` says in the transaction of `context`.
pub(crate) fn run(_context: &WriteContext, _statement: &ast::Statement) -> Result<Written> {
    Err(not_yet())
}

/// The columns of RETURNING; none without one.
pub(crate) fn returned_columns(_binder: &Binder<'_>, _statement: &ast::Statement) -> Result<Vec<ScopeColumn>> {
    Err(not_yet())
}

/// Locks the rows whose keys are behind the first `columns` columns of `batches`, and gives those that stay, without the keys.
pub(crate) fn lock_rows(
    _context: &WriteContext,
    _locks: &[RowLock],
    _columns: usize,
    _batches: Vec<RecordBatch>,
) -> Result<Vec<RecordBatch>> {
    Err(not_yet())
}

/// Checks what was put off until the end of the transaction.
pub(crate) fn before_commit(_context: &WriteContext) -> Result<()> {
    Ok(())
}

/// Gives up the advisory locks of the session.
pub(crate) fn unlock_advisory(_session: &SessionContext) {}

/// The types that PREPARE names.
pub(crate) fn parameter_types(context: &WriteContext, names: &[ast::DataType]) -> Result<Vec<Option<SqlType>>> {
    with_binder(context, |binder| names.iter().map(|name| Ok(Some(binder.data_type(name)?.0))).collect())
}

/// The values of the parameters of EXECUTE.
pub(crate) fn parameter_values(
    context: &WriteContext,
    statement: &str,
    trees: &[ast::Expr],
    types: &[SqlType],
) -> Result<Vec<Value>> {
    if trees.len() != types.len() {
        let message = format!("wrong number of parameters for prepared statement \"{statement}\"");
        let detail = format!("Expected {} parameters but got {}.", types.len(), trees.len());
        return Err(SqlError::new(Condition::SyntaxError, message).detail(detail).into());
    }
    with_binder(context, |binder| {
        let nothing = Relations::default();
        let scope = Scope::new(&nothing, None);
        let value = |(tree, sql_type): (&ast::Expr, &SqlType)| {
            let value = binder.expression(tree, &scope, &Clause::plain("EXECUTE parameter"))?;
            let value = binder.typing.cast(value, sql_type, -1, CastContext::Assignment)?;
            value_of(&constant(&value.expr)?, sql_type)
        };
        trees.iter().zip(types).map(value).collect()
    })
}

/// Calls `work` with a binder over what `context` reads.
pub(crate) fn with_binder<T>(context: &WriteContext, work: impl FnOnce(&Binder<'_>) -> Result<T>) -> Result<T> {
    let source = &context.source;
    let catalog = Catalog::new(&source.shared, &*source.reader);
    let search_path = context.session.search_path();
    let types = context.parameters.types.iter().cloned().map(Some).collect();
    let typing = Typing::new(context.environment.clone(), source.shared.sql.registry(), types);
    let binder = Binder::with_parameters(
        &catalog,
        &typing,
        source.clone(),
        &search_path,
        Correlation::Join,
        &context.parameters,
    )?;
    work(&binder)
}
