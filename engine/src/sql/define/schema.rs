//! CREATE SCHEMA and ALTER SCHEMA.

use marquetry_functions::Condition;
use sqlparser::ast::{AlterSchema, AlterSchemaOperation, SchemaName, Statement};

use super::name::{name_of, parts_of};
use super::{DefineContext, fail, no_schema, unsupported};
use crate::catalog::{self, ObjectKind};
use crate::error::Result;
use crate::sql::catalog::{StoredSchema, object_name, schema_object_name};
use crate::sql::system;

pub(super) fn create(context: &DefineContext<'_>, statement: &Statement) -> Result<()> {
    let Statement::CreateSchema { schema_name, if_not_exists, or_replace, with, options, default_collate_spec, clone } =
        statement
    else {
        return Err(unsupported("the statement"));
    };
    if *or_replace || with.is_some() || options.is_some() || default_collate_spec.is_some() || clone.is_some() {
        return Err(unsupported(format!("a clause of {statement}")));
    }
    let name = match schema_name {
        SchemaName::Simple(name) | SchemaName::NamedAuthorization(name, _) => parts_of(name)?.pop().unwrap_or_default(),
        SchemaName::UnnamedAuthorization(owner) => name_of(owner),
    };
    if name.contains('.') {
        return fail(Condition::InvalidName, format!("the name \"{name}\" has a dot, which no schema's name may have"));
    }
    if name.starts_with("pg_") {
        return fail(Condition::ReservedName, format!("unacceptable schema name \"{name}\""));
    }
    if context.catalog().has_schema(&name)? {
        if *if_not_exists {
            context.note(format!("schema \"{name}\" already exists, skipping"));
            return Ok(());
        }
        return fail(Condition::DuplicateSchema, format!("schema \"{name}\" already exists"));
    }
    let stored = StoredSchema::default().encode()?;
    let transaction = context.transaction.inner;
    context.shared.tables.create_object(transaction, ObjectKind::Schema, &schema_object_name(&name), stored).map(drop)
}

pub(super) fn alter(context: &DefineContext<'_>, alter: &AlterSchema) -> Result<()> {
    let name = parts_of(&alter.name)?.pop().unwrap_or_default();
    let catalog = context.catalog();
    if !catalog.has_schema(&name)? {
        return if alter.if_exists { Ok(()) } else { Err(no_schema(&name)) };
    }
    for operation in &alter.operations {
        match operation {
            AlterSchemaOperation::Rename { name: to } => {
                let to = parts_of(to)?.pop().unwrap_or_default();
                rename(context, &name, &to)?;
            }
            AlterSchemaOperation::OwnerTo { .. } => {}
            other => return Err(unsupported(format!("{other} of a schema"))),
        }
    }
    Ok(())
}

/// Renames a schema: the names of all its objects begin with it.
fn rename(context: &DefineContext<'_>, from: &str, to: &str) -> Result<()> {
    let catalog = context.catalog();
    if from == crate::sql::catalog::PUBLIC || system::is_system_schema(from) {
        return Err(unsupported(format!("renaming schema \"{from}\"")));
    }
    if to.contains('.') || to.starts_with("pg_") {
        return fail(Condition::ReservedName, format!("unacceptable schema name \"{to}\""));
    }
    if catalog.has_schema(to)? {
        return fail(Condition::DuplicateSchema, format!("schema \"{to}\" already exists"));
    }
    let objects = catalog.entries()?;
    let (tables, transaction) = (&context.shared.tables, context.transaction.inner);
    for (_, name, entry) in objects.into_iter().filter(|(schema, _, _)| schema == from) {
        tables.rename_object(transaction, &object_name(from, &name), &entry, &object_name(to, &name))?;
    }
    let entry = catalog::find(transaction, ObjectKind::Schema, &schema_object_name(from))?;
    tables.rename_object(transaction, &schema_object_name(from), &entry, &schema_object_name(to))
}
