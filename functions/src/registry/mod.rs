//! All functions and operators by their names.
//!
//! ```text
//!   function    what a function is: its signature, its kind, and how it is done
//!   signature   signatures as text: "lpad(text, int4, text) text"
//!   list        lists of values, one for each row
//!   rows        functions of one row, applied to columns
//!   cast        from which type to which, and when
//!   fold        aggregates that see their rows one after the other
//!   routine     a function as DataFusion calls it
//!   collect     aggregates that see all their rows at once
//! ```
//!
//! Lists of functions are data: each module of values offers `functions()`, and [`Registry::standard`] gathers them.
//! An engine adds those that need a session or a catalogue with [`Registry::with`].

mod cast;
mod collect;
mod fold;
mod function;
mod list;
mod routine;
mod rows;
mod signature;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use crate::sql_type::SqlType;

pub use cast::Cast;
pub use function::{Aggregation, Call, Function, FunctionKind, Implementation, PlainFn};
pub use list::ListOf;
pub use rows::*;
pub use signature::{Pattern, Returns};

pub(crate) use collect::{Collection, collector};
pub(crate) use fold::{Folding, evaluate_rows};
pub(crate) use routine::{internal, routine_expr, run_arrays};
pub(crate) use rows::arrow_error;

/// All functions that a statement may call.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    by_name: HashMap<String, Vec<Arc<Function>>>,
    casts: HashMap<(SqlType, SqlType), Arc<Cast>>,
}

impl Registry {
    /// The functions and operators that need nothing but their arguments and the session's settings.
    pub fn standard() -> Self {
        Registry::shared().clone()
    }

    /// The same, made once.
    pub(crate) fn shared() -> &'static Registry {
        static STANDARD: OnceLock<Registry> = OnceLock::new();
        STANDARD
            .get_or_init(|| Registry::default().with(crate::standard_functions()).with_casts(crate::standard_casts()))
    }

    /// The same with more functions; one with the same name and arguments as another takes its place.
    #[must_use]
    pub fn with(mut self, functions: impl IntoIterator<Item = Function>) -> Self {
        for function in functions {
            let named = self.by_name.entry(function.name.clone()).or_default();
            named.retain(|other| other.arguments != function.arguments || other.variadic != function.variadic);
            named.push(Arc::new(function));
        }
        self
    }

    /// The same with more casts; one between the same types as another takes its place.
    #[must_use]
    pub fn with_casts(mut self, casts: impl IntoIterator<Item = Cast>) -> Self {
        for cast in casts {
            self.casts.insert((cast.from.clone(), cast.to.clone()), Arc::new(cast));
        }
        self
    }

    /// The cast between two types, which are as they are without a form or a modifier. From a type to itself, it is what
    /// applies a modifier.
    pub fn cast(&self, from: &SqlType, to: &SqlType) -> Option<&Arc<Cast>> {
        self.casts.get(&(from.clone(), to.clone()))
    }

    /// All casts, in no order.
    pub fn casts(&self) -> impl Iterator<Item = &Arc<Cast>> {
        self.casts.values()
    }

    /// The functions called `name`, or the operators.
    pub fn lookup(&self, name: &str) -> &[Arc<Function>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// All functions and operators, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.by_name.values().flatten()
    }
}
