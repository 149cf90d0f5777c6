//! The clause that an expression stands in: what may stand there, and where aggregates, windows and sets are put aside.
//!
//! ```text
//!   sum(x) + 1     the aggregate goes into `Collected`, the expression becomes   a7 + 1
//! ```

use std::cell::RefCell;

use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use marquetry_functions::{Condition, SetReturning, SqlError, SqlType, Typed};

/// Where an expression stands.
pub(crate) struct Clause<'c> {
    /// The clause's name, for errors.
    pub(crate) name: &'static str,
    pub(crate) collected: Option<&'c Collected>,
    /// What of the collected kinds may stand here.
    pub(crate) allows: Allowed,
}

/// What may stand in a clause.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Allowed {
    pub(crate) aggregates: bool,
    pub(crate) windows: bool,
    pub(crate) sets: bool,
}

/// What was put aside, with the columns that will hold it.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) aggregates: RefCell<Vec<(Expr, Column)>>,
    pub(crate) windows: RefCell<Vec<(Expr, Column)>>,
    pub(crate) sets: RefCell<Vec<(SetReturning, Column)>>,
}

impl Clause<'static> {
    /// A clause of plain expressions.
    pub(crate) const fn plain(name: &'static str) -> Self {
        Clause { name, collected: None, allows: Allowed { aggregates: false, windows: false, sets: false } }
    }
}

impl<'c> Clause<'c> {
    /// A clause whose aggregates, windows and sets, as `allows` says, go into `collected`.
    pub(crate) fn collecting(name: &'static str, collected: &'c Collected, allows: Allowed) -> Self {
        Clause { name, collected: Some(collected), allows }
    }

    /// The column for the aggregate `value`.
    pub(super) fn aggregate(&self, value: Typed, fresh: impl FnOnce() -> Column) -> Result<Typed, SqlError> {
        match self.collected {
            Some(collected) if self.allows.aggregates => Ok(put_aside(&collected.aggregates, value, fresh)),
            _ => Err(SqlError::new(
                Condition::GroupingError,
                format!("aggregate functions are not allowed in {}", self.name),
            )),
        }
    }

    /// The column for the window function `value`.
    pub(super) fn window(&self, value: Typed, fresh: impl FnOnce() -> Column) -> Result<Typed, SqlError> {
        match self.collected {
            Some(collected) if self.allows.windows => Ok(put_aside(&collected.windows, value, fresh)),
            _ => Err(SqlError::new(
                Condition::WindowingError,
                format!("window functions are not allowed in {}", self.name),
            )),
        }
    }

    /// The column for the elements of `set`.
    pub(super) fn set(&self, set: SetReturning, fresh: impl FnOnce() -> Column) -> Result<Typed, SqlError> {
        let Some(collected) = self.collected.filter(|_| self.allows.sets) else {
            return Err(SqlError::unsupported(format!("a set-returning function in {}", self.name)));
        };
        let sql_type = match &set.columns[..] {
            [(_, sql_type)] => sql_type.clone(),
            columns => SqlType::Record(columns.to_vec().into()),
        };
        let column = fresh();
        collected.sets.borrow_mut().push((set, column.clone()));
        Ok(Typed::new(Expr::Column(column), sql_type))
    }
}

fn put_aside(into: &RefCell<Vec<(Expr, Column)>>, value: Typed, fresh: impl FnOnce() -> Column) -> Typed {
    let mut known = into.borrow_mut();
    let column = match known.iter().find(|(expr, _)| *expr == value.expr) {
        Some((_, column)) => column.clone(),
        None => {
            let column = fresh();
            known.push((value.expr, column.clone()));
            column
        }
    };
    Typed::new(Expr::Column(column), value.sql_type).modified(value.type_modifier)
}
