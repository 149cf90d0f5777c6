//! What a function is.

use std::fmt;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{AggregateUDF, ColumnarValue, Volatility, WindowUDF};

use super::signature::{Pattern, Returns, parse_signature};
use crate::condition::SqlResult;
use crate::environment::Environment;
use crate::sql_type::SqlType;
use crate::typed::Typed;
use crate::typing::Typing;

/// What a function makes of its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionKind {
    /// One value for one row; operators, too.
    Scalar,
    /// One value for a group of rows.
    Aggregate,
    /// One value for a row within its window; only there.
    Window,
    /// Several rows for one row.
    SetReturning,
}

/// What an implementation knows about the call beside the values.
#[derive(Debug, Clone)]
pub struct Call {
    /// The session.
    pub environment: Arc<Environment>,
    /// The types of the arguments as they are passed: after coercion.
    pub arguments: Vec<SqlType>,
    /// The type of the result; for functions that return sets, of one element.
    pub returns: SqlType,
    /// Of a cast, the modifier of the type it casts to; otherwise -1.
    pub modifier: i32,
    /// Of a cast, whether the user wrote it.
    pub is_explicit: bool,
}

impl Function {
    /// The Arrow type of what the function gives for one row: of a set, the list.
    pub(crate) fn returned_arrow(&self, call: &Call) -> DataType {
        let element = call.returns.arrow();
        match self.kind {
            FunctionKind::SetReturning => DataType::List(Arc::new(Field::new("item", element, true))),
            _ => element,
        }
    }
}

impl Call {
    /// A call with these types.
    pub fn new(environment: &Arc<Environment>, arguments: Vec<SqlType>, returns: SqlType) -> Self {
        Call { environment: environment.clone(), arguments, returns, modifier: -1, is_explicit: false }
    }
}

/// A function over columns that knows nothing but them.
pub type PlainFn = dyn Fn(&[ArrayRef], usize) -> SqlResult<ArrayRef> + Send + Sync;

type ArraysFn = dyn Fn(&Call, &[ArrayRef], usize) -> SqlResult<ArrayRef> + Send + Sync;
type ColumnsFn = dyn Fn(&Call, &[ColumnarValue], usize) -> SqlResult<ColumnarValue> + Send + Sync;
type ExpressionFn = dyn Fn(&Typing, &Call, Vec<Typed>) -> SqlResult<Typed> + Send + Sync;
type AggregateFn = dyn Fn(&Call) -> SqlResult<Aggregation> + Send + Sync;
type CollectFn = dyn Fn(&Call, &[ArrayRef], usize) -> SqlResult<ScalarValue> + Send + Sync;
type WindowFn = dyn Fn(&Call) -> SqlResult<Arc<WindowUDF>> + Send + Sync;

/// An aggregate for one call.
#[derive(Debug, Clone)]
pub struct Aggregation {
    /// What DataFusion calls.
    pub aggregate: Arc<AggregateUDF>,
    /// The types that it wants its arguments in.
    pub arguments: Vec<SqlType>,
    /// The type that it returns.
    pub returns: SqlType,
}

/// How a function is done.
#[derive(Clone)]
pub enum Implementation {
    /// Over columns, all as long as there are rows. A strict function sees no row with a NULL in it.
    Arrays(Arc<ArraysFn>),
    /// Over columns and constants; sees NULLs, also if strict.
    Columns(Arc<ColumnsFn>),
    /// As an expression of others, when the statement is bound.
    Expression(Arc<ExpressionFn>),
    /// As one of DataFusion's aggregates. It sees numerics in the form that they have.
    Aggregate(Arc<AggregateFn>),
    /// As an aggregate that is given all rows of a group at once, in order and, if it is asked for, distinct.
    Collect(Arc<CollectFn>),
    /// As one of DataFusion's window functions.
    Window(Arc<WindowFn>),
}

impl fmt::Debug for Implementation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Implementation::Arrays(_) => "Arrays",
            Implementation::Columns(_) => "Columns",
            Implementation::Expression(_) => "Expression",
            Implementation::Aggregate(_) => "Aggregate",
            Implementation::Collect(_) => "Collect",
            Implementation::Window(_) => "Window",
        })
    }
}

