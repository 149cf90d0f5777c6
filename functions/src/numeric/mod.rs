//! Numbers of type numeric: exact, of any size, each with its own scale.
//!
//! ```text
//!   functions    rounding, powers, series
//!   number       a number and how it is held in a column
//!   arithmetic   + - * / %, comparison, rounding, the scales that PostgreSQL gives results
//!   cast         the two forms, and from and to the other types of numbers
//!   operators    the operators, on decimals where the result surely fits
//!   order        bytes whose order is the order of numbers
//!   picture      numbers as to_char shows them
//!   text         numbers as text, and conversions to and from the other numbers
//! ```
//!
//! Numbers of up to 38 digits are worked on as `i128`; only those that are longer become integers of any size.

mod arithmetic;
pub(crate) mod cast;
mod functions;
mod number;
mod operators;
mod order;
mod picture;
mod root;
mod text;
mod transcendental;

pub(crate) use arithmetic::quotient_scale;

pub use number::{Digits, Number};
pub(crate) use order::order_key;
pub(crate) use root::square_root;
pub use text::{format, parse};

/// The operators and functions of numbers.
pub(crate) fn functions() -> Vec<crate::registry::Function> {
    operators::functions().into_iter().chain(functions::functions()).chain(picture::functions()).collect()
}
