//! Roots, powers, exponentials and logarithms of numbers, with the scales that PostgreSQL gives them.
//!
//! They are worked out with integers: a value is its digits at a scale that has some digits more than are asked for.

use std::cmp::Ordering;

use bigdecimal::num_bigint::{BigInt, Sign};

use super::arithmetic::{SCALE_MAX, WHOLE_DIGITS_MAX, division_by_zero, power_of_ten};
use super::number::Number;
use super::root::square_root;
use crate::condition::{Condition, SqlError, SqlResult};

/// Digits that a result has at least.
const SIGNIFICANT_DIGITS_MIN: i32 = 16;
/// The most digits after the point of a result.
const SCALE_SHOWN_MAX: i32 = 1000;
/// Powers of ten over which no result can be held.
const RESULT_EXPONENT_MAX: f64 = 2000.0;
/// Digits that are worked out beyond those that are asked for.
const GUARD_DIGITS: u32 = 12;
const LOG10_OF_E: f64 = std::f64::consts::LOG10_E;
/// PostgreSQL counts digits in groups of four, which shows in the scales of results.
const GROUP_DIGITS: i64 = 4;

fn overflow() -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, "value overflows numeric format")
}

fn shown_scale(scale: i32) -> u16 {
    u16::try_from(scale.clamp(0, SCALE_SHOWN_MAX)).unwrap_or(0)
}

#[allow(clippy::cast_possible_truncation, reason = "weights of numbers are small")]
fn whole_part(value: f64) -> i32 {
    value as i32
}

/// A value as its digits with `precision` of them after the point.
fn fixed(number: &Number, precision: u32) -> BigInt {
    let Number::Finite { digits, scale } = number else { return BigInt::ZERO };
    let digits = digits.to_big();
    match precision.checked_sub(u32::from(*scale)) {
        Some(more) => digits * power_of_ten(more),
        None => digits / power_of_ten(u32::from(*scale) - precision),
    }
}

fn number_of(digits: BigInt, precision: u32, scale: u16) -> Number {
    let fewer = precision.saturating_sub(u32::from(SCALE_MAX));
    let digits = if fewer > 0 { digits / power_of_ten(fewer) } else { digits };
    Number::big(digits, u16::try_from(precision - fewer).unwrap_or(SCALE_MAX)).rounded(i32::from(scale))
}

/// `e^value` of a small value: its series, after it has been halved often enough.
fn exponential_fixed(value: &BigInt, one: &BigInt) -> BigInt {
    let halvings = 16;
    let small = value >> halvings;
    let (mut sum, mut term, mut index) = (one.clone(), one.clone(), 1_u32);
    loop {
        term = &term * &small / one / index;
        if term.sign() == Sign::NoSign || term.magnitude() < &bigdecimal::num_bigint::BigUint::from(2_u32) {
            break;
        }
        sum += &term;
        index += 1;
    }
    for _ in 0..halvings {
        sum = &sum * &sum / one;
    }
    sum
}

/// The logarithm of a value over zero: `2 artanh((v - 1) / (v + 1))`, after it has been brought near one by roots.
fn logarithm_fixed(value: &BigInt, one: &BigInt) -> BigInt {
    let (mut near, mut doublings) = (value.clone(), 0_u32);
    let close: BigInt = one / 16;
    while BigInt::from((&near - one).magnitude().clone()) > close {
        near = (&near * one).sqrt();
        doublings += 1;
    }
    let ratio = (&near - one) * one / (&near + one);
    let square = &ratio * &ratio / one;
    let (mut sum, mut power, mut index) = (ratio.clone(), ratio, 1_u32);
    loop {
        power = &power * &square / one;
        if power.sign() == Sign::NoSign || power == BigInt::from(-1) {
            break;
        }
        index += 2;
        sum += &power / index;
    }
    (sum * 2) << doublings
}