impl Implementation {
    /// Over columns; see [`Implementation::Arrays`].
    pub fn arrays(run: impl Fn(&Call, &[ArrayRef], usize) -> SqlResult<ArrayRef> + Send + Sync + 'static) -> Self {
        Implementation::Arrays(Arc::new(run))
    }

    /// Over columns and constants; see [`Implementation::Columns`].
    pub fn columns(
        run: impl Fn(&Call, &[ColumnarValue], usize) -> SqlResult<ColumnarValue> + Send + Sync + 'static,
    ) -> Self {
        Implementation::Columns(Arc::new(run))
    }

    /// As an expression; see [`Implementation::Expression`].
    pub fn expression(run: impl Fn(&Typing, &Call, Vec<Typed>) -> SqlResult<Typed> + Send + Sync + 'static) -> Self {
        Implementation::Expression(Arc::new(run))
    }

    /// As an aggregate; see [`Implementation::Aggregate`].
    pub fn aggregate(run: impl Fn(&Call) -> SqlResult<Aggregation> + Send + Sync + 'static) -> Self {
        Implementation::Aggregate(Arc::new(run))
    }

    /// Over all rows of a group; see [`Implementation::Collect`]. NULLs are among the rows; there may be none.
    pub fn collect(run: impl Fn(&Call, &[ArrayRef], usize) -> SqlResult<ScalarValue> + Send + Sync + 'static) -> Self {
        Implementation::Collect(Arc::new(run))
    }

    /// As a window function; see [`Implementation::Window`].
    pub fn window(run: impl Fn(&Call) -> SqlResult<Arc<WindowUDF>> + Send + Sync + 'static) -> Self {
        Implementation::Window(Arc::new(run))
    }
}

/// A function or an operator.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name, in lower case; an operator's is its sign.
    pub name: String,
    /// The types of its arguments; a prefix operator has one. The last one of a variadic function may come repeatedly.
    pub arguments: Vec<Pattern>,
    /// Whether the last argument may be given any number of times (at least once; `"any"` also never).
    pub variadic: bool,
    /// What it returns.
    pub returns: Returns,
    /// What it makes of its rows.
    pub kind: FunctionKind,
    /// Whether its result depends on its arguments alone.
    pub volatility: Volatility,
    /// Whether it is NULL as soon as one argument is.
    pub strict: bool,
    /// How it is done.
    pub implementation: Implementation,
}

impl Function {
    /// A function of this signature, such as `"lpad(text, int4, text) text"`: immutable and strict unless it is said
    /// otherwise. One that returns `setof type` or `table(name type, ...)` gives one list for each row.
    ///
    /// # Panics
    ///
    /// When the signature is not one: they are part of the program.
    pub fn new(signature: &str, implementation: Implementation) -> Self {
        let (name, arguments, variadic, returns) = parse_signature(signature);
        let kind = match (&implementation, &returns) {
            (Implementation::Aggregate(_) | Implementation::Collect(_), _) => FunctionKind::Aggregate,
            (Implementation::Window(_), _) => FunctionKind::Window,
            (_, Returns::One(_)) => FunctionKind::Scalar,
            (_, Returns::Set(_) | Returns::Table(_)) => FunctionKind::SetReturning,
        };
        Function {
            name,
            arguments,
            variadic,
            returns,
            kind,
            volatility: Volatility::Immutable,
            strict: kind != FunctionKind::Aggregate,
            implementation,
        }
    }

    /// A function over columns that knows nothing but them.
    ///
    /// # Panics
    ///
    /// Like [`Function::new`].
    pub fn of_arrays(signature: &str, run: Arc<PlainFn>) -> Self {
        Function::new(signature, Implementation::arrays(move |_, arrays, rows| run(arrays, rows)))
    }

    /// The same, whose result is fixed within a statement only.
    #[must_use]
    pub fn stable(mut self) -> Self {
        self.volatility = Volatility::Stable;
        self
    }

    /// The same, whose result differs from row to row.
    #[must_use]
    pub fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// The same, which is called also when an argument is NULL.
    #[must_use]
    pub fn called_on_null(mut self) -> Self {
        self.strict = false;
        self
    }

    /// Whether the name is an operator's.
    pub fn is_operator(&self) -> bool {
        !self.name.starts_with(|first: char| first.is_alphabetic() || first == '_')
    }
}
