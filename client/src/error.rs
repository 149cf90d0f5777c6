//! Why a call failed, sorted by what the caller should do next: the kinds of the engine, and those of a network.
//!
//! ```text
//!   problem document { kind, status, detail } --> Error { kind, message }
//!   no answer at all                          --> Error { Transport }
//! ```

use std::fmt;

/// The result of every call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Another transaction got there first: run the whole transaction again, as [`crate::Client::transact`] does.
    Conflict,
    /// The thing named does not exist: create it or name another.
    NotFound,
    /// The name is taken: choose another or use what is there.
    AlreadyExists,
    /// The call itself is wrong: fix the arguments.
    Invalid,
    /// The data break a declared rule (unique, not null): fix the data.
    Constraint,
    /// A condition that the caller stated (version, etag, lease) does not hold: read again and decide.
    Precondition,
    /// Something exceeds a stated limit: make it smaller or raise the limit.
    LimitExceeded,
    /// The request is understood and not offered: do it another way.
    Unsupported,
    /// It cannot be done right now: try again later.
    Unavailable,
    /// The outcome of a write is unknown: read back before trying again.
    Indeterminate,
    /// Stored bytes are damaged: stop, and restore or rebuild as the message says.
    Corrupt,
    /// The database or transaction is closed: open another.
    Closed,
    /// The access token is missing or wrong: give the right one.
    Unauthenticated,
    /// The server refuses this caller: see the message.
    Forbidden,
    /// The server could not be reached or broke off: whether a write took effect is unknown.
    Transport,
    /// The answer is not one of this protocol: check the URL and the versions of both sides.
    Protocol,
}

impl ErrorKind {
    /// The kind that a problem document calls `word`.
    fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "conflict" => ErrorKind::Conflict,
            "not_found" => ErrorKind::NotFound,
            "already_exists" => ErrorKind::AlreadyExists,
            "invalid" => ErrorKind::Invalid,
            "constraint" => ErrorKind::Constraint,
            "precondition" => ErrorKind::Precondition,
            "limit_exceeded" => ErrorKind::LimitExceeded,
            "unsupported" => ErrorKind::Unsupported,
            "unavailable" => ErrorKind::Unavailable,
            "indeterminate" => ErrorKind::Indeterminate,
            "corrupt" => ErrorKind::Corrupt,
            "closed" => ErrorKind::Closed,
            "unauthenticated" => ErrorKind::Unauthenticated,
            "forbidden" => ErrorKind::Forbidden,
            _ => return None,
        })
    }
}

/// A failure with its [`ErrorKind`] and a message that says what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    status: Option<u16>,
    message: String,
    contended: Option<String>,
    sqlstate: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`, for closures that want to fail a transaction.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, status: None, message: message.into(), contended: None, sqlstate: None, source: None }
    }

    /// What the caller should do next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The HTTP status, when the server answered.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// For a conflict: what the next attempt should stand in line at, see [`crate::Client::begin_in_turn`].
    pub fn contended(&self) -> Option<&str> {
        self.contended.as_deref()
    }

    /// For a failed statement of SQL: its condition, by the five characters that PostgreSQL has for it.
    pub fn sqlstate(&self) -> Option<&str> {
        self.sqlstate.as_deref()
    }

    /// The message without the cause.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The error that an answer with `status` and `body` tells.
    pub(crate) fn from_answer(status: u16, body: &[u8]) -> Self {
        #[derive(serde::Deserialize)]
        struct Document {
            kind: String,
            detail: String,
            contended: Option<String>,
            sqlstate: Option<String>,
        }
        match serde_json::from_slice::<Document>(body) {
            Ok(document) => Error {
                kind: ErrorKind::from_word(&document.kind).unwrap_or(ErrorKind::Protocol),
                status: Some(status),
                message: document.detail,
                contended: document.contended,
                sqlstate: document.sqlstate,
                source: None,
            },
            Err(_) => Error::bare(status),
        }
    }

    /// The error that a status without a document tells, as HEAD answers have it.
    fn bare(status: u16) -> Self {
        let kind = match status {
            404 => ErrorKind::NotFound,
            304 | 412 => ErrorKind::Precondition,
            401 => ErrorKind::Unauthenticated,
            403 => ErrorKind::Forbidden,
            431 => ErrorKind::LimitExceeded,
            503 => ErrorKind::Unavailable,
            _ => ErrorKind::Protocol,
        };
        Error {
            kind,
            status: Some(status),
            message: format!("the server answered {status}"),
            contended: None,
            sqlstate: None,
            source: None,
        }
    }

    pub(crate) fn protocol(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Protocol, message)
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        let (kind, message) = match () {
            () if error.is_builder() => (ErrorKind::Invalid, format!("the request cannot be built: {error}")),
            () if error.is_connect() => {
                (ErrorKind::Transport, format!("cannot connect: {error}; is the server running?"))
            }
            () => (ErrorKind::Transport, format!("the connection failed: {error}")),
        };
        Error { kind, status: None, message, contended: None, sqlstate: None, source: Some(Box::new(error)) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

/// The answer, or `None` when the error is that there is nothing.
pub(crate) fn found<T>(answer: Result<T>) -> Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
