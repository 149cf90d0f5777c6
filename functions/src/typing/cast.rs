//! The expression of a cast.

use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast as ArrowCast, Expr};

use super::Typing;
use super::literal::literal;
use super::pathway::Pathway;
use crate::condition::{Condition, SqlError, SqlResult};
use crate::numeric::cast::to_numeric;
use crate::registry::{Call, Function, Implementation, Registry, internal, routine_expr, run_arrays};
use crate::sql_type::SqlType;
use crate::text_form::{parse_column, parse_text, text_of};
use crate::typed::{CastContext, Typed};

impl Typing {
    /// The value as one of type `to` with this modifier, or -1. What a string literal says is read at once.
    pub fn cast(&self, value: Typed, to: &SqlType, type_modifier: i32, context: CastContext) -> SqlResult<Typed> {
        let to = if type_modifier >= 0 { to.with_modifier(type_modifier) } else { to.clone() };
        if value.sql_type == SqlType::Unknown {
            return self.cast_unknown(value, &to, type_modifier, context);
        }
        let Some(pathway) = self.registry.pathway(&value.sql_type, &to, context) else {
            return Err(SqlError::new(
                Condition::CannotCoerce,
                format!("cannot cast type {} to {}", value.sql_type.name(), to.name()),
            ));
        };
        if matches!(to, SqlType::Numeric(_)) && (value.sql_type.is_whole_number() || value.sql_type.is_same(&to)) {
            return to_numeric(self, value, &to, type_modifier);
        }
        if matches!(to, SqlType::Numeric(_)) && to != SqlType::NUMERIC {
            let any = self.cast(value, &SqlType::NUMERIC, -1, context)?;
            return to_numeric(self, any, &to, type_modifier);
        }
        let is_unmodified = type_modifier < 0 || type_modifier == value.type_modifier;
        let same = matches!(pathway, Pathway::Same);
        let cast = self.follow(value, &pathway, &to, type_modifier, context)?;
        if (same && is_unmodified) || type_modifier < 0 {
            return Ok(cast);
        }
        self.modify(cast, type_modifier, context)
    }

    fn cast_unknown(&self, value: Typed, to: &SqlType, type_modifier: i32, context: CastContext) -> SqlResult<Typed> {
        if *to == SqlType::Unknown {
            return Ok(value);
        }
        if let Some(index) = Self::undecided_parameter(&value) {
            let decided = self.decide_parameter(index, to)?;
            return self.cast(decided, to, type_modifier, context);
        }
        match &value.expr {
            Expr::Literal(ScalarValue::Utf8(None), _) => {
                let null = ScalarValue::try_from(&to.arrow()).map_err(internal)?;
                Ok(Typed::new(literal(null), to.clone()).modified(type_modifier))
            }
            Expr::Literal(ScalarValue::Utf8(Some(text)), _) => {
                if let Some(found) = self.registered(text, to)? {
                    return Ok(found);
                }
                // The length is a cast of its own: it cuts or fails by who asks.
                let read = parse_text(text, to, -1, &self.environment)?;
                let read = Typed::new(literal(read), to.clone());
                if type_modifier < 0 { Ok(read) } else { self.modify(read, type_modifier, context) }
            }
            _ => self.cast(Typed { sql_type: SqlType::Text, ..value }, to, type_modifier, CastContext::Explicit),
        }
    }

    /// The number of what `text` names, where the layer above looks names up; `None` where there is nothing to look up.
    fn registered(&self, text: &str, to: &SqlType) -> SqlResult<Option<Typed>> {
        let function = match to {
            SqlType::Regclass => "to_regclass_strict",
            SqlType::Regtype => "to_regtype_strict",
            SqlType::Regnamespace => "to_regnamespace_strict",
            SqlType::Regproc | SqlType::Regprocedure => "to_regproc_strict",
            SqlType::Regrole => "to_regrole_strict",
            _ => return Ok(None),
        };
        if text.bytes().all(|byte| byte.is_ascii_digit()) || self.function_kind(function).is_none() {
            return Ok(None);
        }
        let name = Typed::new(literal(ScalarValue::from(text)), SqlType::Text);
        let found = self.call(function, vec![name])?;
        Ok(Some(Typed::new(found.expr, to.clone())))
    }

