//! Recovery of a log whose files hold any bytes.
//!
//! ```text
//!   records --> LocalLog, on a disk in memory --> files --edited--> opened: a prefix of the records, or damage
//!                                                              '--> one more record, opened again: prefix + that one
//! ```
//!
//! Edits of bytes are found by checksums. Edits of a header field under a checksum made anew go past them, to the
//! checks of chain, position and marks: there nothing is promised but a prefix or an error.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::frame::{FRAME_HEADER_SIZE_BYTES, FrameHeader, FrameKind, encode_frame};
use super::segment::SEGMENT_HEADER_SIZE_BYTES;
use super::{LocalLog, Log, LogSettings, Position};
use crate::env::MemoryEnv;
use crate::error::Result;
use crate::fuzzing::{Choices, assert_damage};
use crate::limits::LOG_SEGMENT_SIZE_BYTES_MIN;

const DIRECTORY: &str = "/log";

fn open(env: &MemoryEnv, known_durable: Position) -> Result<LocalLog> {
    let settings = LogSettings { segment_size_bytes: LOG_SEGMENT_SIZE_BYTES_MIN };
    LocalLog::open(Arc::new(env.clone()), Path::new(DIRECTORY), settings, known_durable)
}

fn append(log: &LocalLog, record: &[u8]) {
    log.append(log.tail().next(), record).expect("a log on a good disk takes a record");
}

/// Writes records, with syncs and marks between them.
fn write(env: &MemoryEnv, choices: &mut Choices<'_>) -> Vec<Vec<u8>> {
    let log = open(env, Position::START).expect("a log on an empty disk opens");
    let mut records = Vec::new();
    for number in 0..1 + choices.below(8) as u8 {
        let mut record = vec![number; choices.below(300)];
        record.extend_from_slice(choices.bytes(8));
        append(&log, &record);
        records.push(record);
        if choices.truth() {
            log.sync().expect("a good disk syncs");
        }
        if choices.below(8) == 0 {
            log.note_durable().expect("a good disk takes a mark");
        }
    }
    records
}

fn read(log: &LocalLog) -> Result<Vec<Vec<u8>>> {
    log.read(Position::START.next())?.map(|record| record.map(|(_, bytes)| bytes.to_vec())).collect()
}

/// Where the frames of a segment begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = SEGMENT_HEADER_SIZE_BYTES;
    while let Some(header) = header_at(bytes, at) {
        found.push(at);
        at += header.size_bytes() as usize;
    }
    found
}

fn header_at(bytes: &[u8], at: usize) -> Option<FrameHeader> {
    let head: &[u8; FRAME_HEADER_SIZE_BYTES] = bytes.get(at..at + FRAME_HEADER_SIZE_BYTES)?.try_into().ok()?;
    FrameHeader::decode(head, salt_of(bytes)?).ok()
}

fn salt_of(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(24..32)?.try_into().ok()?))
}

/// Writes the header of a frame anew, with something else in it.
fn reseal(bytes: &mut [u8], choices: &mut Choices<'_>) {
    let places = frames(bytes);
    let Some(at) = (!places.is_empty()).then(|| *choices.one_of(&places)) else { return };
    let (Some(header), Some(salt)) = (header_at(bytes, at), salt_of(bytes)) else { return };
    let end = (at + header.size_bytes() as usize).min(bytes.len());
    let payload = bytes[at + FRAME_HEADER_SIZE_BYTES..end].to_vec();
    // A payload under a new checksum, or a mark that is called a record, would be a record that nobody wrote.
    if crc32c::crc32c(&payload) != header.payload_checksum {
        return;
    }
    let FrameHeader { mut kind, mut position, mut durable, mut chain, .. } = header;
    match choices.below(4) {
        0 => kind = FrameKind::Mark,
        1 => position = Position::new(choices.number()),
        2 => durable = Position::new(choices.number()),
        _ => chain = choices.number() as u32,
    }
    let mut frame = Vec::new();
    encode_frame(&mut frame, salt, kind, position, durable, chain, &payload);
    bytes[at..at + frame.len()].copy_from_slice(&frame);
}

fn edit(bytes: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    if used == 0 {
        return;
    }
    let at = choices.below(used);
    match choices.below(7) {
        0 => bytes[at] ^= 1 << choices.below(8),
        1 => bytes.truncate(at),
        2 => bytes[at..used].fill(0),
        3 => {
            let new = choices.bytes(40);
            let end = (at + new.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        }
        4 => {
            let (from, length) = (choices.below(used), choices.below(120));
            let copied = bytes[from..(from + length).min(used)].to_vec();
            let end = (at + copied.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&copied[..end - at]);
        }
        5 => bytes.extend_from_slice(choices.bytes(80)),
        _ => reseal(bytes, choices),
    }
}

/// A log with edited files opens with a prefix of what was written, goes on from there, or tells of damage.
pub fn log(input: &[u8]) {
    let mut choices = Choices::new(input);
    let env = MemoryEnv::new();
    let records = write(&env, &mut choices);
    let files: Vec<PathBuf> =
        env.file_names().into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "log")).collect();
    for _ in 0..1 + choices.below(3) {
        let path = choices.one_of(&files);
        let mut bytes = env.read_file(path).expect("the file was just written");
        edit(&mut bytes, &mut choices);
        env.write_file(path, &bytes);
    }
    let known_durable = Position::new(choices.below(records.len() + 1) as u64);
    let found = open(&env, known_durable).and_then(|log| read(&log).map(|found| (log, found)));
    let (log, mut expected) = match found {
        Ok(found) => found,
        Err(error) => return assert_damage(&error),
    };
    assert!(records.starts_with(&expected), "{} records are read that were not written", expected.len());
    append(&log, b"one more");
    log.sync().expect("a good disk syncs");
    drop(log);
    expected.push(b"one more".to_vec());
    let log =
        open(&env, known_durable.min(Position::new(expected.len() as u64))).expect("a log that was cut opens again");
    assert_eq!(read(&log).expect("a log that was cut is read"), expected);
}
