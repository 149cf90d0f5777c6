//! Arrays, of one dimension that begins at 1.
//!
//! ```text
//!   text         arrays and rows as text
//!   gather       arrays put together from the elements of others
//!   operators    || @> <@ && and subscripts
//!   functions    what is asked of arrays and made of them
//!   quantified   ANY and ALL
//! ```

mod functions;
mod gather;
mod operators;
mod quantified;
mod text;

use crate::registry::Function;

pub use text::{parse_elements, print_elements};

pub(crate) use text::{array_text, parse_array, record_text};

/// The functions, operators and aggregates of arrays.
pub(crate) fn functions() -> Vec<Function> {
    [operators::functions(), functions::functions(), quantified::functions()].into_iter().flatten().collect()
}
