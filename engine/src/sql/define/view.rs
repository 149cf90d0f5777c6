//! CREATE VIEW.

use marquetry_functions::Condition;
use sqlparser::ast::{CreateTableOptions, CreateView};

use super::name::{name_of, schema_and_name};
use super::{DefineContext, QueryShape, fail, unsupported};
use crate::catalog::{self, ObjectKind};
use crate::error::Result;
use crate::sql::catalog::{Relation, SqlView, StoredType, StoredView, StoredViewColumn, object_name};

pub(super) fn create(context: &DefineContext<'_>, create: &CreateView) -> Result<()> {
    check_clauses(create)?;
    let (schema, name) = schema_and_name(&create.name)?;
    let schema = context.target_schema(schema)?;
    let shape = context.meaning.query(&context.catalog(), &create.query)?;
    let before = match context.catalog().relation_in(&schema, &name)? {
        Some(Relation::View(view)) if create.or_replace => Some(view),
        Some(_) if create.if_not_exists => {
            context.note(format!("relation \"{name}\" already exists, skipping"));
            return Ok(());
        }
        Some(_) if create.or_replace => return fail(Condition::WrongObjectType, format!("\"{name}\" is not a view")),
        _ => None,
    };
    let stored = stored(create, shape)?;
    let tables = &context.shared.tables;
    let transaction = context.transaction.inner;
    let stored_name = object_name(&schema, &name);
    match before {
        None => {
            context.check_free_name(&schema, &name)?;
            tables.create_object(transaction, ObjectKind::View, &stored_name, stored.encode()?).map(drop)
        }
        Some(view) => {
            check_replacement(&view, &stored)?;
            if stored.depends.contains(&view.id.number()) {
                return fail(
                    Condition::InvalidObjectDefinition,
                    format!("infinite recursion detected in view \"{name}\""),
                );
            }
            let entry = catalog::find(transaction, ObjectKind::View, &stored_name)?;
            tables.redefine_object(transaction, &stored_name, &entry, stored.encode()?)
        }
    }
}

fn check_clauses(create: &CreateView) -> Result<()> {
    let is_plain = !create.or_alter
        && !create.materialized
        && !create.secure
        && !create.temporary
        && !create.with_no_schema_binding
        && !create.copy_grants
        && create.cluster_by.is_empty()
        && create.comment.is_none()
        && create.to.is_none()
        && create.params.is_none()
        && matches!(create.options, CreateTableOptions::None)
        && create.columns.iter().all(|column| column.data_type.is_none() && column.options.is_none());
    match is_plain {
        true => Ok(()),
        false if create.materialized => Err(unsupported("a materialized view")),
        false if create.temporary => Err(unsupported("a temporary view")),
        false => Err(unsupported("an option of a view")),
    }
}

fn stored(create: &CreateView, shape: QueryShape) -> Result<StoredView> {
    if create.columns.len() > shape.columns.len() {
        return fail(Condition::SyntaxError, "CREATE VIEW specifies more column names than columns");
    }
    let mut columns: Vec<StoredViewColumn> = Vec::new();
    for (position, (name, sql_type, type_modifier)) in shape.columns.into_iter().enumerate() {
        let name = create.columns.get(position).map_or(name, |column| name_of(&column.name));
        if columns.iter().any(|column| column.name == name) {
            return fail(Condition::DuplicateColumn, format!("column \"{name}\" specified more than once"));
        }
        columns.push(StoredViewColumn { name, stored_type: StoredType::of(&sql_type), type_modifier, comment: None });
    }
    let depends = shape.depends.iter().map(|id| id.number()).collect();
    Ok(StoredView { query: create.query.to_string(), columns, depends, comment: None })
}

/// A view that takes another's place has at least its columns.
fn check_replacement(view: &SqlView, stored: &StoredView) -> Result<()> {
    if stored.columns.len() < view.columns.len() {
        return fail(Condition::InvalidTableDefinition, "cannot drop columns from view");
    }
    for (column, (name, (sql_type, _, _))) in stored.columns.iter().zip(view.columns.iter().zip(&view.column_types)) {
        if column.name != *name {
            let message = format!("cannot change name of view column \"{name}\" to \"{}\"", column.name);
            return fail(Condition::InvalidTableDefinition, message);
        }
        if column.stored_type != StoredType::of(sql_type) {
            let message = format!("cannot change data type of view column \"{name}\"");
            return fail(Condition::InvalidTableDefinition, message);
        }
    }
    Ok(())
}
