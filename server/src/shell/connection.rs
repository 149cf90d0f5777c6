//! Whom the shell talks to: a directory that is opened here, or a server.

use marquetry::Database;
use marquetry::sql::{
    ColumnDescription, CommandTag, Interrupter, Outcome, Session, SqlType, TransactionStatus, format_value,
};
use marquetry_client::{Client, SqlAnswer};
use serde_json::Value as Json;
use tokio::runtime::Runtime;

use super::table::{Heading, Table};

/// What one statement answered.
#[derive(Debug)]
pub(super) enum Reply {
    Rows(Table),
    /// What was done, as PostgreSQL tells it.
    Done(String),
    /// Something beside the answer.
    Notice(String),
}

/// A failure in words.
pub(super) type Fault = String;

/// A session in this process, or a server that is asked.
pub(crate) enum Connection {
    Embedded(Box<Session>),
    Remote(Client),
}

impl Connection {
    /// A session of `database`.
    pub(crate) fn embedded(database: &Database) -> marquetry::Result<Self> {
        Ok(Connection::Embedded(Box::new(Session::new(database)?)))
    }

    /// What stops a running statement, where it runs in this process.
    pub(crate) fn interrupter(&self) -> Option<Interrupter> {
        match self {
            Connection::Embedded(session) => Some(session.interrupter()),
            Connection::Remote(_) => None,
        }
    }

    /// What the prompt says of the transaction: nothing, `*` inside, `!` in a failed one.
    pub(super) fn mark(&self) -> &'static str {
        match self {
            Connection::Embedded(session) => match session.status() {
                TransactionStatus::Idle => "",
                TransactionStatus::Open => "*",
                TransactionStatus::Failed => "!",
            },
            Connection::Remote(_) => "",
        }
    }

    /// What the statements of `sql` answer, up to the first that fails.
    pub(super) fn run(&mut self, runtime: &Runtime, sql: &str) -> (Vec<Reply>, Option<Fault>) {
        let mut replies = Vec::new();
        let outcome = match self {
            Connection::Embedded(session) => run_embedded(session, sql, &mut replies).map_err(|error| told(&error)),
            Connection::Remote(client) => match runtime.block_on(client.sql().run(sql)) {
                Ok(answers) => {
                    replies.extend(answers.iter().map(reply_of));
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            },
        };
        (replies, outcome.err())
    }
}

/// The failure, with what else is known of it.
fn told(error: &marquetry::Error) -> Fault {
    let mut text = error.to_string();
    if let Some(sql) = marquetry::sql::SqlError::inside(error) {
        for (name, more) in [("DETAIL", &sql.detail), ("HINT", &sql.hint)] {
            if let Some(more) = more {
                text.push_str(&format!("\n{name}:  {more}"));
            }
        }
    }
    text
}

fn run_embedded(session: &mut Session, sql: &str, replies: &mut Vec<Reply>) -> marquetry::Result<()> {
    for statement in session.parse(sql)? {
        let outcome = session.prepare(&statement, &[]).and_then(|prepared| session.execute(&prepared, Vec::new()));
        let reply = outcome.and_then(|outcome| take(session, outcome));
        for notice in session.take_notices() {
            replies.push(Reply::Notice(format!("{}:  {}", notice.severity, notice.message)));
        }
        replies.extend(reply?);
        for told in session.take_notifications() {
            let (channel, process) = (&told.channel, told.process);
            let text = format!("Notification \"{channel}\" from {process}: {}", told.payload);
            replies.push(Reply::Notice(text));
        }
    }
    Ok(())
}

fn take(session: &mut Session, outcome: Outcome) -> marquetry::Result<Option<Reply>> {
    match outcome {
        Outcome::Empty => Ok(None),
        Outcome::Command(tag) => Ok(Some(Reply::Done(text_of(&tag)))),
        Outcome::CopyIn(copy) => Err(session.copy_fail(copy, "the shell gives no data; use marquetry import")),
        Outcome::CopyOut(mut copy) => {
            let mut text = String::new();
            while let Some(bytes) = copy.next()? {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
            text.push_str(&text_of(&copy.tag()));
            Ok(Some(Reply::Done(text)))
        }
        Outcome::Rows(mut given) => {
            let columns = given.columns().clone();
            let mut rows = Vec::new();
            while let Some(values) = given.next_values()? {
                for row in values {
                    let texts = row
                        .iter()
                        .zip(columns.iter())
                        .map(|(value, column)| format_value(value, &column.sql_type, session.environment()));
                    rows.push(texts.collect::<marquetry::Result<_>>()?);
                }
            }
            Ok(Some(Reply::Rows(Table { headings: columns.iter().map(heading).collect(), rows })))
        }
    }
}

fn text_of(tag: &CommandTag) -> String {
    tag.rows.map_or_else(|| tag.command.to_owned(), |rows| format!("{} {rows}", tag.command))
}

fn heading(column: &ColumnDescription) -> Heading {
    let is_right = matches!(
        column.sql_type,
        SqlType::Int2
            | SqlType::Int4
            | SqlType::Int8
            | SqlType::Float4
            | SqlType::Float8
            | SqlType::Numeric(_)
            | SqlType::Oid
            | SqlType::Xid
    );
    Heading { name: column.name.clone(), is_right }
}

fn reply_of(answer: &SqlAnswer) -> Reply {
    if answer.columns.is_empty() && answer.rows.is_empty() {
        let count = answer.rows_affected.map(|count| format!(" {count}")).unwrap_or_default();
        return Reply::Done(format!("{}{count}", answer.command));
    }
    let numbers = ["smallint", "integer", "bigint", "real", "double precision", "numeric", "oid"];
    let heading = |column: &marquetry_client::SqlColumn| Heading {
        name: column.name.clone(),
        is_right: numbers.contains(&column.data_type.as_str()),
    };
    let text = |value: &Json| match value {
        Json::Null => None,
        Json::Bool(truth) => Some(if *truth { "t" } else { "f" }.to_owned()),
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    Reply::Rows(Table {
        headings: answer.columns.iter().map(heading).collect(),
        rows: answer.rows.iter().map(|row| row.iter().map(text).collect()).collect(),
    })
}
