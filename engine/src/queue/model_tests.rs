//! Random histories, held against a queue that is a plain list.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::tests::{counts, fresh, open};
use super::*;
use crate::env::{Env, MemoryEnv, Timestamp};
use crate::{Database, ErrorKind, Transaction};

const RECEIVES_MAX: u32 = 4;
const LEASE: Duration = Duration::from_secs(30);
const RETRY: RetryPause = RetryPause { initial_ms: 1_000, factor: 2, longest_ms: 3_000 };

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Ready,
    Leased(Receipt, Timestamp),
    Waiting,
    Dead,
}

#[derive(Debug, Clone)]
struct TwinMessage {
    phase: Phase,
    ready_at: Timestamp,
    receive_count: u32,
    group: Option<u64>,
}

/// What a queue should be.
#[derive(Debug, Clone, Default)]
struct Twin {
    messages: BTreeMap<MessageId, TwinMessage>,
    holders: BTreeMap<u64, MessageId>,
    /// Receipts that were ever handed out.
    receipts: Vec<Receipt>,
}

impl Twin {
    fn leave_group(&mut self, id: MessageId, group: Option<u64>) {
        let Some(group) = group.filter(|group| self.holders.get(group) == Some(&id)) else { return };
        self.holders.remove(&group);
        let waiting = self.messages.iter().filter(|(_, m)| m.group == Some(group) && m.phase == Phase::Waiting);
        let Some(next) = waiting.min_by_key(|(id, m)| (m.ready_at, **id)).map(|(id, _)| *id) else { return };
        self.messages.get_mut(&next).unwrap().phase = Phase::Ready;
        self.holders.insert(group, next);
    }

    fn die(&mut self, id: MessageId) {
        let message = self.messages.get_mut(&id).unwrap();
        message.phase = Phase::Dead;
        let group = message.group;
        self.leave_group(id, group);
    }

    fn remove(&mut self, id: MessageId) {
        let message = self.messages.remove(&id).unwrap();
        self.leave_group(id, message.group);
    }

    /// One pass over what is due; the messages that are leased and how many were put away.
    fn receive(&mut self, count: usize, now: Timestamp) -> (Vec<MessageId>, usize) {
        let is_due = |m: &TwinMessage| matches!(m.phase, Phase::Ready | Phase::Leased(..)) && m.ready_at <= now;
        let mut due: Vec<_> =
            self.messages.iter().filter(|(_, m)| is_due(m)).map(|(id, m)| (m.ready_at, *id)).collect();
        due.sort_unstable();
        let (mut leased, mut cleared) = (Vec::new(), 0);
        for (_, id) in due {
            if leased.len() == count {
                break;
            }
            let message = self.messages[&id].clone();
            if message.receive_count >= RECEIVES_MAX {
                self.die(id);
                cleared += 1;
                continue;
            }
            let is_held = |group| *self.holders.entry(group).or_insert(id) != id;
            if message.group.is_some_and(is_held) {
                self.messages.get_mut(&id).unwrap().phase = Phase::Waiting;
                cleared += 1;
                continue;
            }
            leased.push(id);
        }
        (leased, cleared)
    }

    fn lease(&mut self, received: &[Message]) {
        for message in received {
            let twin = self.messages.get_mut(&message.id).unwrap();
            twin.receive_count += 1;
            assert_eq!(message.receive_count, twin.receive_count);
            twin.phase = Phase::Leased(message.receipt, message.leased_until);
            twin.ready_at = message.leased_until.after(pause(twin.receive_count));
            self.receipts.push(message.receipt);
        }
    }

    /// The message that the receipt is good for.
    fn leased(&self, receipt: Receipt) -> Option<MessageId> {
        let is_good = |m: &TwinMessage| matches!(m.phase, Phase::Leased(good, _) if good == receipt);
        self.messages.iter().find(|(_, m)| is_good(m)).map(|(id, _)| *id)
    }

    fn counts(&self, now: Timestamp) -> QueueCounts {
        let mut counts = QueueCounts { is_exact: true, ..QueueCounts::default() };
        for message in self.messages.values() {
            *match &message.phase {
                Phase::Dead => &mut counts.dead,
                Phase::Waiting => &mut counts.waiting,
                Phase::Leased(_, until) if *until > now => &mut counts.leased,
                _ if message.ready_at > now => &mut counts.delayed,
                _ => &mut counts.ready,
            } += 1;
        }
        counts
    }
}

