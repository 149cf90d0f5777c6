//! What is known of each queue in memory only: who is at which message, where nothing is, who waits.
//!
//! ```text
//!   commit --> LiveQueues (observer) --> LiveQueue of the storage: splits gaps, wakes those who wait
//!   receive --> claims messages and groups until its transaction has ended, either way
//! ```
//!
//! - Claims keep receivers apart: the second one takes the next message instead of a conflict. They decide nothing:
//!   what a receive takes it reads in its transaction, and the commit compares that.
//! - A claim is released after its transaction's outcome is visible. Whoever claims a message therefore looks again, in a
//!   snapshot begun after the claim, whether it is still there.
//! - Everything here can be lost: a restart begins with nothing known, nothing claimed and nobody waiting.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex, RwLock};

use super::gaps::Gaps;
use super::keys::{self, Place, Storage};
use super::message::MessageId;
use crate::keyspace::QUEUE_ORDER_TAG;
use crate::kv::{CommitObserver, Version};

/// The live queues of a database, by storage.
#[derive(Debug, Default)]
pub(super) struct LiveQueues {
    queues: RwLock<HashMap<Storage, Arc<LiveQueue>>>,
    /// The newest version of which the observer was told.
    observed: AtomicU64,
}

impl LiveQueues {
    pub(super) fn of(&self, storage: Storage) -> Arc<LiveQueue> {
        if let Some(live) = self.queues.read().get(&storage) {
            return live.clone();
        }
        let mut queues = self.queues.write();
        // No commit is being told of under this lock: all up to here went unrecorded, all after it are seen.
        let observed = Version::new(self.observed.load(Ordering::Acquire));
        queues.entry(storage).or_insert_with(|| Arc::new(LiveQueue::new(observed))).clone()
    }

    /// Forgets a storage that is retired, and sends those who wait there to look elsewhere.
    pub(super) fn forget(&self, storage: Storage) {
        let retired = self.queues.write().remove(&storage);
        if let Some(live) = retired {
            live.wake();
        }
    }

    pub(super) fn count_waiting(&self) -> usize {
        let waiting = |live: &LiveQueue| {
            let state = live.state.lock();
            state.waiting + state.listeners.len()
        };
        self.queues.read().values().map(|live| waiting(live)).sum()
    }
}

impl CommitObserver for LiveQueues {
    fn committed(&self, version: Version, changes: &[(Bytes, Option<Bytes>)]) {
        // Changes are in key order.
        let from = changes.partition_point(|(key, _)| key[..] < [QUEUE_ORDER_TAG][..]);
        let to = changes.partition_point(|(key, _)| key[..] < [QUEUE_ORDER_TAG + 1][..]);
        if from == to {
            return;
        }
        let queues = self.queues.read();
        self.observed.store(version.number(), Ordering::Release);
        let set = changes[from..to].iter().filter(|(_, value)| value.is_some());
        let places = set.filter_map(|(key, _)| keys::order_of(key).ok());
        for (storage, place) in places {
            if let Some(live) = queues.get(&storage) {
                live.occupied(version, place);
            }
        }
    }
}

type Tell = Box<dyn FnOnce() + Send>;

/// One queue in memory.
pub(super) struct LiveQueue {
    pub(super) state: Mutex<LiveState>,
    changed: Condvar,
}

pub(super) struct LiveState {
    pub(super) gaps: Gaps,
    messages: HashMap<MessageId, Claim>,
    groups: HashMap<String, Claim>,
    /// The newest commit that put something into the order.
    arrived: Version,
    /// Reasons to look again that are no commit.
    wakes: u64,
    waiting: usize,
    listeners: HashMap<u64, Tell>,
    next_listener: u64,
}

/// Who is at a message or group.
#[derive(Debug, Clone, Copy)]
struct Claim {
    /// The identity of its transaction.
    owner: usize,
    /// Whether another was turned away, and has to be told when the message is left or put back.
    is_wanted: bool,
}

impl Claim {
    fn of(owner: usize) -> Self {
        Claim { owner, is_wanted: false }
    }

    /// Whether it is that of `owner`; otherwise `owner` is turned away.
    fn admits(&mut self, owner: usize) -> bool {
        let is_own = self.owner == owner;
        self.is_wanted |= !is_own;
        is_own
    }
}

/// What somebody who found nothing had seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) version: Version,
    pub(super) wakes: u64,
}

impl LiveState {
    fn has_changed(&self, seen: Seen) -> bool {
        self.arrived > seen.version || self.wakes != seen.wakes
    }
}

impl LiveQueue {
    fn new(observed: Version) -> Self {
        LiveQueue {
            state: Mutex::new(LiveState {
                gaps: Gaps::new(observed),
                messages: HashMap::new(),
                groups: HashMap::new(),
                arrived: observed,
                wakes: 0,
                waiting: 0,
                listeners: HashMap::new(),
                next_listener: 0,
            }),
            changed: Condvar::new(),
        }
    }

