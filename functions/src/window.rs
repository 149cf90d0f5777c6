//! Window functions: DataFusion's, with PostgreSQL's types.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_window::cume_dist::cume_dist_udwf;
use datafusion::functions_window::lead_lag::{lag_udwf, lead_udwf};
use datafusion::functions_window::nth_value::{first_value_udwf, last_value_udwf, nth_value_udwf};
use datafusion::functions_window::ntile::ntile_udwf;
use datafusion::functions_window::rank::{dense_rank_udwf, percent_rank_udwf, rank_udwf};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::function::{ExpressionArgs, PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::window_state::WindowAggState;
use datafusion::logical_expr::{PartitionEvaluator, Signature, WindowUDF, WindowUDFImpl};
use datafusion::physical_expr::PhysicalExpr;

use crate::registry::{Function, Implementation};

/// A window function whose results are made another type.
#[derive(Clone)]
struct Retyped {
    inner: Arc<WindowUDF>,
    returns: DataType,
}

impl fmt::Debug for Retyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} as {}", self.inner.name(), self.returns)
    }
}

impl PartialEq for Retyped {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner && self.returns == other.returns
    }
}

impl Eq for Retyped {}

impl Hash for Retyped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
        self.returns.hash(state);
    }
}

impl WindowUDFImpl for Retyped {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn expressions(&self, arguments: ExpressionArgs) -> Vec<Arc<dyn PhysicalExpr>> {
        self.inner.expressions(arguments)
    }

    fn partition_evaluator(&self, arguments: PartitionEvaluatorArgs) -> DataFusionResult<Box<dyn PartitionEvaluator>> {
        let inner = self.inner.partition_evaluator_factory(arguments)?;
        Ok(Box::new(RetypedPartition { inner, returns: self.returns.clone() }))
    }

    fn field(&self, arguments: WindowUDFFieldArgs) -> DataFusionResult<FieldRef> {
        Ok(Arc::new(Field::new(arguments.name(), self.returns.clone(), true)))
    }
}

#[derive(Debug)]
struct RetypedPartition {
    inner: Box<dyn PartitionEvaluator>,
    returns: DataType,
}

impl PartitionEvaluator for RetypedPartition {
    fn memoize(&mut self, state: &mut WindowAggState) -> DataFusionResult<()> {
        self.inner.memoize(state)
    }

    fn get_range(&self, row: usize, rows: usize) -> DataFusionResult<Range<usize>> {
        self.inner.get_range(row, rows)
    }

    fn is_causal(&self) -> bool {
        self.inner.is_causal()
    }

    fn evaluate_all(&mut self, values: &[ArrayRef], rows: usize) -> DataFusionResult<ArrayRef> {
        Ok(cast(&self.inner.evaluate_all(values, rows)?, &self.returns)?)
    }

    fn evaluate(&mut self, values: &[ArrayRef], range: &Range<usize>) -> DataFusionResult<ScalarValue> {
        self.inner.evaluate(values, range)?.cast_to(&self.returns)
    }

    fn evaluate_all_with_rank(&self, rows: usize, ranks: &[Range<usize>]) -> DataFusionResult<ArrayRef> {
        Ok(cast(&self.inner.evaluate_all_with_rank(rows, ranks)?, &self.returns)?)
    }

    fn supports_bounded_execution(&self) -> bool {
        self.inner.supports_bounded_execution()
    }

    fn uses_window_frame(&self) -> bool {
        self.inner.uses_window_frame()
    }

    fn include_rank(&self) -> bool {
        self.inner.include_rank()
    }
}

type Udwf = fn() -> Arc<WindowUDF>;

const FUNCTIONS: [(&str, Udwf); 15] = [
    ("row_number() int8", row_number_udwf),
    ("rank() int8", rank_udwf),
    ("dense_rank() int8", dense_rank_udwf),
    ("percent_rank() float8", percent_rank_udwf),
    ("cume_dist() float8", cume_dist_udwf),
    ("ntile(int4) int4", ntile_udwf),
    ("lag(anyelement) anyelement", lag_udwf),
    ("lag(anyelement, int4) anyelement", lag_udwf),
    ("lag(anycompatible, int4, anycompatible) anycompatible", lag_udwf),
    ("lead(anyelement) anyelement", lead_udwf),
    ("lead(anyelement, int4) anyelement", lead_udwf),
    ("lead(anycompatible, int4, anycompatible) anycompatible", lead_udwf),
    ("first_value(anyelement) anyelement", first_value_udwf),
    ("last_value(anyelement) anyelement", last_value_udwf),
    ("nth_value(anyelement, int4) anyelement", nth_value_udwf),
];

pub(crate) fn functions() -> Vec<Function> {
    FUNCTIONS
        .into_iter()
        .map(|(signature, udwf)| {
            let run = Implementation::window(move |call| {
                let inner = udwf();
                let returns = call.returns.arrow();
                // What returns values of its argument does so already.
                if signature.ends_with("anyelement") || signature.ends_with("anycompatible") {
                    return Ok(inner);
                }
                Ok(Arc::new(WindowUDF::new_from_impl(Retyped { inner, returns })))
            });
            Function::new(signature, run)
        })
        .collect()
}
