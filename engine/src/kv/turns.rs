//! Turns at what is contended: who conflicted waits in line instead of running against everybody again.
//!
//! ```text
//!   conflict at key k --> stand in line at k --> first in line: run again, commit, leave --> the next one
//!                         (and at every other key that this transaction conflicted at)
//! ```
//!
//! Optimistic transactions over few hot keys starve each other: each attempt costs time in which somebody else
//! commits. Those who have lost once run one after another here, per key, in the order in which they came.
//!
//! - A turn decides nothing: validation does. It is a matter of pace, so one who keeps the next waiting for longer than
//!   that one is willing to wait loses his places.
//! - A commit of somebody without a turn that would change what others stand in line for is refused, and he stands in
//!   line, too; else the quick would overtake the slow for ever. (One in eight passes, so that nobody who does not stand
//!   in line is kept out for ever.) Those with turns do not give way to each other: whoever
//!   loses waits at one place more next time, and in the end they wait in the same line.
//! - All places of one turn are taken at once under one lock, so the order is the same in every line and no two
//!   turns wait for each other.
//! - Left out: standing in line before the first conflict (most transactions meet nobody, and pay nothing), and giving
//!   way to those who conflicted over a range (they wait for each other only).

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::memtable::Change;
use super::range::KeyRange;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex};

/// Places that one turn has at most; who conflicts at more keys than these waits at these.
const PLACES_MAX: usize = 64;

/// What transactions got in each other's way at: a key, or a range that somebody read.
///
/// Two of them may be the same for different keys, which costs a wait and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contended(u64);

impl Contended {
    /// The one with this number, as [`Contended::number`] told it.
    pub fn from_number(number: u64) -> Self {
        Contended(number)
    }

    /// A number to hand it to another process by.
    pub fn number(self) -> u64 {
        self.0
    }

    pub(crate) fn key(key: &[u8]) -> Self {
        Contended(xxh3_64(key))
    }

    /// Whatever changes in a range, those who read it wait for each other.
    pub(crate) fn range(range: &KeyRange) -> Self {
        Contended(xxh3_64(&range.start))
    }
}

/// The lines of one keyspace.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    lines: Mutex<Lines>,
    /// How many turns there are; commits look at the lines only when there are any.
    count: AtomicUsize,
}

type Lines = HashMap<Contended, VecDeque<Arc<Ticket>>>;

/// One who waits.
#[derive(Debug, Default)]
struct Ticket {
    places: BTreeSet<Contended>,
    moved: Condvar,
}

impl Turns {
    /// A turn at all of `contended`, as soon as those who came before have left, or have kept this one waiting for
    /// `patience` each.
    pub(crate) fn take(self: &Arc<Self>, contended: impl IntoIterator<Item = Contended>, patience: Duration) -> Turn {
        let places = contended.into_iter().take(PLACES_MAX).collect();
        self.count.fetch_add(1, Ordering::Relaxed);
        let turn = Turn { turns: self.clone(), ticket: Arc::new(Ticket { places, moved: Condvar::new() }) };
        let mut lines = self.lines.lock();
        for place in &turn.ticket.places {
            lines.entry(*place).or_default().push_back(turn.ticket.clone());
        }
        while let Some(ahead) = turn.ahead(&lines) {
            let is_late = turn.ticket.moved.wait_for(&mut lines, patience).timed_out();
            if is_late && turn.ahead(&lines).is_some_and(|still| Arc::ptr_eq(&still, &ahead)) {
                leave(&mut lines, &ahead);
            }
        }
        drop(lines);
        turn
    }

    /// What of `changes` somebody has a turn at, or waits for one.
    pub(crate) fn met_by(&self, changes: &[Change]) -> Option<Contended> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let lines = self.lines.lock();
        changes.iter().map(|(key, _)| Contended::key(key)).find(|place| lines.contains_key(place))
    }
}

/// A place in line at everything that was asked for; dropping it lets the next ones go on.
pub struct Turn {
    turns: Arc<Turns>,
    ticket: Arc<Ticket>,
}