    /// The value with its length or precision made what the modifier says.
    fn modify(&self, value: Typed, type_modifier: i32, context: CastContext) -> SqlResult<Typed> {
        let base = value.sql_type.base();
        if matches!(base, SqlType::Numeric(_)) {
            return to_numeric(self, value, &SqlType::NUMERIC.with_modifier(type_modifier), type_modifier);
        }
        if let SqlType::Array(element) = &base {
            if self.registry.cast(element, element).is_none() {
                return Ok(value.modified(type_modifier));
            }
            let to = value.sql_type.with_modifier(type_modifier);
            let found = self.follow(value, &Pathway::Elements, &to, type_modifier, context)?;
            return Ok(found.modified(type_modifier));
        }
        match self.registry.cast(&base, &base) {
            Some(cast) if cast.function.is_some() => {
                let to = value.sql_type.clone();
                let found = self.follow(value, &Pathway::Cast(cast.clone()), &to, type_modifier, context)?;
                Ok(found.modified(type_modifier))
            }
            _ => Ok(value.modified(type_modifier)),
        }
    }

    fn follow(
        &self,
        value: Typed,
        pathway: &Pathway,
        to: &SqlType,
        modifier: i32,
        context: CastContext,
    ) -> SqlResult<Typed> {
        let call = Call {
            modifier,
            is_explicit: context == CastContext::Explicit,
            ..Call::new(&self.environment, vec![value.sql_type.clone()], to.clone())
        };
        let expr = match pathway {
            Pathway::Same => return self.relabel(value, to),
            Pathway::Cast(cast) => {
                let value = match cast.from {
                    SqlType::Numeric(_) => to_numeric(self, value, &SqlType::NUMERIC, -1)?,
                    _ => value,
                };
                if cast.is_native {
                    return fold_native(value, to);
                }
                let function = cast.function.clone().ok_or_else(|| broken("a cast without a function"))?;
                let call = Call { arguments: vec![value.sql_type.clone()], ..call };
                if let Implementation::Expression(run) = &function.implementation {
                    return run(self, &call, vec![value]);
                }
                fold(&function, call, vec![value.expr])?
            }
            Pathway::ToText => fold(to_text(), call, vec![value.expr])?,
            Pathway::FromText => fold(from_text(), call, vec![value.expr])?,
            Pathway::Elements => fold(elements(), call, vec![value.expr])?,
        };
        Ok(Typed::new(expr, to.clone()))
    }

    /// The same value under another type that is held alike, or a number in another form.
    fn relabel(&self, value: Typed, to: &SqlType) -> SqlResult<Typed> {
        if matches!((&value.sql_type, to), (SqlType::Numeric(_), SqlType::Numeric(_))) {
            return to_numeric(self, value, to, -1);
        }
        if value.sql_type.arrow() != to.arrow() {
            let call = Call::new(&self.environment, vec![value.sql_type.clone()], to.clone());
            return Ok(Typed::new(fold(elements_of_same(), call, vec![value.expr])?, to.clone()));
        }
        let type_modifier = if value.sql_type == *to { value.type_modifier } else { -1 };
        Ok(Typed { expr: value.expr, sql_type: to.clone(), type_modifier })
    }
}

fn broken(message: &str) -> SqlError {
    SqlError::new(Condition::InternalError, message)
}

/// The call of a function over columns, worked out at once where all arguments are constants and nothing fails: what fails
/// must not do so in a branch that is never taken.
pub(crate) fn fold(function: &Arc<Function>, call: Call, arguments: Vec<Expr>) -> SqlResult<Expr> {
    let is_fixed = function.volatility == datafusion::logical_expr::Volatility::Immutable;
    let returns = function.returned_arrow(&call);
    let constants: Option<Vec<ArrayRef>> = arguments
        .iter()
        .map(|argument| match argument {
            Expr::Literal(value, _) if is_fixed => value.to_array().ok(),
            _ => None,
        })
        .collect();
    if let Some(constants) = constants
        && !constants.is_empty()
        && let Ok(found) = run_arrays(function, &call, &constants, 1)
        && *found.data_type() == returns
    {
        return Ok(literal(ScalarValue::try_from_array(&found, 0).map_err(internal)?));
    }
    Ok(routine_expr(function, call, returns, arguments))
}

