//! The same keys and values for every store.

/// A small, fast, seeded source of numbers (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Numbers from `seed`.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }
}

/// `count` entries with 16-byte keys and values of one size that do not compress.
#[derive(Debug, Clone, Copy)]
pub struct Data {
    /// How many entries there are.
    pub count: u64,
    /// The size of each value.
    pub value_size_bytes: usize,
}

impl Data {
    /// The key of entry `index`; keys ascend with the index.
    pub fn key(index: u64) -> [u8; 16] {
        let mut key = *b"account\x01--------";
        key[8..].copy_from_slice(&index.to_be_bytes());
        key
    }

    /// The value of entry `index`.
    pub fn value(&self, index: u64) -> Vec<u8> {
        let mut random = Random::new(index);
        let mut value = Vec::with_capacity(self.value_size_bytes + 8);
        while value.len() < self.value_size_bytes {
            value.extend_from_slice(&random.number().to_le_bytes());
        }
        value.truncate(self.value_size_bytes);
        value
    }

    /// All entries in key order.
    pub fn entries(&self) -> impl Iterator<Item = ([u8; 16], Vec<u8>)> + '_ {
        (0..self.count).map(|index| (Data::key(index), self.value(index)))
    }
}
