//! A backup on its way from one process to another: what is asked, and what comes.
//!
//! ```text
//!   request   [header: number of ids, seed][frame: ids of the pieces that the target has]
//!   answer    [header: salt][begin][known | fresh][known | fresh] ... [end | failed]
//! ```
//!
//! The frames are those of files, so bytes that were lost, repeated or changed on the way are found. An answer that
//! ends without its end is no backup.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::frames::{FRAME_FILE_HEADER_SIZE_BYTES, FRAME_HEAD_SIZE_BYTES, FrameFileKind, encode_frame, verify_frame};
use super::piece::{Known, Piece};
use crate::encoding::{record, varint};
use crate::error::{Error, Result};
use crate::kv::Version;

const REQUEST_MAGIC: &[u8; 8] = b"mqtryask";
const REQUEST_VERSION: u32 = 1;
const ANSWER_MAGIC: &[u8; 8] = b"mqtryans";
const ANSWER_VERSION: u32 = 1;
const MESSAGE_FORMAT: u8 = 1;

const REQUEST: FrameFileKind = FrameFileKind { magic: REQUEST_MAGIC, version: REQUEST_VERSION };
pub(super) const ANSWER: FrameFileKind = FrameFileKind { magic: ANSWER_MAGIC, version: ANSWER_VERSION };
const ID_SIZE_BYTES: usize = 16;
const REQUEST_PLACE: &str = "the request for a backup";

/// One frame of an answer; the bytes of a fresh piece follow the message in its frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Message {
    Begin { version: Version, total_size_bytes: u64 },
    Known(Piece),
    Fresh(Piece),
    End { pieces: u64 },
    Failed { is_damage: bool, message: String },
}

impl Message {
    /// The message as it stands at the beginning of a frame.
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        varint::write_bytes(&mut out, &record::encode(MESSAGE_FORMAT, self)?);
        Ok(out)
    }

    /// The message in a frame, and what follows it there.
    pub(super) fn decode(mut frame: &[u8]) -> Result<(Self, &[u8])> {
        let message = varint::read_bytes(&mut frame)?;
        Ok((record::decode(MESSAGE_FORMAT, message, "a message of a backup")?, frame))
    }
}

/// The ids of pieces that somebody else has.
#[derive(Debug, Default)]
pub(super) struct KnownIds(Vec<u128>);

impl Known for KnownIds {
    fn knows(&mut self, piece: &Piece) -> Result<bool> {
        Ok(self.0.binary_search(&piece.id.0).is_ok())
    }
}

/// What a target asks for: everything, less the pieces with these ids.
pub(super) fn encode_request(seed: u64, ids: BTreeSet<u128>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() * ID_SIZE_BYTES);
    ids.iter().for_each(|id| bytes.extend_from_slice(&id.to_le_bytes()));
    let mut out = REQUEST.header(ids.len() as u64, seed).to_vec();
    encode_frame(seed, FRAME_FILE_HEADER_SIZE_BYTES as u64, &[&bytes], &mut out);
    out
}

/// The seed and the ids of a request.
pub(super) fn decode_request(request: &[u8]) -> Result<(u64, KnownIds)> {
    let is_whole =
        |error: Error| Error::invalid(format!("{}; ask again with the same version of the program", error.message()));
    let Some((header, frame)) = request.split_first_chunk::<FRAME_FILE_HEADER_SIZE_BYTES>() else {
        return Err(Error::invalid(format!("{REQUEST_PLACE} is too short")));
    };
    let (count, seed) = REQUEST.verify(header, REQUEST_PLACE).map_err(is_whole)?;
    if frame.len() < FRAME_HEAD_SIZE_BYTES {
        return Err(Error::invalid(format!("{REQUEST_PLACE} is too short")));
    }
    verify_frame(seed, FRAME_FILE_HEADER_SIZE_BYTES as u64, frame, REQUEST_PLACE).map_err(is_whole)?;
    let (ids, rest) = frame[FRAME_HEAD_SIZE_BYTES..].as_chunks::<ID_SIZE_BYTES>();
    let ids: Vec<u128> = ids.iter().map(|id| u128::from_le_bytes(*id)).collect();
    match rest.is_empty() && ids.len() as u64 == count && ids.is_sorted() {
        true => Ok((seed, KnownIds(ids))),
        false => Err(Error::invalid(format!("{REQUEST_PLACE} is not a list of ids"))),
    }
}
