//! Manifests, messages and whole streams of backups for any bytes, under checksums that are right: what a machine that
//! means harm could send.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::frames::{FRAME_FILE_HEADER_SIZE_BYTES, FRAME_HEAD_SIZE_BYTES, FrameWriter, encode_frame};
use super::manifest::{KIND, Manifest};
use super::message::{ANSWER, Message, decode_request};
use super::piece::{Origin, Pairs, Piece, PieceId, write_pair};
use super::{BackupOptions, BackupReceiver, restore_on, verify_on};
use crate::blob::PutOptions;
use crate::database::Database;
use crate::encoding::varint;
use crate::env::MemoryEnv;
use crate::error::{Error, ErrorKind, Result};
use crate::fuzzing::{Choices, assert_damage};
use crate::kv::Version;
use crate::options::Settings;
use crate::stored_range::Folder;

const TARGET: &str = "/backups";
const SALT: u64 = 99;

/// Lists, messages, requests and runs of keys of any bytes are read or refused; what is read comes back.
pub fn backup_records(input: &[u8]) {
    messages(input);
    if let Err(error) = decode_request(input) {
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    pairs(input);
    let mut choices = Choices::new(input);
    if let Err(error) = manifest(&mut choices) {
        assert_damage(&error);
    }
}

fn messages(input: &[u8]) {
    let (message, behind) = match Message::decode(input) {
        Ok(decoded) => decoded,
        Err(error) => return assert_damage(&error),
    };
    let mut again = message.encode().expect("what was read is written");
    again.extend_from_slice(behind);
    assert_eq!(Message::decode(&again).expect("what was just written is read"), (message, behind));
}

fn pairs(input: &[u8]) {
    let mut run = Vec::new();
    for pair in Pairs::of(Bytes::copy_from_slice(input)) {
        match pair {
            Ok((key, value)) => write_pair(&mut run, &key, &value),
            Err(error) => return assert_damage(&error),
        }
    }
    let again = Pairs::of(run.into()).map(|pair| pair.expect("what was just written is read"));
    assert!(again.eq(Pairs::of(Bytes::copy_from_slice(input)).map(|pair| pair.expect("it was read before"))));
}

/// A manifest whose frames are right and hold anything.
fn manifest(choices: &mut Choices<'_>) -> Result<()> {
    let env = MemoryEnv::new();
    let path = Path::new("/manifest");
    let mut frames = FrameWriter::create(&env, path.to_owned(), KIND, 1)?;
    let mut places = Vec::new();
    while !choices.is_over() && places.len() < 4 {
        places.push(frames.append(choices.bytes(300))?);
    }
    let summary = if choices.truth() { choices.number() } else { places.last().copied().unwrap_or(0) };
    frames.append_raw(&summary.to_le_bytes())?;
    let mut manifest = Manifest::open(&env, path.to_owned(), 1)?;
    while manifest.advance()?.is_some() {}
    Ok(())
}

/// What a small database answers to a target that has nothing: its messages with the bytes of the pieces.
static ANSWERED: LazyLock<Vec<(Message, Vec<u8>)>> = LazyLock::new(|| {
    let env = Arc::new(MemoryEnv::simulated(5));
    let database = Database::open_on(env, Path::new("/db"), settings()).expect("an empty disk takes a database");
    let fill = database.transact(|tx| {
        tx.documents().create_collection("products")?;
        for number in 0..20 {
            tx.documents().insert("products", serde_json::json!({ "number": number }))?;
        }
        tx.blobs().create_bucket("pictures")?;
        tx.blobs().put("pictures", "large", &[7; 70_000][..], &PutOptions::default()).map(drop)
    });
    fill.expect("a good disk takes a commit");
    let receiver = receiver(&MemoryEnv::simulated(6)).expect("an empty disk takes a target");
    let request = receiver.request().expect("a target asks");
    let mut stream = database.backup_stream(&request).expect("a good disk is read");
    let mut answer = Vec::new();
    while stream.next_bytes(&mut answer) {}
    let mut rest = &answer[FRAME_FILE_HEADER_SIZE_BYTES..];
    let mut messages = Vec::new();
    while let Some((head, _)) = rest.split_first_chunk::<FRAME_HEAD_SIZE_BYTES>() {
        let size = u32::from_le_bytes(head[8..].try_into().expect("four bytes hold the size")) as usize;
        let (frame, behind) = rest[FRAME_HEAD_SIZE_BYTES..].split_at(size);
        let (message, bytes) = Message::decode(frame).expect("what was just written is read");
        messages.push((message, bytes.to_vec()));
        rest = behind;
    }
    messages
});

fn settings() -> Settings {
    Settings { background: false, memory_size_bytes: 16 * 1024 * 1024, ..Settings::default() }
}

fn receiver(env: &MemoryEnv) -> Result<BackupReceiver> {
    BackupReceiver::open_on(Arc::new(env.clone()), Path::new(TARGET), &BackupOptions::default())
}

/// An answer with some messages changed, left out, doubled or made up, in frames that are right.
fn edited(choices: &mut Choices<'_>, seed: u64) -> Vec<u8> {
    let mut messages = ANSWERED.clone();
    for _ in 0..choices.below(4) {
        let at = choices.below(messages.len());
        match choices.below(6) {
            0 => drop(messages.remove(at)),
            1 => messages.insert(at, messages[at].clone()),
            2 => messages.swap(at, 0),
            3 => messages.insert(at, made_up(choices)),
            4 => messages[at].1 = choices.bytes(100).to_vec(),
            _ => edit_origin(&mut messages[at].0, choices),
        }
        if messages.is_empty() {
            break;
        }
    }
    let mut out = ANSWER.header(0, SALT).to_vec();
    for (mut message, bytes) in messages {
        // Whoever means harm knows how ids and sizes are made.
        if let Message::Fresh(piece) = &mut message {
            piece.size_bytes = bytes.len() as u64;
            if matches!(piece.origin, Origin::Keys(_)) {
                piece.id = PieceId::of_keys(&bytes, seed);
            }
        }
        let offset = out.len() as u64;
        encode_frame(SALT, offset, &[&message.encode().expect("a message is written"), &bytes], &mut out);
    }
    out
}

fn edit_origin(message: &mut Message, choices: &mut Choices<'_>) {
    let (Message::Fresh(piece) | Message::Known(piece)) = message else {
        *message = Message::End { pieces: choices.number() };
        return;
    };
    piece.origin = origin(choices);
}

fn origin(choices: &mut Choices<'_>) -> Origin {
    let folder = if choices.truth() { Folder::Blobs } else { Folder::Search };
    match choices.below(3) {
        0 => Origin::Keys(choices.bytes(9).to_vec()),
        1 => Origin::Range(folder, choices.text(12), choices.number()),
        _ => Origin::Range(folder, format!("{:020}.blob", choices.below(3)), choices.number()),
    }
}

fn made_up(choices: &mut Choices<'_>) -> (Message, Vec<u8>) {
    let piece = Piece { origin: origin(choices), id: PieceId(choices.number().into()), size_bytes: choices.number() };
    let message = match choices.below(5) {
        0 => Message::Begin { version: Version::new(choices.number()), total_size_bytes: choices.number() },
        1 => Message::Known(piece),
        2 => Message::Failed { is_damage: choices.truth(), message: choices.text(20) },
        3 => Message::End { pieces: choices.number() },
        _ => Message::Fresh(piece),
    };
    let mut run = Vec::new();
    for _ in 0..choices.below(3) {
        write_pair(&mut run, choices.bytes(9), choices.bytes(9));
    }
    varint::write_bytes(&mut run, &[]);
    (message, run)
}

fn assert_refusal(error: &Error) {
    let allowed = [ErrorKind::Corrupt, ErrorKind::Unsupported, ErrorKind::Invalid, ErrorKind::Unavailable];
    assert!(allowed.contains(&error.kind()), "not a refusal: {error:?}");
}

/// What a machine that means harm sends is refused, or is a backup that can be verified and restored or is told to be
/// damaged; what is restored opens or is told to be damaged, and lies in its own directory.
pub fn backup_streams(input: &[u8]) {
    let mut choices = Choices::new(input);
    let env = MemoryEnv::simulated(7);
    let receiver = receiver(&env).expect("an empty disk takes a target");
    let answer = match choices.below(8) {
        0 => choices.clone().rest().to_vec(),
        _ => edited(&mut choices, receiver.seed()),
    };
    if let Err(error) = receiver.receive(&answer[..], &mut |_| {}) {
        return assert_refusal(&error);
    }
    let machine = Arc::new(env.clone());
    if let Err(error) = verify_on(machine.clone(), Path::new(TARGET), &mut |_| {}) {
        return assert_refusal(&error);
    }
    if let Err(error) = restore_on(machine.clone(), Path::new(TARGET), None, Path::new("/db"), &mut |_| {}) {
        return assert_refusal(&error);
    }
    let inside = |path: &Path| path.starts_with("db") || path.starts_with("backups");
    assert!(env.file_names().iter().all(|path| inside(path)), "{:?}", env.file_names());
    let opened = Database::open_on(machine, Path::new("/db"), settings());
    if let Err(error) = opened.and_then(|database| database.check()) {
        assert_refusal(&error);
    }
}
