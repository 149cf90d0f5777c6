//! Old snapshots keep their answers while others write, index, merge and search.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::twin::{Twin, body, definition, in_body};
use super::*;
use crate::env::MemoryEnv;

const WORDS: [&str; 6] = ["red", "green", "blue", "black", "white", "grey"];

/// Numbers that follow from a seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn text(&mut self) -> String {
        (0..=self.below(4)).map(|_| WORDS[self.below(6) as usize]).collect::<Vec<_>>().join(" ")
    }
}

fn assert_like_a_scan(twin: &Twin, reader: &impl Reader, context: &str) {
    for word in WORDS {
        let found = twin.found_at(reader, in_body(word)).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(found, twin.scanned_at(reader, word), "{context}: {word} at {}", reader.version());
    }
}

fn change(twin: &Twin, transaction: &Transaction, random: &mut Random) -> crate::Result<()> {
    let key = format!("k{}", random.below(40));
    match random.below(5) {
        0 => twin.set(transaction, &key, None),
        _ => twin.set(transaction, &key, Some(&body(&random.text()))),
    }
}

fn write(twin: &Twin, random: &mut Random, until: &AtomicBool) {
    while !until.load(Ordering::Relaxed) {
        let transaction = twin.begin();
        for _ in 0..=random.below(6) {
            change(twin, &transaction, random).unwrap();
        }
        if random.below(10) == 0 {
            assert_like_a_scan(twin, &transaction, "in a transaction");
        }
        if random.below(8) > 0 {
            let _ = transaction.commit(crate::Durability::Buffered);
        }
    }
}

fn maintain(twin: &Twin, random: &mut Random, until: &AtomicBool) {
    while !until.load(Ordering::Relaxed) {
        twin.env.advance(Duration::from_millis(700));
        twin.model.maintain().unwrap();
        if random.below(20) == 0 {
            twin.keyspace.fold().unwrap();
        }
        if random.below(25) == 0 {
            let snapshot = twin.keyspace.snapshot().unwrap();
            let state = twin.model.indexes.lock().values().next().cloned();
            let row = state.as_ref().and_then(|state| LayoutRow::read(&snapshot, state.id).unwrap());
            if let (Some(state), Some(row)) = (state, row) {
                twin.model.discard_layout(&state, row.number).unwrap();
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn read(twin: &Twin, random: &mut Random, searches: &AtomicU64, until: &AtomicBool) {
    let mut held = Vec::new();
    while !until.load(Ordering::Relaxed) {
        held.push(twin.keyspace.snapshot().unwrap());
        for _ in 0..3 {
            let snapshot = &held[random.below(held.len() as u64) as usize];
            assert_like_a_scan(twin, snapshot, "at a snapshot");
            searches.fetch_add(WORDS.len() as u64, Ordering::Relaxed);
        }
        if held.len() > 6 {
            held.swap_remove(random.below(7) as usize);
        }
    }
}

#[test]
fn snapshots_keep_their_answers_while_everything_goes_on() {
    let seed = crate::env::Env::random_u64(&MemoryEnv::new()) | 1;
    println!("seed {seed}");
    let twin = Twin::fresh(seed);
    let (until, searches) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| write(&twin, &mut Random(seed), &until));
        scope.spawn(|| write(&twin, &mut Random(seed.rotate_left(7) | 1), &until));
        scope.spawn(|| maintain(&twin, &mut Random(seed.rotate_left(13) | 1), &until));
        let readers: Vec<_> = (0..2)
            .map(|number| {
                let (twin, searches, until) = (&twin, &searches, &until);
                scope.spawn(move || read(twin, &mut Random(seed.rotate_left(20 + number) | 1), searches, until))
            })
            .collect();
        while searches.load(Ordering::Relaxed) < 1500 && readers.iter().all(|reader| !reader.is_finished()) {
            std::thread::sleep(Duration::from_millis(10));
        }
        until.store(true, Ordering::Relaxed);
    });
    twin.settle().unwrap();
    assert_like_a_scan(&twin, &twin.keyspace.snapshot().unwrap(), "in the end");
    twin.model.check().unwrap();
}

#[test]
fn a_history_of_single_steps_is_right_at_every_version() {
    for seed in 1..9 {
        let twin = Twin::open(&MemoryEnv::simulated(seed)).unwrap();
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut held: Vec<crate::kv::Snapshot> = Vec::new();
        let mut exists = false;
        for step in 0..150 {
            match random.below(12) {
                0 | 1 => twin.settle().unwrap(),
                2 => drop(twin.model.maintain().unwrap()),
                3 if !exists => {
                    twin.transact(|tx| twin.in_transaction(tx).create_index("find", &definition())).unwrap();
                    held.clear();
                    exists = true;
                }
                3 if random.below(4) == 0 => {
                    twin.transact(|tx| twin.in_transaction(tx).drop_index("find")).unwrap();
                    held.clear();
                    exists = false;
                }
                4 if exists => held.push(twin.keyspace.snapshot().unwrap()),
                5 if !held.is_empty() => drop(held.swap_remove(random.below(held.len() as u64) as usize)),
                6 => twin.model.indexes.lock().values().for_each(|state| state.forget()),
                _ => {
                    let mut steps = Random(random.next() | 1);
                    let transaction = twin.begin();
                    for _ in 0..=steps.below(5) {
                        change(&twin, &transaction, &mut steps).unwrap();
                    }
                    if exists {
                        assert_like_a_scan(&twin, &transaction, &format!("seed {seed}, own, step {step}"));
                    }
                    transaction.commit(crate::Durability::Durable).unwrap();
                }
            }
            for snapshot in &held {
                assert_like_a_scan(&twin, snapshot, &format!("seed {seed}, old, step {step}"));
            }
            if exists {
                let snapshot = twin.keyspace.snapshot().unwrap();
                assert_like_a_scan(&twin, &snapshot, &format!("seed {seed}, newest, step {step}"));
            }
        }
    }
}