    fn occupied(&self, version: Version, place: Place) {
        let mut state = self.state.lock();
        state.gaps.occupy(version, place);
        state.arrived = version;
        self.tell(&mut state);
    }

    /// Makes everybody who waits look again.
    fn wake(&self) {
        self.wake_all(&mut self.state.lock());
    }

    fn wake_all(&self, state: &mut LiveState) {
        state.wakes += 1;
        self.tell(state);
    }

    fn tell(&self, state: &mut LiveState) {
        if state.waiting > 0 {
            self.changed.notify_all();
        }
        for (_, tell) in state.listeners.drain() {
            tell();
        }
    }

    pub(super) fn wakes(&self) -> u64 {
        self.state.lock().wakes
    }

    /// The first place from `place` on where a reader of `version` may find a message.
    pub(super) fn skip(&self, version: Version, place: Place) -> Place {
        let state = self.state.lock();
        if state.gaps.holds_at(version) { state.gaps.skip(place) } else { place }
    }

    /// Returns after the next reason to look again since `seen`, or after `longest`.
    pub(super) fn wait(&self, seen: Seen, longest: Duration) {
        let mut state = self.state.lock();
        if !state.has_changed(seen) {
            state.waiting += 1;
            self.changed.wait_for(&mut state, longest);
            state.waiting -= 1;
        }
    }

    /// Calls `tell` once at the next reason to look again since `seen`; the number takes that back.
    pub(super) fn listen(&self, seen: Seen, tell: Tell) -> Option<u64> {
        let mut state = self.state.lock();
        if state.has_changed(seen) {
            drop(state);
            tell();
            return None;
        }
        let number = state.next_listener;
        state.next_listener += 1;
        state.listeners.insert(number, tell);
        Some(number)
    }

    pub(super) fn unlisten(&self, number: u64) {
        self.state.lock().listeners.remove(&number);
    }
}

impl fmt::Debug for LiveQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        write!(f, "{} claimed, {} waiting", state.messages.len(), state.waiting)
    }
}

/// What one receive has claimed; released when dropped.
pub(super) struct Claims {
    live: Arc<LiveQueue>,
    owner: usize,
    messages: Vec<MessageId>,
    groups: Vec<String>,
    committed: Arc<AtomicBool>,
}

impl Claims {
    /// No claims yet, for the transaction with the identity `owner`.
    pub(super) fn new(live: Arc<LiveQueue>, owner: usize) -> Self {
        Claims { live, owner, messages: Vec::new(), groups: Vec::new(), committed: Arc::default() }
    }

    /// Whether the message is this transaction's to take. It may have claimed it before, and put it back since.
    pub(super) fn message(&mut self, message: MessageId) -> bool {
        match self.live.state.lock().messages.entry(message) {
            Entry::Occupied(mut claimed) => claimed.get_mut().admits(self.owner),
            Entry::Vacant(free) => {
                free.insert(Claim::of(self.owner));
                self.messages.push(message);
                true
            }
        }
    }

    /// Whether the group is this transaction's to take from.
    pub(super) fn group(&mut self, group: &str) -> bool {
        let mut state = self.live.state.lock();
        if let Some(claimed) = state.groups.get_mut(group) {
            return claimed.admits(self.owner);
        }
        state.groups.insert(group.to_owned(), Claim::of(self.owner));
        self.groups.push(group.to_owned());
        true
    }

    /// Leaves a message to others; what an earlier receive of the same transaction claimed stays claimed.
    pub(super) fn give_back(&mut self, message: MessageId) {
        if let Some(index) = self.messages.iter().rposition(|claimed| *claimed == message) {
            self.messages.swap_remove(index);
            let mut state = self.live.state.lock();
            if state.messages.remove(&message).is_some_and(|claim| claim.is_wanted) {
                self.live.wake_all(&mut state);
            }
        }
    }

    /// All claims so far, leaving none.
    pub(super) fn take(&mut self) -> Claims {
        let empty = Claims::new(self.live.clone(), self.owner);
        std::mem::replace(self, empty)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty() && self.groups.is_empty()
    }

    /// To be set once the transaction has committed.
    pub(super) fn committed(&self) -> Arc<AtomicBool> {
        self.committed.clone()
    }
}

impl Drop for Claims {
    fn drop(&mut self) {
        if self.is_empty() {
            return;
        }
        let mut state = self.live.state.lock();
        let (mut is_message_wanted, mut is_group_wanted) = (false, false);
        for message in &self.messages {
            is_message_wanted |= state.messages.remove(message).is_some_and(|claim| claim.is_wanted);
        }
        for group in &self.groups {
            is_group_wanted |= state.groups.remove(group).is_some_and(|claim| claim.is_wanted);
        }
        // What was taken back is there again, and so is the rest of a group: no commit says so.
        if is_group_wanted || is_message_wanted && !self.committed.load(Ordering::Acquire) {
            self.live.wake_all(&mut state);
        }
    }
}
