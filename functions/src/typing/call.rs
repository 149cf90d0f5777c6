//! Calls of functions, and the special forms that look like calls.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Case, Expr};

use super::Typing;
use super::cast::fold;
use super::literal::numeric_literal;
use super::resolve::Choice;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric;
use crate::numeric::cast::{decimal_form, to_numeric};
use crate::registry::{Call, Function, FunctionKind, Implementation, Pattern, Returns};
use crate::sql_type::SqlType;
use crate::typed::{CastContext, Typed};

/// The forms that look like functions and are none: they do not evaluate all of their arguments, or take any type.
const SPECIAL: [&str; 4] = ["coalesce", "nullif", "greatest", "least"];

pub(super) fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name)
}

/// What the placeholders of a signature stand for in one call.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    element: Option<SqlType>,
    compatible: Option<SqlType>,
}

impl Typing {
    /// The call of a function of one row.
    pub fn call(&self, name: &str, arguments: Vec<Typed>) -> SqlResult<Typed> {
        match name {
            "coalesce" => return self.coalesce(arguments),
            "nullif" => return self.null_if(arguments),
            "greatest" | "least" => return self.extreme(name, arguments),
            _ => {}
        }
        let function = match self.find_function(name, &arguments) {
            Ok(function) => function,
            Err(error) => match self.cast_called(name, &arguments) {
                Some(sql_type) => {
                    let value = arguments.into_iter().next().ok_or(error)?;
                    return self.cast(value, &sql_type, -1, CastContext::Explicit);
                }
                None => return Err(error),
            },
        };
        if function.kind != FunctionKind::Scalar {
            return Err(SqlError::new(Condition::WrongObjectType, format!("{name} is not a function of one row")));
        }
        self.make_call(&function, arguments)
    }

    /// The function that is meant by this name for these arguments.
    pub(super) fn find_function(&self, name: &str, arguments: &[Typed]) -> SqlResult<Arc<Function>> {
        let types: Vec<SqlType> = arguments.iter().map(|argument| argument.sql_type.clone()).collect();
        let shown = || format!("{name}({})", types.iter().map(SqlType::name).collect::<Vec<_>>().join(", "));
        match self.choose_function(name, &types) {
            Choice::One(function) => Ok(function),
            Choice::None => {
                Err(SqlError::new(Condition::UndefinedFunction, format!("function {} does not exist", shown())).hint(
                    "No function matches the given name and argument types. You might need to add explicit type casts.",
                ))
            }
            Choice::Several => {
                Err(SqlError::new(Condition::AmbiguousFunction, format!("function {} is not unique", shown()))
                    .hint("Could not choose a best candidate function. You might need to add explicit type casts."))
            }
        }
    }

    /// The type that a call of one argument names, if it is a cast in the shape of a call: `int4('3')`.
    fn cast_called(&self, name: &str, arguments: &[Typed]) -> Option<SqlType> {
        let [argument] = arguments else { return None };
        let to = SqlType::by_name(name).filter(|to| !matches!(to, SqlType::Array(_) | SqlType::Record(_)))?;
        let from = &argument.sql_type;
        let may = *from == SqlType::Unknown || self.registry.pathway(from, &to, CastContext::Explicit).is_some();
        may.then_some(to)
    }

    /// The call of `function`, whose arguments are made what it wants.
    pub(super) fn make_call(&self, function: &Arc<Function>, arguments: Vec<Typed>) -> SqlResult<Typed> {
        let (arguments, call) = self.prepare(function, arguments)?;
        if let Implementation::Expression(run) = &function.implementation {
            return run(self, &call, arguments);
        }
        let returns = call.returns.clone();
        let expressions = arguments.into_iter().map(|argument| argument.expr).collect();
        Ok(Typed::new(fold(function, call, expressions)?, returns))
    }

    /// The arguments as `function` wants them, and what it has to know.
    pub(super) fn prepare(&self, function: &Function, arguments: Vec<Typed>) -> SqlResult<(Vec<Typed>, Call)> {
        let types: Vec<SqlType> = arguments.iter().map(|argument| argument.sql_type.clone()).collect();
        let placeholders = self.placeholders(function, &types).unwrap_or_default();
        let keeps_forms =
            matches!(function.implementation, Implementation::Expression(_) | Implementation::Aggregate(_));
        let passed = arguments
            .into_iter()
            .enumerate()
            .map(|(index, argument)| {
                let wanted = placeholders.stands_for(function.pattern_at(index), &argument.sql_type)?;
                self.pass(argument, &wanted, keeps_forms)
            })
            .collect::<SqlResult<Vec<_>>>()?;
        let returns = match &function.returns {
            Returns::One(pattern) | Returns::Set(pattern) => placeholders.stands_for(pattern, &SqlType::Unknown)?,
            Returns::Table(columns) => {
                let columns = columns
                    .iter()
                    .map(|(name, pattern)| Ok((name.clone(), placeholders.stands_for(pattern, &SqlType::Unknown)?)))
                    .collect::<SqlResult<Vec<_>>>()?;
                SqlType::Record(columns.into())
            }
        };
        let types = passed.iter().map(|argument| argument.sql_type.clone()).collect();
        Ok((passed, Call::new(&self.environment, types, returns)))
    }

