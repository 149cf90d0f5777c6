//! Cursors: DECLARE, FETCH, MOVE, CLOSE.
//!
//! A cursor's rows are taken as they are asked for and kept, so that it can go back.

use std::sync::Arc;

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{self, CloseCursor, Declare, DeclareType, FetchDirection};

use super::Session;
use super::query::Parameters;
use super::rows::{Outcome, Rows};
use super::transaction::command;
use crate::error::Result;
use crate::sql::bind::name;
use crate::sql::outcome::ColumnDescription;
use crate::table::Value;

/// An open cursor.
pub(super) struct Cursor {
    rows: Rows,
    /// The rows that have been taken.
    taken: Vec<Vec<Value>>,
    is_at_end: bool,
    /// How many rows are before where it stands: 0 before the first, the row's number on a row.
    position: usize,
    is_held: bool,
}

impl Cursor {
    /// Makes sure that `count` rows are taken, if there are as many.
    fn take(&mut self, count: usize) -> Result<()> {
        while self.taken.len() < count && !self.is_at_end {
            match self.rows.next_values()? {
                Some(more) => self.taken.extend(more),
                None => self.is_at_end = true,
            }
        }
        Ok(())
    }

    /// Goes on by `count` rows and gives them.
    fn forward(&mut self, count: usize) -> Result<Vec<Vec<Value>>> {
        self.take(self.position.saturating_add(count))?;
        let end = self.taken.len().min(self.position.saturating_add(count));
        let rows = self.taken.get(self.position..end).unwrap_or_default().to_vec();
        // Behind the last row when there were fewer.
        self.position = if rows.len() < count { self.taken.len() + 1 } else { end };
        Ok(rows)
    }

    fn backward(&mut self, count: usize) -> Vec<Vec<Value>> {
        let before = self.position.saturating_sub(1).min(self.taken.len());
        let start = before.saturating_sub(count);
        let rows = self.taken[start..before].iter().rev().cloned().collect();
        self.position = if before - start < count { 0 } else { start + 1 };
        rows
    }

    /// Goes to the row `number`, from 1 on, and gives it; behind all rows or before them there is none.
    fn absolute(&mut self, number: i64) -> Result<Vec<Vec<Value>>> {
        let target = match usize::try_from(number) {
            Ok(number) => number,
            Err(_) => {
                self.take(usize::MAX)?;
                let back = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
                (self.taken.len() + 1).saturating_sub(back)
            }
        };
        self.take(target)?;
        self.position = target.min(self.taken.len() + 1);
        Ok(target.checked_sub(1).and_then(|index| self.taken.get(index)).cloned().into_iter().collect())
    }
}

impl Session {
    pub(super) fn declare(&mut self, declarations: &[Declare], parameters: &Parameters) -> Result<Outcome> {
        let [declaration] = declarations else {
            return Err(SqlError::unsupported("a DECLARE of several").into());
        };
        let Declare {
            names,
            data_type: None,
            assignment: None,
            declare_type: Some(DeclareType::Cursor),
            binary,
            sensitive: _,
            scroll: _,
            hold,
            for_query: Some(query),
        } = declaration
        else {
            return Err(SqlError::unsupported("a DECLARE of anything but a cursor").into());
        };
        if binary.unwrap_or(false) {
            return Err(SqlError::unsupported("a binary cursor").into());
        }
        let [ident] = &names[..] else { return Err(SqlError::unsupported("a DECLARE of several").into()) };
        let (name, is_held) = (name(ident), hold.unwrap_or(false));
        if self.cursors.contains_key(&name) {
            let message = format!("cursor \"{name}\" already exists");
            return Err(SqlError::new(Condition::DuplicateCursor, message).into());
        }
        if !is_held && self.open.is_none() {
            let message = "DECLARE CURSOR can only be used in transaction blocks";
            return Err(SqlError::new(Condition::NoActiveTransaction, message).into());
        }
        let Outcome::Rows(rows) = self.run_query(query, parameters)? else {
            return Err(SqlError::unsupported("a cursor over this query").into());
        };
        let mut cursor = Cursor { rows, taken: Vec::new(), is_at_end: false, position: 0, is_held };
        if is_held {
            cursor.take(usize::MAX)?;
        }
        self.cursors.insert(name, cursor);
        Ok(command("DECLARE CURSOR"))
    }

    pub(super) fn cursor_columns(&self, name: &str) -> Option<Arc<[ColumnDescription]>> {
        self.cursors.get(name).map(|cursor| cursor.rows.columns().clone())
    }

    pub(super) fn fetch(&mut self, name: &str, direction: &FetchDirection) -> Result<Outcome> {
        let Some(cursor) = self.cursors.get_mut(name) else {
            let message = format!("cursor \"{name}\" does not exist");
            return Err(SqlError::new(Condition::InvalidCursorName, message).into());
        };
        let moved = |cursor: &mut Cursor, count: i64| match usize::try_from(count) {
            Ok(0) => cursor.absolute(i64::try_from(cursor.position).unwrap_or(i64::MAX)),
            Ok(count) => cursor.forward(count),
            Err(_) => Ok(cursor.backward(usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX))),
        };
        let rows = match direction {
            FetchDirection::Next => cursor.forward(1)?,
            FetchDirection::Count { limit } => moved(cursor, number(limit)?)?,
            FetchDirection::Forward { limit } => match limit {
                Some(limit) => moved(cursor, number(limit)?)?,
                None => cursor.forward(1)?,
            },
            FetchDirection::All | FetchDirection::ForwardAll => cursor.forward(usize::MAX)?,
            FetchDirection::Prior => cursor.backward(1),
            FetchDirection::Backward { limit } => match limit {
                Some(limit) => moved(cursor, -number(limit)?)?,
                None => cursor.backward(1),
            },
            FetchDirection::BackwardAll => cursor.backward(usize::MAX),
            FetchDirection::First => cursor.absolute(1)?,
            FetchDirection::Last => cursor.absolute(-1)?,
            FetchDirection::Absolute { limit } => cursor.absolute(number(limit)?)?,
            FetchDirection::Relative { limit } => {
                let here = i64::try_from(cursor.position).unwrap_or(i64::MAX);
                cursor.absolute(here.saturating_add(number(limit)?).max(0))?
            }
        };
        Ok(Outcome::Rows(Rows::values(cursor.rows.columns().clone(), rows, "FETCH")))
    }

    pub(super) fn close_cursor(&mut self, cursor: &CloseCursor) -> Result<Outcome> {
        match cursor {
            CloseCursor::All => {
                self.cursors.clear();
                Ok(command("CLOSE CURSOR ALL"))
            }
            CloseCursor::Specific { name: ident } => {
                let name = name(ident);
                match self.cursors.remove(&name) {
                    Some(_) => Ok(command("CLOSE CURSOR")),
                    None => {
                        let message = format!("cursor \"{name}\" does not exist");
                        Err(SqlError::new(Condition::InvalidCursorName, message).into())
                    }
                }
            }
        }
    }

    /// Closes the cursors that end with the transaction.
    pub(super) fn close_cursors(&mut self) {
        self.cursors.retain(|_, cursor| cursor.is_held);
    }
}

fn number(value: &ast::ValueWithSpan) -> Result<i64, SqlError> {
    value
        .value
        .to_string()
        .parse()
        .map_err(|_| SqlError::new(Condition::SyntaxError, format!("\"{}\" is no number of rows", value.value)))
}
