//! ALTER TABLE.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{self, AlterTable, AlterTableOperation, DropBehavior, RenameTableNameKind, TableConstraint};

use super::constraint::{add, check_no_null, validate_check};
use super::create_table::{add_column, complete_column};
use super::draft::{Draft, rows_of};
use super::mention::renamed;
use super::name::{has_constraint, name_of, schema_and_name, shown};
use super::new_column::NewColumn;
use super::{DefineContext, Target, alter_column, drop_part, fail, foreign_key, index, unsupported};
use crate::catalog::{self, ObjectKind};
use crate::error::{Error, Result};
use crate::sql::catalog::{
    ColumnGeneration, Dependent, Relation, SqlObject, SqlTable, StoredSequence, object_name, shown_name, string_literal,
};
use crate::table::Value;

pub(super) fn alter(context: &DefineContext<'_>, alter: &AlterTable) -> Result<()> {
    if alter.location.is_some() || alter.on_cluster.is_some() || alter.table_type.is_some() {
        return Err(unsupported(format!("a clause of {alter}")));
    }
    let table = match context.relation(&alter.name)? {
        Some(Relation::Table(table)) => table,
        Some(Relation::View(_) | Relation::Sequence(_)) => return alter_other(context, alter),
        Some(_) => return fail(Condition::WrongObjectType, format!("\"{}\" is not a table", shown(&alter.name)?)),
        None if alter.if_exists => {
            context.note(format!("relation \"{}\" does not exist, skipping", shown(&alter.name)?));
            return Ok(());
        }
        None => return Err(super::name::no_relation(&alter.name)?),
    };
    let mut draft = Draft::of(&table)?;
    for operation in &alter.operations {
        operate(context, &mut draft, operation)?;
    }
    Ok(())
}

/// What ALTER TABLE does to a view or sequence: rename it, or give it to the one owner.
fn alter_other(context: &DefineContext<'_>, alter: &AlterTable) -> Result<()> {
    let Some(relation) = context.relation(&alter.name)? else { return Ok(()) };
    let (kind, schema, name) = match &relation {
        Relation::View(view) => (ObjectKind::View, view.schema.clone(), view.name.clone()),
        Relation::Sequence(sequence) => (ObjectKind::Sequence, sequence.schema.clone(), sequence.name.clone()),
        _ => return Ok(()),
    };
    for operation in &alter.operations {
        match operation {
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to),
            } => {
                let to = schema_and_name(to)?.1;
                context.check_free_name(&schema, &to)?;
                refuse_views(context, relation.oid(), &format!("{kind} {}", shown_name(&schema, &name)))?;
                let (from, to) = (object_name(&schema, &name), object_name(&schema, &to));
                let entry = catalog::find(context.transaction.inner, kind, &from)?;
                context.shared.tables.rename_object(context.transaction.inner, &from, &entry, &to)?;
            }
            AlterTableOperation::OwnerTo { .. } => {}
            other => return Err(unsupported(format!("{other} of a {kind}"))),
        }
    }
    Ok(())
}

