//! Transactions that go on at newer versions, lock what they change, and end while others hold them.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::locks::{LockFailure, LockMode, LockWait, Locked, WaitPolicy};
use super::super::settings::KeyspaceSettings;
use super::*;
use crate::ErrorKind;
use crate::env::MemoryEnv;

const NO_WAIT: LockWait<'static> = LockWait { policy: WaitPolicy::NoWait, interrupt: None };
const WAIT: LockWait<'static> = LockWait { policy: WaitPolicy::Wait(None), interrupt: None };

fn keyspace() -> Arc<Keyspace> {
    let settings = KeyspaceSettings { background: false, ..KeyspaceSettings::default() };
    Keyspace::open(Arc::new(MemoryEnv::new()), Path::new("/db"), settings).unwrap()
}

fn put(keyspace: &Arc<Keyspace>, key: &str, value: u64) -> Result<Version> {
    let tx = keyspace.begin(Isolation::Serializable)?;
    tx.put(key.to_owned(), value.to_string())?;
    tx.commit(Durability::Buffered)
}

fn number(reader: &impl Reader, key: &str) -> u64 {
    let value = reader.get(key.as_bytes()).unwrap();
    value.map_or(0, |value| String::from_utf8_lossy(&value).parse().unwrap())
}

fn committing(keyspace: &Arc<Keyspace>) -> Transaction {
    keyspace.begin(Isolation::ReadCommitted).unwrap()
}

#[test]
fn a_rebased_transaction_reads_what_others_have_committed_and_keeps_its_own() {
    let keyspace = keyspace();
    put(&keyspace, "a", 1).unwrap();
    let tx = committing(&keyspace);
    let identity = tx.identity();
    tx.put("own", "7").unwrap();
    let savepoint = tx.savepoint();
    tx.put("own", "8").unwrap();
    let open = tx.scan(KeyRange::all(), Direction::Forward).unwrap();
    let version = put(&keyspace, "a", 2).unwrap();
    assert_eq!(number(&tx, "a"), 1);
    assert_eq!((tx.rebase().unwrap(), tx.version(), tx.identity()), (version, version, identity));
    assert_eq!((number(&tx, "a"), number(&tx, "own")), (2, 8));
    let shown: Vec<_> = open.map(|entry| entry.unwrap().1).collect();
    assert_eq!(shown, ["1", "8"]);
    tx.rollback_to(savepoint).unwrap();
    tx.commit(Durability::Buffered).unwrap();
    assert_eq!(number(&keyspace.snapshot().unwrap(), "own"), 7);
    assert_eq!(keyspace.statistics().open_readers, 0);
}

#[test]
fn what_was_written_or_depended_on_must_not_change_until_the_rebase_nor_after_it() {
    for isolation in [Isolation::ReadCommitted, Isolation::Snapshot, Isolation::Serializable] {
        for is_before in [true, false] {
            for changed in ["written", "depended"] {
                if isolation == Isolation::Serializable && changed == "written" {
                    // What was never read is replaced, whatever it is.
                    continue;
                }
                let keyspace = keyspace();
                let tx = keyspace.begin(isolation).unwrap();
                tx.put("written", "1").unwrap();
                tx.depend_on(b"depended");
                if is_before {
                    put(&keyspace, changed, 5).unwrap();
                    let refused = tx.rebase().unwrap_err();
                    assert_eq!((refused.kind(), refused.contended().is_some()), (ErrorKind::Conflict, true));
                } else {
                    put(&keyspace, "else", 5).unwrap();
                    tx.rebase().unwrap();
                    put(&keyspace, changed, 5).unwrap();
                }
                assert_eq!(tx.commit(Durability::Buffered).unwrap_err().kind(), ErrorKind::Conflict, "{changed}");
            }
        }
    }
}

#[test]
fn reads_are_compared_at_a_rebase_only_when_they_count() {
    for (isolation, conflicts) in [(Isolation::ReadCommitted, false), (Isolation::Serializable, true)] {
        for is_range in [true, false] {
            let keyspace = keyspace();
            let tx = keyspace.begin(isolation).unwrap();
            match is_range {
                true => assert_eq!(tx.scan(KeyRange::prefix("a"), Direction::Forward).unwrap().count(), 0),
                false => assert_eq!(number(&tx, "a"), 0),
            }
            put(&keyspace, "a", 1).unwrap();
            assert_eq!(tx.rebase().is_err(), conflicts, "{isolation:?}");
            assert_eq!(number(&tx, "a"), u64::from(!conflicts));
        }
    }
}

/// The scan goes on at the old version after the rebase; what it sees then must count as of that version.
#[test]
fn a_scan_that_is_open_at_a_rebase_counts_to_its_end() {
    let keyspace = keyspace();
    put(&keyspace, "a", 1).unwrap();
    let tx = keyspace.begin(Isolation::Serializable).unwrap();
    let mut open = tx.scan(KeyRange::all(), Direction::Forward).unwrap();
    open.next().unwrap().unwrap();
    put(&keyspace, "b", 1).unwrap();
    tx.rebase().unwrap_err();
    drop(open);
    tx.rebase().unwrap();
}

