//! Ranges of files that a snapshot of the key space names: what a copy of the database needs besides the keys.
//!
//! ```text
//!   blobs/00000000000000000017.blob   @ 24, 65544 bytes, identity = salt of the extent
//!   search/00000000000000000005.search @ 0, 9120 bytes, identity = checksum of the part
//! ```
//!
//! The bytes of a range never change while a snapshot names it. `identity` tells them from any others that stood or
//! will stand in the same place of the same file, in this database or in another that was once a copy of it.

use serde::{Deserialize, Serialize};

/// A folder of the data directory with files that keys name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Folder {
    /// Segment files of blobs.
    Blobs,
    /// Segment files of search indexes.
    Search,
}

impl Folder {
    /// The name of the folder in the data directory.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Folder::Blobs => "blobs",
            Folder::Search => "search",
        }
    }

    /// Whether `file` can be the name of a file in such a folder: 20 digits, a point, and a few letters.
    pub(crate) fn may_hold(self, file: &str) -> bool {
        let Some((number, ending)) = file.split_once('.') else { return false };
        let is_number = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number && (1..=16).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_lowercase())
    }
}

/// Some bytes of a file in the data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRange {
    pub(crate) folder: Folder,
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) size_bytes: u64,
    pub(crate) identity: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        assert!(Folder::Blobs.may_hold("00000000000000000017.blob"));
        assert!(Folder::Search.may_hold("00000000000000000017.fieldnorm"));
        for name in ["../FORMAT", "17.blob", "00000000000000000017.", "00000000000000000017.a/b", "LOCK", ""] {
            assert!(!Folder::Search.may_hold(name), "{name}");
        }
    }
}
