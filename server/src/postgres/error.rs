//! The one place where a failure becomes an ErrorResponse: its SQLSTATE, its words, and the objects it concerns.
//!
//! ```text
//!   marquetry::Error --> the SqlError inside it      as it is
//!                    --> the ConstraintViolation     23505, 23502, with table, column and constraint
//!                    --> else its ErrorKind          exhaustively: a new kind does not compile until it has a code here
//!   the protocol itself                              08P01 and its like
//! ```

use std::error::Error as _;

use marquetry::sql::{Condition, Notice, SqlError};
use marquetry::table::{ConstraintKind, ConstraintViolation};
use marquetry::{Error, ErrorKind};

use super::output::Output;

const PROTOCOL_VIOLATION: &str = "08P01";
const TRANSACTION_RESOLUTION_UNKNOWN: &str = "08007";

/// A failure as a client will be told.
#[derive(Debug)]
pub(super) struct WireError {
    is_fatal: bool,
    code: &'static str,
    message: String,
    fields: Box<Fields>,
}

/// What is told of a failure beside its words; boxed, since most results are none.
#[derive(Debug, Default)]
struct Fields {
    detail: Option<String>,
    hint: Option<String>,
    position: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    data_type: Option<String>,
    constraint: Option<String>,
}

impl WireError {
    fn with_code(code: &'static str, message: impl Into<String>) -> Self {
        WireError { is_fatal: false, code, message: message.into(), fields: Box::default() }
    }

    pub(super) fn new(condition: Condition, message: impl Into<String>) -> Self {
        WireError::with_code(condition.code(), message)
    }

    /// The client broke the protocol.
    pub(super) fn violation(message: impl Into<String>) -> Self {
        WireError::with_code(PROTOCOL_VIOLATION, message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        WireError::new(Condition::FeatureNotSupported, message)
    }

    pub(super) fn limit(message: impl Into<String>) -> Self {
        WireError::new(Condition::ProgramLimitExceeded, message)
    }

    pub(super) fn not_utf8() -> Self {
        WireError::new(Condition::CharacterNotInRepertoire, "invalid byte sequence for encoding \"UTF8\"")
    }

    pub(super) fn invalid_binary(what: impl std::fmt::Display) -> Self {
        WireError::new(Condition::InvalidBinaryRepresentation, format!("incorrect binary data format for {what}"))
    }

    /// The same failure as the last one of its connection.
    #[must_use]
    pub(super) fn fatal(mut self) -> Self {
        self.is_fatal = true;
        self
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.fields.hint = Some(hint.into());
        self
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.is_fatal
    }

    pub(super) fn write(&self, output: &mut Output) {
        let severity = if self.is_fatal { "FATAL" } else { "ERROR" };
        let further = [
            (b'D', &self.fields.detail),
            (b'H', &self.fields.hint),
            (b'P', &self.fields.position),
            (b's', &self.fields.schema),
            (b't', &self.fields.table),
            (b'c', &self.fields.column),
            (b'd', &self.fields.data_type),
            (b'n', &self.fields.constraint),
        ];
        let further = further.into_iter().filter_map(|(field, text)| Some((field, text.as_deref()?)));
        let always = [(b'S', severity), (b'V', severity), (b'C', self.code), (b'M', self.message.as_str())];
        output.report(b'E', always.into_iter().chain(further));
    }
}

/// Writes something that a client may want to know.
pub(super) fn write_notice(notice: &Notice, output: &mut Output) {
    let severity = notice.severity;
    output.report(b'N', [(b'S', severity), (b'V', severity), (b'C', notice.code), (b'M', notice.message.as_str())]);
}

/// What PostgreSQL's clients know each kind as, where nothing below says more.
fn code_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Conflict => Condition::SerializationFailure.code(),
        ErrorKind::NotFound => Condition::UndefinedObject.code(),
        ErrorKind::AlreadyExists => Condition::DuplicateObject.code(),
        ErrorKind::Invalid => Condition::InvalidParameterValue.code(),
        ErrorKind::Constraint => Condition::IntegrityConstraintViolation.code(),
        ErrorKind::Precondition => Condition::ObjectNotInPrerequisiteState.code(),
        ErrorKind::LimitExceeded => Condition::ProgramLimitExceeded.code(),
        ErrorKind::Unsupported => Condition::FeatureNotSupported.code(),
        ErrorKind::Unavailable => Condition::InsufficientResources.code(),
        ErrorKind::Indeterminate => TRANSACTION_RESOLUTION_UNKNOWN,
        ErrorKind::Corrupt => Condition::DataCorrupted.code(),
        ErrorKind::Closed => Condition::AdminShutdown.code(),
    }
}

/// The `T` in the causes under `error`.
fn cause<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(source) = next {
        if let Some(found) = source.downcast_ref() {
            return Some(found);
        }
        next = source.source();
    }
    None
}

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        if error.kind() == ErrorKind::Corrupt {
            tracing::error!(%error, "stored bytes are damaged");
        }
        if let Some(found) = SqlError::inside(&error) {
            return found.clone().into();
        }
        let whole = WireError::with_code(code_of(error.kind()), error.message());
        let Some(violation) = cause::<ConstraintViolation>(&error) else { return whole };
        let condition = match violation.kind {
            ConstraintKind::Unique => Condition::UniqueViolation,
            ConstraintKind::NotNull => Condition::NotNullViolation,
        };
        let one_column = match violation.columns.as_slice() {
            [column] if violation.kind == ConstraintKind::NotNull => Some(column.clone()),
            _ => None,
        };
        let fields = Fields {
            schema: Some("public".to_owned()),
            table: Some(violation.table.clone()),
            column: one_column,
            constraint: Some(violation.constraint.clone()).filter(|name| !name.is_empty()),
            ..Fields::default()
        };
        WireError { code: condition.code(), fields: Box::new(fields), ..whole }
    }
}

impl From<SqlError> for WireError {
    fn from(error: SqlError) -> Self {
        let object = *error.object;
        let fields = Fields {
            detail: error.detail,
            hint: error.hint,
            position: error.position.map(|position| position.to_string()),
            schema: object.schema,
            table: object.table,
            column: object.column,
            data_type: object.data_type,
            constraint: object.constraint,
        };
        WireError { fields: Box::new(fields), ..WireError::new(error.condition, error.message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_that_is_known_of_a_failure_is_told() {
        let mut output = Output::default();
        let sql = SqlError::new(Condition::UndefinedTable, "relation \"a\" does not exist").hint("b").at(Some(15));
        WireError::from(Error::not_found("outer").with_source(sql)).write(&mut output);
        let told = String::from_utf8_lossy(output.bytes()).into_owned();
        assert!(told.contains("SERROR\0VERROR\0C42P01\0Mrelation \"a\" does not exist\0Hb\0P15\0\0"), "{told:?}");

        let violation = ConstraintViolation {
            kind: ConstraintKind::NotNull,
            table: "t".into(),
            constraint: String::new(),
            columns: vec!["c".into()],
        };
        output.clear();
        WireError::from(Error::constraint("m").with_source(violation)).write(&mut output);
        let told = String::from_utf8_lossy(output.bytes()).into_owned();
        assert!(told.contains("C23502\0Mm\0spublic\0tt\0cc\0\0"), "{told:?}");

        output.clear();
        WireError::from(Error::conflict("again")).fatal().write(&mut output);
        assert!(String::from_utf8_lossy(output.bytes()).contains("SFATAL\0VFATAL\0C40001\0Magain\0\0"));
    }
}
