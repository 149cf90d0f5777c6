//! Expressions: from the syntax tree to a typed expression.
//!
//! ```text
//!   literal, parameter    typing.number, .string, .parameter
//!   name                  scope
//!   operator, function    typing.operator, .call, after binding the operands
//!   aggregate, window     set aside in the clause's `Collected`, and in their place the column that will hold them
//!   subquery              `subquery`
//! ```
//!
//! Every variant of the tree is named here; what PostgreSQL does not have is refused by name.

use datafusion::logical_expr::{Expr, Operator, binary_expr};
use marquetry_functions::{CastContext, Condition, SqlError, SqlType, Typed};
use sqlparser::ast::{self, AccessExpr, BinaryOperator, CastKind, InTarget, Subscript, UnaryOperator};

use super::clause::Clause;
use super::name::{name, parts};
use super::scope::{Found, Scope};
use super::{Binder, function};
use crate::error::Result;

/// An operator of the tree as PostgreSQL writes it.
pub(super) fn operator_symbol(operator: &BinaryOperator) -> Result<String, SqlError> {
    Ok(match operator {
        BinaryOperator::PGCustomBinaryOperator(parts) => parts.last().cloned().unwrap_or_default(),
        BinaryOperator::PGBitwiseXor => "#".to_owned(),
        BinaryOperator::BitwiseXor | BinaryOperator::PGExp => "^".to_owned(),
        BinaryOperator::Spaceship
        | BinaryOperator::Xor
        | BinaryOperator::DuckIntegerDivide
        | BinaryOperator::MyIntegerDivide
        | BinaryOperator::Match
        | BinaryOperator::Regexp
        | BinaryOperator::Glob
        | BinaryOperator::Assignment
        | BinaryOperator::Is
        | BinaryOperator::IsNot => {
            return Err(SqlError::new(Condition::SyntaxError, format!("syntax error at or near \"{operator}\"")));
        }
        BinaryOperator::NotEq => "<>".to_owned(),
        other => other.to_string(),
    })
}

fn not_of_postgres(what: &ast::Expr) -> SqlError {
    SqlError::unsupported(format!("the expression {what}"))
}

