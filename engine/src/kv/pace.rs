//! The pace of commits while folds are behind.
//!
//! ```text
//!   memory of the memtables   |--- being folded ---|--- free to fill ---|--- room: paced ---|  limit: wait
//!
//!   rate = room / time that a fold takes     so the room shrinks by a factor in that time, and is never used up
//! ```
//!
//! Commits come at hundreds of megabytes in a second, folds go at tens. Who may fill the memory as fast as he can must then
//! stand still for as long as a whole fold takes, which is seconds. So he is slowed down before, to what folds manage, and each
//! commit takes milliseconds longer rather than one of them seconds.
//!
//! - A commit pays after it was made: nobody conflicts more often for it, and no lock is held meanwhile.
//! - The time that a fold takes is that of the one before, by its size, and never less than what this one has taken
//!   so far: where it is much slower, the pace drops with it.
//! - Left out: fairness. Who commits much pays for it; who commits little between them pays little.

use std::time::Duration;

use crate::sync::Mutex;

/// What a fold manages until one has been measured, in bytes in a second.
const FOLD_RATE_ASSUMED: f64 = 32.0 * 1024.0 * 1024.0;
/// A fold takes no less than this, or its measured rate says nothing.
const PERIOD_MIN: Duration = Duration::from_millis(10);
/// Less than this is owed on, since sleeping takes longer.
const PAUSE_MIN: Duration = Duration::from_millis(1);
/// Nobody sleeps longer for one commit; when that is not enough, memory fills up and everybody waits.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// There is always that much room for the sake of the pace.
const ROOM_SIZE_BYTES_MIN: usize = 64 * 1024;

/// The pace of one keyspace.
#[derive(Debug)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug)]
struct State {
    /// When and with how many bytes the fold under way began.
    fold: Option<(Duration, usize)>,
    /// Bytes in a second that the last fold managed.
    fold_rate: f64,
    /// When all that was committed is paid for.
    paid_at: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace(Mutex::new(State { fold: None, fold_rate: FOLD_RATE_ASSUMED, paid_at: Duration::ZERO }))
    }
}

impl Pace {
    /// A fold of that many bytes begins.
    pub(crate) fn fold_begins(&self, now: Duration, size_bytes: usize) {
        self.0.lock().fold = Some((now, size_bytes));
    }

    /// The fold has ended, well or not.
    pub(crate) fn fold_ends(&self, now: Duration) {
        let mut state = self.0.lock();
        if let Some((began, size_bytes)) = state.fold.take() {
            let took = now.saturating_sub(began).max(PERIOD_MIN);
            state.fold_rate = (size_bytes as f64 / took.as_secs_f64()).max(1.0);
        }
    }

    /// How long to sleep for a commit of `size_bytes` when memory has room for `room_size_bytes` more.
    pub(crate) fn pause(&self, now: Duration, size_bytes: usize, room_size_bytes: usize) -> Duration {
        let mut state = self.0.lock();
        let Some((began, fold_size_bytes)) = state.fold else { return Duration::ZERO };
        let expected = Duration::from_secs_f64(fold_size_bytes as f64 / state.fold_rate);
        let period = expected.max(now.saturating_sub(began)).max(PERIOD_MIN);
        let share = size_bytes as f64 / room_size_bytes.max(ROOM_SIZE_BYTES_MIN) as f64;
        // What was not used of the past is not saved up, and what is owed beyond the longest sleep is forgiven.
        let paid_at = state.paid_at.max(now) + period.mul_f64(share);
        state.paid_at = paid_at.min(now + PAUSE_MAX);
        let owed = state.paid_at - now;
        if owed < PAUSE_MIN { Duration::ZERO } else { owed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const SECOND: Duration = Duration::from_secs(1);

    /// Room after committing as fast as the pace lets one for `time`, in pieces of 1 KiB.
    fn room_after(pace: &Pace, began: Duration, time: Duration, mut room: usize) -> usize {
        let mut now = began;
        while now < began + time {
            let pause = pace.pause(now, 1024, room);
            room = room.saturating_sub(1024);
            now += pause + Duration::from_micros(2);
        }
        room
    }

    #[test]
    fn nobody_is_slowed_down_while_nothing_is_folded() {
        let pace = Pace::default();
        assert_eq!(pace.pause(SECOND, MIB, 0), Duration::ZERO);
        pace.fold_begins(SECOND, 32 * MIB);
        pace.fold_ends(2 * SECOND);
        assert_eq!(pace.pause(2 * SECOND, MIB, 0), Duration::ZERO);
    }

    #[test]
    fn room_lasts_for_the_whole_fold_and_for_one_that_takes_much_longer_than_the_last() {
        let pace = Pace::default();
        pace.fold_begins(SECOND, 32 * MIB);
        let after_one = room_after(&pace, SECOND, SECOND, 32 * MIB);
        assert!((10 * MIB..14 * MIB).contains(&after_one), "{after_one} of 32 MiB are left");
        let after_ten = room_after(&pace, 2 * SECOND, 9 * SECOND, after_one);
        assert!((MIB / 2..4 * MIB).contains(&after_ten), "{after_ten} of 32 MiB are left");
    }

    #[test]
    fn the_next_fold_is_expected_to_go_as_fast_as_the_last() {
        let pace = Pace::default();
        pace.fold_begins(SECOND, 32 * MIB);
        pace.fold_ends(5 * SECOND);
        pace.fold_begins(5 * SECOND, 16 * MIB);
        let left = room_after(&pace, 5 * SECOND, 2 * SECOND, 32 * MIB);
        assert!((10 * MIB..14 * MIB).contains(&left), "{left} of 32 MiB are left");
    }

    #[test]
    fn no_commit_sleeps_long_however_little_room_there_is() {
        let pace = Pace::default();
        pace.fold_begins(SECOND, 1024 * MIB);
        for _ in 0..1_000 {
            assert!(pace.pause(100 * SECOND, 64 * MIB, 0) <= PAUSE_MAX);
        }
    }
}
