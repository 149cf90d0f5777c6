//! A key as the memtable holds it: short ones in place, so that a search touches the tree's own memory only.
//!
//! ```text
//!   "user17"  ->  words [ "user17\0\0", 0, 0, 0 ]  length 6        compared as numbers, word by word
//! ```
//!
//! Behind its last byte a short key has zeros. Of two that differ in no word, the shorter one is the first: the other
//! goes on with zero bytes.

use std::cmp::Ordering;

use bytes::Bytes;

const WORDS: usize = 4;
/// Keys up to this size are held in place.
const SHORT_SIZE_BYTES: usize = WORDS * 8;

/// A key; ordered as its bytes are.
#[derive(Debug, Clone)]
pub(crate) enum MemtableKey {
    Short { words: [u64; WORDS], length: u8 },
    Long(Bytes),
}

impl MemtableKey {
    /// The key to keep.
    pub(crate) fn new(key: &Bytes) -> Self {
        Self::short(key).unwrap_or_else(|| MemtableKey::Long(key.clone()))
    }

    /// A key to look for.
    pub(crate) fn looked_for(key: &[u8]) -> Self {
        Self::short(key).unwrap_or_else(|| MemtableKey::Long(Bytes::copy_from_slice(key)))
    }

    fn short(key: &[u8]) -> Option<Self> {
        let mut bytes = [0; SHORT_SIZE_BYTES];
        bytes.get_mut(..key.len())?.copy_from_slice(key);
        let mut words = [0; WORDS];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = u64::from_be_bytes(bytes.try_into().expect("a chunk holds eight bytes"));
        }
        Some(MemtableKey::Short { words, length: key.len() as u8 })
    }

    /// Calls `read` with the bytes of the key.
    pub(crate) fn with_bytes<T>(&self, read: impl FnOnce(&[u8]) -> T) -> T {
        match self {
            MemtableKey::Short { words, length } => {
                let mut bytes = [0; SHORT_SIZE_BYTES];
                for (bytes, word) in bytes.chunks_exact_mut(8).zip(words) {
                    bytes.copy_from_slice(&word.to_be_bytes());
                }
                read(&bytes[..usize::from(*length)])
            }
            MemtableKey::Long(key) => read(key),
        }
    }

    /// The key as bytes that can be kept.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match self {
            MemtableKey::Short { .. } => self.with_bytes(Bytes::copy_from_slice),
            MemtableKey::Long(key) => key.clone(),
        }
    }
}

impl Ord for MemtableKey {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (MemtableKey::Short { words: a, length: m }, MemtableKey::Short { words: b, length: n }) => {
                for (a, b) in a.iter().zip(b) {
                    if a != b {
                        return a.cmp(b);
                    }
                }
                m.cmp(n)
            }
            (MemtableKey::Long(a), MemtableKey::Long(b)) => a.cmp(b),
            (a, b) => a.with_bytes(|a| b.with_bytes(|b| a.cmp(b))),
        }
    }
}

impl PartialOrd for MemtableKey {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for MemtableKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for MemtableKey {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_bytes_and_come_back(
            a in proptest::collection::vec(0u8..3, 0..40), b in proptest::collection::vec(0u8..3, 0..40), same in 0usize..40,
        ) {
            // Most of them share a beginning.
            let b: Vec<u8> = a.iter().take(same).chain(&b).copied().collect();
            let (left, right) = (MemtableKey::looked_for(&a), MemtableKey::new(&Bytes::from(b.clone())));
            prop_assert_eq!(left.cmp(&right), a.cmp(&b));
            prop_assert_eq!(right.cmp(&left), b.cmp(&a));
            prop_assert_eq!(left.to_bytes(), &a[..]);
            prop_assert_eq!(right.with_bytes(<[u8]>::to_vec), b);
        }
    }
}
