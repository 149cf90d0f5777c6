//! One client's conversation: its messages in, the session's answers out.
//!
//! ```text
//!   receive --> frames --> Query                       --> simple.rs     statements, one after another
//!                     |--> Parse Bind Execute ... Sync --> extended.rs   a pipeline up to Sync
//!                     '--> CopyData CopyDone CopyFail  --> copy.rs       while a COPY takes data
//!
//!   Listening --error in a pipeline--> Skipping --Sync--> Listening        Listening --COPY FROM STDIN--> Copying
//! ```
//!
//! - Messages are pushed in as they arrive, whole or in pieces, so that nothing here waits for the network but to send.
//! - Answers leave at Sync, at Flush, at the end of a simple query, and when much of a large one has gathered.
//! - The session alone knows the state of the transaction; here is only whether a pipeline's group is open.

use std::collections::VecDeque;

use marquetry::sql::{self, Session, TransactionStatus};
use marquetry::{Database, Result as EngineResult};

use super::channel::Channel;
use super::copy::Copying;
use super::error::{WireError, write_notice};
use super::message::{Message, next_frame};
use super::output::Output;
use super::portal::{Names, Portal, Statement};
use super::registry::Registration;
use super::startup::Client;

/// Bytes of answers that gather before they are sent though nobody waits for them yet.
const GATHERED_MAX_BYTES: usize = 1 << 16;

/// Why a conversation ends.
#[derive(Debug)]
pub(super) enum End {
    /// The client said so, or is gone.
    Closed,
    /// Something was wrong that cannot be talked over.
    Fatal(WireError),
}

impl From<std::io::Error> for End {
    fn from(error: std::io::Error) -> Self {
        tracing::debug!(%error, "a client is gone");
        End::Closed
    }
}

/// How far a message got.
#[derive(Debug)]
pub(super) enum Failure {
    /// The client is told, and the conversation goes on.
    Told(WireError),
    /// The conversation ends.
    Ended(End),
}

impl<E: Into<WireError>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        if error.is_fatal() { Failure::Ended(End::Fatal(error)) } else { Failure::Told(error) }
    }
}

impl From<End> for Failure {
    fn from(end: End) -> Self {
        Failure::Ended(end)
    }
}

pub(super) type Progress<T = ()> = Result<T, Failure>;

/// What the conversation waits for.
pub(super) enum Mode {
    /// Any message.
    Listening,
    /// A Sync: something before it in its pipeline failed.
    Skipping,
    /// The data of a COPY.
    Copying(Box<Copying>),
}

/// A client's session, and everything that the protocol adds to it.
pub(super) struct Conversation {
    pub(super) session: Session,
    pub(super) output: Output,
    pub(super) mode: Mode,
    /// The statement without a name; those with one are the session's, where SQL finds them too.
    pub(super) unnamed: Option<Statement>,
    pub(super) portals: Names<Portal>,
    /// What is left of a simple query while one of its statements takes data.
    pub(super) rest: VecDeque<sql::Statement>,
    /// Whether the session has a group open: several statements of one query or pipeline.
    pub(super) has_group: bool,
    /// Whether a simple query is being answered.
    pub(super) in_query: bool,
    channel: Channel,
    input: Vec<u8>,
    registration: Registration,
    message_size_max_bytes: usize,
}

/// What a conversation begins with: the connection as its startup left it.
pub(super) struct Beginning {
    pub(super) session: Session,
    pub(super) channel: Channel,
    pub(super) input: Vec<u8>,
    pub(super) output: Output,
    pub(super) registration: Registration,
    pub(super) message_size_max_bytes: usize,
}

/// The settings that every client is told at the start.
const TOLD_SETTINGS: [&str; 15] = [
    "server_version",
    "server_encoding",
    "client_encoding",
    "application_name",
    "default_transaction_read_only",
    "in_hot_standby",
    "is_superuser",
    "session_authorization",
    "DateStyle",
    "IntervalStyle",
    "TimeZone",
    "integer_datetimes",
    "standard_conforming_strings",
    "search_path",
    "scram_iterations",
];