/// No more commits are remembered than memory allows: then values are compared.
#[test]
fn a_transaction_that_slept_through_more_than_is_remembered_goes_on() {
    let keyspace = keyspace();
    put(&keyspace, "row", 1).unwrap();
    for conflicts in [false, true] {
        let idle = committing(&keyspace);
        idle.depend_on(b"definition");
        assert_eq!(idle.lock(b"row", LockMode::Update, NO_WAIT).unwrap(), Locked::Current);
        idle.put("row", "2").unwrap();
        let beside = keyspace.begin(Isolation::Serializable).unwrap();
        number(&beside, "row");
        beside.put("other", "1").unwrap();
        for _ in 0..5 {
            let tx = keyspace.begin(Isolation::Serializable).unwrap();
            tx.put("large", vec![0; 20 * 1024 * 1024]).unwrap();
            tx.commit(Durability::Buffered).unwrap();
            keyspace.fold().unwrap();
        }
        if conflicts {
            put(&keyspace, "definition", 9).unwrap();
        }
        assert_eq!(beside.commit(Durability::Buffered).unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(idle.commit(Durability::Buffered).is_err(), conflicts);
        assert_eq!(number(&keyspace.snapshot().unwrap(), "row"), 2);
    }
}

#[test]
fn a_lock_says_whether_its_key_was_changed_since() {
    let keyspace = keyspace();
    put(&keyspace, "a", 1).unwrap();
    for folds in [0, 1, 2] {
        let tx = committing(&keyspace);
        assert_eq!(tx.lock(b"b", LockMode::Update, NO_WAIT).unwrap(), Locked::Current);
        put(&keyspace, "a", 10 + folds).unwrap();
        (0..folds).for_each(|_| assert!(keyspace.fold().is_ok()));
        assert_eq!(tx.lock(b"a", LockMode::Update, NO_WAIT).unwrap(), Locked::Changed);
        assert_eq!(tx.lock(b"b", LockMode::Update, NO_WAIT).unwrap(), Locked::Current);
        let other = committing(&keyspace);
        assert_eq!(other.lock(b"a", LockMode::KeyShare, WaitPolicy::SkipLocked.into()).unwrap(), Locked::Skipped);
        tx.rebase().unwrap();
        assert_eq!(
            (tx.lock(b"a", LockMode::Update, NO_WAIT).unwrap(), number(&tx, "a")),
            (Locked::Current, 10 + folds)
        );
    }
    assert_eq!(keyspace.statistics().locked_keys, 0);
}

#[test]
fn locks_end_with_their_transaction_or_savepoint() {
    let keyspace = keyspace();
    let is_free = |key: &[u8]| committing(&keyspace).lock(key, LockMode::Update, NO_WAIT).is_ok();
    let tx = committing(&keyspace);
    let savepoint = tx.savepoint();
    tx.lock(b"a", LockMode::Share, NO_WAIT).unwrap();
    tx.rollback_to(savepoint).unwrap();
    assert!(is_free(b"a"));
    tx.lock(b"a", LockMode::Share, NO_WAIT).unwrap();
    tx.release(savepoint).unwrap();
    assert!(!is_free(b"a"));
    let session = keyspace.locker();
    let second = committing(&keyspace);
    second.lock_as(&session).unwrap();
    session.lock(b"b", LockMode::Update, NO_WAIT).unwrap();
    second.lock(b"b", LockMode::Update, NO_WAIT).unwrap();
    assert_eq!(tx.lock_as(&session).unwrap_err().kind(), ErrorKind::Invalid);
    tx.commit(Durability::Buffered).unwrap();
    assert!(is_free(b"a"));
    second.rollback_shared();
    assert!(!is_free(b"b"));
    session.unlock_all();
    assert!(is_free(b"b"));
}

#[test]
fn a_transaction_that_was_ended_through_another_reference_refuses_everything() {
    let keyspace = keyspace();
    for commits in [true, false] {
        let tx = committing(&keyspace);
        tx.put("a", "1").unwrap();
        tx.lock(b"a", LockMode::Update, NO_WAIT).unwrap();
        let savepoint = tx.savepoint();
        let open = tx.scan(KeyRange::all(), Direction::Forward).unwrap();
        match commits {
            true => drop(tx.commit_shared(Durability::Buffered).unwrap()),
            false => tx.rollback_shared(),
        }
        assert_eq!(open.count(), 1);
        let refused = [
            tx.get(b"a").map(drop),
            tx.peek(b"a").map(drop),
            tx.scan(KeyRange::all(), Direction::Forward).map(drop),
            tx.peek_scan(KeyRange::all(), Direction::Forward).map(drop),
            tx.put("a", "2"),
            tx.delete("a"),
            tx.note("a", 1, Arc::new(())),
            tx.lock(b"a", LockMode::Share, NO_WAIT).map(drop),
            tx.rebase().map(drop),
            tx.commit_shared(Durability::Buffered).map(drop),
        ];
        refused.into_iter().for_each(|outcome| assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Closed));
        assert!(tx.rollback_to(savepoint).is_err());
        tx.rollback_shared();
        assert_eq!((keyspace.statistics().locked_keys, keyspace.statistics().open_transactions), (0, 0));
        assert_eq!(
            keyspace.snapshot().unwrap().get(b"a").unwrap().is_some(),
            commits || keyspace.visible_version() > Version::ZERO
        );
    }
}

