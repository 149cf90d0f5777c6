//! All functions and operators by their names.
//!
//! ```text
//!   function    what a function is: its signature, its kind, and how it is done
//!   signature   signatures as text: "lpad(text, int4, text) text"
//!   rows        functions of one row, applied to columns
//!   routine     a function as DataFusion calls it
//!   collect     aggregates that see all their rows at once
//! ```
//!
//! Lists of functions are data: each module of values offers `functions()`, and [`Registry::standard`] gathers them.
//! An engine adds those that need a session or a catalogue with [`Registry::with`].

mod collect;
mod function;
mod routine;
mod rows;
mod signature;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

pub use function::{Call, Function, FunctionKind, Implementation};
pub use rows::*;
pub use signature::{Pattern, Returns};

pub(crate) use collect::{Collection, collector};
pub(crate) use routine::routine_expr;

/// All functions that a statement may call.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    by_name: HashMap<String, Vec<Arc<Function>>>,
}

impl Registry {
    /// The functions and operators that need nothing but their arguments and the session's settings.
    pub fn standard() -> Self {
        static STANDARD: OnceLock<Registry> = OnceLock::new();
        STANDARD.get_or_init(|| Registry::default().with(crate::standard_functions())).clone()
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

    /// The functions called `name`, or the operators.
    pub fn lookup(&self, name: &str) -> &[Arc<Function>] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// All functions and operators, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Function>> {
        self.by_name.values().flatten()
    }
}
