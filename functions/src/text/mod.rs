//! Texts.
//!
//! ```text
//!   length   varchar(n), char(n), and the casts between the types of texts
//! ```

mod concatenation;
mod length;

use crate::registry::{Cast, Function};

pub(crate) use length::fit_length;

pub(crate) fn functions() -> Vec<Function> {
    concatenation::functions()
}

pub(crate) fn casts() -> Vec<Cast> {
    length::casts()
}
