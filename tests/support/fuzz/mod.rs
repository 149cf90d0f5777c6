//! What the public surface promises for any bytes, as functions that a fuzzer calls, and a small fuzzer for every build.
//!
//! ```text
//!   bytes --> edits of a database or backup at rest --> the right answer, or damage
//!        '--> filters, updates, searches            --> the same with indexes and without, in segments and in memory
//! ```
//!
//! The private codecs have theirs in `marquetry::fuzzing`, the JSON of batches in `marquetry_server::fuzzing`; `fuzz/`
//! runs all of them.

mod documents;
mod images;
mod mutation;
mod searches;

pub use documents::document_queries;
pub use images::{backup_targets, checkpoint};
pub use mutation::Mutation;
pub use searches::search_queries;

use marquetry::{Error, ErrorKind};

/// A refusal of a request that makes no sense, as against a failure of the engine.
fn assert_refusal(error: &Error) {
    let allowed = [ErrorKind::Invalid, ErrorKind::Unsupported, ErrorKind::LimitExceeded, ErrorKind::Constraint];
    assert!(allowed.contains(&error.kind()), "not a refusal: {error:?}");
}
