//! A simulated disk at one moment, kept for later.

use super::MemoryEnv;
use super::names::Names;
use super::simulation::{CrashPolicy, Simulation};

/// A simulated disk as a power cut at one moment finds it, from which any number of crashes follow.
///
/// It shares its bytes with the disk that it was taken from, so that many cost little.
#[derive(Debug)]
pub struct DiskFork {
    names: Names,
    machine: Simulation,
}

impl DiskFork {
    pub(super) fn new(names: Names, machine: Simulation) -> Self {
        DiskFork { names, machine }
    }

    /// The number of the I/O that the power cut meets; what was counted so far, when it was taken between two.
    pub fn io_number(&self) -> u64 {
        self.machine.io_count()
    }

    /// Whether nothing is pending, so that every policy leaves the same disk.
    pub fn is_settled(&self) -> bool {
        self.names.is_settled()
    }

    /// What the power cut leaves, as [`MemoryEnv::crash`] says it; `choice` tells apart what chance may make of one policy.
    #[must_use]
    pub fn crash(&self, policy: CrashPolicy, choice: u64) -> MemoryEnv {
        let mut successor = self.machine.successor(policy, choice);
        let names = self.names.after_crash(policy, successor.crash_random());
        MemoryEnv::with(names, Some(successor))
    }
}
