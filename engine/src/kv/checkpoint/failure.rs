//! What redb says when something fails, in the engine's words.
//!
//! redb panics on some damage and answers "previous I/O error" to everything after the first
//! failure. So every call goes through [`guarded`], which catches the panic, and the answer to the caller is what
//! the [`BlockFile`] saw first.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::block_file::BlockFile;
use crate::error::{Error, Result};

/// Does `work` with redb; damage that makes redb panic is an error like any other.
#[inline]
pub(super) fn guarded<T>(file: &BlockFile, doing: &str, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T> {
    // Whatever a panic leaves behind inside redb stays unused: its locks are poisoned and say so.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(from_redb(file, doing, error)),
        Err(panic) => Err(from_panic(file, doing, &*panic)),
    }
}

/// A failure inside redb as the engine's error.
pub(super) fn from_redb(file: &BlockFile, doing: &str, error: redb::Error) -> Error {
    match error {
        redb::Error::DatabaseClosed => Error::closed(format!(
            "{doing} the checkpoint {}: it is closed; open the database again",
            file.path().display()
        )),
        redb::Error::ValueTooLarge(size_bytes) => {
            Error::limit_exceeded(format!("{doing} the checkpoint: a value of {size_bytes} bytes is too large for it"))
        }
        redb::Error::Io(error) => match file.damage().or(file.failure()) {
            Some(first) => first.to_error().with_source(error),
            None => Error::io(place(file, doing), error),
        },
        other => match file.damage().or(file.failure()) {
            Some(first) => first.to_error().with_source(other),
            None => corrupt(file, doing, &other.to_string()).with_source(other),
        },
    }
}

fn from_panic(file: &BlockFile, doing: &str, panic: &(dyn Any + Send)) -> Error {
    if let Some(first) = file.damage().or(file.failure()) {
        return first.to_error();
    }
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let said = said.unwrap_or("redb panicked");
    file.set_doubt(Some(said.to_owned()));
    corrupt(file, doing, said)
}

fn corrupt(file: &BlockFile, doing: &str, what: &str) -> Error {
    Error::corrupt(format!("{}: {what}; keep the files and restore from a backup", place(file, doing)))
}

fn place(file: &BlockFile, doing: &str) -> String {
    format!("{doing} the checkpoint {}", file.path().display())
}
