//! MERGE: rows of a source against those of a table; the first WHEN that fits says what is done.
//!
//! ```text
//!   plan: source left join table ON ..  --> key of the row that was met, if any, and the columns of the source
//!   lock what was met, read again if it changed --> WHEN MATCHED: update, delete   WHEN NOT MATCHED: insert
//! ```

use std::collections::HashSet;
use std::rc::Rc;

use datafusion::common::JoinType;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{self, MergeAction, MergeClauseKind, MergeInsertKind, MergeUpdateKind, TableWithJoins};

use super::assign::{Assigned, Given, assignments, given, last_parts, named_columns};
use super::change::target_relation;
use super::lock::SharedTable;
use super::read::{Reading, keys_in, values_from};
use super::returning::has_subquery;
use super::target::Target;
use super::work::Work;
use super::{WriteContext, Written};
use crate::error::Result;
use crate::kv::LockMode;
use crate::sql::bind::{Binder, Clause, Relations, Scope, ScopeColumn, projected};
use crate::sql::catalog::SqlTable;
use crate::sql::execute::Evaluator;
use crate::sql::failure::from_datafusion;
use crate::table::Value;

/// What one WHEN does.
enum Action {
    Update(Vec<Assigned>),
    Delete,
    Insert(Vec<Assigned>),
    Nothing,
}

/// One WHEN, bound.
struct When {
    is_for_matched: bool,
    action: Action,
    /// The condition first, then what is given and is no DEFAULT; over the table's columns and those of the source.
    evaluator: Evaluator,
}

struct Bound {
    table: SharedTable,
    source: Vec<ScopeColumn>,
    whens: Vec<When>,
}

fn bind(binder: &Binder<'_>, merge: &ast::Merge) -> Result<(LogicalPlan, Bound)> {
    if merge.output.is_some() {
        return Err(SqlError::unsupported("RETURNING of MERGE").into());
    }
    let (table, target, relations) = target_relation(binder, &merge.table)?;
    let source = TableWithJoins { relation: merge.source.clone(), joins: Vec::new() };
    let (source, others) = binder.from(std::slice::from_ref(&source), None)?;
    let key = match relations.relations.first().and_then(|relation| relation.row_key.clone()) {
        Some((_, key)) => key,
        None => return Err(SqlError::new(Condition::InternalError, "a table without keys").into()),
    };
    let source_columns: Vec<ScopeColumn> =
        others.relations.iter().flat_map(|relation| relation.columns.iter().cloned()).collect();
    let both = relations.and(others.clone())?;
    let on = binder.condition(&merge.on, &Scope::new(&both, None), &Clause::plain("ON"))?;
    let plan = LogicalPlanBuilder::from(source)
        .join_on(target, JoinType::Left, [on.expr])
        .and_then(LogicalPlanBuilder::build)
        .map_err(from_datafusion)?;
    let mut columns: Vec<ScopeColumn> = both.relations.first().map(|first| first.columns.clone()).unwrap_or_default();
    columns.extend(source_columns.iter().cloned());
    let whens = merge.clauses.iter().map(|clause| when(binder, &table, clause, &both, &others, &columns));
    let whens = whens.collect::<Result<Vec<_>>>()?;
    let mut exprs = vec![Expr::Column(key).alias(binder.fresh('k').name)];
    let mut read = Vec::new();
    for column in &source_columns {
        let renamed = ScopeColumn { column: binder.fresh('c'), ..column.clone() };
        exprs.push(Expr::Column(column.column.clone()).alias(&renamed.column.name));
        read.push(renamed);
    }
    Ok((projected(plan, exprs)?, Bound { table, source: read, whens }))
}

fn when(
    binder: &Binder<'_>,
    table: &SqlTable,
    clause: &ast::MergeClause,
    both: &Relations,
    source: &Relations,
    columns: &[ScopeColumn],
) -> Result<When> {
    let is_for_matched = match clause.clause_kind {
        MergeClauseKind::Matched => true,
        MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => false,
        MergeClauseKind::NotMatchedBySource => {
            return Err(SqlError::unsupported("WHEN NOT MATCHED BY SOURCE").into());
        }
    };
    let scope = Scope::new(if is_for_matched { both } else { source }, None);
    let action = match &clause.action {
        MergeAction::Update(update) if is_for_matched => match &update.kind {
            MergeUpdateKind::Set(trees) if update.update_predicate.is_none() && update.delete_predicate.is_none() => {
                Action::Update(assignments(binder, table, trees, &scope)?)
            }
            _ => return Err(SqlError::unsupported("this UPDATE of MERGE").into()),
        },
        MergeAction::Delete { .. } if is_for_matched => Action::Delete,
        MergeAction::Insert(insert) if !is_for_matched => Action::Insert(inserted(binder, table, insert, &scope)?),
        MergeAction::DoNothing { .. } => Action::Nothing,
        other => {
            let message = format!("MERGE cannot do {other} there");
            return Err(SqlError::new(Condition::SyntaxError, message).into());
        }
    };
    let mut values = vec![match &clause.predicate {
        Some(condition) => binder.condition(condition, &scope, &Clause::plain("WHEN"))?,
        None => binder.typing.boolean(true),
    }];
    if let Action::Update(assigned) | Action::Insert(assigned) = &action {
        values.extend(assigned.iter().filter_map(|assigned| match &assigned.given {
            Given::Value(value) => Some((**value).clone()),
            Given::Default => None,
        }));
    }
    if values.iter().any(|value| has_subquery(&value.expr)) {
        return Err(SqlError::unsupported("a subquery in WHEN").into());
    }
    Ok(When { is_for_matched, action, evaluator: Evaluator::new(columns, &values)? })
}

