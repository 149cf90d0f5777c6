//! The transactional keyspace.

#[allow(dead_code, unused_imports, reason = "kv is the caller")]
pub(crate) mod checkpoint;
mod range;
mod version;

pub use range::{Direction, KeyRange, key_after, prefix_end};
pub use version::Version;