impl Binder<'_> {
    /// `tree` as an expression over the columns of `scope`.
    pub(crate) fn expression(&self, tree: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let _depth = self.deeper()?;
        let sub = |tree: &ast::Expr| self.expression(tree, scope, clause);
        match tree {
            ast::Expr::Identifier(ident) => {
                Ok(self.named(&name(ident), scope).map_err(|error| error.at_ident(ident))?)
            }
            ast::Expr::CompoundIdentifier(idents) => self.compound(idents, scope),
            ast::Expr::Value(value) => self.literal(&value.value),
            ast::Expr::Nested(inner) => sub(inner),
            ast::Expr::BinaryOp { left, op, right } => self.binary(left, op, right, scope, clause),
            ast::Expr::UnaryOp { op, expr } => self.unary(*op, expr, scope, clause),
            ast::Expr::IsNull(inner) => self.null_test(inner, false, scope, clause),
            ast::Expr::IsNotNull(inner) => self.null_test(inner, true, scope, clause),
            ast::Expr::IsTrue(inner) => self.truth(inner, scope, clause, Expr::IsTrue),
            ast::Expr::IsNotTrue(inner) => self.truth(inner, scope, clause, Expr::IsNotTrue),
            ast::Expr::IsFalse(inner) => self.truth(inner, scope, clause, Expr::IsFalse),
            ast::Expr::IsNotFalse(inner) => self.truth(inner, scope, clause, Expr::IsNotFalse),
            ast::Expr::IsUnknown(inner) => self.truth(inner, scope, clause, Expr::IsUnknown),
            ast::Expr::IsNotUnknown(inner) => self.truth(inner, scope, clause, Expr::IsNotUnknown),
            ast::Expr::IsDistinctFrom(left, right) => {
                self.distinct_from(sub(left)?, sub(right)?, Operator::IsDistinctFrom)
            }
            ast::Expr::IsNotDistinctFrom(left, right) => {
                self.distinct_from(sub(left)?, sub(right)?, Operator::IsNotDistinctFrom)
            }
            ast::Expr::In { expr, target, negated, global: false } => match target {
                InTarget::List(list) => self.in_list(expr, list, *negated, scope, clause),
                InTarget::Subquery(query) => self.in_subquery(expr, query, *negated, scope, clause),
                InTarget::Unnest(_) | InTarget::Table { .. } => Err(not_of_postgres(tree).into()),
            },
            other => self.form(other, scope, clause),
        }
    }

    /// The forms that PostgreSQL has a syntax of their own for.
    fn form(&self, tree: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let sub = |tree: &ast::Expr| self.expression(tree, scope, clause);
        match tree {
            ast::Expr::Between { expr, negated, low, high } => self.between(expr, *negated, low, high, scope, clause),
            ast::Expr::Like { negated, any: false, expr, pattern, escape_char } => {
                let symbol = if *negated { "!~~" } else { "~~" };
                self.like(symbol, sub(expr)?, sub(pattern)?, escape_char.as_deref().map(sub).transpose()?)
            }
            ast::Expr::ILike { negated, any: false, expr, pattern, escape_char } => {
                let symbol = if *negated { "!~~*" } else { "~~*" };
                self.like(symbol, sub(expr)?, sub(pattern)?, escape_char.as_deref().map(sub).transpose()?)
            }
            ast::Expr::SimilarTo { negated, expr, pattern, escape_char } => {
                let mut arguments = vec![sub(pattern)?];
                arguments.extend(escape_char.as_deref().map(sub).transpose()?);
                let pattern = self.typing.call("similar_to_escape", arguments)?;
                Ok(self.typing.operator(if *negated { "!~" } else { "~" }, Some(sub(expr)?), pattern)?)
            }
            ast::Expr::AnyOp { left, compare_op, right, is_some: _ } => {
                self.quantified(left, compare_op, right, false, scope, clause)
            }
            ast::Expr::AllOp { left, compare_op, right } => {
                self.quantified(left, compare_op, right, true, scope, clause)
            }
            ast::Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr, data_type, format: None } => {
                self.written_cast(expr, data_type, scope, clause)
            }
            ast::Expr::TypedString(literal) if !literal.uses_odbc_syntax => {
                let (sql_type, type_modifier) = self.data_type(&literal.data_type)?;
                let value = self.literal(&literal.value.value)?;
                Ok(self.typing.cast(value, &sql_type, type_modifier, CastContext::Explicit)?)
            }
            ast::Expr::Interval(interval) => self.interval(interval, scope, clause),
            ast::Expr::AtTimeZone { timestamp, time_zone } => {
                Ok(self.typing.call("timezone", vec![sub(time_zone)?, sub(timestamp)?])?)
            }
            ast::Expr::Extract { field, syntax: _, expr } => {
                let field = self.typing.string(field.to_string().trim_matches('\'').to_lowercase());
                Ok(self.typing.call("extract", vec![field, sub(expr)?])?)
            }
            other => self.function_form(other, scope, clause),
        }
    }

    /// Functions that are not written as calls, and what is left.
    fn function_form(&self, tree: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let sub = |tree: &ast::Expr| self.expression(tree, scope, clause);
        match tree {
            ast::Expr::Ceil { expr, field } => self.rounding("ceil", expr, field, scope, clause),
            ast::Expr::Floor { expr, field } => self.rounding("floor", expr, field, scope, clause),
            ast::Expr::Position { expr, r#in } => Ok(self.typing.call("position", vec![sub(r#in)?, sub(expr)?])?),
            ast::Expr::Substring { .. } | ast::Expr::Trim { .. } | ast::Expr::Overlay { .. } => {
                self.text_form(tree, scope, clause)
            }
            ast::Expr::Collate { expr, collation } => self.collate(sub(expr)?, collation),
            ast::Expr::Function(call) => self.function(call, scope, clause),
            ast::Expr::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), scope, clause)
            }
            ast::Expr::Exists { subquery, negated } => self.exists(subquery, *negated, scope, clause),
            ast::Expr::Subquery(query) => self.scalar_subquery(query, scope, clause),
            ast::Expr::Tuple(items) => self.row(items, scope, clause),
            ast::Expr::Array(array) => self.array(array, scope, clause),
            ast::Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope, clause),
            ast::Expr::IsJson { expr, kind, unique_keys, negated } => {
                function::is_json(self, sub(expr)?, kind.as_ref(), unique_keys.as_ref(), *negated)
            }
            ast::Expr::IsNormalized { expr, form, negated } => {
                let form = form.as_ref().map_or("NFC".to_owned(), ToString::to_string);
                let is = self.typing.call("is_normalized", vec![sub(expr)?, self.typing.string(form)])?;
                if *negated { self.not(is) } else { Ok(is) }
            }
            ast::Expr::Wildcard(_) | ast::Expr::QualifiedWildcard(..) => {
                Err(SqlError::new(Condition::SyntaxError, "syntax error at or near \"*\"").into())
            }
            ast::Expr::GroupingSets(_) | ast::Expr::Cube(_) | ast::Expr::Rollup(_) => {
                Err(SqlError::new(Condition::SyntaxError, "grouping sets are allowed in GROUP BY only").into())
            }
            // What the two before this did not know either is not PostgreSQL's.
            other => Err(not_of_postgres(other).into()),
        }
    }

    /// SUBSTRING, TRIM and OVERLAY.
    fn text_form(&self, tree: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let sub = |tree: &ast::Expr| self.expression(tree, scope, clause);
        match tree {
            ast::Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                let mut arguments = vec![sub(expr)?];
                match (substring_from, substring_for) {
                    (None, Some(length)) => arguments.extend([self.typing.number("1")?, sub(length)?]),
                    (from, length) => {
                        for part in [from, length].into_iter().flatten() {
                            arguments.push(sub(part)?);
                        }
                    }
                }
                Ok(self.typing.call("substring", arguments)?)
            }
            ast::Expr::Trim { trim_where, trim_what, expr, trim_characters } => {
                let name = match trim_where {
                    None | Some(ast::TrimWhereField::Both) => "btrim",
                    Some(ast::TrimWhereField::Leading) => "ltrim",
                    Some(ast::TrimWhereField::Trailing) => "rtrim",
                };
                let mut arguments = vec![sub(expr)?];
                arguments.extend(trim_what.as_deref().map(sub).transpose()?);
                for characters in trim_characters.iter().flatten() {
                    arguments.push(sub(characters)?);
                }
                Ok(self.typing.call(name, arguments)?)
            }
            ast::Expr::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut arguments = vec![sub(expr)?, sub(overlay_what)?, sub(overlay_from)?];
                arguments.extend(overlay_for.as_deref().map(sub).transpose()?);
                Ok(self.typing.call("overlay", arguments)?)
            }
            other => Err(not_of_postgres(other).into()),
        }
    }

    /// As [`Binder::expression`], made a condition.
    pub(crate) fn condition(&self, tree: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let condition = self.expression(tree, scope, clause)?;
        self.boolean(condition, clause.name)
    }

    /// `value`, which has to be of type boolean.
    pub(crate) fn boolean(&self, value: Typed, place: &str) -> Result<Typed> {
        if !matches!(value.sql_type, SqlType::Bool | SqlType::Unknown) {
            let message = format!("argument of {place} must be type boolean, not type {}", value.sql_type);
            return Err(SqlError::new(Condition::DatatypeMismatch, message).into());
        }
        Ok(self.typing.cast(value, &SqlType::Bool, -1, CastContext::Implicit)?)
    }

    fn named(&self, name: &str, scope: &Scope<'_>) -> std::result::Result<Typed, SqlError> {
        match scope.column(name)? {
            Found::Column(column) => Ok(column),
            Found::Row(relation) => self.whole_row(&relation),
        }
    }

    fn compound(&self, idents: &[ast::Ident], scope: &Scope<'_>) -> Result<Typed> {
        let mut names: Vec<String> = idents.iter().map(name).collect();
        let Some(last) = names.pop() else { return Err(SqlError::new(Condition::SyntaxError, "an empty name").into()) };
        if let Some(column) = scope.qualified(&names, &last).map_err(|error| error.at_ident(&idents[0]))? {
            return Ok(column);
        }
        // A field of a column that holds a record.
        if let [column] = &names[..]
            && let Ok(Found::Column(record)) = scope.column(column)
            && let SqlType::Record(_) = record.sql_type
        {
            return Ok(self.field(record, &last)?);
        }
        let message = format!("missing FROM-clause entry for table \"{}\"", names.join("."));
        Err(SqlError::new(Condition::UndefinedTable, message).at_ident(&idents[0]).into())
    }

    pub(super) fn literal(&self, value: &ast::Value) -> Result<Typed> {
        use ast::Value as V;
        Ok(match value {
            V::Number(text, false) => self.typing.number(text)?,
            V::SingleQuotedString(text) | V::EscapedStringLiteral(text) | V::UnicodeStringLiteral(text) => {
                self.typing.string(text.as_str())
            }
            V::DollarQuotedString(text) => self.typing.string(text.value.as_str()),
            V::Boolean(truth) => self.typing.boolean(*truth),
            V::Null => self.typing.null(),
            V::Placeholder(name) => self.parameter(parameter_index(name)?)?,
            V::NationalStringLiteral(text) => self.typing.string(text.as_str()),
            other => return Err(SqlError::unsupported(format!("the literal {other}")).into()),
        })
    }

    /// The parameter at `index`; its value when the statement is about to run.
    fn parameter(&self, index: usize) -> Result<Typed> {
        let parameter = self.typing.parameter(index)?;
        match self.values.as_ref().and_then(|values| values.get(index)) {
            Some(value) => Ok(Typed { expr: datafusion::logical_expr::lit(value.clone()), ..parameter }),
            None => Ok(parameter),
        }
    }

    fn unary(&self, op: UnaryOperator, expr: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        // -2147483648 is one literal, not the negation of one that is out of range.
        if let (UnaryOperator::Minus, ast::Expr::Value(value)) = (op, expr)
            && let ast::Value::Number(digits, false) = &value.value
        {
            return Ok(self.typing.number(&format!("-{digits}"))?);
        }
        let operand = self.expression(expr, scope, clause)?;
        match op {
            UnaryOperator::Not => {
                let operand = self.boolean(operand, "NOT")?;
                self.not(operand)
            }
            UnaryOperator::Plus
            | UnaryOperator::Minus
            | UnaryOperator::BitwiseNot
            | UnaryOperator::PGAbs
            | UnaryOperator::PGCubeRoot
            | UnaryOperator::PGSquareRoot
            | UnaryOperator::PGPrefixFactorial
            | UnaryOperator::DoubleAt
            | UnaryOperator::AtDashAt
            | UnaryOperator::Hash
            | UnaryOperator::BangNot => Ok(self.typing.operator(&op.to_string(), None, operand)?),
            UnaryOperator::PGPostfixFactorial | UnaryOperator::QuestionDash | UnaryOperator::QuestionPipe => {
                Err(SqlError::unsupported(format!("the operator {op}")).into())
            }
        }
    }

    pub(super) fn not(&self, operand: Typed) -> Result<Typed> {
        Ok(Typed::new(Expr::Not(Box::new(operand.expr)), SqlType::Bool))
    }

    fn binary(
        &self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        match op {
            BinaryOperator::And | BinaryOperator::Or => self.logic(left, op, right, scope, clause),
            BinaryOperator::Overlaps => self.overlaps(left, right, scope, clause),
            _ if is_row(left) || is_row(right) => self.row_comparison(left, op, right, scope, clause),
            _ => self.chain(left, op, right, scope, clause),
        }
    }

    /// A chain of operators that lean to the left, without a deep stack.
    fn chain(
        &self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let mut pending = vec![(op, right)];
        let mut first = left;
        while let ast::Expr::BinaryOp { left, op, right } = first {
            let is_other = matches!(op, BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Overlaps);
            if is_other || is_row(left) || is_row(right) {
                break;
            }
            pending.push((op, right));
            first = left;
        }
        let mut result = self.expression(first, scope, clause)?;
        for (op, right) in pending.into_iter().rev() {
            let right = self.expression(right, scope, clause)?;
            result = self.typing.operator(&operator_symbol(op)?, Some(result), right)?;
        }
        Ok(result)
    }

    /// A chain of AND or OR, as a tree that is as shallow as can be.
    fn logic(
        &self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let mut terms = vec![right];
        let mut first = left;
        while let ast::Expr::BinaryOp { left, op: inner, right } = first
            && inner == op
        {
            terms.push(right);
            first = left;
        }
        terms.push(first);
        let (operator, place) = match op {
            BinaryOperator::And => (Operator::And, "AND"),
            _ => (Operator::Or, "OR"),
        };
        let bound = terms.into_iter().rev().map(|term| {
            let term = self.expression(term, scope, clause)?;
            Ok(self.boolean(term, place)?.expr)
        });
        Ok(Typed::new(balanced(bound.collect::<Result<Vec<_>>>()?, operator), SqlType::Bool))
    }

    fn overlaps(&self, left: &ast::Expr, right: &ast::Expr, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let (ast::Expr::Tuple(left), ast::Expr::Tuple(right)) = (left, right) else {
            return Err(SqlError::new(Condition::SyntaxError, "OVERLAPS compares two pairs").into());
        };
        let bound = left.iter().chain(right).map(|part| self.expression(part, scope, clause));
        Ok(self.typing.call("overlaps", bound.collect::<Result<Vec<_>>>()?)?)
    }

    fn null_test(&self, inner: &ast::Expr, negated: bool, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let test = |value: Typed| match negated {
            true => Expr::IsNotNull(Box::new(value.expr)),
            false => Expr::IsNull(Box::new(value.expr)),
        };
        // A row is (not) null when all of its fields are.
        if let ast::Expr::Tuple(items) = inner {
            let tests = items.iter().map(|item| Ok(test(self.expression(item, scope, clause)?)));
            return Ok(Typed::new(balanced(tests.collect::<Result<Vec<_>>>()?, Operator::And), SqlType::Bool));
        }
        Ok(Typed::new(test(self.expression(inner, scope, clause)?), SqlType::Bool))
    }

    fn truth(
        &self,
        inner: &ast::Expr,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
        test: fn(Box<Expr>) -> Expr,
    ) -> Result<Typed> {
        let value = self.expression(inner, scope, clause)?;
        Ok(Typed::new(test(Box::new(self.boolean(value, "IS TRUE")?.expr)), SqlType::Bool))
    }

    fn distinct_from(&self, left: Typed, right: Typed, operator: Operator) -> Result<Typed> {
        let common = self.typing.common_type("IS DISTINCT FROM", &[&left, &right])?;
        let left = self.key_of(left, &common)?;
        let right = self.key_of(right, &common)?;
        Ok(Typed::new(binary_expr(left, operator, right), SqlType::Bool))
    }

    /// What tells `value`, as one of `common`, from others.
    pub(super) fn key_of(&self, value: Typed, common: &SqlType) -> Result<Expr> {
        let value = self.typing.cast(value, common, -1, CastContext::Implicit)?;
        Ok(self.typing.sort_key(value)?.expr)
    }

    fn between(
        &self,
        expr: &ast::Expr,
        negated: bool,
        low: &ast::Expr,
        high: &ast::Expr,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let value = self.expression(expr, scope, clause)?;
        let (low, high) = (self.expression(low, scope, clause)?, self.expression(high, scope, clause)?);
        let above = self.typing.operator(">=", Some(value.clone()), low)?;
        let below = self.typing.operator("<=", Some(value), high)?;
        let both = Typed::new(binary_expr(above.expr, Operator::And, below.expr), SqlType::Bool);
        if negated { self.not(both) } else { Ok(both) }
    }

    fn in_list(
        &self,
        expr: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let mut tests = Vec::with_capacity(list.len());
        if is_row(expr) {
            for item in list {
                tests.push(self.row_comparison(expr, &BinaryOperator::Eq, item, scope, clause)?.expr);
            }
        } else {
            let value = self.expression(expr, scope, clause)?;
            let items = list.iter().map(|item| self.expression(item, scope, clause)).collect::<Result<Vec<_>>>()?;
            if let Some(found) = self.plain_in_list(&value, &items, negated)? {
                return Ok(found);
            }
            for item in items {
                tests.push(self.typing.operator("=", Some(value.clone()), item)?.expr);
            }
        }
        let any = Typed::new(balanced(tests, Operator::Or), SqlType::Bool);
        if negated { self.not(any) } else { Ok(any) }
    }

    /// A list that DataFusion looks values up in: where all are of one type that compares by its bytes.
    fn plain_in_list(&self, value: &Typed, items: &[Typed], negated: bool) -> Result<Option<Typed>> {
        if items.len() < 2 {
            return Ok(None);
        }
        let all: Vec<&Typed> = std::iter::once(value).chain(items).collect();
        let Ok(common) = self.typing.common_type("IN", &all) else { return Ok(None) };
        let value = self.key_of(value.clone(), &common)?;
        let list = items.iter().map(|item| self.key_of(item.clone(), &common)).collect::<Result<Vec<_>>>()?;
        Ok(Some(Typed::new(value.in_list(list, negated), SqlType::Bool)))
    }

    fn like(&self, symbol: &str, value: Typed, pattern: Typed, escape: Option<Typed>) -> Result<Typed> {
        let pattern = match escape {
            None => pattern,
            Some(escape) => self.typing.call("like_escape", vec![pattern, escape])?,
        };
        Ok(self.typing.operator(symbol, Some(value), pattern)?)
    }

    fn written_cast(
        &self,
        expr: &ast::Expr,
        data_type: &ast::DataType,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let (sql_type, type_modifier) = self.data_type(data_type)?;
        // An empty ARRAY[] has the type that it is cast to.
        let value = match (expr, &sql_type) {
            (ast::Expr::Array(array), SqlType::Array(element)) => self.array_of(array, Some(element), scope, clause)?,
            _ => self.expression(expr, scope, clause)?,
        };
        if let Some(looked_up) = self.registered_name(&value, &sql_type)? {
            return Ok(looked_up);
        }
        Ok(self.typing.cast(value, &sql_type, type_modifier, CastContext::Explicit)?)
    }

    fn interval(&self, interval: &ast::Interval, scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let ast::Interval { value, leading_field, leading_precision, last_field, fractional_seconds_precision } =
            interval;
        if leading_precision.is_some() || fractional_seconds_precision.is_some() {
            return Err(SqlError::unsupported("the precision of a field of an interval").into());
        }
        let value = match (&**value, leading_field, last_field) {
            (ast::Expr::Value(text), Some(field), None) => {
                let text = match &text.value {
                    ast::Value::SingleQuotedString(text) => text.clone(),
                    other => other.to_string(),
                };
                self.typing.string(format!("{text} {field}").to_lowercase())
            }
            (_, _, Some(_)) => return Err(SqlError::unsupported("an interval of a range of fields").into()),
            (value, ..) => self.expression(value, scope, clause)?,
        };
        Ok(self.typing.cast(value, &SqlType::Interval, -1, CastContext::Explicit)?)
    }

    fn rounding(
        &self,
        function: &str,
        expr: &ast::Expr,
        field: &ast::CeilFloorKind,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        match field {
            ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) => {
                Ok(self.typing.call(function, vec![self.expression(expr, scope, clause)?])?)
            }
            _ => Err(SqlError::unsupported(format!("{function} to a field or scale")).into()),
        }
    }

    fn collate(&self, value: Typed, collation: &ast::ObjectName) -> Result<Typed> {
        let parts = parts(collation)?;
        match parts.last().map(String::as_str) {
            // Text is ordered by its bytes, which is what these mean here.
            Some("C" | "POSIX" | "default" | "ucs_basic" | "C.UTF-8" | "en_US" | "en_US.utf8" | "en-x-icu") => {
                Ok(value)
            }
            _ => Err(SqlError::new(
                Condition::UndefinedObject,
                format!("collation \"{}\" for encoding \"UTF8\" does not exist", parts.join(".")),
            )
            .into()),
        }
    }

    fn case(
        &self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        else_result: Option<&ast::Expr>,
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Typed> {
        let operand = operand.map(|operand| self.expression(operand, scope, clause)).transpose()?;
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            let test = self.expression(&when.condition, scope, clause)?;
            let test = match &operand {
                Some(operand) => self.typing.operator("=", Some(operand.clone()), test)?,
                None => self.boolean(test, "CASE/WHEN")?,
            };
            tests.push(test.expr);
            results.push(self.expression(&when.result, scope, clause)?);
        }
        results.push(match else_result {
            Some(result) => self.expression(result, scope, clause)?,
            None => self.typing.null(),
        });
        // PostgreSQL looks at ELSE first.
        results.rotate_right(1);
        let common = self.typing.common_type("CASE", &results.iter().collect::<Vec<_>>())?;
        results.rotate_left(1);
        let cast = |result: Typed| Ok(self.typing.cast(result, &common, -1, CastContext::Implicit)?.expr);
        let mut results = results.into_iter().map(cast).collect::<Result<Vec<_>>>()?;
        let otherwise = results.pop().map(Box::new);
        let branches = tests.into_iter().zip(results).map(|(test, result)| (Box::new(test), Box::new(result)));
        let case = datafusion::logical_expr::Case::new(None, branches.collect(), otherwise);
        Ok(Typed::new(Expr::Case(case), common))
    }

    fn access(&self, root: &ast::Expr, chain: &[AccessExpr], scope: &Scope<'_>, clause: &Clause<'_>) -> Result<Typed> {
        let mut value = self.expression(root, scope, clause)?;
        for access in chain {
            value = match access {
                AccessExpr::Dot(ast::Expr::Identifier(field)) => self.field(value, &name(field))?,
                AccessExpr::Dot(other) => return Err(not_of_postgres(other).into()),
                AccessExpr::Subscript(Subscript::Index { index }) => {
                    let index = self.expression(index, scope, clause)?;
                    let function = if value.sql_type == SqlType::Jsonb { "jsonb_subscript" } else { "array_get" };
                    self.typing.call(function, vec![value, index])?
                }
                AccessExpr::Subscript(Subscript::Slice { lower_bound, upper_bound, stride: None }) => {
                    let bound = |bound: &Option<ast::Expr>| match bound {
                        Some(bound) => self.expression(bound, scope, clause),
                        None => Ok(self.typing.cast(self.typing.null(), &SqlType::Int4, -1, CastContext::Implicit)?),
                    };
                    let bounds = [bound(lower_bound)?, bound(upper_bound)?];
                    self.typing.call("array_slice", std::iter::once(value).chain(bounds).collect())?
                }
                AccessExpr::Subscript(Subscript::Slice { .. }) => {
                    return Err(SqlError::unsupported("a slice with a stride").into());
                }
            };
        }
        Ok(value)
    }
}

