//! Which statement is done by whom.

use std::sync::Arc;

use marquetry_functions::{Condition, SqlError, SqlType};
use sqlparser::ast::{self, Statement as Tree};

use super::prepared::described;
use super::query::Parameters;
use super::rows::{Outcome, Rows};
use super::transaction::command;
use super::{Prepared, Session};
use crate::error::Result;
use crate::sql::bind::{name, schema_and_name};
use crate::sql::execute::Source;
use crate::sql::outcome::{ColumnDescription, CommandTag};
use crate::sql::parse::Statement;
use crate::sql::write::{WriteContext, Written};
use crate::table::Value;

impl Session {
    pub(super) fn execute_checked(&mut self, prepared: &Arc<Prepared>, values: Vec<Value>) -> Result<Outcome> {
        if values.len() != prepared.parameters.len() {
            let message =
                format!("the statement has {} parameters, {} were given", prepared.parameters.len(), values.len());
            return Err(SqlError::new(Condition::SyntaxError, message).into());
        }
        if let Some(rows) = self.by_key(prepared, &values)? {
            return Ok(rows);
        }
        let parameters = Parameters { types: prepared.parameters.clone(), values };
        self.statement(&prepared.statement, &parameters)
    }

    /// The answer of a read by key, when `prepared` is one and may be read so.
    fn by_key(&mut self, prepared: &Prepared, values: &[Value]) -> Result<Option<Outcome>> {
        let (Some(point), Some(columns)) = (&prepared.point, &prepared.columns) else { return Ok(None) };
        if self.context.settings.read().path() == "relational" {
            return Ok(None);
        }
        self.enter()?;
        let source = self.source()?;
        let rows = point.run(&source, values)?;
        Ok(rows.map(|rows| Outcome::Rows(Rows::values(columns.clone(), rows, "SELECT"))))
    }

    pub(super) fn statement(&mut self, statement: &Statement, parameters: &Parameters) -> Result<Outcome> {
        let tree = statement.tree().clone();
        match &*tree {
            Tree::StartTransaction { modes, statements, exception: None, .. } if statements.is_empty() => {
                self.begin(modes)
            }
            Tree::Commit { chain, modifier: None, .. } => self.commit(*chain),
            Tree::Rollback { chain, savepoint: None } => Ok(self.rollback(*chain)),
            Tree::Rollback { savepoint: Some(savepoint), .. } => self.rollback_to(&name(savepoint)),
            Tree::Savepoint { name: savepoint } => self.savepoint(name(savepoint)),
            Tree::ReleaseSavepoint { name: savepoint } => self.release(&name(savepoint)),
            Tree::Set(set) => self.set_statement(set),
            Tree::ShowVariable { variable } => self.show(variable),
            Tree::Reset(reset) => self.reset(reset),
            Tree::Discard { object_type } => self.discard(object_type),
            Tree::Prepare { name: ident, data_types, statement } => {
                self.prepare_statement(name(ident), data_types, statement)
            }
            Tree::Deallocate { name: ident, prepare: _ } => self.deallocate(ident),
            Tree::LISTEN { channel } => {
                self.inbox.listen(name(channel));
                Ok(command("LISTEN"))
            }
            Tree::UNLISTEN { channel } => {
                self.inbox.unlisten(&name(channel));
                Ok(command("UNLISTEN"))
            }
            Tree::NOTIFY { channel, payload } => {
                self.enter()?;
                self.notify(name(channel), payload.clone().unwrap_or_default())
            }
            Tree::Vacuum(_) => Ok(command("VACUUM")),
            Tree::Analyze(_) => Ok(command("ANALYZE")),
            _ => {
                self.enter()?;
                self.entered(&tree, parameters)
            }
        }
    }

    /// The statements that read or write, in the open transaction or without one.
    fn entered(&mut self, tree: &Tree, parameters: &Parameters) -> Result<Outcome> {
        match tree {
            Tree::Query(_) if crate::sql::write::changing(tree).is_some() => self.run_write(tree, parameters),
            Tree::Query(query) => self.run_query(query, parameters),
            Tree::Insert(_) | Tree::Update(_) | Tree::Delete(_) | Tree::Merge(_) | Tree::Truncate(_) => {
                self.run_write(tree, parameters)
            }
            Tree::Execute { name: Some(prepared), parameters: values, using, into, immediate: false, .. }
                if using.is_empty() && into.is_empty() =>
            {
                let (_, prepared) = schema_and_name(prepared)?;
                self.execute_statement(&prepared, values, parameters)
            }
            Tree::Declare { stmts, .. } => self.declare(stmts, parameters),
            Tree::Fetch { name: cursor, direction, position: _, into: None } => self.fetch(&name(cursor), direction),
            Tree::Close { cursor } => self.close_cursor(cursor),
            Tree::Copy { .. } => self.copy(tree, parameters),
            Tree::Explain { .. } => self.explain(tree, parameters),
            Tree::CreateTable(_)
            | Tree::CreateView(_)
            | Tree::CreateIndex(_)
            | Tree::CreateSequence { .. }
            | Tree::CreateSchema { .. }
            | Tree::CreateType { .. }
            | Tree::AlterTable(_)
            | Tree::AlterIndex { .. }
            | Tree::AlterView(_)
            | Tree::AlterType(_)
            | Tree::AlterSchema(_)
            | Tree::Drop { .. }
            | Tree::Comment { .. } => self.define(tree),
            other => {
                let text = other.to_string();
                let words: Vec<&str> = text.split_whitespace().take(2).collect();
                Err(SqlError::unsupported(format!("the statement {}", words.join(" ").to_uppercase())).into())
            }
        }
    }

