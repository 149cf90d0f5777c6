//! One statement: its text and its tree.

use std::fmt;
use std::sync::Arc;

use sqlparser::ast;

/// One statement of SQL, parsed.
#[derive(Debug, Clone)]
pub struct Statement {
    text: Arc<str>,
    tree: Arc<ast::Statement>,
}

impl Statement {
    pub(super) fn new(text: String, tree: ast::Statement) -> Self {
        Statement { text: text.into(), tree: Arc::new(tree) }
    }

    /// The text, without a semicolon.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn tree(&self) -> &Arc<ast::Statement> {
        &self.tree
    }

    /// A part of another statement as one of its own, with the text that it prints as.
    pub(crate) fn of(tree: ast::Statement) -> Self {
        Statement { text: tree.to_string().into(), tree: Arc::new(tree) }
    }
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
