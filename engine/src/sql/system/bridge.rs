//! Functions of one row that look into the catalogue or the session.

use arrow::array::ArrayRef;
use marquetry_functions::registry::{Call, Function, Implementation};
use marquetry_functions::{Condition, SqlError, SqlResult};
use std::sync::Arc;

use super::Look;
use crate::error::{Error, Result};
use crate::sql::catalog::Catalog;
use crate::sql::execute::{Source, array_of, values_of};
use crate::sql::session::SessionContext;
use crate::table::Value;

/// What such a function does with the values of one row.
pub(super) type Lookup = fn(&Look<'_>, &[Value]) -> Result<Value>;

/// A function that sees no NULL and whose result may change between statements.
pub(super) fn looking(signature: &str, run: Lookup) -> Function {
    Function::new(signature, Implementation::arrays(move |call, arrays, rows| each(call, arrays, rows, run))).stable()
}

/// The same, whose result may change from row to row.
pub(super) fn changing(signature: &str, run: Lookup) -> Function {
    looking(signature, run).volatile()
}

fn each(call: &Call, arrays: &[ArrayRef], rows: usize, run: Lookup) -> SqlResult<ArrayRef> {
    let session = call.environment.context::<SessionContext>();
    let session = session.ok_or_else(|| SqlError::new(Condition::InternalError, "a function without a session"))?;
    let source = session.source().ok_or_else(|| SqlError::new(Condition::InternalError, "nothing is being read"))?;
    apply(call, arrays, rows, run, &session, &source).map_err(told)
}

fn apply(
    call: &Call,
    arrays: &[ArrayRef],
    rows: usize,
    run: Lookup,
    session: &SessionContext,
    source: &Arc<Source>,
) -> Result<ArrayRef> {
    let catalog = Catalog::new(&source.shared, &*source.reader);
    let look = Look { catalog: &catalog, session };
    let columns = arrays.iter().zip(&call.arguments).map(|(array, sql_type)| values_of(array, sql_type));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let mut results = Vec::with_capacity(rows);
    let mut arguments = Vec::with_capacity(columns.len());
    for row in 0..rows {
        arguments.clear();
        arguments.extend(columns.iter().map(|column| column[row].clone()));
        results.push(run(&look, &arguments)?);
    }
    array_of(results.iter(), &call.returns)
}

/// The failure as functions report it.
fn told(error: Error) -> SqlError {
    match SqlError::inside(&error) {
        Some(found) => found.clone(),
        None => SqlError::new(Condition::InternalError, error.message()),
    }
}

/// The argument at `place` as text.
pub(super) fn text_of(arguments: &[Value], place: usize) -> &str {
    arguments.get(place).and_then(Value::as_text).unwrap_or_default()
}

/// The argument at `place` as the number of an object.
pub(super) fn oid_of(arguments: &[Value], place: usize) -> u32 {
    arguments.get(place).and_then(Value::as_integer).and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}
