//! SQL's path language: `$.items[*] ? (@.price > 10).name`.
//!
//! ```text
//!   tree      a path as a tree
//!   token     the words of a path; parse: what they mean together
//!   print     a path as PostgreSQL shows it
//!   execute   what a path finds in a value
//! ```

mod execute;
mod functions;
mod parse;
mod print;
mod token;
mod tree;

pub use execute::{Found, query};
pub use parse::parse_path;
pub use tree::Path;

pub(super) use functions::functions;

/// The text of a path as PostgreSQL shows it.
pub fn canonical_path(text: &str) -> crate::SqlResult<String> {
    Ok(parse_path(text)?.to_string())
}
