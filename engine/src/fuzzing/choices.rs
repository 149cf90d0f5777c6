//! Values made out of the bytes of a fuzzer: every choice takes a few of them, and when they are used up all is zero.
//!
//! Small changes of the bytes are small changes of the values, which is what lets a fuzzer find its way.

use serde_json::{Map, Value};

/// Numbers at which codecs change their mind.
const EDGES: [u64; 16] = [
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x3FFF,
    0x4000,
    0xFFFF_FFFF,
    0x1_0000_0000,
    1 << 53,
    (1 << 53) + 1,
    i64::MAX as u64,
    1 << 63,
    u64::MAX - 1,
    u64::MAX,
];

/// A run of bytes to choose by.
#[derive(Debug, Clone)]
pub struct Choices<'a> {
    rest: &'a [u8],
}

impl<'a> Choices<'a> {
    /// Choices by `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Choices { rest: bytes }
    }

    /// Whether all bytes are used up.
    pub fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// All bytes that are left.
    pub fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// A byte.
    pub fn byte(&mut self) -> u8 {
        self.slice(1).first().copied().unwrap_or(0)
    }

    /// True or false.
    pub fn truth(&mut self) -> bool {
        self.byte() & 1 == 1
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let mut number = usize::from(self.byte());
        if bound > 0x100 {
            number = number << 8 | usize::from(self.byte());
        }
        if bound > 0x1_0000 {
            number = number << 8 | usize::from(self.byte());
        }
        number % bound
    }

    /// One of `values`.
    pub fn one_of<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[self.below(values.len())]
    }

    /// Any number: small ones, edges and others in turn.
    pub fn number(&mut self) -> u64 {
        match self.byte() {
            kind if kind < 0x60 => u64::from(self.byte()),
            kind if kind < 0xA0 => *self.one_of(&EDGES),
            _ => {
                let mut bytes = [0; 8];
                let taken = self.slice(8);
                bytes[..taken.len()].copy_from_slice(taken);
                u64::from_le_bytes(bytes)
            }
        }
    }

    /// Any float, those that are no numbers among them.
    pub fn float(&mut self) -> f64 {
        match self.below(4) {
            0 => self.number() as i64 as f64 / 8.0,
            1 => *self.one_of(&[0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE]),
            _ => f64::from_bits(self.number()),
        }
    }

    fn slice(&mut self, size: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(size.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Up to `size_max` bytes.
    pub fn bytes(&mut self, size_max: usize) -> &'a [u8] {
        let size = self.below(size_max + 1);
        self.slice(size)
    }

    /// Text of up to `size_max` bytes, three times that where they are none.
    pub fn text(&mut self, size_max: usize) -> String {
        String::from_utf8_lossy(self.bytes(size_max)).into_owned()
    }

    /// JSON of up to `levels` levels.
    pub fn json(&mut self, levels: usize) -> Value {
        let kinds = if levels == 0 || self.is_over() { 6 } else { 9 };
        match self.below(kinds) {
            0 => Value::Null,
            1 => Value::Bool(self.truth()),
            2 => Value::from(self.number()),
            3 => Value::from(self.number() as i64),
            4 => Value::from(self.float()),
            5 => Value::from(self.text(12)),
            6 => Value::Array((0..self.below(4)).map(|_| self.json(levels - 1)).collect()),
            _ => {
                let fields = (0..self.below(4)).map(|_| (self.text(3), self.json(levels - 1)));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}
