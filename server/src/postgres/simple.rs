//! Simple queries: statements in one text, run one after another, their rows as text.
//!
//! Several are one transaction: what they did is kept when the last has succeeded, before the client is told so.

use std::sync::Arc;

use marquetry::sql::{ColumnDescription, CommandTag, Condition, Outcome, Rows};
use marquetry::table::Value;

use super::conversation::{Conversation, Progress};
use super::error::WireError;
use super::format::Format;
use super::value;

impl Conversation {
    pub(super) fn query(&mut self, sql: &str) -> Progress {
        self.end_group()?;
        self.unnamed = None;
        self.portals.remove("");
        if let Some(outcome) = self.session.quick(sql)? {
            self.answer_outcome(outcome)?;
            return Ok(self.ready()?);
        }
        let statements = self.session.parse(sql)?;
        if statements.is_empty() {
            self.output.empty_query();
            return Ok(self.ready()?);
        }
        if statements.len() > 1 {
            self.session.begin_group();
            self.has_group = true;
        }
        self.rest = statements.into();
        self.run_rest()
    }

    /// Runs what is left of the query, up to a statement that takes data.
    pub(super) fn run_rest(&mut self) -> Progress {
        while let Some(statement) = self.rest.pop_front() {
            let prepared = self.session.prepare(&statement, &[])?;
            if !prepared.parameters.is_empty() {
                let message = "there is no parameter $1: a simple query has no values for parameters";
                return Err(WireError::new(Condition::UndefinedParameter, message).into());
            }
            match self.session.execute(&prepared, Vec::new())? {
                Outcome::CopyIn(copy) => return self.copy_in(copy, true),
                outcome => self.answer_outcome(outcome)?,
            }
        }
        Ok(self.ready()?)
    }

    fn answer_outcome(&mut self, outcome: Outcome) -> Progress {
        match outcome {
            Outcome::Rows(rows) => self.give_all(rows),
            Outcome::Command(tag) => self.complete(&tag),
            Outcome::CopyOut(copy) => self.copy_out(copy),
            Outcome::CopyIn(copy) => self.copy_in(copy, true),
            Outcome::Empty => {
                self.output.empty_query();
                Ok(())
            }
        }
    }

    /// Gives every row, as text.
    fn give_all(&mut self, mut rows: Rows) -> Progress {
        let columns = rows.columns().clone();
        let formats = vec![Format::Text; columns.len()];
        self.output.row_description(&columns, &formats);
        while let Some(values) = rows.next_values()? {
            self.give(&values, &columns, &formats)?;
        }
        self.complete(&rows.tag())
    }

    /// Writes some rows, and sends them when much has gathered.
    pub(super) fn give(
        &mut self,
        rows: &[Vec<Value>],
        columns: &Arc<[ColumnDescription]>,
        formats: &[Format],
    ) -> Progress {
        let count = u16::try_from(columns.len())
            .map_err(|_| WireError::limit("an answer has more columns than a message can carry"))?;
        for row in rows {
            let begun = self.output.begin(b'D');
            let buffer = self.output.buffer();
            buffer.extend_from_slice(&count.to_be_bytes());
            let mut members = row.iter().zip(columns.iter()).zip(formats);
            let written = members.try_for_each(|((value, column), format)| {
                value::write(buffer, value, &column.sql_type, *format, self.session.environment())
            });
            match written {
                Ok(()) => self.output.end_large(begun)?,
                Err(error) => {
                    self.output.take_back(begun);
                    return Err(error.into());
                }
            }
            self.flush_much()?;
        }
        Ok(())
    }

    /// Says that a statement is done; before that the group ends, if it is the last one of its query.
    pub(super) fn complete(&mut self, tag: &CommandTag) -> Progress {
        if self.rest.is_empty() && self.in_query {
            self.end_group()?;
        }
        self.tell_notices();
        match tag.rows {
            Some(rows) => self.output.command_complete(&format!("{} {rows}", tag.command)),
            None => self.output.command_complete(tag.command),
        }
        Ok(())
    }
}
