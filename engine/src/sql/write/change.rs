//! UPDATE and DELETE: which rows and what they become is read, the rows are locked, then they are changed.
//!
//! ```text
//!   plan: table x FROM or USING, WHERE --> key, new values, what RETURNING needs of the others
//!   lock every row: one was changed meanwhile? read everything again (READ COMMITTED), or fail
//!   old row by its key --> new row --> `work`
//! ```

use std::collections::HashSet;

use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{self, FromTable, TableFactor, TableWithJoins, UpdateTableFromKind};

use super::assign::{Assigned, Given, assignments};
use super::lock::SharedTable;
use super::read::{Reading, keys_in, values_from};
use super::returning::{Returning, written};
use super::work::Work;
use super::{WriteContext, Written, named_table};
use crate::error::Result;
use crate::kv::LockMode;
use crate::sql::bind::{Binder, Clause, Relations, Scope, ScopeColumn, filtered, name, projected};
use crate::sql::failure::from_datafusion;
use crate::table::Value;

/// An UPDATE or DELETE, taken apart.
pub(super) struct Change<'s> {
    table: &'s TableWithJoins,
    others: &'s [TableWithJoins],
    selection: Option<&'s ast::Expr>,
    /// Nothing for a DELETE.
    assignments: Option<&'s [ast::Assignment]>,
    returning: Option<&'s [ast::SelectItem]>,
}

/// What was bound of it.
pub(super) struct Bound {
    table: SharedTable,
    assigned: Vec<Assigned>,
    /// The columns of the plan behind the key: what is assigned, then those of the other tables.
    columns: Vec<ScopeColumn>,
    returning: Option<Returning>,
}

impl<'s> Change<'s> {
    pub(super) fn of_update(update: &'s ast::Update) -> Result<Self> {
        let is_foreign = update.on_cluster.is_some()
            || update.output.is_some()
            || update.or.is_some()
            || !update.order_by.is_empty()
            || update.limit.is_some()
            || update.settings.is_some()
            || !update.table.joins.is_empty();
        let others = match &update.from {
            None => &[][..],
            Some(UpdateTableFromKind::AfterSet(others)) if !is_foreign => others,
            Some(_) => return Err(not_postgres("UPDATE").into()),
        };
        if is_foreign {
            return Err(not_postgres("UPDATE").into());
        }
        Ok(Change {
            table: &update.table,
            others,
            selection: update.selection.as_ref(),
            assignments: Some(&update.assignments),
            returning: update.returning.as_deref(),
        })
    }

    pub(super) fn of_delete(delete: &'s ast::Delete) -> Result<Self> {
        let is_foreign = !delete.tables.is_empty()
            || delete.on_cluster.is_some()
            || delete.output.is_some()
            || !delete.order_by.is_empty()
            || delete.limit.is_some()
            || delete.settings.is_some();
        let table = match &delete.from {
            FromTable::WithFromKeyword(tables) if !is_foreign => match &tables[..] {
                [table] if table.joins.is_empty() => table,
                _ => return Err(not_postgres("DELETE").into()),
            },
            _ => return Err(not_postgres("DELETE").into()),
        };
        Ok(Change {
            table,
            others: delete.using.as_deref().unwrap_or_default(),
            selection: delete.selection.as_ref(),
            assignments: None,
            returning: delete.returning.as_deref(),
        })
    }

