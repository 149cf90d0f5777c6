//! RETURNING: what a statement answers about the rows that it has changed.

use datafusion::logical_expr::Expr;
use marquetry_functions::SqlError;
use sqlparser::ast::SelectItem;

use super::Written;
use crate::error::Result;
use crate::sql::bind::{Binder, Collected, Relations, Scope, ScopeColumn};
use crate::sql::execute::Evaluator;
use crate::table::Value;

/// The list of RETURNING, bound.
pub(super) struct Returning {
    pub(super) columns: Vec<ScopeColumn>,
    evaluator: Evaluator,
}

impl Returning {
    /// `items` over rows of all columns of `relations`, one relation behind the other.
    pub(super) fn bind(
        binder: &Binder<'_>,
        items: Option<&[SelectItem]>,
        relations: &Relations,
    ) -> Result<Option<Self>> {
        let Some(items) = items else { return Ok(None) };
        let scope = Scope::new(relations, None);
        let collected = Collected::default();
        let outputs = binder.outputs(items, &scope, &collected)?;
        let is_plain = collected.aggregates.borrow().is_empty()
            && collected.windows.borrow().is_empty()
            && collected.sets.borrow().is_empty();
        if !is_plain {
            let message = "aggregates, window functions and sets in RETURNING";
            return Err(SqlError::unsupported(message).into());
        }
        let (mut columns, mut values) = (Vec::new(), Vec::new());
        for output in outputs {
            let value = binder.decided(output.value)?;
            if has_subquery(&value.expr) {
                return Err(SqlError::unsupported("a subquery in RETURNING").into());
            }
            columns.push(ScopeColumn {
                name: output.name,
                column: binder.fresh('c'),
                sql_type: value.sql_type.clone(),
                type_modifier: value.type_modifier,
                table_oid: output.table_oid,
                attribute: output.attribute,
            });
            values.push(value);
        }
        let evaluator = Evaluator::new(&all_columns(relations), &values)?;
        Ok(Some(Returning { columns, evaluator }))
    }

    fn rows(self, rows: &[Vec<Value>]) -> Result<(Vec<ScopeColumn>, Vec<Vec<Value>>)> {
        let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        let values = if rows.is_empty() { Vec::new() } else { self.evaluator.evaluate(&rows)? };
        Ok((self.columns, values))
    }
}

/// The columns of all relations, one behind the other.
pub(super) fn all_columns(relations: &Relations) -> Vec<ScopeColumn> {
    relations.relations.iter().flat_map(|relation| relation.columns.iter().cloned()).collect()
}

/// Whether `expr` asks for rows, so that only a plan can work it out.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let is_subquery = |expr: &Expr| {
        Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)))
    };
    expr.exists(is_subquery).unwrap_or(true)
}

/// What `command` answers after changing `count` rows; `rows` are the rows that RETURNING looks at.
pub(super) fn written(
    command: &'static str,
    count: usize,
    returning: Option<Returning>,
    rows: &[Vec<Value>],
) -> Result<Written> {
    let returned = returning.map(|returning| returning.rows(rows)).transpose()?;
    Ok(Written { command, rows: count as u64, returned })
}