fn operate(context: &DefineContext<'_>, draft: &mut Draft, operation: &AlterTableOperation) -> Result<()> {
    use AlterTableOperation as Operation;
    match operation {
        Operation::AddColumn { column_keyword: _, if_not_exists, column_def, column_position: None } => {
            add_one(context, draft, column_def, *if_not_exists)
        }
        Operation::DropColumn { has_column_keyword: _, column_names, if_exists, drop_behavior } => {
            let cascade = is_cascade(drop_behavior.as_ref());
            column_names
                .iter()
                .try_for_each(|name| drop_part::column(context, draft, &name_of(name), *if_exists, cascade))
        }
        Operation::AddConstraint { constraint, not_valid } => add_constraint(context, draft, constraint, *not_valid),
        Operation::DropConstraint { if_exists, name, drop_behavior } => {
            drop_part::constraint(context, draft, &name_of(name), *if_exists, is_cascade(drop_behavior.as_ref()))
        }
        Operation::RenameColumn { old_column_name, new_column_name } => {
            rename_column(context, draft, &name_of(old_column_name), &name_of(new_column_name))
        }
        Operation::RenameConstraint { old_name, new_name } => {
            rename_constraint(context, draft, &name_of(old_name), &name_of(new_name))
        }
        Operation::RenameTable { table_name: RenameTableNameKind::To(to) | RenameTableNameKind::As(to) } => {
            let to = schema_and_name(to)?.1;
            let schema = draft.schema.clone();
            move_table(context, draft, &schema, &to)
        }
        Operation::AlterColumn { column_name, op } => alter_column::alter(context, draft, &name_of(column_name), op),
        Operation::ValidateConstraint { name } => validate(context, draft, &name_of(name)),
        // There is one owner, no way to store rows other than the one, and whoever reads a table reads all of it.
        Operation::OwnerTo { .. }
        | Operation::SetLogged
        | Operation::SetUnlogged
        | Operation::ReplicaIdentity { .. } => Ok(()),
        Operation::DisableRowLevelSecurity | Operation::NoForceRowLevelSecurity => Ok(()),
        other => Err(unsupported(format!("ALTER TABLE ... {other}"))),
    }
}

pub(super) fn is_cascade(behavior: Option<&DropBehavior>) -> bool {
    matches!(behavior, Some(DropBehavior::Cascade))
}

fn add_one(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    definition: &ast::ColumnDef,
    if_not_exists: bool,
) -> Result<()> {
    let column = NewColumn::of(context, definition)?;
    if draft.layout.number_of(&column.name).is_some() {
        let message = format!("column \"{}\" of relation \"{}\" already exists", column.name, draft.name);
        if if_not_exists {
            context.note(format!("{message}, skipping"));
            return Ok(());
        }
        return fail(Condition::DuplicateColumn, message);
    }
    let before = draft.table(context)?;
    let number = add_column(draft, &column)?;
    // Rows that are there have no value yet: that is for `fill_column` to say.
    draft.layout.set_not_null(number, false)?;
    draft.save(context)?;
    complete_column(context, draft, &column, number)?;
    draft.save(context)?;
    fill_column(context, draft, &before, &column, number)?;
    if column.not_null {
        let table = draft.table(context)?;
        check_no_null(context, &table, number)?;
        draft.layout.set_not_null(number, true)?;
        draft.save(context)?;
    }
    for constraint in &column.constraints {
        add(context, draft, constraint, false)?;
        draft.save(context)?;
    }
    Ok(())
}

/// Gives the rows that are there what a new column says: once for all where it is the same for all.
fn fill_column(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    before: &std::sync::Arc<SqlTable>,
    column: &NewColumn,
    number: u32,
) -> Result<()> {
    let table = draft.table(context)?;
    let Some(declared) = table.columns.iter().find(|column| column.number == number) else { return Ok(()) };
    let text = match (&declared.generation, &declared.default) {
        (Some(ColumnGeneration::Stored(text)), _) => text.clone(),
        (Some(ColumnGeneration::IdentityAlways(name) | ColumnGeneration::IdentityByDefault(name)), _) => {
            format!("nextval({}::regclass)", string_literal(name))
        }
        (None, Some(text)) => text.clone(),
        (None, None) => return Ok(()),
    };
    let target = Target { text, sql_type: column.sql_type.clone(), type_modifier: column.type_modifier };
    let is_same = column.generated.is_none()
        && column.numbering.is_none()
        && column.default.as_ref().is_some_and(|default| !is_volatile(default));
    if is_same {
        let row = vec![Value::Null; before.rows.columns.len()];
        let mut values = context.meaning.evaluate(before, &[target], &[row])?;
        let value = values.pop().and_then(|mut row| row.pop()).unwrap_or(Value::Null);
        draft.layout.set_missing(number, &value)?;
        return draft.save(context).map(drop);
    }
    let rows = rows_of(context, &before.rows)?;
    let mut computed = context.meaning.evaluate(before, &[target], &rows)?.into_iter();
    let position = declared.position;
    draft.rewrite(context, &mut |_, mut values| {
        values[position] = computed.next().and_then(|mut row| row.pop()).unwrap_or(Value::Null);
        Ok(values)
    })?;
    Ok(())
}

