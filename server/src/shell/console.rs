//! What the shell does with what it reads.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::command::{Command, HELP};
use super::connection::{Connection, Reply};
use super::describe::{NAMES, describe, list};
use super::input::{Input, Line};
use super::reader::{Entry, Reader};
use super::table::Table;
use crate::failure::Failure;

/// Files that may include one another before it is taken for a circle.
const INCLUDES_MAX: usize = 16;

/// A shell: a connection, and how its answers are shown.
pub(crate) struct Console<'o> {
    connection: Connection,
    runtime: &'o Runtime,
    output: &'o mut dyn Write,
    is_timed: bool,
    is_expanded: bool,
    includes: usize,
}

/// Whether the shell goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Stop,
}

impl<'o> Console<'o> {
    pub(crate) fn new(connection: Connection, runtime: &'o Runtime, output: &'o mut dyn Write) -> Self {
        Console { connection, runtime, output, is_timed: false, is_expanded: false, includes: 0 }
    }

    /// Talks with whoever is at the terminal, or runs what comes from elsewhere.
    pub(crate) fn run(&mut self) -> Result<(), Failure> {
        let stdin = std::io::stdin();
        if stdin.is_terminal() { self.talk() } else { self.script(&mut stdin.lock()).map(drop) }
    }

    fn talk(&mut self) -> Result<(), Failure> {
        let mut input = Input::new()?;
        let mut reader = Reader::default();
        writeln!(self.output, "marquetry {}; \\? for help, \\q to leave", env!("CARGO_PKG_VERSION"))?;
        input.know(self.names());
        loop {
            let more = if reader.is_empty() { "=" } else { "-" };
            let prompt = format!("marquetry{more}{}> ", self.connection.mark());
            let line = match input.line(&prompt)? {
                Line::Text(line) => line,
                Line::Dropped => {
                    reader.clear();
                    continue;
                }
                Line::End => return Ok(()),
            };
            for entry in reader.take(&line) {
                let (Entry::Statement(text) | Entry::Command(text)) = &entry;
                input.remember(text);
                // A person sees what failed, and goes on.
                match self.enter(&entry) {
                    Ok(Next::Go) => {}
                    Ok(Next::Stop) => return Ok(()),
                    Err(failure) => writeln!(self.output, "ERROR:  {failure}")?,
                }
                if is_definition(text) {
                    input.know(self.names());
                }
            }
        }
    }

    /// Runs the statements and commands of `source`, up to the first that fails.
    fn script(&mut self, source: &mut dyn BufRead) -> Result<Next, Failure> {
        let mut reader = Reader::default();
        for line in source.lines() {
            for entry in reader.take(&line?) {
                if self.enter(&entry)? == Next::Stop {
                    return Ok(Next::Stop);
                }
            }
        }
        match reader.rest() {
            Some(statement) => self.enter(&Entry::Statement(statement)),
            None => Ok(Next::Go),
        }
    }

    /// Runs `text` as one line of a script would be.
    pub(crate) fn run_text(&mut self, text: &str) -> Result<(), Failure> {
        self.script(&mut text.as_bytes()).map(drop)
    }

    fn enter(&mut self, entry: &Entry) -> Result<Next, Failure> {
        match entry {
            Entry::Statement(sql) => self.statement(sql).map(|()| Next::Go),
            Entry::Command(text) => self.command(&Command::parse(text).map_err(Failure::failed)?),
        }
    }

    fn statement(&mut self, sql: &str) -> Result<(), Failure> {
        let begun = Instant::now();
        let (replies, fault) = self.connection.run(self.runtime, sql);
        let took = begun.elapsed();
        for reply in &replies {
            match reply {
                Reply::Rows(table) => self.show(table)?,
                Reply::Done(tag) => writeln!(self.output, "{tag}")?,
                Reply::Notice(text) => writeln!(self.output, "{text}")?,
            }
        }
        if let Some(fault) = fault {
            return Err(Failure::failed(fault));
        }
        if self.is_timed {
            writeln!(self.output, "Time: {:.3} ms", took.as_secs_f64() * 1000.0)?;
        }
        Ok(())
    }

    fn show(&mut self, table: &Table) -> Result<(), Failure> {
        let text = if self.is_expanded { table.expanded() } else { table.aligned() };
        Ok(writeln!(self.output, "{text}")?)
    }

    fn command(&mut self, command: &Command) -> Result<Next, Failure> {
        match command {
            Command::Quit => return Ok(Next::Stop),
            Command::Help => writeln!(self.output, "{HELP}")?,
            Command::Timing => {
                self.is_timed = !self.is_timed;
                writeln!(self.output, "Timing is {}.", if self.is_timed { "on" } else { "off" })?;
            }
            Command::Expanded => {
                self.is_expanded = !self.is_expanded;
                writeln!(self.output, "Expanded display is {}.", if self.is_expanded { "on" } else { "off" })?;
            }
            Command::Include(path) => return self.include(Path::new(path)),
            Command::List(listing) => self.statement(list(*listing))?,
            Command::Describe(name) => self.describe(name)?,
        }
        Ok(Next::Go)
    }

    fn include(&mut self, path: &Path) -> Result<Next, Failure> {
        if self.includes >= INCLUDES_MAX {
            return Err(Failure::failed(format!("{} is included in a circle", path.display())));
        }
        let file = std::fs::File::open(path)
            .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
        self.includes += 1;
        let next = self.script(&mut std::io::BufReader::new(file));
        self.includes -= 1;
        next
    }

    fn describe(&mut self, name: &str) -> Result<(), Failure> {
        let [columns, indexes, constraints] = describe(name);
        let columns = self.table(&columns)?;
        if columns.rows.is_empty() {
            return Err(Failure::failed(format!("there is no table or view {name}; \\d lists them")));
        }
        self.show(&columns)?;
        for (title, sql) in [("Indexes", indexes), ("Constraints", constraints)] {
            let found = self.table(&sql)?;
            if !found.rows.is_empty() {
                writeln!(self.output, "{title}:")?;
            }
            for text in found.rows.iter().flatten().flatten() {
                writeln!(self.output, "    {text}")?;
            }
        }
        Ok(())
    }

    /// The rows of one statement.
    fn table(&mut self, sql: &str) -> Result<Table, Failure> {
        let (replies, fault) = self.connection.run(self.runtime, sql);
        if let Some(fault) = fault {
            return Err(Failure::failed(fault));
        }
        let mut tables = replies.into_iter().filter_map(|reply| match reply {
            Reply::Rows(table) => Some(table),
            Reply::Done(_) | Reply::Notice(_) => None,
        });
        Ok(tables.next_back().unwrap_or_default())
    }

    /// The names of tables and columns; none when they cannot be had, which costs completion only.
    fn names(&mut self) -> Vec<String> {
        // A statement of ours in a failed transaction, or in any, is none of the person's.
        if !self.connection.mark().is_empty() {
            return Vec::new();
        }
        let table = self.table(NAMES).unwrap_or_default();
        table.rows.into_iter().flatten().flatten().collect()
    }
}

fn is_definition(statement: &str) -> bool {
    let first = statement.split_whitespace().next().unwrap_or_default().to_uppercase();
    matches!(first.as_str(), "CREATE" | "ALTER" | "DROP")
}
