//! When a transaction that conflicted is run again.
//!
//! ```text
//!   conflict at a known place --> stand in line there, and at all the places of earlier attempts --> run again
//!   conflict at an unknown one --> a random pause, longer each time                              --> run again
//! ```
//!
//! A conflict in spite of a turn is at another place, or with somebody who was tired of waiting.

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::kv::{Contended, Isolation, Keyspace, Transaction, Turn};

/// Shortest and longest pause before a transaction that conflicted is run again.
const BACKOFF_MIN: Duration = Duration::from_micros(50);
const BACKOFF_MAX: Duration = Duration::from_millis(20);

/// How long one waits for the one before: far longer than a transaction takes, shorter than anybody wonders. A
/// transaction inside another one's closure would otherwise wait for itself.
const PATIENCE: Duration = Duration::from_millis(250);

/// What `attempt` returned, which is given a transaction and commits it; run again when others got in its way, up to
/// `attempts` times, at least once.
///
/// # Errors
/// Those of `attempt`, and its conflict when that was the last one.
pub(crate) fn run<T>(
    keyspace: &Arc<Keyspace>,
    isolation: Isolation,
    attempts: u32,
    mut attempt: impl FnMut(Transaction) -> Result<T>,
) -> Result<T> {
    let mut retry = Retry { keyspace, attempts_left: attempts, backoff: BACKOFF_MIN, turn: None };
    loop {
        match attempt(retry.begin(isolation)?) {
            Err(error) if error.kind() == ErrorKind::Conflict => {
                if !retry.wait(&error) {
                    return Err(error.context(format_args!("gave up after {attempts} attempts")));
                }
            }
            outcome => return outcome,
        }
    }
}

struct Retry<'a> {
    keyspace: &'a Arc<Keyspace>,
    attempts_left: u32,
    backoff: Duration,
    turn: Option<Arc<Turn>>,
}

impl Retry<'_> {
    /// The transaction of the next attempt.
    fn begin(&self, isolation: Isolation) -> Result<Transaction> {
        let transaction = self.keyspace.begin(isolation)?;
        if let Some(turn) = &self.turn {
            transaction.run_in(turn.clone());
        }
        Ok(transaction)
    }

    /// Waits until another attempt after this `conflict` is worth its while; false when there were enough.
    fn wait(&mut self, conflict: &Error) -> bool {
        self.attempts_left = self.attempts_left.saturating_sub(1);
        if self.attempts_left > 0 {
            match conflict.contended() {
                Some(contended) => self.stand_in_line(contended),
                None => self.pause(),
            }
        }
        self.attempts_left > 0
    }

    fn stand_in_line(&mut self, contended: Contended) {
        let mut places: Vec<_> = self.turn.iter().flat_map(|turn| turn.contended()).copied().collect();
        if !places.contains(&contended) {
            places.push(contended);
            // Whoever waits for a place while he has another could wait for ever.
            self.turn = None;
            self.turn = Some(Arc::new(self.keyspace.turn(places, PATIENCE)));
        }
    }

    fn pause(&mut self) {
        let jitter_us = self.keyspace.env().random_u64() % (self.backoff.as_micros() as u64 + 1);
        std::thread::sleep(Duration::from_micros(jitter_us));
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Database, ErrorKind, Result, TransactOptions, Transaction};

    const THREADS: u64 = 16;
    const ROUNDS: u64 = 60;
    const COUNTERS: u64 = 4;

    fn with_counters() -> Database {
        let database = Database::in_memory().unwrap();
        let make = |tx: &Transaction| {
            tx.documents().create_collection("counters")?;
            (0..COUNTERS).try_for_each(|id| tx.documents().put("counters", &id.to_string(), json!({"n": 0})).map(drop))
        };
        database.transact(make).unwrap();
        database
    }

    fn increment(tx: &Transaction, id: u64) -> Result<()> {
        let document = tx.documents().get("counters", &id.to_string())?.expect("it is never deleted");
        let n = document["n"].as_u64().expect("counters are numbers");
        // Whoever is slow loses to those who are not.
        std::thread::yield_now();
        tx.documents().put("counters", &id.to_string(), json!({"n": n + 1})).map(drop)
    }

    fn total(database: &Database) -> u64 {
        let snapshot = database.snapshot().unwrap();
        let count = |id: u64| snapshot.documents().get("counters", &id.to_string()).unwrap().unwrap()["n"].as_u64();
        (0..COUNTERS).map(|id| count(id).unwrap()).sum()
    }

    #[test]
    fn many_transactions_at_few_hot_keys_all_commit_within_their_attempts() {
        let database = with_counters();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let database = &database;
                scope.spawn(move || {
                    for round in 0..ROUNDS {
                        let [first, second, third] =
                            [thread + round, thread * 3 + round + 1, round].map(|n| n % COUNTERS);
                        let three =
                            |tx: &Transaction| [first, second, third].into_iter().try_for_each(|id| increment(tx, id));
                        database.transact(three).unwrap();
                    }
                });
            }
        });
        assert_eq!(total(&database), 3 * THREADS * ROUNDS);
    }

    #[test]
    fn a_conflict_tells_where_and_a_turn_there_waits_for_the_one_before() {
        let database = with_counters();
        let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
        increment(&one, 0).unwrap();
        increment(&two, 0).unwrap();
        one.commit().unwrap();
        let contended = two.commit().unwrap_err().contended().expect("the key is known");
        let patience = std::time::Duration::from_secs(60);
        let first = database.begin_in_turn([contended], patience).unwrap();
        increment(&first, 0).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let second = database.begin_in_turn([contended], patience).unwrap();
                increment(&second, 0).unwrap();
                second.commit().map(drop)
            });
            first.commit().unwrap();
            second.join().unwrap().unwrap();
        });
        assert_eq!(total(&database), 3);
    }

    #[test]
    fn who_has_no_attempts_left_is_told_how_many_there_were() {
        let database = with_counters();
        let options = TransactOptions { attempts: 2, ..TransactOptions::default() };
        let overtaken = |tx: &Transaction| {
            increment(tx, 0)?;
            database.transact(|other| increment(other, 0))
        };
        let error = database.transact_with(options, overtaken).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.message().starts_with("gave up after 2 attempts"), "{error}");
        let none = TransactOptions { attempts: 0, ..TransactOptions::default() };
        assert_eq!(database.transact_with(none, |_| Ok(())).unwrap_err().kind(), ErrorKind::Conflict);
    }

    #[test]
    fn who_tries_again_without_standing_in_line_is_not_kept_out_by_one_who_does_and_idles() {
        let database = with_counters();
        let (one, two) = (database.begin().unwrap(), database.begin().unwrap());
        increment(&one, 0).unwrap();
        increment(&two, 0).unwrap();
        one.commit().unwrap();
        let contended = two.commit().unwrap_err().contended().expect("the key is known");
        let idle = database.begin_in_turn([contended], std::time::Duration::ZERO).unwrap();
        let by_hand = || {
            let transaction = database.begin().unwrap();
            increment(&transaction, 0).unwrap();
            transaction.commit().is_ok()
        };
        let outcomes: Vec<_> = (0..500).map(|_| by_hand()).collect();
        assert!(outcomes.contains(&true), "kept out");
        assert!(outcomes.contains(&false), "nobody gave way");
        idle.rollback();
        assert!(by_hand());
    }
}
