//! Arithmetic of numbers, with the scales that PostgreSQL gives results.

use std::cmp::Ordering;

use bigdecimal::num_bigint::{BigInt, Sign};

use super::number::{Digits, Number};
use crate::condition::{Condition, SqlError, SqlResult};

/// Digits that a quotient has at least.
const SIGNIFICANT_DIGITS_MIN: i32 = 16;
/// The most digits after the point that a quotient or a function gives.
const SCALE_SHOWN_MAX: i32 = 1000;
/// The most digits after the point that a number has.
pub(crate) const SCALE_MAX: u16 = 16_383;
/// The most digits before the point that a number has.
pub(crate) const WHOLE_DIGITS_MAX: i64 = 131_072;
/// PostgreSQL counts digits in groups of four, which shows in the scales of quotients.
const GROUP_DIGITS: i32 = 4;
/// Powers of ten under this one fit into an `i128`.
const SMALL_POWERS: u32 = 39;

static POWERS_OF_TEN: [i128; SMALL_POWERS as usize] = {
    let mut powers = [1_i128; SMALL_POWERS as usize];
    let mut index = 1;
    while index < powers.len() {
        powers[index] = powers[index - 1] * 10;
        index += 1;
    }
    powers
};

/// `10^exponent`, if it fits.
pub(crate) fn small_power_of_ten(exponent: u32) -> Option<i128> {
    POWERS_OF_TEN.get(exponent as usize).copied()
}

/// `10^exponent`.
pub(crate) fn power_of_ten(exponent: u32) -> BigInt {
    match small_power_of_ten(exponent) {
        Some(small) => BigInt::from(small),
        None => BigInt::from(10).pow(exponent),
    }
}

fn overflow() -> SqlError {
    SqlError::new(Condition::NumericValueOutOfRange, "value overflows numeric format")
}

pub(crate) fn division_by_zero() -> SqlError {
    SqlError::new(Condition::DivisionByZero, "division by zero")
}

/// `value / divisor`, halves away from zero.
fn divide_rounded(value: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = value / divisor;
    let rest = value - &quotient * divisor;
    if rest.magnitude() * 2_u32 >= *divisor.magnitude() {
        let away = if (rest.sign() == Sign::Minus) == (divisor.sign() == Sign::Minus) { 1 } else { -1 };
        return quotient + away;
    }
    quotient
}

fn divide_rounded_small(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    if rest.unsigned_abs() >= divisor.unsigned_abs() - rest.unsigned_abs() {
        return quotient + if (rest < 0) == (divisor < 0) { 1 } else { -1 };
    }
    quotient
}

impl Digits {
    /// The digits of the same value with `more` digits after the point.
    fn extended(&self, more: u32) -> Digits {
        if more == 0 {
            return self.clone();
        }
        if let Digits::Small(small) = self
            && let Some(extended) = small_power_of_ten(more).and_then(|power| small.checked_mul(power))
        {
            return Digits::Small(extended);
        }
        Digits::from_big(self.to_big() * power_of_ten(more))
    }

    /// The digits with `fewer` digits after the point, rounded half away from zero or cut.
    fn shortened(&self, fewer: u32, rounds: bool) -> Digits {
        match (self, small_power_of_ten(fewer)) {
            (Digits::Small(small), Some(power)) if rounds => Digits::Small(divide_rounded_small(*small, power)),
            (Digits::Small(small), Some(power)) => Digits::Small(small / power),
            (Digits::Small(_), None) => Digits::Small(0),
            (Digits::Large(large), _) if rounds => Digits::from_big(divide_rounded(large, &power_of_ten(fewer))),
            (Digits::Large(large), _) => Digits::from_big(&**large / power_of_ten(fewer)),
        }
    }

    /// How many decimal digits there are; 0 for zero.
    pub(crate) fn count(&self) -> u32 {
        match self {
            Digits::Small(0) => 0,
            Digits::Small(small) => small.unsigned_abs().ilog10() + 1,
            Digits::Large(large) => u32::try_from(large.magnitude().to_str_radix(10).len()).unwrap_or(u32::MAX),
        }
    }

    fn negated(&self) -> Digits {
        match self {
            Digits::Small(small) => small.checked_neg().map_or_else(|| Digits::from_big(-self.to_big()), Digits::Small),
            Digits::Large(large) => Digits::from_big(-(**large).clone()),
        }
    }
}

/// Both numbers' digits at the larger scale.
fn aligned(left: &Digits, left_scale: u16, right: &Digits, right_scale: u16) -> (Digits, Digits, u16) {
    let scale = left_scale.max(right_scale);
    (left.extended(u32::from(scale - left_scale)), right.extended(u32::from(scale - right_scale)), scale)
}