fn increment_locked(keyspace: &Arc<Keyspace>, key: &str) {
    let tx = committing(keyspace);
    tx.rebase().unwrap();
    if tx.lock(key.as_bytes(), LockMode::NoKeyUpdate, WAIT).unwrap() == Locked::Changed {
        tx.rebase().unwrap();
    }
    tx.put(key.to_owned(), (number(&tx, key) + 1).to_string()).unwrap();
    tx.commit(Durability::Buffered).unwrap();
}

#[test]
fn sixty_four_threads_count_to_the_exact_sum_without_a_conflict() {
    let keyspace = keyspace();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..50).for_each(|_| increment_locked(&keyspace, "count")));
        }
    });
    assert_eq!(number(&keyspace.snapshot().unwrap(), "count"), 64 * 50);
    assert_eq!((keyspace.statistics().conflicts, keyspace.statistics().locked_keys), (0, 0));
}

/// Optimistic ones, who never lock, count along: they may conflict, those who lock never do, and nothing is lost.
#[test]
fn those_who_lock_never_conflict_with_those_who_do_not() {
    let keyspace = keyspace();
    let (optimistic, has_ended) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !has_ended.load(Ordering::SeqCst) {
                    let tx = keyspace.begin(Isolation::Serializable).unwrap();
                    tx.put("count", (number(&tx, "count") + 1).to_string()).unwrap();
                    match tx.commit(Durability::Buffered) {
                        Ok(_) => drop(optimistic.fetch_add(1, Ordering::SeqCst)),
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    }
                }
            });
        }
        let locking: Vec<_> =
            (0..4).map(|_| scope.spawn(|| (0..200).for_each(|_| increment_locked(&keyspace, "count")))).collect();
        locking.into_iter().for_each(|thread| thread.join().unwrap());
        has_ended.store(true, Ordering::SeqCst);
    });
    let optimistic = optimistic.into_inner();
    assert_eq!(number(&keyspace.snapshot().unwrap(), "count"), 4 * 200 + optimistic);
}

#[test]
fn a_commit_waits_for_what_another_has_locked_against_it() {
    let keyspace = keyspace();
    put(&keyspace, "a", 1).unwrap();
    let holder = committing(&keyspace);
    holder.lock(b"a", LockMode::KeyShare, NO_WAIT).unwrap();
    put(&keyspace, "a", 2).unwrap();
    std::thread::scope(|scope| {
        let removing = scope.spawn(|| {
            let tx = keyspace.begin(Isolation::Serializable).unwrap();
            tx.delete("a").unwrap();
            tx.commit(Durability::Buffered)
        });
        while !committing(&keyspace)
            .lock(b"a", LockMode::KeyShare, NO_WAIT)
            .is_err_and(|error| LockFailure::of(&error) == Some(&LockFailure::NotAvailable))
        {
            std::thread::yield_now();
        }
        assert_eq!(number(&keyspace.snapshot().unwrap(), "a"), 2);
        drop(holder);
        removing.join().unwrap().unwrap();
    });
    assert_eq!(keyspace.snapshot().unwrap().get(b"a").unwrap(), None);
}

#[test]
fn a_commit_does_not_wait_for_ever_nor_in_a_circle() {
    let settings = KeyspaceSettings {
        background: false,
        lock_timeout: std::time::Duration::from_millis(20),
        ..KeyspaceSettings::default()
    };
    let keyspace = Keyspace::open(Arc::new(MemoryEnv::new()), Path::new("/db"), settings).unwrap();
    let holder = committing(&keyspace);
    holder.lock(b"a", LockMode::Update, NO_WAIT).unwrap();
    let refused = put(&keyspace, "a", 2).unwrap_err();
    assert_eq!((refused.kind(), refused.contended()), (ErrorKind::Conflict, Some(super::super::Contended::key(b"a"))));
    // The commit waits for the holder, who waits for a lock of the transaction that commits.
    let locked = committing(&keyspace);
    locked.lock(b"b", LockMode::Update, NO_WAIT).unwrap();
    locked.put("a", "3").unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| holder.lock(b"b", LockMode::Update, WAIT));
        locked.commit(Durability::Buffered).unwrap_err();
        // Whoever of the two came last has closed the circle.
        if let Err(error) = waiting.join().unwrap() {
            assert!(matches!(LockFailure::of(&error), Some(LockFailure::Deadlock(_))));
        }
    });
}
