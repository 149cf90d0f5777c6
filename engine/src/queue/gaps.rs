//! Stretches of a queue's order that are known to hold no message: where a receive need not look.
//!
//! ```text
//!   order   x x x x x x x M . . . M x x x x x x x x x x      x = removed   M = message
//!   known   [-----------)         (-------------------)
//! ```
//!
//! A message leaves a removed key at every place that it had: where it was sent, and where each lease of it would have
//! ended. A scan has to step over those until a checkpoint forgets them. What a scan found empty is kept here, so that every
//! removed key is stepped over about once.
//!
//! - A stretch is proved at the version of a scan, and holds at every later one: whatever is committed into a stretch splits
//!   it, and a proof takes what was committed after its version into account. So nothing committed is ever inside.
//! - Only hints: forgetting a stretch costs time and nothing else. Narrow ones are forgotten first.

use std::collections::VecDeque;

use super::keys::Place;
use crate::kv::Version;

const STRETCHES_MAX: usize = 16;
/// Commits to the order that are remembered, to be compared with proofs at older versions.
const RECENT_MAX: usize = 1_024;
/// A stretch narrower than this is not worth a seek, in microseconds.
const WIDTH_MIN_MICROS: i64 = 50_000;

/// A half-open stretch of the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    from: Place,
    to: Place,
}

impl Stretch {
    fn width_micros(self) -> i64 {
        self.to.at.as_micros().saturating_sub(self.from.at.as_micros())
    }

    fn contains(self, place: Place) -> bool {
        self.from <= place && place < self.to
    }
}

/// The known empty stretches of one queue's order.
#[derive(Debug)]
pub(super) struct Gaps {
    /// Disjoint and ascending.
    stretches: Vec<Stretch>,
    recent: VecDeque<(Version, Place)>,
    /// A proof at an older version cannot be compared with all that was committed after it.
    comparable_from: Version,
    /// The newest proof: who reads an older version may find messages inside.
    proved_at: Version,
}

impl Gaps {
    /// Nothing known, and nothing provable at a version before `comparable_from`.
    pub(super) fn new(comparable_from: Version) -> Self {
        Gaps { stretches: Vec::new(), recent: VecDeque::new(), comparable_from, proved_at: Version::ZERO }
    }

    /// The first place from `place` on that may hold a message.
    pub(super) fn skip(&self, place: Place) -> Place {
        let containing = self.stretches.iter().find(|stretch| stretch.contains(place));
        containing.map_or(place, |stretch| stretch.to)
    }

    /// Whether a reader of `version` may rely on what is known.
    pub(super) fn holds_at(&self, version: Version) -> bool {
        version >= self.proved_at
    }

    /// A message is about to be visible at `place`, since `version`.
    pub(super) fn occupy(&mut self, version: Version, place: Place) {
        if self.recent.len() == RECENT_MAX
            && let Some((forgotten, _)) = self.recent.pop_front()
        {
            self.comparable_from = self.comparable_from.max(forgotten);
        }
        self.recent.push_back((version, place));
        let Some(index) = self.stretches.iter().position(|stretch| stretch.contains(place)) else { return };
        let whole = self.stretches.remove(index);
        self.keep(Stretch { from: whole.from, to: place });
        self.keep(Stretch { from: place.next(), to: whole.to });
    }

    fn keep(&mut self, stretch: Stretch) {
        if stretch.width_micros() < WIDTH_MIN_MICROS {
            return;
        }
        let index = self.stretches.partition_point(|known| known.from < stretch.from);
        self.stretches.insert(index, stretch);
        if self.stretches.len() > STRETCHES_MAX {
            let narrowest = (0..self.stretches.len()).min_by_key(|index| self.stretches[*index].width_micros());
            self.stretches.remove(narrowest.unwrap_or(0));
        }
    }