/// `terms` joined by `operator`, as a tree that is as shallow as can be.
pub(super) fn balanced(mut terms: Vec<Expr>, operator: Operator) -> Expr {
    while terms.len() > 1 {
        let mut pairs = terms.into_iter();
        let mut joined = Vec::new();
        while let Some(left) = pairs.next() {
            joined.push(match pairs.next() {
                Some(right) => binary_expr(left, operator, right),
                None => left,
            });
        }
        terms = joined;
    }
    terms.pop().unwrap_or_else(|| datafusion::logical_expr::lit(operator == Operator::And))
}

/// Whether the tree is written as a row: `(a, b)` or `ROW(a, b)`.
pub(super) fn is_row(tree: &ast::Expr) -> bool {
    match tree {
        ast::Expr::Tuple(_) => true,
        ast::Expr::Nested(inner) => is_row(inner),
        ast::Expr::Function(call) => function::is_row_constructor(call),
        _ => false,
    }
}

fn parameter_index(name: &str) -> Result<usize, SqlError> {
    let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
    match number {
        Some(number @ 1..=65535) => Ok(number - 1),
        _ => Err(SqlError::new(Condition::UndefinedParameter, format!("there is no parameter {name}"))),
    }
}

/// Errors that can be told where they are.
pub(super) trait AtIdent {
    /// The same error, at the place of `ident`.
    fn at_ident(self, ident: &ast::Ident) -> Self;
}

impl AtIdent for SqlError {
    fn at_ident(self, ident: &ast::Ident) -> Self {
        // Places are given on the first line only, where the column is the position.
        let start = ident.span.start;
        match start.line {
            1 => self.at(usize::try_from(start.column).ok()),
            _ => self,
        }
    }
}
