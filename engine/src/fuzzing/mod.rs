//! What the private codecs promise for any bytes, as functions that a fuzzer calls: behind the feature `fuzzing`.
//!
//! ```text
//!   bytes --> decoded?  --> written again, it reads the same            anything else is a typed error, never a panic
//!        '--> Choices   --> values --> encoded, decoded: the same; keys in the order of their values
//!                                '--> encoded, one place changed: the same, or damage
//! ```
//!
//! The properties stand beside the codecs, in a `fuzz.rs` of each folder; here they get one public place. They panic
//! when a promise is broken.

mod choices;

pub use choices::Choices;

pub use crate::backup::fuzz::{backup_records, backup_streams};
pub use crate::blob::fuzz::{blob_records, blob_segments};
pub use crate::cache::fuzz::cache_records;
pub use crate::document::fuzz::documents;
pub use crate::encoding::fuzz::keys;
pub use crate::kv::fuzz::commits;
pub use crate::log::fuzz::log;
pub use crate::queue::fuzz::queue_records;
pub use crate::search::fuzz::search_records;
pub use crate::table::fuzz::table_values;

use crate::error::{Error, ErrorKind, Result};

/// What damaged or newer bytes may be answered with.
///
/// # Panics
/// For any other error.
pub fn assert_damage(error: &Error) {
    assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported), "not a kind of damage: {error:?}");
}

/// What `decode` makes of `bytes`; any bytes are decoded or told to be damaged, and what was decoded survives.
pub(crate) fn reads_again<T: std::fmt::Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T>,
    encode: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    match decode(bytes) {
        Ok(value) => {
            let again = decode(&encode(&value)).expect("what was just written is read");
            assert_eq!(format!("{again:?}"), format!("{value:?}"), "written and read it is something else");
            Some(value)
        }
        Err(error) => {
            assert_damage(&error);
            None
        }
    }
}
