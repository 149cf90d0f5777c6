//! Many threads on one queue: each message has its effect once, and receivers do not get in each other's way.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use super::tests::{counts, send};
use super::{Message, NewMessage, QueueSettings, ReceiveOptions};
use crate::kv::Reader;
use crate::{Database, Error, ErrorKind, Result, Transaction};

const MESSAGES: usize = 10_000;
const PRODUCERS: usize = 8;
const CONSUMERS: usize = 8;

/// First byte of keys that no model has.
const EFFECT: u8 = 0x7F;

fn effect_key(message: &Message) -> Vec<u8> {
    let number = message.body.as_json().unwrap()["n"].as_u64().unwrap();
    [&[EFFECT][..], &number.to_be_bytes()].concat()
}

/// Counts the message's effect and acknowledges it, as one.
fn process(tx: &Transaction, message: &Message) -> Result<()> {
    let key = effect_key(message);
    let count = tx.inner.get(&key)?.map_or(0, |stored| stored[0]);
    tx.inner.put(key, vec![count + 1])?;
    tx.queues().acknowledge("q", &message.receipt)
}

/// A small seeded generator (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)) % bound
    }
}

fn produce(database: &Database, producer: usize) {
    let mut random = Random(producer as u64);
    let mut next = producer;
    while next < MESSAGES {
        let mut numbers = Vec::new();
        for _ in 0..=random.below(20) {
            numbers.push(next);
            next += PRODUCERS;
        }
        let messages = numbers.iter().filter(|number| **number < MESSAGES).map(|number| {
            let message = NewMessage::json(json!({ "n": number }));
            match random.below(4) {
                0 => message.in_group((number % 13).to_string()),
                1 => message.after(Duration::from_millis(random.below(20))),
                _ => message,
            }
        });
        let messages: Vec<_> = messages.collect();
        if random.below(10) == 0 {
            let rolled_back = database.begin().unwrap();
            rolled_back.queues().send_many("q", messages.clone()).unwrap();
        }
        database.transact(|tx| tx.queues().send_many("q", messages.clone())).unwrap();
    }
}

/// Receives in a transaction of its own, and processes each message in another, or fails to.
fn consume_leased(database: &Database, random: &mut Random) -> usize {
    let options = ReceiveOptions { count: 1 + random.below(10) as usize, lease_ms: Some(20) };
    let mut done = 0;
    for message in database.receive("q", &options, Duration::from_millis(20)).unwrap() {
        match random.below(20) {
            // The worker dies, and its lease runs out.
            0 => continue,
            // The worker is too slow: another may have the message by now.
            1 => std::thread::sleep(Duration::from_millis(25)),
            2 => {
                let rolled_back = database.begin().unwrap();
                let _ = process(&rolled_back, &message);
                continue;
            }
            3 => {
                let _ = database.transact(|tx| tx.queues().release("q", &message.receipt, Some(Duration::ZERO)));
                continue;
            }
            _ => {}
        }
        match database.transact(|tx| process(tx, &message)) {
            Ok(()) => done += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Precondition, "{error}"),
        }
    }
    done
}

/// Receives, processes and acknowledges in one transaction, or rolls all of it back.
fn consume_in_transaction(database: &Database, random: &mut Random) -> usize {
    let options = ReceiveOptions::up_to(1 + random.below(10) as usize);
    let fails = random.below(10) == 0;
    let outcome = database.transact(|tx| {
        let messages = tx.queues().receive("q", &options)?;
        messages.iter().try_for_each(|message| process(tx, message))?;
        if fails { Err(Error::invalid("on purpose")) } else { Ok(messages.len()) }
    });
    match outcome {
        Ok(0) => {
            std::thread::sleep(Duration::from_millis(1));
            0
        }
        Ok(count) => count,
        Err(error) => {
            assert!(matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Conflict), "{error}");
            0
        }
    }
}

#[test]
fn every_message_has_its_effect_exactly_once() {
    let database = Database::in_memory().unwrap();
    let settings = QueueSettings { receives_max: None, ..QueueSettings::default() };
    database.transact(|tx| tx.queues().create("q", &settings)).unwrap();
    let done = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for producer in 0..PRODUCERS {
            let database = &database;
            threads.spawn(move || produce(database, producer));
        }
        for consumer in 0..CONSUMERS {
            let (database, done) = (&database, &done);
            threads.spawn(move || {
                let mut random = Random(1_000 + consumer as u64);
                while done.load(Ordering::Relaxed) < MESSAGES {
                    let count = match consumer % 4 {
                        0 => consume_in_transaction(database, &mut random),
                        _ => consume_leased(database, &mut random),
                    };
                    done.fetch_add(count, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(done.load(Ordering::Relaxed), MESSAGES);
    let snapshot = database.snapshot().unwrap();
    for number in 0..MESSAGES as u64 {
        let key = [&[EFFECT][..], &number.to_be_bytes()].concat();
        assert_eq!(snapshot.inner.get(&key).unwrap().as_deref(), Some(&[1][..]), "message {number}");
    }
    let left = counts(&database);
    assert_eq!((left.ready, left.leased, left.delayed, left.waiting, left.dead), (0, 0, 0, 0, 0));
    database.check().unwrap();
}

#[test]
fn sixty_four_receivers_take_different_messages_without_a_storm_of_conflicts() {
    let database = Database::in_memory().unwrap();
    database.transact(|tx| tx.queues().create("q", &QueueSettings::default())).unwrap();
    for n in 0..40 {
        let batch = (0..100).map(|m| NewMessage::json(json!({ "n": n * 100 + m })));
        database.transact(|tx| tx.queues().send_many("q", batch.clone())).unwrap();
    }
    let before = database.stats().keyspace.conflicts;
    let taken = AtomicUsize::new(0);
    std::thread::scope(|threads| {
        for _ in 0..64 {
            threads.spawn(|| {
                loop {
                    let received = database.receive("q", &ReceiveOptions::default(), Duration::ZERO).unwrap();
                    let Some(message) = received.first() else { return };
                    assert_eq!(message.receive_count, 1);
                    database.transact(|tx| process(tx, message)).unwrap();
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let conflicts = database.stats().keyspace.conflicts - before;
    // A receiver may give up while the last messages are in the hands of others, never while one is free.
    assert_eq!(taken.load(Ordering::Relaxed), 4_000);
    assert!(conflicts < 40, "{conflicts} conflicts over 4,000 messages");
    send(&database, json!(1));
    database.check().unwrap();
}
