//! Which operator, function or cast is meant, and the expression that does it.
//!
//! ```text
//!   literal        constants and parameters
//!   pathway        how one type becomes another
//!   cast           the expression of a cast
//!   resolve        which of several functions is meant: PostgreSQL's rules
//!   operator call  operators and functions
//!   comparison     what is compared so that Arrow's order is PostgreSQL's
//!   common_type    the type of several branches
//!   aggregate window set_returning   functions of several rows
//! ```

mod aggregate;
mod call;
mod cast;
mod common_type;
mod comparison;
mod extreme;
mod literal;
mod operator;
mod pathway;
mod resolve;
mod set_returning;
mod window;

use std::sync::{Arc, Mutex, MutexGuard};

use crate::environment::Environment;
use crate::registry::{FunctionKind, Registry};
use crate::sql_type::SqlType;

pub use aggregate::{AggregateCall, OrderKey};
pub use set_returning::SetReturning;

pub(crate) use cast::{fold, fold_native};
pub(crate) use comparison::{functions as comparisons, sort_keys};
pub(crate) use literal::{literal, numeric_literal};

/// What decides the types of one statement that is being bound.
#[derive(Debug)]
pub struct Typing {
    environment: Arc<Environment>,
    registry: Arc<Registry>,
    parameters: Mutex<Vec<Option<SqlType>>>,
}

impl Typing {
    /// For a statement with these types of parameters; those that are not given are found out.
    pub fn new(environment: Arc<Environment>, registry: Arc<Registry>, parameters: Vec<Option<SqlType>>) -> Self {
        Typing { environment, registry, parameters: Mutex::new(parameters) }
    }

    /// The session.
    pub fn environment(&self) -> &Arc<Environment> {
        &self.environment
    }

    /// All functions.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// The types of the parameters as far as they are decided.
    pub fn parameter_types(&self) -> Vec<Option<SqlType>> {
        self.parameters().clone()
    }

    /// What the functions called `name` make of their rows; the special forms are scalar.
    pub fn function_kind(&self, name: &str) -> Option<FunctionKind> {
        if call::is_special(name) {
            return Some(FunctionKind::Scalar);
        }
        self.registry.lookup(name).first().map(|function| function.kind)
    }

    fn parameters(&self) -> MutexGuard<'_, Vec<Option<SqlType>>> {
        self.parameters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