fn inserted(
    binder: &Binder<'_>,
    table: &SqlTable,
    insert: &ast::MergeInsertExpr,
    scope: &Scope<'_>,
) -> Result<Vec<Assigned>> {
    let MergeInsertKind::Values(values) = &insert.kind else {
        return Err(SqlError::unsupported("this INSERT of MERGE").into());
    };
    let [row] = &values.rows[..] else {
        return Err(SqlError::new(Condition::SyntaxError, "MERGE inserts one row at a time").into());
    };
    if insert.insert_predicate.is_some() {
        return Err(SqlError::unsupported("WHERE in an INSERT of MERGE").into());
    }
    let columns = named_columns(table, &last_parts(&insert.columns)?)?;
    if row.len() > columns.len() {
        return Err(SqlError::new(Condition::SyntaxError, "INSERT has more expressions than target columns").into());
    }
    let assigned = |(index, tree): (usize, &ast::Expr)| {
        Ok(Assigned { index, given: given(binder, table, index, tree, scope, "VALUES")? })
    };
    columns.into_iter().zip(row.iter()).map(assigned).collect()
}

/// Runs a MERGE.
pub(super) fn run(context: &WriteContext, with: Option<&ast::With>, merge: &ast::Merge) -> Result<Written> {
    let reading = Reading::new(context, with);
    let (batches, bound, keys) = loop {
        let (batches, bound) = reading.rows(|binder| bind(binder, merge))?;
        let keys = keys_in(&batches);
        let met: Vec<Vec<u8>> = keys.iter().flatten().cloned().collect();
        if context.lock_all(&bound.table, &met, LockMode::Update)? {
            break (batches, bound, keys);
        }
    };
    let work = Work::new(context)?;
    let target = work.target(bound.table.id)?;
    let mut changed = HashSet::new();
    let mut count = 0;
    for (key, source) in keys.into_iter().zip(values_from(&batches, 1, &bound.source)?) {
        let old = match &key {
            Some(key) => work.row_at(&target, key)?,
            None => None,
        };
        let is_done =
            merge_row(&work, &target, &bound, old, &source, key.as_ref().is_some_and(|key| changed.contains(key)))?;
        if is_done {
            count += 1;
            changed.extend(key);
        }
    }
    work.finish()?;
    Ok(Written { command: "MERGE", rows: count, returned: None })
}

/// Does what the first fitting WHEN says about one row of the source; false when none does anything.
fn merge_row(
    work: &Work<'_>,
    target: &Rc<Target>,
    bound: &Bound,
    old: Option<Vec<Value>>,
    source: &[Value],
    was_changed: bool,
) -> Result<bool> {
    let nothing = || vec![Value::Null; target.table.columns.len()];
    let mut seen = old.as_ref().map_or_else(nothing, |row| target.seen(row));
    seen.extend_from_slice(source);
    let is_matched = old.is_some() || was_changed;
    for when in bound.whens.iter().filter(|when| when.is_for_matched == is_matched) {
        let mut values = when.evaluator.evaluate(&[&seen])?.pop().unwrap_or_default().into_iter();
        if values.next() != Some(Value::Bool(true)) {
            continue;
        }
        if was_changed && !matches!(when.action, Action::Nothing) {
            let message = "MERGE command cannot affect row a second time";
            return Err(SqlError::new(Condition::CardinalityViolation, message)
                .hint("Ensure that not more than one source row matches any one target row.")
                .into());
        }
        match (&when.action, old) {
            (Action::Update(assigned), Some(old)) => {
                let mut new = old.clone();
                for Assigned { index, given } in assigned {
                    let position = target.table.columns[*index].position;
                    new[position] = match given {
                        Given::Default => target.default(work.context, *index)?,
                        Given::Value(_) => {
                            target.table.rows.fit_column(position, values.next().unwrap_or(Value::Null))?
                        }
                    };
                }
                let mut completed = [new];
                target.complete(work.context, &mut completed)?;
                let [new] = completed;
                work.update(target, old, new)?;
            }
            (Action::Delete, Some(old)) => work.delete(target, old)?,
            (Action::Insert(assigned), None) => {
                let mut named = vec![None; target.table.columns.len()];
                for Assigned { index, given } in assigned {
                    if matches!(given, Given::Value(_)) {
                        named[*index] = values.next();
                    }
                }
                let mut completed = [target.row(work.context, named)?];
                target.complete(work.context, &mut completed)?;
                let [new] = completed;
                work.insert(target, new)?;
            }
            _ => return Ok(false),
        }
        return Ok(true);
    }
    Ok(false)
}

/// Binds all of the statement, for the types of its parameters.
pub(super) fn described(binder: &Binder<'_>, merge: &ast::Merge) -> Result<Vec<ScopeColumn>> {
    bind(binder, merge).map(|_| Vec::new())
}
