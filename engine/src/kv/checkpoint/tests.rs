use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use proptest::prelude::*;

use super::block_file::{BLOCK_SIZE, BLOCKS_START, BlockFile, STORED_BLOCK_SIZE};
use super::header_slots::SLOT_PLACES;
use super::{CHECKPOINT_FILE, CHECKPOINT_NEW_FILE, Checkpoint, CheckpointMark, CheckpointReader};
use crate::env::{CrashPolicy, Env, FailureSpan, MemoryEnv};
use crate::error::{Error, ErrorKind, Result};
use crate::kv::range::Direction;
use crate::kv::version::Version;
use crate::log::Position;

const DIRECTORY: &str = "data";
/// So small that a fold of 50 changes takes several transactions.
const CACHE_SIZE_BYTES: usize = 256 << 10;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;
type Change = (Bytes, Option<Bytes>);

fn disk(seed: u64) -> MemoryEnv {
    let disk = MemoryEnv::simulated(seed);
    disk.create_dir(Path::new(DIRECTORY)).unwrap();
    disk.sync_dir(Path::new("")).unwrap();
    disk
}

fn open(disk: &MemoryEnv) -> Result<Checkpoint> {
    open_with_cache(disk, CACHE_SIZE_BYTES)
}

fn open_with_cache(disk: &MemoryEnv, cache_size_bytes: usize) -> Result<Checkpoint> {
    Checkpoint::open(Arc::new(disk.clone()), Path::new(DIRECTORY), cache_size_bytes)
}

fn file() -> std::path::PathBuf {
    Path::new(DIRECTORY).join(CHECKPOINT_FILE)
}

fn mark(number: u64) -> CheckpointMark {
    CheckpointMark { version: Version::new(number), position: Position::new(number * 10) }
}

fn fold(checkpoint: &Checkpoint, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>, number: u64) -> Result<()> {
    let mut changes =
        changes.iter().map(|(key, value)| (Bytes::from(key.clone()), value.clone().map(Bytes::from)) as Change);
    checkpoint.fold(&mut changes, mark(number))
}

fn apply(model: &mut Model, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) {
    for (key, value) in changes {
        match value {
            Some(value) => drop(model.insert(key.clone(), value.clone())),
            None => drop(model.remove(key)),
        }
    }
}

/// Changes that follow from a seed: some small values, some that span blocks, some removals.
fn changes(seed: u64, count: u64) -> BTreeMap<Vec<u8>, Option<Vec<u8>>> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut changes = BTreeMap::new();
    for _ in 0..count {
        let key = format!("key-{:03}", next() % 120).into_bytes();
        let size_bytes = if next() % 16 == 0 { 9000 } else { 20 + next() % 400 };
        let fill = next() as u8;
        changes.insert(key, (next() % 4 > 0).then(|| vec![fill; size_bytes as usize]));
    }
    changes
}

fn content(reader: &CheckpointReader) -> Result<Model> {
    reader
        .range(b"", None, Direction::Forward)?
        .map(|pair| pair.map(|(key, value)| (key.into(), value.into())))
        .collect()
}

/// The answer, or `None` for an error that is one of `kinds`.
fn answer_or<T>(result: Result<T>, kinds: &[ErrorKind]) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(kinds.contains(&error.kind()), "{error:?}");
            assert!(error.message().contains("checkpoint"), "{error:?}");
            None
        }
    }
}

#[test]
fn a_fresh_file_is_empty_at_version_zero() {
    let disk = disk(1);
    let checkpoint = open(&disk).unwrap();
    assert_eq!(checkpoint.mark(), CheckpointMark::default());
    assert_eq!(checkpoint.reader().unwrap().get(b"key").unwrap(), None);
    assert_eq!(checkpoint.check().unwrap(), 0);
    assert!(checkpoint.size_bytes() > BLOCKS_START);
    assert_eq!(disk.file_names(), [file()]);
}

#[test]
fn an_older_reader_keeps_its_view() {
    let disk = disk(2);
    let checkpoint = open(&disk).unwrap();
    let (first, second) = (changes(1, 60), changes(2, 60));
    fold(&checkpoint, &first, 1).unwrap();
    let old = checkpoint.reader().unwrap();
    let mut model = Model::new();
    apply(&mut model, &first);
    let before = model.clone();
    fold(&checkpoint, &second, 2).unwrap();
    apply(&mut model, &second);
    assert_eq!((old.mark(), content(&old).unwrap()), (mark(1), before));
    let new = checkpoint.reader().unwrap();
    assert_eq!((new.mark(), content(&new).unwrap()), (mark(2), model));
}