/// A session of `client` with the settings that it asked for.
pub(super) fn session_of(database: &Database, client: &Client) -> EngineResult<Session> {
    let mut session = Session::new(database)?;
    session.set("session_authorization", &client.user)?;
    for (name, value) in &client.settings {
        session.set(name, value)?;
    }
    Ok(session)
}

impl Conversation {
    /// Greets the client: its settings, the key that cancels, and that the server waits.
    pub(super) fn begin(mut beginning: Beginning, secret: &[u8]) -> Self {
        for name in TOLD_SETTINGS {
            if let Some(value) = beginning.session.setting(name) {
                beginning.output.parameter_status(name, &value);
            }
        }
        // They have just been told.
        drop(beginning.session.take_changed_settings());
        beginning.output.key_data(beginning.session.id(), secret);
        let Beginning { session, channel, input, output, registration, message_size_max_bytes } = beginning;
        Conversation {
            session,
            output,
            mode: Mode::Listening,
            unnamed: None,
            portals: Names::default(),
            rest: VecDeque::new(),
            has_group: false,
            in_query: false,
            channel,
            input,
            registration,
            message_size_max_bytes,
        }
    }

    /// Takes what arrived, and answers every message that is whole.
    pub(super) fn receive(&mut self, raw: &[u8]) -> Result<(), End> {
        let mut input = std::mem::take(&mut self.input);
        self.channel.receive(raw, &mut input)?;
        self.registration.set_busy(true);
        let outcome = self.answer_all(&mut input);
        self.registration.set_busy(false);
        if input.is_empty() {
            // What one large message has grown is given back.
            input.shrink_to(GATHERED_MAX_BYTES);
        }
        self.input = input;
        outcome
    }

    fn answer_all(&mut self, input: &mut Vec<u8>) -> Result<(), End> {
        let mut done = 0;
        let outcome = loop {
            match next_frame(&input[done..], self.message_size_max_bytes) {
                Err(error) => break Err(End::Fatal(error)),
                Ok(None) => break Ok(()),
                Ok(Some(frame)) => {
                    let after = done + frame.size_bytes;
                    let is_last = input.get(after) == Some(&b'S');
                    if let Err(end) = self.answer(frame.kind, frame.body, is_last) {
                        break Err(end);
                    }
                    done = after;
                }
            }
        };
        input.drain(..done);
        outcome
    }

    /// Answers one message; `before_sync` says that a Sync comes next.
    fn answer(&mut self, kind: u8, body: &[u8], before_sync: bool) -> Result<(), End> {
        self.in_query = kind == b'Q' || matches!(&self.mode, Mode::Copying(copying) if copying.in_query);
        let progress = match self.mode {
            Mode::Skipping if !matches!(kind, b'S' | b'X') => return Ok(()),
            // What is left of a COPY that failed.
            Mode::Listening if matches!(kind, b'd' | b'c' | b'f') => return Ok(()),
            Mode::Copying(_) => Message::read(kind, body).map_err(Failure::from).and_then(|m| self.answer_copying(m)),
            _ => Message::read(kind, body).map_err(Failure::from).and_then(|m| self.answer_message(m, before_sync)),
        };
        match progress {
            Ok(()) => Ok(()),
            Err(Failure::Ended(end)) => Err(end),
            Err(Failure::Told(error)) => self.fail(kind, &error),
        }
    }

    fn answer_message(&mut self, message: Message<'_>, before_sync: bool) -> Progress {
        match message {
            Message::Query(sql) => self.query(sql),
            Message::Parse { name, sql, types } => self.parse(name, sql, &types),
            Message::Bind(bind) => self.bind(&bind),
            Message::Describe(named) => self.describe(&named),
            Message::Close(named) => self.close(&named),
            Message::Execute { portal, rows_max } => self.execute(portal, rows_max, before_sync),
            Message::Flush => Ok(self.flush()?),
            Message::Sync => self.sync(),
            Message::Terminate => Err(End::Closed.into()),
            Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => Ok(()),
        }
    }

