//! Finding messages: the order of a queue as it is, with what the transaction itself put there.
//!
//! ```text
//!   committed order (a snapshot taken here)   M1 . M2 . . M5         jumps over known gaps, proves those it crosses
//!   the transaction's own                          M3
//!   next()                                    M1   M2  M3  M5
//! ```
//!
//! The committed part is read in a snapshot of its own, newer than the transaction's view, without the transaction
//! depending on it: it only says where to look. What somebody moved since the transaction began is not found there, so it is
//! not taken in vain.

use std::iter::Peekable;
use std::sync::Arc;
use std::vec::IntoIter;

use super::keys::{self, Place, Storage};
use super::live::LiveQueue;
use super::open::OpenQueue;
use crate::error::Result;
use crate::kv::{Direction, Reader, Scan, Snapshot};

/// Steps through the places of a queue that hold a message.
pub(super) struct Cursor {
    storage: Storage,
    live: Arc<LiveQueue>,
    snapshot: Snapshot,
    scan: Option<Scan>,
    /// Everything before this was stepped through.
    from: Place,
    /// The next place in the snapshot, found and not yet given out.
    found: Option<Place>,
    own: Peekable<IntoIter<Place>>,
}

/// A place with a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) place: Place,
    /// Whether the transaction put it there.
    pub(super) is_own: bool,
}

impl Cursor {
    /// A cursor before the first message; it sees up to `own_max` that the transaction itself put there.
    pub(super) fn new(queue: &OpenQueue<'_>, live: Arc<LiveQueue>, own_max: usize) -> Result<Self> {
        let range = keys::order_from(queue.storage(), Place::FIRST);
        let own = queue.transaction.written(&range, own_max);
        let own = own.iter().map(|key| Ok(keys::order_of(key)?.1)).collect::<Result<Vec<_>>>()?;
        Ok(Cursor {
            storage: queue.storage(),
            live,
            snapshot: queue.model.keyspace.snapshot()?,
            scan: None,
            from: Place::FIRST,
            found: None,
            own: own.into_iter().peekable(),
        })
    }

    /// The next place with a message, or `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Found>> {
        let committed = self.peek_committed()?;
        let own = self.own.peek().copied();
        let next = match (committed, own) {
            (Some(committed), Some(own)) => Some(committed.min(own)),
            (committed, own) => committed.or(own),
        };
        if next == committed {
            self.found = None;
        }
        let is_own = next == own;
        if is_own {
            self.own.next();
        }
        Ok(next.map(|place| Found { place, is_own }))
    }

    fn peek_committed(&mut self) -> Result<Option<Place>> {
        if self.found.is_none() && self.from < Place::END {
            self.found = self.step()?;
        }
        Ok(self.found)
    }

    fn step(&mut self) -> Result<Option<Place>> {
        let from = self.live.state.lock().gaps.skip(self.from);
        let scan = match &mut self.scan {
            Some(scan) if from == self.from => scan,
            scan => {
                let range = keys::order_from(self.storage, from);
                scan.insert(self.snapshot.scan(range, Direction::Forward)?)
            }
        };
        let found = match scan.next().transpose()? {
            Some((key, _)) => Some(keys::order_of(&key)?.1),
            None => None,
        };
        let to = found.unwrap_or(Place::END);
        self.live.state.lock().gaps.prove(self.snapshot.version(), from, to);
        self.from = found.map_or(Place::END, Place::next);
        Ok(found)
    }
}
