//! From which type to which a value may be cast, and when.

use std::sync::Arc;

use super::function::{Function, Implementation};
use crate::sql_type::SqlType;
use crate::typed::CastContext;

/// A cast between two types.
#[derive(Debug)]
pub struct Cast {
    /// The type of the value.
    pub from: SqlType,
    /// The type that it becomes.
    pub to: SqlType,
    /// Who may ask for it: this context or a more explicit one.
    pub context: CastContext,
    /// How it is done: a function of the value, which finds the modifier in the call. None when the value stays as it is.
    pub function: Option<Arc<Function>>,
    /// Whether Arrow's own cast does the same.
    pub is_native: bool,
}

impl Cast {
    /// The cast that `types` says, such as `"timestamp -> date"`.
    ///
    /// # Panics
    ///
    /// When that names no types: casts are part of the program.
    pub fn new(types: &str, context: CastContext, implementation: Implementation) -> Self {
        let (from, to) = types.split_once(" -> ").unwrap_or_else(|| panic!("{types} are not two types"));
        let function = Function::new(&format!("{to}({from}) {to}"), implementation);
        Cast { function: Some(Arc::new(function)), ..Cast::relabelling(types, context) }
    }

    /// A cast that leaves the value as it is.
    ///
    /// # Panics
    ///
    /// Like [`Cast::new`].
    pub fn relabelling(types: &str, context: CastContext) -> Self {
        let (from, to) = types.split_once(" -> ").unwrap_or_else(|| panic!("{types} are not two types"));
        let named = |name: &str| SqlType::by_name(name).unwrap_or_else(|| panic!("no type is called {name}"));
        Cast { from: named(from), to: named(to), context, function: None, is_native: false }
    }

    /// A cast that Arrow does.
    ///
    /// # Panics
    ///
    /// Like [`Cast::new`].
    pub fn native(types: &str, context: CastContext) -> Self {
        let implementation = Implementation::arrays(|call, arrays, _| {
            arrow::compute::cast(&arrays[0], &call.returns.arrow()).map_err(super::rows::arrow_error)
        });
        Cast { is_native: true, ..Cast::new(types, context, implementation) }
    }
}
