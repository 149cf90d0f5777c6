//! PostgreSQL's types, operators, casts and functions over Arrow arrays.
//!
//! ```text
//!   sql_type      one table of types: name, oid, category, Arrow form, text form
//!   typed         an expression and its type: what a binder builds
//!   typing        which operator, function or cast is meant (PostgreSQL's rules), and the expression that does it
//!   environment   what a session's settings are to a function: time zone, the time of the statement
//!   condition     what goes wrong, by the names of the SQL standard
//! ```
//!
//! The one place that knows what an expression means: the point path, relational reads and writes all evaluate what is
//! built here, with DataFusion's physical expressions.
//!
//! - Nothing here knows tables, transactions or protocols.
//! - Arrow types alone do not tell a type (json and text are both strings): [`Typed`] carries it beside the expression.

mod condition;
pub mod datetime;
mod environment;
pub mod numeric;
pub mod registry;
mod sql_type;
mod typed;
mod typing;

pub use condition::{Condition, SqlError, SqlResult};
pub use environment::Environment;
pub use registry::{Function, FunctionKind, Registry};
pub use sql_type::{EnumType, NumericForm, SqlType, length_modifier, numeric_modifier};
pub use typed::{CastContext, Typed};
pub use typing::Typing;

/// All functions and operators of this crate.
fn standard_functions() -> Vec<Function> {
    Vec::new()
}