    /// The columns of what a statement other than a query or a change answers with.
    pub(super) fn described_statement(&mut self, tree: &Tree) -> Result<Option<Arc<[ColumnDescription]>>> {
        Ok(match tree {
            Tree::ShowVariable { variable } => Some(self.show_columns(variable)),
            Tree::Explain { .. } => Some(text_columns(&["QUERY PLAN"])),
            Tree::Execute { name: Some(prepared), .. } => {
                let (_, prepared) = schema_and_name(prepared)?;
                self.named_statement(&prepared).and_then(|prepared| prepared.columns.clone())
            }
            Tree::Fetch { name: cursor, .. } => self.cursor_columns(&name(cursor)),
            _ => None,
        })
    }

    fn run_write(&mut self, tree: &Tree, parameters: &Parameters) -> Result<Outcome> {
        let written = self.in_transaction(|session, transaction| {
            let source = session.source_of(transaction);
            session.write_in(&source, tree, parameters)
        })?;
        match written.returned {
            None => {
                let rows = (written.command != "TRUNCATE TABLE").then_some(written.rows);
                Ok(Outcome::Command(CommandTag { command: written.command, rows }))
            }
            Some((columns, rows)) => Ok(Outcome::Rows(Rows::values(described(&columns), rows, written.command))),
        }
    }

    /// Changes rows in the transaction of `source`.
    pub(super) fn write_in(&mut self, source: &Arc<Source>, tree: &Tree, parameters: &Parameters) -> Result<Written> {
        self.context.set_source(Some(source.clone()));
        let context = WriteContext { parameters: parameters.clone(), ..self.write_context(source) };
        crate::sql::write::run(&context, tree)
    }

    pub(crate) fn write_context(&self, source: &Arc<Source>) -> WriteContext {
        WriteContext {
            source: source.clone(),
            session: self.context.clone(),
            environment: self.environment.clone(),
            parameters: Parameters::default(),
        }
    }

    fn define(&mut self, tree: &Tree) -> Result<Outcome> {
        let tag = self.in_transaction(|session, transaction| {
            let source = session.source_of(transaction);
            session.context.set_source(Some(source.clone()));
            session.compiled.forget();
            crate::sql::define::run(&session.write_context(&source), tree)
        })?;
        Ok(Outcome::Command(tag))
    }

    fn prepare_statement(&mut self, name: String, data_types: &[ast::DataType], statement: &Tree) -> Result<Outcome> {
        let source = self.source_now()?;
        let types = crate::sql::write::parameter_types(&self.write_context(&source), data_types)?;
        let prepared = self.describe(&Statement::of(statement.clone()), &types)?;
        self.name_statement(&name, Arc::new(prepared))?;
        Ok(command("PREPARE"))
    }

    fn execute_statement(&mut self, name: &str, trees: &[ast::Expr], outer: &Parameters) -> Result<Outcome> {
        let Some(prepared) = self.named_statement(name) else {
            let message = format!("prepared statement \"{name}\" does not exist");
            return Err(SqlError::new(Condition::InvalidStatementName, message).into());
        };
        let source = self.source()?;
        let context = WriteContext { parameters: outer.clone(), ..self.write_context(&source) };
        let values = crate::sql::write::parameter_values(&context, name, trees, &prepared.parameters)?;
        let parameters = Parameters { types: prepared.parameters.clone(), values };
        self.statement(&prepared.statement.clone(), &parameters)
    }

    fn deallocate(&mut self, ident: &ast::Ident) -> Result<Outcome> {
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("all") {
            self.statements.clear();
            return Ok(command("DEALLOCATE ALL"));
        }
        let name = name(ident);
        match self.statements.remove(&name) {
            Some(_) => Ok(command("DEALLOCATE")),
            None => {
                let message = format!("prepared statement \"{name}\" does not exist");
                Err(SqlError::new(Condition::InvalidStatementName, message).into())
            }
        }
    }

    /// Keeps `prepared` under `name`, for EXECUTE and for the protocol.
    ///
    /// # Errors
    /// `AlreadyExists` when there is a statement of that name.
    pub fn name_statement(&mut self, name: &str, prepared: Arc<Prepared>) -> Result<()> {
        if self.statements.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(SqlError::new(Condition::DuplicatePreparedStatement, message).into());
        }
        self.statements.insert(name.to_owned(), prepared);
        Ok(())
    }

    /// The statement that is kept under `name`.
    pub fn named_statement(&self, name: &str) -> Option<Arc<Prepared>> {
        self.statements.get(name).cloned()
    }

    /// Forgets the statement that is kept under `name`; none is no error.
    pub fn forget_statement(&mut self, name: &str) {
        self.statements.remove(name);
    }

    /// What is read outside of any statement's own transaction.
    pub(super) fn source_now(&mut self) -> Result<Arc<Source>> {
        self.enter()?;
        let source = self.source()?;
        self.context.set_source(Some(source.clone()));
        Ok(source)
    }
}

/// Columns of text with these names.
pub(super) fn text_columns(names: &[&str]) -> Arc<[ColumnDescription]> {
    let column = |name: &&str| ColumnDescription {
        name: (*name).to_owned(),
        sql_type: SqlType::Text,
        type_modifier: -1,
        table_oid: 0,
        attribute: 0,
    };
    names.iter().map(column).collect()
}
