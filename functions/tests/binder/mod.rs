//! Binds expressions that are written as SQL, so that tests read like what a user writes.

use marquetry_functions::{
    AggregateCall, CastContext, Condition, FunctionKind, OrderKey, SqlError, SqlResult, SqlType, Typed, Typing,
};
use sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, DuplicateTreatment, Expr, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, TrimWhereField, UnaryOperator, Value,
};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use datafusion::logical_expr::{Case, Expr as Bound};

/// The columns that an expression may name.
pub(crate) type Columns = [(&'static str, SqlType, i32)];

/// Binds `text` over `columns`.
pub(crate) fn bind(typing: &Typing, text: &str, columns: &Columns) -> SqlResult<Typed> {
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(text).and_then(|mut parser| parser.parse_expr());
    let expr = parsed.map_err(|error| SqlError::new(Condition::SyntaxError, error.to_string()))?;
    Binder { typing, columns }.expr(&expr)
}

struct Binder<'b> {
    typing: &'b Typing,
    columns: &'b Columns,
}

impl Binder<'_> {
    fn all(&self, exprs: &[Expr]) -> SqlResult<Vec<Typed>> {
        exprs.iter().map(|expr| self.expr(expr)).collect()
    }

    fn operator(&self, name: &str, left: &Expr, right: &Expr) -> SqlResult<Typed> {
        self.typing.operator(name, Some(self.expr(left)?), self.expr(right)?)
    }

    fn call(&self, name: &str, arguments: &[&Expr]) -> SqlResult<Typed> {
        let arguments = arguments.iter().map(|expr| self.expr(expr)).collect::<SqlResult<Vec<_>>>()?;
        self.typing.call(name, arguments)
    }

    fn expr(&self, expr: &Expr) -> SqlResult<Typed> {
        match expr {
            Expr::Value(value) => self.value(&value.value),
            Expr::Nested(inner) => self.expr(inner),
            Expr::Identifier(name) => {
                let (name, sql_type, modifier) = self
                    .columns
                    .iter()
                    .find(|(column, ..)| *column == name.value)
                    .ok_or_else(|| SqlError::new(Condition::UndefinedColumn, name.value.clone()))?;
                Ok(Typed::new(datafusion::prelude::col(*name), sql_type.clone()).modified(*modifier))
            }
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr } => self.unary(op, expr),
            Expr::IsNull(inner) => Ok(Typed::new(self.expr(inner)?.expr.is_null(), SqlType::Bool)),
            Expr::IsNotNull(inner) => Ok(Typed::new(self.expr(inner)?.expr.is_not_null(), SqlType::Bool)),
            Expr::Cast { expr, data_type, .. } => {
                let (sql_type, modifier) = type_of(data_type)?;
                self.typing.cast(self.expr(expr)?, &sql_type, modifier, CastContext::Explicit)
            }
            Expr::TypedString(typed) => {
                let (sql_type, modifier) = type_of(&typed.data_type)?;
                let value = self.value(&typed.value.value)?;
                self.typing.cast(value, &sql_type, modifier, CastContext::Explicit)
            }
            Expr::Like { negated, expr, pattern, escape_char, .. } => {
                self.pattern(if *negated { "!~~" } else { "~~" }, "like_escape", expr, pattern, escape_char.as_deref())
            }
            Expr::ILike { negated, expr, pattern, escape_char, .. } => self.pattern(
                if *negated { "!~~*" } else { "~~*" },
                "like_escape",
                expr,
                pattern,
                escape_char.as_deref(),
            ),
            Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                let mut arguments = vec![self.expr(pattern)?];
                arguments.extend(escape_char.as_deref().map(|escape| self.expr(escape)).transpose()?);
                let pattern = self.typing.call("similar_to_escape", arguments)?;
                self.typing.operator(if *negated { "!~" } else { "~" }, Some(self.expr(expr)?), pattern)
            }
            Expr::Array(array) => self.typing.call("array", self.all(&array.elem)?),
            Expr::Case { .. } => self.case(expr),
            Expr::Function(function) => self.function(function),
            other => self.special(other),
        }
    }

    /// What looks like a call and has words in it.
    fn special(&self, expr: &Expr) -> SqlResult<Typed> {
        match expr {
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let one = Expr::Value(Value::Number("1".to_owned(), false).into());
                let mut arguments: Vec<&Expr> = vec![expr, substring_from.as_deref().unwrap_or(&one)];
                arguments.extend(substring_for.as_deref());
                self.call("substring", &arguments)
            }
            Expr::Trim { trim_where, trim_what, expr, .. } => {
                let name = match trim_where {
                    Some(TrimWhereField::Leading) => "ltrim",
                    Some(TrimWhereField::Trailing) => "rtrim",
                    _ => "btrim",
                };
                let mut arguments: Vec<&Expr> = vec![expr];
                arguments.extend(trim_what.as_deref());
                self.call(name, &arguments)
            }
            Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments: Vec<&Expr> = vec![expr, overlay_what, overlay_from];
                arguments.extend(overlay_for.as_deref());
                self.call("overlay", &arguments)
            }
            Expr::Position { expr, r#in } => self.call("position", &[r#in, expr]),
            Expr::Ceil { expr, .. } => self.call("ceil", &[expr]),
            Expr::Floor { expr, .. } => self.call("floor", &[expr]),
            Expr::Extract { field, expr, .. } => {
                let field = self.typing.string(field.to_string().to_lowercase());
                self.typing.call("extract", vec![field, self.expr(expr)?])
            }
            Expr::IsDistinctFrom(left, right) => self.operator("<>", left, right),
            other => Err(SqlError::unsupported(other)),
        }
    }

    fn value(&self, value: &Value) -> SqlResult<Typed> {
        match value {
            Value::Number(text, _) => self.typing.number(text),
            Value::Boolean(value) => Ok(self.typing.boolean(*value)),
            Value::Null => Ok(self.typing.null()),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Ok(self.typing.string(text)),
            other => Err(SqlError::unsupported(other)),
        }
    }

    fn binary(&self, left: &Expr, op: &BinaryOperator, right: &Expr) -> SqlResult<Typed> {
        let logical = |name: &Expr| -> SqlResult<Bound> {
            let value = self.typing.cast(self.expr(name)?, &SqlType::Bool, -1, CastContext::Implicit)?;
            Ok(value.expr)
        };
        match op {
            BinaryOperator::And => Ok(Typed::new(logical(left)?.and(logical(right)?), SqlType::Bool)),
            BinaryOperator::Or => Ok(Typed::new(logical(left)?.or(logical(right)?), SqlType::Bool)),
            op => self.operator(&op.to_string(), left, right),
        }
    }

    fn unary(&self, op: &UnaryOperator, expr: &Expr) -> SqlResult<Typed> {
        let operand = match (op, expr) {
            // The smallest numbers are written with their sign.
            (UnaryOperator::Minus, Expr::Value(value)) => match &value.value {
                Value::Number(text, _) => return self.typing.number(&format!("-{text}")),
                other => self.value(other)?,
            },
            _ => self.expr(expr)?,
        };
        if *op == UnaryOperator::Not {
            let operand = self.typing.cast(operand, &SqlType::Bool, -1, CastContext::Implicit)?;
            return Ok(Typed::new(!operand.expr, SqlType::Bool));
        }
        self.typing.operator(&op.to_string(), None, operand)
    }

    fn pattern(
        &self,
        operator: &str,
        escape: &str,
        expr: &Expr,
        pattern: &Expr,
        character: Option<&Expr>,
    ) -> SqlResult<Typed> {
        let pattern = self.expr(pattern)?;
        let pattern = match character {
            Some(character) => self.typing.call(escape, vec![pattern, self.expr(character)?])?,
            None => pattern,
        };
        self.typing.operator(operator, Some(self.expr(expr)?), pattern)
    }

    fn case(&self, expr: &Expr) -> SqlResult<Typed> {
        let Expr::Case { operand, conditions, else_result, .. } = expr else {
            return Err(SqlError::unsupported("no case"));
        };
        let mut results = conditions.iter().map(|when| self.expr(&when.result)).collect::<SqlResult<Vec<_>>>()?;
        results.push(else_result.as_deref().map_or_else(|| Ok(self.typing.null()), |result| self.expr(result))?);
        let sql_type = self.typing.common_type("CASE", &results.iter().collect::<Vec<_>>())?;
        let mut results = results
            .into_iter()
            .map(|result| Ok(Box::new(self.typing.cast(result, &sql_type, -1, CastContext::Implicit)?.expr)))
            .collect::<SqlResult<Vec<_>>>()?;
        let otherwise = results.pop();
        let conditions = conditions.iter().map(|when| {
            let condition = match operand {
                Some(operand) => self.operator("=", operand, &when.condition)?,
                None => self.expr(&when.condition)?,
            };
            Ok(Box::new(condition.expr))
        });
        let branches = conditions.collect::<SqlResult<Vec<_>>>()?.into_iter().zip(results).collect();
        Ok(Typed::new(Bound::Case(Case::new(None, branches, otherwise)), sql_type))
    }

    fn order_keys(&self, keys: &[sqlparser::ast::OrderByExpr]) -> SqlResult<Vec<OrderKey>> {
        keys.iter()
            .map(|key| {
                let descending = matches!(key.options.sort, Some(sqlparser::ast::OrderBySort::Desc));
                let nulls_first = key.options.nulls_first.unwrap_or(descending);
                Ok(OrderKey { value: self.expr(&key.expr)?, descending, nulls_first })
            })
            .collect()
    }

    fn function(&self, function: &sqlparser::ast::Function) -> SqlResult<Typed> {
        let name = function.name.to_string().to_lowercase();
        let FunctionArguments::List(list) = &function.args else { return self.typing.call(&name, Vec::new()) };
        let mut arguments = Vec::new();
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.push(self.expr(expr)?),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) => {}
                other => return Err(SqlError::unsupported(other)),
            }
        }
        if self.typing.function_kind(&name) != Some(FunctionKind::Aggregate) {
            return self.typing.call(&name, arguments);
        }
        let mut order_by = self.order_keys(&function.within_group)?;
        for clause in &list.clauses {
            if let FunctionArgumentClause::OrderBy(keys) = clause {
                order_by.extend(self.order_keys(keys)?);
            }
        }
        self.typing.aggregate(AggregateCall {
            name,
            arguments,
            distinct: list.duplicate_treatment == Some(DuplicateTreatment::Distinct),
            order_by,
            within_group: !function.within_group.is_empty(),
            filter: function.filter.as_deref().map(|filter| self.expr(filter)).transpose()?,
        })
    }
}

/// The type that a parsed type names, with its modifier.
fn type_of(data_type: &DataType) -> SqlResult<(SqlType, i32)> {
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) = data_type {
        let (element, modifier) = type_of(element)?;
        return Ok((element.array_of(), modifier));
    }
    let text = data_type.to_string().to_lowercase();
    let (name, rest) = text.split_once('(').map_or((text.as_str(), ""), |(name, rest)| (name, rest));
    let (numbers, after) = rest.split_once(')').unwrap_or((rest, ""));
    let name = format!("{name}{after}");
    let is_char = matches!(name.as_str(), "char" | "character");
    let name = if is_char { "bpchar" } else { &name };
    let sql_type = SqlType::by_name(name)
        .ok_or_else(|| SqlError::new(Condition::UndefinedObject, format!("type \"{name}\" does not exist")))?;
    let mut numbers: Vec<i64> = numbers.split(',').filter_map(|number| number.trim().parse().ok()).collect();
    if is_char && numbers.is_empty() {
        numbers.push(1);
    }
    let modifier = sql_type.modifier_of(&numbers)?;
    Ok((sql_type, modifier))
}
