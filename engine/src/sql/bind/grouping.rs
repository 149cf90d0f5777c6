//! GROUP BY: keys, grouping sets, and what may be said of a group.
//!
//! ```text
//!   GROUP BY a + 1      below the aggregate  g3 := a + 1        above it, every a + 1 becomes g3
//! ```
//!
//! - Above the aggregate only its keys, its aggregates and outer columns may be read. A column that depends on the keys,
//!   since they hold its table's primary key, is made a key.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Aggregate, Expr, GroupingSet, LogicalPlan, Subquery};
use marquetry_functions::{Condition, SqlError, Typed};
use sqlparser::ast;

use super::clause::Clause;
use super::name::name;
use super::order::ordinal;
use super::scope::{Relations, Scope};
use super::select::{Output, all_columns, projected};
use super::{Binder, columns_of};
use crate::error::Result;
use crate::sql::failure::from_datafusion;

/// One key of a GROUP BY.
#[derive(Debug, Clone)]
struct Key {
    value: Typed,
    /// The column that holds it above the aggregate.
    column: Column,
}

/// A GROUP BY.
pub(super) struct Grouping {
    keys: Vec<Key>,
    /// Positions of keys, one list for each grouping set; `None` for a plain GROUP BY.
    sets: Option<Vec<Vec<usize>>>,
}

/// `plan` grouped by `keys`, with `aggregates`, under the names that are given with them.
pub(super) fn aggregated(
    plan: LogicalPlan,
    keys: Vec<(Expr, Column)>,
    aggregates: Vec<(Expr, Column)>,
) -> Result<LogicalPlan> {
    let groups = keys.iter().map(|(_, column)| Expr::Column(column.clone())).collect();
    let plan = with_columns(plan, keys)?;
    finish(plan, groups, aggregates)
}

fn finish(plan: LogicalPlan, groups: Vec<Expr>, aggregates: Vec<(Expr, Column)>) -> Result<LogicalPlan> {
    let aggregates: Vec<Expr> = aggregates.into_iter().map(|(expr, name)| expr.alias(name.name)).collect();
    Aggregate::try_new(Arc::new(plan), groups, aggregates).map(LogicalPlan::Aggregate).map_err(from_datafusion)
}

/// `plan` with more columns.
pub(super) fn with_columns(plan: LogicalPlan, columns: Vec<(Expr, Column)>) -> Result<LogicalPlan> {
    let is_new = |(expr, column): &(Expr, Column)| *expr != Expr::Column(column.clone());
    let mut columns = columns.into_iter().filter(is_new).peekable();
    if columns.peek().is_none() {
        return Ok(plan);
    }
    let mut exprs = all_columns(&plan);
    exprs.extend(columns.map(|(expr, column)| expr.alias(column.name)));
    projected(plan, exprs)
}