/// The logarithm with `precision` digits after the point; the number is over zero.
fn logarithm_digits(number: &Number, precision: u32) -> BigInt {
    // Roots cost digits, and large or small numbers need many of them: powers of ten are taken out first.
    let exponent = number.exponent();
    let work = precision + 24;
    let one = power_of_ten(work);
    let Number::Finite { digits, scale } = number else { return BigInt::ZERO };
    let shift = i64::from(work) - i64::from(*scale) - exponent;
    let mantissa = match u32::try_from(shift) {
        Ok(more) => digits.to_big() * power_of_ten(more),
        Err(_) => digits.to_big() / power_of_ten(u32::try_from(-shift).unwrap_or(0)),
    };
    let mut found = logarithm_fixed(&mantissa, &one);
    if exponent != 0 {
        found += logarithm_fixed(&(&one * 10), &one) * exponent;
    }
    found / power_of_ten(24)
}

/// The power of ten of the logarithm's first digit, roughly.
fn logarithm_weight(number: &Number) -> i32 {
    let one = Number::small(1, 0);
    if *number >= Number::small(9, 1) && *number <= Number::small(11, 1) {
        let distance = number.minus(&one).unwrap_or(Number::ZERO);
        return if distance.is_zero() { 0 } else { i32::try_from(distance.exponent()).unwrap_or(0) };
    }
    let mantissa = number_mantissa(number);
    #[allow(clippy::cast_precision_loss, reason = "an estimate")]
    let logarithm = mantissa.ln() + number.exponent() as f64 * std::f64::consts::LN_10;
    whole_part(logarithm.abs().log10())
}

/// The first digits as a number from one to ten.
fn number_mantissa(number: &Number) -> f64 {
    let Number::Finite { digits, .. } = number else { return 1.0 };
    let text = digits.to_big().magnitude().to_string();
    let leading: f64 = text[..text.len().min(15)].parse().unwrap_or(1.0);
    leading / 10_f64.powi(i32::try_from(text.len().min(15)).unwrap_or(1) - 1)
}

fn check_logarithm(number: &Number) -> SqlResult<()> {
    let message = match number.sign() {
        Ordering::Equal => "cannot take logarithm of zero",
        Ordering::Less => "cannot take logarithm of a negative number",
        Ordering::Greater => return Ok(()),
    };
    Err(SqlError::new(Condition::InvalidArgumentForLogarithm, message))
}

impl Number {
    /// The square root.
    pub fn square_root(&self) -> SqlResult<Number> {
        if self.sign() == Ordering::Less {
            return Err(SqlError::new(
                Condition::InvalidArgumentForPower,
                "cannot take square root of a negative number",
            ));
        }
        if !self.is_finite() {
            return Ok(self.clone());
        }
        let group = if self.is_zero() { 0 } else { self.exponent().div_euclid(GROUP_DIGITS) };
        let weight = i32::try_from((group + 1) * GROUP_DIGITS / 2 - 1).unwrap_or(0);
        let scale = (SIGNIFICANT_DIGITS_MIN - weight).max(i32::from(self.scale()));
        Ok(square_root(self, shown_scale(scale)))
    }

    /// `e` to the power of this number.
    pub fn exponential(&self) -> SqlResult<Number> {
        match self {
            Number::NegativeInfinity => return Ok(Number::ZERO),
            Number::Finite { .. } => {}
            other => return Ok(other.clone()),
        }
        let weight = (self.to_f64() * LOG10_OF_E).clamp(-RESULT_EXPONENT_MAX * 4.0, RESULT_EXPONENT_MAX * 4.0);
        let bounded = weight.clamp(-RESULT_EXPONENT_MAX, RESULT_EXPONENT_MAX);
        let scale = (SIGNIFICANT_DIGITS_MIN - whole_part(bounded)).max(i32::from(self.scale()));
        self.exponential_of_scale(shown_scale(scale), weight)
    }

