//! What the system tells of this process.

use std::fs;

use crate::Outcome;

/// Which figure of a process's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resident {
    /// What it has in memory.
    Now,
    /// The most that it ever had.
    Most,
}

/// MiB that this process has in memory.
///
/// # Errors
/// When the system does not tell.
pub fn resident_mib(which: Resident) -> Outcome<u64> {
    let field = match which {
        Resident::Now => "VmRSS:",
        Resident::Most => "VmHWM:",
    };
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field)).ok_or("the system tells no memory figures")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("a figure is missing")?.parse()?;
    Ok(kib / 1024)
}
