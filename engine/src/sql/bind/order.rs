//! ORDER BY: what its keys are, and how they sort.

use datafusion::logical_expr::{Expr, SortExpr};
use marquetry_functions::{Condition, SqlError, Typed};
use sqlparser::ast::{self, OrderBy, OrderByKind, OrderBySort};

use super::Binder;
use super::clause::Clause;
use super::name::name;
use super::scope::Scope;
use super::select::Output;
use crate::error::Result;

/// One key of an ORDER BY.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) value: Typed,
    /// The position of the result's column that it is, when it is one.
    pub(crate) output: Option<usize>,
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// Whether a key descends, and whether NULL comes first.
pub(super) fn direction(key: &ast::OrderByExpr) -> Result<(bool, bool), SqlError> {
    let ast::OrderByExpr { expr: _, options, with_fill } = key;
    if with_fill.is_some() {
        return Err(SqlError::unsupported("WITH FILL"));
    }
    let descending = match &options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(operator)) => match operator.0.last().map(ToString::to_string).as_deref() {
            Some("<") => false,
            Some(">") => true,
            _ => return Err(SqlError::unsupported(format!("ORDER BY USING {operator}"))),
        },
    };
    Ok((descending, options.nulls_first.unwrap_or(descending)))
}

/// The keys of `order_by`.
pub(super) fn keys(order_by: Option<&OrderBy>) -> Result<&[ast::OrderByExpr], SqlError> {
    match order_by {
        None => Ok(&[]),
        Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None }) => Ok(keys),
        Some(other) => Err(SqlError::unsupported(other.to_string())),
    }
}

/// The position that a number in ORDER BY or GROUP BY means, if `tree` is one.
pub(super) fn ordinal(tree: &ast::Expr, count: usize, place: &str) -> Result<Option<usize>, SqlError> {
    let ast::Expr::Value(value) = tree else { return Ok(None) };
    let ast::Value::Number(digits, _) = &value.value else {
        return match &value.value {
            ast::Value::Placeholder(_) => Ok(None),
            _ => Err(SqlError::new(Condition::SyntaxError, format!("non-integer constant in {place}"))),
        };
    };
    match digits.parse::<usize>() {
        Ok(position) if (1..=count).contains(&position) => Ok(Some(position - 1)),
        Ok(position) => Err(SqlError::new(
            Condition::InvalidColumnReference,
            format!("{place} position {position} is not in select list"),
        )),
        Err(_) => Err(SqlError::new(Condition::SyntaxError, format!("non-integer constant in {place}"))),
    }
}

impl Binder<'_> {
    /// The keys of an ORDER BY over a query with `outputs`; names of the result come first, then columns of `scope`.
    pub(super) fn order_by(
        &self,
        trees: &[ast::OrderByExpr],
        outputs: &[Output],
        scope: &Scope<'_>,
        clause: &Clause<'_>,
    ) -> Result<Vec<Key>> {
        let key = |tree: &ast::OrderByExpr| {
            let (descending, nulls_first) = direction(tree)?;
            let output = match ordinal(&tree.expr, outputs.len(), "ORDER BY")? {
                Some(position) => Some(position),
                None => named_output(&tree.expr, outputs)?,
            };
            let (value, output) = match output {
                Some(position) => (outputs[position].value.clone(), Some(position)),
                None => {
                    let value = self.expression(&tree.expr, scope, clause)?;
                    let same = outputs.iter().position(|output| output.value.expr == value.expr);
                    (value, same)
                }
            };
            Ok(Key { value, output, descending, nulls_first })
        };
        trees.iter().map(key).collect()
    }

    /// `key` as DataFusion sorts by it, its value read from `expr`.
    pub(super) fn sort_expression(&self, key: &Key, expr: Expr) -> Result<SortExpr> {
        let value = self.decided(Typed { expr, ..key.value.clone() })?;
        let value = self.typing.sort_key(value)?;
        Ok(SortExpr::new(value.expr, !key.descending, key.nulls_first))
    }
}

/// The result's column that `tree` names.
fn named_output(tree: &ast::Expr, outputs: &[Output]) -> Result<Option<usize>, SqlError> {
    let ast::Expr::Identifier(ident) = tree else { return Ok(None) };
    let wanted = name(ident);
    let mut found = outputs.iter().enumerate().filter(|(_, output)| output.name == wanted);
    match (found.next(), found.next()) {
        (Some((_, first)), Some((_, second))) if first.value.expr != second.value.expr => {
            Err(SqlError::new(Condition::AmbiguousColumn, format!("ORDER BY \"{wanted}\" is ambiguous")))
        }
        (found, _) => Ok(found.map(|(position, _)| position)),
    }
}
