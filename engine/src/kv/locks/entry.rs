//! One key that is locked: who holds it, and who waits for it in which order.
//!
//! A lock is handed over by whoever gives it back, to the first in line and to all behind him that go together with him and
//! with those who hold it; so nobody who comes later gets ahead of one who waits and whom he would keep waiting.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::{LockMode, Owner};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Condvar, Mutex};

/// The locked keys of one part of the table.
pub(super) type Shard = Mutex<HashMap<Bytes, Entry>>;

/// One who waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(super) owner: Owner,
    pub(super) mode: LockMode,
    pub(super) key: Bytes,
    pub(super) shard: Arc<Shard>,
    pub(super) shard_number: usize,
    /// Written and read under the lock of the shard.
    granted: AtomicBool,
    pub(super) moved: Condvar,
}

impl Waiter {
    pub(super) fn new(owner: Owner, mode: LockMode, key: Bytes, shard: Arc<Shard>, shard_number: usize) -> Self {
        Waiter { owner, mode, key, shard, shard_number, granted: AtomicBool::new(false), moved: Condvar::new() }
    }

    pub(super) fn is_granted(&self) -> bool {
        self.granted.load(Ordering::Acquire)
    }

    /// Makes the waiter look again at why it waits.
    pub(super) fn wake(&self) {
        // Taking the lock orders this behind the look of whoever is about to wait.
        drop(self.shard.lock());
        self.moved.notify_one();
    }
}

/// How often somebody has taken a key, by mode.
#[derive(Debug)]
struct Holder {
    owner: Owner,
    counts: [u32; LockMode::ALL.len()],
}

impl Holder {
    fn strongest(&self) -> Option<LockMode> {
        LockMode::ALL.into_iter().rev().find(|mode| self.counts[*mode as usize] > 0)
    }
}

#[derive(Debug)]
pub(super) struct Entry {
    holders: Vec<Holder>,
    waiters: VecDeque<Arc<Waiter>>,
}

impl Entry {
    /// The entry of a key that `owner` takes first.
    pub(super) fn held_by(owner: Owner, mode: LockMode) -> Self {
        let mut entry = Entry { holders: Vec::with_capacity(1), waiters: VecDeque::new() };
        entry.hold(owner, mode);
        entry
    }

    pub(super) fn is_empty(&self) -> bool {
        self.holders.is_empty() && self.waiters.is_empty()
    }

    /// The owners other than `owner` that hold the key in a mode that does not go together with `mode`.
    pub(super) fn in_the_way(&self, owner: Owner, mode: LockMode) -> impl Iterator<Item = Owner> {
        let others = self.holders.iter().filter(move |holder| holder.owner != owner);
        let conflicting = others.filter(move |holder| holder.strongest().is_some_and(|held| held.conflicts_with(mode)));
        conflicting.map(|holder| holder.owner)
    }

    fn is_holder(&self, owner: Owner) -> bool {
        self.holders.iter().any(|holder| holder.owner == owner)
    }

    /// Whether `owner` may have the lock at once. One who holds the key already goes ahead of those who wait: they wait for
    /// him, too.
    pub(super) fn admits(&self, owner: Owner, mode: LockMode) -> bool {
        let is_free = self.in_the_way(owner, mode).next().is_none();
        is_free && (self.is_holder(owner) || !self.waiters.iter().any(|waiter| waiter.mode.conflicts_with(mode)))
    }

    pub(super) fn hold(&mut self, owner: Owner, mode: LockMode) {
        let index = match self.holders.iter().position(|holder| holder.owner == owner) {
            Some(index) => index,
            None => {
                self.holders.push(Holder { owner, counts: [0; LockMode::ALL.len()] });
                self.holders.len() - 1
            }
        };
        self.holders[index].counts[mode as usize] += 1;
    }

    /// Gives back one hold, and the lock to whoever can have it then.
    pub(super) fn release(&mut self, owner: Owner, mode: LockMode) {
        let Some(index) = self.holders.iter().position(|holder| holder.owner == owner) else { return };
        let holder = &mut self.holders[index];
        holder.counts[mode as usize] = holder.counts[mode as usize].saturating_sub(1);
        if holder.strongest().is_none() {
            self.holders.swap_remove(index);
        }
        self.hand_on();
    }

    /// Puts `waiter` in line: behind all others, but ahead of those who hold nothing if it holds the key already.
    pub(super) fn stand_in_line(&mut self, waiter: Arc<Waiter>) {
        let index = match self.is_holder(waiter.owner) {
            true => self.waiters.iter().position(|other| !self.is_holder(other.owner)).unwrap_or(self.waiters.len()),
            false => self.waiters.len(),
        };
        self.waiters.insert(index, waiter);
    }

    /// Takes out of line one who gives up, and gives the lock to whoever can have it then.
    pub(super) fn leave_line(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        self.hand_on();
    }

    /// Gives the lock to one in line ahead of his turn.
    pub(super) fn jump_the_line(&mut self, waiter: &Arc<Waiter>) {
        self.waiters.retain(|other| !Arc::ptr_eq(other, waiter));
        self.grant(waiter);
    }

    /// Whom `waiter` waits for: who holds the key, and who stands ahead of him and will. Nobody once he has left the line.
    pub(super) fn ahead_of(&self, waiter: &Waiter) -> Vec<Owner> {
        let Some(place) = self.waiters.iter().position(|other| std::ptr::eq(&**other, waiter)) else {
            return Vec::new();
        };
        let mut ahead: Vec<Owner> = self.in_the_way(waiter.owner, waiter.mode).collect();
        let before = self.waiters.iter().take(place);
        let conflicting = before.filter(|other| other.owner != waiter.owner && other.mode.conflicts_with(waiter.mode));
        ahead.extend(conflicting.map(|other| other.owner));
        ahead
    }

    fn grant(&mut self, waiter: &Arc<Waiter>) {
        self.hold(waiter.owner, waiter.mode);
        waiter.granted.store(true, Ordering::Release);
        waiter.moved.notify_one();
    }

    fn hand_on(&mut self) {
        let mut strongest_waiting: Option<LockMode> = None;
        let mut index = 0;
        while let Some(waiter) = self.waiters.get(index).cloned() {
            let is_ahead_in_the_way = strongest_waiting.is_some_and(|mode| mode.conflicts_with(waiter.mode));
            if !is_ahead_in_the_way && self.in_the_way(waiter.owner, waiter.mode).next().is_none() {
                self.waiters.remove(index);
                self.grant(&waiter);
                continue;
            }
            strongest_waiting = strongest_waiting.max(Some(waiter.mode));
            if strongest_waiting == Some(LockMode::Update) {
                return;
            }
            index += 1;
        }
    }
}
