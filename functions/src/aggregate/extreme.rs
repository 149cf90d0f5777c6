//! `min` and `max` where Arrow's order is not PostgreSQL's: keys of the values are compared in their place.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef};
use arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::logical_expr::Accumulator;

use crate::registry::{Aggregation, Call, Folding, Function, Implementation, arrow_error};
use crate::sql_type::{NumericForm, SqlType};
use crate::typing::sort_keys;

/// The best value so far.
#[derive(Debug)]
struct Best {
    sql_type: SqlType,
    wanted: Ordering,
    best: Option<(OwnedRow, ScalarValue)>,
    none: ScalarValue,
    converter: Option<RowConverter>,
}

impl Best {
    fn new(sql_type: SqlType, wanted: Ordering) -> Self {
        let none = ScalarValue::try_from(&sql_type.arrow()).unwrap_or(ScalarValue::Null);
        Best { sql_type, wanted, best: None, none, converter: None }
    }
}

impl Accumulator for Best {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let keys = sort_keys(&values[0], &self.sql_type)?;
        let converter = match &self.converter {
            Some(converter) => converter,
            None => {
                let field = SortField::new(keys.data_type().clone());
                self.converter.insert(RowConverter::new(vec![field]).map_err(arrow_error)?)
            }
        };
        let rows = converter.convert_columns(std::slice::from_ref(&keys)).map_err(arrow_error)?;
        let mut best: Option<usize> = None;
        for row in (0..keys.len()).filter(|row| values[0].is_valid(*row)) {
            if best.is_none_or(|best| rows.row(row).cmp(&rows.row(best)) == self.wanted) {
                best = Some(row);
            }
        }
        let Some(row) = best else { return Ok(()) };
        let key = rows.row(row);
        if self.best.as_ref().is_none_or(|(before, _)| key.cmp(&before.row()) == self.wanted) {
            self.best = Some((key.owned(), ScalarValue::try_from_array(&values[0], row)?));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(self.best.as_ref().map_or_else(|| self.none.clone(), |(_, value)| value.clone()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.best.as_ref().map_or(0, |(_, value)| value.size())
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        self.update_batch(states)
    }
}

fn extreme(name: &'static str, wanted: Ordering) -> Implementation {
    Implementation::aggregate(move |call: &Call| {
        let sql_type = call.arguments[0].clone();
        if matches!(sql_type, SqlType::Numeric(NumericForm::Decimal { .. })) {
            let aggregate = if wanted == Ordering::Less { min_udaf() } else { max_udaf() };
            return Ok(Aggregation { aggregate, arguments: vec![sql_type.clone()], returns: sql_type });
        }
        let state = vec![sql_type.arrow()];
        let of = sql_type.clone();
        let make = move || -> Box<dyn Accumulator> { Box::new(Best::new(of.clone(), wanted)) };
        Ok(Folding::new(name, vec![sql_type.clone()], sql_type, state, make).aggregation())
    })
}

const TYPES: [&str; 7] = ["numeric", "bpchar", "interval", "timetz", "anyarray", "anyenum", "bytea"];

pub(crate) fn functions() -> Vec<Function> {
    TYPES
        .iter()
        .flat_map(|name| {
            [
                Function::new(&format!("min({name}) {name}"), extreme("min", Ordering::Less)),
                Function::new(&format!("max({name}) {name}"), extreme("max", Ordering::Greater)),
            ]
        })
        .collect()
}
