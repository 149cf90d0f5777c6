//! Failures of tantivy as failures of the engine.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use tantivy::TantivyError;
use tantivy::directory::error::{OpenReadError, OpenWriteError};

use crate::error::{Error, ErrorKind, Result};

/// What tantivy says when it fails.
pub(super) type Fault = TantivyError;

/// What a failure of tantivy while doing `doing` means.
pub(super) fn failed(doing: impl Display) -> impl FnOnce(Fault) -> Error {
    move |fault| {
        let input_output = match &fault {
            TantivyError::IoError(error) => Some(error),
            TantivyError::OpenReadError(OpenReadError::IoError { io_error, .. })
            | TantivyError::OpenWriteError(OpenWriteError::IoError { io_error, .. }) => Some(io_error),
            _ => None,
        };
        match input_output {
            Some(error) => Error::io(doing, copy(error)),
            None => damaged(doing, &fault),
        }
    }
}

/// As [`failed`], for reading what a segment holds.
pub(super) fn unreadable(error: io::Error) -> Error {
    Error::io("reading a search segment", error)
}

fn copy(error: &Arc<io::Error>) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}

fn damaged(doing: impl Display, fault: &Fault) -> Error {
    Error::corrupt(format!("{doing}: {fault}; the index is built again from its source"))
}

/// Whether the files of an index are not what they should be, so that it has to be built again.
pub(super) fn is_damage(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Unsupported)
}

/// The value, or the failure as one of reading a segment.
pub(super) fn read<T>(outcome: Result<T, Fault>) -> Result<T> {
    outcome.map_err(failed("reading a search segment"))
}