fn added(left: &Digits, right: &Digits) -> Digits {
    if let (Digits::Small(left), Digits::Small(right)) = (left, right)
        && let Some(sum) = left.checked_add(*right)
    {
        return Digits::Small(sum);
    }
    Digits::from_big(left.to_big() + right.to_big())
}

impl Number {
    /// The number, if PostgreSQL could hold it.
    fn checked(self) -> SqlResult<Number> {
        match &self {
            Number::Finite { digits: Digits::Large(_), .. } if self.exponent() >= WHOLE_DIGITS_MAX => Err(overflow()),
            Number::Finite { scale, .. } if *scale > SCALE_MAX => Ok(self.rounded(i32::from(SCALE_MAX))),
            _ => Ok(self),
        }
    }

    /// The power of ten of the first digit.
    pub(crate) fn exponent(&self) -> i64 {
        match self {
            Number::Finite { digits, scale } => i64::from(digits.count()) - 1 - i64::from(*scale),
            _ => 0,
        }
    }

    /// Whether it is under zero, zero, or over it; NaN is over.
    pub fn sign(&self) -> Ordering {
        match self {
            Number::Finite { digits, .. } => digits.sign(),
            Number::NegativeInfinity => Ordering::Less,
            Number::Infinity | Number::NaN => Ordering::Greater,
        }
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(&self) -> Number {
        match self {
            Number::Finite { digits, scale } => Number::Finite { digits: digits.negated(), scale: *scale },
            Number::Infinity => Number::NegativeInfinity,
            Number::NegativeInfinity => Number::Infinity,
            Number::NaN => Number::NaN,
        }
    }

    /// The number without its sign.
    #[must_use]
    pub fn absolute(&self) -> Number {
        if self.sign() == Ordering::Less { self.negated() } else { self.clone() }
    }

    /// `self + other`.
    pub fn plus(&self, other: &Number) -> SqlResult<Number> {
        match (self, other) {
            (Number::Finite { digits: left, scale: ls }, Number::Finite { digits: right, scale: rs }) => {
                let (left, right, scale) = aligned(left, *ls, right, *rs);
                Number::Finite { digits: added(&left, &right), scale }.checked()
            }
            (Number::NaN, _) | (_, Number::NaN) => Ok(Number::NaN),
            (Number::Infinity, Number::NegativeInfinity) | (Number::NegativeInfinity, Number::Infinity) => {
                Ok(Number::NaN)
            }
            (Number::Finite { .. }, endless) | (endless, _) => Ok(endless.clone()),
        }
    }

    /// `self - other`.
    pub fn minus(&self, other: &Number) -> SqlResult<Number> {
        self.plus(&other.negated())
    }

    /// `self * other`: the scale is the sum of both.
    pub fn times(&self, other: &Number) -> SqlResult<Number> {
        match (self, other) {
            (Number::Finite { digits: left, scale: ls }, Number::Finite { digits: right, scale: rs }) => {
                let scale = ls.saturating_add(*rs);
                if let (Digits::Small(left), Digits::Small(right)) = (left, right)
                    && let Some(product) = left.checked_mul(*right)
                {
                    return Number::small(product, scale).checked();
                }
                Number::big(left.to_big() * right.to_big(), scale).checked()
            }
            (Number::NaN, _) | (_, Number::NaN) => Ok(Number::NaN),
            _ => Ok(endless(self.sign(), other.sign())),
        }
    }

    /// `self / other`, of as many digits as PostgreSQL gives.
    pub fn divided_by(&self, other: &Number) -> SqlResult<Number> {
        self.divided(other, quotient_scale(self, other), true)
    }

    /// `self / other` with `scale` digits after the point, rounded half away from zero or cut.
    pub(crate) fn divided(&self, other: &Number, scale: u16, rounds: bool) -> SqlResult<Number> {
        let (left, ls, right, rs) = match (self, other) {
            (Number::Finite { digits: left, scale: ls }, Number::Finite { digits: right, scale: rs }) => {
                (left, *ls, right, *rs)
            }
            (Number::NaN, _) | (_, Number::NaN) => return Ok(Number::NaN),
            (Number::Finite { .. }, _) => return Ok(Number::ZERO),
            (_, Number::Finite { .. }) if other.is_zero() => return Err(division_by_zero()),
            (_, Number::Finite { .. }) => return Ok(endless(self.sign(), other.sign())),
            _ => return Ok(Number::NaN),
        };
        if other.is_zero() {
            return Err(division_by_zero());
        }
        // left / 10^ls / (right / 10^rs) * 10^scale = left * 10^(scale + rs - ls) / right
        let shift = i64::from(scale) + i64::from(rs) - i64::from(ls);
        let (dividend, divisor) = match u32::try_from(shift) {
            Ok(more) => (left.extended(more), right.clone()),
            Err(_) => (left.clone(), right.extended(u32::try_from(-shift).unwrap_or(0))),
        };
        let digits = match (&dividend, &divisor) {
            (Digits::Small(dividend), Digits::Small(divisor)) if rounds => {
                Digits::Small(divide_rounded_small(*dividend, *divisor))
            }
            (Digits::Small(dividend), Digits::Small(divisor)) => Digits::Small(dividend / divisor),
            _ if rounds => Digits::from_big(divide_rounded(&dividend.to_big(), &divisor.to_big())),
            _ => Digits::from_big(dividend.to_big() / divisor.to_big()),
        };
        Number::Finite { digits, scale }.checked()
    }

    /// What is left of `self / other`, with the sign of `self`.
    pub fn remainder(&self, other: &Number) -> SqlResult<Number> {
        match (self, other) {
            (Number::Finite { digits: left, scale: ls }, Number::Finite { digits: right, scale: rs }) => {
                if other.is_zero() {
                    return Err(division_by_zero());
                }
                let (left, right, scale) = aligned(left, *ls, right, *rs);
                let digits = match (&left, &right) {
                    (Digits::Small(left), Digits::Small(right)) => Digits::Small(left.wrapping_rem(*right)),
                    _ => Digits::from_big(left.to_big() % right.to_big()),
                };
                Ok(Number::Finite { digits, scale })
            }
            (Number::NaN, _) | (_, Number::NaN) => Ok(Number::NaN),
            (Number::Finite { .. }, _) => Ok(self.clone()),
            _ if other.is_zero() => Err(division_by_zero()),
            _ => Ok(Number::NaN),
        }
    }

    /// The number with `places` digits after the point, rounded half away from zero; a negative count rounds before the point.
    #[must_use]
    pub fn rounded(&self, places: i32) -> Number {
        self.with_places(places, true)
    }

    /// The number with `places` digits after the point, the others cut off.
    #[must_use]
    pub fn truncated(&self, places: i32) -> Number {
        self.with_places(places, false)
    }

    fn with_places(&self, places: i32, rounds: bool) -> Number {
        let Number::Finite { digits, scale } = self else { return self.clone() };
        let places = places.clamp(-i32::try_from(WHOLE_DIGITS_MAX).unwrap_or(i32::MAX), i32::from(SCALE_MAX));
        let scale = i32::from(*scale);
        if places >= scale {
            let digits = digits.extended((places - scale).unsigned_abs());
            return Number::Finite { digits, scale: u16::try_from(places).unwrap_or(0) };
        }
        let fewer = (scale - places).unsigned_abs();
        let shortened = if fewer > digits.count() + 1 { Digits::Small(0) } else { digits.shortened(fewer, rounds) };
        match u16::try_from(places) {
            Ok(places) => Number::Finite { digits: shortened, scale: places },
            Err(_) => Number::Finite { digits: shortened.extended(places.unsigned_abs()), scale: 0 },
        }
    }

    /// The largest whole number that is not over this one.
    #[must_use]
    pub fn floor(&self) -> Number {
        let whole = self.truncated(0);
        if self.sign() == Ordering::Less && whole != *self {
            return whole.minus(&Number::small(1, 0)).unwrap_or(whole);
        }
        whole
    }

    /// The smallest whole number that is not under this one.
    #[must_use]
    pub fn ceiling(&self) -> Number {
        self.negated().floor().negated()
    }

    /// The number without zeros at its end.
    #[must_use]
    pub fn trimmed(&self) -> Number {
        let Number::Finite { digits, scale } = self else { return self.clone() };
        let mut digits = digits.clone();
        let mut scale = *scale;
        while scale > 0 {
            let shortened = digits.shortened(1, false);
            if shortened.extended(1) != digits {
                break;
            }
            digits = shortened;
            scale -= 1;
        }
        Number::Finite { digits, scale }
    }

    /// The number as a column `numeric(precision, scale)` takes it.
    pub fn fitted(&self, precision: u32, scale: i32) -> SqlResult<Number> {
        let failure =
            |detail: String| SqlError::new(Condition::NumericValueOutOfRange, "numeric field overflow").detail(detail);
        let field = format!("A field with precision {precision}, scale {scale}");
        match self {
            Number::NaN => return Ok(Number::NaN),
            Number::Infinity | Number::NegativeInfinity => {
                return Err(failure(format!("{field} cannot hold an infinite value.")));
            }
            Number::Finite { .. } => {}
        }
        let rounded = self.rounded(scale);
        let whole_digits = i64::from(precision) - i64::from(scale);
        if !rounded.is_zero() && rounded.exponent() >= whole_digits {
            let limit = if whole_digits == 0 { "1".to_owned() } else { format!("10^{whole_digits}") };
            return Err(failure(format!("{field} must round to an absolute value less than {limit}.")));
        }
        Ok(rounded)
    }
}

fn endless(left: Ordering, right: Ordering) -> Number {
    match (left, right) {
        (Ordering::Equal, _) | (_, Ordering::Equal) => Number::NaN,
        (left, right) if left == right => Number::Infinity,
        _ => Number::NegativeInfinity,
    }
}

/// The place and the value of the first group of four digits.
fn first_group(number: &Number) -> (i32, i32) {
    let Number::Finite { digits, .. } = number else { return (0, 0) };
    let count = digits.count();
    if count == 0 {
        return (0, 0);
    }
    let exponent = i32::try_from(number.exponent()).unwrap_or(0);
    let place = exponent.div_euclid(GROUP_DIGITS);
    let in_group = exponent.rem_euclid(GROUP_DIGITS).unsigned_abs() + 1;
    let leading =
        if count >= in_group { digits.shortened(count - in_group, false) } else { digits.extended(in_group - count) };
    let Digits::Small(value) = leading else { return (place, 0) };
    (place, i32::try_from(value.unsigned_abs()).unwrap_or(0))
}

/// How many digits after the point PostgreSQL gives a quotient: at least sixteen that count.
pub(crate) fn quotient_scale(left: &Number, right: &Number) -> u16 {
    let ((left_place, left_first), (right_place, right_first)) = (first_group(left), first_group(right));
    let mut place = left_place - right_place;
    if left_first <= right_first {
        place -= 1;
    }
    let scale = (SIGNIFICANT_DIGITS_MIN - place * GROUP_DIGITS)
        .max(i32::from(left.scale()))
        .max(i32::from(right.scale()))
        .clamp(0, SCALE_SHOWN_MAX);
    u16::try_from(scale).unwrap_or(0)
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |number: &Number| match number {
            Number::NegativeInfinity => 0,
            Number::Finite { .. } => 1,
            Number::Infinity => 2,
            Number::NaN => 3,
        };
        let (Number::Finite { digits: left, scale: ls }, Number::Finite { digits: right, scale: rs }) = (self, other)
        else {
            return rank(self).cmp(&rank(other));
        };
        let (left, right, _) = aligned(left, *ls, right, *rs);
        match (&left, &right) {
            (Digits::Small(left), Digits::Small(right)) => left.cmp(right),
            _ => left.to_big().cmp(&right.to_big()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::{format, parse};

    fn number(text: &str) -> Number {
        parse(text).unwrap()
    }

    #[test]
    fn results_have_the_scales_of_postgresql() {
        for (left, sign, right, result) in [
            ("1", "/", "3", "0.33333333333333333333"),
            ("10", "/", "4", "2.5000000000000000"),
            ("1000000", "/", "3", "333333.333333333333"),
            ("1.5", "/", "0.0001", "15000.0000000000000000"),
            ("-7", "/", "2", "-3.5000000000000000"),
            ("0", "/", "5", "0.00000000000000000000"),
            ("1.10", "*", "2.5", "2.750"),
            ("1.10", "+", "2.5", "3.60"),
            ("1", "-", "0.001", "0.999"),
            ("-7.5", "%", "2", "-1.5"),
            (
                "99999999999999999999999999999999999999",
                "*",
                "99999999999999999999",
                "9999999999999999999899999999999999999900000000000000000001",
            ),
            ("inf", "+", "-inf", "NaN"),
            ("inf", "*", "-2", "-Infinity"),
            ("5", "/", "inf", "0"),
        ] {
            let (a, b) = (number(left), number(right));
            let found = match sign {
                "/" => a.divided_by(&b),
                "*" => a.times(&b),
                "+" => a.plus(&b),
                "-" => a.minus(&b),
                _ => a.remainder(&b),
            };
            assert_eq!(format(&found.unwrap()), result, "{left} {sign} {right}");
        }
    }

    #[test]
    fn rounding_goes_away_from_zero() {
        for (text, places, rounded, truncated) in [
            ("2.5", 0, "3", "2"),
            ("-2.5", 0, "-3", "-2"),
            ("1.005", 2, "1.01", "1.00"),
            ("1250", -2, "1300", "1200"),
            ("4", -1, "0", "0"),
            ("1.5", 3, "1.500", "1.500"),
        ] {
            assert_eq!(format(&number(text).rounded(places)), rounded);
            assert_eq!(format(&number(text).truncated(places)), truncated);
        }
        assert_eq!(number("-1.5").floor(), number("-2"));
        assert_eq!(number("-1.5").ceiling(), number("-1"));
        assert_eq!(number("1.0"), number("1.000"));
        assert_eq!(format(&number("1.500").trimmed()), "1.5");
        assert_eq!(number("99.995").fitted(4, 2).unwrap_err().message, "numeric field overflow");
    }
}
