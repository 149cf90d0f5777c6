//! The log through its public interface; crashes and failing disks are in `crash_tests`.

use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::env::{CrashPolicy, Env, MemoryEnv, OsEnv};
use crate::error::ErrorKind;
use crate::log::segment::{SEGMENT_HEADER_SIZE_BYTES, segment_name};

const FIRST_SEGMENT: &str = "log/00000000000000000001.log";

pub(super) fn at(number: u64) -> Position {
    Position::new(number)
}

/// Records of many sizes, empty ones and ones over several sectors among them.
pub(super) fn record(number: u64) -> Vec<u8> {
    let size = if number.is_multiple_of(5) { 0 } else { (number * 131) % 700 };
    (0..size).map(|index| (index * 7 + number) as u8 | 1).collect()
}

pub(super) fn open(env: &MemoryEnv, segment_size_bytes: u64, known_durable: u64) -> Result<LocalLog> {
    let settings = LogSettings { segment_size_bytes };
    LocalLog::open(Arc::new(env.clone()), Path::new("log"), settings, at(known_durable))
}

pub(super) fn read_all(log: &LocalLog, from: u64) -> Vec<(u64, Vec<u8>)> {
    let records = log.read(at(from)).unwrap();
    records.map(|record| record.unwrap()).map(|(position, bytes)| (position.number(), bytes.to_vec())).collect()
}

pub(super) fn expected(positions: impl Iterator<Item = u64>) -> Vec<(u64, Vec<u8>)> {
    positions.map(|number| (number, record(number))).collect()
}

fn append_all(log: &LocalLog, positions: std::ops::RangeInclusive<u64>) {
    for number in positions {
        log.append(at(number), &record(number)).unwrap();
    }
}

/// A log of one segment with these many records, all synced, and noted as durable or not.
fn written(count: u64, noted: bool) -> Vec<u8> {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, 1 << 20, 0).unwrap();
    for number in 1..=count {
        log.append(at(number), &record(number)).unwrap();
        log.sync().unwrap();
    }
    if noted {
        log.note_durable().unwrap();
    }
    env.read_file(FIRST_SEGMENT).unwrap()
}

