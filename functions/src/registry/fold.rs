//! Aggregates that see their rows one after the other and keep little of them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;

use super::function::Aggregation;
use super::routine::internal;
use crate::condition::SqlResult;
use crate::sql_type::SqlType;

type Make = dyn Fn() -> Box<dyn Accumulator> + Send + Sync;
type MakeGroups = dyn Fn() -> Box<dyn GroupsAccumulator> + Send + Sync;

/// An aggregate that is made of accumulators of ours.
#[derive(Clone)]
pub(crate) struct Folding {
    name: String,
    arguments: Vec<SqlType>,
    returns: SqlType,
    state: Vec<DataType>,
    make: Arc<Make>,
    make_groups: Option<Arc<MakeGroups>>,
    signature: Signature,
}

impl Folding {
    /// Of `state` between its parts; `make` begins a group.
    pub(crate) fn new(
        name: &str,
        arguments: Vec<SqlType>,
        returns: SqlType,
        state: Vec<DataType>,
        make: impl Fn() -> Box<dyn Accumulator> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Folding { name: name.to_owned(), arguments, returns, state, make: Arc::new(make), make_groups: None, signature }
    }

    /// The same, with what accumulates many groups at once.
    pub(crate) fn with_groups(mut self, make: impl Fn() -> Box<dyn GroupsAccumulator> + Send + Sync + 'static) -> Self {
        self.make_groups = Some(Arc::new(make));
        self
    }

    /// The aggregate for a call.
    pub(crate) fn aggregation(self) -> Aggregation {
        let (arguments, returns) = (self.arguments.clone(), self.returns.clone());
        Aggregation { aggregate: Arc::new(AggregateUDF::new_from_impl(self)), arguments, returns }
    }
}

impl fmt::Debug for Folding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?}", self.name, self.arguments)
    }
}

impl PartialEq for Folding {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.arguments == other.arguments && self.returns == other.returns
    }
}

impl Eq for Folding {}

impl Hash for Folding {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.arguments.hash(state);
    }
}

impl AggregateUDFImpl for Folding {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.returns.arrow())
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, _: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        Ok((self.make)())
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> DataFusionResult<Vec<FieldRef>> {
        let fields = self.state.iter().enumerate().map(|(index, data_type)| {
            Arc::new(Field::new(format!("{}[{index}]", arguments.name), data_type.clone(), true))
        });
        Ok(fields.collect())
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        self.make_groups.is_some() && !arguments.is_distinct
    }

    fn create_groups_accumulator(&self, _: AccumulatorArgs) -> DataFusionResult<Box<dyn GroupsAccumulator>> {
        match &self.make_groups {
            Some(make) => Ok(make()),
            None => Err(datafusion::error::DataFusionError::Internal(format!("{} knows no groups", self.name))),
        }
    }

    fn create_sliding_accumulator(&self, _: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        let made = (self.make)();
        if made.supports_retract_batch() {
            return Ok(made);
        }
        Ok(Box::new(Recomputed { make: self.make.clone(), parts: Vec::new() }))
    }
}

/// The rows of a frame that moves, for an aggregate that cannot forget a row.
struct Recomputed {
    make: Arc<Make>,
    parts: Vec<Vec<ArrayRef>>,
}

impl fmt::Debug for Recomputed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} parts", self.parts.len())
    }
}

impl Recomputed {
    fn whole(&self) -> DataFusionResult<Box<dyn Accumulator>> {
        let mut accumulator = (self.make)();
        for part in &self.parts {
            accumulator.update_batch(part)?;
        }
        Ok(accumulator)
    }
}

impl Accumulator for Recomputed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        if values.first().is_some_and(|column| !column.is_empty()) {
            self.parts.push(values.to_vec());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        self.whole()?.evaluate()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.parts.iter().flatten().map(|column| column.get_array_memory_size()).sum::<usize>()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        self.whole()?.state()
    }

    fn merge_batch(&mut self, _: &[ArrayRef]) -> DataFusionResult<()> {
        Err(datafusion::error::DataFusionError::Internal("frames are not merged".to_owned()))
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let mut gone = values.first().map_or(0, |column| column.len());
        let mut kept = Vec::new();
        for part in self.parts.drain(..) {
            let rows = part.first().map_or(0, |column| column.len());
            if rows > gone {
                kept.push(part.iter().map(|column| column.slice(gone, rows - gone)).collect());
            }
            gone = gone.saturating_sub(rows);
        }
        self.parts = kept;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}

/// The aggregate of these rows alone.
pub(crate) fn evaluate_rows(aggregate: &AggregateUDF, columns: &[ArrayRef]) -> SqlResult<ScalarValue> {
    let fields: Vec<FieldRef> = columns
        .iter()
        .enumerate()
        .map(|(index, column)| Arc::new(Field::new(format!("c{index}"), column.data_type().clone(), true)))
        .collect();
    let exprs: Vec<Arc<dyn PhysicalExpr>> =
        fields.iter().enumerate().map(|(index, field)| Arc::new(Column::new(field.name(), index)) as _).collect();
    let schema = Schema::new(fields.clone());
    let arguments = AccumulatorArgs {
        return_field: aggregate.return_field(&fields).map_err(internal)?,
        schema: &schema,
        ignore_nulls: false,
        order_bys: &[],
        is_reversed: false,
        name: aggregate.name(),
        is_distinct: false,
        exprs: &exprs,
        expr_fields: &fields,
    };
    let mut accumulator = aggregate.accumulator(arguments).map_err(internal)?;
    accumulator.update_batch(columns).map_err(internal)?;
    accumulator.evaluate().map_err(internal)
}
