//! The bytes of an entry that lives in the keyspace.
//!
//! ```text
//!   format | version | expires at | incarnation | loaded at | value to the end
//!            numbers as unsigned LEB128; expires at and incarnation are 0 when there is none
//! ```
//!
//! The value is the end of the stored bytes, so that reading an entry copies nothing.

use bytes::Bytes;

use crate::encoding::varint;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::kv::Version;

/// Format of stored entries.
const CACHE_ENTRY_FORMAT: u8 = 1;

/// What a loaded entry is tied to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// The process that knows what the entry depends on.
    pub(super) incarnation: u64,
    /// The version that it was loaded from.
    pub(super) loaded_at: Version,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredEntry {
    pub(super) version: u64,
    pub(super) expires_at: Option<Timestamp>,
    /// Only of entries that depend on other keys.
    pub(super) origin: Option<Origin>,
    pub(super) value: Bytes,
}

impl StoredEntry {
    pub(super) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(32 + self.value.len());
        out.push(CACHE_ENTRY_FORMAT);
        varint::write(&mut out, self.version);
        // Times before 1970 are as much in the past as 1970 is.
        varint::write(&mut out, self.expires_at.map_or(0, |end| end.as_micros().max(1) as u64));
        let origin = self.origin.unwrap_or(Origin { incarnation: 0, loaded_at: Version::ZERO });
        varint::write(&mut out, origin.incarnation);
        varint::write(&mut out, origin.loaded_at.number());
        out.extend_from_slice(&self.value);
        out.into()
    }

    pub(super) fn decode(stored: &Bytes) -> Result<Self> {
        let mut rest: &[u8] = stored;
        match rest.split_first() {
            Some((&CACHE_ENTRY_FORMAT, fields)) => rest = fields,
            Some((&found, _)) => {
                return Err(Error::unsupported(format!(
                    "a cache entry has format {found}, this program reads format {CACHE_ENTRY_FORMAT}; open it with a \
                     newer program"
                )));
            }
            None => return Err(Error::corrupt("a cache entry is empty; restore from a backup")),
        }
        let version = varint::read(&mut rest)?;
        let expires_at =
            match varint::read(&mut rest)? {
                0 => None,
                micros => Some(Timestamp::from_micros(i64::try_from(micros).map_err(|_| {
                    Error::corrupt("a cache entry expires after the end of time; restore from a backup")
                })?)),
            };
        let incarnation = varint::read(&mut rest)?;
        let loaded_at = Version::new(varint::read(&mut rest)?);
        let origin = (incarnation != 0).then_some(Origin { incarnation, loaded_at });
        let value = stored.slice(stored.len() - rest.len()..);
        Ok(StoredEntry { version, expires_at, origin, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_and_damage_is_told() {
        for (expires_at, origin) in [
            (None, None),
            (
                Some(Timestamp::from_micros(i64::MAX)),
                Some(Origin { incarnation: u64::MAX, loaded_at: Version::new(7) }),
            ),
        ] {
            let entry = StoredEntry { version: 300, expires_at, origin, value: Bytes::from_static(b"value") };
            let stored = entry.encode();
            assert_eq!(StoredEntry::decode(&stored).unwrap(), entry);
            for length in 0..stored.len() - 5 {
                assert!(StoredEntry::decode(&stored.slice(..length)).is_err(), "{length} bytes");
            }
        }
        let newer = StoredEntry::decode(&Bytes::from_static(&[2, 0, 0, 0, 0])).unwrap_err();
        assert_eq!(newer.kind(), crate::ErrorKind::Unsupported);
    }
}