    /// The argument as one of type `wanted`.
    fn pass(&self, argument: Typed, wanted: &SqlType, keeps_forms: bool) -> SqlResult<Typed> {
        if let (SqlType::Numeric(_), Expr::Literal(ScalarValue::Utf8(Some(text)), _)) = (wanted, &argument.expr)
            && argument.sql_type == SqlType::Unknown
            && keeps_forms
        {
            return Ok(numeric_literal(&numeric::parse(text)?));
        }
        if let SqlType::Numeric(_) = wanted
            && (argument.sql_type.is_whole_number() || argument.sql_type.is_same(wanted))
        {
            return if keeps_forms { decimal_form(argument) } else { to_numeric(self, argument, wanted, -1) };
        }
        if argument.sql_type == *wanted {
            return Ok(argument);
        }
        self.cast(argument, wanted, -1, CastContext::Implicit)
    }

    /// What the placeholders of the signature stand for; none when the arguments contradict each other.
    pub(super) fn placeholders(&self, function: &Function, types: &[SqlType]) -> Option<Placeholders> {
        let mut found = Placeholders::default();
        let mut compatible: Vec<SqlType> = Vec::new();
        for (index, actual) in types.iter().enumerate() {
            let element = match actual {
                SqlType::Unknown => continue,
                SqlType::Array(element) => Some((**element).clone()),
                _ => None,
            };
            match function.pattern_at(index) {
                Pattern::AnyElement | Pattern::AnyNonArray | Pattern::AnyEnum => found.meet(actual.clone())?,
                Pattern::AnyArray => found.meet(element?)?,
                Pattern::AnyCompatible | Pattern::AnyCompatibleNonArray => compatible.push(actual.clone()),
                Pattern::AnyCompatibleArray => compatible.push(element?),
                Pattern::Exact(_) | Pattern::Any | Pattern::Record => {}
            }
        }
        if !compatible.is_empty() {
            found.compatible = Some(self.common_of("", &compatible).ok()?);
        }
        Some(found)
    }

    /// The first of the arguments that is not NULL; the others are not evaluated.
    fn coalesce(&self, arguments: Vec<Typed>) -> SqlResult<Typed> {
        let sql_type = self.common_type("COALESCE", &arguments.iter().collect::<Vec<_>>())?;
        let mut arguments = arguments
            .into_iter()
            .map(|argument| self.cast(argument, &sql_type, -1, CastContext::Implicit).map(|argument| argument.expr))
            .collect::<SqlResult<Vec<Expr>>>()?;
        let Some(last) = arguments.pop() else {
            return Err(SqlError::new(Condition::SyntaxError, "syntax error at or near \")\""));
        };
        if arguments.is_empty() {
            return Ok(Typed::new(last, sql_type));
        }
        let branches = arguments
            .into_iter()
            .map(|argument| (Box::new(argument.clone().is_not_null()), Box::new(argument)))
            .collect();
        Ok(Typed::new(Expr::Case(Case::new(None, branches, Some(Box::new(last)))), sql_type))
    }

    /// The first argument, or NULL if it equals the second.
    fn null_if(&self, arguments: Vec<Typed>) -> SqlResult<Typed> {
        let count = arguments.len();
        let Ok([value, other]) = <[Typed; 2]>::try_from(arguments) else {
            return Err(SqlError::new(Condition::SyntaxError, format!("nullif of {count} arguments")));
        };
        let value = if value.sql_type == SqlType::Unknown {
            let wanted = if other.sql_type == SqlType::Unknown { SqlType::Text } else { other.sql_type.clone() };
            self.cast(value, &wanted, -1, CastContext::Implicit)?
        } else {
            value
        };
        let is_equal = self.operator("=", Some(value.clone()), other)?;
        let null = ScalarValue::try_from(&value.sql_type.arrow()).map_err(crate::registry::internal)?;
        let branches = vec![(Box::new(is_equal.expr), Box::new(super::literal(null)))];
        let expr = Expr::Case(Case::new(None, branches, Some(Box::new(value.expr))));
        Ok(Typed { expr, ..value })
    }
}

impl Placeholders {
    /// One more place says what the element is.
    fn meet(&mut self, actual: SqlType) -> Option<()> {
        match &self.element {
            Some(before) if !before.is_same(&actual) => return None,
            // Numbers of different forms meet in the form that holds all.
            Some(before) if *before != actual => self.element = Some(actual.base()),
            _ => self.element = Some(actual),
        }
        Some(())
    }

    /// The type that the pattern stands for where the argument is `actual`.
    fn stands_for(&self, pattern: &Pattern, actual: &SqlType) -> SqlResult<SqlType> {
        let undecided = || {
            SqlError::new(
                Condition::DatatypeMismatch,
                "could not determine polymorphic type because input has type unknown",
            )
        };
        match pattern {
            Pattern::Exact(sql_type) => Ok(sql_type.clone()),
            Pattern::Any | Pattern::Record => {
                Ok(if *actual == SqlType::Unknown { SqlType::Text } else { actual.clone() })
            }
            Pattern::AnyElement | Pattern::AnyNonArray | Pattern::AnyEnum => self.element.clone().ok_or_else(undecided),
            Pattern::AnyArray => self.element.clone().map(SqlType::array_of).ok_or_else(undecided),
            Pattern::AnyCompatible | Pattern::AnyCompatibleNonArray => {
                Ok(self.compatible.clone().unwrap_or(SqlType::Text))
            }
            Pattern::AnyCompatibleArray => Ok(self.compatible.clone().unwrap_or(SqlType::Text).array_of()),
        }
    }
}
