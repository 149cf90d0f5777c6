//! Functions of floats: rounding, powers, angles, chance.

use std::sync::Mutex;

use super::checked;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::registry::{Float8, Function, Implementation, Int4, Kind, four, none, one, two};

fn failure(condition: Condition, message: &str) -> SqlError {
    SqlError::new(condition, message)
}

fn root(value: f64) -> SqlResult<f64> {
    if value < 0.0 {
        return Err(failure(Condition::InvalidArgumentForPower, "cannot take square root of a negative number"));
    }
    Ok(value.sqrt())
}

fn power(base: f64, exponent: f64) -> SqlResult<f64> {
    if base == 0.0 && exponent < 0.0 {
        return Err(failure(Condition::InvalidArgumentForPower, "zero raised to a negative power is undefined"));
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(failure(Condition::InvalidArgumentForPower, message));
    }
    let has_infinity = base.is_infinite() || exponent.is_infinite();
    checked(base.powf(exponent), has_infinity, base == 0.0 || has_infinity)
}

fn exponential(value: f64) -> SqlResult<f64> {
    checked(value.exp(), value.is_infinite(), value.is_infinite())
}

fn logarithm(value: f64, function: fn(f64) -> f64) -> SqlResult<f64> {
    if value == 0.0 {
        return Err(failure(Condition::InvalidArgumentForLogarithm, "cannot take logarithm of zero"));
    }
    if value < 0.0 {
        return Err(failure(Condition::InvalidArgumentForLogarithm, "cannot take logarithm of a negative number"));
    }
    Ok(function(value))
}

/// A function of values between two bounds only.
fn within(value: f64, low: f64, high: f64, function: fn(f64) -> f64) -> SqlResult<f64> {
    if value.is_nan() {
        return Ok(f64::NAN);
    }
    if !(low..=high).contains(&value) {
        return Err(failure(Condition::NumericValueOutOfRange, "input is out of range"));
    }
    Ok(function(value))
}

fn finite(value: f64, function: fn(f64) -> f64) -> SqlResult<f64> {
    if value.is_infinite() {
        return Err(failure(Condition::NumericValueOutOfRange, "input is out of range"));
    }
    Ok(if value.is_nan() { f64::NAN } else { function(value) })
}

/// An angle in degrees brought within one turn, so that multiples of right angles have exact results.
fn in_degrees(value: f64, function: fn(f64) -> f64) -> SqlResult<f64> {
    finite(value, function)
}

/// The sine of up to 30 degrees, exact at both ends.
fn small_sine(degrees: f64) -> f64 {
    degrees.to_radians().sin() / 30_f64.to_radians().sin() / 2.0
}

/// The cosine of up to 60 degrees, exact at both ends.
fn small_cosine(degrees: f64) -> f64 {
    1.0 - (1.0 - degrees.to_radians().cos()) / (1.0 - 60_f64.to_radians().cos()) / 2.0
}

fn sine_of_degrees(degrees: f64) -> f64 {
    let turned = degrees % 360.0;
    let (sign, turned) = if turned < 0.0 { (-1.0, -turned) } else { (1.0, turned) };
    let (sign, turned) = if turned > 180.0 { (-sign, 360.0 - turned) } else { (sign, turned) };
    let turned = if turned > 90.0 { 180.0 - turned } else { turned };
    sign * if turned <= 30.0 { small_sine(turned) } else { small_cosine(90.0 - turned) }
}

fn cosine_of_degrees(degrees: f64) -> f64 {
    let turned = (degrees % 360.0).abs();
    let turned = if turned > 180.0 { 360.0 - turned } else { turned };
    let (sign, turned) = if turned > 90.0 { (-1.0, 180.0 - turned) } else { (1.0, turned) };
    sign * if turned <= 60.0 { small_cosine(turned) } else { small_sine(90.0 - turned) }
}

/// The angle from 0 to 90 degrees of a sine, exact at 0, a half and one.
fn degrees_of_sine(sine: f64) -> f64 {
    if sine <= 0.5 { sine.asin() / 0.5_f64.asin() * 30.0 } else { 90.0 - sine.acos() / 0.5_f64.acos() * 60.0 }
}

fn arcsine_in_degrees(sine: f64) -> f64 {
    if sine >= 0.0 { degrees_of_sine(sine) } else { -degrees_of_sine(-sine) }
}

fn arccosine_in_degrees(cosine: f64) -> f64 {
    if cosine < 0.0 {
        90.0 + degrees_of_sine(-cosine)
    } else if cosine <= 0.5 {
        90.0 - cosine.asin() / 0.5_f64.asin() * 30.0
    } else {
        cosine.acos() / 0.5_f64.acos() * 60.0
    }
}

fn arctangent_in_degrees(tangent: f64) -> f64 {
    tangent.atan() / 1_f64.atan() * 45.0
}

fn tangent_of_degrees(degrees: f64) -> f64 {
    let turned = degrees % 180.0;
    if turned.abs() == 45.0 {
        return turned.signum();
    }
    sine_of_degrees(degrees) / cosine_of_degrees(degrees)
}

fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value + 0.0
    }
}

