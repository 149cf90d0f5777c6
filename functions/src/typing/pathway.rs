//! How one type becomes another.

use std::sync::Arc;

use super::Typing;
use crate::registry::{Cast, Pattern, Registry};
use crate::sql_type::SqlType;
use crate::typed::CastContext;

/// How one type becomes another.
#[derive(Debug, Clone)]
pub(crate) enum Pathway {
    /// The value stays as it is.
    Same,
    /// By a cast of the table.
    Cast(Arc<Cast>),
    /// Each element of the array for itself.
    Elements,
    /// As its text.
    ToText,
    /// As what its text says.
    FromText,
}

impl Registry {
    /// How a value of type `from` becomes one of type `to` where `context` asks for it, if it may.
    pub(crate) fn pathway(&self, from: &SqlType, to: &SqlType, context: CastContext) -> Option<Pathway> {
        if from.is_same(to) {
            return Some(Pathway::Same);
        }
        if let Some(cast) = self.cast(&from.base(), &to.base()) {
            return (context >= cast.context)
                .then(|| if cast.function.is_none() { Pathway::Same } else { Pathway::Cast(cast.clone()) });
        }
        if let (SqlType::Array(from), SqlType::Array(to)) = (from, to) {
            return match self.pathway(from, to, context)? {
                Pathway::Same => Some(Pathway::Same),
                _ => Some(Pathway::Elements),
            };
        }
        if *from == SqlType::Unknown {
            return Some(Pathway::FromText);
        }
        if to.is_string() && context >= CastContext::Assignment {
            return Some(Pathway::ToText);
        }
        if from.is_string() && context == CastContext::Explicit {
            return Some(Pathway::FromText);
        }
        None
    }
}

impl Typing {
    /// Whether an argument of type `actual` may be passed where `pattern` is wanted.
    pub(super) fn may_pass(&self, actual: &SqlType, pattern: &Pattern) -> bool {
        if *actual == SqlType::Unknown {
            return true;
        }
        match pattern {
            Pattern::Exact(wanted) => self.registry.pathway(actual, wanted, CastContext::Implicit).is_some(),
            Pattern::Any | Pattern::AnyElement | Pattern::AnyCompatible => true,
            Pattern::AnyArray | Pattern::AnyCompatibleArray => matches!(actual, SqlType::Array(_)),
            Pattern::AnyNonArray | Pattern::AnyCompatibleNonArray => !matches!(actual, SqlType::Array(_)),
            Pattern::AnyEnum => matches!(actual, SqlType::Enum(_)),
            Pattern::Record => matches!(actual, SqlType::Record(_)),
        }
    }
}
