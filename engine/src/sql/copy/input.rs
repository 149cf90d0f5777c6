//! COPY .. FROM: bytes to rows, written in batches in one transaction.

use std::sync::Arc;

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{CopySource, CopyTarget, Query, Statement as Tree};

use super::{CopyOut, Field, Form, Options, bad_format, binary, csv, text};
use crate::error::{Error, Result};
use crate::kv::{Durability, Isolation};
use crate::sql::bind::{name, schema_and_name};
use crate::sql::outcome::CommandTag;
use crate::sql::session::{Outcome, Session, TransactionStatus, parse_value};
use crate::sql::write::CopyTable;
use crate::table::Value;
use crate::transaction::Transaction;

/// Rows that are written at once.
const BATCH_ROWS: usize = 1_000;
/// Longest line, in bytes.
const LINE_SIZE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A `COPY .. FROM STDIN` that waits for bytes.
pub struct CopyIn {
    table: CopyTable,
    options: Options,
    transaction: Arc<Transaction>,
    /// Whether the transaction is this COPY's own, and ends with it.
    is_own: bool,
    /// Bytes of a line that has not ended.
    pending: Vec<u8>,
    rows: Vec<Vec<Value>>,
    written: u64,
    line: u64,
    has_header_to_skip: bool,
    is_ended: bool,
}

impl CopyIn {
    /// How many columns a row has.
    pub fn columns(&self) -> usize {
        self.table.columns.len()
    }

    /// Whether bytes of the binary form are expected.
    pub fn is_binary(&self) -> bool {
        false
    }

    /// The next line in `bytes`, and its length with its end.
    fn line_end(&self, bytes: &[u8]) -> Option<usize> {
        match self.options.form {
            Form::Csv => csv::record_end(bytes, &self.options),
            Form::Text | Form::Binary => text_line_end(bytes),
        }
    }
}

/// Where the first line of `bytes` ends; an end behind a backslash is part of the line.
fn text_line_end(bytes: &[u8]) -> Option<usize> {
    let mut position = 0;
    while let Some(byte) = bytes.get(position) {
        match byte {
            b'\\' => position += 2,
            b'\n' => return Some(position + 1),
            _ => position += 1,
        }
    }
    None
}

impl Session {
    pub(crate) fn copy(&mut self, tree: &Tree, parameters: &crate::sql::session::Parameters) -> Result<Outcome> {
        let Tree::Copy { source, to, target, options, legacy_options, payload: None } = tree else {
            return Err(SqlError::unsupported("COPY with its rows in the statement").into());
        };
        let options = Options::of(options, legacy_options)?;
        if options.form == Form::Binary {
            return Err(binary::refused().into());
        }
        match (target, to) {
            (CopyTarget::Stdout, true) => self.copy_out(source, options, parameters),
            (CopyTarget::Stdin, false) => self.copy_in(source, options),
            _ => Err(SqlError::unsupported("COPY to or from a file or program")
                .hint("Use STDIN or STDOUT, or psql's \\copy.")
                .into()),
        }
    }

    fn copy_out(
        &mut self,
        source: &CopySource,
        options: Options,
        parameters: &crate::sql::session::Parameters,
    ) -> Result<Outcome> {
        let text = match source {
            CopySource::Query(query) => {
                return self.copy_query_out(query, options, parameters);
            }
            CopySource::Table { table_name, columns } => {
                let list = match columns.is_empty() {
                    true => "*".to_owned(),
                    false => columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
                };
                format!("SELECT {list} FROM {table_name}")
            }
        };
        let statements = self.parse(&text)?;
        match statements.first().map(|statement| &**statement.tree()) {
            Some(Tree::Query(query)) => self.copy_query_out(query, options, parameters),
            _ => Err(SqlError::new(Condition::SyntaxError, "COPY names no table").into()),
        }
    }

    fn copy_query_out(
        &mut self,
        query: &Query,
        options: Options,
        parameters: &crate::sql::session::Parameters,
    ) -> Result<Outcome> {
        match self.run_query(query, parameters)? {
            Outcome::Rows(rows) => Ok(Outcome::CopyOut(CopyOut::new(rows, options, self.environment().clone()))),
            _ => Err(SqlError::unsupported("COPY of this query").into()),
        }
    }

    fn copy_in(&mut self, source: &CopySource, options: Options) -> Result<Outcome> {
        let CopySource::Table { table_name, columns } = source else {
            return Err(SqlError::new(Condition::SyntaxError, "COPY FROM needs a table").into());
        };
        let (schema, table) = schema_and_name(table_name)?;
        let columns: Vec<String> = columns.iter().map(name).collect();
        let (transaction, is_own) = match self.open_transaction()? {
            Some(transaction) => (transaction, false),
            None => (Arc::new(self.database().begin_with(Isolation::ReadCommitted)?), true),
        };
        let source = self.source_of(&transaction);
        let table = CopyTable::open(&self.write_context(&source), schema.as_deref(), &table, &columns)?;
        Ok(Outcome::CopyIn(CopyIn {
            table,
            has_header_to_skip: options.has_header,
            options,
            transaction,
            is_own,
            pending: Vec::new(),
            rows: Vec::new(),
            written: 0,
            line: 0,
            is_ended: false,
        }))
    }

