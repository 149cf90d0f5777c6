//! Failures of SQL as the engine's error, and DataFusion's failures as either.
//!
//! ```text
//!   SqlError           -> Error { kind by what the caller does next, source: the SqlError }
//!   DataFusionError    -> the SqlError or engine Error inside it, else what DataFusion says, as an internal failure
//!   Error              -> DataFusionError::External, to come back whole
//! ```

use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use marquetry_functions::{Condition, SqlError};

use crate::error::{Error, ErrorKind};

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        Error::new(kind_of(error.condition), error.message.clone()).with_source(error)
    }
}

/// What the caller does next about `condition`.
fn kind_of(condition: Condition) -> ErrorKind {
    use Condition as C;
    match condition {
        C::FeatureNotSupported => ErrorKind::Unsupported,
        C::SerializationFailure | C::DeadlockDetected => ErrorKind::Conflict,
        C::UndefinedTable
        | C::UndefinedColumn
        | C::UndefinedFunction
        | C::UndefinedObject
        | C::InvalidSchemaName
        | C::InvalidCatalogName
        | C::InvalidCursorName
        | C::InvalidStatementName => ErrorKind::NotFound,
        C::DuplicateTable
        | C::DuplicateColumn
        | C::DuplicateObject
        | C::DuplicateSchema
        | C::DuplicateCursor
        | C::DuplicateFunction
        | C::DuplicatePreparedStatement => ErrorKind::AlreadyExists,
        C::IntegrityConstraintViolation
        | C::NotNullViolation
        | C::ForeignKeyViolation
        | C::UniqueViolation
        | C::CheckViolation => ErrorKind::Constraint,
        C::ProgramLimitExceeded
        | C::StatementTooComplex
        | C::TooManyColumns
        | C::TooManyArguments
        | C::NameTooLong
        | C::OutOfMemory
        | C::InsufficientResources
        | C::SequenceGeneratorLimitExceeded => ErrorKind::LimitExceeded,
        C::LockNotAvailable
        | C::QueryCanceled
        | C::TooManyConnections
        | C::DiskFull
        | C::SystemError
        | C::IoError
        | C::CannotConnectNow
        | C::ObjectInUse => ErrorKind::Unavailable,
        C::DataCorrupted => ErrorKind::Corrupt,
        C::AdminShutdown => ErrorKind::Closed,
        _ => ErrorKind::Invalid,
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        DataFusionError::External(Box::new(error))
    }
}

/// The failure that DataFusion reports, without its wrapping.
pub(crate) fn from_datafusion(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(engine) => *engine,
            Err(other) => match other.downcast::<SqlError>() {
                Ok(sql) => (*sql).into(),
                Err(other) => match other.downcast::<DataFusionError>() {
                    Ok(nested) => from_datafusion(*nested),
                    Err(other) => internal(other.to_string()),
                },
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => from_datafusion(*inner),
        DataFusionError::Shared(shared) => from_shared(&shared),
        DataFusionError::Collection(mut errors) if !errors.is_empty() => from_datafusion(errors.swap_remove(0)),
        DataFusionError::ArrowError(error, _) => from_arrow(*error),
        DataFusionError::ResourcesExhausted(message) => {
            SqlError::new(Condition::OutOfMemory, "out of memory").detail(message).into()
        }
        DataFusionError::SchemaError(error, _) => from_schema(&error),
        DataFusionError::NotImplemented(what) => SqlError::unsupported(what).into(),
        other => internal(other.strip_backtrace()),
    }
}

/// A failure that several readers of one stream were told.
fn from_shared(error: &DataFusionError) -> Error {
    match SqlError::inside(error) {
        Some(found) => found.clone().into(),
        None => internal(error.strip_backtrace()),
    }
}

fn from_arrow(error: arrow::error::ArrowError) -> Error {
    use arrow::error::ArrowError;
    match error {
        ArrowError::ExternalError(inner) => from_datafusion(DataFusionError::External(inner)),
        ArrowError::DivideByZero => SqlError::new(Condition::DivisionByZero, "division by zero").into(),
        ArrowError::ArithmeticOverflow(_) => {
            SqlError::new(Condition::NumericValueOutOfRange, "value out of range").into()
        }
        other => internal(other.to_string()),
    }
}

fn from_schema(error: &SchemaError) -> Error {
    internal(error.to_string())
}

/// A failure of DataFusion that has no condition of its own.
fn internal(message: impl Into<String>) -> Error {
    let message = message.into();
    if message.contains("Scalar subquery returned more than one row") {
        let message = "more than one row returned by a subquery used as an expression";
        return SqlError::new(Condition::CardinalityViolation, message).into();
    }
    SqlError::new(Condition::InternalError, message).into()
}
