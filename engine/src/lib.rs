//! Marquetry: one process, one data directory, one log and one ACID transaction over six models.

pub mod env;
mod error;
pub mod kv;
pub mod limits;
pub mod log;

pub use error::{Error, ErrorKind, Result};
