//! Values that do not compress, each unlike all others.
//!
//! SQLite and fjall compare what they are to write over with what is there, and write nothing when it is the same: with
//! values that repeat they would be measured at doing nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use marquetry_benches::Random;

/// How many there were in this process.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// One value after another, in the same place.
#[derive(Debug)]
pub(crate) struct Value {
    bytes: Vec<u8>,
    random: Random,
}

impl Value {
    /// Values of that size.
    pub(crate) fn new(size_bytes: usize) -> Self {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut random = Random::new((u64::from(std::process::id()) << 32) ^ Random::new(count).number());
        let words = (0..size_bytes / 8 + 1).flat_map(|_| random.number().to_le_bytes());
        let bytes = words.take(size_bytes).collect();
        Value { bytes, random }
    }

    /// The next one: its beginning is other than that of the one before.
    pub(crate) fn renewed(&mut self) -> &[u8] {
        let stamp = self.random.number().to_le_bytes();
        let end = self.bytes.len().min(stamp.len());
        self.bytes[..end].copy_from_slice(&stamp[..end]);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_repeats() {
        let (mut one, mut other) = (Value::new(100), Value::new(100));
        let values = [one.renewed().to_vec(), one.renewed().to_vec(), other.renewed().to_vec()];
        assert!(values[0] != values[1] && values[0] != values[2] && values[1] != values[2]);
        assert_eq!(values[0].len(), 100);
    }
}
