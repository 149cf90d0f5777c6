//! Why a command or the start of a server failed, and the exit code that says so to a shell.
//!
//! ```text
//!   0 done   1 failed   2 called wrongly   3 damage was found
//! ```

use std::fmt;

/// What a failed command reports: a message for people and an [`ExitCode`](std::process::ExitCode) for scripts.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// It was called rightly and did not work: exit code 1.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure { code: 1, message: message.into() }
    }

    /// It was called wrongly: exit code 2.
    pub fn usage(message: impl Into<String>) -> Self {
        Failure { code: 2, message: message.into() }
    }

    /// Damage was found: exit code 3.
    pub fn damage(message: impl Into<String>) -> Self {
        Failure { code: 3, message: message.into() }
    }

    /// The exit code of the process.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<marquetry::Error> for Failure {
    fn from(error: marquetry::Error) -> Self {
        match error.kind() {
            marquetry::ErrorKind::Corrupt => Failure::damage(error.to_string()),
            _ => Failure::failed(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::failed(error.to_string())
    }
}

impl From<marquetry_client::Error> for Failure {
    fn from(error: marquetry_client::Error) -> Self {
        Failure::failed(error.to_string())
    }
}

impl From<marquetry_shop::ShopError> for Failure {
    fn from(error: marquetry_shop::ShopError) -> Self {
        match error {
            marquetry_shop::ShopError::Embedded(error) => error.into(),
            error => Failure::failed(error.to_string()),
        }
    }
}
