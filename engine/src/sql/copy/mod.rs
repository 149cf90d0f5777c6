//! COPY: many rows in and out as text, CSV or PostgreSQL's binary form.
//!
//! ```text
//!   COPY t FROM STDIN    CopyIn  <- bytes; rows are written in batches, all of them or none
//!   COPY t TO STDOUT     CopyOut -> bytes
//!   options              what the bytes look like          text, csv, binary   rows <-> bytes
//! ```

mod binary;
mod csv;
mod input;
mod options;
mod output;
mod text;

pub use input::CopyIn;
pub use output::CopyOut;

use options::{Form, Options};

use marquetry_functions::{Condition, SqlError};

/// A field of a row as it is written: NULL, or text.
type Field = Option<String>;

/// A failure of what was sent.
fn bad_format(message: impl Into<String>) -> SqlError {
    SqlError::new(Condition::BadCopyFileFormat, message)
}
