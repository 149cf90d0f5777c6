//! A function as DataFusion calls it.
//!
//! NULLs are handled here once for all strict functions: rows with a NULL in an argument are taken out before the call and
//! put back after it, so that an implementation never sees one, not even to fail over it.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, UInt32Array};
use arrow::buffer::NullBuffer;
use arrow::compute::{filter, take};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::function::{Call, Function, Implementation};
use super::rows::arrow_error;
use crate::condition::{Condition, SqlError, SqlResult};

/// One function with the types of one call.
#[derive(Debug)]
struct Routine {
    function: Arc<Function>,
    call: Call,
    returns: DataType,
    signature: Signature,
}

/// The call of `function` as an expression; `returns` is the Arrow type of the result.
pub(crate) fn routine_expr(function: &Arc<Function>, call: Call, returns: DataType, arguments: Vec<Expr>) -> Expr {
    let signature = if arguments.is_empty() {
        Signature::nullary(function.volatility)
    } else {
        Signature::user_defined(function.volatility)
    };
    let routine = Routine { function: function.clone(), call, returns, signature };
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::new_from_impl(routine)), arguments))
}

impl PartialEq for Routine {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.function, &other.function)
            && self.call.arguments == other.call.arguments
            && self.call.returns == other.call.returns
            && self.call.modifier == other.call.modifier
            && self.call.is_explicit == other.call.is_explicit
            && Arc::ptr_eq(&self.call.environment, &other.call.environment)
    }
}

impl Eq for Routine {}

impl Hash for Routine {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.function).hash(state);
        self.call.arguments.hash(state);
    }
}

impl ScalarUDFImpl for Routine {
    fn name(&self) -> &str {
        &self.function.name
    }

    /// Calls that differ in no argument may still differ in what they return.
    fn schema_name(&self, arguments: &[Expr]) -> DataFusionResult<String> {
        let names: Vec<String> = arguments.iter().map(|argument| argument.schema_name().to_string()).collect();
        let (name, returns) = (&self.function.name, &self.call.returns);
        if self.call.modifier < 0 {
            return Ok(format!("{name}({})::{returns}", names.join(",")));
        }
        Ok(format!("{name}({})::{returns}:{}", names.join(","), self.call.modifier))
    }

    fn display_name(&self, arguments: &[Expr]) -> DataFusionResult<String> {
        self.schema_name(arguments)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.returns.clone())
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let rows = arguments.number_rows;
        let result = match &self.function.implementation {
            Implementation::Columns(run) => run(&self.call, &arguments.args, rows)?,
            Implementation::Arrays(_) => self.invoke_arrays(&arguments.args, rows)?,
            other => return Err(DataFusionError::Internal(format!("{} is {other:?}", self.function.name))),
        };
        if result.data_type() != self.returns {
            let (name, found) = (&self.function.name, result.data_type());
            return Err(DataFusionError::Internal(format!("{name} returned {found}, not {}", self.returns)));
        }
        Ok(result)
    }
}

impl Routine {
    /// Constants are worked out once, unless each row has its own result.
    fn invoke_arrays(&self, arguments: &[ColumnarValue], rows: usize) -> DataFusionResult<ColumnarValue> {
        let is_constant = !arguments.is_empty()
            && self.function.volatility != datafusion::logical_expr::Volatility::Volatile
            && arguments.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if is_constant { 1 } else { rows };
        let arrays =
            arguments.iter().map(|argument| argument.to_array(rows)).collect::<DataFusionResult<Vec<ArrayRef>>>()?;
        let array = run_arrays(&self.function, &self.call, &arrays, rows)?;
        if is_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?));
        }
        Ok(ColumnarValue::Array(array))
    }
}

/// The function over columns, all of `rows` rows.
pub(crate) fn run_arrays(function: &Function, call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let run = match &function.implementation {
        Implementation::Arrays(run) => run,
        Implementation::Columns(run) => {
            let columns: Vec<_> = arrays.iter().cloned().map(ColumnarValue::Array).collect();
            let found = run(call, &columns, rows)?;
            return found.to_array(rows).map_err(internal);
        }
        _ => return Err(SqlError::new(Condition::InternalError, "not a function over columns")),
    };
    if !function.strict {
        return run(call, arrays, rows);
    }
    let union =
        |nulls: Option<NullBuffer>, array: &ArrayRef| NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref());
    let Some(nulls) = arrays.iter().fold(None, union).filter(|nulls| nulls.null_count() > 0) else {
        return run(call, arrays, rows);
    };
    if nulls.null_count() == rows {
        return Ok(arrow::array::new_null_array(&function.returned_arrow(call), rows));
    }
    let kept = BooleanArray::new(nulls.inner().clone(), None);
    let arrays = arrays.iter().map(|array| filter(array, &kept)).collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
    let found = run(call, &arrays, rows - nulls.null_count())?;
    take(&found, &places(&nulls), None).map_err(arrow_error)
}

/// What DataFusion says went wrong, if it is not one of ours that it passes on.
pub(crate) fn internal(error: DataFusionError) -> SqlError {
    SqlError::inside(&error).cloned().unwrap_or_else(|| SqlError::new(Condition::InternalError, error.to_string()))
}

/// For each row its place among those that are not NULL.
fn places(nulls: &NullBuffer) -> UInt32Array {
    let mut next = 0;
    nulls
        .iter()
        .map(|is_valid| {
            is_valid.then(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}
