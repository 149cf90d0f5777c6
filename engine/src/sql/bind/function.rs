//! Calls of functions: scalar, aggregate, window, set-returning, and those with a syntax of their own.

use datafusion::logical_expr::Expr;
use marquetry_functions::{AggregateCall, CastContext, Condition, FunctionKind, OrderKey, SqlError, SqlType, Typed};
use sqlparser::ast::{
    self, DuplicateTreatment, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList,
    FunctionArguments,
};

use super::Binder;
use super::clause::Clause;
use super::name::schema_and_name;
use super::scope::Scope;
use crate::error::Result;

/// Names that are called without parentheses.
const BARE: [&str; 12] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "localtime",
    "localtimestamp",
    "current_user",
    "current_role",
    "session_user",
    "user",
    "current_catalog",
    "current_schema",
    "system_user",
];

pub(super) fn is_row_constructor(call: &ast::Function) -> bool {
    matches!(&call.name.0[..], [ast::ObjectNamePart::Identifier(ident)]
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("row"))
}

/// The arguments of `ROW(a, b)`.
pub(super) fn row_items(call: &ast::Function) -> Result<Vec<ast::Expr>, SqlError> {
    let FunctionArguments::List(list) = &call.args else { return Ok(Vec::new()) };
    let item = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(item)) => Ok(item.clone()),
        other => Err(SqlError::unsupported(format!("the field {other} of a row"))),
    };
    list.args.iter().map(item).collect()
}

/// `IS [NOT] JSON ...`
pub(super) fn is_json(
    binder: &Binder<'_>,
    value: Typed,
    kind: Option<&ast::JsonPredicateType>,
    unique: Option<&ast::JsonKeyUniqueness>,
    negated: bool,
) -> Result<Typed> {
    let kind = binder.typing.string(kind.map_or("VALUE".to_owned(), ToString::to_string).to_lowercase());
    let unique = unique.is_some_and(|unique| unique.to_string().starts_with("WITH UNIQUE"));
    let is = binder.typing.call("is_json", vec![value, kind, binder.typing.boolean(unique)])?;
    if negated { binder.not(is) } else { Ok(is) }
}

/// The arguments of a call, apart from what modifies it.
struct Arguments<'t> {
    values: Vec<&'t ast::Expr>,
    is_star: bool,
    is_distinct: bool,
    order_by: &'t [ast::OrderByExpr],
    null_treatment: Option<ast::NullTreatment>,
    is_variadic: bool,
}

fn arguments<'t>(call: &'t ast::Function) -> Result<Arguments<'t>, SqlError> {
    let mut found = Arguments {
        values: Vec::new(),
        is_star: false,
        is_distinct: false,
        order_by: &[],
        null_treatment: call.null_treatment,
        is_variadic: false,
    };
    let FunctionArgumentList { duplicate_treatment, args, clauses } = match &call.args {
        FunctionArguments::None => return Ok(found),
        FunctionArguments::Subquery(_) => return Err(SqlError::unsupported("a bare subquery as an argument")),
        FunctionArguments::List(list) => list,
    };
    found.is_distinct = matches!(duplicate_treatment, Some(DuplicateTreatment::Distinct));
    for argument in args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => found.values.push(value),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => found.is_star = true,
            other => return Err(SqlError::unsupported(format!("the argument {other}"))),
        }
    }
    for clause in clauses {
        match clause {
            FunctionArgumentClause::OrderBy(keys) => found.order_by = keys,
            FunctionArgumentClause::IgnoreOrRespectNulls(treatment) => found.null_treatment = Some(*treatment),
            other => return Err(SqlError::unsupported(format!("{other} in the arguments of a function"))),
        }
    }
    Ok(found)
}

