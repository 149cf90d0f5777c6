//! The number of a commit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The number of a commit: commits are numbered 1, 2, 3, ... in the order in which they took effect.
///
/// Version 0 is the empty database before the first commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Version(u64);

impl Version {
    /// The empty database before the first commit.
    pub const ZERO: Version = Version(0);

    /// The version numbered `number`.
    pub const fn new(number: u64) -> Self {
        Version(number)
    }

    /// The number of this version.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Version(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
