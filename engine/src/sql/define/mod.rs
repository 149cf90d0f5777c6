//! Statements that change the catalogue, inside the caller's transaction.
//!
//! ```text
//!   CREATE, ALTER, DROP ... --> a draft of the table: layout and rules --> saved; rows filled, checked or rewritten
//!   expressions: kept as text, judged by the binder (`meaning`) before they are kept
//! ```
//!
//! - What a statement does is whole or absent: one that fails leaves the transaction as it was.
//! - Names that nobody gave are PostgreSQL's: `t_pkey`, `t_a_key`, `t_a_fkey`, `t_a_check`, `t_a_idx`, `t_id_seq`.
//! - Whoever drops something is told what rests on it, unless CASCADE drops that, too.

mod alter_column;
mod alter_table;
mod comment;
mod constraint;
mod create_table;
mod draft;
mod drop;
mod drop_part;
mod enumeration;
mod foreign_key;
mod index;
mod meaning;
mod mention;
mod name;
mod new_column;
mod schema;
mod sequence;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use marquetry_functions::{Condition, SqlError, SqlType};
use sqlparser::ast::Statement;

use meaning::Meaning;

use super::catalog::{Catalog, PUBLIC};
use super::outcome::CommandTag;
use super::session::Notice;
use super::system;
use super::write::WriteContext;
use crate::catalog::ObjectId;
use crate::database::Shared;
use crate::error::{Error, Result};
use crate::kv::Transaction;
use crate::table::{TableModel, Tables};

/// An expression over the columns of a table, and what its values have to be.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) text: String,
    pub(crate) sql_type: SqlType,
    pub(crate) type_modifier: i32,
}

/// What a query that becomes a view or table answers.
#[derive(Debug)]
pub(crate) struct QueryShape {
    /// Names, types and modifiers.
    pub(crate) columns: Vec<(String, SqlType, i32)>,
    /// The objects that it reads.
    pub(crate) depends: Vec<ObjectId>,
}

/// Where an expression of a definition stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A default: no columns.
    Default,
    /// A CHECK constraint.
    Check,
    /// A generated column: immutable.
    Generated,
    /// An expression of an index: immutable.
    Index,
    /// The condition of a partial index: immutable.
    Predicate,
    /// USING of ALTER COLUMN ... TYPE.
    Transform,
}

impl Place {
    /// How messages call it.
    pub(crate) fn shown(self) -> &'static str {
        match self {
            Place::Default => "DEFAULT expressions",
            Place::Check => "check constraints",
            Place::Generated => "column generation expressions",
            Place::Index => "index expressions",
            Place::Predicate => "index predicates",
            Place::Transform => "transform expressions",
        }
    }

    /// Whether the expression has to have the same value whenever it is evaluated.
    pub(crate) fn is_immutable(self) -> bool {
        matches!(self, Place::Generated | Place::Index | Place::Predicate)
    }
}

/// The transaction in which a statement changes the catalogue.
#[derive(Clone, Copy)]
pub(crate) struct Writing<'a> {
    pub(crate) inner: &'a Transaction,
    model: &'a TableModel,
}

impl<'a> Writing<'a> {
    /// The tables.
    pub(crate) fn tables(&self) -> Tables<'a, Transaction> {
        Tables::new(self.model, self.inner)
    }
}

/// What a statement of definition works with.
pub(crate) struct DefineContext<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) transaction: Writing<'a>,
    pub(crate) search_path: Vec<String>,
    pub(crate) meaning: Meaning<'a>,
    write: &'a WriteContext,
}

impl<'a> DefineContext<'a> {
    fn new(write: &'a WriteContext) -> Result<Self> {
        let source = &write.source;
        let transaction = source.reader.as_transaction();
        let transaction = transaction.ok_or_else(|| Error::invalid("a definition needs a transaction"))?;
        Ok(DefineContext {
            shared: &source.shared,
            transaction: Writing { inner: transaction, model: &source.shared.tables },
            search_path: write.session.search_path(),
            meaning: Meaning::new(write),
            write,
        })
    }