impl Turn {
    /// What this is a turn at.
    pub fn contended(&self) -> &BTreeSet<Contended> {
        &self.ticket.places
    }

    /// The one at the head of a line that this turn is not at the head of; nobody when it has come, or was lost.
    fn ahead(&self, lines: &Lines) -> Option<Arc<Ticket>> {
        let is_own = |ticket: &Arc<Ticket>| Arc::ptr_eq(ticket, &self.ticket);
        let mut lines = self.ticket.places.iter().filter_map(|place| lines.get(place));
        let line = lines.find(|line| !line.front().is_some_and(is_own) && line.iter().any(is_own));
        line.and_then(VecDeque::front).cloned()
    }
}

/// Takes `ticket` out of all its lines, and tells it and the next ones.
fn leave(lines: &mut Lines, ticket: &Arc<Ticket>) {
    ticket.moved.notify_one();
    for place in &ticket.places {
        let Some(line) = lines.get_mut(place) else { continue };
        line.retain(|other| !Arc::ptr_eq(other, ticket));
        match line.front() {
            Some(next) => drop(next.moved.notify_one()),
            None => drop(lines.remove(place)),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.count.fetch_sub(1, Ordering::Relaxed);
        leave(&mut self.turns.lines.lock(), &self.ticket);
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("contended", &self.ticket.places).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::sync::mpsc;

    use bytes::Bytes;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn places(numbers: &[u64]) -> Vec<Contended> {
        numbers.iter().copied().map(Contended::from_number).collect()
    }

    #[test]
    fn turns_at_one_place_come_one_after_another_in_the_order_of_arrival() {
        let turns = Arc::new(Turns::default());
        let first = turns.take(places(&[1, 2]), LONG);
        let (told, order) = mpsc::channel();
        std::thread::scope(|scope| {
            for (number, wanted) in [vec![2, 3], vec![3], vec![1, 3]].into_iter().enumerate() {
                let arrived = number + 1;
                let (all, told) = (turns.clone(), told.clone());
                scope.spawn(move || {
                    let _turn = all.take(places(&wanted), LONG);
                    told.send(number).unwrap();
                });
                // The next one comes when this one stands in line.
                while turns.lines.lock().get(&Contended(3)).is_none_or(|line| line.len() < arrived) {
                    std::thread::yield_now();
                }
            }
            assert!(order.try_recv().is_err(), "somebody did not wait");
            drop(first);
        });
        assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert!(turns.lines.lock().is_empty());
    }

    #[test]
    fn one_who_has_waited_long_enough_goes_on() {
        let turns = Arc::new(Turns::default());
        let held = turns.take(places(&[7]), LONG);
        let impatient = turns.take(places(&[7]), Duration::from_millis(1));
        assert!(impatient.ahead(&turns.lines.lock()).is_none());
        assert_eq!(turns.lines.lock()[&Contended(7)].len(), 1, "who keeps others waiting loses his place");
        turns.take(places(&[8]), LONG);
        let change = [(Bytes::from("k"), None)];
        assert_eq!(turns.met_by(&change), None);
        let line = turns.take([Contended::key(b"k")], LONG);
        assert_eq!(turns.met_by(&change), Some(Contended::key(b"k")));
        drop((held, impatient, line));
        assert_eq!(turns.met_by(&change), None);
        assert!(turns.lines.lock().is_empty());
    }

    #[test]
    fn many_at_the_same_places_all_come_through() {
        let turns = Arc::new(Turns::default());
        let (inside, total) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8_u64 {
                let (turns, inside, total) = (turns.clone(), &inside, &total);
                scope.spawn(move || {
                    for round in 0..200 {
                        let _turn = turns.take(places(&[0, 1 + (thread + round) % 3, 9 - round % 4]), LONG);
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at place 0");
                        inside.fetch_sub(1, Ordering::SeqCst);
                        total.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 1_600);
    }
}