#[test]
fn a_reader_of_a_dropped_checkpoint_says_closed() {
    let disk = disk(3);
    let checkpoint = open(&disk).unwrap();
    fold(&checkpoint, &(0..500_u32).map(|key| (key.to_be_bytes().into(), Some(vec![7; 500]))).collect(), 1).unwrap();
    drop(checkpoint);
    let checkpoint = open(&disk).unwrap();
    let reader = checkpoint.reader().unwrap();
    drop(checkpoint);
    assert_eq!(content(&reader).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(open(&disk).unwrap().check().unwrap(), 500);
}

#[test]
fn readers_on_other_threads_see_whole_folds() {
    let disk = disk(14);
    let checkpoint = open_with_cache(&disk, 0).unwrap();
    let rows = |number: u64| (0..40_u8).map(|key| (vec![key], Some(number.to_le_bytes().repeat(64)))).collect();
    fold(&checkpoint, &rows(1), 1).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while checkpoint.mark() != mark(40) {
                    let reader = checkpoint.reader().unwrap();
                    let expected = reader.mark().version.number().to_le_bytes().repeat(64);
                    assert!(content(&reader).unwrap().values().all(|value| *value == expected));
                }
            });
        }
        for number in 2..=40 {
            fold(&checkpoint, &rows(number), number).unwrap();
        }
        assert_eq!(checkpoint.check().unwrap(), 40);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn folds_behave_as_an_ordered_map(
        folds in prop::collection::vec(
            prop::collection::btree_map(
                prop::collection::vec(any::<u8>(), 0..4),
                prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..6000)),
                0..30,
            ),
            1..6,
        ),
        reopen in any::<u8>(),
        start in prop::collection::vec(any::<u8>(), 0..3),
        end in prop::option::of(prop::collection::vec(any::<u8>(), 0..3)),
    ) {
        let disk = disk(u64::from(reopen));
        let mut checkpoint = open(&disk).unwrap();
        let mut model = Model::new();
        for (number, changes) in (1_u64..).zip(&folds) {
            fold(&checkpoint, changes, number).unwrap();
            apply(&mut model, changes);
            if reopen >> (number % 8) & 1 == 1 {
                drop(checkpoint);
                checkpoint = open(&disk).unwrap();
            }
            prop_assert_eq!(checkpoint.mark(), mark(number));
        }
        let reader = checkpoint.reader().unwrap();
        prop_assert_eq!(content(&reader).unwrap(), model.clone());
        for (key, value) in &model {
            prop_assert_eq!(reader.get(key).unwrap(), Some(Bytes::from(value.clone())));
        }
        let expected: Vec<_> = model
            .iter()
            .filter(|(key, _)| **key >= start && end.as_ref().is_none_or(|end| *key < end))
            .map(|(key, value)| (Bytes::from(key.clone()), Bytes::from(value.clone())))
            .collect();
        let forward = reader.range(&start, end.as_deref(), Direction::Forward).unwrap();
        prop_assert_eq!(&forward.collect::<Result<Vec<_>>>().unwrap(), &expected);
        let backward = reader.range(&start, end.as_deref(), Direction::Backward).unwrap();
        prop_assert_eq!(backward.collect::<Result<Vec<_>>>().unwrap(), expected.into_iter().rev().collect::<Vec<_>>());
        prop_assert_eq!(checkpoint.check().unwrap(), model.len() as u64);
    }

    #[test]
    fn a_block_file_is_bytes(steps in prop::collection::vec((any::<u32>(), 0..9000_usize, any::<u8>(), 0..6_u8), 1..40)) {
        let disk = disk(4);
        let path = Path::new(DIRECTORY).join("blocks");
        let mut blocks = BlockFile::create(&disk, &path).unwrap();
        let mut model: Vec<u8> = Vec::new();
        for (place, size_bytes, fill, step) in steps {
            if step == 0 {
                let length = place as usize % 12 * BLOCK_SIZE;
                blocks.set_length(length as u64).unwrap();
                model.resize(length, 0);
            } else if step == 1 && model.len() >= BLOCK_SIZE {
                blocks.write(0, &model[..320]).unwrap();
                blocks.sync().unwrap();
                blocks = BlockFile::open(&disk, &path).unwrap();
            } else if size_bytes <= model.len() {
                let at = place as usize % (model.len() - size_bytes + 1);
                let at = if fill % 2 == 0 { at / BLOCK_SIZE * BLOCK_SIZE } else { at };
                model[at..at + size_bytes].fill(fill);
                blocks.write(at as u64, &model[at..at + size_bytes]).unwrap();
                let mut found = vec![0; size_bytes];
                blocks.read(at as u64, &mut found).unwrap();
                prop_assert_eq!(&found[..], &model[at..at + size_bytes]);
            }
            prop_assert_eq!(blocks.length(), model.len() as u64);
        }
    }
}