impl Binder<'_> {
    pub(super) fn function(&self, call: &ast::Function, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        if call.uses_odbc_syntax || !matches!(call.parameters, FunctionArguments::None) {
            return Err(SqlError::unsupported(format!("the call {call}")).into());
        }
        if is_row_constructor(call) {
            return self.row(&row_items(call)?, scope, clause);
        }
        let (schema, name) = schema_and_name(&call.name)?;
        if let ("array", FunctionArguments::Subquery(query)) = (&name[..], &call.args) {
            return self.array_subquery(query, scope, clause);
        }
        let found = arguments(call)?;
        if schema.as_deref().is_some_and(|schema| schema != "pg_catalog" && schema != "public") {
            return Err(undefined(&format!("{}.{name}", schema.unwrap_or_default())).into());
        }
        if let Some(window) = &call.over {
            return self.window_call(&name, call, window, scope, clause);
        }
        let kind = self.typing.function_kind(&name);
        let is_plain = matches!(kind, Some(FunctionKind::Scalar | FunctionKind::SetReturning) | None);
        if is_plain && (found.is_distinct || call.filter.is_some() || !call.within_group.is_empty()) {
            return Err(SqlError::new(
                Condition::WrongObjectType,
                format!("DISTINCT, FILTER or WITHIN GROUP specified, but {name} is not an aggregate function"),
            )
            .into());
        }
        match kind {
            Some(FunctionKind::Aggregate) => self.aggregate(&name, &found, call, scope, clause),
            Some(FunctionKind::Window) => Err(SqlError::new(
                Condition::WrongObjectType,
                format!("window function {name} requires an OVER clause"),
            )
            .into()),
            Some(FunctionKind::SetReturning) => {
                let values = self.values_of(&found.values, scope, clause)?;
                let set = self.typing.set_returning(&name, values)?;
                Ok(clause.set(set, || self.fresh('s'))?)
            }
            Some(FunctionKind::Scalar) | None => self.scalar(&name, &found, scope, clause),
        }
    }

    fn values_of(&self, trees: &[&ast::Expr], scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Vec<Typed>> {
        trees.iter().map(|tree| self.expression(tree, scope, clause)).collect()
    }

    fn scalar(&self, name: &str, found: &Arguments<'_>, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        if found.is_star || !found.order_by.is_empty() || found.null_treatment.is_some() || found.is_variadic {
            return Err(undefined(name).into());
        }
        // A cast that is written as a call: date('2026-01-01'), numeric(x).
        let values = self.values_of(&found.values, scope, clause)?;
        if let [value] = &values[..]
            && self.typing.function_kind(name).is_none()
            && let Some(sql_type) = SqlType::by_name(name)
        {
            return Ok(self.typing.cast(value.clone(), &sql_type, -1, CastContext::Explicit)?);
        }
        match (name, &values[..]) {
            ("grouping", [_, ..]) => self.grouping_call(values, clause),
            (name, _) if BARE.contains(&name) => Ok(self.typing.call(name, values)?),
            _ => Ok(self.typing.call(name, values)?),
        }
    }

    /// `GROUPING(a, b)`: which of its arguments the grouping set of the row leaves out.
    fn grouping_call(&self, values: Vec<Typed>, clause: &Clause<'_>) -> Result<Typed> {
        let arguments = values.into_iter().map(|value| value.expr).collect();
        let call = datafusion::functions_aggregate::grouping::grouping_udaf().call(arguments);
        Ok(clause.aggregate(Typed::new(call, SqlType::Int4), || self.fresh('a'))?)
    }

    fn aggregate(
        &self,
        name: &str,
        found: &Arguments<'_>,
        call: &ast::Function,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        if found.null_treatment.is_some() {
            return Err(SqlError::unsupported("a treatment of NULL in the call of an aggregate").into());
        }
        let inside = Clause::plain("aggregate function calls");
        let call = self.aggregate_call(name, found, call, scope, &inside)?;
        Ok(clause.aggregate(self.typing.aggregate(call)?, || self.fresh('a'))?)
    }

    fn aggregate_call(
        &self,
        name: &str,
        found: &Arguments<'_>,
        call: &ast::Function,
        scope: &Scope<'_>,
        inside: &Clause<'_>,
    ) -> Result<AggregateCall> {
        let filter = call.filter.as_ref().map(|filter| self.condition(filter, scope, inside)).transpose()?;
        let is_within_group = !call.within_group.is_empty();
        let keys = if is_within_group { &call.within_group[..] } else { found.order_by };
        Ok(AggregateCall {
            name: name.to_owned(),
            arguments: self.values_of(&found.values, scope, inside)?,
            distinct: found.is_distinct,
            order_by: keys.iter().map(|key| self.order_key(key, scope, inside)).collect::<Result<_>>()?,
            within_group: is_within_group,
            filter,
        })
    }

    /// One key of an ORDER BY inside a call or a window.
    pub(super) fn order_key(&self, key: &ast::OrderByExpr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<OrderKey> {
        let (descending, nulls_first) = super::order::direction(key)?;
        Ok(OrderKey { value: self.expression(&key.expr, scope, clause)?, descending, nulls_first })
    }

    /// The aggregate or window function `call`, its arguments bound and its window still to be added.
    pub(super) fn windowed(
        &self,
        name: &str,
        call: &ast::Function,
        scope: &Scope<'_>,
        inside: &Clause<'_>,
    ) -> Result<Windowed> {
        let found = arguments(call)?;
        if found.is_distinct || !found.order_by.is_empty() || !call.within_group.is_empty() {
            return Err(
                SqlError::unsupported("DISTINCT, ORDER BY or WITHIN GROUP in the call of a window function").into()
            );
        }
        let ignore_nulls = matches!(found.null_treatment, Some(ast::NullTreatment::IgnoreNulls));
        let filter = call.filter.as_ref().map(|filter| self.condition(filter, scope, inside)).transpose()?;
        let values = self.values_of(&found.values, scope, inside)?;
        Ok(Windowed { values, filter: filter.map(|filter| filter.expr), ignore_nulls, name: name.to_owned() })
    }

    /// What a name that is looked up means as a number: `'orders'::regclass`.
    pub(super) fn registered_name(&self, value: &Typed, sql_type: &SqlType) -> Result<Option<Typed>> {
        let function = match sql_type {
            SqlType::Regclass => "to_regclass_strict",
            SqlType::Regtype => "to_regtype_strict",
            SqlType::Regnamespace => "to_regnamespace_strict",
            SqlType::Regproc | SqlType::Regprocedure => "to_regproc_strict",
            SqlType::Regrole => "to_regrole_strict",
            _ => return Ok(None),
        };
        let is_text = matches!(
            value.sql_type,
            SqlType::Unknown | SqlType::Text | SqlType::Varchar | SqlType::Bpchar | SqlType::Name
        );
        if !is_text || self.typing.function_kind(function).is_none() {
            return Ok(None);
        }
        let text = self.typing.cast(value.clone(), &SqlType::Text, -1, CastContext::Explicit)?;
        let found = self.typing.call(function, vec![text])?;
        Ok(Some(Typed::new(found.expr, sql_type.clone())))
    }
}

/// A call with OVER, before its window.
pub(super) struct Windowed {
    pub(super) name: String,
    pub(super) values: Vec<Typed>,
    pub(super) filter: Option<Expr>,
    pub(super) ignore_nulls: bool,
}

fn undefined(name: &str) -> SqlError {
    SqlError::new(Condition::UndefinedFunction, format!("function {name}() does not exist"))
}
