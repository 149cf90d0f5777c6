//! What goes wrong in a statement, by the names that the SQL standard and PostgreSQL have for it.

use std::fmt;

use datafusion::error::DataFusionError;

/// The result of binding or evaluating.
pub type SqlResult<T> = Result<T, SqlError>;

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident $code:literal;)*) => {
        /// What went wrong; each is one condition of the SQL standard or of PostgreSQL.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Condition { $(#[doc = concat!("Condition ", $code, ".")] $(#[$doc])* $name,)* }

        impl Condition {
            /// The five characters by which the standard and PostgreSQL know the condition.
            pub fn code(self) -> &'static str {
                match self { $(Condition::$name => $code,)* }
            }
        }
    };
}

conditions! {
    FeatureNotSupported "0A000";
    InvalidTransactionInitiation "0B000";
    CardinalityViolation "21000";
    DataException "22000";
    StringDataRightTruncation "22001";
    NullValueNotAllowed "22004";
    NumericValueOutOfRange "22003";
    InvalidDatetimeFormat "22007";
    DatetimeFieldOverflow "22008";
    DivisionByZero "22012";
    InvalidPrecedingOrFollowingSize "22013";
    InvalidArgumentForNtile "22014";
    IntervalFieldOverflow "22015";
    InvalidArgumentForNthValue "22016";
    InvalidArgumentForWidthBucket "2201G";
    InvalidArgumentForLogarithm "2201E";
    InvalidArgumentForPower "2201F";
    InvalidRegularExpression "2201B";
    InvalidRowCountInLimit "2201W";
    InvalidRowCountInOffset "2201X";
    InvalidTimeZoneDisplacement "22009";
    InvalidEscapeSequence "22025";
    StringDataLengthMismatch "22026";
    InvalidParameterValue "22023";
    SubstringError "22011";
    ArraySubscriptError "2202E";
    SequenceGeneratorLimitExceeded "2200H";
    InvalidTextRepresentation "22P02";
    InvalidBinaryRepresentation "22P03";
    BadCopyFileFormat "22P04";
    UntranslatableCharacter "22P05";
    CharacterNotInRepertoire "22021";
    InvalidJsonText "22032";
    InvalidSqlJsonSubscript "22033";
    SqlJsonMemberNotFound "2203A";
    SqlJsonArrayNotFound "22039";
    SqlJsonNumberNotFound "2203B";
    SqlJsonObjectNotFound "2203C";
    SqlJsonScalarRequired "2203F";
    SingletonSqlJsonItemRequired "22038";
    NonNumericSqlJsonItem "22036";
    IntegrityConstraintViolation "23000";
    NotNullViolation "23502";
    ForeignKeyViolation "23503";
    UniqueViolation "23505";
    CheckViolation "23514";
    InvalidCursorState "24000";
    InvalidTransactionState "25000";
    ActiveTransaction "25001";
    NoActiveTransaction "25P01";
    InFailedTransaction "25P02";
    ReadOnlyTransaction "25006";
    InvalidStatementName "26000";
    TriggeredDataChangeViolation "27000";
    InvalidAuthorization "28000";
    InvalidPassword "28P01";
    DependentObjectsStillExist "2BP01";
    InvalidCursorName "34000";
    InvalidCatalogName "3D000";
    InvalidSchemaName "3F000";
    InvalidSavepoint "3B001";
    SerializationFailure "40001";
    DeadlockDetected "40P01";
    SyntaxError "42601";
    InsufficientPrivilege "42501";
    CannotCoerce "42846";
    GroupingError "42803";
    WindowingError "42P20";
    InvalidRecursion "42P19";
    InvalidForeignKey "42830";
    InvalidName "42602";
    NameTooLong "42622";
    ReservedName "42939";
    DatatypeMismatch "42804";
    IndeterminateDatatype "42P18";
    CollationMismatch "42P21";
    WrongObjectType "42809";
    GeneratedAlways "428C9";
    UndefinedColumn "42703";
    UndefinedFunction "42883";
    UndefinedTable "42P01";
    UndefinedParameter "42P02";
    UndefinedObject "42704";
    DuplicateColumn "42701";
    DuplicateCursor "42P03";
    DuplicateDatabase "42P04";
    DuplicateFunction "42723";
    DuplicatePreparedStatement "42P05";
    DuplicateSchema "42P06";
    DuplicateTable "42P07";
    DuplicateAlias "42712";
    DuplicateObject "42710";
    AmbiguousColumn "42702";
    AmbiguousFunction "42725";
    AmbiguousParameter "42P08";
    InvalidColumnReference "42P10";
    InvalidColumnDefinition "42611";
    InvalidObjectDefinition "42P17";
    InvalidTableDefinition "42P16";
    WithCheckOptionViolation "44000";
    InsufficientResources "53000";
    DiskFull "53100";
    OutOfMemory "53200";
    TooManyConnections "53300";
    ProgramLimitExceeded "54000";
    StatementTooComplex "54001";
    TooManyColumns "54011";
    TooManyArguments "54023";
    ObjectNotInPrerequisiteState "55000";
    ObjectInUse "55006";
    CannotChangeRuntimeParameter "55P02";
    LockNotAvailable "55P03";
    OperatorIntervention "57000";
    QueryCanceled "57014";
    AdminShutdown "57P01";
    CannotConnectNow "57P03";
    SystemError "58000";
    IoError "58030";
    InternalError "XX000";
    DataCorrupted "XX001";
}

/// A statement's failure: the condition, what it is about, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What went wrong.
    pub condition: Condition,
    /// What went wrong with what, as PostgreSQL words it.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement, as a character from 1 on.
    pub position: Option<usize>,
    /// The objects that it concerns.
    pub object: Box<ErrorObject>,
}

/// The objects that a failure concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorObject {
    /// The schema.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The type.
    pub data_type: Option<String>,
    /// The constraint.
    pub constraint: Option<String>,
}

impl SqlError {
    /// A failure of `condition` that says `message`.
    pub fn new(condition: Condition, message: impl Into<String>) -> Self {
        SqlError {
            condition,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            object: Box::default(),
        }
    }

    /// Something that is understood and not offered.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        SqlError::new(Condition::FeatureNotSupported, format!("{what} is not supported"))
    }

    /// The failure with more about it.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The failure with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The failure with where in the statement it is, as a character from 1 on, unless that is known already.
    #[must_use]
    pub fn at(mut self, position: Option<usize>) -> Self {
        self.position = self.position.or(position);
        self
    }

    /// The failure of this kind inside `error`, however deep.
    pub fn inside<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e SqlError> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<SqlError>() {
                return Some(found);
            }
            if let Some(DataFusionError::External(inner)) = error.downcast_ref::<DataFusionError>()
                && let Some(found) = SqlError::inside(&**inner)
            {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        DataFusionError::External(Box::new(error))
    }
}
