//! FOREIGN KEY constraints.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{
    ConstraintReferenceMatchKind, DeferrableInitial, ForeignKeyConstraint, ObjectName, ReferentialAction,
};
use std::ops::Bound;
use std::sync::Arc;

use super::constraint::{constraint_name, listed};
use super::draft::{Draft, rows_of};
use super::name::name_of;
use super::{DefineContext, fail, unsupported};
use crate::error::Result;
use crate::kv::{Direction, Reader};
use crate::sql::catalog::{ForeignKey, ForeignKeyAction, ForeignKeyRules, SqlTable};
use crate::table::{ColumnType, SchemaIndex, Value, value_to_json};

fn action(action: Option<ReferentialAction>) -> ForeignKeyAction {
    match action {
        None | Some(ReferentialAction::NoAction) => ForeignKeyAction::NoAction,
        Some(ReferentialAction::Restrict) => ForeignKeyAction::Restrict,
        Some(ReferentialAction::Cascade) => ForeignKeyAction::Cascade,
        Some(ReferentialAction::SetNull) => ForeignKeyAction::SetNull,
        Some(ReferentialAction::SetDefault) => ForeignKeyAction::SetDefault,
    }
}

/// Adds a foreign key to a table that is there.
pub(super) fn add(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    key: &ForeignKeyConstraint,
    is_new: bool,
) -> Result<()> {
    // Uniqueness that the same statement declared counts, too.
    let table = draft.save(context)?;
    let columns = listed(draft, &key.columns)?;
    let referenced = referenced_table(context, &key.foreign_table)?;
    let names = key.columns.iter().map(name_of).collect::<Vec<_>>();
    let name = constraint_name(&table, draft, key.name.as_ref(), &names.join("_"), "fkey")?;
    let referenced_columns = referenced_columns(&referenced, key)?;
    check_types(&table, &columns, &referenced, &referenced_columns, &name)?;
    let (is_deferrable, is_initially_deferred) = match &key.characteristics {
        None => (false, false),
        Some(found) if found.enforced == Some(false) => return Err(unsupported("a foreign key that is not enforced")),
        Some(found) => {
            let deferred = found.initially == Some(DeferrableInitial::Deferred);
            (found.deferrable.unwrap_or(deferred), deferred)
        }
    };
    let is_full_match = match key.match_kind {
        None | Some(ConstraintReferenceMatchKind::Simple) => false,
        Some(ConstraintReferenceMatchKind::Full) => true,
        Some(ConstraintReferenceMatchKind::Partial) => return Err(unsupported("MATCH PARTIAL")),
    };
    draft.rules.foreign_keys.push(ForeignKeyRules {
        oid: context.part_oid()?,
        name: name.clone(),
        columns,
        referenced: referenced.id.number(),
        referenced_columns,
        on_delete: action(key.on_delete),
        on_update: action(key.on_update),
        is_deferrable,
        is_initially_deferred,
        is_full_match,
        is_validated: true,
        comment: None,
    });
    note_reference(context, draft, &table, &referenced)?;
    let table = draft.save(context)?;
    match table.foreign_keys.iter().find(|found| found.name == name) {
        Some(found) if !is_new => validate(context, &table, found),
        _ => Ok(()),
    }
}

fn referenced_table(context: &DefineContext<'_>, name: &ObjectName) -> Result<Arc<SqlTable>> {
    context.table(name)
}

/// Lets the referenced table know who refers to it.
fn note_reference(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    table: &SqlTable,
    referenced: &Arc<SqlTable>,
) -> Result<()> {
    if referenced.id == table.id {
        if !draft.rules.referenced_by.contains(&table.id.number()) {
            draft.rules.referenced_by.push(table.id.number());
        }
        return Ok(());
    }
    if referenced.referenced_by.contains(&table.id) {
        return Ok(());
    }
    let mut other = Draft::of(referenced)?;
    other.rules.referenced_by.push(table.id.number());
    other.save(context).map(drop)
}

/// Lets the referenced table know that `table` no longer refers to it, unless another key still does.
pub(super) fn forget_reference(context: &DefineContext<'_>, table: &SqlTable, key: &ForeignKey) -> Result<()> {
    let still = table.foreign_keys.iter().any(|other| other.name != key.name && other.referenced == key.referenced);
    if still || key.referenced == table.id {
        return Ok(());
    }
    let Some(referenced) = context.catalog().table_by_id(key.referenced)? else { return Ok(()) };
    let mut other = Draft::of(&referenced)?;
    other.rules.referenced_by.retain(|id| *id != table.id.number());
    other.save(context).map(drop)
}

