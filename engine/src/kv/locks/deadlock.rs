//! Those who wait for each other in a circle: found by whoever closes it.
//!
//! ```text
//!   1 waits for --> key a, held by 2 --> 2 waits for --> key b, held by 1       a circle: 2 came last and gets the error
//! ```
//!
//! Everybody stands in line before he searches, so the last one of a circle sees all of it. The first search holds one part
//! of the table at a time and may see a circle that never was at one moment; only then all parts are held at once and it is
//! searched again. Whoever is found there has left the line before anybody else searches, so a circle has one victim.
//!
//! One who waits in a circle only because others stand in line before him is let through instead, whoever finds the circle.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::entry::Waiter;
use super::wait::Wait;
use super::{Locks, Owner};

/// How an owner was reached.
struct Step {
    from: Owner,
    wait: Arc<Waiter>,
}

/// The circle through `start`, if there is one. `waits` are the waits of an owner, `ahead` is whom a wait is for.
fn circle(
    start: Owner,
    waits: impl Fn(Owner) -> Vec<Arc<Waiter>>,
    ahead: impl Fn(&Waiter) -> Vec<Owner>,
) -> Option<Vec<Wait>> {
    let mut reached: HashMap<Owner, Step> = HashMap::new();
    let mut next = VecDeque::from([start]);
    while let Some(owner) = next.pop_front() {
        for wait in waits(owner) {
            for holder in ahead(&wait) {
                if reached.contains_key(&holder) {
                    continue;
                }
                reached.insert(holder, Step { from: owner, wait: wait.clone() });
                if holder == start {
                    return Some(way_back(start, &reached));
                }
                next.push_back(holder);
            }
        }
    }
    None
}

fn way_back(start: Owner, reached: &HashMap<Owner, Step>) -> Vec<Wait> {
    let mut waits = Vec::new();
    let mut holder = start;
    while let Some(Step { from, wait }) = reached.get(&holder) {
        waits.push(Wait { waiter: *from, mode: wait.mode, key: wait.key.clone(), holder });
        holder = *from;
        if holder == start {
            break;
        }
    }
    waits.reverse();
    waits
}

impl Locks {
    /// Who waits for each other through `waiter`, when nobody of them can ever go on; `waiter` has left its line then.
    pub(super) fn deadlock(&self, waiter: &Arc<Waiter>) -> Option<Vec<Wait>> {
        let waits = |owner| self.waiting.lock().get(&owner).cloned().unwrap_or_default();
        let ahead = |waiter: &Waiter| {
            waiter.shard.lock().get(&waiter.key).map_or_else(Vec::new, |entry| entry.ahead_of(waiter))
        };
        circle(waiter.owner, waits, ahead)?;
        self.deadlock_for_sure(waiter)
    }

    fn deadlock_for_sure(&self, waiter: &Arc<Waiter>) -> Option<Vec<Wait>> {
        let mut shards: Vec<_> = self.shards.iter().map(|shard| shard.lock()).collect();
        let (found, in_circle) = {
            let waiting = self.waiting.lock();
            let waits = |owner| waiting.get(&owner).cloned().unwrap_or_default();
            let ahead = |waiter: &Waiter| {
                shards[waiter.shard_number].get(&waiter.key).map_or_else(Vec::new, |entry| entry.ahead_of(waiter))
            };
            let found = circle(waiter.owner, waits, ahead)?;
            let of_circle = found.iter().filter_map(|wait| {
                let waits = waiting.get(&wait.waiter)?;
                waits.iter().find(|known| known.key == wait.key).cloned()
            });
            let in_circle: Vec<Arc<Waiter>> = of_circle.collect();
            (found, in_circle)
        };
        // Whoever finds the circle opens it where it can be opened, not only where he stands himself.
        for other in in_circle {
            let Some(entry) = shards[other.shard_number].get_mut(&other.key) else { continue };
            if entry.in_the_way(other.owner, other.mode).next().is_none() {
                entry.jump_the_line(&other);
                return None;
            }
        }
        let entry = shards[waiter.shard_number].get_mut(&waiter.key)?;
        entry.leave_line(waiter);
        Some(found)
    }
}