/// Whether a default may differ from row to row: anything that calls a function but the time of the transaction.
fn is_volatile(default: &ast::Expr) -> bool {
    let text = default.to_string().to_lowercase();
    let rest = text.replace("now()", "").replace("current_timestamp()", "");
    rest.contains('(') && !rest.trim_start().starts_with("array[") && !matches!(default, ast::Expr::Value(_))
}

fn add_constraint(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    constraint: &TableConstraint,
    not_valid: bool,
) -> Result<()> {
    add(context, draft, constraint, not_valid)?;
    if not_valid {
        match constraint {
            TableConstraint::Check(_) => {
                if let Some(check) = draft.rules.checks.last_mut() {
                    check.is_validated = false;
                }
            }
            TableConstraint::ForeignKey(_) => {
                if let Some(key) = draft.rules.foreign_keys.last_mut() {
                    key.is_validated = false;
                }
            }
            _ => {
                return fail(Condition::FeatureNotSupported, "only CHECK and FOREIGN KEY constraints can be NOT VALID");
            }
        }
    }
    draft.save(context).map(drop)
}

fn validate(context: &DefineContext<'_>, draft: &mut Draft, name: &str) -> Result<()> {
    let table = draft.table(context)?;
    if let Some(check) = draft.rules.checks.iter_mut().find(|check| check.name == name) {
        check.is_validated = true;
        validate_check(context, &table, name, &check.expression.clone())?;
    } else if let Some(key) = table.foreign_keys.iter().find(|key| key.name == name) {
        foreign_key::validate(context, &table, key)?;
        draft.rules.foreign_keys.iter_mut().filter(|key| key.name == name).for_each(|key| key.is_validated = true);
    } else {
        return Err(no_constraint(name, &table.name));
    }
    draft.save(context).map(drop)
}

pub(super) fn no_constraint(name: &str, table: &str) -> Error {
    let message = format!("constraint \"{name}\" of relation \"{table}\" does not exist");
    SqlError::new(Condition::UndefinedObject, message).into()
}

fn rename_constraint(context: &DefineContext<'_>, draft: &mut Draft, from: &str, to: &str) -> Result<()> {
    let table = draft.table(context)?;
    if !has_constraint(&table, from) {
        let message = format!("constraint \"{from}\" for table \"{}\" does not exist", table.name);
        return fail(Condition::UndefinedObject, message);
    }
    if has_constraint(&table, to) {
        let message = format!("constraint \"{to}\" for relation \"{}\" already exists", table.name);
        return fail(Condition::DuplicateObject, message);
    }
    let is_index =
        table.primary_key_name.as_deref() == Some(from) || table.indexes.iter().any(|index| index.name == from);
    if is_index {
        context.check_free_name(&table.schema, to)?;
        index::rename(context, &table, from, to)?;
        *draft = Draft::of(&*draft.table(context)?)?;
        return Ok(());
    }
    let rules = &mut draft.rules;
    rules.checks.iter_mut().filter(|check| check.name == from).for_each(|check| to.clone_into(&mut check.name));
    rules.foreign_keys.iter_mut().filter(|key| key.name == from).for_each(|key| to.clone_into(&mut key.name));
    draft.save(context).map(drop)
}

