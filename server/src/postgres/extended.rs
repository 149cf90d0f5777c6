//! Pipelines: statements that are parsed, bound to values, described and run by messages of their own, up to a Sync.
//!
//! ```text
//!   Execute, Sync                       one statement: commits by itself, as in a simple query
//!   Execute, ..., Execute, Sync         a group: all of them are kept at Sync, or none
//! ```

use marquetry::sql::{CommandTag, Condition, Outcome, Rows, TransactionStatus};
use marquetry::table::Value;

use super::conversation::{Conversation, Progress as Outcomes};
use super::error::WireError;
use super::format::Format;
use super::message::{Bind, Named};
use super::portal::{Portal, Progress, Statement, no_portal, no_statement};

/// Portals with names that one client may keep.
const PORTALS_MAX: usize = 10_000;

impl Conversation {
    pub(super) fn parse(&mut self, name: &str, sql: &str, oids: &[u32]) -> Outcomes {
        let types = self.types_of(oids)?;
        let mut parsed = self.session.parse(sql)?.into_iter();
        let statement = match (parsed.next(), parsed.next()) {
            (None, _) => Statement(None),
            (Some(statement), None) => Statement(Some(self.session.prepare(&statement, &types)?)),
            (Some(_), Some(_)) => {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(WireError::new(Condition::SyntaxError, message).into());
            }
        };
        match (name, &statement.0) {
            ("", _) => self.unnamed = Some(statement),
            (name, Some(prepared)) => self.session.name_statement(name, prepared.clone())?,
            (_, None) => return Err(WireError::unsupported("an empty statement with a name is not supported").into()),
        }
        self.output.parse_complete();
        Ok(())
    }

    fn statement(&self, name: &str) -> Result<Statement, WireError> {
        let found = match name {
            "" => self.unnamed.clone(),
            name => self.session.named_statement(name).map(|prepared| Statement(Some(prepared))),
        };
        found.ok_or_else(|| no_statement(name))
    }

    pub(super) fn bind(&mut self, bind: &Bind<'_>) -> Outcomes {
        let statement = self.statement(bind.statement)?;
        if self.portals.is_taken(bind.portal) {
            let message = format!("cursor \"{}\" already exists", bind.portal);
            return Err(WireError::new(Condition::DuplicateCursor, message).into());
        }
        if self.portals.count() >= PORTALS_MAX {
            return Err(WireError::limit(format!("{PORTALS_MAX} portals are open; close some")).into());
        }
        let portal = Portal::bind(statement, bind, self.session.environment())?;
        self.portals.insert(bind.portal, portal);
        self.output.bind_complete();
        Ok(())
    }

    pub(super) fn describe(&mut self, named: &Named<'_>) -> Outcomes {
        let (statement, formats) = match named {
            Named::Statement(name) => {
                let statement = self.statement(name)?;
                let parameters = statement.0.as_ref().map_or(&[][..], |prepared| &prepared.parameters);
                self.output.parameter_description(parameters);
                (statement, Vec::new())
            }
            Named::Portal(name) => {
                let portal = self.portals.get(name).ok_or_else(|| no_portal(name))?;
                (portal.statement.clone(), portal.formats.clone())
            }
        };
        match statement.0.as_ref().and_then(|prepared| prepared.columns.as_ref()) {
            Some(columns) => self.output.row_description(columns, &formats),
            None => self.output.no_data(),
        }
        Ok(())
    }

    pub(super) fn close(&mut self, named: &Named<'_>) -> Outcomes {
        match named {
            Named::Statement("") => self.unnamed = None,
            Named::Statement(name) => self.session.forget_statement(name),
            Named::Portal(name) => self.portals.remove(name),
        }
        self.output.close_complete();
        Ok(())
    }

    pub(super) fn execute(&mut self, name: &str, rows_max: usize, before_sync: bool) -> Outcomes {
        let portal = self.portals.get_mut(name).ok_or_else(|| no_portal(name))?;
        let progress = std::mem::replace(&mut portal.progress, Progress::Done);
        let Some(prepared) = portal.statement.0.clone() else {
            self.output.empty_query();
            return Ok(());
        };
        let formats = portal.formats.clone();
        match progress {
            Progress::Bound(values) => {
                if !before_sync && !self.has_group && self.session.status() == TransactionStatus::Idle {
                    self.session.begin_group();
                    self.has_group = true;
                }
                match self.session.execute(&prepared, values)? {
                    Outcome::Rows(rows) => {
                        self.give_some(name, Box::new(rows), Vec::new().into_iter(), &formats, rows_max)
                    }
                    Outcome::Command(tag) => self.complete(&tag),
                    Outcome::CopyOut(copy) => self.copy_out(copy),
                    Outcome::CopyIn(copy) => self.copy_in(copy, false),
                    Outcome::Empty => {
                        self.output.empty_query();
                        Ok(())
                    }
                }
            }
            Progress::Suspended(rows, waiting) => self.give_some(name, rows, waiting, &formats, rows_max),
            Progress::Done if prepared.columns.is_some() => {
                self.complete(&CommandTag { command: "SELECT", rows: Some(0) })
            }
            Progress::Done => {
                let message = format!("portal \"{name}\" cannot be run");
                Err(WireError::new(Condition::ObjectNotInPrerequisiteState, message).into())
            }
        }
    }

    /// Gives up to `rows_max` rows, those that wait first. A portal that gave as many is suspended, even if it has no
    /// more: it has not looked.
    fn give_some(
        &mut self,
        name: &str,
        mut rows: Box<Rows>,
        mut waiting: std::vec::IntoIter<Vec<Value>>,
        formats: &[Format],
        rows_max: usize,
    ) -> Outcomes {
        let columns = rows.columns().clone();
        let mut given = 0;
        loop {
            let taken = waiting.len().min(rows_max - given);
            self.give(&waiting.as_slice()[..taken], &columns, formats)?;
            given += taken;
            if given == rows_max {
                waiting.by_ref().take(taken).for_each(drop);
                if let Some(portal) = self.portals.get_mut(name) {
                    portal.progress = Progress::Suspended(rows, waiting);
                }
                self.output.portal_suspended();
                return Ok(());
            }
            match rows.next_values()? {
                Some(values) => waiting = values.into_iter(),
                None => break,
            }
        }
        let mut tag = rows.tag();
        if tag.command == "SELECT" {
            // What an earlier Execute gave was told then.
            tag.rows = Some(given as u64);
        }
        self.complete(&tag)
    }
}
