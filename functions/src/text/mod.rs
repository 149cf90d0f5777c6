//! Texts.
//!
//! ```text
//!   length         varchar(n), char(n), and the casts between the types of texts
//!   characters     lengths, places, parts, padding
//!   letters        small and capital letters
//!   concatenation  ||, concat
//!   pattern        LIKE and SIMILAR TO
//!   quoting        quoted texts, format
//!   splitting      texts cut at separators
//!   encoding       bytes as texts, digests
//! ```

mod characters;
mod concatenation;
mod encoding;
mod length;
mod letters;
mod pattern;
mod quoting;
mod splitting;

use crate::registry::{Cast, Function};

pub(crate) use length::fit_length;
pub(crate) use pattern::similar_to_regex;
pub use quoting::{quote_identifier, quote_literal};

pub(crate) fn functions() -> Vec<Function> {
    [
        characters::functions(),
        concatenation::functions(),
        encoding::functions(),
        letters::functions(),
        pattern::functions(),
        quoting::functions(),
        splitting::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(crate) fn casts() -> Vec<Cast> {
    length::casts()
}