fn rename_column(context: &DefineContext<'_>, draft: &mut Draft, from: &str, to: &str) -> Result<()> {
    let Some(number) = draft.layout.number_of(from) else {
        return fail(Condition::UndefinedColumn, format!("column \"{from}\" does not exist"));
    };
    if draft.layout.number_of(to).is_some() {
        let message = format!("column \"{to}\" of relation \"{}\" already exists", draft.name);
        return fail(Condition::DuplicateColumn, message);
    }
    let table = draft.table(context)?;
    draft.layout.rename_column(number, to)?;
    let rename = |text: &mut String| *text = renamed(text, from, to);
    let rules = &mut draft.rules;
    rules.checks.iter_mut().for_each(|check| rename(&mut check.expression));
    for index in &mut rules.indexes {
        index.expressions.iter_mut().flatten().chain(&mut index.predicate).for_each(rename);
    }
    for column in &mut rules.columns {
        if let Some(ColumnGeneration::Stored(text)) = &mut column.generation {
            rename(text);
        }
    }
    draft.save(context)?;
    check_views(context, table.id)
}

/// Refuses a change after which a view that reads `id` means nothing.
pub(super) fn check_views(context: &DefineContext<'_>, id: crate::catalog::ObjectId) -> Result<()> {
    for dependent in context.catalog().dependents(id)? {
        if let Dependent::View(view) = dependent {
            let query = drop_part::view_query(&view)?;
            if context.meaning.query(&context.catalog(), &query).is_err() {
                let message = format!("view \"{}\" would no longer mean anything", view.name);
                return Err(SqlError::new(Condition::DependentObjectsStillExist, message)
                    .hint("Views keep the text of their query: drop the view and create it again.")
                    .into());
            }
        }
    }
    Ok(())
}

fn refuse_views(context: &DefineContext<'_>, oid: u32, what: &str) -> Result<()> {
    let Some(id) = crate::sql::catalog::id_of(oid) else { return Ok(()) };
    let dependents = context.catalog().dependents(id)?;
    match dependents.iter().find(|dependent| matches!(dependent, Dependent::View(_))) {
        Some(view) => {
            let message = format!("cannot rename {what} because {} reads it", view.shown());
            Err(SqlError::new(Condition::DependentObjectsStillExist, message)
                .hint("Views keep the text of their query: drop the view and create it again.")
                .into())
        }
        None => Ok(()),
    }
}

/// Gives the table another schema or name; the sequences of its columns go with it into the schema.
pub(super) fn move_table(context: &DefineContext<'_>, draft: &mut Draft, schema: &str, name: &str) -> Result<()> {
    context.check_free_name(schema, name)?;
    let table = draft.table(context)?;
    refuse_views(context, table.oid, &format!("table {}", shown_name(&table.schema, &table.name)))?;
    let from = draft.object_name();
    let entry = draft.entry(context)?;
    schema.clone_into(&mut draft.schema);
    name.clone_into(&mut draft.name);
    context.transaction.tables().rename(&from, &entry, &draft.object_name())?;
    if table.schema != schema {
        for object in context.catalog().objects()? {
            match object {
                SqlObject::Sequence(sequence)
                    if sequence.definition.owner.is_some_and(|(id, _)| id == table.id.number()) =>
                {
                    move_sequence(context, draft, &sequence.schema, &sequence.name)?;
                }
                _ => {}
            }
        }
        draft.save(context)?;
    }
    Ok(())
}

fn move_sequence(context: &DefineContext<'_>, draft: &mut Draft, schema: &str, name: &str) -> Result<()> {
    context.check_free_name(&draft.schema, name)?;
    let (from, to) = (object_name(schema, name), object_name(&draft.schema, name));
    let transaction = context.transaction.inner;
    let entry = catalog::find(transaction, ObjectKind::Sequence, &from)?;
    let owner = StoredSequence::decode(&entry.definition)?.owner;
    context.shared.tables.rename_object(transaction, &from, &entry, &to)?;
    let (before, after) = (shown_name(schema, name), shown_name(&draft.schema, name));
    if let Some((_, number)) = owner {
        let column = draft.column_mut(number)?;
        column.default = column.default.as_ref().map(|text| text.replace(&before, &after));
        match &mut column.generation {
            Some(ColumnGeneration::IdentityAlways(name) | ColumnGeneration::IdentityByDefault(name)) => *name = after,
            Some(ColumnGeneration::Stored(_)) | None => {}
        }
    }
    Ok(())
}
