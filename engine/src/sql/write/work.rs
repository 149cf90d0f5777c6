//! One statement that changes rows: every change of a row goes through here, with all that follows from it.
//!
//! ```text
//!   change: unique keys locked and looked at --> row and entries written --> noted for foreign keys
//!   settle: what references do (cascade, set null, ...), then all references looked at           (`foreign_key`)
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use bytes::Bytes;

use super::foreign_key::Pending;
use super::target::Target;
use super::{WriteContext, violation};
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::kv::{LockMode, Reader, Transaction};
use crate::sql::bind::Binder;
use crate::table::{Statement, Tables, Value, keys};

/// A statement at work.
pub(super) struct Work<'a> {
    pub(super) context: &'a WriteContext,
    pub(super) transaction: &'a Transaction,
    statements: RefCell<HashMap<ObjectId, Statement<'a>>>,
    targets: RefCell<HashMap<ObjectId, Rc<Target>>>,
    pub(super) pending: RefCell<Pending>,
}

impl WriteContext {
    /// The tables, to write.
    pub(super) fn tables(&self) -> Result<Tables<'_, Transaction>> {
        Ok(Tables::new(&self.source.shared.tables, self.transaction()?))
    }
}

impl<'a> Work<'a> {
    pub(super) fn new(context: &'a WriteContext) -> Result<Self> {
        Ok(Work {
            context,
            transaction: context.transaction()?,
            statements: RefCell::default(),
            targets: RefCell::default(),
            pending: RefCell::default(),
        })
    }

    /// The table `id`, opened once.
    pub(super) fn target(&self, id: ObjectId) -> Result<Rc<Target>> {
        if let Some(known) = self.targets.borrow().get(&id) {
            return Ok(known.clone());
        }
        let opened = super::with_binder(self.context, |binder| {
            let table = binder.catalog.table_by_id(id)?.ok_or_else(|| {
                crate::error::Error::conflict("a table was dropped meanwhile; run the transaction again")
            })?;
            Target::open(binder, table)
        })?;
        Ok(self.keep(opened))
    }

    /// `table`, opened with `binder`.
    pub(super) fn open(&self, binder: &Binder<'_>, table: &super::lock::SharedTable) -> Result<Rc<Target>> {
        if let Some(known) = self.targets.borrow().get(&table.id) {
            return Ok(known.clone());
        }
        Ok(self.keep(Target::open(binder, table.clone())?))
    }

    fn keep(&self, target: Target) -> Rc<Target> {
        let id = target.table.id;
        let target = Rc::new(target);
        self.targets.borrow_mut().insert(id, target.clone());
        target
    }

    /// The row with the encoded primary key `primary`.
    pub(super) fn row_at(&self, target: &Target, primary: &[u8]) -> Result<Option<Vec<Value>>> {
        self.context.tables()?.values_at(&target.table.rows, primary)
    }

    /// Adds the complete row `new`.
    pub(super) fn insert(&self, target: &Rc<Target>, new: Vec<Value>) -> Result<()> {
        self.change(target, None, Some(&new))?;
        self.pending.borrow_mut().written(&target.table, None, Some(new));
        Ok(())
    }

    /// Puts the complete row `new` in the place of `old`, which is locked.
    pub(super) fn update(&self, target: &Rc<Target>, old: Vec<Value>, new: Vec<Value>) -> Result<()> {
        self.change(target, Some(&old), Some(&new))?;
        self.pending.borrow_mut().written(&target.table, Some(old), Some(new));
        Ok(())
    }

    /// Removes `old`, which is locked.
    pub(super) fn delete(&self, target: &Rc<Target>, old: Vec<Value>) -> Result<()> {
        self.change(target, Some(&old), None)?;
        self.pending.borrow_mut().written(&target.table, Some(old), None);
        Ok(())
    }

    fn change(&self, target: &Target, old: Option<&[Value]>, new: Option<&[Value]>) -> Result<()> {
        self.claim_keys(target, old, new)?;
        let mut statements = self.statements.borrow_mut();
        let statement = statements.entry(target.table.id).or_insert_with(|| {
            let tables = Tables::new(&self.context.source.shared.tables, self.transaction);
            tables.positional(target.table.rows.clone())
        });
        statement.change(old, new)
    }

    /// Locks the unique keys that come and go, and refuses those that another row has. Whoever is about to make the same one
    /// is waited for: his outcome decides.
    fn claim_keys(&self, target: &Target, old: Option<&[Value]>, new: Option<&[Value]>) -> Result<()> {
        let (table, rows) = (&target.table, &target.table.rows);
        let primary = |row: Option<&[Value]>| row.map(|row| rows.primary_of(row)).transpose();
        let (old_primary, new_primary) = (primary(old)?, primary(new)?);
        // The number of a row without a key of its own is nobody else's.
        if old_primary != new_primary && table.primary_key_name.is_some() {
            if let (Some(new), Some(primary)) = (new, &new_primary) {
                let key = keys::row(table.id, primary);
                self.context.claim(table, &key, LockMode::NoKeyUpdate)?;
                if self.transaction.get(&key)?.is_some() {
                    let name = rows.primary_key_name();
                    return Err(
                        violation::unique(table, &name, &table.primary_key, new, &self.context.environment).into()
                    );
                }
            }
            if let Some(primary) = &old_primary {
                self.context.claim(table, &keys::row(table.id, primary), LockMode::Update)?;
            }
        }
        for index in rows.indexes.iter().filter(|index| index.unique) {
            let entry = |row: Option<&[Value]>, primary: &Option<Bytes>| match (row, primary) {
                (Some(row), Some(primary)) => rows.entry_of(index, row, primary),
                _ => Ok(None),
            };
            let (gone, added) = (entry(old, &old_primary)?, entry(new, &new_primary)?);
            if gone.as_ref().map(|entry| &entry.key) == added.as_ref().map(|entry| &entry.key) {
                continue;
            }
            if let (Some(added), Some(new)) = (added.filter(|entry| entry.is_exclusive), new) {
                self.context.claim(table, &added.key, LockMode::NoKeyUpdate)?;
                if self.transaction.get(&added.key)?.is_some() {
                    let environment = &self.context.environment;
                    return Err(violation::unique(table, &index.name, &index.columns, new, environment).into());
                }
            }
            if let Some(gone) = gone.filter(|entry| entry.is_exclusive) {
                self.context.claim(table, &gone.key, LockMode::Update)?;
            }
        }
        Ok(())
    }

    /// Ends the statement: references are followed and looked at.
    pub(super) fn finish(self) -> Result<()> {
        self.settle()?;
        for (_, statement) in self.statements.into_inner() {
            statement.finish()?;
        }
        Ok(())
    }
}