/// Three folds, the last of them large enough to move the end of the file.
fn populate(disk: &MemoryEnv) -> Model {
    let checkpoint = open(disk).unwrap();
    let mut model = Model::new();
    for number in 1..=3 {
        let changes = changes(number, 80);
        fold(&checkpoint, &changes, number).unwrap();
        apply(&mut model, &changes);
    }
    model
}

fn answers_never_lie(disk: &MemoryEnv, model: &Model, what: &str) {
    let Some(checkpoint) = answer_or(open(disk), &[ErrorKind::Corrupt]) else { return };
    assert_eq!(checkpoint.mark(), mark(3), "{what}");
    let reader = checkpoint.reader().unwrap();
    for (key, value) in model.iter().step_by(9) {
        if let Some(found) = answer_or(reader.get(key), &[ErrorKind::Corrupt]) {
            assert_eq!(found.as_deref(), Some(&value[..]), "{what}");
        }
    }
    if let Some(found) = answer_or(content(&reader), &[ErrorKind::Corrupt]) {
        assert_eq!(found, *model, "{what}");
    }
}

/// The bytes of the file that hold something, so that flips are not spent on holes.
fn written_bytes(bytes: &[u8]) -> Vec<u64> {
    let blocks = (0..).map(|number| BLOCKS_START + number * STORED_BLOCK_SIZE as u64);
    let starts = [0, SLOT_PLACES[0], SLOT_PLACES[1]].into_iter().chain(blocks);
    starts
        .take_while(|start| start + STORED_BLOCK_SIZE as u64 <= bytes.len() as u64)
        .filter(|start| bytes[*start as usize..][..STORED_BLOCK_SIZE].iter().any(|byte| *byte != 0))
        .flat_map(|start| start..start + STORED_BLOCK_SIZE as u64)
        .collect()
}

#[test]
fn a_flipped_bit_is_never_an_answer() {
    let disk = disk(5);
    let model = populate(&disk);
    let bytes = disk.read_file(file()).unwrap();
    let places = written_bytes(&bytes);
    for flip in 0..2000_u64 {
        let byte = places[(flip.wrapping_mul(0x9E37_79B9_7F4A_7C15) % places.len() as u64) as usize];
        disk.write_file(file(), &bytes);
        disk.flip_bit(file(), byte * 8 + flip % 8).unwrap();
        answers_never_lie(&disk, &model, &format!("bit {} of byte {byte}", flip % 8));
    }
}

#[test]
fn a_check_finds_what_a_fold_reaches() {
    let disk = disk(6);
    let checkpoint = open(&disk).unwrap();
    let rows = (0..300_u32).map(|key| (key.to_be_bytes().into(), Some(vec![key as u8; 300]))).collect();
    fold(&checkpoint, &rows, 1).unwrap();
    let bytes = disk.read_file(file()).unwrap();
    let mut found = 0;
    for start in written_bytes(&bytes).into_iter().step_by(STORED_BLOCK_SIZE) {
        disk.flip_bit(file(), start * 8 + 77).unwrap();
        if let Err(error) = checkpoint.check() {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            assert!(error.message().contains("data/checkpoint"), "{error:?}");
            found += 1;
        }
        disk.flip_bit(file(), start * 8 + 77).unwrap();
    }
    assert!(found * BLOCK_SIZE > 300 * 300, "found damage in {found} blocks");
    assert_eq!(checkpoint.check().unwrap(), 300);
    assert_eq!(content(&checkpoint.reader().unwrap()).unwrap().len(), 300);
}