fn bucket(operand: f64, low: f64, high: f64, count: i32) -> SqlResult<i32> {
    let failure = |message: &str| failure(Condition::InvalidArgumentForWidthBucket, message);
    if count <= 0 {
        return Err(failure("count must be greater than zero"));
    }
    if operand.is_nan() || low.is_nan() || high.is_nan() {
        return Err(failure("operand, lower bound, and upper bound cannot be NaN"));
    }
    if low.is_infinite() || high.is_infinite() {
        return Err(failure("lower and upper bounds must be finite"));
    }
    if low == high {
        return Err(failure("lower bound cannot equal upper bound"));
    }
    let (distance, width) = if low < high { (operand - low, high - low) } else { (low - operand, low - high) };
    if distance < 0.0 {
        return Ok(0);
    }
    if distance >= width {
        return count.checked_add(1).ok_or_else(|| crate::integer::out_of_range("integer"));
    }
    #[allow(clippy::cast_possible_truncation, reason = "it is under the count")]
    Ok((f64::from(count) * (distance / width)) as i32 + 1)
}

/// The state of the generator of random numbers; none until it is seeded.
static CHANCE: Mutex<Option<u64>> = Mutex::new(None);

/// The next random number from 0 up to 1, without it.
#[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
fn random() -> f64 {
    let mut state = CHANCE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut seed = [0; 8];
    let current = state.unwrap_or_else(|| {
        getrandom::fill(&mut seed).unwrap_or_default();
        u64::from_le_bytes(seed)
    });
    // The generator splitmix64.
    let next = current.wrapping_add(0x9E37_79B9_7F4A_7C15);
    *state = Some(next);
    let mixed = (next ^ (next >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

fn set_seed() -> Implementation {
    Implementation::arrays(|_, arrays, rows| {
        for row in 0..rows {
            let seed = Float8::value(&arrays[0], row);
            if !(-1.0..=1.0).contains(&seed) {
                return Err(failure(
                    Condition::InvalidParameterValue,
                    &format!("setseed parameter {seed} is out of allowed range [-1,1]"),
                ));
            }
            *CHANCE.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(seed.to_bits());
        }
        Ok(crate::registry::null_column(&arrow::datatypes::DataType::Utf8, rows))
    })
}

type Simple = fn(f64) -> f64;

const SIMPLE: [(&str, Simple); 14] = [
    ("floor", f64::floor),
    ("ceil", f64::ceil),
    ("ceiling", f64::ceil),
    ("trunc", f64::trunc),
    ("round", f64::round_ties_even),
    ("sign", sign),
    ("cbrt", f64::cbrt),
    ("||/", f64::cbrt),
    ("degrees", f64::to_degrees),
    ("radians", f64::to_radians),
    ("atan", f64::atan),
    ("sinh", f64::sinh),
    ("tanh", f64::tanh),
    ("asinh", f64::asinh),
];

const OF_FINITE: [(&str, Simple); 4] =
    [("sin", f64::sin), ("cos", f64::cos), ("tan", f64::tan), ("cot", |value| 1.0 / value.tan())];

const OF_DEGREES: [(&str, Simple); 4] = [
    ("sind", sine_of_degrees),
    ("cosd", cosine_of_degrees),
    ("tand", tangent_of_degrees),
    ("cotd", |value| 1.0 / tangent_of_degrees(value)),
];

const WITHIN_ONE: [(&str, Simple); 5] = [
    ("asin", f64::asin),
    ("acos", f64::acos),
    ("asind", arcsine_in_degrees),
    ("acosd", arccosine_in_degrees),
    ("atanh", f64::atanh),
];

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = Vec::new();
    let mut push =
        |name: &str, run: Implementation| functions.push(Function::new(&format!("{name}(float8) float8"), run));
    for (name, function) in SIMPLE {
        push(name, one::<Float8, Float8, _>(function));
    }
    for (name, function) in OF_FINITE {
        push(name, one::<Float8, Float8, _>(move |value| finite(value, function)));
    }
    for (name, function) in OF_DEGREES {
        push(name, one::<Float8, Float8, _>(move |value| in_degrees(value, function)));
    }
    for (name, function) in WITHIN_ONE {
        push(name, one::<Float8, Float8, _>(move |value| within(value, -1.0, 1.0, function)));
    }
    push("cosh", one::<Float8, Float8, _>(f64::cosh));
    push("acosh", one::<Float8, Float8, _>(|value| within(value, 1.0, f64::INFINITY, f64::acosh)));
    push("atand", one::<Float8, Float8, _>(arctangent_in_degrees));
    push("sqrt", one::<Float8, Float8, _>(root));
    push("|/", one::<Float8, Float8, _>(root));
    push("exp", one::<Float8, Float8, _>(exponential));
    push("ln", one::<Float8, Float8, _>(|value| logarithm(value, f64::ln)));
    push("log", one::<Float8, Float8, _>(|value| logarithm(value, f64::log10)));
    push("log10", one::<Float8, Float8, _>(|value| logarithm(value, f64::log10)));
    for name in ["power", "pow", "^"] {
        functions
            .push(Function::new(&format!("{name}(float8, float8) float8"), two::<Float8, Float8, Float8, _>(power)));
    }
    functions.extend([
        Function::new("atan2(float8, float8) float8", two::<Float8, Float8, Float8, _>(f64::atan2)),
        Function::new(
            "atan2d(float8, float8) float8",
            two::<Float8, Float8, Float8, _>(|y: f64, x: f64| y.atan2(x) / 1_f64.atan() * 45.0),
        ),
        Function::new("pi() float8", none::<Float8, _>(|| std::f64::consts::PI)),
        Function::new("random() float8", none::<Float8, _>(random)).volatile(),
        Function::new("setseed(float8) void", set_seed()).volatile(),
        Function::new(
            "width_bucket(float8, float8, float8, int4) int4",
            four::<Float8, Float8, Float8, Int4, Int4, _>(bucket),
        ),
    ]);
    functions
}
