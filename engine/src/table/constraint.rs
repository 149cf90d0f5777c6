//! What a broken rule of a table was, for programs: the source under an error of kind `Constraint`, or of kind
//! `AlreadyExists` when the rule is the primary key.

use std::fmt;

/// The rule that a write would have broken; found under the error by `source()` and a downcast.
///
/// ```
/// use std::error::Error as _;
/// # fn look(error: &marquetry::Error) {
/// use marquetry::table::ConstraintViolation;
///
/// let violation = error.source().and_then(|source| source.downcast_ref::<ConstraintViolation>());
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConstraintViolation {
    /// What the rule is about.
    pub kind: ConstraintKind,
    /// The table.
    pub table: String,
    /// The name of the index, `<table>_pkey` for the primary key; empty when the rule has no name.
    pub constraint: String,
    /// The columns that the rule speaks of.
    pub columns: Vec<String>,
}

/// What a rule of a table is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConstraintKind {
    /// Another row has the same values.
    Unique,
    /// A column that refuses NULL got none.
    NotNull,
}

impl fmt::Display for ConstraintViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.kind {
            ConstraintKind::Unique => "unique",
            ConstraintKind::NotNull => "not null",
        };
        write!(f, "{rule} {} on {} ({})", self.constraint, self.table, self.columns.join(", "))
    }
}

impl std::error::Error for ConstraintViolation {}
