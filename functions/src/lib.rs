//! PostgreSQL's types, operators, casts and functions over Arrow arrays.
//!
//! ```text
//!   sql_type      one table of types: name, oid, category, Arrow form, text form
//!   typed         an expression and its type: what a binder builds
//!   typing        which operator, function or cast is meant (PostgreSQL's rules), and the expression that does it
//!   registry      all functions, operators and casts by their names: lists that each module of values offers
//!   text_form     the text of a value of any type, and the value that a text says
//!   aggregate, window   functions of several rows
//!   environment   what a session's settings are to a function: time zone, the time of the statement
//!   condition     what goes wrong, by the names of the SQL standard
//! ```
//!
//! The one place that knows what an expression means: the point path, relational reads and writes all evaluate what is
//! built here, with DataFusion's physical expressions.
//!
//! - Nothing here knows tables, transactions or protocols.
//! - Arrow types alone do not tell a type (json and text are both strings): [`Typed`] carries it beside the expression.

mod aggregate;
pub mod array;
pub mod boolean;
pub mod bytea;
mod condition;
pub mod datetime;
mod environment;
pub mod float;
pub mod integer;
mod introspection;
pub mod json;
pub mod name;
pub mod numeric;
pub mod object_number;
mod regex;
pub mod registry;
mod sql_type;
mod text;
mod text_form;
mod typed;
mod typing;
pub mod uuid;
mod window;

pub use condition::{Condition, SqlError, SqlResult};
pub use environment::Environment;
pub use registry::{Call, Cast, Function, FunctionKind, Implementation, Registry};
pub use sql_type::{EnumType, NumericForm, SqlType, length_modifier, numeric_modifier};
pub use text::{quote_identifier, quote_literal};
pub use text_form::{parse_text, text_at, text_of};
pub use typed::{CastContext, Typed};
pub use typing::{AggregateCall, OrderKey, SetReturning, Typing};

/// All functions and operators of this crate.
fn standard_functions() -> Vec<Function> {
    [
        aggregate::functions(),
        array::functions(),
        boolean::functions(),
        datetime::functions(),
        float::functions(),
        integer::functions(),
        introspection::functions(),
        json::functions(),
        numeric::functions(),
        object_number::functions(),
        regex::functions(),
        text::functions(),
        typing::comparisons(),
        uuid::functions(),
        window::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All casts of this crate.
fn standard_casts() -> Vec<Cast> {
    [
        boolean::casts(),
        datetime::casts(),
        float::casts(),
        integer::casts(),
        json::casts(),
        name::casts(),
        numeric::cast::casts(),
        object_number::casts(),
        text::casts(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
