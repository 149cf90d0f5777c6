//! Numbers of type numeric: exact, of any size, each with its own scale.
//!
//! ```text
//!   number       a number and how it is held in a column
//!   arithmetic   + - * / %, comparison, rounding, the scales that PostgreSQL gives results
//!   text         numbers as text, and conversions to and from the other numbers
//! ```
//!
//! Numbers of up to 38 digits are worked on as `i128`; only those that are longer become integers of any size.

mod arithmetic;
mod number;
mod text;

pub use number::{Digits, Number};
pub use text::{format, parse};
