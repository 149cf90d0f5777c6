//! The table of locks: what goes together, who comes when, and what ends a wait.

use std::collections::BTreeMap;
use std::sync::mpsc;

use proptest::prelude::*;

use super::LockMode::{KeyShare, NoKeyUpdate, Share, Update};
use super::*;

const NO_WAIT: LockWait<'static> = LockWait { policy: WaitPolicy::NoWait, interrupt: None };
const WAIT: LockWait<'static> = LockWait { policy: WaitPolicy::Wait(None), interrupt: None };

fn lockers<const N: usize>() -> (Arc<Locks>, [Locker; N]) {
    let locks = Arc::new(Locks::default());
    let lockers = std::array::from_fn(|number| Locker::new(locks.clone(), Owner::new(number as u64)));
    (locks, lockers)
}

/// Waits until `count` wait in line at `key`.
fn until_waiting(locks: &Locks, count: usize) {
    while locks.waiting.lock().values().map(Vec::len).sum::<usize>() < count {
        std::thread::yield_now();
    }
}

fn failure(outcome: Result<bool>) -> LockFailure {
    LockFailure::of(&outcome.unwrap_err()).unwrap().clone()
}

#[test]
fn nothing_is_left_of_locks_that_were_given_back() {
    let (locks, [first, second]) = lockers();
    assert!(first.lock(b"a", Update, NO_WAIT).unwrap());
    assert_eq!(failure(second.lock(b"a", KeyShare, NO_WAIT)), LockFailure::NotAvailable);
    assert!(!second.lock(b"a", KeyShare, WaitPolicy::SkipLocked.into()).unwrap());
    assert_eq!(
        failure(second.lock(b"a", Share, WaitPolicy::Wait(Some(Duration::from_millis(1))).into())),
        LockFailure::TimedOut
    );
    assert!(second.lock(b"b", Share, NO_WAIT).unwrap());
    assert_eq!(locks.count(), 2);
    drop((first, second));
    assert_eq!((locks.count(), locks.size_bytes.load(Ordering::Relaxed)), (0, 0));
    assert!(locks.shards.iter().all(|shard| shard.lock().is_empty()) && locks.waiting.lock().is_empty());
}

#[test]
fn locks_are_taken_again_strengthened_and_given_back_to_a_mark() {
    let (_locks, [first, second]) = lockers();
    first.lock(b"a", KeyShare, NO_WAIT).unwrap();
    let mark = first.mark();
    first.lock(b"a", KeyShare, NO_WAIT).unwrap();
    assert_eq!(first.count(), 1);
    first.lock(b"a", Update, NO_WAIT).unwrap();
    first.lock(b"b", Update, NO_WAIT).unwrap();
    second.lock(b"a", KeyShare, NO_WAIT).unwrap_err();
    first.release_to(mark);
    assert_eq!((first.held(b"a"), first.held(b"b")), (Some(KeyShare), None));
    second.lock(b"a", NoKeyUpdate, NO_WAIT).unwrap();
    first.lock(b"a", Share, NO_WAIT).unwrap_err();
}

#[test]
fn a_lock_that_was_taken_twice_is_given_back_twice() {
    let (_locks, [first, second]) = lockers();
    let key = advisory_key(b"job");
    for mode in [Update, Share, Share] {
        first.lock_again(&key, mode, NO_WAIT).unwrap();
    }
    assert!(first.unlock(&key, Update) && !first.unlock(&key, Update));
    assert_eq!(first.held(&key), Some(Share));
    second.lock(&key, Share, NO_WAIT).unwrap();
    assert!(first.unlock(&key, Share) && first.held(&key) == Some(Share));
    first.unlock_all();
    second.lock(&key, Update, NO_WAIT).unwrap();
}

#[test]
fn lockers_of_one_owner_do_not_wait_for_each_other() {
    let (locks, [session, other]) = lockers();
    let transaction = Locker::new(locks.clone(), session.owner());
    session.lock(b"a", Update, NO_WAIT).unwrap();
    transaction.lock(b"a", Update, NO_WAIT).unwrap();
    drop(session);
    other.lock(b"a", KeyShare, NO_WAIT).unwrap_err();
    drop(transaction);
    other.lock(b"a", KeyShare, NO_WAIT).unwrap();
}

