//! ON CONFLICT: what an INSERT does about rows whose key is there already.
//!
//! ```text
//!   arbiters: the keys that were named, or all --locked--> nobody has one: insert
//!                                                    '---> somebody has: do nothing, or lock that row and update it
//! ```

use std::collections::HashSet;
use std::rc::Rc;

use bytes::Bytes;
use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{ConflictTarget, OnConflict, OnConflictAction};

use super::assign::{Assigned, Given, assignments};
use super::returning::{all_columns, has_subquery};
use super::target::{Target, column_index, relation_of};
use super::work::Work;
use crate::error::Result;
use crate::kv::{LockMode, Reader};
use crate::sql::bind::{Binder, Clause, Relations, Scope, ScopeRelation, name, parts};
use crate::sql::catalog::SqlTable;
use crate::sql::execute::Evaluator;
use crate::table::{Value, keys};

/// What tells rows apart: the primary key, or the unique index of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arbiter {
    PrimaryKey,
    Index(u32),
}

/// What DO UPDATE sets, worked out from the row that is there and the one that was to be inserted.
struct Update {
    assigned: Vec<Assigned>,
    /// The condition first, then what is assigned and is no DEFAULT.
    evaluator: Evaluator,
}

/// ON CONFLICT, bound.
pub(super) struct BoundConflict {
    arbiters: Vec<Arbiter>,
    update: Option<Update>,
}

impl BoundConflict {
    pub(super) fn bind(
        binder: &Binder<'_>,
        table: &std::sync::Arc<SqlTable>,
        relation: ScopeRelation,
        conflict: &OnConflict,
    ) -> Result<Self> {
        let arbiters = arbiters(table, conflict.conflict_target.as_ref())?;
        let OnConflictAction::DoUpdate(action) = &conflict.action else {
            return Ok(BoundConflict { arbiters, update: None });
        };
        if conflict.conflict_target.is_none() {
            let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
            return Err(SqlError::new(Condition::SyntaxError, message).into());
        }
        let excluded = ScopeRelation { schema: None, name: "excluded".to_owned(), ..relation_of(binder, table) };
        // Names without a table mean the row that is there.
        let mut relations = Relations::of(relation);
        relations.relations.push(excluded);
        let scope = Scope::new(&relations, None);
        let assigned = assignments(binder, table, &action.assignments, &scope)?;
        let mut values = vec![match &action.selection {
            Some(condition) => binder.condition(condition, &scope, &Clause::plain("WHERE"))?,
            None => binder.typing.boolean(true),
        }];
        values.extend(assigned.iter().filter_map(|assigned| match &assigned.given {
            Given::Value(value) => Some((**value).clone()),
            Given::Default => None,
        }));
        if values.iter().any(|value| has_subquery(&value.expr)) {
            return Err(SqlError::unsupported("a subquery in ON CONFLICT DO UPDATE").into());
        }
        let evaluator = Evaluator::new(&all_columns(&relations), &values)?;
        Ok(BoundConflict { arbiters, update: Some(Update { assigned, evaluator }) })
    }
}

/// The keys that ON CONFLICT means.
fn arbiters(table: &SqlTable, target: Option<&ConflictTarget>) -> Result<Vec<Arbiter>> {
    let unique = || table.indexes.iter().filter(|index| index.unique);
    let found: Vec<Arbiter> = match target {
        None => {
            let primary = table.primary_key_name.is_some().then_some(Arbiter::PrimaryKey);
            return Ok(primary.into_iter().chain(unique().map(|index| Arbiter::Index(index.number))).collect());
        }
        Some(ConflictTarget::OnConstraint(object)) => {
            let wanted = parts(object)?.pop().unwrap_or_default();
            let primary = (table.primary_key_name.as_ref() == Some(&wanted)).then_some(Arbiter::PrimaryKey);
            let named = unique().filter(|index| index.name == wanted).map(|index| Arbiter::Index(index.number));
            let found: Vec<Arbiter> = primary.into_iter().chain(named).collect();
            if found.is_empty() {
                let message = format!("constraint \"{wanted}\" for table \"{}\" does not exist", table.name);
                return Err(SqlError::new(Condition::UndefinedObject, message).into());
            }
            found
        }
        Some(ConflictTarget::Columns { columns, predicate }) => {
            let indexes = columns.iter().map(|column| column_index(table, &name(column)));
            let wanted: Vec<usize> =
                indexes.map(|index| Ok(table.columns[index?].position)).collect::<Result<_, SqlError>>()?;
            let is_same = |key: &[usize]| key.len() == wanted.len() && key.iter().all(|one| wanted.contains(one));
            let is_primary = table.primary_key_name.is_some() && is_same(&table.primary_key);
            let predicate = predicate.as_ref().map(ToString::to_string);
            // An index without a condition serves whatever condition was said; one with a condition needs the same.
            let fits = |index: &&crate::sql::catalog::SqlIndex| {
                is_same(&index.positions) && (index.predicate.is_none() || index.predicate == predicate)
            };
            let named = unique().filter(fits).map(|index| Arbiter::Index(index.number));
            is_primary.then_some(Arbiter::PrimaryKey).into_iter().chain(named).collect()
        }
    };
    if found.is_empty() {
        let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
        return Err(SqlError::new(Condition::InvalidColumnReference, message).into());
    }
    Ok(found)
}

