//! Deviations and variances: of floats by sums that are kept stable, of exact numbers exactly.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::Accumulator;

use crate::condition::SqlResult;
use crate::numeric::cast::number_at;
use crate::numeric::{Number, quotient_scale, square_root};
use crate::registry::{Call, Folding, Function, Implementation};
use crate::sql_type::SqlType;

/// Which of the four is asked for.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    is_sample: bool,
    is_deviation: bool,
}

/// Of floats: how many, their sum, and the sum of the squares of their distances from the mean.
#[derive(Debug)]
struct Floats {
    wanted: Wanted,
    count: f64,
    sum: f64,
    squares: f64,
}

impl Floats {
    fn combine(&mut self, count: f64, sum: f64, squares: f64) {
        if count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            (self.count, self.sum, self.squares) = (count, sum, squares);
            return;
        }
        let distance = self.sum / self.count - sum / count;
        let all = self.count + count;
        self.squares += squares + self.count * count * distance * distance / all;
        self.sum += sum;
        self.count = all;
    }

    fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        if self.count > 1.0 {
            let distance = value * self.count - self.sum;
            self.squares += distance * distance / (self.count * (self.count - 1.0));
        } else if !value.is_finite() {
            self.squares = f64::NAN;
        }
        if !self.sum.is_finite() {
            self.squares = f64::NAN;
        }
    }
}

impl Accumulator for Floats {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        values[0].as_primitive::<Float64Type>().iter().flatten().for_each(|value| self.add(value));
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let divisor = if self.wanted.is_sample { self.count - 1.0 } else { self.count };
        if divisor <= 0.0 {
            return Ok(ScalarValue::Float64(None));
        }
        let variance = self.squares / divisor;
        Ok(ScalarValue::Float64(Some(if self.wanted.is_deviation { variance.sqrt() } else { variance })))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        Ok([self.count, self.sum, self.squares].into_iter().map(|value| ScalarValue::Float64(Some(value))).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..states[0].len() {
            let part = |index: usize| states[index].as_primitive::<Float64Type>().value(row);
            self.combine(part(0), part(1), part(2));
        }
        Ok(())
    }
}

/// Of exact numbers: how many, their sum, and the sum of their squares.
#[derive(Debug)]
struct Exact {
    wanted: Wanted,
    count: i64,
    sum: Number,
    squares: Number,
}

impl Exact {
    fn add(&mut self, number: &Number) -> SqlResult<()> {
        self.count += 1;
        self.sum = self.sum.plus(number)?;
        self.squares = self.squares.plus(&number.times(number)?)?;
        Ok(())
    }

    fn result(&self) -> SqlResult<Option<Number>> {
        let divisor = if self.wanted.is_sample { self.count - 1 } else { self.count };
        if divisor <= 0 {
            return Ok(None);
        }
        if !self.sum.is_finite() || !self.squares.is_finite() {
            return Ok(Some(Number::NaN));
        }
        let count = Number::from(self.count);
        let distance = self.squares.times(&count)?.minus(&self.sum.times(&self.sum)?)?;
        if distance <= Number::ZERO {
            return Ok(Some(Number::ZERO));
        }
        let divisor = count.times(&Number::from(divisor))?;
        let scale = quotient_scale(&distance, &divisor);
        let variance = distance.divided(&divisor, scale, true)?;
        Ok(Some(if self.wanted.is_deviation { square_root(&variance, scale) } else { variance }))
    }
}

impl Accumulator for Exact {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..values[0].len() {
            if let Some(number) = number_at(&values[0], row)? {
                self.add(&number)?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        Ok(ScalarValue::Binary(self.result()?.map(|number| number.to_bytes())))
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let count = Number::from(self.count);
        Ok([&count, &self.sum, &self.squares].map(|number| ScalarValue::Binary(Some(number.to_bytes()))).to_vec())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        for row in 0..states[0].len() {
            let part = |index: usize| Number::decode(states[index].as_binary::<i32>().value(row));
            self.count += part(0).to_i128().and_then(|count| i64::try_from(count).ok()).unwrap_or(0);
            self.sum = self.sum.plus(&part(1))?;
            self.squares = self.squares.plus(&part(2))?;
        }
        Ok(())
    }
}

const NAMES: [(&str, Wanted); 6] = [
    ("stddev", Wanted { is_sample: true, is_deviation: true }),
    ("stddev_samp", Wanted { is_sample: true, is_deviation: true }),
    ("stddev_pop", Wanted { is_sample: false, is_deviation: true }),
    ("variance", Wanted { is_sample: true, is_deviation: false }),
    ("var_samp", Wanted { is_sample: true, is_deviation: false }),
    ("var_pop", Wanted { is_sample: false, is_deviation: false }),
];

fn of_floats(name: &'static str, wanted: Wanted) -> Implementation {
    Implementation::aggregate(move |_: &Call| {
        let make = move || -> Box<dyn Accumulator> { Box::new(Floats { wanted, count: 0.0, sum: 0.0, squares: 0.0 }) };
        let state = vec![DataType::Float64; 3];
        Ok(Folding::new(name, vec![SqlType::Float8], SqlType::Float8, state, make).aggregation())
    })
}

fn of_exact(name: &'static str, wanted: Wanted) -> Implementation {
    Implementation::aggregate(move |_: &Call| {
        let make = move || -> Box<dyn Accumulator> {
            Box::new(Exact { wanted, count: 0, sum: Number::ZERO, squares: Number::ZERO })
        };
        let state = vec![DataType::Binary; 3];
        Ok(Folding::new(name, vec![SqlType::NUMERIC], SqlType::NUMERIC, state, make).aggregation())
    })
}

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    for (name, wanted) in NAMES {
        for argument in ["float4", "float8"] {
            functions.push(Function::new(&format!("{name}({argument}) float8"), of_floats(name, wanted)));
        }
        for argument in ["int2", "int4", "int8", "numeric"] {
            functions.push(Function::new(&format!("{name}({argument}) numeric"), of_exact(name, wanted)));
        }
    }
    functions
}
