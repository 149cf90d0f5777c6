//! Rows of objects and bodies, and segment files, for any bytes.

use std::path::Path;

use bytes::Bytes;

use super::body::{Body, Place};
use super::keys::{self, SegmentNumber};
use super::object::ObjectRow;
use super::segment::{
    BLOB_CHUNK_SIZE_BYTES, BLOB_SEGMENT_HEADER_SIZE_BYTES, CHECKSUM_SIZE_BYTES, Extent, SegmentFile, file_name,
    segment_number, segment_path,
};
use crate::encoding::record;
use crate::env::{Env, MemoryEnv};
use crate::fuzzing::{Choices, assert_damage, reads_again};

const DIRECTORY: &str = "/blobs";
const NUMBER: SegmentNumber = SegmentNumber(17);

/// Rows and keys come back, other bytes are read or refused; what a row says of sizes is added up without overflow.
pub fn blob_records(input: &[u8]) {
    reads_again(input, ObjectRow::decode, |row| row.encode().expect("what was read is written"));
    let body = reads_again(input, Body::decode, |body| record::encode(1, body).expect("what was read is written"));
    let extents = match body.map(|body| body.place) {
        Some(Place::Extents(extents)) => extents,
        _ => chosen_extents(&mut Choices::new(input)),
    };
    let place = Place::Extents(extents);
    let largest = place.uses().into_values().max().unwrap_or(0);
    assert!(place.size_bytes() == 0 || largest > 0, "{place:?} has bytes and uses none");
    let entry = (Bytes::copy_from_slice(input), Bytes::copy_from_slice(input));
    let verdicts = [
        keys::object_key(input).map(drop),
        keys::body_of(input).map(drop),
        keys::use_key_of(input).map(drop),
        keys::use_of(&entry).map(drop),
        keys::dropped_bucket_of(input).map(drop),
    ];
    verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).for_each(assert_damage);
    if let Some(number) = std::str::from_utf8(input).ok().and_then(segment_number) {
        assert_eq!(file_name(number).as_bytes(), input);
    }
}

fn chosen_extents(choices: &mut Choices<'_>) -> Vec<Extent> {
    let extent = |choices: &mut Choices<'_>| Extent {
        segment: SegmentNumber(choices.below(3) as u64),
        offset: choices.number(),
        size_bytes: choices.number(),
        salt: choices.number(),
    };
    (0..choices.below(4)).map(|_| extent(choices)).collect()
}

/// An extent is read from an edited segment file as it was written, or told to be damaged; so is any other extent.
pub fn blob_segments(input: &[u8]) {
    let mut choices = Choices::new(input);
    let env = MemoryEnv::new();
    env.create_dir(Path::new(DIRECTORY)).expect("a disk in memory has room");
    let file = SegmentFile::create(&env, Path::new(DIRECTORY), NUMBER).expect("a good disk takes a file");
    let file = file.expect("there is no such file yet");
    let content: Vec<u8> = choices.bytes(200).iter().cycle().take(choices.below(160_000)).copied().collect();
    let offset = BLOB_SEGMENT_HEADER_SIZE_BYTES + choices.below(50) as u64;
    let extent = Extent { segment: NUMBER, offset, size_bytes: content.len() as u64, salt: choices.number() };
    for (index, chunk) in (0..).zip(content.chunks(BLOB_CHUNK_SIZE_BYTES)) {
        let at = offset + index * (BLOB_CHUNK_SIZE_BYTES + CHECKSUM_SIZE_BYTES) as u64;
        file.write_chunk(at, extent.salt, index, &mut chunk.to_vec()).expect("a good disk takes a chunk");
    }
    edit(&env, &mut choices);
    let other = Extent { segment: NUMBER, offset: choices.number(), size_bytes: choices.number(), salt: extent.salt };
    let opened = match SegmentFile::open(&env, Path::new(DIRECTORY), NUMBER) {
        Ok(opened) => opened,
        Err(error) => return assert_damage(&error),
    };
    let mut bytes = Vec::new();
    for (index, chunk) in (0..).zip(content.chunks(BLOB_CHUNK_SIZE_BYTES)) {
        match opened.read_chunk(&extent, index, &mut bytes) {
            Ok(()) => assert!(bytes == chunk, "chunk {index} is read as something else"),
            Err(error) => assert_damage(&error),
        }
    }
    // Far outside, where what is asked for does not add up.
    for index in [0, choices.number() >> 17] {
        match opened.read_chunk(&other, index, &mut bytes) {
            Ok(()) => assert!(other.size_bytes == 0 || bytes.len() <= BLOB_CHUNK_SIZE_BYTES),
            Err(error) => assert_damage(&error),
        }
    }
}

fn edit(env: &MemoryEnv, choices: &mut Choices<'_>) {
    let path = segment_path(Path::new(DIRECTORY), NUMBER);
    let mut bytes = env.read_file(&path).expect("the file was just written");
    for _ in 0..choices.below(3) {
        let at = choices.below(bytes.len().max(1));
        match choices.below(4) {
            _ if bytes.is_empty() => {}
            0 => bytes[at] ^= 1 << choices.below(8),
            1 => bytes.truncate(at),
            2 => {
                let new = choices.bytes(40);
                let end = (at + new.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&new[..end - at]);
            }
            _ => {
                let from = choices.below(bytes.len());
                let size = 100.min(bytes.len() - at.max(from));
                bytes.copy_within(from..from + size, at);
            }
        }
    }
    env.write_file(&path, &bytes);
}
