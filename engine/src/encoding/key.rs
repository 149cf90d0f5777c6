//! Order-preserving keys: comparing the bytes compares the values.
//!
//! ```text
//!   u8, u32, u64   big end first
//!   i64            big end first, sign bit flipped
//!   f64            IEEE bits, all flipped when negative, else the sign bit; -0 is 0, NaN is above all
//!   bytes, text    00 -> 00 FF, closed by 00 01: a prefix sorts before what it begins
//! ```
//!
//! A key is written as a tuple of such parts; a tuple that is a prefix of another sorts before it. Escaped
//! strings are closed, so that nothing after them is taken for their continuation.

use crate::error::{Error, Result};

const ESCAPE: u8 = 0x00;
const ESCAPED_ZERO: u8 = 0xFF;
const CLOSE: u8 = 0x01;

/// Writes a key part by part.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyWriter {
    bytes: Vec<u8>,
}

impl KeyWriter {
    pub(crate) fn new(tag: u8) -> Self {
        KeyWriter { bytes: vec![tag] }
    }

    #[must_use]
    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.bytes.push(value);
        self
    }

    #[must_use]
    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    #[must_use]
    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    #[must_use]
    pub(crate) fn i64(self, value: i64) -> Self {
        self.u64(value as u64 ^ (1 << 63))
    }

    #[must_use]
    pub(crate) fn f64(self, value: f64) -> Self {
        self.u64(ordered_f64(value))
    }

    /// A string of bytes, escaped and closed.
    #[must_use]
    pub(crate) fn bytes(mut self, value: &[u8]) -> Self {
        for byte in value {
            self.bytes.push(*byte);
            if *byte == ESCAPE {
                self.bytes.push(ESCAPED_ZERO);
            }
        }
        self.bytes.extend_from_slice(&[ESCAPE, CLOSE]);
        self
    }

    /// Bytes as they are: only as the last part, or where their length is known.
    #[must_use]
    pub(crate) fn raw(mut self, value: &[u8]) -> Self {
        self.bytes.extend_from_slice(value);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn ordered_f64(value: f64) -> u64 {
    let value = match value {
        value if value.is_nan() => return u64::MAX,
        0.0 => 0.0,
        value => value,
    };
    let bits = value.to_bits();
    if bits >> 63 == 1 { !bits } else { bits | (1 << 63) }
}

/// Reads a key part by part, as it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyReader<'a> {
    rest: &'a [u8],
}

impl<'a> KeyReader<'a> {
    /// A reader of `key`, which must begin with `tag`.
    pub(crate) fn new(key: &'a [u8], tag: u8) -> Result<Self> {
        match key.split_first() {
            Some((first, rest)) if *first == tag => Ok(KeyReader { rest }),
            _ => Err(damaged()),
        }
    }

    /// A reader of the parts that `bytes` holds.
    pub(crate) fn parts(bytes: &'a [u8]) -> Self {
        KeyReader { rest: bytes }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.take::<1>()?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok((self.u64()? ^ (1 << 63)) as i64)
    }

    pub(crate) fn f64(&mut self) -> Result<f64> {
        let ordered = self.u64()?;
        Ok(match ordered {
            u64::MAX => f64::NAN,
            positive if positive >> 63 == 1 => f64::from_bits(positive & !(1 << 63)),
            negative => f64::from_bits(!negative),
        })
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        loop {
            match self.u8()? {
                ESCAPE => match self.u8()? {
                    ESCAPED_ZERO => out.push(0),
                    CLOSE => return Ok(out),
                    _ => return Err(damaged()),
                },
                byte => out.push(byte),
            }
        }
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        String::from_utf8(self.bytes()?).map_err(|_| damaged())
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

fn damaged() -> Error {
    Error::corrupt("a stored key does not have the parts that its kind has; restore from a backup")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn integers_keep_their_order(a: i64, b: i64) {
            let key = |value| KeyWriter::default().i64(value).finish();
            prop_assert_eq!(key(a).cmp(&key(b)), a.cmp(&b));
            prop_assert_eq!(KeyReader::parts(&key(a)).i64().unwrap(), a);
        }

        #[test]
        fn floats_keep_their_order(a: f64, b: f64) {
            let key = |value| KeyWriter::default().f64(value).finish();
            if let Some(order) = a.partial_cmp(&b) {
                prop_assert_eq!(key(a).cmp(&key(b)), order);
                prop_assert_eq!(KeyReader::parts(&key(a)).f64().unwrap(), a);
            } else if a.is_nan() && !b.is_nan() {
                prop_assert!(key(a) > key(b));
            }
        }

        #[test]
        fn strings_keep_their_order_whatever_follows(a: Vec<u8>, b: Vec<u8>, x: u64, y: u64) {
            let key = |text: &[u8], number| KeyWriter::new(7).bytes(text).u64(number).finish();
            prop_assert_eq!(key(&a, x).cmp(&key(&b, y)), (&a, x).cmp(&(&b, y)));
            let bytes = key(&a, x);
            let mut reader = KeyReader::new(&bytes, 7).unwrap();
            prop_assert_eq!(reader.bytes().unwrap(), a);
            prop_assert_eq!(reader.u64().unwrap(), x);
            prop_assert!(reader.rest().is_empty());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut reader = KeyReader::parts(&bytes);
            while !reader.rest().is_empty() && reader.bytes().is_ok() {}
        }
    }
}
