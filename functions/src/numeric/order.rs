//! Bytes whose order is the order of numbers.
//!
//! ```text
//!   0x00 -Infinity   0x01 under zero   0x02 zero   0x03 over zero   0x04 Infinity   0x05 NaN
//!   then, unless it is zero or not finite: the power of ten of the first digit, and the digits in pairs, each plus one;
//!   0 ends them. Under zero, all of that with every bit turned.
//! ```

use std::cmp::Ordering;

use super::number::{Digits, Number};

const UNDER: u8 = 1;
const ZERO: u8 = 2;
const OVER: u8 = 3;
/// What powers of ten are counted from, so that none is under zero.
const EXPONENT_BIAS: i64 = 1 << 20;

/// The bytes in whose place a column's number is compared; `encoded` is how the column holds it.
pub(crate) fn order_key(encoded: &[u8]) -> Vec<u8> {
    let number = Number::decode(encoded);
    let digits = match &number {
        Number::NegativeInfinity => return vec![0],
        Number::Infinity => return vec![4],
        Number::NaN => return vec![5],
        Number::Finite { digits, .. } => digits,
    };
    let text = match digits {
        Digits::Small(small) => small.unsigned_abs().to_string(),
        Digits::Large(large) => large.magnitude().to_string(),
    };
    let significant = text.trim_end_matches('0');
    if significant.is_empty() {
        return vec![ZERO];
    }
    let mut key = Vec::with_capacity(significant.len() / 2 + 6);
    key.push(OVER);
    let exponent = u32::try_from(number.exponent() + EXPONENT_BIAS).unwrap_or(0);
    key.extend_from_slice(&exponent.to_be_bytes());
    for pair in significant.as_bytes().chunks(2) {
        let second = pair.get(1).map_or(0, |digit| digit - b'0');
        key.push((pair[0] - b'0') * 10 + second + 1);
    }
    key.push(0);
    if number.sign() == Ordering::Less {
        key.iter_mut().for_each(|byte| *byte = !*byte);
        key[0] = UNDER;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numeric::parse;

    #[test]
    fn keys_are_ordered_as_numbers_are() {
        let texts = [
            "-inf",
            "-1000",
            "-12.01",
            "-12",
            "-1.5",
            "-0.001",
            "0",
            "0.00",
            "1e-30",
            "0.5",
            "1",
            "1.0",
            "1.01",
            "9",
            "10",
            "12",
            "12.01",
            "123456789012345678901234567890123456789012345678",
            "inf",
            "nan",
        ];
        let numbers: Vec<Number> = texts.iter().map(|text| parse(text).unwrap()).collect();
        for left in &numbers {
            for right in &numbers {
                let keys = order_key(&left.to_bytes()).cmp(&order_key(&right.to_bytes()));
                assert_eq!(keys, left.cmp(right), "{left:?} {right:?}");
            }
        }
    }
}
