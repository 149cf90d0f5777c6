//! Constraints: pg_constraint.

use super::rows::{attributes, int2s, oid, text};
use super::{Look, PG_CATALOG, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::{ForeignKeyAction, SqlTable, oid_of};
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[SystemRelation {
    oid: 2606,
    schema: PG_CATALOG,
    name: "pg_constraint",
    columns: "oid oid, conname name, connamespace oid, contype char, condeferrable bool, condeferred bool, \
              convalidated bool, conrelid oid, contypid oid, conindid oid, conparentid oid, confrelid oid, \
              confupdtype char, confdeltype char, confmatchtype char, conislocal bool, coninhcount int2, \
              connoinherit bool, conkey int2[], confkey int2[], conpfeqop oid[], conppeqop oid[], conffeqop oid[], \
              confdelsetcols int2[], conexclop oid[], conbin text",
    rows: constraints,
}];

/// What the catalogue says of one constraint.
pub(super) struct Constraint {
    pub(super) oid: u32,
    pub(super) name: String,
    pub(super) kind: char,
    pub(super) is_deferrable: bool,
    pub(super) is_deferred: bool,
    pub(super) is_validated: bool,
    pub(super) index: u32,
    pub(super) referenced: u32,
    pub(super) actions: Option<(ForeignKeyAction, ForeignKeyAction, bool)>,
    pub(super) columns: Vec<i16>,
    pub(super) referenced_columns: Vec<i16>,
    pub(super) expression: Option<String>,
}

impl Constraint {
    fn new(oid: u32, name: &str, kind: char, columns: Vec<i16>) -> Self {
        Constraint {
            oid,
            name: name.to_owned(),
            kind,
            is_deferrable: false,
            is_deferred: false,
            is_validated: true,
            index: 0,
            referenced: 0,
            actions: None,
            columns,
            referenced_columns: Vec::new(),
            expression: None,
        }
    }
}

fn action_letter(action: ForeignKeyAction) -> &'static str {
    match action {
        ForeignKeyAction::NoAction => "a",
        ForeignKeyAction::Restrict => "r",
        ForeignKeyAction::Cascade => "c",
        ForeignKeyAction::SetNull => "n",
        ForeignKeyAction::SetDefault => "d",
    }
}

/// The constraints of `table`.
pub(super) fn constraints_of(look: &Look<'_>, table: &SqlTable) -> Result<Vec<Constraint>> {
    let mut found = Vec::new();
    for index in super::rows::indexes_of(table).into_iter().filter(|index| index.is_constraint) {
        let kind = if index.is_primary { 'p' } else { 'u' };
        // The constraint and its index are two objects; they share a number, in different relations.
        let columns = attributes(table, index.positions);
        found.push(Constraint { index: index.oid, ..Constraint::new(index.oid, index.name, kind, columns) });
    }
    for check in &table.checks {
        let columns = table.columns.iter().filter(|column| check.expression.contains(&column.name));
        let columns = columns.map(|column| column.attribute).collect();
        found.push(Constraint {
            is_validated: check.is_validated,
            expression: Some(check.expression.clone()),
            ..Constraint::new(check.oid, &check.name, 'c', columns)
        });
    }
    for key in &table.foreign_keys {
        let referenced = look.catalog.table_by_id(key.referenced)?;
        let positions = referenced.as_ref().map(|referenced| key.referenced_positions(referenced)).unwrap_or_default();
        let same =
            |known: &[usize]| known.len() == positions.len() && known.iter().all(|part| positions.contains(part));
        let index = referenced.as_ref().and_then(|referenced| {
            super::rows::indexes_of(referenced).iter().find(|index| same(index.positions)).map(|index| index.oid)
        });
        found.push(Constraint {
            is_deferrable: key.is_deferrable,
            is_deferred: key.is_initially_deferred,
            is_validated: key.is_validated,
            index: index.unwrap_or(0),
            referenced: oid_of(key.referenced),
            actions: Some((key.on_update, key.on_delete, key.is_full_match)),
            referenced_columns: referenced.map(|referenced| attributes(&referenced, &positions)).unwrap_or_default(),
            ..Constraint::new(key.oid, &key.name, 'f', attributes(table, &key.positions))
        });
    }
    Ok(found)
}

fn constraints(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        let schema = look.schema(&table.schema)?;
        for constraint in constraints_of(look, &table)? {
            let (update, delete, full) = match constraint.actions {
                Some((update, delete, full)) => {
                    (action_letter(update), action_letter(delete), if full { "f" } else { "s" })
                }
                None => (" ", " ", " "),
            };
            let referenced = match constraint.referenced_columns.is_empty() {
                true => Value::Null,
                false => int2s(constraint.referenced_columns),
            };
            rows.push(vec![
                oid(constraint.oid),
                text(constraint.name),
                schema.clone(),
                text(constraint.kind.to_string()),
                Value::Bool(constraint.is_deferrable),
                Value::Bool(constraint.is_deferred),
                Value::Bool(constraint.is_validated),
                oid(table.oid),
                oid(0),
                oid(constraint.index),
                oid(0),
                oid(constraint.referenced),
                text(update),
                text(delete),
                text(full),
                Value::Bool(true),
                Value::Int2(0),
                Value::Bool(true),
                int2s(constraint.columns),
                referenced,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                constraint.expression.map_or(Value::Null, Value::Text),
            ]);
        }
    }
    Ok(rows)
}
