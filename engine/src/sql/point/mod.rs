//! The point path: reads of one table by key, compiled once, without batches or plans.
//!
//! ```text
//!   SELECT .. FROM t WHERE key = $1 AND more      compile: tests on columns + conditions + outputs
//!                                                 run: tests with values -> key range -> rows -> conditions -> outputs
//! ```
//!
//! - A shape is taken only when every part of it is understood; anything else is the relational path's.
//! - There is no meaning here: conditions and outputs are the expressions that the binder made, evaluated as everywhere else. The
//!   only thing done by itself is to compare key bytes, of types whose keys sort as SQL compares them (`execute::range`).

mod literals;
mod select;

pub(crate) use literals::{Constant, Literals, parameterized};
pub(crate) use select::PointSelect;
