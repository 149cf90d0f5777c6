//! Foreign keys: what happens to rows that refer to a row, and that what is referred to is there.
//!
//! ```text
//!   row removed, or its key changed --> those who refer to it: removed, changed, set to NULL or their default, or refused
//!   row written                     --> what it refers to: locked against removal, and there
//! ```
//!
//! - Both are looked at when all rows of the statement have been changed; what was declared DEFERRABLE INITIALLY DEFERRED
//!   at the end of the transaction, from a note of it.
//! - Whoever removes a row has locked it and its unique keys for `Update`, whoever refers to it locks what it refers to for
//!   `KeyShare`: one of them waits for the other, and looks at the newest version then.

use std::collections::VecDeque;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::lock::serialization_failure;
use super::target::Target;
use super::work::Work;
use super::{WriteContext, violation};
use crate::catalog::ObjectId;
use crate::error::{Error, Result};
use crate::kv::{Direction, Isolation, KeyRange, LockMode, Locked, Reader};
use crate::sql::bind::LockWait;
use crate::sql::catalog::{ForeignKey, ForeignKeyAction, SqlTable};
use crate::table::{Schema, Value, keys};

/// Where a transaction keeps what is looked at in its end.
const DEFERRED_NOTE: &[u8] = b"sql deferred constraints";
/// Changes that cascades of one statement may make.
const CASCADED_MAX: usize = 10_000_000;

/// A row that was changed.
struct Changed {
    table: Arc<SqlTable>,
    old: Option<Vec<Value>>,
    new: Option<Vec<Value>>,
}

/// What is left to look at in the end of a statement.
#[derive(Default)]
pub(super) struct Pending {
    changed: VecDeque<Changed>,
}

/// What is left to look at in the end of a transaction.
#[derive(Clone)]
enum Deferred {
    /// This row, by its encoded primary key, refers to something.
    Child { table: ObjectId, constraint: u32, primary: Bytes },
    /// This row was removed, or lost its key.
    Parent { table: ObjectId, row: Vec<Value>, referencing: ObjectId, constraint: u32 },
}

type DeferredList = Mutex<Vec<Deferred>>;

impl Pending {
    pub(super) fn written(&mut self, table: &Arc<SqlTable>, old: Option<Vec<Value>>, new: Option<Vec<Value>>) {
        let matters = !table.foreign_keys.is_empty() || (old.is_some() && !table.referenced_by.is_empty());
        if matters {
            self.changed.push_back(Changed { table: table.clone(), old, new });
        }
    }
}

fn at<'r>(row: &'r [Value], positions: &[usize]) -> Vec<&'r Value> {
    positions.iter().map(|position| &row[*position]).collect()
}

