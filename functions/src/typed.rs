//! An expression together with its SQL type.

use datafusion::logical_expr::Expr;

use crate::sql_type::SqlType;

/// An expression and what PostgreSQL would say that it is.
#[derive(Debug, Clone)]
pub struct Typed {
    /// What DataFusion evaluates; its Arrow type is [`SqlType::arrow`] of `sql_type`.
    pub expr: Expr,
    /// The type. [`SqlType::Unknown`] for a bare string literal, NULL, or a parameter whose type nothing has decided.
    pub sql_type: SqlType,
    /// The type's modifier as PostgreSQL counts it (length + 4, precision and scale), or -1.
    pub type_modifier: i32,
}

impl Typed {
    /// `expr` of `sql_type`, without a modifier.
    pub fn new(expr: Expr, sql_type: SqlType) -> Self {
        Typed { expr, sql_type, type_modifier: -1 }
    }

    /// The same with a modifier.
    #[must_use]
    pub fn modified(self, type_modifier: i32) -> Self {
        Typed { type_modifier, ..self }
    }
}

/// Who asks for a cast, which decides what is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CastContext {
    /// An argument or operand: only what loses nothing.
    Implicit,
    /// A value that is stored in a column.
    Assignment,
    /// The user wrote the cast.
    Explicit,
}
