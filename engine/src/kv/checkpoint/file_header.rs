//! The first bytes of the file: what it is, which version of the format, and its salt.
//!
//! The checksum stands at the same place in every version, so a newer file is told from a damaged one.

use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::block_file::{BLOCK_SIZE, damaged};
use crate::env::File;
use crate::error::{Error, Result};

/// The first bytes of every checkpoint file.
pub(super) const CHECKPOINT_MAGIC: [u8; 16] = *b"MARQUETRY-CHKPT\n";
/// The newest version of the layout that this code writes and reads.
pub(super) const CHECKPOINT_FORMAT_VERSION: u32 = 1;

const VERSION_AT: usize = 16;
const SALT_AT: usize = 24;
const CHECKSUM_AT: usize = 56;
const HEADER_SIZE: usize = 64;

/// What the file header says beside the version.
pub(super) struct FileHeader {
    /// Seeds every checksum of the file.
    pub(super) salt: u64,
}

impl FileHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; BLOCK_SIZE];
        bytes[..VERSION_AT].copy_from_slice(&CHECKPOINT_MAGIC);
        bytes[VERSION_AT..VERSION_AT + 4].copy_from_slice(&CHECKPOINT_FORMAT_VERSION.to_le_bytes());
        bytes[SALT_AT..SALT_AT + 8].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = xxh3_64(&bytes[..CHECKSUM_AT]);
        bytes[CHECKSUM_AT..HEADER_SIZE].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads and verifies the header; a newer version is refused.
    pub(super) fn read(file: &dyn File, path: &Path) -> Result<Self> {
        let doing = || format!("reading the checkpoint {}", path.display());
        let mut bytes = [0; HEADER_SIZE];
        file.read_exact_at(0, &mut bytes).map_err(|error| Error::io(doing(), error))?;
        if bytes[..VERSION_AT] != CHECKPOINT_MAGIC {
            return Err(Error::io(doing(), damaged(0, "it does not begin as a checkpoint does")));
        }
        if bytes[CHECKSUM_AT..] != xxh3_64(&bytes[..CHECKSUM_AT]).to_le_bytes() {
            return Err(Error::io(doing(), damaged(0, "the file header does not match its checksum")));
        }
        let version = number_at::<4>(&bytes, VERSION_AT);
        if version != u64::from(CHECKPOINT_FORMAT_VERSION) {
            return Err(Error::unsupported(format!(
                "the checkpoint {} has format version {version} and this program reads version \
                 {CHECKPOINT_FORMAT_VERSION}: open it with the program that wrote it or a newer one",
                path.display()
            )));
        }
        Ok(FileHeader { salt: number_at::<8>(&bytes, SALT_AT) })
    }
}

fn number_at<const SIZE: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut number = [0; 8];
    number[..SIZE].copy_from_slice(&bytes[at..at + SIZE]);
    u64::from_le_bytes(number)
}
