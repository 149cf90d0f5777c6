//! Every maximum of the engine in one table.
//!
//! A limit exists so that a stranger cannot make the process allocate, recurse or wait without end;
//! exceeding one is an [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded) that names it.

/// Largest record of the log, in bytes: the largest commit, and what else was grouped with it.
pub const LOG_RECORD_SIZE_BYTES_MAX: usize = 1088 * 1024 * 1024;
/// Smallest size at which a segment of the log may be closed, in bytes.
pub const LOG_SEGMENT_SIZE_BYTES_MIN: u64 = 1024;
