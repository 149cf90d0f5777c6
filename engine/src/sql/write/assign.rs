//! What a statement gives to columns: expressions, or DEFAULT.

use marquetry_functions::{Condition, SqlError, Typed};
use sqlparser::ast::{self, Assignment, AssignmentTarget, SetExpr};

use super::target::{assigned, column_index};
use crate::error::Result;
use crate::sql::bind::{Binder, Clause, Scope, name, parts};
use crate::sql::catalog::{ColumnGeneration, SqlTable};

/// What a column is given.
#[derive(Debug, Clone)]
pub(super) enum Given {
    Value(Box<Typed>),
    Default,
}

/// One column and what it is given.
#[derive(Debug, Clone)]
pub(super) struct Assigned {
    /// The number of the column among those that statements see.
    pub(super) index: usize,
    pub(super) given: Given,
}

/// Whether `tree` is the word DEFAULT.
pub(super) fn is_default(tree: &ast::Expr) -> bool {
    matches!(tree, ast::Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"))
}

/// What the column number `index` is given by `tree`.
pub(super) fn given(
    binder: &Binder<'_>,
    table: &SqlTable,
    index: usize,
    tree: &ast::Expr,
    scope: &Scope<'_>,
    clause: &'static str,
) -> Result<Given> {
    if is_default(tree) {
        return Ok(Given::Default);
    }
    let value = binder.expression(tree, scope, &Clause::plain(clause))?;
    Ok(Given::Value(Box::new(assigned(binder, value, &table.columns[index])?)))
}

/// The assignments of SET.
pub(super) fn assignments(
    binder: &Binder<'_>,
    table: &SqlTable,
    assignments: &[Assignment],
    scope: &Scope<'_>,
) -> Result<Vec<Assigned>> {
    let mut found: Vec<Assigned> = Vec::new();
    for Assignment { target, value } in assignments {
        for (index, tree) in spread(table, target, value)? {
            let column = &table.columns[index];
            if found.iter().any(|known| known.index == index) {
                let message = format!("multiple assignments to same column \"{}\"", column.name);
                return Err(SqlError::new(Condition::SyntaxError, message).into());
            }
            let given = given(binder, table, index, &tree, scope, "UPDATE")?;
            let is_always =
                matches!(column.generation, Some(ColumnGeneration::Stored(_) | ColumnGeneration::IdentityAlways(_)));
            if is_always && matches!(given, Given::Value(_)) {
                let message = format!("column \"{}\" can only be updated to DEFAULT", column.name);
                return Err(SqlError::new(Condition::GeneratedAlways, message).into());
            }
            found.push(Assigned { index, given });
        }
    }
    Ok(found)
}

/// The columns of one assignment, each with its own expression.
fn spread(table: &SqlTable, target: &AssignmentTarget, value: &ast::Expr) -> Result<Vec<(usize, ast::Expr)>> {
    let column = |object: &ast::ObjectName| -> Result<usize> {
        let mut names = parts(object)?;
        let name = names.pop().unwrap_or_default();
        match names.is_empty() {
            true => Ok(column_index(table, &name)?),
            false => Err(SqlError::unsupported(format!("assigning to {object}")).into()),
        }
    };
    let columns = match target {
        AssignmentTarget::ColumnName(object) => return Ok(vec![(column(object)?, value.clone())]),
        AssignmentTarget::Tuple(objects) => objects.iter().map(column).collect::<Result<Vec<_>>>()?,
    };
    let values = values_of_row(value, columns.len())?;
    if values.len() != columns.len() {
        let message = "number of columns does not match number of values";
        return Err(SqlError::new(Condition::SyntaxError, message).into());
    }
    Ok(columns.into_iter().zip(values).collect())
}

/// The parts of a row that is assigned to `width` columns.
fn values_of_row(value: &ast::Expr, width: usize) -> Result<Vec<ast::Expr>> {
    match value {
        ast::Expr::Tuple(values) => Ok(values.clone()),
        ast::Expr::Nested(inner) if width == 1 => Ok(vec![(**inner).clone()]),
        ast::Expr::Function(call) if call.name.to_string().eq_ignore_ascii_case("row") => match &call.args {
            ast::FunctionArguments::List(list) => list.args.iter().map(plain_argument).collect(),
            _ => Err(SqlError::unsupported(format!("assigning {value} to several columns")).into()),
        },
        ast::Expr::Subquery(query) => columns_of_subquery(query, width),
        other => {
            let message = "source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression";
            Err(SqlError::new(Condition::FeatureNotSupported, format!("{message}: {other}")).into())
        }
    }
}

fn plain_argument(argument: &ast::FunctionArg) -> Result<ast::Expr> {
    match argument {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(tree)) => Ok(tree.clone()),
        other => Err(SqlError::unsupported(format!("{other} in ROW()")).into()),
    }
}

/// One subquery for each column of `query`.
fn columns_of_subquery(query: &ast::Query, width: usize) -> Result<Vec<ast::Expr>> {
    let SetExpr::Select(select) = &*query.body else {
        return Err(SqlError::unsupported("assigning such a subquery to several columns").into());
    };
    let is_star = |item: &ast::SelectItem| {
        !matches!(item, ast::SelectItem::UnnamedExpr(_) | ast::SelectItem::ExprWithAlias { .. })
    };
    if select.projection.len() != width || select.projection.iter().any(is_star) {
        return Err(SqlError::unsupported("assigning such a subquery to several columns").into());
    }
    let one = |item: &ast::SelectItem| {
        let mut query = query.clone();
        if let SetExpr::Select(select) = &mut *query.body {
            select.projection = vec![item.clone()];
        }
        ast::Expr::Subquery(Box::new(query))
    };
    Ok(select.projection.iter().map(one).collect())
}

/// The numbers of the named columns of `table`; all of them when none is named.
pub(super) fn named_columns(table: &SqlTable, names: &[String]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let index = column_index(table, name)?;
        if found.contains(&index) {
            let message = format!("column \"{name}\" specified more than once");
            return Err(SqlError::new(Condition::DuplicateColumn, message).into());
        }
        found.push(index);
    }
    Ok(found)
}

/// The last part of each name.
pub(super) fn last_parts(objects: &[ast::ObjectName]) -> Result<Vec<String>> {
    let last = |object: &ast::ObjectName| match &object.0[..] {
        [ast::ObjectNamePart::Identifier(ident)] => Ok(name(ident)),
        _ => Err(SqlError::unsupported(format!("the column {object}")).into()),
    };
    objects.iter().map(last).collect()
}
