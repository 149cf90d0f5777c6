//! How often what latency was met, counted by many threads at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Steps within a doubling: a figure is right to an eighth.
const STEPS: u64 = 8;
const PLACES: usize = 64 * STEPS as usize;

#[derive(Debug)]
pub(crate) struct Latencies(Vec<AtomicU64>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Latencies((0..PLACES).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn note(&self, took: Duration) {
        let nanos = (took.as_nanos() as u64).max(STEPS);
        let doubling = u64::from(nanos.ilog2());
        let step = (nanos >> (doubling - 3)) - STEPS;
        self.0[(doubling * STEPS + step) as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The latency that `share` of all stayed below.
    pub(crate) fn below(&self, share: f64) -> Duration {
        let counts: Vec<u64> = self.0.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let wanted = (counts.iter().sum::<u64>() as f64 * share).ceil() as u64;
        let mut seen = 0;
        let place = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        let (doubling, step) = place.map_or((0, 0), |place| (place as u64 / STEPS, place as u64 % STEPS));
        Duration::from_nanos((STEPS + step + 1) << doubling.saturating_sub(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_right_to_an_eighth() {
        let latencies = Latencies::new();
        for micros in 1..=1_000 {
            latencies.note(Duration::from_micros(micros));
        }
        for (share, micros) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let found = latencies.below(share).as_secs_f64() * 1e6;
            assert!((micros..=micros * 1.13).contains(&found), "{share}: {found} us");
        }
    }
}