fn referenced_columns(referenced: &SqlTable, key: &ForeignKeyConstraint) -> Result<Vec<u32>> {
    let positions: Vec<usize> = match &key.referred_columns[..] {
        [] if referenced.primary_key_name.is_none() => {
            let message = format!("there is no primary key for referenced table \"{}\"", referenced.name);
            return fail(Condition::UndefinedObject, message);
        }
        [] => referenced.primary_key.clone(),
        named => {
            let position = |ident| {
                let name = name_of(ident);
                referenced.column(&name).map(|column| column.position).ok_or_else(|| {
                    let message = format!("column \"{name}\" referenced in foreign key constraint does not exist");
                    SqlError::new(Condition::UndefinedColumn, message)
                })
            };
            named.iter().map(position).collect::<Result<_, SqlError>>()?
        }
    };
    if positions.len() != key.columns.len() {
        let message = "number of referencing and referenced columns for foreign key disagree";
        return fail(Condition::InvalidForeignKey, message);
    }
    if !referenced.is_key(&positions) {
        let message =
            format!("there is no unique constraint matching given keys for referenced table \"{}\"", referenced.name);
        return fail(Condition::InvalidForeignKey, message);
    }
    Ok(positions.iter().map(|position| referenced.rows.columns[*position].number).collect())
}

fn check_types(
    table: &SqlTable,
    columns: &[u32],
    referenced: &SqlTable,
    referenced_columns: &[u32],
    name: &str,
) -> Result<()> {
    let family = |column_type: ColumnType| match column_type {
        ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8 => ColumnType::Int8,
        other => other,
    };
    for (number, other) in columns.iter().zip(referenced_columns) {
        let find = |table: &SqlTable, number: u32| {
            let column = table.columns.iter().find(|column| column.number == number)?;
            Some((column.name.clone(), column.sql_type.clone(), table.rows.columns[column.position].column_type))
        };
        let (Some(from), Some(to)) = (find(table, *number), find(referenced, *other)) else { continue };
        if family(from.2) != family(to.2) {
            let message = format!("foreign key constraint \"{name}\" cannot be implemented");
            let detail = format!(
                "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
                from.0, to.0, from.1, to.1
            );
            return Err(SqlError::new(Condition::DatatypeMismatch, message).detail(detail).into());
        }
    }
    Ok(())
}

/// How the rows of a table are found by the values of some columns.
fn key_index<'t>(table: &'t SqlTable, positions: &[usize]) -> Option<(Option<&'t SchemaIndex>, &'t [usize])> {
    let same = |key: &[usize]| key.len() == positions.len() && key.iter().all(|part| positions.contains(part));
    if same(&table.rows.primary_key) {
        return Some((None, &table.rows.primary_key));
    }
    let index =
        table.rows.indexes.iter().find(|index| index.unique && index.condition.is_none() && same(&index.columns));
    index.map(|index| (Some(index), &index.columns[..]))
}

/// Refuses a foreign key that some row breaks.
pub(super) fn validate(context: &DefineContext<'_>, table: &SqlTable, key: &ForeignKey) -> Result<()> {
    let Some(referenced) = context.catalog().table_by_id(key.referenced)? else { return Ok(()) };
    let positions = key.referenced_positions(&referenced);
    let Some((index, order)) = key_index(&referenced, &positions) else { return Ok(()) };
    for values in rows_of(context, &table.rows)? {
        let parts: Vec<&Value> = key.positions.iter().map(|position| &values[*position]).collect();
        let nulls = parts.iter().filter(|value| value.is_null()).count();
        if nulls > 0 && !(key.is_full_match && nulls < parts.len()) {
            continue;
        }
        let part = |position: &usize| {
            let at = positions.iter().position(|found| found == position).unwrap_or(0);
            referenced.rows.fit_column(*position, parts[at].clone())
        };
        let ordered = order.iter().map(part).collect::<Result<Vec<Value>>>()?;
        let span = referenced.rows.span(index, &ordered, Bound::Unbounded, Bound::Unbounded)?;
        if nulls > 0 || context.transaction.inner.scan(span, Direction::Forward)?.next().is_none() {
            return Err(broken(table, key, &referenced, &parts).into());
        }
    }
    Ok(())
}

fn broken(table: &SqlTable, key: &ForeignKey, referenced: &SqlTable, parts: &[&Value]) -> SqlError {
    let names = key.positions.iter().filter_map(|position| table.column_at(*position));
    let names: Vec<&str> = names.map(|column| column.name.as_str()).collect();
    let shown = parts.iter().map(|value| {
        let json = value_to_json(value);
        json.as_str().map_or_else(|| json.to_string(), str::to_owned)
    });
    let shown: Vec<String> = shown.collect();
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", table.name, key.name);
    let mut error = SqlError::new(Condition::ForeignKeyViolation, message).detail(format!(
        "Key ({})=({}) is not present in table \"{}\".",
        names.join(", "),
        shown.join(", "),
        referenced.name
    ));
    error.object.schema = Some(table.schema.clone());
    error.object.table = Some(table.name.clone());
    error.object.constraint = Some(key.name.clone());
    error
}