/// Where the last frame ends, whose payload does not end with a zero.
fn end_of(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

fn env_with(bytes: &[u8]) -> MemoryEnv {
    let env = MemoryEnv::simulated(1);
    env.write_file(FIRST_SEGMENT, bytes);
    env
}

#[test]
fn records_come_back_in_order_here_and_after_reopening() {
    let directory = tempfile::tempdir().unwrap();
    for env in [Arc::new(OsEnv::new()) as Arc<dyn Env>, Arc::new(MemoryEnv::new())] {
        let path = directory.path().join("a/log");
        let settings = LogSettings { segment_size_bytes: 4096 };
        let log = LocalLog::open(env.clone(), &path, settings, Position::START).unwrap();
        assert_eq!((log.tail(), log.sync().unwrap(), log.check().unwrap()), (at(0), at(0), 0));
        append_all(&log, 1..=50);
        assert_eq!((log.tail(), log.sync().unwrap(), log.check().unwrap()), (at(50), at(50), 50));
        assert_eq!(read_all(&log, 0), expected(1..=50));
        for from in 1..=52 {
            assert_eq!(read_all(&log, from), expected(from..=50));
        }
        let size_bytes = log.size_bytes();
        drop(log);
        let log = LocalLog::open(env.clone(), &path, settings, at(50)).unwrap();
        assert_eq!(read_all(&log, 1), expected(1..=50));
        assert_eq!((log.size_bytes(), env.list(&path).unwrap().len() > 3), (size_bytes, true));
        append_all(&log, 51..=60);
        assert_eq!(read_all(&log, 40), expected(40..=60));
    }
}

#[test]
fn only_the_next_position_is_free() {
    let log = open(&MemoryEnv::new(), 4096, 0).unwrap();
    append_all(&log, 1..=2);
    for number in [0, 1, 2, 4, u64::MAX] {
        assert!(matches!(log.append(at(number), b"x"), Err(LogError::Taken { tail }) if tail == at(2)), "{number}");
    }
    let too_large = log.append(at(3), &vec![0; crate::limits::LOG_RECORD_SIZE_BYTES_MAX + 1]);
    assert!(matches!(too_large, Err(LogError::Unavailable(error)) if error.kind() == ErrorKind::LimitExceeded));
    append_all(&log, 3..=3);
    let refused = open(&MemoryEnv::new(), 1023, 0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[test]
fn a_record_larger_than_a_segment_has_one_of_its_own() {
    let env = MemoryEnv::new();
    let log = open(&env, 1024, 0).unwrap();
    let large = vec![7; 3_000_000];
    for (number, bytes) in [&b"small"[..], &large, b"small"].into_iter().enumerate() {
        log.append(at(number as u64 + 1), bytes).unwrap();
    }
    drop(log);
    let log = open(&env, 1024, 3).unwrap();
    let sizes: Vec<_> = read_all(&log, 1).iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!((sizes, env.file_names().len()), (vec![5, 3_000_000, 5], 3));
}

#[test]
fn a_log_cut_at_every_byte_is_a_prefix() {
    let bytes = written(12, false);
    let mut kept = 0;
    for size in 0..=end_of(&bytes) {
        let env = env_with(&bytes[..size]);
        let log = open(&env, 1 << 20, 0).unwrap();
        let tail = log.tail().number();
        assert!(tail >= kept, "cut at {size}");
        kept = tail;
        assert_eq!(read_all(&log, 1), expected(1..=tail), "cut at {size}");
        log.append(at(tail + 1), b"new").unwrap();
        drop(log);
        let mut records = expected(1..=tail);
        records.push((tail + 1, b"new".to_vec()));
        assert_eq!(read_all(&open(&env, 1 << 20, tail + 1).unwrap(), 1), records, "cut at {size}");
        let refused = open(&env_with(&bytes[..size]), 1 << 20, tail + 1).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "cut at {size}: {refused}");
    }
    assert_eq!(kept, 12);
}

#[test]
fn every_flipped_bit_below_the_durable_mark_is_reported() {
    let bytes = written(8, true);
    let end = end_of(&bytes) + 3; // a mark ends with the zero bytes of its kind
    let mark = end - frame::FRAME_HEADER_SIZE_BYTES;
    for bit in (0..end * 8).chain((end * 8..bytes.len() * 8).step_by(8191)) {
        let env = env_with(&bytes);
        env.flip_bit(FIRST_SEGMENT, bit as u64).unwrap();
        match open(&env, 1 << 20, 0) {
            Err(error) => {
                assert!(bit < mark * 8, "bit {bit}: {error}");
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                let told = error.message().contains(FIRST_SEGMENT) && error.message().contains("byte");
                assert!(told && error.message().contains("restore"), "{error}");
            }
            Ok(log) => {
                assert!(bit >= mark * 8, "bit {bit} went unnoticed");
                assert_eq!(read_all(&log, 1), expected(1..=8), "bit {bit}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_above_the_mark_leaves_a_prefix_or_is_reported() {
    let bytes = written(8, false);
    for bit in 0..end_of(&bytes) * 8 {
        let env = env_with(&bytes);
        env.flip_bit(FIRST_SEGMENT, bit as u64).unwrap();
        match open(&env, 1 << 20, 0) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
            Ok(log) => {
                // Only the last record has no later frame that vouches for it.
                assert_eq!(log.tail(), at(7), "bit {bit}");
                assert_eq!(read_all(&log, 1), expected(1..=7));
            }
        }
    }
}

#[test]
fn damage_while_the_log_is_open_is_reported_by_readers() {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, 1 << 20, 0).unwrap();
    append_all(&log, 1..=8);
    env.flip_bit(FIRST_SEGMENT, 8 * (SEGMENT_HEADER_SIZE_BYTES as u64 + 40)).unwrap();
    let results: Vec<_> = log.read(at(1)).unwrap().collect();
    assert_eq!(results.len(), 1);
    assert_eq!(results[0].as_ref().unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(log.check().unwrap_err().kind(), ErrorKind::Corrupt);
    env.flip_bit(FIRST_SEGMENT, 8 * (SEGMENT_HEADER_SIZE_BYTES as u64 + 40)).unwrap();
    assert_eq!(log.check().unwrap(), 8);
    env.flip_bit(FIRST_SEGMENT, 5).unwrap();
    assert_eq!(log.check().unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn segments_rotate_are_trimmed_and_are_missed_when_lost() {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, 1024, 0).unwrap();
    append_all(&log, 1..=30);
    let before = env.file_names();
    let firsts: Vec<Position> = before
        .iter()
        .map(|path| segment::parse_segment_name(Path::new("log"), path.file_name().unwrap().to_str().unwrap()))
        .map(|first| first.unwrap().unwrap())
        .collect();
    assert!(firsts.len() >= 8 && firsts[0] == at(1));
    let mut reading = log.read(at(1)).unwrap();
    assert_eq!(reading.next().unwrap().unwrap().0, at(1));
    log.trim(firsts[3]).unwrap();
    assert_eq!(env.file_names(), before[3..]);
    log.trim(Position::new(firsts[4].number() - 1)).unwrap();
    assert_eq!(env.file_names(), before[3..], "the segment still holds a record that is kept");
    assert_eq!(reading.count(), 29, "a reader that began before the trim goes on");
    assert_eq!(log.read(at(1)).err().unwrap().kind(), ErrorKind::NotFound);
    let oldest = firsts[3].number();
    assert_eq!(read_all(&log, oldest), expected(oldest..=30));
    drop(log);

    assert_eq!(read_all(&open(&env, 1024, oldest - 1).unwrap(), oldest), expected(oldest..=30));
    let refused = open(&env, 1024, oldest - 2).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "the log begins after the checkpoint ends");
    env.remove(&before[5]).unwrap();
    let refused = open(&env, 1024, 30).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt);
    assert!(refused.message().contains(&segment_name(firsts[5])), "{refused}");

    let log = open(&MemoryEnv::new(), 1024, 0).unwrap();
    log.trim(at(u64::MAX)).unwrap();
    append_all(&log, 1..=30);
    log.trim(at(u64::MAX)).unwrap();
    assert_eq!(log.tail(), at(30), "the last segment is never trimmed");
    append_all(&log, 31..=40);
}

#[test]
fn a_missing_log_is_not_taken_for_a_new_one() {
    assert_eq!(open(&MemoryEnv::new(), 1024, 1).unwrap_err().kind(), ErrorKind::Corrupt);
    let env = env_with(&written(3, false)[..20]);
    assert_eq!(open(&env, 1024, 1).unwrap_err().kind(), ErrorKind::Corrupt);
    let env = MemoryEnv::new();
    env.write_file("log/1.log", b"");
    assert_eq!(open(&env, 1024, 0).unwrap_err().kind(), ErrorKind::Corrupt);
}

#[test]
fn damage_in_a_closed_segment_is_reported_though_nothing_else_vouches() {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, 1024, 0).unwrap();
    append_all(&log, 1..=30);
    drop(log);
    let names = env.file_names();
    let bytes = env.read_file(&names[2]).unwrap();
    for size in 0..bytes.len() {
        env.write_file(&names[2], &bytes[..size]);
        assert_eq!(open(&env, 1024, 0).unwrap_err().kind(), ErrorKind::Corrupt, "cut at {size}");
    }
    env.write_file(&names[2], &[&bytes[..], &[0; 8]].concat());
    assert_eq!(open(&env, 1024, 0).unwrap_err().kind(), ErrorKind::Corrupt, "closed segments have no zeros");
    env.write_file(&names[2], &bytes);
    assert_eq!(open(&env, 1024, 0).unwrap().tail(), at(30));
}

#[test]
fn a_newer_format_is_refused() {
    let mut bytes = written(3, false);
    bytes[8] = 2;
    let checksum = crc32c::crc32c(&bytes[..32]);
    bytes[32..36].copy_from_slice(&checksum.to_le_bytes());
    let refused = open(&env_with(&bytes), 1024, 0).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.message().contains(FIRST_SEGMENT), "{refused}");
}

#[test]
fn positions_go_to_the_end_of_64_bits() {
    let env = MemoryEnv::simulated(1);
    env.create_dir(Path::new("log")).unwrap();
    let mode = crate::env::OpenMode::CreateNew;
    segment::Segment::create(&env, Path::new("log"), at(u64::MAX - 1), 0, mode).unwrap();
    let log = open(&env, 1024, u64::MAX - 2).unwrap();
    log.append(at(u64::MAX - 1), &[1; 900]).unwrap();
    log.append(at(u64::MAX), b"last").unwrap();
    let refused = log.append(at(u64::MAX), b"more");
    assert!(matches!(refused, Err(LogError::Unavailable(error)) if error.kind() == ErrorKind::LimitExceeded));
    log.note_durable().unwrap();
    drop(log);
    let log = open(&env, 1024, u64::MAX).unwrap();
    assert_eq!((log.tail(), log.check().unwrap()), (at(u64::MAX), 2));
    assert_eq!(read_all(&log, u64::MAX), [(u64::MAX, b"last".to_vec())]);
    log.trim(at(u64::MAX)).unwrap();
    assert_eq!(read_all(&log, u64::MAX).len(), 1);
}

#[test]
fn marks_take_no_position_and_are_written_once() {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, 1024, 0).unwrap();
    log.note_durable().unwrap();
    append_all(&log, 1..=3);
    log.note_durable().unwrap();
    let noted = env.io_count();
    log.note_durable().unwrap();
    assert_eq!(env.io_count(), noted);
    append_all(&log, 4..=20);
    log.note_durable().unwrap();
    assert_eq!((read_all(&log, 1), log.check().unwrap()), (expected(1..=20), 20));
    drop(log);
    let log = open(&env, 1024, 20).unwrap();
    let opened = env.io_count();
    log.note_durable().unwrap();
    assert_eq!(env.io_count(), opened, "the mark of the clean close counts");
    append_all(&log, 21..=25);
    assert_eq!(read_all(&log, 1), expected(1..=25));
}

#[test]
fn readers_wait_for_the_next_record() {
    let log = open(&MemoryEnv::new(), 1024, 0).unwrap();
    assert_eq!(log.wait(at(0), Duration::from_millis(1)).unwrap(), at(0));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| log.wait(at(0), Duration::from_secs(60)).unwrap());
        append_all(&log, 1..=1);
        assert_eq!(waiting.join().unwrap(), at(1));
    });
    assert_eq!(log.wait(at(0), Duration::from_secs(60)).unwrap(), at(1));
}

