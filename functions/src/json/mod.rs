//! JSON: the types json, jsonb and jsonpath.
//!
//! ```text
//!   value       a jsonb value in memory; read, write: from and to text
//!   raw         the parts of a JSON text as parts of the text
//!   order       the order of jsonb values, and what contains what
//!   change      values made from others
//!   build       SQL values as JSON
//!   path        SQL's path language
//!   operators, functions, sets, casts     what the registry knows
//! ```
//!
//! Both types are held as texts: json as it was written, jsonb as PostgreSQL prints it, with names sorted and unique and
//! numbers of any number of digits. So a part of a jsonb text is one again, and most questions need no value in memory.

mod build;
mod casts;
mod change;
mod functions;
mod operators;
mod order;
pub mod path;
mod raw;
mod read;
mod sets;
mod value;
mod write;

use arrow::array::{Array, ArrayBuilder, ArrayRef, AsArray, BinaryBuilder};

use crate::condition::SqlResult;
use crate::registry::{Cast, Function};

pub use change::{Change, changed, concatenated};
pub use functions::is_json;
pub use order::{compare, contains, equal, sort_key};
pub use read::{DEPTH_MAX, canonical, parse, validate};
pub use value::{Json, jsonb_text, key_order};
pub use write::pretty;

pub(crate) use operators::Texts;

/// The functions, operators and aggregates of JSON.
pub(crate) fn functions() -> Vec<Function> {
    [operators::functions(), functions::functions(), sets::functions(), path::functions()]
        .into_iter()
        .flatten()
        .collect()
}

/// The casts between json, jsonb and scalars.
pub(crate) fn casts() -> Vec<Cast> {
    casts::casts()
}

/// For each jsonb value of a column bytes that are ordered as PostgreSQL orders the values.
pub(crate) fn sort_keys(array: &ArrayRef) -> SqlResult<ArrayRef> {
    let mut builder = BinaryBuilder::new();
    for text in array.as_string::<i32>() {
        match text {
            Some(text) => builder.append_value(sort_key(&parse(text)?)),
            None => builder.append_null(),
        }
    }
    debug_assert_eq!(builder.len(), array.len());
    Ok(std::sync::Arc::new(builder.finish()))
}
