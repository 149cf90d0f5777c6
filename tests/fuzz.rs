//! A short run of every fuzzer, on the stable compiler: the inputs of `fuzz/corpus` and changes of them.
//!
//! `MARQUETRY_FUZZ_TIMES=100` makes it a hundred times as long, `MARQUETRY_FUZZ_TARGET=log` lets one fuzzer run alone;
//! `fuzz/README.md` says how to run them with a fuzzer that looks where it gets to.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::Instant;

use marquetry::fuzzing;
use marquetry_tests::fuzz::{self, Mutation};
use marquetry_tests::seed;
use marquetry_tests::verdict::silence_redb;

/// A fuzzer: its name, what it does with an input, and how many inputs it gets here.
type Target = (&'static str, fn(&[u8]), u32);

const TARGETS: [Target; 17] = [
    ("keys", fuzzing::keys, 20_000),
    ("commits", fuzzing::commits, 20_000),
    ("log", fuzzing::log, 10_000),
    ("checkpoint", fuzz::checkpoint, 1_500),
    ("table_values", fuzzing::table_values, 20_000),
    ("documents", fuzzing::documents, 20_000),
    ("queue_records", fuzzing::queue_records, 20_000),
    ("cache_records", fuzzing::cache_records, 20_000),
    ("blob_records", fuzzing::blob_records, 20_000),
    ("blob_segments", fuzzing::blob_segments, 2_000),
    ("search_records", fuzzing::search_records, 10_000),
    ("backup_records", fuzzing::backup_records, 20_000),
    ("backup_streams", fuzzing::backup_streams, 1_000),
    ("backup_targets", fuzz::backup_targets, 500),
    ("document_queries", fuzz::document_queries, 1_000),
    ("search_queries", fuzz::search_queries, 500),
    ("batch_json", marquetry_server::fuzzing::batch_json, 2_000),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

fn names_in(folder: &Path) -> BTreeSet<String> {
    let stems = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    stems.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The committed inputs of a target, in order.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder("corpus").join(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs `target` on `input`; says which input it was that broke a promise.
fn run(target: &Target, input: &[u8]) {
    let (name, promise, _) = target;
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| promise(input))) {
        println!("{name} broke its promise for {} bytes: {}", input.len(), input.escape_ascii());
        resume_unwind(panic);
    }
}

#[test]
fn every_fuzzer_is_run_here_and_has_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.0.to_owned()).collect();
    assert_eq!(names_in(&folder("fuzz_targets")), targets);
    assert_eq!(names_in(&folder("corpus")), targets);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &targets {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no binary of fuzz/Cargo.toml");
    }
}

#[test]
fn promises_hold_for_the_corpus_and_changes_of_it() {
    silence_redb();
    let seed = seed("fuzz");
    let times = std::env::var("MARQUETRY_FUZZ_TIMES").map_or(1, |text| text.parse().unwrap());
    let only = std::env::var("MARQUETRY_FUZZ_TARGET").ok();
    for target in TARGETS.iter().filter(|target| only.as_ref().is_none_or(|only| only == target.0)) {
        let begun = Instant::now();
        let seeds = corpus(target.0);
        seeds.iter().for_each(|input| run(target, input));
        let mut mutation = Mutation::new(seed, seeds);
        let count = u64::from(target.2) * times;
        (0..count).for_each(|_| run(target, &mutation.next_input()));
        println!("{}: {count} inputs, {:.1} s", target.0, begun.elapsed().as_secs_f64());
    }
}
