//! A small fuzzer: inputs made out of others, the same ones for the same seed.

use crate::Random;

/// Bytes at which decoders change their mind.
const EDGES: [u8; 8] = [0x00, 0x01, 0x7F, 0x80, 0xFF, b'"', b'{', b'$'];
const SIZE_BYTES_MAX: usize = 4096;

/// Inputs that are changes of `seeds`, and some of nothing but chance.
#[derive(Debug)]
pub struct Mutation {
    random: Random,
    seeds: Vec<Vec<u8>>,
}

impl Mutation {
    /// Changes of `seeds` by the numbers of `seed`.
    pub fn new(seed: u64, seeds: Vec<Vec<u8>>) -> Self {
        Mutation { random: Random::new(seed), seeds }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.one_of_seeds();
        for _ in 0..1 + self.random.below(6) {
            self.change(&mut input);
        }
        input.truncate(SIZE_BYTES_MAX);
        input
    }

    fn one_of_seeds(&mut self) -> Vec<u8> {
        match self.seeds.len() as u64 {
            count if count > 0 && !self.random.one_in(4) => self.seeds[self.random.below(count) as usize].clone(),
            _ => (0..self.random.below(200)).map(|_| self.random.number() as u8).collect(),
        }
    }

    fn place(&mut self, input: &[u8]) -> usize {
        self.random.below(input.len() as u64 + 1) as usize
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.place(input);
        let end = (at + self.random.below(24) as usize).min(input.len());
        match self.random.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.random.below(8),
            1 if at < input.len() => input[at] = EDGES[self.random.below(EDGES.len() as u64) as usize],
            2 => drop(input.drain(at..end)),
            3 => {
                let copied = input[at..end].to_vec();
                let to = self.place(input);
                input.splice(to..to, copied);
            }
            4 => {
                let other = self.one_of_seeds();
                let (from, to) = (self.place(&other), self.place(&other));
                input.splice(at..end, other[from.min(to)..from.max(to)].iter().copied());
            }
            5 => input.truncate(at),
            _ => {
                let made: Vec<u8> = (0..self.random.below(12)).map(|_| self.random.number() as u8).collect();
                input.splice(at..at, made);
            }
        }
    }
}