/// Arrow's own cast, worked out at once for a constant.
pub(crate) fn fold_native(value: Typed, to: &SqlType) -> SqlResult<Typed> {
    let arrow = to.arrow();
    if value.sql_type == *to {
        return Ok(value);
    }
    if let Expr::Literal(constant, _) = &value.expr
        && let Ok(cast) = constant.cast_to(&arrow)
    {
        return Ok(Typed::new(literal(cast), to.clone()));
    }
    Ok(Typed::new(Expr::Cast(ArrowCast::new(Box::new(value.expr), arrow)), to.clone()))
}

fn to_text() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| {
        let run = Implementation::arrays(|call, arrays, _| {
            Ok(Arc::new(text_of(&arrays[0], &call.arguments[0], &call.environment)?))
        });
        Arc::new(Function::new("text(any) text", run))
    })
}

fn from_text() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| {
        let run = Implementation::arrays(|call, arrays, _| {
            parse_column(arrays[0].as_string(), &call.returns, call.modifier, &call.environment)
        });
        Arc::new(Function::new("from_text(text) text", run))
    })
}

/// A cast of each element of arrays.
fn elements() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| {
        let run = Implementation::arrays(|call, arrays, _| {
            let (SqlType::Array(from), SqlType::Array(to)) = (&call.arguments[0], &call.returns) else {
                return Err(broken("elements of what is no array"));
            };
            let call = Call { arguments: vec![(**from).clone()], returns: (**to).clone(), ..call.clone() };
            map_elements(&arrays[0], &|values| cast_column(&call, values))
        });
        Arc::new(Function::new("elements(anyarray) anyarray", run))
    })
}

/// Arrays of elements that are held alike but for the names of fields or the like.
fn elements_of_same() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| {
        let run = Implementation::arrays(|call, arrays, _| {
            arrow::compute::cast(&arrays[0], &call.returns.arrow()).map_err(crate::registry::arrow_error)
        });
        Arc::new(Function::new("same(any) any", run))
    })
}

fn map_elements(array: &ArrayRef, run: &dyn Fn(&ArrayRef) -> SqlResult<ArrayRef>) -> SqlResult<ArrayRef> {
    let DataType::List(_) = array.data_type() else { return run(array) };
    let list = array.as_list::<i32>();
    let values = map_elements(list.values(), run)?;
    let field = Arc::new(Field::new("item", values.data_type().clone(), true));
    Ok(Arc::new(ListArray::new(field, list.offsets().clone(), values, list.nulls().cloned())))
}

/// The column cast from the type of the call's argument to the one that it returns.
pub(crate) fn cast_column(call: &Call, values: &ArrayRef) -> SqlResult<ArrayRef> {
    let (from, to) = (&call.arguments[0], &call.returns);
    let run = |function: &Function| run_arrays(function, call, std::slice::from_ref(values), values.len());
    if matches!((from, to), (SqlType::Numeric(_), SqlType::Numeric(_))) {
        return crate::numeric::cast::fit(call, values);
    }
    let registry = Registry::shared();
    match registry.pathway(from, to, CastContext::Explicit) {
        Some(Pathway::Same) => match registry.cast(from, to).and_then(|cast| cast.function.clone()) {
            Some(function) if call.modifier >= 0 => run(&function),
            _ => Ok(values.clone()),
        },
        Some(Pathway::Cast(cast)) => match &cast.function {
            Some(function) => {
                let widened = crate::numeric::cast::to_any(values)?;
                let found = run_arrays(function, call, &[widened], values.len())?;
                crate::numeric::cast::fit(call, &found)
            }
            None => Ok(values.clone()),
        },
        Some(Pathway::Elements) => run(elements()),
        Some(Pathway::ToText) => run(to_text()),
        Some(Pathway::FromText) => run(from_text()),
        None => Err(broken("a cast that there is not")),
    }
}
