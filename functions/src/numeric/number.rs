//! A number and how it is held in a column.
//!
//! ```text
//!   finite      scale: u16, big-endian | digits: signed, little-endian, as few bytes as hold them (none for zero)
//!   not finite  one byte: 0 NaN, 1 Infinity, 2 -Infinity
//! ```
//!
//! The value is `digits / 10^scale`; 1.0 and 1.00 are held differently and are equal.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

const NAN: u8 = 0;
const INFINITY: u8 = 1;
const NEGATIVE_INFINITY: u8 = 2;
/// Bytes of an `i128`: more of them are an integer of any size.
const SMALL_BYTES: usize = 16;

/// The digits of a number as one signed integer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digits {
    /// Those that the machine can work on.
    Small(i128),
    /// Those that are out of the range of `Small`; never others.
    Large(Box<BigInt>),
}

/// A number of type numeric.
#[derive(Debug, Clone)]
pub enum Number {
    /// `digits / 10^scale`.
    Finite {
        /// The digits as one integer.
        digits: Digits,
        /// How many of them are after the point; also those that are shown.
        scale: u16,
    },
    /// More than any number.
    Infinity,
    /// Less than any number.
    NegativeInfinity,
    /// Not a number; equal to itself and more than anything else.
    NaN,
}

impl Digits {
    /// `integer`, small where it fits.
    pub fn from_big(integer: BigInt) -> Digits {
        match i128::try_from(&integer) {
            Ok(small) => Digits::Small(small),
            Err(_) => Digits::Large(Box::new(integer)),
        }
    }

    /// The integer, whatever its size.
    pub fn to_big(&self) -> BigInt {
        match self {
            Digits::Small(small) => BigInt::from(*small),
            Digits::Large(large) => (**large).clone(),
        }
    }

    /// Whether it is under, at or over zero.
    pub fn sign(&self) -> Ordering {
        match self {
            Digits::Small(small) => small.cmp(&0),
            Digits::Large(large) => (**large).cmp(&BigInt::ZERO),
        }
    }
}

impl Number {
    /// Zero without digits after the point.
    pub const ZERO: Number = Number::small(0, 0);

    /// `digits / 10^scale`.
    pub const fn small(digits: i128, scale: u16) -> Number {
        Number::Finite { digits: Digits::Small(digits), scale }
    }

    /// `digits / 10^scale`, of any size.
    pub fn big(digits: BigInt, scale: u16) -> Number {
        Number::Finite { digits: Digits::from_big(digits), scale }
    }

    /// Appends the bytes by which a column holds the number.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let (digits, scale) = match self {
            Number::NaN => return bytes.push(NAN),
            Number::Infinity => return bytes.push(INFINITY),
            Number::NegativeInfinity => return bytes.push(NEGATIVE_INFINITY),
            Number::Finite { digits, scale } => (digits, scale),
        };
        bytes.extend_from_slice(&scale.to_be_bytes());
        match digits {
            Digits::Small(small) => {
                // What is left of the sign's bytes must still tell the sign.
                let sign_bits = if *small < 0 { small.leading_ones() } else { small.leading_zeros() };
                let needed = if *small == 0 { 0 } else { (128 - sign_bits as usize) / 8 + 1 };
                bytes.extend_from_slice(&small.to_le_bytes()[..needed]);
            }
            Digits::Large(large) => bytes.extend_from_slice(&large.to_signed_bytes_le()),
        }
    }

    /// The number that these bytes hold; NaN when they hold none.
    pub fn decode(bytes: &[u8]) -> Number {
        match bytes {
            [high, low, digits @ ..] => {
                let scale = u16::from_be_bytes([*high, *low]);
                if digits.len() > SMALL_BYTES {
                    return Number::big(BigInt::from_signed_bytes_le(digits), scale);
                }
                let is_negative = digits.last().is_some_and(|last| *last >= 0x80);
                let mut filled = if is_negative { [0xFF; SMALL_BYTES] } else { [0; SMALL_BYTES] };
                filled[..digits.len()].copy_from_slice(digits);
                Number::small(i128::from_le_bytes(filled), scale)
            }
            [INFINITY] => Number::Infinity,
            [NEGATIVE_INFINITY] => Number::NegativeInfinity,
            _ => Number::NaN,
        }
    }

    /// The bytes by which a column holds the number.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(SMALL_BYTES + 2);
        self.encode(&mut bytes);
        bytes
    }

    /// The digits after the point that are shown.
    pub fn scale(&self) -> u16 {
        match self {
            Number::Finite { scale, .. } => *scale,
            _ => 0,
        }
    }

    /// Whether it is neither infinite nor NaN.
    pub fn is_finite(&self) -> bool {
        matches!(self, Number::Finite { .. })
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Number::Finite { digits: Digits::Small(0), .. })
    }

    /// The number as a decimal; none for those that are not finite.
    pub fn to_decimal(&self) -> Option<BigDecimal> {
        match self {
            Number::Finite { digits, scale } => Some(BigDecimal::new(digits.to_big(), i64::from(*scale))),
            _ => None,
        }
    }

    /// The decimal as a number: a negative scale becomes zeros before the point.
    pub fn from_decimal(decimal: &BigDecimal) -> Number {
        let scaled = if decimal.fractional_digit_count() < 0 { decimal.with_scale(0) } else { decimal.clone() };
        let (digits, scale) = scaled.into_bigint_and_exponent();
        Number::big(digits, u16::try_from(scale).unwrap_or(u16::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_comes_back_from_its_bytes() {
        let mut numbers = vec![Number::NaN, Number::Infinity, Number::NegativeInfinity];
        for digits in [0, 1, -1, 127, 128, -128, -129, 32_767, 32_768, i128::MAX, i128::MIN] {
            numbers.push(Number::small(digits, 7));
        }
        numbers.push(Number::big(BigInt::from(i128::MAX) * 1000, 2));
        numbers.push(Number::big(BigInt::from(i128::MIN) * 1000, 2));
        for number in numbers {
            let back = Number::decode(&number.to_bytes());
            assert_eq!(format!("{number:?}"), format!("{back:?}"));
        }
        assert_eq!(Number::small(0, 0).to_bytes().len(), 2);
        assert_eq!(Number::small(127, 0).to_bytes().len(), 3);
        assert_eq!(Number::small(128, 0).to_bytes().len(), 4);
    }
}
