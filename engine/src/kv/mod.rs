//! The transactional keyspace.

mod range;
mod version;

pub use range::{Direction, KeyRange, key_after, prefix_end};
pub use version::Version;