fn pause(attempt: u32) -> Duration {
    if attempt >= RECEIVES_MAX { Duration::ZERO } else { Duration::from_millis(RETRY.after(attempt)) }
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

struct History {
    env: MemoryEnv,
    random: Random,
    twin: Twin,
}

impl History {
    /// Anything but a receive, in `tx` and in the twin.
    fn step(&mut self, tx: &Transaction) -> crate::Result<()> {
        let queues = tx.queues();
        match self.random.below(10) {
            0..=4 => {
                let group = Some(self.random.below(6)).filter(|group| *group < 3);
                let delay = Duration::from_secs(self.random.below(8).saturating_sub(4));
                let mut message = NewMessage::json(json!(1)).after(delay);
                message.group = group.map(|group| group.to_string());
                let ready_at = self.env.now().after(delay);
                let id = queues.send("q", message)?;
                let sent = TwinMessage { phase: Phase::Ready, ready_at, receive_count: 0, group };
                self.twin.messages.insert(id, sent);
                Ok(())
            }
            5 => self.dead_letter(tx),
            _ => self.settle(tx),
        }
    }

    fn dead_letter(&mut self, tx: &Transaction) -> crate::Result<()> {
        let dead: Vec<_> =
            self.twin.messages.iter().filter(|(_, m)| m.phase == Phase::Dead).map(|(id, _)| *id).collect();
        let listed = tx.queues().dead_letters("q", None, 1_000)?;
        assert_eq!(listed.iter().map(|letter| letter.id).collect::<Vec<_>>(), dead);
        let Some(id) = dead.get(self.random.below(dead.len().max(1) as u64) as usize) else { return Ok(()) };
        if self.random.below(3) == 0 {
            self.twin.messages.remove(id);
            return tx.queues().delete_dead_letter("q", *id);
        }
        let message = self.twin.messages.get_mut(id).unwrap();
        (message.phase, message.ready_at, message.receive_count) = (Phase::Ready, self.env.now(), 0);
        tx.queues().redrive("q", *id)
    }

    fn settle(&mut self, tx: &Transaction) -> crate::Result<()> {
        let from = self.twin.receipts.len().saturating_sub(12);
        let Some(receipt) = self.twin.receipts[from..].get(self.random.below(12) as usize).copied() else {
            return Ok(());
        };
        let (queues, now) = (tx.queues(), self.env.now());
        let good = self.twin.leased(receipt);
        let choice = self.random.below(6);
        let outcome = match choice {
            0..=2 => queues.acknowledge("q", &receipt),
            3 => queues.extend("q", &receipt, 10_000).map(|_| ()),
            4 => queues.release("q", &receipt, None),
            _ => queues.reject("q", &receipt, "no"),
        };
        let Some(id) = good else {
            assert_eq!(outcome.expect_err("the receipt is stale").kind(), ErrorKind::Precondition);
            return Ok(());
        };
        let message = self.twin.messages.get_mut(&id).unwrap();
        match choice {
            0..=2 => self.twin.remove(id),
            3 => {
                let until = now.after(Duration::from_secs(10));
                message.phase = Phase::Leased(receipt, until);
                message.ready_at = until.after(pause(message.receive_count));
            }
            4 if message.receive_count < RECEIVES_MAX => {
                message.phase = Phase::Ready;
                message.ready_at = now.after(pause(message.receive_count));
            }
            _ => self.twin.die(id),
        }
        outcome
    }

    fn receive_in(&mut self, tx: &Transaction) -> crate::Result<()> {
        let count = 1 + self.random.below(4) as usize;
        let (expected, _) = self.twin.receive(count, self.env.now());
        let received = tx.queues().receive("q", &ReceiveOptions::up_to(count))?;
        assert_eq!(received.iter().map(|message| message.id).collect::<Vec<_>>(), expected);
        self.twin.lease(&received);
        Ok(())
    }

    fn receive(&mut self, database: &Database) {
        let count = 1 + self.random.below(4) as usize;
        let received = database.receive("q", &ReceiveOptions::up_to(count), Duration::ZERO).unwrap();
        let expected = loop {
            let (expected, cleared) = self.twin.receive(count, self.env.now());
            if !expected.is_empty() || cleared == 0 {
                break expected;
            }
        };
        assert_eq!(received.iter().map(|message| message.id).collect::<Vec<_>>(), expected);
        self.twin.lease(&received);
    }

    /// Several steps in one transaction, kept or not.
    fn transaction(&mut self, database: &Database) {
        let before = self.twin.clone();
        let tx = database.begin().unwrap();
        for _ in 0..1 + self.random.below(6) {
            let outcome = if self.random.below(3) == 0 { self.receive_in(&tx) } else { self.step(&tx) };
            outcome.unwrap();
            assert_same(&tx.queues().counts("q").unwrap(), &self.twin, &self.env);
        }
        if self.random.below(3) == 0 {
            drop(tx);
            // Receipts of what was rolled back stay, to be tried: they are good for nothing.
            let receipts = std::mem::take(&mut self.twin.receipts);
            self.twin = Twin { receipts, ..before };
        } else {
            tx.commit().unwrap();
        }
    }
}

fn assert_same(found: &QueueCounts, twin: &Twin, env: &MemoryEnv) {
    assert_eq!(QueueCounts { oldest_ready_ms: None, ..*found }, twin.counts(env.now()));
}

fn run(seed: u64) {
    let settings = QueueSettings {
        receives_max: Some(RECEIVES_MAX),
        retry: RETRY,
        lease_ms: LEASE.as_millis() as u64,
        ..QueueSettings::default()
    };
    let (env, mut database) = fresh(&settings);
    let mut history = History { env: env.clone(), random: Random(seed), twin: Twin::default() };
    for _ in 0..400 {
        match history.random.below(40) {
            0..=9 => history.receive(&database),
            10..=24 => history.transaction(&database),
            25..=34 => env.advance(Duration::from_millis(history.random.below(3_000))),
            35 | 36 => env.advance(Duration::from_secs(history.random.below(40))),
            37 => drop(database.checkpoint().unwrap()),
            38 => {
                drop(database);
                database = open(&env).unwrap();
            }
            _ if history.random.below(8) == 0 => {
                database.transact(|tx| tx.queues().purge("q")).unwrap();
                (history.twin.messages, history.twin.holders) = Default::default();
            }
            _ => while database.maintain().unwrap() {},
        }
        assert_same(&counts(&database), &history.twin, &env);
    }
    database.check().unwrap();
}

#[test]
fn random_histories_are_those_of_a_plain_list() {
    for seed in 0..60 {
        println!("seed {seed}");
        run(seed);
    }
}
