//! One load per key at a time, and the locks of entries.
//!
//! ```text
//!   take_off(key) --> Leader: loads, then lands (or is dropped by an error or a panic)
//!                 '-> Passenger: waits for the leader's landing, judges what came back
//!   a set or delete of the key meanwhile --> the flight is off the board: what it brings is not kept
//! ```
//!
//! The board of flights is split into stripes by hash of the key. A stripe's lock is also the lock under which an entry of its
//! keys changes, so that reading and replacing an entry is one step.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::thread::ThreadId;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::coherence::{Admission, Place};
use crate::kv::Version;

const STRIPES: usize = 128;
/// Longest time for which a load of another is waited for before the value is loaded without keeping it.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What a leader brought.
#[derive(Debug, Clone)]
pub(super) struct Landing {
    pub(super) value: Bytes,
    /// The version that it was loaded from.
    pub(super) loaded_at: Version,
    /// Whether it was kept, and for how long it is true.
    pub(super) admission: Admission,
}

impl Landing {
    /// Whether whoever began to ask when `started` was visible may have the value: it is that new, or still true.
    pub(super) fn serves(&self, started: Version) -> bool {
        self.loaded_at >= started
            || match &self.admission {
                Admission::Refused => false,
                Admission::Independent => true,
                Admission::Dependent(dependency) => dependency.is_alive(),
            }
    }
}

#[derive(Debug)]
enum Progress {
    Underway,
    Landed(Landing),
    /// Failed: somebody else has to load.
    Lost,
}

#[derive(Debug)]
pub(super) struct Flight {
    pilot: ThreadId,
    progress: Mutex<Progress>,
    ended: Condvar,
}

type Stripe = HashMap<Place, Arc<Flight>>;

/// The locks of entries and the loads under way.
pub(super) struct Board {
    stripes: Box<[Mutex<Stripe>]>,
    seed: u64,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a board of flights")
    }
}

/// The lock of a key, held.
pub(super) struct Held<'b> {
    stripe: MutexGuard<'b, Stripe>,
}

impl Held<'_> {
    /// Takes the load of `place` that is under way, if any, off the board: what it brings is not kept.
    pub(super) fn ground(&mut self, place: &Place) {
        if !self.stripe.is_empty() {
            self.stripe.remove(place);
        }
    }
}

/// Who loads.
pub(super) enum Seat<'b> {
    Leader(Leader<'b>),
    Passenger(Arc<Flight>),
}

/// The duty to land a flight; dropping it undone lets others load.
pub(super) struct Leader<'b> {
    board: &'b Board,
    pub(super) place: Place,
    flight: Arc<Flight>,
}

/// What waiting for another's load came to.
pub(super) enum Wait {
    Landed(Landing),
    Lost,
    TooLong,
    /// The load under way is further down on this thread's own stack.
    OwnLoad,
}

impl Board {
    pub(super) fn new(seed: u64) -> Self {
        Board { stripes: (0..STRIPES).map(|_| Mutex::default()).collect(), seed }
    }

    fn stripe(&self, place: &Place) -> &Mutex<Stripe> {
        let hash = xxh3_64_with_seed(&place.key, self.seed ^ place.namespace.number());
        &self.stripes[(hash % STRIPES as u64) as usize]
    }

    /// Waits for the lock of `place`. Nobody who holds one commits, or waits for another.
    pub(super) fn hold(&self, place: &Place) -> Held<'_> {
        Held { stripe: self.stripe(place).lock() }
    }

    /// Whether `place` is being loaded.
    pub(super) fn is_flying(&self, place: &Place) -> bool {
        self.stripe(place).lock().contains_key(place)
    }

    /// Joins the load of `place` that is under way, or begins one.
    pub(super) fn take_off(&self, place: &Place) -> Seat<'_> {
        let mut stripe = self.stripe(place).lock();
        if let Some(flight) = stripe.get(place) {
            return Seat::Passenger(flight.clone());
        }
        let flight = Arc::new(Flight {
            pilot: std::thread::current().id(),
            progress: Mutex::new(Progress::Underway),
            ended: Condvar::new(),
        });
        stripe.insert(place.clone(), flight.clone());
        Seat::Leader(Leader { board: self, place: place.clone(), flight })
    }
}

impl Flight {
    /// Waits for the landing.
    pub(super) fn wait(&self) -> Wait {
        if self.pilot == std::thread::current().id() {
            return Wait::OwnLoad;
        }
        let mut progress = self.progress.lock();
        loop {
            match &*progress {
                Progress::Landed(landing) => return Wait::Landed(landing.clone()),
                Progress::Lost => return Wait::Lost,
                Progress::Underway => {}
            }
            if self.ended.wait_for(&mut progress, WAIT_MAX).timed_out() && matches!(*progress, Progress::Underway) {
                return Wait::TooLong;
            }
        }
    }

    fn end(&self, progress: Progress) {
        *self.progress.lock() = progress;
        self.ended.notify_all();
    }
}

impl Leader<'_> {
    /// The lock of the key while the flight is on the board; `None` when it was taken off.
    pub(super) fn approach(&self) -> Option<Held<'_>> {
        let held = self.board.hold(&self.place);
        let is_on_board = held.stripe.get(&self.place).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight));
        is_on_board.then_some(held)
    }

    /// Hands the value to everybody who waits.
    pub(super) fn land(self, landing: Landing) {
        self.leave_board();
        self.flight.end(Progress::Landed(landing));
    }

    fn leave_board(&self) {
        if let Some(mut held) = self.approach() {
            held.ground(&self.place);
        }
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        if matches!(*self.flight.progress.lock(), Progress::Underway) {
            self.leave_board();
            self.flight.end(Progress::Lost);
        }
    }
}