    /// Tells the client of a failure. After one of a simple query the server waits for the next, after one of a pipeline
    /// it skips to the Sync.
    fn fail(&mut self, kind: u8, error: &WireError) -> Result<(), End> {
        self.mode = Mode::Listening;
        self.rest.clear();
        self.tell_notices();
        error.write(&mut self.output);
        if self.has_group {
            self.has_group = false;
            // The group is rolled back, which is why nothing more can fail that the client does not know of.
            let _ = self.session.end_group();
        }
        if self.in_query || kind == b'S' {
            return self.ready();
        }
        self.mode = Mode::Skipping;
        Ok(())
    }

    /// Ends the open group, if there is one: what its statements did is kept from here on.
    pub(super) fn end_group(&mut self) -> Progress {
        if std::mem::take(&mut self.has_group) {
            self.session.end_group()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Progress {
        self.mode = Mode::Listening;
        self.end_group()?;
        Ok(self.ready()?)
    }

    /// Says that the server waits, and sends everything.
    pub(super) fn ready(&mut self) -> Result<(), End> {
        let status = self.session.status();
        if status == TransactionStatus::Idle {
            self.portals.clear();
        }
        self.tell_notices();
        for (name, value) in self.session.take_changed_settings() {
            self.output.parameter_status(&name, &value);
        }
        self.tell_notifications();
        self.output.ready(match status {
            TransactionStatus::Idle => b'I',
            TransactionStatus::Open => b'T',
            TransactionStatus::Failed => b'E',
        });
        self.flush()
    }

    pub(super) fn tell_notices(&mut self) {
        for notice in self.session.take_notices() {
            write_notice(&notice, &mut self.output);
        }
    }

    fn tell_notifications(&mut self) {
        if self.session.status() == TransactionStatus::Idle {
            for notification in self.session.take_notifications() {
                self.output.notification(notification.process, &notification.channel, &notification.payload);
            }
        }
    }

    /// Sends notifications to a client that waits for them and asks for nothing.
    pub(super) fn deliver(&mut self) -> Result<(), End> {
        if self.output.len() == 0 && !self.has_group && matches!(self.mode, Mode::Listening) {
            self.tell_notifications();
            self.flush()?;
        }
        Ok(())
    }

    /// Sends what has gathered, if that is much.
    pub(super) fn flush_much(&mut self) -> Result<(), End> {
        if self.output.len() >= GATHERED_MAX_BYTES { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> Result<(), End> {
        self.channel.send(self.output.bytes())?;
        self.output.clear();
        Ok(())
    }

    /// Sends the last words, if there are any, and ends the connection.
    pub(super) fn end(&mut self, why: Option<&WireError>) {
        if let Some(error) = why {
            error.write(&mut self.output);
        }
        // The client may be gone; then nobody hears them.
        let _ = self.flush();
        self.channel.end();
    }

    /// The types that the client said its parameters are; 0 leaves it to the server.
    pub(super) fn types_of(&mut self, oids: &[u32]) -> Result<Vec<Option<sql::SqlType>>, WireError> {
        let type_of = |oid: &u32| match oid {
            0 => Ok(None),
            oid => match self.session.type_of_oid(*oid)? {
                // A client that does not know the type either sends text.
                Some(sql::SqlType::Unknown) => Ok(None),
                Some(sql_type) => Ok(Some(sql_type)),
                None => {
                    let message = format!("type with OID {oid} does not exist");
                    Err(WireError::new(sql::Condition::UndefinedObject, message))
                }
            },
        };
        oids.iter().map(type_of).collect()
    }
}