#[test]
fn those_in_line_come_in_order_and_nobody_overtakes_whom_he_keeps_waiting() {
    let (locks, [holder, writer, reader, late]) = lockers();
    holder.lock(b"a", Share, NO_WAIT).unwrap();
    let (told, order) = mpsc::channel();
    std::thread::scope(|scope| {
        for (number, (locker, mode)) in [(&writer, Update), (&reader, Share)].into_iter().enumerate() {
            let told = told.clone();
            scope.spawn(move || {
                locker.lock(b"a", mode, WAIT).unwrap();
                told.send(number).unwrap();
                locker.unlock_all();
            });
            until_waiting(&locks, number + 1);
        }
        // Free, but for the writer who waits.
        late.lock(b"a", Share, NO_WAIT).unwrap_err();
        assert!(order.try_recv().is_err());
        holder.unlock_all();
    });
    assert_eq!(order.try_iter().collect::<Vec<_>>(), [0, 1]);
    late.lock(b"a", Update, NO_WAIT).unwrap();
}

#[test]
fn whoever_holds_a_key_goes_ahead_of_those_who_wait_for_him() {
    let (locks, [first, second, third]) = lockers();
    first.lock(b"a", KeyShare, NO_WAIT).unwrap();
    second.lock(b"a", KeyShare, NO_WAIT).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| third.lock(b"a", Update, WAIT).unwrap());
        until_waiting(&locks, 1);
        scope.spawn(|| first.lock(b"a", Update, WAIT).unwrap());
        until_waiting(&locks, 2);
        second.unlock_all();
        while first.held(b"a") != Some(Update) {
            std::thread::yield_now();
        }
        assert_eq!(third.held(b"a"), None);
        first.unlock_all();
    });
    assert_eq!(third.held(b"a"), Some(Update));
}

#[test]
fn whoever_closes_a_circle_is_told_who_waits_for_whom() {
    let (locks, [first, second, third]) = lockers();
    first.lock(b"a", Update, NO_WAIT).unwrap();
    second.lock(b"b", Update, NO_WAIT).unwrap();
    third.lock(b"c", Update, NO_WAIT).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| first.lock(b"b", Share, WAIT).unwrap());
        until_waiting(&locks, 1);
        scope.spawn(|| second.lock(b"c", NoKeyUpdate, WAIT).unwrap());
        until_waiting(&locks, 2);
        let LockFailure::Deadlock(waits) = failure(third.lock(b"a", KeyShare, WAIT)) else { panic!("no deadlock") };
        let expected = [(2, KeyShare, 0, "a"), (0, Share, 1, "b"), (1, NoKeyUpdate, 2, "c")];
        let found = waits.iter().map(|wait| (wait.waiter.number(), wait.mode, wait.holder.number(), &wait.key[..]));
        assert!(
            found.eq(expected.map(|(waiter, mode, holder, key)| (waiter, mode, holder, key.as_bytes()))),
            "{waits:?}"
        );
        assert_eq!(crate::Error::from(LockFailure::Deadlock(waits)).kind(), crate::ErrorKind::Conflict);
        third.unlock_all();
        while second.held(b"c").is_none() {
            std::thread::yield_now();
        }
        second.unlock_all();
    });
}

#[test]
fn two_who_hold_a_key_and_both_want_more_are_a_circle() {
    let (locks, [first, second]) = lockers();
    first.lock(b"a", Share, NO_WAIT).unwrap();
    second.lock(b"a", Share, NO_WAIT).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| first.lock(b"a", Update, WAIT).unwrap());
        until_waiting(&locks, 1);
        assert!(matches!(failure(second.lock(b"a", Update, WAIT)), LockFailure::Deadlock(_)));
        second.unlock_all();
    });
    assert_eq!(first.held(b"a"), Some(Update));
}

/// Only the order of the line would close a circle here: 2 could have "a" beside 0, but 1 stands before it.
#[test]
fn one_who_would_wait_in_a_circle_only_for_the_line_is_let_through() {
    let (locks, [first, second, third]) = lockers();
    first.lock(b"a", KeyShare, NO_WAIT).unwrap();
    third.lock(b"b", Update, NO_WAIT).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| second.lock(b"a", Update, WAIT).unwrap());
        until_waiting(&locks, 1);
        scope.spawn(|| first.lock(b"b", Update, WAIT).unwrap());
        until_waiting(&locks, 2);
        third.lock(b"a", KeyShare, WAIT).unwrap();
        third.unlock_all();
        while first.held(b"b").is_none() {
            std::thread::yield_now();
        }
        first.unlock_all();
    });
}