    fn exponential_of_scale(&self, scale: u16, weight: f64) -> SqlResult<Number> {
        if weight >= RESULT_EXPONENT_MAX * 3.0 * LOG10_OF_E {
            return Err(overflow());
        }
        if weight < -f64::from(scale) - 2.0 {
            return Ok(Number::small(0, scale));
        }
        // As many digits as the result has, before the point and after it.
        let precision = u32::from(scale) + whole_part(weight.max(0.0)).unsigned_abs() + GUARD_DIGITS;
        let one = power_of_ten(precision);
        let value = fixed(self, precision);
        let tens = logarithm_fixed(&(power_of_ten(precision + 8) * 10), &power_of_ten(precision + 8)) / power_of_ten(8);
        let count = &value / &tens;
        let rest = value - &count * tens;
        let found = exponential_fixed(&rest, &one);
        let count = i64::try_from(&count).unwrap_or(0);
        let digits = match u32::try_from(count) {
            Ok(more) => found * power_of_ten(more),
            Err(_) => found / power_of_ten(u32::try_from(-count).unwrap_or(0)),
        };
        Ok(number_of(digits, precision, scale))
    }

    /// The natural logarithm.
    pub fn logarithm(&self) -> SqlResult<Number> {
        check_logarithm(self)?;
        if !self.is_finite() {
            return Ok(self.clone());
        }
        let scale = (SIGNIFICANT_DIGITS_MIN - logarithm_weight(self)).max(i32::from(self.scale()));
        let scale = shown_scale(scale);
        let precision = u32::from(scale) + GUARD_DIGITS;
        Ok(number_of(logarithm_digits(self, precision), precision, scale))
    }

    /// The logarithm to this base.
    pub fn logarithm_to(&self, base: &Number) -> SqlResult<Number> {
        check_logarithm(base)?;
        check_logarithm(self)?;
        if !self.is_finite() || !base.is_finite() {
            return match (self, base) {
                (Number::NaN, _) | (_, Number::NaN) => Ok(Number::NaN),
                (Number::Infinity, Number::Infinity) => Ok(Number::NaN),
                (Number::Infinity, _) => Ok(Number::Infinity),
                _ => Ok(Number::ZERO),
            };
        }
        let (own, of_base) = (logarithm_weight(self), logarithm_weight(base));
        let weight = own - of_base;
        let scale = (SIGNIFICANT_DIGITS_MIN - weight).max(i32::from(base.scale())).max(i32::from(self.scale()));
        let scale = shown_scale(scale);
        let precision = u32::from(scale) + weight.unsigned_abs() + of_base.unsigned_abs() + GUARD_DIGITS;
        let divisor = logarithm_digits(base, precision);
        if divisor.sign() == Sign::NoSign {
            return Err(division_by_zero());
        }
        let found = logarithm_digits(self, precision) * power_of_ten(precision) / divisor;
        Ok(number_of(found, precision, scale))
    }

    /// This number to the power of another.
    pub fn power(&self, exponent: &Number) -> SqlResult<Number> {
        let one = Number::small(1, 0);
        match (self, exponent) {
            (_, Number::Finite { .. }) if exponent.is_zero() && !self.is_finite() => return Ok(one),
            (Number::Finite { .. }, _) if *self == one && !exponent.is_finite() => return Ok(one),
            (Number::NaN, _) | (_, Number::NaN) => return Ok(Number::NaN),
            _ => {}
        }
        if self.is_zero() && exponent.sign() == Ordering::Less {
            return Err(SqlError::new(
                Condition::InvalidArgumentForPower,
                "zero raised to a negative power is undefined",
            ));
        }
        let is_whole = exponent.truncated(0) == *exponent;
        if self.sign() == Ordering::Less && exponent.is_finite() && !is_whole {
            return Err(SqlError::new(
                Condition::InvalidArgumentForPower,
                "a negative number raised to a non-integer power yields a complex result",
            ));
        }
        if !self.is_finite() || !exponent.is_finite() {
            return Ok(endless_power(self, exponent));
        }
        if is_whole && let Some(exponent) = exponent.to_i128().and_then(|exponent| i32::try_from(exponent).ok()) {
            return self.whole_power(exponent);
        }
        if self.is_zero() {
            return Ok(Number::small(0, shown_scale(SIGNIFICANT_DIGITS_MIN)));
        }
        self.broken_power(exponent)
    }