#[test]
fn a_payload_that_looks_like_a_frame_is_not_taken_for_one() {
    let env = MemoryEnv::simulated(1);
    let log = open(&env, 1 << 20, 0).unwrap();
    let mut forged = Vec::new();
    for salt in 0..4 {
        frame::encode_frame(&mut forged, salt, frame::FrameKind::Record, at(9), at(8), 0, b"forged");
    }
    log.append(at(1), b"good").unwrap();
    log.sync().unwrap();
    log.append(at(2), &forged).unwrap();
    drop(log);
    let end = end_of(&env.read_file(FIRST_SEGMENT).unwrap());
    env.flip_bit(FIRST_SEGMENT, 8 * (end as u64 - forged.len() as u64 - 20)).unwrap();
    assert_eq!(open(&env, 1 << 20, 0).unwrap().tail(), at(1));
}

#[test]
fn appends_go_on_while_others_sync_and_no_synced_record_is_lost() {
    for seed in 0..10 {
        let env = MemoryEnv::simulated(seed);
        let log = open(&env, 2048, 0).unwrap();
        let (synced, after) = std::thread::scope(|scope| {
            let syncing = || {
                let mut synced = at(0);
                while let Ok(position) = log.sync() {
                    synced = position;
                }
                synced
            };
            let syncing = [scope.spawn(syncing), scope.spawn(syncing)];
            let appending = scope.spawn(|| (1..).take_while(|n| log.append(at(*n), &record(*n)).is_ok()).count());
            while log.tail() < at(50 + seed * 7) {
                std::thread::yield_now();
            }
            let after = env.crash(CrashPolicy::Torn);
            appending.join().unwrap();
            (syncing.map(|thread| thread.join().unwrap()).into_iter().max().unwrap(), after)
        });
        let log = open(&after, 2048, 0).unwrap();
        assert!(log.tail() >= synced, "seed {seed}: {} < {synced}", log.tail());
        assert_eq!(read_all(&log, 1), expected(1..=log.tail().number()));
    }
}
