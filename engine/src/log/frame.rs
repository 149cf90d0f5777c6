//! The bytes around one record: enough to know that it is whole, in its place, and what was durable before it.
//!
//! ```text
//!   0         4       8         16             24     28                32    36
//!   | header  | frame | position | durable mark | chain | payload        | kind | payload ...
//!   | checksum| size  |          |              |       | checksum       |      |
//! ```
//!
//! - The header has a checksum of its own, over the segment's salt and all header bytes after it. So a scan
//!   behind damage trusts a header without reading its payload, and no payload that a stranger wrote can
//!   pass for a frame.
//! - The chain is the header checksum of the frame before; since that covers the payload's checksum,
//!   each frame vouches for all before it.
//! - A frame size of 0 is no frame: it is the zeros written ahead of the tail.

use crate::limits::LOG_RECORD_SIZE_BYTES_MAX;

use super::Position;

/// Bytes of a frame before its payload.
pub(super) const FRAME_HEADER_SIZE_BYTES: usize = 36;
/// Kind of a frame that carries a record.
pub(super) const FRAME_KIND_RECORD: u32 = 1;
/// Kind of a frame that only carries a durable mark; its position is that of the record before it.
pub(super) const FRAME_KIND_MARK: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameKind {
    Record,
    Mark,
}

/// What a frame says besides its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) kind: FrameKind,
    pub(super) position: Position,
    /// The last position that was known durable when the frame was written.
    pub(super) durable: Position,
    /// The header checksum of the frame before, or what the segment header says for its first frame.
    pub(super) chain: u32,
    pub(super) payload_checksum: u32,
    pub(super) payload_size_bytes: usize,
    /// The checksum of this header, which is the chain value of the next.
    pub(super) checksum: u32,
}

impl FrameHeader {
    /// The frame's size, header included.
    pub(super) fn size_bytes(&self) -> u64 {
        (FRAME_HEADER_SIZE_BYTES + self.payload_size_bytes) as u64
    }

    /// Reads a header whose checksum is right, or says what is wrong with it.
    pub(super) fn decode(bytes: &[u8; FRAME_HEADER_SIZE_BYTES], salt: u64) -> Result<Self, &'static str> {
        let checksum = u32_at(bytes, 0);
        if checksum != header_checksum(bytes, salt) {
            return Err("the header's checksum is wrong");
        }
        let payload_size_bytes =
            (u32_at(bytes, 4) as usize).checked_sub(FRAME_HEADER_SIZE_BYTES).ok_or("the frame size is impossible")?;
        if payload_size_bytes > LOG_RECORD_SIZE_BYTES_MAX {
            return Err("the frame size is impossible");
        }
        let kind = match u32_at(bytes, 32) {
            FRAME_KIND_RECORD => FrameKind::Record,
            FRAME_KIND_MARK => FrameKind::Mark,
            _ => return Err("the kind of frame is unknown"),
        };
        Ok(FrameHeader {
            kind,
            position: Position::new(u64_at(bytes, 8)),
            durable: Position::new(u64_at(bytes, 16)),
            chain: u32_at(bytes, 24),
            payload_checksum: u32_at(bytes, 28),
            payload_size_bytes,
            checksum,
        })
    }
}

/// Appends a frame to `buffer` and returns its header checksum. The payload is within its limit.
pub(super) fn encode_frame(
    buffer: &mut Vec<u8>,
    salt: u64,
    kind: FrameKind,
    position: Position,
    durable: Position,
    chain: u32,
    payload: &[u8],
) -> u32 {
    let size_bytes = u32::try_from(FRAME_HEADER_SIZE_BYTES + payload.len()).expect("a record is far below 4 GiB");
    let kind = match kind {
        FrameKind::Record => FRAME_KIND_RECORD,
        FrameKind::Mark => FRAME_KIND_MARK,
    };
    let mut header = [0; FRAME_HEADER_SIZE_BYTES];
    header[4..8].copy_from_slice(&size_bytes.to_le_bytes());
    header[8..16].copy_from_slice(&position.number().to_le_bytes());
    header[16..24].copy_from_slice(&durable.number().to_le_bytes());
    header[24..28].copy_from_slice(&chain.to_le_bytes());
    header[28..32].copy_from_slice(&crc32c::crc32c(payload).to_le_bytes());
    header[32..36].copy_from_slice(&kind.to_le_bytes());
    let checksum = header_checksum(&header, salt);
    header[..4].copy_from_slice(&checksum.to_le_bytes());
    buffer.extend_from_slice(&header);
    buffer.extend_from_slice(payload);
    checksum
}

fn header_checksum(header: &[u8; FRAME_HEADER_SIZE_BYTES], salt: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&salt.to_le_bytes()), &header[4..])
}

pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(bytes[offset..offset + 4].try_into().expect("four bytes were sliced"))
}

pub(super) fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(bytes[offset..offset + 8].try_into().expect("eight bytes were sliced"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_reads_back_and_no_flipped_bit_passes() {
        for (position, payload) in [(1, &b""[..]), (u64::MAX, b"payload")] {
            let mut bytes = Vec::new();
            let (position, durable) = (Position::new(position), Position::new(position - 1));
            let checksum = encode_frame(&mut bytes, 9, FrameKind::Record, position, durable, 77, payload);
            let mut header: [u8; FRAME_HEADER_SIZE_BYTES] = bytes[..FRAME_HEADER_SIZE_BYTES].try_into().unwrap();
            let decoded = FrameHeader::decode(&header, 9).unwrap();
            assert_eq!((decoded.position, decoded.chain, decoded.checksum), (position, 77, checksum));
            assert_eq!(decoded.durable, durable);
            assert_eq!(decoded.size_bytes(), bytes.len() as u64);
            assert_eq!(decoded.payload_checksum, crc32c::crc32c(payload));
            assert!(FrameHeader::decode(&header, 8).is_err(), "another segment's frame is none");
            for bit in 0..FRAME_HEADER_SIZE_BYTES * 8 {
                header[bit / 8] ^= 1 << (bit % 8);
                assert!(FrameHeader::decode(&header, 9).is_err());
                header[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }
}
