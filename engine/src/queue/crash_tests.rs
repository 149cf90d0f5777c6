//! Queues on a disk that loses power, fills up or fails.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use serde_json::json;

use super::keys::{self, Place};
use super::message::Content;
use super::tests::{counts, open};
use super::{Message, NewMessage, QueueSettings, ReceiveOptions};
use crate::env::{CrashPolicy, FailureSpan, MemoryEnv};
use crate::kv::{Direction, Reader};
use crate::{Database, Result, Transaction};

type Bodies = BTreeSet<u64>;

/// Which messages are there, and what the commit under way would make of them.
#[derive(Debug, Clone, Default)]
struct Expected {
    committed: Bodies,
    underway: Option<Bodies>,
}

impl Expected {
    fn commit<T>(
        &mut self,
        database: &Database,
        change: impl FnOnce(&mut Bodies),
        write: impl FnMut(&Transaction) -> Result<T>,
    ) -> Result<T> {
        let mut after = self.committed.clone();
        change(&mut after);
        self.underway = Some(after);
        let value = database.transact(write)?;
        self.committed = self.underway.take().expect("it was just set");
        Ok(value)
    }

    fn send(&mut self, database: &Database, bodies: std::ops::Range<u64>) -> Result<()> {
        let messages = bodies.clone().map(|body| {
            let message = NewMessage::json(json!(body)).once(body.to_string());
            if body % 2 == 0 { message.in_group("even") } else { message }
        });
        self.commit(
            database,
            |after| after.extend(bodies),
            |tx| tx.queues().send_many("q", messages.clone()).map(|_| ()),
        )
    }

    fn acknowledge(&mut self, database: &Database, messages: &[Message]) -> Result<()> {
        let done: Bodies = messages.iter().map(number).collect();
        let change = |after: &mut Bodies| after.retain(|body| !done.contains(body));
        let receipts = messages.iter().map(|message| message.receipt);
        self.commit(database, change, |tx| {
            receipts.clone().try_for_each(|receipt| tx.queues().acknowledge("q", &receipt))
        })
    }
}

fn number(message: &Message) -> u64 {
    message.body.as_json().unwrap().as_u64().unwrap()
}

fn receive(database: &Database, count: usize) -> Result<Vec<Message>> {
    database.receive("q", &ReceiveOptions::up_to(count), Duration::ZERO)
}

/// Sends, receives, acknowledges, gives back, rejects, purges and folds until something fails.
fn work(env: &MemoryEnv, database: &Database, expected: &mut Expected) -> Result<()> {
    expected.send(database, 0..6)?;
    let received = receive(database, 3)?;
    expected.acknowledge(database, &received[..2])?;
    database.transact(|tx| tx.queues().release("q", &received[2].receipt, None))?;
    let rolled_back = database.begin()?;
    rolled_back.queues().receive("q", &ReceiveOptions::up_to(9))?;
    drop(rolled_back);
    database.checkpoint()?;
    let received = receive(database, 9)?;
    database.transact(|tx| tx.queues().reject("q", &received[0].receipt, "no"))?;
    expected.acknowledge(database, &received[1..])?;
    expected.send(database, 6..9)?;
    env.advance(Duration::from_secs(400));
    while database.maintain()? {}
    let received = receive(database, 1)?;
    expected.acknowledge(database, &received)?;
    database.transact(|tx| tx.queues().redrive_all("q", 9))?;
    expected.commit(database, Bodies::clear, |tx| tx.queues().purge("q"))?;
    expected.send(database, 9..11)?;
    while database.shared.keyspace.reclaim()? {}
    let received = receive(database, 9)?;
    expected.acknowledge(database, &received)
}

/// Every message that is there, whatever its state.
fn everything(database: &Database) -> Bodies {
    let snapshot = database.snapshot().unwrap();
    let storage = snapshot.queues().definition("q").unwrap().storage;
    let mut bodies = Bodies::new();
    for entry in snapshot.inner.scan(keys::messages(storage), Direction::Forward).unwrap() {
        let (key, value) = entry.unwrap();
        if keys::message_of(&key).unwrap().1 {
            let body = Content::decode(&value).unwrap().body.into_body().unwrap();
            bodies.insert(body.as_json().unwrap().as_u64().unwrap());
        }
    }
    bodies
}

/// What was sent and not acknowledged is there, the rest is not, all of it fits together, and all of it can be received.
fn verify(env: &MemoryEnv, expected: &Expected, context: &str) {
    let database = open(env).unwrap_or_else(|error| panic!("{context}: {error}"));
    let mut left = everything(&database);
    let is_expected = left == expected.committed || Some(&left) == expected.underway.as_ref();
    assert!(is_expected, "{context}: found {left:?}, expected {expected:?}");
    database.check().unwrap_or_else(|error| panic!("{context}: {error}"));
    database.transact(|tx| tx.queues().redrive_all("q", 100)).unwrap();
    for _ in 0..20 {
        env.advance(Duration::from_secs(60));
        for message in receive(&database, 9).unwrap() {
            assert!(left.remove(&number(&message)), "{context}: {message:?} came twice");
            database.transact(|tx| tx.queues().acknowledge("q", &message.receipt)).unwrap();
        }
    }
    assert!(left.is_empty(), "{context}: {left:?} cannot be received");
    assert_eq!(counts(&database).ready + counts(&database).leased + counts(&database).delayed, 0, "{context}");
    database.check().unwrap_or_else(|error| panic!("{context}: after receiving all: {error}"));
    assert_eq!(everything(&database), Bodies::new(), "{context}");
    let live = database.shared.queues.live.of(database.snapshot().unwrap().queues().definition("q").unwrap().storage);
    assert!(receive(&database, 1).unwrap().is_empty());
    assert_eq!(live.state.lock().gaps.skip(Place::FIRST), Place::END, "{context}");
}

/// A disk with an empty queue.
fn prepared(seed: u64) -> MemoryEnv {
    let env = MemoryEnv::simulated(seed);
    let database = open(&env).unwrap();
    database.transact(|tx| tx.queues().create("q", &QueueSettings::default())).unwrap();
    drop(database);
    env
}

fn run(env: &MemoryEnv) -> (Expected, Result<()>) {
    let mut expected = Expected::default();
    let outcome = open(env).and_then(|database| work(env, &database, &mut expected));
    (expected, outcome)
}

fn io_range() -> (u64, u64) {
    let env = prepared(0);
    let first = env.io_count();
    run(&env).1.unwrap();
    assert!(env.io_count() - first > 30, "only {} I/Os", env.io_count() - first);
    (first + 1, env.io_count())
}

#[test]
fn a_crash_at_every_io_loses_nothing_sent_and_brings_back_nothing_acknowledged() {
    let (first, last) = io_range();
    for number in first..=last + 1 {
        for policy in CrashPolicy::ALL {
            let env = prepared(number);
            env.crash_at(number);
            let (expected, _) = run(&env);
            verify(&env.crash(policy), &expected, &format!("crash at {number} of {first}..{last}, {policy:?}"));
        }
    }
}

#[test]
fn a_failure_at_every_io_costs_at_most_what_was_under_way() {
    let (first, last) = io_range();
    for number in first..=last {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::Other] {
            let env = prepared(number);
            env.fail_at(number, kind, FailureSpan::Once);
            let (expected, _) = run(&env);
            let context = format!("{kind:?} at {number} of {first}..{last}");
            verify(&env.crash(CrashPolicy::Random), &expected, &context);
        }
    }
}
