//! Backups on their way between processes.

use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::frames::{FRAME_FILE_HEADER_SIZE_BYTES, FRAME_HEAD_SIZE_BYTES};
use super::tests::{Random, assert_restored, back_up, change, furnish, keys, open_at, restore, small_backup, verify};
use super::{BackupOptions, BackupReceiver, BackupReport, list_on};
use crate::env::MemoryEnv;
use crate::{Database, ErrorKind, Result};

fn receiver(env: &MemoryEnv) -> BackupReceiver {
    BackupReceiver::open_on(Arc::new(env.clone()), Path::new("/backups"), &BackupOptions::default()).unwrap()
}

/// What a database answers to a receiver.
fn answer(database: &Database, receiver: &BackupReceiver) -> Vec<u8> {
    let mut stream = database.backup_stream(&receiver.request().unwrap()).unwrap();
    let mut bytes = Vec::new();
    while stream.next_bytes(&mut bytes) {}
    bytes
}

fn receive(env: &MemoryEnv, database: &Database) -> Result<(BackupReport, usize)> {
    let receiver = receiver(env);
    let bytes = answer(database, &receiver);
    receiver.receive(&bytes[..], &mut |_| {}).map(|report| (report, bytes.len()))
}

#[test]
fn a_streamed_backup_is_one_like_all_others() {
    let (here, there) = (MemoryEnv::new(), MemoryEnv::new());
    let database = open_at(&there, "/db", false).unwrap();
    furnish(&database);
    (1..=30).for_each(|number| change(&database, number, &mut Random(number)).unwrap());
    while database.maintain().unwrap() {}
    let (first, first_size) = receive(&here, &database).unwrap();
    assert!(first_size as u64 > first.size_bytes);
    let (second, second_size) = receive(&here, &database).unwrap();
    assert!(second.pieces_written == 0 && second_size < first_size / 20, "{second_size} of {first_size}: {second:?}");
    (31..=40).for_each(|number| change(&database, number, &mut Random(number)).unwrap());
    let (third, _) = receive(&here, &database).unwrap();
    assert!(third.pieces_written < third.pieces, "{third:?}");
    restore(&here, None, "/restored").unwrap();
    assert_restored(&here, "/restored", &keys(&database), "streamed");
    // Streamed and direct backups continue each other.
    let (report, _) = receive(&there, &database).unwrap();
    assert_eq!(report.based_on, None);
    assert_eq!(back_up(&there, &database).unwrap().pieces_written, 0);
}

#[test]
fn what_breaks_off_or_is_changed_on_the_way_is_no_backup() {
    let (env, _) = small_backup();
    let database = open_at(&env, "/db", false).unwrap();
    let target = MemoryEnv::new();
    let whole = {
        let receiver = receiver(&target);
        answer(&database, &receiver)
    };
    for size in (0..whole.len()).step_by(1 + whole.len() / 200) {
        let error = receiver(&target).receive(&whole[..size], &mut |_| {}).unwrap_err();
        assert!(error.kind() == ErrorKind::Unavailable && error.message().contains("broke off"), "{size}: {error}");
    }
    for bit in (0..whole.len() * 8).step_by(1 + whole.len() / 300) {
        let mut changed = whole.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        receiver(&target).receive(&changed[..], &mut |_| {}).expect_err("a changed bit was taken");
    }
    assert!(list_on(Arc::new(target.clone()), Path::new("/backups")).unwrap().is_empty());
    receiver(&target).receive(&whole[..], &mut |_| {}).unwrap();
    verify(&target).unwrap();
    for request in [&b""[..], &[0; 44], &[7; 100]] {
        assert_eq!(database.backup_stream(request).unwrap_err().kind(), ErrorKind::Invalid);
    }
}

#[test]
fn damage_in_the_database_is_told_to_whoever_receives() {
    let (env, _) = small_backup();
    let segment = env.file_names().into_iter().find(|path| path.extension().is_some_and(|e| e == "blob")).unwrap();
    env.flip_bit(&segment, 8 * 5_000).unwrap();
    let database = open_at(&env, "/db", false).unwrap();
    let error = receive(&MemoryEnv::new(), &database).unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.message().contains(".blob"), "{error}");
}

/// Changes one byte within a frame of `file`, and makes its checksum fit again.
fn forge(file: &mut [u8], random: &mut Random) {
    let salt = u64::from_le_bytes(file[20..28].try_into().unwrap());
    let mut frames = Vec::new();
    let mut offset = FRAME_FILE_HEADER_SIZE_BYTES;
    while offset + FRAME_HEAD_SIZE_BYTES < file.len() {
        let size = u32::from_le_bytes(file[offset + 8..offset + 12].try_into().unwrap()) as usize;
        frames.push(offset..offset + FRAME_HEAD_SIZE_BYTES + size);
        offset += FRAME_HEAD_SIZE_BYTES + size;
    }
    let frame = frames.swap_remove(random.below(frames.len() as u64) as usize);
    // The beginning of a frame holds what is decoded; the rest is mostly the bytes of an object.
    let reach = (frame.len() - FRAME_HEAD_SIZE_BYTES).min(300) as u64;
    let place = frame.start + FRAME_HEAD_SIZE_BYTES + random.below(reach) as usize;
    file[place] = [0, 1, 0x7F, 0x80, 0xFB, 0xFD, 0xFF, random.below(256) as u8][random.below(8) as usize];
    let checksum = xxh3_64_with_seed(&file[frame.start + 8..frame.end], salt.wrapping_add(frame.start as u64));
    file[frame.start..frame.start + 8].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn what_is_forged_is_taken_or_refused_and_never_panics() {
    let (env, _) = small_backup();
    let manifest = env.file_names().into_iter().find(|path| path.extension().is_some_and(|e| e == "backup")).unwrap();
    let whole = env.read_file(&manifest).unwrap();
    let footer = whole.len() - 8;
    let database = open_at(&env, "/db", false).unwrap();
    let answered = answer(&database, &receiver(&MemoryEnv::new()));
    let mut random = Random(11);
    let mut refused = 0;
    for _ in 0..3_000 {
        let mut forged = whole.clone();
        forge(&mut forged[..footer], &mut random);
        env.write_file(&manifest, &forged);
        refused += u64::from(verify(&env).is_err());
        let mut forged = answered.clone();
        forge(&mut forged, &mut random);
        refused += u64::from(receiver(&MemoryEnv::new()).receive(&forged[..], &mut |_| {}).is_err());
    }
    assert!(refused > 1_000, "only {refused} were refused");
}