    fn whole_power(&self, exponent: i32) -> SqlResult<Number> {
        let scale = shown_scale(SIGNIFICANT_DIGITS_MIN.max(i32::from(self.scale())));
        let places = i32::from(scale);
        if self.is_zero() {
            return Ok(if exponent == 0 { Number::small(1, 0).rounded(places) } else { Number::small(0, scale) });
        }
        #[allow(clippy::cast_precision_loss, reason = "an estimate")]
        let weight = (number_mantissa(self).log10() + self.exponent() as f64) * f64::from(exponent);
        #[allow(clippy::cast_precision_loss, reason = "an estimate")]
        if weight > WHOLE_DIGITS_MAX as f64 {
            return Err(overflow());
        }
        if weight < -f64::from(scale) - 2.0 {
            return Ok(Number::small(0, scale));
        }
        let Number::Finite { digits, scale: own } = self else { return Ok(self.clone()) };
        let size = f64::from(exponent.unsigned_abs()) * f64::from(digits.count().max(1));
        if size > 200_000.0 {
            return self.broken_power(&Number::from(i64::from(exponent)));
        }
        let count = exponent.unsigned_abs();
        let power = digits.to_big().pow(count);
        let power_scale = u32::from(*own) * count;
        if exponent < 0 {
            // 1 / (d / 10^s) = 10^s / d, with some digits more than are shown.
            let precision = u32::from(scale) + GUARD_DIGITS;
            let quotient = power_of_ten(power_scale + precision) / power;
            return Ok(number_of(quotient, precision, scale));
        }
        let power = if power_scale > u32::from(scale) + GUARD_DIGITS {
            let fewer = power_scale - u32::from(scale) - GUARD_DIGITS;
            return Ok(number_of(power / power_of_ten(fewer), power_scale - fewer, scale));
        } else {
            power
        };
        Ok(number_of(power, power_scale, scale))
    }

    fn broken_power(&self, exponent: &Number) -> SqlResult<Number> {
        let base = self.absolute();
        let rough = logarithm_digits(&base, 40);
        let rough = Number::big(rough, 40).times(exponent)?.to_f64();
        let weight = rough * LOG10_OF_E;
        if rough.abs() > RESULT_EXPONENT_MAX * 3.01 {
            return if rough > 0.0 { Err(overflow()) } else { Ok(Number::small(0, shown_scale(SCALE_SHOWN_MAX))) };
        }
        let scale =
            (SIGNIFICANT_DIGITS_MIN - whole_part(weight)).max(i32::from(base.scale())).max(i32::from(exponent.scale()));
        let scale = shown_scale(scale);
        let exponent_digits = u32::try_from(exponent.exponent().max(0)).unwrap_or(0);
        let precision =
            u32::from(scale) + whole_part(weight.max(0.0)).unsigned_abs() + exponent_digits + GUARD_DIGITS + 8;
        let logarithm = logarithm_digits(&base, precision);
        let precision_scale = u16::try_from(precision.min(u32::from(SCALE_MAX))).unwrap_or(SCALE_MAX);
        let product = Number::big(logarithm, precision_scale).times(exponent)?;
        let found = product.exponential_of_scale(scale, weight)?;
        let is_odd = exponent.to_i128().is_some_and(|exponent| exponent % 2 != 0);
        Ok(if self.sign() == Ordering::Less && is_odd { found.negated() } else { found })
    }
}

fn endless_power(base: &Number, exponent: &Number) -> Number {
    let one = Number::small(1, 0);
    if !exponent.is_finite() {
        let grows = base.absolute() > one;
        let is_up = *exponent == Number::Infinity;
        return match base.absolute().cmp(&one) {
            Ordering::Equal => one,
            _ if grows == is_up => Number::Infinity,
            _ => Number::ZERO,
        };
    }
    if exponent.sign() == Ordering::Less {
        return Number::ZERO;
    }
    let is_odd = exponent.to_i128().is_some_and(|exponent| exponent % 2 != 0);
    if *base == Number::NegativeInfinity && is_odd { Number::NegativeInfinity } else { Number::Infinity }
}
