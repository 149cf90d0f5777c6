//! Square roots of numbers.

use bigdecimal::num_bigint::BigInt;

use super::arithmetic::power_of_ten;
use super::number::Number;

/// The root of a number that is not under zero, rounded to `scale` digits after the point.
pub(crate) fn square_root(number: &Number, scale: u16) -> Number {
    let Number::Finite { digits, scale: own } = number else { return number.clone() };
    // root(d / 10^own) * 10^scale = root(d * 10^(2 scale - own)); one more digit tells how to round.
    let shift = 2 * (i64::from(scale) + 1) - i64::from(*own);
    let radicand: BigInt = match u32::try_from(shift) {
        Ok(more) => digits.to_big() * power_of_ten(more),
        Err(_) => digits.to_big() / power_of_ten(u32::try_from(-shift).unwrap_or(0)),
    };
    Number::big(radicand.sqrt(), scale + 1).rounded(i32::from(scale))
}