    fn catalog(&self) -> Catalog<'_> {
        Catalog::new(self.shared, self.transaction.inner)
    }

    fn note(&self, notice: String) {
        let notice = Notice { severity: "NOTICE", code: "00000", message: notice };
        self.write.session.notices.lock().push(notice);
    }

    /// The schema in which an object without one is made.
    fn target_schema(&self, schema: Option<String>) -> Result<String> {
        let catalog = self.catalog();
        let schema = match schema {
            Some(schema) => schema,
            None => {
                let mut found = None;
                for schema in &self.search_path {
                    if found.is_none() && catalog.has_schema(schema)? {
                        found = Some(schema.clone());
                    }
                }
                found.ok_or_else(|| {
                    SqlError::new(Condition::InvalidSchemaName, "no schema has been selected to create in")
                })?
            }
        };
        if system::is_system_schema(&schema) {
            let message = format!("permission denied for schema {schema}");
            return Err(SqlError::new(Condition::InsufficientPrivilege, message).into());
        }
        match catalog.has_schema(&schema)? {
            true => Ok(schema),
            false => Err(no_schema(&schema)),
        }
    }
}

fn no_schema(schema: &str) -> crate::error::Error {
    SqlError::new(Condition::InvalidSchemaName, format!("schema \"{schema}\" does not exist")).into()
}

fn unsupported(what: impl std::fmt::Display) -> crate::error::Error {
    SqlError::unsupported(what).into()
}

fn fail<T>(condition: Condition, message: impl Into<String>) -> Result<T> {
    Err(SqlError::new(condition, message).into())
}

/// Does `statement`.
///
/// # Errors
/// Those of the statement; it leaves nothing behind then.
pub(crate) fn run(write: &WriteContext, statement: &Statement) -> Result<CommandTag> {
    let context = &DefineContext::new(write)?;
    context.transaction.tables().atomically(|| match statement {
        Statement::CreateTable(create) => create_table::create(context, create),
        Statement::CreateIndex(create) => index::create(context, create).map(|()| tag("CREATE INDEX")),
        Statement::CreateView(create) => view::create(context, create).map(|()| tag("CREATE VIEW")),
        Statement::CreateSequence { temporary, if_not_exists, name, sequence_options } => {
            if *temporary {
                return Err(unsupported("a temporary sequence"));
            }
            sequence::create(context, name, sequence_options, *if_not_exists).map(|()| tag("CREATE SEQUENCE"))
        }
        Statement::CreateSchema { .. } => schema::create(context, statement).map(|()| tag("CREATE SCHEMA")),
        Statement::CreateType { name, representation } => {
            enumeration::create(context, name, representation.as_ref()).map(|()| tag("CREATE TYPE"))
        }
        Statement::AlterTable(alter) => alter_table::alter(context, alter).map(|()| tag("ALTER TABLE")),
        Statement::AlterIndex { name, operation } => {
            index::alter(context, name, operation).map(|()| tag("ALTER INDEX"))
        }
        Statement::AlterType(alter) => enumeration::alter(context, alter).map(|()| tag("ALTER TYPE")),
        Statement::AlterSchema(alter) => schema::alter(context, alter).map(|()| tag("ALTER SCHEMA")),
        Statement::Drop { .. } => drop::drop(context, statement),
        Statement::Comment { object_type, object_name, comment, if_exists } => {
            comment::comment(context, object_type, object_name, comment.as_deref(), *if_exists).map(|()| tag("COMMENT"))
        }
        other => Err(unsupported(format!("the statement {other}"))),
    })
}

fn tag(command: &'static str) -> CommandTag {
    CommandTag { command, rows: None }
}

/// Whether `schema` is the one of plain names.
fn is_public(schema: &str) -> bool {
    schema == PUBLIC
}