impl Grouping {
    pub(super) fn bind(
        binder: &Binder<'_>,
        trees: &[ast::Expr],
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<Self> {
        let mut grouping = Grouping { keys: Vec::new(), sets: None };
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for tree in trees {
            let alternatives: Vec<Vec<usize>> = match tree {
                ast::Expr::GroupingSets(lists) => grouping.lists(binder, lists, outputs, scope)?,
                ast::Expr::Rollup(lists) => {
                    let parts = grouping.lists(binder, lists, outputs, scope)?;
                    (0..=parts.len()).rev().map(|length| parts[..length].concat()).collect()
                }
                ast::Expr::Cube(lists) => {
                    let parts = grouping.lists(binder, lists, outputs, scope)?;
                    subsets(&parts)?
                }
                ast::Expr::Tuple(items) => vec![grouping.list(binder, items, outputs, scope)?],
                other => vec![vec![grouping.key(binder, other, outputs, scope)?]],
            };
            if matches!(tree, ast::Expr::GroupingSets(_) | ast::Expr::Rollup(_) | ast::Expr::Cube(_)) {
                grouping.sets = Some(Vec::new());
            }
            let product =
                sets.iter().flat_map(|set| alternatives.iter().map(move |more| [&set[..], &more[..]].concat()));
            sets = product.collect();
            if sets.len() > GROUPING_SETS_MAX {
                return Err(too_many_sets().into());
            }
        }
        if grouping.sets.is_some() {
            grouping.sets = Some(sets);
        }
        Ok(grouping)
    }

    fn lists(
        &mut self,
        binder: &Binder<'_>,
        lists: &[Vec<ast::Expr>],
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<Vec<Vec<usize>>> {
        lists.iter().map(|list| self.list(binder, list, outputs, scope)).collect()
    }

    fn list(
        &mut self,
        binder: &Binder<'_>,
        trees: &[ast::Expr],
        outputs: &[Output],
        scope: &Scope<'_>,
    ) -> Result<Vec<usize>> {
        trees.iter().map(|tree| self.key(binder, tree, outputs, scope)).collect()
    }

    /// The position of the key that `tree` is: a position of the list, a column, or the name of one of the list.
    fn key(&mut self, binder: &Binder<'_>, tree: &ast::Expr, outputs: &[Output], scope: &Scope<'_>) -> Result<usize> {
        let value = match ordinal(tree, outputs.len(), "GROUP BY")? {
            Some(position) => outputs[position].value.clone(),
            None => match (binder.expression(tree, scope, &Clause::plain("GROUP BY")), tree) {
                (Ok(value), _) => value,
                (Err(error), ast::Expr::Identifier(ident)) => {
                    let wanted = name(ident);
                    let named = outputs.iter().find(|output| output.name == wanted);
                    named.map(|output| output.value.clone()).ok_or(error)?
                }
                (Err(error), _) => return Err(error),
            },
        };
        self.add(binder, value)
    }

    fn add(&mut self, binder: &Binder<'_>, value: Typed) -> Result<usize> {
        if let Some(known) = self.keys.iter().position(|key| key.value.expr == value.expr) {
            return Ok(known);
        }
        let column = match &value.expr {
            Expr::Column(column) => column.clone(),
            _ => binder.fresh('g'),
        };
        self.keys.push(Key { value, column });
        Ok(self.keys.len() - 1)
    }

    /// Makes keys of the columns in `used` that depend on the keys.
    pub(super) fn add_dependent(&mut self, relations: &Relations, used: Vec<Expr>) {
        if self.sets.is_some() {
            return;
        }
        let used: Vec<Column> = used.iter().flat_map(columns_of).collect();
        for relation in &relations.relations {
            let is_key = |column: &Column| self.keys.iter().any(|key| key.value.expr == Expr::Column(column.clone()));
            let has =
                |name: &String| relation.columns.iter().any(|column| column.name == *name && is_key(&column.column));
            if relation.key.is_empty() || !relation.key.iter().all(has) {
                continue;
            }
            let dependent =
                relation.columns.iter().filter(|column| used.contains(&column.column) && !is_key(&column.column));
            let more: Vec<Key> =
                dependent.map(|column| Key { value: column.typed(), column: column.column.clone() }).collect();
            self.keys.extend(more);
        }
    }

    /// `plan`, grouped.
    pub(super) fn plan(
        &mut self,
        binder: &Binder<'_>,
        plan: LogicalPlan,
        mut aggregates: Vec<(Expr, Column)>,
    ) -> Result<LogicalPlan> {
        let mut groups = Vec::new();
        for key in &mut self.keys {
            key.value = binder.decided(key.value.clone())?;
            let sorted = binder.typing.sort_key(key.value.clone())?;
            if sorted.expr == key.value.expr {
                groups.push((key.value.expr.clone(), key.column.clone()));
                continue;
            }
            if self.sets.is_some() {
                return Err(SqlError::unsupported(format!("a grouping set of type {}", key.value.sql_type)).into());
            }
            // Equal values may look different: the group is told by what they have in common, and shows the first.
            let first = datafusion::functions_aggregate::first_last::first_value(key.value.expr.clone(), Vec::new());
            key.column = binder.fresh('a');
            aggregates.push((first, key.column.clone()));
            groups.push((sorted.expr, binder.fresh('g')));
        }
        if groups.is_empty() && aggregates.is_empty() {
            let count = datafusion::functions_aggregate::count::count_all();
            aggregates.push((count, binder.fresh('a')));
        }
        let names: Vec<Expr> = groups.iter().map(|(_, column)| Expr::Column(column.clone())).collect();
        let plan = with_columns(plan, groups)?;
        let exprs = match &self.sets {
            None => names,
            Some(sets) => {
                let sets = sets.iter().map(|set| set.iter().map(|position| names[*position].clone()).collect());
                vec![Expr::GroupingSet(GroupingSet::GroupingSets(sets.collect()))]
            }
        };
        finish(plan, exprs, aggregates)
    }

    /// `expr` as what it is above the aggregate.
    pub(super) fn rewrite(&self, expr: &mut Expr, relations: &Relations) -> Result<()> {
        let replaced = std::mem::take(expr).transform_down(|part| self.replace(part));
        *expr = replaced.map_err(from_datafusion)?.data;
        let is_input = |column: &Column| {
            let known = relations.relations.iter().flat_map(|relation| &relation.columns);
            let is_key = self.keys.iter().any(|key| key.column == *column);
            if is_key { None } else { known.into_iter().find(|known| known.column == *column) }
        };
        match columns_of(expr).iter().find_map(is_input) {
            None => Ok(()),
            Some(column) => {
                let owner = relations
                    .relations
                    .iter()
                    .find(|relation| relation.columns.iter().any(|known| known.column == column.column));
                let owner = owner.map_or("", |relation| relation.name.as_str());
                let message = format!(
                    "column \"{owner}.{}\" must appear in the GROUP BY clause or be used in an aggregate function",
                    column.name
                );
                Err(SqlError::new(Condition::GroupingError, message).into())
            }
        }
    }

    fn replace(&self, part: Expr) -> datafusion::error::Result<Transformed<Expr>> {
        if let Some(key) = self.keys.iter().find(|key| key.value.expr == part) {
            return Ok(Transformed::new(Expr::Column(key.column.clone()), true, TreeNodeRecursion::Jump));
        }
        Ok(match part {
            Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(self.inside(subquery)?)),
            Expr::Exists(mut exists) => {
                exists.subquery = self.inside(exists.subquery)?;
                Transformed::yes(Expr::Exists(exists))
            }
            Expr::InSubquery(mut is_in) => {
                is_in.subquery = self.inside(is_in.subquery)?;
                Transformed::yes(Expr::InSubquery(is_in))
            }
            other => Transformed::no(other),
        })
    }

    /// `subquery`, reading the keys of the group around it.
    fn inside(&self, subquery: Subquery) -> datafusion::error::Result<Subquery> {
        let renamed = |expr: Expr| {
            expr.transform_down(|part| match &part {
                Expr::OuterReferenceColumn(field, column) => {
                    let is_meant = |key: &&Key| key.value.expr == Expr::Column(column.clone());
                    match self.keys.iter().find(is_meant) {
                        Some(key) => {
                            let moved = Expr::OuterReferenceColumn(field.clone(), key.column.clone());
                            Ok(Transformed::yes(moved))
                        }
                        None => Ok(Transformed::no(part)),
                    }
                }
                _ => Ok(Transformed::no(part)),
            })
        };
        let plan = Arc::unwrap_or_clone(subquery.subquery);
        let plan = plan.transform_down_with_subqueries(|plan| plan.map_expressions(renamed))?.data;
        let outer = subquery.outer_ref_columns.into_iter().map(|expr| Ok(renamed(expr)?.data));
        Ok(Subquery {
            subquery: Arc::new(plan),
            outer_ref_columns: outer.collect::<datafusion::error::Result<_>>()?,
            spans: subquery.spans,
        })
    }
}

/// Most grouping sets of one GROUP BY, as PostgreSQL has it.
const GROUPING_SETS_MAX: usize = 4096;

fn too_many_sets() -> SqlError {
    SqlError::new(
        Condition::StatementTooComplex,
        format!("too many grouping sets present (maximum {GROUPING_SETS_MAX})"),
    )
}

fn subsets(parts: &[Vec<usize>]) -> Result<Vec<Vec<usize>>, SqlError> {
    if parts.len() > 12 {
        return Err(SqlError::new(Condition::StatementTooComplex, "CUBE is limited to 12 elements"));
    }
    let chosen = |mask: usize| {
        let inside = parts.iter().enumerate().filter(|(position, _)| mask & (1 << (parts.len() - 1 - position)) != 0);
        inside.flat_map(|(_, part)| part.iter().copied()).collect()
    };
    Ok((0..1_usize << parts.len()).rev().map(chosen).collect())
}
