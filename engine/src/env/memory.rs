//! A disk in memory.

/// A disk in memory.
#[derive(Debug, Default)]
pub struct MemoryEnv;
