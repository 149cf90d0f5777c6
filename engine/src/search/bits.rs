//! Sets of documents of a segment: one bit each.

use crate::error::{Error, Result};

/// Documents whose bits are stored together.
pub(super) const BLOCK_DOCUMENTS: u32 = 4096;
const BLOCK_WORDS: usize = BLOCK_DOCUMENTS as usize / 64;

/// Some of the documents 0..n of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    count: u32,
}

impl Bits {
    /// None of `documents` documents.
    pub(super) fn none(documents: u32) -> Self {
        Bits { words: vec![0; documents.div_ceil(64) as usize], count: 0 }
    }

    /// All of `documents` documents.
    pub(super) fn all(documents: u32) -> Self {
        let mut words = vec![u64::MAX; documents.div_ceil(64) as usize];
        if !documents.is_multiple_of(64)
            && let Some(last) = words.last_mut()
        {
            *last = (1 << (documents % 64)) - 1;
        }
        Bits { words, count: documents }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn contains(&self, document: u32) -> bool {
        self.words.get(document as usize / 64).is_some_and(|word| word >> (document % 64) & 1 == 1)
    }

    /// Adds a document; false when it was there, or is none of the segment.
    pub(super) fn insert(&mut self, document: u32) -> bool {
        let Some(word) = self.words.get_mut(document as usize / 64) else { return false };
        let bit = 1 << (document % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        self.count += u32::from(is_new);
        is_new
    }

    /// Takes a document out.
    pub(super) fn remove(&mut self, document: u32) {
        let Some(word) = self.words.get_mut(document as usize / 64) else { return };
        let bit = 1 << (document % 64);
        self.count -= u32::from(*word & bit != 0);
        *word &= !bit;
    }

    /// The documents in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.words.iter().enumerate().flat_map(|(index, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros();
                    rest &= rest - 1;
                    index as u32 * 64 + bit
                })
            })
        })
    }

    /// The stored form of one block.
    pub(super) fn block(&self, block: u32) -> Vec<u8> {
        let start = block as usize * BLOCK_WORDS;
        let words = self.words.iter().skip(start).take(BLOCK_WORDS);
        words.flat_map(|word| word.to_le_bytes()).collect()
    }

    /// Adds what the stored form of a block holds.
    pub(super) fn add_block(&mut self, block: u32, stored: &[u8]) -> Result<()> {
        let damaged = || Error::corrupt("the documents that a search segment lost are recorded for another size");
        let start = block as usize * BLOCK_WORDS;
        let words = self.words.get_mut(start..).ok_or_else(damaged)?;
        let length = words.len().min(BLOCK_WORDS);
        if stored.len() != length * 8 || length == 0 {
            return Err(damaged());
        }
        for (word, bytes) in words.iter_mut().zip(stored.chunks_exact(8)) {
            let added = u64::from_le_bytes(bytes.try_into().expect("chunks are eight bytes long"));
            self.count = self.count - word.count_ones() + (*word | added).count_ones();
            *word |= added;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_and_counts_hold() {
        let mut bits = Bits::none(10_000);
        let documents = [0, 63, 64, 4095, 4096, 8191, 8192, 9999];
        for document in documents {
            assert!(bits.insert(document) && !bits.insert(document));
        }
        assert!(!bits.insert(10_048));
        let mut again = Bits::none(10_000);
        for block in 0..3 {
            again.add_block(block, &bits.block(block)).unwrap();
        }
        assert_eq!(again, bits);
        assert_eq!(again.iter().collect::<Vec<_>>(), documents);
        assert!(again.add_block(3, &[]).is_err() && again.add_block(2, &[0; 8]).is_err());
        let mut all = Bits::all(100);
        assert_eq!((all.count(), all.iter().count(), all.contains(100)), (100, 100, false));
        all.remove(99);
        all.remove(99);
        assert_eq!(all.count(), 99);
    }
}
