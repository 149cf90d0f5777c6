//! Damage to each kind of file, so many times: one image after the other, until each kind had its share.

use std::time::Instant;

use marquetry_tests::damage::{self, DamageCount, DamageCounts};
use marquetry_tests::verdict::Verdict;

use crate::PROGRESS_INTERVAL;
use crate::results::{append_row, machine};

/// Damage in each way to each kind of file of one image.
const TIMES_PER_IMAGE: u64 = 500;

/// Damages the images from `seed` on, `times` times in each way and each kind of file.
///
/// # Errors
/// The first wrong answer, panic or damage that is not found.
pub(crate) fn soak(seed: u64, times: u64) -> Verdict {
    let (begun, mut told) = (Instant::now(), Instant::now());
    let mut counts = DamageCounts::default();
    let (mut next_seed, mut left) = (seed, times);
    let mut outcome = Ok(());
    while left > 0 && outcome.is_ok() {
        let share = left.min(TIMES_PER_IMAGE);
        outcome = damage::enumerate(next_seed, share).map(|found| counts.add(&found));
        left -= share;
        next_seed = next_seed.wrapping_add(1);
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            tell(&counts, begun);
        }
    }
    tell(&counts, begun);
    let seeds = format!("{seed}..{next_seed}");
    if let Err(error) = append(&seeds, &counts, outcome.is_err(), begun) {
        eprintln!("tests/RESULTS.md could not be written: {error}");
    }
    outcome
}

fn tell(counts: &DamageCounts, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64().max(0.001);
    let trials = counts.total().trials();
    println!("{seconds:.0} s, {trials} damaged places ({:.0}/s)", trials as f64 / seconds);
    for (kind, count) in counts.each() {
        println!("  {kind:?}: {count:?}");
    }
}

/// Adds a row for each kind to `tests/RESULTS.md`.
fn append(seeds: &str, counts: &DamageCounts, is_lost: bool, begun: Instant) -> std::io::Result<()> {
    let (minutes, machine) = (begun.elapsed().as_secs() / 60, machine("1 thread"));
    let losses = u64::from(is_lost);
    for (kind, count) in counts.each() {
        let DamageCount { flipped, misplaced, stale, at_open, by_reading, by_check, .. } = count;
        let DamageCount { stale_until_check, harmless, torn, .. } = count;
        append_row(
            "| seeds | kind of file |",
            &format!(
                "| {seeds} | {kind:?} | {flipped} | {misplaced} | {stale} | {at_open} | {by_reading} | {by_check} | \
                 {stale_until_check} | {harmless} | {torn} | {losses} | {minutes} | {machine} |"
            ),
        )?;
    }
    Ok(())
}