    /// A scan at `version` found no message from `from` up to `to`.
    pub(super) fn prove(&mut self, version: Version, from: Place, to: Place) {
        if version < self.comparable_from || from >= to {
            return;
        }
        self.proved_at = self.proved_at.max(version);
        let proved = Stretch { from, to };
        let later = self.recent.iter().rev().take_while(|(committed, _)| *committed > version);
        let mut occupied: Vec<Place> = later.map(|(_, place)| *place).filter(|place| proved.contains(*place)).collect();
        occupied.sort_unstable();
        let mut from = from;
        for place in occupied {
            self.add(Stretch { from, to: place });
            from = place.next();
        }
        self.add(Stretch { from, to });
    }

    /// Joins `stretch` with what it touches.
    fn add(&mut self, mut stretch: Stretch) {
        if stretch.from >= stretch.to {
            return;
        }
        self.stretches.retain(|known| {
            let is_apart = known.to < stretch.from || stretch.to < known.from;
            if !is_apart {
                stretch = Stretch { from: known.from.min(stretch.from), to: known.to.max(stretch.to) };
            }
            is_apart
        });
        self.keep(stretch);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::env::Timestamp;

    fn place(second: i64) -> Place {
        Place { at: Timestamp::from_micros(second * 1_000_000), message: 1 }
    }

    #[test]
    fn what_is_committed_after_a_proof_is_not_skipped_whoever_comes_first() {
        for is_proved_first in [true, false] {
            let mut gaps = Gaps::new(Version::ZERO);
            if is_proved_first {
                gaps.prove(Version::new(5), Place::FIRST, place(100));
            }
            gaps.occupy(Version::new(6), place(50));
            if !is_proved_first {
                gaps.prove(Version::new(5), Place::FIRST, place(100));
            }
            assert_eq!(gaps.skip(Place::FIRST), place(50));
            assert_eq!(gaps.skip(place(50)), place(50));
            assert_eq!(gaps.skip(place(50).next()), place(100));
            gaps.prove(Version::new(7), place(50), place(100));
            assert_eq!(gaps.skip(Place::FIRST), place(100));
            assert!(gaps.holds_at(Version::new(7)) && !gaps.holds_at(Version::new(6)));
        }
    }

    #[test]
    fn a_proof_that_cannot_be_compared_is_refused() {
        let mut gaps = Gaps::new(Version::new(3));
        gaps.prove(Version::new(2), Place::FIRST, place(9));
        assert_eq!(gaps.skip(Place::FIRST), Place::FIRST);
        for number in 0..=RECENT_MAX as u64 {
            gaps.occupy(Version::new(10 + number), place(1_000));
        }
        gaps.prove(Version::new(9), Place::FIRST, place(9));
        assert_eq!(gaps.skip(Place::FIRST), Place::FIRST);
        gaps.prove(Version::new(10), Place::FIRST, place(9));
        assert_eq!(gaps.skip(Place::FIRST), place(9));
    }

    proptest! {
        /// Commits and proofs at all versions in any order: what lives is never inside a stretch.
        #[test]
        fn nothing_that_lives_is_skipped(steps: Vec<(bool, u8, u8, u8)>) {
            let mut gaps = Gaps::new(Version::ZERO);
            let mut versions = vec![BTreeSet::new()];
            for (is_commit, a, b, c) in steps {
                if is_commit {
                    let mut live: BTreeSet<Place> = versions.last().unwrap().clone();
                    if c % 3 == 0 { live.pop_first(); }
                    live.insert(place(i64::from(a)));
                    gaps.occupy(Version::new(versions.len() as u64), place(i64::from(a)));
                    versions.push(live);
                } else {
                    let version = versions.len() - 1 - usize::from(c) % versions.len();
                    let from = place(i64::from(a.min(b)));
                    let to = versions[version].range(from..).next().copied().unwrap_or(Place::END);
                    gaps.prove(Version::new(version as u64), from, to);
                }
                let newest = versions.last().unwrap();
                for place in newest {
                    prop_assert_eq!(gaps.skip(*place), *place);
                }
                for second in 0..=256 {
                    let passed = newest.range(place(second)..gaps.skip(place(second)).max(place(second))).count();
                    prop_assert_eq!(passed, 0);
                }
                prop_assert!(gaps.stretches.len() <= STRETCHES_MAX);
                prop_assert!(gaps.stretches.windows(2).all(|pair| pair[0].to < pair[1].from));
            }
        }
    }
}