impl Work<'_> {
    /// Follows the references of all that was changed, and of what changes with that.
    pub(super) fn settle(&self) -> Result<()> {
        let (mut refused, mut references) = (Vec::new(), Vec::new());
        let mut count = 0;
        loop {
            let Some(changed) = self.pending.borrow_mut().changed.pop_front() else { break };
            count += 1;
            if count > CASCADED_MAX {
                return Err(Error::limit_exceeded(format!(
                    "a statement changed more than {CASCADED_MAX} rows that others refer to; do it in several"
                )));
            }
            if changed.old.is_some() && !changed.table.referenced_by.is_empty() {
                self.follow(&changed, &mut refused)?;
            }
            if changed.new.is_some() && !changed.table.foreign_keys.is_empty() {
                references.push(changed);
            }
        }
        for (changed, referencing, key) in refused {
            self.check_parent(&changed.table, &changed.old.unwrap_or_default(), &referencing, &key)?;
        }
        for Changed { table, old, new } in references {
            if let Some(new) = new {
                self.check_references(&table, old.as_deref(), &new)?;
            }
        }
        Ok(())
    }

    /// Does what foreign keys say about those who refer to a row that is gone or has another key.
    fn follow(&self, changed: &Changed, refused: &mut Vec<(Changed, Arc<SqlTable>, ForeignKey)>) -> Result<()> {
        let Some(old) = &changed.old else { return Ok(()) };
        for id in &changed.table.referenced_by {
            let target = self.target(*id)?;
            for key in target.table.foreign_keys.iter().filter(|key| key.referenced == changed.table.id) {
                let positions = key.referenced_positions(&changed.table);
                let values = at(old, &positions);
                let is_kept = changed.new.as_ref().is_some_and(|new| at(new, &positions) == values);
                if is_kept || values.iter().any(|value| value.is_null()) {
                    continue;
                }
                let action = if changed.new.is_some() { key.on_update } else { key.on_delete };
                match action {
                    ForeignKeyAction::NoAction if key.is_deferrable && key.is_initially_deferred => {
                        self.defer(Deferred::Parent {
                            table: changed.table.id,
                            row: old.clone(),
                            referencing: *id,
                            constraint: key.oid,
                        })?;
                    }
                    ForeignKeyAction::NoAction => {
                        let same = Changed { table: changed.table.clone(), old: Some(old.clone()), new: None };
                        refused.push((same, target.table.clone(), key.clone()));
                    }
                    ForeignKeyAction::Restrict => {
                        if self.has_children(&target.table, key, &values)? {
                            return Err(self.still_referenced(&changed.table, old, key, &target.table));
                        }
                    }
                    ForeignKeyAction::Cascade | ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault => {
                        let new = changed.new.as_deref();
                        self.cascade(&target, key, &values, action, new.map(|new| at(new, &positions)))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn cascade(
        &self,
        target: &Rc<Target>,
        key: &ForeignKey,
        values: &[&Value],
        action: ForeignKeyAction,
        new: Option<Vec<&Value>>,
    ) -> Result<()> {
        let table = &target.table;
        let mode = match (action, &new) {
            (ForeignKeyAction::Cascade, None) => LockMode::Update,
            _ => LockMode::NoKeyUpdate,
        };
        let children = loop {
            let children = self.children(table, key, values)?;
            let primaries: Vec<Vec<u8>> = children.iter().map(|(primary, _)| primary.to_vec()).collect();
            if self.context.lock_all(table, &primaries, mode)? {
                break children;
            }
        };
        let mut changes = Vec::new();
        for (_, old) in children {
            if action == ForeignKeyAction::Cascade && new.is_none() {
                self.delete(target, old)?;
                continue;
            }
            let mut changed = old.clone();
            for (part, position) in key.positions.iter().enumerate() {
                changed[*position] = match (action, &new) {
                    (ForeignKeyAction::Cascade, Some(new)) => table.rows.fit_column(*position, new[part].clone())?,
                    (ForeignKeyAction::SetDefault, _) => self.default_at(target, *position)?,
                    _ => Value::Null,
                };
            }
            changes.push((old, changed));
        }
        let (old, mut new): (Vec<_>, Vec<_>) = changes.into_iter().unzip();
        target.complete(self.context, &mut new)?;
        old.into_iter().zip(new).try_for_each(|(old, new)| self.update(target, old, new))
    }

    fn default_at(&self, target: &Target, position: usize) -> Result<Value> {
        match target.table.columns.iter().position(|column| column.position == position) {
            Some(index) => target.default(self.context, index),
            None => Ok(Value::Null),
        }
    }

    fn has_children(&self, table: &SqlTable, key: &ForeignKey, values: &[&Value]) -> Result<bool> {
        Ok(!self.children(table, key, values)?.is_empty())
    }

    /// The rows of `table` that refer to `values`, by their encoded primary keys; also those that were committed since the
    /// view of the transaction.
    fn children(&self, table: &SqlTable, key: &ForeignKey, values: &[&Value]) -> Result<Vec<(Bytes, Vec<Value>)>> {
        if self.transaction.isolation() == Isolation::ReadCommitted {
            self.transaction.rebase()?;
        }
        let found = children_in(self.transaction, table, key, values)?;
        if self.transaction.isolation() == Isolation::Snapshot {
            // A snapshot does not show them; they must not be left without what they refer to.
            let newest = self.context.source.shared.keyspace.snapshot()?;
            let old = self.transaction.committed();
            for (primary, _) in children_in(&newest, table, key, values)? {
                if old.get(&keys::row(table.id, &primary))?.is_none() {
                    return Err(serialization_failure());
                }
            }
        }
        Ok(found)
    }

    fn still_referenced(&self, table: &SqlTable, row: &[Value], key: &ForeignKey, referencing: &SqlTable) -> Error {
        let positions = key.referenced_positions(table);
        violation::still_referenced(table, &positions, row, key, referencing, &self.context.environment).into()
    }

    /// Refuses when rows still refer to the key that `row` had and no other row has it.
    fn check_parent(&self, table: &SqlTable, row: &[Value], referencing: &SqlTable, key: &ForeignKey) -> Result<()> {
        let values = at(row, &key.referenced_positions(table));
        if let Some(there) = referenced_key(table, key, &values)?
            && self.transaction.get(&there)?.is_some()
        {
            return Ok(());
        }
        match self.has_children(referencing, key, &values)? {
            true => Err(self.still_referenced(table, row, key, referencing)),
            false => Ok(()),
        }
    }

    /// Looks at what the row `new` refers to, as far as `old` did not.
    fn check_references(&self, table: &Arc<SqlTable>, old: Option<&[Value]>, new: &[Value]) -> Result<()> {
        for key in &table.foreign_keys {
            if old.is_some_and(|old| at(old, &key.positions) == at(new, &key.positions)) {
                continue;
            }
            if key.is_deferrable && key.is_initially_deferred {
                let primary = table.rows.primary_of(new)?;
                self.defer(Deferred::Child { table: table.id, constraint: key.oid, primary })?;
                continue;
            }
            self.check_reference(table, key, new)?;
        }
        Ok(())
    }

    fn check_reference(&self, table: &SqlTable, key: &ForeignKey, row: &[Value]) -> Result<()> {
        let values = at(row, &key.positions);
        let nulls = values.iter().filter(|value| value.is_null()).count();
        if nulls == values.len() || (nulls > 0 && !key.is_full_match) {
            return Ok(());
        }
        if nulls > 0 {
            return Err(violation::mixed_nulls(table, key).into());
        }
        let target = self.target(key.referenced)?;
        let missing = || violation::not_present(table, key, &target.table, row, &self.context.environment).into();
        let there = referenced_key(&target.table, key, &values)?.ok_or_else(missing)?;
        match self.is_there(&target.table, &there)? {
            true => Ok(()),
            false => Err(missing()),
        }
    }

    /// Locks `key` against removal, and says whether there is one.
    fn is_there(&self, table: &SqlTable, key: &[u8]) -> Result<bool> {
        if self.context.has_enough_locks()? {
            self.transaction.depend_on(key);
            return Ok(self.transaction.peek(key)?.is_some());
        }
        let locked = self.context.lock(table, key, LockMode::KeyShare, LockWait::Wait)?;
        if locked == Locked::Changed {
            if self.transaction.isolation() != Isolation::ReadCommitted {
                // The lock keeps it as it is, whatever the view shows.
                return Ok(self.context.source.shared.keyspace.snapshot()?.get(key)?.is_some());
            }
            self.transaction.rebase()?;
        }
        Ok(self.transaction.peek(key)?.is_some())
    }

    fn defer(&self, deferred: Deferred) -> Result<()> {
        let known = self.transaction.noted(DEFERRED_NOTE).and_then(|note| note.downcast::<DeferredList>().ok());
        let list = match known {
            Some(list) => list,
            None => {
                let list = Arc::new(DeferredList::default());
                self.transaction.note(DEFERRED_NOTE, 64, list.clone())?;
                list
            }
        };
        list.lock().push(deferred);
        Ok(())
    }

    fn check_deferred(&self, deferred: Deferred) -> Result<()> {
        match deferred {
            Deferred::Child { table, constraint, primary } => {
                let target = self.target(table)?;
                let key = target.table.foreign_keys.iter().find(|key| key.oid == constraint);
                match (key, self.row_at(&target, &primary)?) {
                    (Some(key), Some(row)) => self.check_reference(&target.table, key, &row),
                    _ => Ok(()),
                }
            }
            Deferred::Parent { table, row, referencing, constraint } => {
                let (target, referencing) = (self.target(table)?, self.target(referencing)?);
                match referencing.table.foreign_keys.iter().find(|key| key.oid == constraint) {
                    Some(key) => self.check_parent(&target.table, &row, &referencing.table, key),
                    None => Ok(()),
                }
            }
        }
    }
}

/// Checks what was put off until the end of the transaction.
pub(crate) fn before_commit(context: &WriteContext) -> Result<()> {
    let noted = context.transaction()?.noted(DEFERRED_NOTE).and_then(|note| note.downcast::<DeferredList>().ok());
    let Some(list) = noted else { return Ok(()) };
    let deferred = std::mem::take(&mut *list.lock());
    let work = Work::new(context)?;
    deferred.into_iter().try_for_each(|deferred| work.check_deferred(deferred))
}

/// Where a row of `table` would be found that has `values` in the columns that `key` refers to: its own key, or that of an entry
/// of a unique index; nothing when the values do not fit the columns.
fn referenced_key(table: &SqlTable, key: &ForeignKey, values: &[&Value]) -> Result<Option<Bytes>> {
    let rows = &table.rows;
    let positions = key.referenced_positions(table);
    let mut row = vec![Value::Null; rows.columns.len()];
    for (position, value) in positions.iter().zip(values) {
        let Ok(value) = rows.fit_column(*position, (*value).clone()) else { return Ok(None) };
        row[*position] = value;
    }
    let is_same = |other: &[usize]| other.len() == positions.len() && other.iter().all(|one| positions.contains(one));
    if is_same(&rows.primary_key) {
        return Ok(Some(keys::row(table.id, &rows.primary_of(&row)?).into()));
    }
    let mut unique = rows.indexes.iter().filter(|index| index.unique && index.condition.is_none());
    match unique.find(|index| is_same(&index.columns)) {
        Some(index) => Ok(rows.entry_of(index, &row, &Bytes::new())?.map(|entry| entry.key)),
        None => Ok(None),
    }
}

/// The rows of `table` that `reader` shows and that have `values` in the columns of `key`.
fn children_in(
    reader: &dyn Reader,
    table: &SqlTable,
    key: &ForeignKey,
    values: &[&Value],
) -> Result<Vec<(Bytes, Vec<Value>)>> {
    let rows = &table.rows;
    let mut fitted = Vec::with_capacity(values.len());
    for (position, value) in key.positions.iter().zip(values) {
        let Ok(value) = rows.fit_column(*position, (*value).clone()) else { return Ok(Vec::new()) };
        fitted.push(value);
    }
    let part = |position: &usize| key.positions.iter().position(|own| own == position).map(|part| fitted[part].clone());
    let leads =
        |columns: &[usize]| -> Option<Vec<Value>> { columns.get(..key.positions.len())?.iter().map(part).collect() };
    let is_meant = |row: &[Value]| key.positions.iter().zip(&fitted).all(|(position, value)| row[*position] == *value);
    let plain = rows.indexes.iter().filter(|index| index.condition.is_none());
    let by_index = plain.filter_map(|index| Some((index, leads(&index.columns)?))).next();
    let mut found = Vec::new();
    match (leads(&rows.primary_key), by_index) {
        (None, Some((index, equal))) => {
            let range = rows.span(Some(index), &equal, Bound::Unbounded, Bound::Unbounded)?;
            for entry in reader.scan(range, Direction::Forward)? {
                let primary = rows.primary_of_entry(index, &entry?)?;
                if let Some(stored) = reader.get(&keys::row(table.id, &primary))? {
                    found.push((primary.clone(), rows.decode_row(&primary, &stored)?));
                }
            }
        }
        (leading, _) => {
            let range = match leading {
                Some(equal) => rows.span(None, &equal, Bound::Unbounded, Bound::Unbounded)?,
                None => KeyRange::prefix(keys::rows(table.id)),
            };
            scan_rows(reader, rows, range, &mut found)?;
        }
    }
    found.retain(|(_, row)| is_meant(row));
    Ok(found)
}

fn scan_rows(reader: &dyn Reader, rows: &Schema, range: KeyRange, found: &mut Vec<(Bytes, Vec<Value>)>) -> Result<()> {
    for entry in reader.scan(range, Direction::Forward)? {
        let (key, stored) = entry?;
        let primary = Bytes::copy_from_slice(keys::primary_of_row(&key)?);
        let row = rows.decode_row(&primary, &stored)?;
        found.push((primary, row));
    }
    Ok(())
}
