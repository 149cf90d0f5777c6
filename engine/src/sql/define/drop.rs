//! DROP of whole objects, with what rests on them.

use std::collections::BTreeSet;
use std::sync::Arc;

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{ObjectName, ObjectType, Statement};

use super::draft::Draft;
use super::foreign_key::forget_reference;
use super::name::{parts_of, shown};
use super::{DefineContext, drop_part, enumeration, fail, index, no_schema, sequence, tag, unsupported};
use crate::catalog::{self, ObjectId};
use crate::error::{Error, Result};
use crate::sql::catalog::{
    Dependent, Relation, SqlEnum, SqlObject, SqlSequence, SqlTable, SqlView, object_name, quoted, schema_object_name,
    shown_name,
};
use crate::sql::outcome::CommandTag;
use crate::sql::system;

pub(super) fn drop(context: &DefineContext<'_>, statement: &Statement) -> Result<CommandTag> {
    let Statement::Drop { object_type, if_exists, names, cascade, restrict: _, purge, temporary, table } = statement
    else {
        return Err(unsupported("the statement"));
    };
    if *purge || *temporary || table.is_some() {
        return Err(unsupported(format!("a clause of {statement}")));
    }
    let command = match object_type {
        ObjectType::Table => "DROP TABLE",
        ObjectType::View => "DROP VIEW",
        ObjectType::Index => "DROP INDEX",
        ObjectType::Sequence => "DROP SEQUENCE",
        ObjectType::Schema => "DROP SCHEMA",
        ObjectType::Type => "DROP TYPE",
        other => return Err(unsupported(format!("DROP {other}"))),
    };
    // What is dropped together may rest on one another.
    let together = together(context, object_type, names)?;
    for name in names {
        drop_one(context, object_type, name, *if_exists, *cascade, &together)?;
    }
    Ok(tag(command))
}

fn together(context: &DefineContext<'_>, object_type: &ObjectType, names: &[ObjectName]) -> Result<BTreeSet<ObjectId>> {
    let mut ids = BTreeSet::new();
    if matches!(object_type, ObjectType::Table | ObjectType::View) {
        for name in names {
            match context.relation(name)? {
                Some(Relation::Table(table)) => ids.insert(table.id),
                Some(Relation::View(view)) => ids.insert(view.id),
                _ => false,
            };
        }
    }
    Ok(ids)
}

fn drop_one(
    context: &DefineContext<'_>,
    object_type: &ObjectType,
    name: &ObjectName,
    if_exists: bool,
    cascade: bool,
    together: &BTreeSet<ObjectId>,
) -> Result<()> {
    let missing = |kind: &str, condition: Condition, error: Option<Error>| match if_exists {
        true => {
            context.note(format!("{kind} \"{}\" does not exist, skipping", shown(name)?));
            Ok(())
        }
        false => match error {
            Some(error) => Err(error),
            None => fail(condition, format!("{kind} \"{}\" does not exist", shown(name)?)),
        },
    };
    match object_type {
        ObjectType::Schema => {
            let name = parts_of(name)?.pop().unwrap_or_default();
            match context.catalog().has_schema(&name)? {
                true => drop_schema(context, &name, cascade),
                false => missing("schema", Condition::InvalidSchemaName, Some(no_schema(&name))),
            }
        }
        ObjectType::Type => match enumeration::find(context, name) {
            Ok(found) => drop_enum(context, &found, cascade),
            Err(error) => missing("type", Condition::UndefinedObject, Some(error)),
        },
        ObjectType::Index => match index::find(context, name) {
            Ok((table, index)) => drop_part::plain_index(context, &table, &index),
            Err(_) => missing("index", Condition::UndefinedObject, None),
        },
        kind => match (kind, context.relation(name)?) {
            (ObjectType::Table, Some(Relation::Table(table))) => drop_table(context, &table, cascade, together),
            (ObjectType::View, Some(Relation::View(view))) => drop_view_with(context, &view, cascade, together),
            (ObjectType::Sequence, Some(Relation::Sequence(found))) => drop_sequence(context, &found, cascade),
            (kind, Some(_)) => {
                let kind = kind.to_string().to_lowercase();
                fail(Condition::WrongObjectType, format!("\"{}\" is not a {kind}", shown(name)?))
            }
            (kind, None) => missing(&kind.to_string().to_lowercase(), Condition::UndefinedTable, None),
        },
    }
}