    /// Takes more bytes of `copy`.
    ///
    /// # Errors
    /// Those of the rows in them; then the COPY is over, and nothing of it stays.
    pub fn copy_data(&mut self, copy: &mut CopyIn, bytes: &[u8]) -> Result<()> {
        let result = self.take_bytes(copy, bytes);
        if result.is_err() {
            self.abandon(copy);
        }
        result
    }

    fn take_bytes(&mut self, copy: &mut CopyIn, bytes: &[u8]) -> Result<()> {
        let mut joined = std::mem::take(&mut copy.pending);
        joined.extend_from_slice(bytes);
        let mut rest = &joined[..];
        while let Some(end) = copy.line_end(rest) {
            let (line, behind) = rest.split_at(end);
            self.take_line(copy, without_end(line))?;
            rest = behind;
        }
        if rest.len() > LINE_SIZE_BYTES_MAX {
            let message = format!("a line of COPY is longer than {LINE_SIZE_BYTES_MAX} bytes");
            return Err(SqlError::new(Condition::ProgramLimitExceeded, message).into());
        }
        copy.pending = rest.to_vec();
        Ok(())
    }

    fn take_line(&mut self, copy: &mut CopyIn, line: &[u8]) -> Result<()> {
        copy.line += 1;
        if copy.is_ended || std::mem::take(&mut copy.has_header_to_skip) {
            return Ok(());
        }
        if line == b"\\." {
            copy.is_ended = true;
            return Ok(());
        }
        let row = self.row(copy, line).map_err(|error| at_line(error, copy))?;
        copy.rows.push(row);
        if copy.rows.len() >= BATCH_ROWS { self.write_rows(copy) } else { Ok(()) }
    }

    fn row(&self, copy: &CopyIn, line: &[u8]) -> Result<Vec<Value>> {
        let names: Vec<String> = copy.table.columns.iter().map(|column| column.name.clone()).collect();
        let fields: Vec<Field> = match copy.options.form {
            Form::Csv => csv::read(line, &names, &copy.options)?,
            Form::Text | Form::Binary => text::read(line, &copy.options)?,
        };
        if fields.len() > copy.table.columns.len() {
            return Err(bad_format("extra data after last expected column").into());
        }
        if let Some(missing) = copy.table.columns.get(fields.len()) {
            return Err(bad_format(format!("missing data for column \"{}\"", missing.name)).into());
        }
        let value = |(field, column): (Field, &crate::sql::catalog::SqlColumn)| match field {
            None => Ok(Value::Null),
            Some(text) => parse_value(&text, &column.sql_type, column.type_modifier, self.environment()),
        };
        fields.into_iter().zip(&copy.table.columns).map(value).collect()
    }

    fn write_rows(&mut self, copy: &mut CopyIn) -> Result<()> {
        let rows = std::mem::take(&mut copy.rows);
        let source = self.source_of(&copy.transaction);
        let count = rows.len() as u64;
        copy.table.insert(&self.write_context(&source), rows).map_err(|error| at_line(error, copy))?;
        copy.written += count;
        Ok(())
    }

    /// Ends `copy`: writes what is left and, outside a transaction, commits.
    ///
    /// # Errors
    /// Those of the rows and of the commit; then nothing of it stays.
    pub fn copy_done(&mut self, mut copy: CopyIn) -> Result<CommandTag> {
        let result = self.finish_copy(&mut copy);
        if result.is_err() {
            self.abandon(&copy);
        }
        result
    }

    fn finish_copy(&mut self, copy: &mut CopyIn) -> Result<CommandTag> {
        let last = std::mem::take(&mut copy.pending);
        if !last.is_empty() {
            self.take_line(copy, without_end(&last))?;
        }
        self.write_rows(copy)?;
        if copy.is_own {
            let source = self.source_of(&copy.transaction);
            crate::sql::write::before_commit(&self.write_context(&source))?;
            copy.transaction.inner.commit_shared(Durability::Durable)?;
        }
        Ok(CommandTag { command: "COPY", rows: Some(copy.written) })
    }

    /// Ends `copy` because the client gave up, and says so.
    pub fn copy_fail(&mut self, copy: CopyIn, reason: &str) -> Error {
        self.abandon(&copy);
        let message = format!("COPY from stdin failed: {reason}");
        SqlError::new(Condition::QueryCanceled, message).into()
    }

    fn abandon(&mut self, copy: &CopyIn) {
        match copy.is_own {
            true => copy.transaction.inner.rollback_shared(),
            false if self.status() != TransactionStatus::Failed => self.fail(),
            false => {}
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn at_line(error: Error, copy: &CopyIn) -> Error {
    match SqlError::inside(&error) {
        Some(found) => {
            let place = format!("COPY {}, line {}", copy.table.name(), copy.line);
            let found = found.clone();
            match found.detail {
                None => found.detail(place).into(),
                Some(_) => found.into(),
            }
        }
        None => error,
    }
}
