//! Sums and means of exact numbers.
//!
//! Whole numbers and decimals are added as decimals where no sum can be too large, else as numbers of any size; means are
//! numerics with PostgreSQL's scale.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, Int64Array};
use arrow::datatypes::{DataType, Float32Type, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use crate::condition::SqlResult;
use crate::numeric::Number;
use crate::numeric::cast::number_at;
use crate::registry::{Aggregation, Call, Folding, Function, Implementation};
use crate::sql_type::{NumericForm, SqlType};

/// Digits that a sum of decimals has more than one of them: no table has more rows than these can count.
const SUM_DIGITS: u8 = 10;
/// Digits that a `Decimal128` has at most.
const DECIMAL_DIGITS_MAX: u8 = 38;

/// What is known of a group.
#[derive(Debug, Clone, Default)]
struct Total {
    sum: Option<Number>,
    count: i64,
}

impl Total {
    fn add(&mut self, number: Number, count: i64) -> SqlResult<()> {
        self.sum = Some(match &self.sum {
            Some(sum) => sum.plus(&number)?,
            None => number,
        });
        self.count += count;
        Ok(())
    }

    fn result(&self, is_mean: bool) -> SqlResult<Option<Number>> {
        match &self.sum {
            Some(sum) if is_mean => sum.divided_by(&Number::from(self.count)).map(Some),
            other => Ok(other.clone()),
        }
    }

    /// Whether every number that was added can be taken away again.
    fn is_finite(&self) -> bool {
        self.sum.as_ref().is_none_or(Number::is_finite)
    }
}

/// The totals of one or many groups.
#[derive(Debug, Default)]
struct Totals {
    groups: Vec<Total>,
    is_mean: bool,
}

impl Totals {
    fn one(is_mean: bool) -> Self {
        Totals { groups: vec![Total::default()], is_mean }
    }

    fn column(numbers: impl Iterator<Item = SqlResult<Option<Number>>>) -> SqlResult<ArrayRef> {
        let mut builder = BinaryBuilder::new();
        for number in numbers {
            builder.append_option(number?.map(|number| number.to_bytes()));
        }
        Ok(Arc::new(builder.finish()))
    }

    fn merge(&mut self, group: usize, states: &[ArrayRef], row: usize) -> SqlResult<()> {
        let Some(sum) = number_at(&states[0], row)? else { return Ok(()) };
        self.groups[group].add(sum, states[1].as_primitive::<Int64Type>().value(row))
    }
}

impl Accumulator for Totals {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..values[0].len() {
            if let Some(number) = number_at(&values[0], row)? {
                self.groups[0].add(number, 1)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Binary(self.groups[0].result(self.is_mean)?.map(|number| number.to_bytes())))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.groups.capacity() * size_of::<Total>()
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let total = &self.groups[0];
        let sum = total.sum.as_ref().map(Number::to_bytes);
        Ok(vec![ScalarValue::Binary(sum), ScalarValue::Int64(Some(total.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..states[0].len() {
            self.merge(0, states, row)?;
        }
        Ok(())
    }
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize(total_num_groups, Total::default());
        for (row, group) in group_indices.iter().enumerate() {
            let counts = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            if counts && let Some(number) = number_at(&values[0], row)? {
                self.groups[*group].add(number, 1)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> DataFusionResult<ArrayRef> {
        let groups = emit_to.take_needed(&mut self.groups);
        Ok(Totals::column(groups.iter().map(|total| total.result(self.is_mean)))?)
    }

    fn state(&mut self, emit_to: EmitTo) -> DataFusionResult<Vec<ArrayRef>> {
        let groups = emit_to.take_needed(&mut self.groups);
        let sums = Totals::column(groups.iter().map(|total| Ok(total.sum.clone())))?;
        let counts: Int64Array = groups.iter().map(|total| Some(total.count)).collect();
        Ok(vec![sums, Arc::new(counts)])
    }

    fn merge_batch(
        &mut self,
        states: &[ArrayRef],
        group_indices: &[usize],
        total_num_groups: usize,
    ) -> DataFusionResult<()> {
        self.groups.resize(total_num_groups, Total::default());
        for (row, group) in group_indices.iter().enumerate() {
            self.merge(*group, states, row)?;
        }
        Ok(())
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> DataFusionResult<Vec<ArrayRef>> {
        let counts_row = |row: usize| filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
        let rows = 0..values[0].len();
        let sums = Totals::column(
            rows.clone().map(|row| if counts_row(row) { number_at(&values[0], row) } else { Ok(None) }),
        )?;
        let counts: Int64Array = rows.map(|row| Some(i64::from(sums.is_valid(row)))).collect();
        Ok(vec![sums, Arc::new(counts)])
    }

    fn size(&self) -> usize {
        Accumulator::size(self)
    }
}

/// The total of a frame that moves, as long as all numbers are finite.
#[derive(Debug)]
struct Moving {
    totals: Totals,
}

impl Accumulator for Moving {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        Accumulator::update_batch(&mut self.totals, values)
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let total = &self.totals.groups[0];
        if total.count == 0 {
            return Ok(ScalarValue::Binary(None));
        }
        Accumulator::evaluate(&mut self.totals)
    }

    fn size(&self) -> usize {
        Accumulator::size(&self.totals)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Accumulator::state(&mut self.totals)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        Accumulator::merge_batch(&mut self.totals, states)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..values[0].len() {
            if let Some(number) = number_at(&values[0], row)? {
                self.totals.groups[0].add(number.negated(), -1)?;
            }
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        self.totals.groups[0].is_finite()
    }
}

/// The type in which numbers of this type are added.
fn added_as(sql_type: &SqlType) -> SqlType {
    match sql_type {
        SqlType::Int2 | SqlType::Int4 | SqlType::Int8 => SqlType::decimal(19, 0),
        other => other.clone(),
    }
}

fn total(call: &Call, is_mean: bool) -> Aggregation {
    let argument = added_as(&call.arguments[0]);
    let state = vec![DataType::Binary, DataType::Int64];
    let name = if is_mean { "avg" } else { "sum" };
    // Only decimals are surely finite.
    let may_move = matches!(argument, SqlType::Numeric(NumericForm::Decimal { .. }));
    Folding::new(name, vec![argument], SqlType::NUMERIC, state, move || {
        let totals = Totals::one(is_mean);
        if may_move { Box::new(Moving { totals }) } else { Box::new(totals) }
    })
    .with_groups(move || Box::new(Totals { groups: Vec::new(), is_mean }))
    .aggregation()
}

/// A sum of decimals by DataFusion where it surely fits.
fn sum(call: &Call) -> Aggregation {
    let argument = added_as(&call.arguments[0]);
    match argument {
        SqlType::Numeric(NumericForm::Decimal { precision, scale }) if precision <= DECIMAL_DIGITS_MAX - SUM_DIGITS => {
            let returns = SqlType::Numeric(NumericForm::Decimal { precision: precision + SUM_DIGITS, scale });
            Aggregation { aggregate: sum_udaf(), arguments: vec![argument], returns }
        }
        _ => total(call, false),
    }
}

/// The sum of floats of four bytes, which stays one.
#[derive(Debug, Default)]
struct Floats {
    sum: Option<f32>,
}

impl Accumulator for Floats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        for value in values[0].as_primitive::<Float32Type>().iter().flatten() {
            self.sum = Some(self.sum.map_or(value, |sum| sum + value));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Float32(self.sum))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        self.update_batch(states)
    }
}

fn float_sum() -> Aggregation {
    let state = vec![DataType::Float32];
    Folding::new("sum", vec![SqlType::Float4], SqlType::Float4, state, || Box::new(Floats::default())).aggregation()
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("sum(int8) numeric", Implementation::aggregate(|call| Ok(sum(call)))),
        Function::new("sum(float4) float4", Implementation::aggregate(|_| Ok(float_sum()))),
        Function::new("sum(numeric) numeric", Implementation::aggregate(|call| Ok(sum(call)))),
    ];
    for name in ["int2", "int4", "int8", "numeric"] {
        let mean = Implementation::aggregate(|call| Ok(total(call, true)));
        functions.push(Function::new(&format!("avg({name}) numeric"), mean));
    }
    functions
}
