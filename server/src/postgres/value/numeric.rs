//! Exact numbers as PostgreSQL sends them: digits to the base 10,000 around the decimal point.
//!
//! ```text
//!   count of digits   weight of the first   sign   digits after the point   digits          1234567.8901 = 123 4567 8901
//!                     1 for 10,000s         0x4000 is minus, 0xC000 NaN, 0xD000 infinity
//! ```

use std::str::FromStr;

use bigdecimal::BigDecimal;

use crate::postgres::error::WireError;
use crate::postgres::message::Reader;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// The most digits that PostgreSQL allows after the point.
const SCALE_MAX: u16 = 0x3FFF;

pub(super) fn write(buffer: &mut Vec<u8>, number: &BigDecimal) -> Result<(), WireError> {
    let (digits, scale) = number.as_bigint_and_exponent();
    let is_negative = digits.sign() == bigdecimal::num_bigint::Sign::Minus;
    let mut digits = digits.magnitude().to_string();
    let scale = match usize::try_from(scale) {
        Ok(scale) => scale,
        // A negative scale says how many zeros follow.
        Err(_) => {
            digits.extend(std::iter::repeat_n('0', usize::try_from(scale.unsigned_abs()).unwrap_or(usize::MAX)));
            0
        }
    };
    if digits.len() <= scale {
        digits.insert_str(0, &"0".repeat(scale + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let mut groups = groups_before(whole);
    let mut weight = i64::try_from(groups.len()).unwrap_or(i64::MAX) - 1;
    groups.extend(groups_after(fraction));
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= i64::try_from(leading).unwrap_or(i64::MAX);
    while groups.last() == Some(&0) {
        groups.pop();
    }
    if groups.is_empty() {
        weight = 0;
    }
    let too_large = |_| WireError::limit("a number has more digits than the protocol can carry");
    buffer.extend_from_slice(&i16::try_from(groups.len()).map_err(too_large)?.to_be_bytes());
    buffer.extend_from_slice(&i16::try_from(weight).map_err(too_large)?.to_be_bytes());
    let sign = if is_negative && !groups.is_empty() { NEGATIVE } else { 0 };
    buffer.extend_from_slice(&sign.to_be_bytes());
    buffer.extend_from_slice(&u16::try_from(scale).map_err(too_large)?.to_be_bytes());
    groups.iter().for_each(|group| buffer.extend_from_slice(&group.to_be_bytes()));
    Ok(())
}

/// Groups of four digits that end at the decimal point.
fn groups_before(whole: &str) -> Vec<u16> {
    whole.as_bytes().rchunks(4).rev().map(value_of).collect()
}

/// Groups of four digits that begin at the decimal point; the last is filled with zeros.
fn groups_after(fraction: &str) -> impl Iterator<Item = u16> {
    fraction.as_bytes().chunks(4).map(|group| {
        let missing = u32::try_from(4 - group.len()).unwrap_or(0);
        value_of(group) * 10u16.pow(missing)
    })
}

fn value_of(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
}

pub(super) fn read(bytes: &[u8]) -> Result<BigDecimal, WireError> {
    let mut reader = Reader(bytes);
    let wrong = || WireError::invalid_binary("type numeric");
    let header = |number: Result<i16, WireError>| number.map_err(|_| wrong());
    let count = usize::try_from(header(reader.i16())?).map_err(|_| wrong())?;
    let weight = i64::from(header(reader.i16())?);
    let sign = header(reader.i16())?.cast_unsigned();
    let scale = header(reader.i16())?.cast_unsigned();
    match sign {
        0 | NEGATIVE => {}
        NAN | INFINITY | MINUS_INFINITY => {
            return Err(WireError::unsupported("numeric NaN and infinity are not supported; use double precision"));
        }
        _ => return Err(wrong()),
    }
    if reader.0.len() != count * 2 || scale > SCALE_MAX {
        return Err(wrong());
    }
    let mut digits = String::with_capacity(count * 4 + 1);
    for group in reader.0.chunks(2) {
        let value = u16::from_be_bytes([group[0], group[1]]);
        if value > 9999 {
            return Err(wrong());
        }
        digits.push_str(&format!("{value:04}"));
    }
    let exponent = 4 * (weight + 1) - i64::try_from(digits.len()).map_err(|_| wrong())?;
    let sign = if sign == NEGATIVE { "-" } else { "" };
    let digits = if digits.is_empty() { "0" } else { &digits };
    let number = BigDecimal::from_str(&format!("{sign}{digits}e{exponent}")).map_err(|_| wrong())?;
    // PostgreSQL cuts digits beyond the scale that is told.
    Ok(number.with_scale(i64::from(scale)))
}