/// The refusal to drop `what` because of what rests on it.
pub(super) fn refuse(what: &str, dependents: &[Dependent]) -> Error {
    let message = format!("cannot drop {what} because other objects depend on it");
    let lines = dependents.iter().map(|dependent| format!("{} depends on {what}", dependent.shown()));
    SqlError::new(Condition::DependentObjectsStillExist, message)
        .detail(lines.collect::<Vec<_>>().join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too.")
        .into()
}

/// Refuses to drop `what`, or drops what rests on it.
fn settle(
    context: &DefineContext<'_>,
    id: ObjectId,
    what: &str,
    cascade: bool,
    together: &BTreeSet<ObjectId>,
) -> Result<()> {
    let mut dependents = context.catalog().dependents(id)?;
    dependents.retain(|dependent| match dependent {
        Dependent::View(view) => !together.contains(&view.id),
        Dependent::ForeignKey(table, _) => !together.contains(&table.id),
        Dependent::Column(..) | Dependent::Default(..) => true,
    });
    if dependents.is_empty() {
        return Ok(());
    }
    if !cascade {
        return Err(refuse(what, &dependents));
    }
    for dependent in dependents {
        context.note(format!("drop cascades to {}", dependent.shown()));
        drop_dependent(context, dependent)?;
    }
    Ok(())
}

fn drop_dependent(context: &DefineContext<'_>, dependent: Dependent) -> Result<()> {
    match dependent {
        Dependent::View(view) => drop_view(context, &view, true),
        Dependent::ForeignKey(table, name) => {
            let mut draft = Draft::of(&*current(context, &table)?)?;
            drop_part::constraint(context, &mut draft, &name, true, true)
        }
        Dependent::Column(table, name) => {
            let mut draft = Draft::of(&*current(context, &table)?)?;
            drop_part::column(context, &mut draft, &name, true, true)
        }
        Dependent::Default(table, name) => {
            let table = current(context, &table)?;
            let mut draft = Draft::of(&table)?;
            draft.column_mut(table.column_named(&name)?.number)?.default = None;
            draft.save(context).map(std::mem::drop)
        }
    }
}

/// The table as it is after what was dropped so far.
fn current(context: &DefineContext<'_>, table: &Arc<SqlTable>) -> Result<Arc<SqlTable>> {
    Ok(context.catalog().table_by_id(table.id)?.unwrap_or_else(|| table.clone()))
}

fn drop_table(
    context: &DefineContext<'_>,
    table: &Arc<SqlTable>,
    cascade: bool,
    together: &BTreeSet<ObjectId>,
) -> Result<()> {
    let what = format!("table {}", shown_name(&table.schema, &table.name));
    settle(context, table.id, &what, cascade, together)?;
    let table = current(context, table)?;
    // Keys of tables that go, too, go without a word.
    for dependent in context.catalog().dependents(table.id)? {
        if let Dependent::ForeignKey(other, name) = dependent {
            let mut draft = Draft::of(&*current(context, &other)?)?;
            drop_part::constraint(context, &mut draft, &name, true, true)?;
        }
    }
    for key in &table.foreign_keys {
        forget_reference(context, &SqlTable { foreign_keys: vec![key.clone()], ..shallow(&table) }, key)?;
    }
    for (_, owned) in context.catalog().sequences_of(table.id)? {
        sequence::remove(context, &owned)?;
    }
    let table = current(context, &table)?;
    context.transaction.tables().drop_with_rules(&table.rows)
}

/// What of a table tells which one it is.
fn shallow(table: &SqlTable) -> SqlTable {
    SqlTable {
        id: table.id,
        oid: table.oid,
        schema: table.schema.clone(),
        name: table.name.clone(),
        rows: table.rows.clone(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        primary_key_name: None,
        primary_key_oid: 0,
        indexes: Vec::new(),
        computed: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        referenced_by: Vec::new(),
        comment: None,
    }
}

/// Drops a view; `cascade` the views that read it, too.
pub(super) fn drop_view(context: &DefineContext<'_>, view: &SqlView, cascade: bool) -> Result<()> {
    drop_view_with(context, view, cascade, &BTreeSet::new())
}

fn drop_view_with(
    context: &DefineContext<'_>,
    view: &SqlView,
    cascade: bool,
    together: &BTreeSet<ObjectId>,
) -> Result<()> {
    if context.catalog().relation_by_oid(view.oid)?.is_none() {
        return Ok(());
    }
    settle(context, view.id, &format!("view {}", shown_name(&view.schema, &view.name)), cascade, together)?;
    catalog::remove(context.transaction.inner, &object_name(&view.schema, &view.name), view.id)
}

fn drop_sequence(context: &DefineContext<'_>, found: &SqlSequence, cascade: bool) -> Result<()> {
    let shown = shown_name(&found.schema, &found.name);
    if found.definition.is_identity {
        let message = format!("cannot drop sequence {shown} because an identity column requires it");
        return fail(Condition::DependentObjectsStillExist, message);
    }
    let needle = format!("'{}'", shown.replace('\'', "''"));
    let mut dependents = Vec::new();
    for table in context.catalog().tables()? {
        let uses = |column: &&crate::sql::catalog::SqlColumn| {
            column.default.as_ref().is_some_and(|text| text.contains("nextval") && text.contains(&needle))
        };
        let users: Vec<String> = table.columns.iter().filter(uses).map(|column| column.name.clone()).collect();
        dependents.extend(users.into_iter().map(|name| Dependent::Default(table.clone(), name)));
    }
    let views = context.catalog().dependents(found.id)?;
    dependents.extend(views.into_iter().filter(|dependent| matches!(dependent, Dependent::View(_))));
    if !dependents.is_empty() && !cascade {
        return Err(refuse(&format!("sequence {shown}"), &dependents));
    }
    for dependent in dependents {
        context.note(format!("drop cascades to {}", dependent.shown()));
        drop_dependent(context, dependent)?;
    }
    sequence::remove(context, found)
}

fn drop_enum(context: &DefineContext<'_>, found: &SqlEnum, cascade: bool) -> Result<()> {
    settle(context, found.id, &format!("type {}", shown_name(&found.schema, &found.name)), cascade, &BTreeSet::new())?;
    catalog::remove(context.transaction.inner, &object_name(&found.schema, &found.name), found.id)
}

fn drop_schema(context: &DefineContext<'_>, name: &str, cascade: bool) -> Result<()> {
    if name == crate::sql::catalog::PUBLIC || system::is_system_schema(name) {
        let message = format!("cannot drop schema {name} because it is required by the database system");
        return fail(Condition::DependentObjectsStillExist, message);
    }
    let inside: Vec<_> = context.catalog().entries()?.into_iter().filter(|(schema, _, _)| schema == name).collect();
    if !inside.is_empty() && !cascade {
        let shown = inside.iter().map(|(schema, object, entry)| {
            format!("{} {} depends on schema {}", entry.kind, shown_name(schema, object), quoted(name))
        });
        let message = format!("cannot drop schema {} because other objects depend on it", quoted(name));
        return Err(SqlError::new(Condition::DependentObjectsStillExist, message)
            .detail(shown.collect::<Vec<_>>().join("\n"))
            .hint("Use DROP ... CASCADE to drop the dependent objects too.")
            .into());
    }
    // What is dropped takes others with it, so it is asked anew what is left.
    while let Some(object) = next_inside(context, name)? {
        match object {
            SqlObject::Table(table) => drop_table(context, &table, true, &BTreeSet::new())?,
            SqlObject::View(view) => drop_view(context, &view, true)?,
            SqlObject::Sequence(found) => sequence::remove(context, &found)?,
            SqlObject::Enum(found) => drop_enum(context, &found, true)?,
            SqlObject::Model(model) => {
                let message = format!(
                    "{} \"{}\" of schema \"{name}\" is no object of SQL; remove it first",
                    model.kind, model.name
                );
                return fail(Condition::DependentObjectsStillExist, message);
            }
        }
    }
    let entry = catalog::find(context.transaction.inner, catalog::ObjectKind::Schema, &schema_object_name(name))?;
    catalog::remove(context.transaction.inner, &schema_object_name(name), entry.id)
}

fn next_inside(context: &DefineContext<'_>, name: &str) -> Result<Option<SqlObject>> {
    let is_inside = |object: &SqlObject| match object {
        SqlObject::Table(table) => table.schema == name,
        SqlObject::View(view) => view.schema == name,
        SqlObject::Sequence(sequence) => sequence.schema == name && !sequence.definition.is_identity,
        SqlObject::Enum(found) => found.schema == name,
        SqlObject::Model(model) => model.schema == name,
    };
    Ok(context.catalog().objects()?.into_iter().find(is_inside))
}
