//! Which records are hot: a Zipf distribution, as the YCSB workloads draw from.
//!
//! Rank r of n is drawn with a probability proportional to 1 / r^0.99, by the method of Gray and others ("Quickly
//! generating billion-record synthetic databases", 1994): one uniform number, one power.

use marquetry_benches::Random;

const SKEW: f64 = 0.99;

/// Ranks from 0 on, the lower the likelier.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zipf {
    count: f64,
    zeta: f64,
    alpha: f64,
    eta: f64,
}

impl Zipf {
    /// Ranks below `count`, at least two of them.
    pub(crate) fn new(count: u64) -> Self {
        let zeta_of = |count: u64| (1..=count).map(|rank| (rank as f64).powf(-SKEW)).sum::<f64>();
        let zeta = zeta_of(count);
        let count = count as f64;
        let eta = (1.0 - (2.0 / count).powf(1.0 - SKEW)) / (1.0 - zeta_of(2) / zeta);
        Zipf { count, zeta, alpha: 1.0 / (1.0 - SKEW), eta }
    }

    /// A rank below the count.
    pub(crate) fn draw(&self, random: &mut Random) -> u64 {
        let uniform = (random.number() >> 11) as f64 / (1u64 << 53) as f64;
        let scaled = uniform * self.zeta;
        if scaled < 1.0 {
            return 0;
        }
        if scaled < 1.0 + 0.5f64.powf(SKEW) {
            return 1;
        }
        let rank = self.count * (self.eta * uniform - self.eta + 1.0).powf(self.alpha);
        (rank as u64).min(self.count as u64 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ranks_are_drawn_as_often_as_they_should() {
        let zipf = Zipf::new(1_000);
        let mut random = Random::new(7);
        let mut counts = vec![0u32; 1_000];
        for _ in 0..1_000_000 {
            counts[zipf.draw(&mut random) as usize] += 1;
        }
        for rank in [0, 1, 9, 99] {
            let expected = 1e6 / zipf.zeta * ((rank + 1) as f64).powf(-SKEW);
            let ratio = f64::from(counts[rank]) / expected;
            assert!((0.7..1.4).contains(&ratio), "rank {rank}: {} for {expected}", counts[rank]);
        }
    }
}
