//! `min` and `max` of floats, among which NaN is the largest.

use std::cmp::Ordering;
use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, PrimitiveArray};
use arrow::datatypes::{Float32Type, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::registry::{Folding, Function, Implementation};
use crate::sql_type::SqlType;

/// Floats in PostgreSQL's order.
trait Ordered: Copy + Debug + Send + Sync + 'static {
    fn order(self, other: Self) -> Ordering;
}

impl Ordered for f32 {
    fn order(self, other: Self) -> Ordering {
        self.partial_cmp(&other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
    }
}

impl Ordered for f64 {
    fn order(self, other: Self) -> Ordering {
        self.partial_cmp(&other).unwrap_or_else(|| self.is_nan().cmp(&other.is_nan()))
    }
}

/// The best value of each group so far.
#[derive(Debug)]
struct Bests<T: ArrowPrimitiveType> {
    groups: Vec<Option<T::Native>>,
    wanted: Ordering,
}

impl<T: ArrowPrimitiveType> Bests<T>
where
    T::Native: Ordered,
{
    fn meet(&mut self, group: usize, value: T::Native) {
        let best = &mut self.groups[group];
        // Of two zeros the later one is kept.
        if best.is_none_or(|best| value.order(best) != self.wanted.reverse()) {
            *best = Some(value);
        }
    }

    fn column(values: Vec<Option<T::Native>>) -> ArrayRef {
        Arc::new(PrimitiveArray::<T>::from_iter(values))
    }
}

impl<T: ArrowPrimitiveType + Debug> Accumulator for Bests<T>
where
    T::Native: Ordered,
{
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        values[0].as_primitive::<T>().iter().flatten().for_each(|value| self.meet(0, value));
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        ScalarValue::try_from_array(&Self::column(vec![self.groups[0]]), 0)
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.capacity() * size_of::<Option<T::Native>>()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![Accumulator::evaluate(self)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        Accumulator::update_batch(self, states)
    }
}

impl<T: ArrowPrimitiveType + Debug> GroupsAccumulator for Bests<T>
where
    T::Native: Ordered,
{
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize(total_num_groups, None);
        let values = values[0].as_primitive::<T>();
        for (row, group) in group_indices.iter().enumerate() {
            let counts = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if counts && values.is_valid(row) {
                self.meet(*group, values.value(row));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        Ok(Self::column(emit_to.take_needed(&mut self.groups)))
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        Ok(vec![GroupsAccumulator::evaluate(self, emit_to)?])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        GroupsAccumulator::update_batch(self, states, group_indices, None, total_num_groups)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DataFusionResult<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let counts = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let kept = (0..values.len()).map(|row| (counts(row) && values.is_valid(row)).then(|| values.value(row)));
        Ok(vec![Self::column(kept.collect())])
    }

    fn size(&self) -> usize {
        Accumulator::size(self)
    }
}

fn extreme<T: ArrowPrimitiveType + Debug>(name: &'static str, sql_type: SqlType, wanted: Ordering) -> Implementation
where
    T::Native: Ordered,
{
    Implementation::aggregate(move |_| {
        let folding = Folding::new(name, vec![sql_type.clone()], sql_type.clone(), vec![T::DATA_TYPE], move || {
            Box::new(Bests::<T> { groups: vec![None], wanted })
        });
        Ok(folding.with_groups(move || Box::new(Bests::<T> { groups: Vec::new(), wanted })).aggregation())
    })
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (name, wanted) in [("min", Ordering::Less), ("max", Ordering::Greater)] {
        let small = extreme::<Float32Type>(name, SqlType::Float4, wanted);
        functions.push(Function::new(&format!("{name}(float4) float4"), small));
        let large = extreme::<Float64Type>(name, SqlType::Float8, wanted);
        functions.push(Function::new(&format!("{name}(float8) float8"), large));
    }
    functions
}
