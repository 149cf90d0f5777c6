//! The one error of the engine: what failed, where, and what the caller should do next.
//!
//! ```text
//!   Error { kind, message, source }
//!           |     |        '-- the cause underneath, when there is one
//!           |     '----------- says what, where and what to do; for people, not an interface
//!           '----------------- decides what a program does next; every front maps it exhaustively
//! ```
//!
//! [`ErrorKind`] is deliberately exhaustive: a new kind must fail to compile until every protocol
//! front has said what it becomes on the wire.

use std::fmt;

use crate::kv::Contended;

/// The result of everything that the engine does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Another transaction got there first: run the whole transaction again.
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
    /// It cannot be done right now: wait, free a resource or reopen, as the message says, then try again.
    Unavailable,
    /// The outcome of a commit is unknown: read back before trying again.
    Indeterminate,
    /// Stored bytes are damaged: stop, keep the files, restore or rebuild as the message says.
    Corrupt,
    /// The database, transaction or view was closed: open another.
    Closed,
}

/// A failure with its [`ErrorKind`], a message that says what to do, and its cause.
pub struct Error {
    kind: ErrorKind,
    message: String,
    contended: Option<Contended>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), contended: None, source: None }
    }

    /// The same error with the cause underneath attached.
    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// The same error, its message led by where it happened.
    #[must_use]
    pub fn context(mut self, place: impl fmt::Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// The same error, with what transactions got in each other's way at.
    #[must_use]
    pub(crate) fn at(mut self, contended: Option<Contended>) -> Self {
        self.contended = contended;
        self
    }

    /// For a conflict: what to stand in line at before the next attempt, see [`Database::begin_in_turn`].
    ///
    /// [`Database::begin_in_turn`]: crate::Database::begin_in_turn
    pub fn contended(&self) -> Option<Contended> {
        self.contended
    }

    /// What the caller should do next.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message without the cause.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// An error of the file system, with the file it concerns and what to do about it.
    pub(crate) fn io(doing: impl fmt::Display, error: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let (kind, advice) = match error.kind() {
            Io::NotFound => (ErrorKind::NotFound, "check the path"),
            Io::NotADirectory | Io::AlreadyExists | Io::IsADirectory | Io::InvalidFilename => {
                (ErrorKind::Invalid, "check the path: something else has that name")
            }
            Io::PermissionDenied | Io::ReadOnlyFilesystem => {
                (ErrorKind::Unavailable, "make the directory writable for this user, then open it again")
            }
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => {
                (ErrorKind::Unavailable, "free some disk space, then open the database again")
            }
            Io::InvalidData | Io::UnexpectedEof => (ErrorKind::Corrupt, "keep the files and restore from a backup"),
            _ => (ErrorKind::Unavailable, "see the system's log for the disk, then open the database again"),
        };
        Error::new(kind, format!("{doing}: {error}; {advice}")).with_source(error)
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        impl Error {
            $($(#[$doc])*
            pub fn $name(message: impl Into<String>) -> Self { Error::new(ErrorKind::$kind, message) })*
        }
    };
}

constructors! {
    /// A [`ErrorKind::Conflict`].
    conflict => Conflict;
    /// A [`ErrorKind::NotFound`].
    not_found => NotFound;
    /// A [`ErrorKind::AlreadyExists`].
    already_exists => AlreadyExists;
    /// A [`ErrorKind::Invalid`].
    invalid => Invalid;
    /// A [`ErrorKind::Constraint`].
    constraint => Constraint;
    /// A [`ErrorKind::Precondition`].
    precondition => Precondition;
    /// A [`ErrorKind::LimitExceeded`].
    limit_exceeded => LimitExceeded;
    /// A [`ErrorKind::Unsupported`].
    unsupported => Unsupported;
    /// A [`ErrorKind::Unavailable`].
    unavailable => Unavailable;
    /// A [`ErrorKind::Indeterminate`].
    indeterminate => Indeterminate;
    /// A [`ErrorKind::Corrupt`].
    corrupt => Corrupt;
    /// A [`ErrorKind::Closed`].
    closed => Closed;
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.message)?;
        match &self.source {
            Some(source) => write!(f, " (caused by: {source})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