#[test]
fn a_block_in_the_wrong_place_is_found() {
    let disk = disk(7);
    let model = populate(&disk);
    let bytes = disk.read_file(file()).unwrap();
    let starts: Vec<u64> = written_bytes(&bytes).into_iter().step_by(STORED_BLOCK_SIZE).skip(3).collect();
    for pair in starts.windows(2) {
        let mut swapped = bytes.clone();
        let (from, to) = (pair[0] as usize, pair[1] as usize);
        swapped.copy_within(from..from + STORED_BLOCK_SIZE, to);
        disk.write_file(file(), &swapped);
        answers_never_lie(&disk, &model, "a misdirected block");
        swapped[to..to + STORED_BLOCK_SIZE].fill(0);
        disk.write_file(file(), &swapped);
        answers_never_lie(&disk, &model, "a lost block");
    }
}

#[test]
fn a_cut_file_is_corrupt() {
    let disk = disk(8);
    let model = populate(&disk);
    let bytes = disk.read_file(file()).unwrap();
    for size_bytes in (0..bytes.len() as u64).step_by(bytes.len() / 150) {
        disk.write_file(file(), &bytes);
        disk.truncate(file(), size_bytes).unwrap();
        answers_never_lie(&disk, &model, &format!("cut at {size_bytes}"));
    }
}

#[test]
fn a_newer_format_is_refused() {
    let disk = disk(9);
    populate(&disk);
    let mut bytes = disk.read_file(file()).unwrap();
    bytes[16] = 2;
    let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[..56]);
    bytes[56..64].copy_from_slice(&checksum.to_le_bytes());
    disk.write_file(file(), &bytes);
    let error = open(&disk).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("version 2"), "{error:?}");
}

/// Creates, folds `count` times and closes; returns the last acknowledged fold and the one that was under way.
fn run(disk: &MemoryEnv, count: u64) -> (u64, u64, Result<()>) {
    let checkpoint = match open(disk) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return (0, 0, Err(error)),
    };
    for number in 1..=count {
        if let Err(error) = fold(&checkpoint, &changes(number, 50), number) {
            let reader = checkpoint.reader().unwrap();
            assert_eq!(reader.mark(), mark(number - 1));
            return (number - 1, number, Err(error));
        }
    }
    (count, count, Ok(()))
}

fn models(count: u64) -> Vec<Model> {
    let mut models = vec![Model::new()];
    for number in 1..=count {
        let mut model = models.last().unwrap().clone();
        apply(&mut model, &changes(number, 50));
        models.push(model);
    }
    models
}

fn one_of_two(disk: &MemoryEnv, models: &[Model], acknowledged: u64, in_flight: u64, what: &str) {
    let checkpoint = open(disk).unwrap_or_else(|error| panic!("{what}: {error:?}"));
    let found = checkpoint.mark().version.number();
    assert!(found == acknowledged || found == in_flight, "{what}: {found}, not {acknowledged} or {in_flight}");
    assert_eq!(checkpoint.mark().position, mark(found).position);
    assert_eq!(content(&checkpoint.reader().unwrap()).unwrap(), models[found as usize], "{what}");
    assert_eq!(
        checkpoint.check().unwrap_or_else(|error| panic!("{what}: {error:?}")),
        models[found as usize].len() as u64
    );
    assert!(!disk.exists(&Path::new(DIRECTORY).join(CHECKPOINT_NEW_FILE)).unwrap());
    fold(&checkpoint, &changes(99, 10), 99).unwrap_or_else(|error| panic!("{what}: {error:?}"));
}

#[test]
fn a_crash_at_every_io_leaves_a_whole_fold() {
    const FOLDS: u64 = 4;
    let models = models(FOLDS);
    let whole = disk(10);
    run(&whole, FOLDS).2.unwrap();
    for number in 1..=whole.io_count() {
        for policy in CrashPolicy::ALL {
            let disk = disk(number);
            disk.crash_at(number);
            let (acknowledged, in_flight, _) = run(&disk, FOLDS);
            let what = format!("crash at {number} of {}, {policy:?}", whole.io_count());
            one_of_two(&disk.crash(policy), &models, acknowledged, in_flight, &what);
        }
    }
}