    fn command(&self) -> &'static str {
        if self.assignments.is_some() { "UPDATE" } else { "DELETE" }
    }

    /// The plan of the reading part.
    fn bind(&self, binder: &Binder<'_>) -> Result<(LogicalPlan, Bound)> {
        let (table, mut plan, mut relations) = target_relation(binder, &self.table.relation)?;
        let key = match relations.relations.first().and_then(|relation| relation.row_key.clone()) {
            Some((_, key)) => key,
            None => return Err(SqlError::new(Condition::InternalError, "a table without keys").into()),
        };
        if !self.others.is_empty() {
            let (other, others) = binder.from(self.others, None)?;
            plan = LogicalPlanBuilder::from(plan)
                .cross_join(other)
                .and_then(LogicalPlanBuilder::build)
                .map_err(from_datafusion)?;
            relations = relations.and(others)?;
        }
        let scope = Scope::new(&relations, None);
        if let Some(condition) = self.selection {
            let condition = binder.condition(condition, &scope, &Clause::plain("WHERE"))?;
            plan = filtered(plan, condition.expr)?;
        }
        let assigned = match self.assignments {
            Some(trees) => assignments(binder, &table, trees, &scope)?,
            None => Vec::new(),
        };
        let (mut exprs, mut columns) = (vec![Expr::Column(key).alias(binder.fresh('k').name)], Vec::new());
        for Assigned { index, given } in &assigned {
            let Given::Value(value) = given else { continue };
            let column = ScopeColumn {
                name: table.columns[*index].name.clone(),
                column: binder.fresh('c'),
                sql_type: value.sql_type.clone(),
                type_modifier: -1,
                table_oid: 0,
                attribute: 0,
            };
            exprs.push(value.expr.clone().alias(&column.column.name));
            columns.push(column);
        }
        let returning = Returning::bind(binder, self.returning, &relations)?;
        if returning.is_some() {
            for column in relations.relations.iter().skip(1).flat_map(|relation| &relation.columns) {
                let renamed = ScopeColumn { column: binder.fresh('c'), ..column.clone() };
                exprs.push(Expr::Column(column.column.clone()).alias(&renamed.column.name));
                columns.push(renamed);
            }
        }
        Ok((projected(plan, exprs)?, Bound { table, assigned, columns, returning }))
    }

    /// The columns that the statement answers with.
    pub(super) fn described(&self, binder: &Binder<'_>) -> Result<Vec<ScopeColumn>> {
        let (_, bound) = self.bind(binder)?;
        Ok(bound.returning.map(|returning| returning.columns).unwrap_or_default())
    }

    /// Runs it.
    pub(super) fn run(&self, context: &WriteContext, with: Option<&ast::With>) -> Result<Written> {
        let reading = Reading::new(context, with);
        let mode = if self.assignments.is_some() { LockMode::NoKeyUpdate } else { LockMode::Update };
        let (batches, bound, keys) = loop {
            let (batches, bound) = reading.rows(|binder| self.bind(binder))?;
            let keys: Vec<Vec<u8>> = keys_in(&batches).into_iter().flatten().collect();
            if context.lock_all(&bound.table, &keys, mode)? {
                break (batches, bound, keys);
            }
        };
        let work = Work::new(context)?;
        let target = work.target(bound.table.id)?;
        let values = values_from(&batches, 1, &bound.columns)?;
        drop(batches);
        let (mut seen_keys, mut old, mut new, mut beside) = (HashSet::new(), Vec::new(), Vec::new(), Vec::new());
        for (key, values) in keys.into_iter().zip(values) {
            // A row that several of the others meet is changed once.
            let Some(row) = work.row_at(&target, &key)?.filter(|_| !seen_keys.contains(&key)) else { continue };
            seen_keys.insert(key);
            let mut values = values.into_iter();
            let mut changed = row.clone();
            for Assigned { index, given } in &bound.assigned {
                let position = target.table.columns[*index].position;
                changed[position] = match given {
                    Given::Default => target.default(context, *index)?,
                    Given::Value(_) => target.table.rows.fit_column(position, values.next().unwrap_or(Value::Null))?,
                };
            }
            old.push(row);
            new.push(changed);
            beside.push(values.collect::<Vec<_>>());
        }
        if self.assignments.is_some() {
            target.complete(context, &mut new)?;
        }
        let shown = |row: &Vec<Value>, beside: Vec<Value>| -> Vec<Value> {
            target.seen(row).into_iter().chain(beside).collect()
        };
        let rows: Vec<Vec<Value>> = match bound.returning {
            Some(_) => new.iter().zip(beside).map(|(row, beside)| shown(row, beside)).collect(),
            None => Vec::new(),
        };
        let count = old.len();
        for (old, new) in old.into_iter().zip(new) {
            match self.assignments {
                Some(_) => work.update(&target, old, new)?,
                None => work.delete(&target, old)?,
            }
        }
        work.finish()?;
        written(self.command(), count, bound.returning, &rows)
    }
}

fn not_postgres(command: &str) -> SqlError {
    SqlError::new(Condition::SyntaxError, format!("{command} has a clause that is not PostgreSQL's"))
}

/// The table that a statement changes, as its expressions see it.
pub(super) fn target_relation(
    binder: &Binder<'_>,
    factor: &TableFactor,
) -> Result<(SharedTable, LogicalPlan, Relations)> {
    let TableFactor::Table {
        name: object, alias, args: None, version: None, with_ordinality: false, sample: None, ..
    } = factor
    else {
        return Err(SqlError::unsupported(format!("changing {factor}")).into());
    };
    let table = named_table(binder, object)?;
    let (plan, mut relations) = binder.table(table.clone())?;
    if let (Some(alias), Some(relation)) = (alias, relations.relations.first_mut()) {
        relation.name = name(&alias.name);
        relation.schema = None;
    }
    Ok((table, plan, relations))
}
