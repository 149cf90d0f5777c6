//! How values become bytes: the leaf that every layer may use.
//!
//! ```text
//!   varint   lengths and counts inside records
//!   key      order-preserving tuples: comparing the bytes compares the values
//!   record   internal records through bincode, each led by a version byte
//! ```

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzz;
pub(crate) mod key;
pub(crate) mod record;
pub(crate) mod varint;