#[test]
fn a_fold_that_ended_half_way_never_becomes_durable() {
    let models = models(1);
    let disk = disk(13);
    let checkpoint = open(&disk).unwrap();
    fold(&checkpoint, &changes(1, 50), 1).unwrap();
    let some: Vec<Change> = (0..100_u8).map(|number| (Bytes::from(vec![number]), Some(Bytes::from("half")))).collect();
    let mut changes = some.into_iter().inspect(|(key, _)| assert!(key[0] < 90, "a fold is interrupted here"));
    assert_eq!(checkpoint.fold(&mut changes, mark(2)).unwrap_err().kind(), ErrorKind::Corrupt);
    // A check finds nothing wrong in the file, and takes the doubt away; what redb has in its memory is still half a fold.
    checkpoint.check().unwrap();
    assert_eq!(checkpoint.fold(&mut std::iter::empty(), mark(3)).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(content(&checkpoint.reader().unwrap()).unwrap(), models[1]);
    drop(checkpoint);
    one_of_two(&disk, &models, 1, 1, "after half a fold");
}

#[test]
fn a_crash_during_recovery_leaves_a_whole_fold() {
    const FOLDS: u64 = 3;
    let models = models(FOLDS);
    let whole = disk(11);
    run(&whole, FOLDS).2.unwrap();
    for number in (1..=whole.io_count()).step_by(7) {
        let disk = disk(number);
        disk.crash_at(number);
        let (acknowledged, in_flight, _) = run(&disk, FOLDS);
        for second in 1..12 {
            let again = disk.crash(CrashPolicy::Torn);
            again.crash_at(again.io_count() + second);
            drop(open(&again));
            let what = format!("crash at {number}, then at {second}");
            one_of_two(&again.crash(CrashPolicy::Torn), &models, acknowledged, in_flight, &what);
        }
    }
}

#[test]
fn a_failure_at_every_io_is_a_typed_error_and_reads_go_on() {
    const FOLDS: u64 = 2;
    let models = models(FOLDS);
    let whole = disk(12);
    run_and_read(&whole, &models, FOLDS).2.unwrap();
    for number in 1..=whole.io_count() {
        for (kind, span) in
            [(io::ErrorKind::StorageFull, FailureSpan::Forever), (io::ErrorKind::Other, FailureSpan::Once)]
        {
            let disk = disk(number);
            disk.fail_at(number, kind, span);
            let (acknowledged, in_flight, result) = run_and_read(&disk, &models, FOLDS);
            if let Err(error) = result {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            }
            disk.clear_faults();
            one_of_two(&disk, &models, acknowledged, in_flight, &format!("{kind:?} at {number}"));
        }
    }
}

/// As [`run`], reading everything and folding again after a fold that failed.
fn run_and_read(disk: &MemoryEnv, models: &[Model], count: u64) -> (u64, u64, Result<()>) {
    // Without a cache every read meets the disk, and redb evicts pages while it still writes.
    let checkpoint = match open_with_cache(disk, 0) {
        Ok(checkpoint) => checkpoint,
        Err(error) => return (0, 0, Err(error)),
    };
    for number in 1..=count {
        let Err(error) = fold(&checkpoint, &changes(number, 50), number) else { continue };
        let reader = checkpoint.reader().unwrap();
        assert_eq!(content(&reader).unwrap(), models[number as usize - 1]);
        let again: Error = fold(&checkpoint, &changes(number, 50), number).unwrap_err();
        assert_eq!(again.kind(), error.kind());
        assert_eq!(content(&reader).unwrap(), models[number as usize - 1]);
        return (number - 1, number, Err(error));
    }
    (count, count, Ok(()))
}

#[test]
fn an_unclean_end_is_opened_without_walking_the_file() {
    let disk = disk(13);
    let checkpoint = open(&disk).unwrap();
    let rows = |from: u32| (from..from + 20_000).map(|key| (key.to_be_bytes().into(), Some(vec![1; 200]))).collect();
    fold(&checkpoint, &rows(0), 1).unwrap();
    fold(&checkpoint, &rows(10_000), 2).unwrap();
    let crashed = disk.crash(CrashPolicy::KeepNone);
    let file = Arc::new(BlockFile::open(&crashed, &file()).unwrap());
    let walked = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = Arc::clone(&walked);
    redb::Builder::new()
        .set_repair_callback(move |_| seen.store(true, std::sync::atomic::Ordering::Relaxed))
        .create_with_backend(super::backend::Blocks(file))
        .unwrap();
    assert!(!walked.load(std::sync::atomic::Ordering::Relaxed));
}
