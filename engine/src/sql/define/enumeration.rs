//! CREATE TYPE ... AS ENUM and ALTER TYPE.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{
    AlterType, AlterTypeAddValuePosition, AlterTypeOperation, Ident, ObjectName, UserDefinedTypeRepresentation,
};
use std::sync::Arc;

use super::draft::Draft;
use super::name::{name_of, schema_and_name, shown};
use super::{DefineContext, fail, unsupported};
use crate::catalog::{self, ObjectKind};
use crate::error::Result;
use crate::sql::catalog::{Dependent, SqlEnum, StoredEnum, object_name};

/// Longest label of an enumerated type, in bytes, as in PostgreSQL.
const LABEL_SIZE_BYTES_MAX: usize = 63;

pub(super) fn create(
    context: &DefineContext<'_>,
    name: &ObjectName,
    representation: Option<&UserDefinedTypeRepresentation>,
) -> Result<()> {
    let Some(UserDefinedTypeRepresentation::Enum { labels }) = representation else {
        return Err(unsupported("a type that is not enumerated"));
    };
    let (schema, plain) = schema_and_name(name)?;
    let schema = context.target_schema(schema)?;
    if context.catalog().object(&schema, &plain)?.is_some() {
        return fail(Condition::DuplicateObject, format!("type \"{plain}\" already exists"));
    }
    let mut stored = StoredEnum { array_oid: context.part_oid()?, labels: Vec::new(), comment: None };
    for label in labels {
        check_label(&label.value)?;
        if stored.labels.iter().any(|(_, known)| *known == label.value) {
            return fail(Condition::DuplicateObject, format!("enum label \"{}\" used more than once", label.value));
        }
        stored.labels.push((context.part_oid()?, label.value.clone()));
    }
    let transaction = context.transaction.inner;
    let stored = stored.encode()?;
    context.shared.tables.create_object(transaction, ObjectKind::Type, &object_name(&schema, &plain), stored).map(drop)
}

fn check_label(label: &str) -> Result<()> {
    match label.len() <= LABEL_SIZE_BYTES_MAX {
        true => Ok(()),
        false => Err(SqlError::new(Condition::InvalidName, format!("invalid enum label \"{label}\""))
            .detail(format!("Labels must be {LABEL_SIZE_BYTES_MAX} bytes or less."))
            .into()),
    }
}

/// The enumerated type `name`.
pub(super) fn find(context: &DefineContext<'_>, name: &ObjectName) -> Result<Arc<SqlEnum>> {
    let (schema, plain) = schema_and_name(name)?;
    let schemas = schema.map_or_else(|| context.search_path.clone(), |schema| vec![schema]);
    for schema in schemas {
        if let Some(found) = context.catalog().enum_in(&schema, &plain)? {
            return Ok(found);
        }
    }
    fail(Condition::UndefinedObject, format!("type \"{}\" does not exist", shown(name)?))
}

pub(super) fn alter(context: &DefineContext<'_>, alter: &AlterType) -> Result<()> {
    let found = find(context, &alter.name)?;
    match &alter.operation {
        AlterTypeOperation::Rename(rename) => {
            let to = name_of(&rename.new_name);
            if context.catalog().object(&found.schema, &to)?.is_some() {
                return fail(Condition::DuplicateObject, format!("type \"{to}\" already exists"));
            }
            let (from, to) = (object_name(&found.schema, &found.name), object_name(&found.schema, &to));
            let entry = catalog::find(context.transaction.inner, ObjectKind::Type, &from)?;
            context.shared.tables.rename_object(context.transaction.inner, &from, &entry, &to)?;
            touch_users(context, &found)
        }
        AlterTypeOperation::AddValue(add) => {
            let position = add.position.as_ref();
            add_label(context, &found, &add.value, add.if_not_exists, position)
        }
        AlterTypeOperation::RenameValue(rename) => rename_label(context, &found, &rename.from, &rename.to),
    }
}

fn stored(context: &DefineContext<'_>, found: &SqlEnum) -> Result<(catalog::Entry, StoredEnum)> {
    let name = object_name(&found.schema, &found.name);
    let entry = catalog::find(context.transaction.inner, ObjectKind::Type, &name)?;
    let stored = StoredEnum::decode(&entry.definition)?;
    Ok((entry, stored))
}

fn save(context: &DefineContext<'_>, found: &SqlEnum, entry: &catalog::Entry, stored: &StoredEnum) -> Result<()> {
    let name = object_name(&found.schema, &found.name);
    context.shared.tables.redefine_object(context.transaction.inner, &name, entry, stored.encode()?)
}

fn add_label(
    context: &DefineContext<'_>,
    found: &SqlEnum,
    label: &Ident,
    if_not_exists: bool,
    place: Option<&AlterTypeAddValuePosition>,
) -> Result<()> {
    check_label(&label.value)?;
    let (entry, mut stored) = stored(context, found)?;
    if stored.labels.iter().any(|(_, known)| *known == label.value) {
        if if_not_exists {
            context.note(format!("enum label \"{}\" already exists, skipping", label.value));
            return Ok(());
        }
        return fail(Condition::DuplicateObject, format!("enum label \"{}\" already exists", label.value));
    }
    let find = |neighbour: &Ident| match stored.labels.iter().position(|(_, known)| *known == neighbour.value) {
        Some(position) => Ok(position),
        None => {
            fail(Condition::InvalidParameterValue, format!("\"{}\" is not an existing enum label", neighbour.value))
        }
    };
    let position = match place {
        None => stored.labels.len(),
        Some(AlterTypeAddValuePosition::Before(neighbour)) => find(neighbour)?,
        Some(AlterTypeAddValuePosition::After(neighbour)) => find(neighbour)? + 1,
    };
    stored.labels.insert(position, (context.part_oid()?, label.value.clone()));
    save(context, found, &entry, &stored)?;
    touch_users(context, found)
}

/// Renames a label, also in the rows that hold it.
fn rename_label(context: &DefineContext<'_>, found: &SqlEnum, from: &Ident, to: &Ident) -> Result<()> {
    check_label(&to.value)?;
    let (entry, mut stored) = stored(context, found)?;
    if stored.labels.iter().any(|(_, known)| *known == to.value) {
        return fail(Condition::DuplicateObject, format!("enum label \"{}\" already exists", to.value));
    }
    let Some(label) = stored.labels.iter_mut().find(|(_, known)| *known == from.value) else {
        let message = format!("\"{}\" is not an existing enum label", from.value);
        return fail(Condition::InvalidParameterValue, message);
    };
    label.1.clone_from(&to.value);
    save(context, found, &entry, &stored)?;
    for dependent in context.catalog().dependents(found.id)? {
        let Dependent::Column(table, column) = dependent else { continue };
        let position = table.column_named(&column)?.position;
        let mut draft = Draft::of(&table)?;
        draft.rewrite(context, &mut |_, mut values| {
            relabel(&mut values[position], &from.value, &to.value);
            Ok(values)
        })?;
    }
    touch_users(context, found)
}

fn relabel(value: &mut crate::table::Value, from: &str, to: &str) {
    match value {
        crate::table::Value::Text(text) if text == from => to.clone_into(text),
        crate::table::Value::Array(values) => values.iter_mut().for_each(|value| relabel(value, from, to)),
        _ => {}
    }
}

/// Makes whoever knows a table or view with the type look again.
fn touch_users(context: &DefineContext<'_>, found: &SqlEnum) -> Result<()> {
    for dependent in context.catalog().dependents(found.id)? {
        if let Dependent::Column(table, _) = dependent {
            Draft::of(&table)?.save(context)?;
        }
    }
    Ok(())
}
