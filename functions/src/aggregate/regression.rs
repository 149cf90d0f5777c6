//! Correlation, covariance and regression of pairs of floats.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::Accumulator;

use crate::registry::{Call, Folding, Function, Implementation};
use crate::sql_type::SqlType;

/// Sums of the pairs so far: of x and y, and of the products of their distances from the means.
#[derive(Debug, Clone, Copy, Default)]
struct Sums {
    count: f64,
    x: f64,
    xx: f64,
    y: f64,
    yy: f64,
    xy: f64,
}

type Result = fn(&Sums) -> Option<f64>;

impl Sums {
    fn add(&mut self, y: f64, x: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        if self.count > 1.0 {
            let (distance_x, distance_y) = (x * self.count - self.x, y * self.count - self.y);
            let scale = 1.0 / (self.count * (self.count - 1.0));
            self.xx += distance_x * distance_x * scale;
            self.yy += distance_y * distance_y * scale;
            self.xy += distance_x * distance_y * scale;
        }
        if !(self.x.is_finite()) {
            (self.xx, self.xy) = (f64::NAN, f64::NAN);
        }
        if !(self.y.is_finite()) {
            (self.yy, self.xy) = (f64::NAN, f64::NAN);
        }
    }

    fn combine(&mut self, other: Sums) {
        if other.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            *self = other;
            return;
        }
        let all = self.count + other.count;
        let distance_x = self.x / self.count - other.x / other.count;
        let distance_y = self.y / self.count - other.y / other.count;
        let weight = self.count * other.count / all;
        self.xx += other.xx + weight * distance_x * distance_x;
        self.yy += other.yy + weight * distance_y * distance_y;
        self.xy += other.xy + weight * distance_x * distance_y;
        self.x += other.x;
        self.y += other.y;
        self.count = all;
    }

    fn parts(&self) -> [f64; 6] {
        [self.count, self.x, self.xx, self.y, self.yy, self.xy]
    }
}

#[derive(Debug)]
struct Pairs {
    sums: Sums,
    result: Result,
    is_count: bool,
}

impl Accumulator for Pairs {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let (y, x) = (values[0].as_primitive::<Float64Type>(), values[1].as_primitive::<Float64Type>());
        for row in (0..y.len()).filter(|row| y.is_valid(*row) && x.is_valid(*row)) {
            self.sums.add(y.value(row), x.value(row));
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        if self.is_count {
            #[allow(clippy::cast_possible_truncation, reason = "a count is whole")]
            return Ok(ScalarValue::Int64(Some(self.sums.count as i64)));
        }
        Ok(ScalarValue::Float64((self.result)(&self.sums)))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok(self.sums.parts().map(|part| ScalarValue::Float64(Some(part))).to_vec())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..states[0].len() {
            let part = |index: usize| states[index].as_primitive::<Float64Type>().value(row);
            let other = Sums { count: part(0), x: part(1), xx: part(2), y: part(3), yy: part(4), xy: part(5) };
            self.sums.combine(other);
        }
        Ok(())
    }
}

/// What `result` says if there are at least `least` pairs.
fn from(least: f64, sums: &Sums, result: impl Fn() -> Option<f64>) -> Option<f64> {
    if sums.count < least { None } else { result() }
}

fn is_flat(spread: f64) -> bool {
    spread == 0.0
}

#[rustfmt::skip]
const RESULTS: [(&str, Result); 11] = [
    ("corr", |s| from(1.0, s, || (!is_flat(s.xx) && !is_flat(s.yy)).then(|| s.xy / (s.xx * s.yy).sqrt()))),
    ("covar_pop", |s| from(1.0, s, || Some(s.xy / s.count))),
    ("covar_samp", |s| from(2.0, s, || Some(s.xy / (s.count - 1.0)))),
    ("regr_avgx", |s| from(1.0, s, || Some(s.x / s.count))),
    ("regr_avgy", |s| from(1.0, s, || Some(s.y / s.count))),
    ("regr_intercept", |s| from(1.0, s, || (!is_flat(s.xx)).then(|| (s.y - s.x * s.xy / s.xx) / s.count))),
    ("regr_r2", |s| from(1.0, s, || (!is_flat(s.xx)).then(|| if is_flat(s.yy) { 1.0 } else { s.xy * s.xy / (s.xx * s.yy) }))),
    ("regr_slope", |s| from(1.0, s, || (!is_flat(s.xx)).then(|| s.xy / s.xx))),
    ("regr_sxx", |s| from(1.0, s, || Some(s.xx))),
    ("regr_sxy", |s| from(1.0, s, || Some(s.xy))),
    ("regr_syy", |s| from(1.0, s, || Some(s.yy))),
];

fn pairs(name: &'static str, result: Result, is_count: bool) -> Implementation {
    Implementation::aggregate(move |call: &Call| {
        let make = move || -> Box<dyn Accumulator> { Box::new(Pairs { sums: Sums::default(), result, is_count }) };
        let state = vec![DataType::Float64; 6];
        Ok(Folding::new(name, vec![SqlType::Float8; 2], call.returns.clone(), state, make).aggregation())
    })
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions: Vec<Function> = RESULTS
        .into_iter()
        .map(|(name, result)| Function::new(&format!("{name}(float8, float8) float8"), pairs(name, result, false)))
        .collect();
    functions.push(Function::new("regr_count(float8, float8) int8", pairs("regr_count", |_| None, true)));
    functions
}