/// Inserts rows one by one as ON CONFLICT says.
pub(super) struct Conflict<'w, 'c> {
    work: &'w Work<'c>,
    target: &'w Rc<Target>,
    bound: BoundConflict,
    /// The rows that the statement has written, by their encoded primary keys.
    written: HashSet<Bytes>,
}

impl<'w, 'c> Conflict<'w, 'c> {
    pub(super) fn new(work: &'w Work<'c>, target: &'w Rc<Target>, bound: BoundConflict) -> Self {
        Conflict { work, target, bound, written: HashSet::new() }
    }

    /// Inserts `row`; the row that is there then, unless nothing was done.
    pub(super) fn insert(&mut self, row: Vec<Value>) -> Result<Option<Vec<Value>>> {
        let Some(primary) = self.met(&row)? else {
            self.written.insert(self.target.table.rows.primary_of(&row)?);
            self.work.insert(self.target, row.clone())?;
            return Ok(Some(row));
        };
        if self.bound.update.is_none() {
            return Ok(None);
        }
        self.update(&primary, &row)
    }

    /// The row that has a key of `row` among the arbiters, which are locked then.
    fn met(&self, row: &[Value]) -> Result<Option<Bytes>> {
        let (table, rows) = (&self.target.table, &self.target.table.rows);
        let own = rows.primary_of(row)?;
        for arbiter in &self.bound.arbiters {
            let (key, is_row) = match arbiter {
                Arbiter::PrimaryKey => (Bytes::from(keys::row(table.id, &own)), true),
                Arbiter::Index(number) => {
                    let index = rows.indexes.iter().find(|index| index.number == *number);
                    let entry = index.map(|index| rows.entry_of(index, row, &own)).transpose()?.flatten();
                    match entry.filter(|entry| entry.is_exclusive) {
                        Some(entry) => (entry.key, false),
                        None => continue,
                    }
                }
            };
            self.work.context.claim(table, &key, LockMode::NoKeyUpdate)?;
            if let Some(found) = self.work.transaction.get(&key)? {
                return Ok(Some(if is_row { own } else { found }));
            }
        }
        Ok(None)
    }

    fn update(&mut self, primary: &Bytes, row: &[Value]) -> Result<Option<Vec<Value>>> {
        let (target, work) = (self.target, self.work);
        if self.written.contains(primary) {
            let message = "ON CONFLICT DO UPDATE command cannot affect row a second time";
            return Err(SqlError::new(Condition::CardinalityViolation, message)
                .hint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
                .into());
        }
        work.context.claim(&target.table, &keys::row(target.table.id, primary), LockMode::NoKeyUpdate)?;
        let Some(old) = work.row_at(target, primary)? else {
            // Removed while its lock was waited for: the key is free now, and locked.
            return self.insert(row.to_vec());
        };
        let Some(update) = &self.bound.update else { return Ok(None) };
        let seen: Vec<Value> = target.seen(&old).into_iter().chain(target.seen(row)).collect();
        let mut values = update.evaluator.evaluate(&[&seen])?.pop().unwrap_or_default().into_iter();
        if values.next() != Some(Value::Bool(true)) {
            return Ok(None);
        }
        let mut new = old.clone();
        for assigned in &update.assigned {
            let position = target.table.columns[assigned.index].position;
            new[position] = match assigned.given {
                Given::Default => target.default(work.context, assigned.index)?,
                Given::Value(_) => target.table.rows.fit_column(position, values.next().unwrap_or(Value::Null))?,
            };
        }
        let mut completed = [new];
        target.complete(work.context, &mut completed)?;
        let [new] = completed;
        self.written.insert(target.table.rows.primary_of(&new)?);
        work.update(target, old, new.clone())?;
        Ok(Some(new))
    }
}