#[test]
fn a_wait_ends_when_it_is_interrupted() {
    let (locks, [first, second]) = lockers();
    let interrupt = Interrupt::default();
    let wait = LockWait { policy: WaitPolicy::Wait(None), interrupt: Some(&interrupt) };
    first.lock(b"a", Update, NO_WAIT).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| failure(second.lock(b"a", Update, wait)));
        until_waiting(&locks, 1);
        interrupt.set();
        assert_eq!(waiting.join().unwrap(), LockFailure::Interrupted);
    });
    assert_eq!(failure(second.lock(b"a", Update, wait)), LockFailure::Interrupted);
    interrupt.clear();
    first.unlock_all();
    second.lock(b"a", Update, wait).unwrap();
    assert!(interrupt.is_set() || locks.waiting.lock().is_empty());
}

#[test]
fn locks_are_bounded() {
    let (locks, [first]) = lockers();
    locks.size_bytes.store(LOCKS_SIZE_BYTES_MAX - LOCK_OVERHEAD_BYTES - 1, Ordering::Relaxed);
    first.lock(b"a", Update, NO_WAIT).unwrap();
    let refused = first.lock(b"b", Update, NO_WAIT).unwrap_err();
    assert_eq!(refused.kind(), crate::ErrorKind::LimitExceeded);
    first.unlock_all();
    first.lock(b"b", Update, NO_WAIT).unwrap();
}

#[derive(Debug, Clone)]
enum Step {
    Lock { owner: usize, key: u8, mode: LockMode },
    Unlock { owner: usize, key: u8, mode: LockMode },
    Mark { owner: usize },
    BackToMark { owner: usize },
    End { owner: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let mode = || prop::sample::select(LockMode::ALL.to_vec());
    prop_oneof![
        8 => (0..4_usize, 0..3_u8, mode()).prop_map(|(owner, key, mode)| Step::Lock { owner, key, mode }),
        2 => (0..4_usize, 0..3_u8, mode()).prop_map(|(owner, key, mode)| Step::Unlock { owner, key, mode }),
        1 => (0..4_usize).prop_map(|owner| Step::Mark { owner }),
        1 => (0..4_usize).prop_map(|owner| Step::BackToMark { owner }),
        1 => (0..4_usize).prop_map(|owner| Step::End { owner }),
    ]
}

proptest! {
    #[test]
    fn locks_are_as_a_list_of_what_everybody_has_taken(steps in prop::collection::vec(step(), 1..80)) {
        let (locks, lockers) = lockers::<4>();
        let mut taken: [Vec<(u8, LockMode)>; 4] = Default::default();
        let mut marks: [(usize, LockMark); 4] = Default::default();
        for step in steps {
            match step {
                Step::Lock { owner, key, mode } => {
                    let others = (0..4).filter(|other| *other != owner).flat_map(|other| &taken[other]);
                    let is_free = others.clone().all(|(held, by)| *held != key || !by.conflicts_with(mode));
                    prop_assert_eq!(lockers[owner].lock_again(&[key], mode, NO_WAIT).is_ok(), is_free);
                    if is_free {
                        taken[owner].push((key, mode));
                    }
                }
                Step::Unlock { owner, key, mode } => {
                    let last = taken[owner].iter().rposition(|held| *held == (key, mode));
                    prop_assert_eq!(lockers[owner].unlock(&[key], mode), last.is_some());
                    last.map(|last| taken[owner].remove(last));
                }
                Step::Mark { owner } => marks[owner] = (taken[owner].len(), lockers[owner].mark()),
                Step::BackToMark { owner } => {
                    taken[owner].truncate(marks[owner].0);
                    lockers[owner].release_to(marks[owner].1);
                }
                Step::End { owner } => {
                    taken[owner].clear();
                    lockers[owner].unlock_all();
                }
            }
            for (owner, taken) in taken.iter().enumerate() {
                let mut strongest = BTreeMap::new();
                for (key, mode) in taken {
                    let held = strongest.entry(*key).or_insert(*mode);
                    *held = (*held).max(*mode);
                }
                for key in 0..3 {
                    prop_assert_eq!(lockers[owner].held(&[key]), strongest.get(&key).copied());
                }
            }
            let keys: std::collections::BTreeSet<u8> = taken.iter().flatten().map(|(key, _)| *key).collect();
            prop_assert_eq!(locks.count(), keys.len());
        }
    }
}
