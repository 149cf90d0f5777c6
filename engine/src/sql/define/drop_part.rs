//! ALTER TABLE ... DROP: columns and constraints, and what rests on them.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{Query, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::alter_table::no_constraint;
use super::create_table::number_rows;
use super::draft::Draft;
use super::drop::{drop_view, refuse};
use super::foreign_key::forget_reference;
use super::mention::mentions;
use super::{DefineContext, index, sequence};
use crate::error::{Error, Result};
use crate::sql::catalog::{ColumnGeneration, Dependent, SqlTable, SqlView, quoted, shown_name};

/// The query that the catalogue keeps for `view`.
pub(super) fn view_query(view: &SqlView) -> Result<Query> {
    let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &view.query)
        .map_err(|error| Error::corrupt(format!("the query of view {:?} cannot be read ({error})", view.name)))?;
    match statements.pop() {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(Error::corrupt(format!("view {:?} holds no query; restore from a backup", view.name))),
    }
}

/// Drops the column `name` of the draft's table.
pub(super) fn column(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let table = draft.table(context)?;
    let Some(column) = table.column(name) else {
        if if_exists {
            context.note(format!("column \"{name}\" of relation \"{}\" does not exist, skipping", table.name));
            return Ok(());
        }
        return Err(super::name::no_column(name, &table.name));
    };
    drop_generated_users(context, draft, &table, name, cascade)?;
    let what = format!("column {} of table {}", quoted(name), shown_name(&table.schema, &table.name));
    drop_referencing(context, draft, &table, &[column.position], &what, cascade)?;
    // Constraints and indexes of the column go with it.
    let table = draft.table(context)?;
    let Some(column) = table.column(name) else { return Ok(()) };
    draft.rules.checks.retain(|check| !mentions(&check.expression, name));
    for key in table.foreign_keys.iter().filter(|key| key.positions.contains(&column.position)) {
        draft.rules.foreign_keys.retain(|rules| rules.name != key.name);
        forget_reference(context, &table, key)?;
    }
    for index in &table.indexes {
        let rules = draft.rules.indexes.iter().find(|rules| rules.name == index.name);
        let is_used = index.positions.contains(&column.position)
            || rules.is_some_and(|rules| index::mentions_column(rules, name));
        if is_used {
            index::remove(context, draft, &table, &index.name)?;
        }
    }
    if table.primary_key.contains(&column.position) {
        drop_primary_key(context, draft)?;
    }
    for (number, owned) in context.catalog().sequences_of(table.id)? {
        if number == column.number {
            sequence::remove(context, &owned)?;
        }
    }
    draft.layout.drop_column(column.number)?;
    draft.rules.columns.retain(|rules| rules.number != column.number);
    draft.save(context)?;
    settle_views(context, &table, &what, cascade)
}

fn drop_generated_users(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    table: &SqlTable,
    name: &str,
    cascade: bool,
) -> Result<()> {
    let is_user = |column: &&crate::sql::catalog::SqlColumn| matches!(&column.generation, Some(ColumnGeneration::Stored(text)) if mentions(text, name));
    for user in table.columns.iter().filter(is_user) {
        if !cascade {
            let message = format!(
                "cannot drop column {} of table {} because other objects depend on it",
                quoted(name),
                table.name
            );
            let detail = format!(
                "column {} of table {} depends on column {} of table {}",
                quoted(&user.name),
                table.name,
                quoted(name),
                table.name
            );
            return Err(SqlError::new(Condition::DependentObjectsStillExist, message)
                .detail(detail)
                .hint("Use DROP ... CASCADE to drop the dependent objects too.")
                .into());
        }
        column(context, draft, &user.name, true, true)?;
    }
    Ok(())
}

/// Refuses or drops the foreign keys of other tables that need the columns at `positions` of `table`, all of them.
fn drop_referencing(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    table: &SqlTable,
    positions: &[usize],
    what: &str,
    cascade: bool,
) -> Result<()> {
    for id in &table.referenced_by {
        let Some(other) = context.catalog().table_by_id(*id)? else { continue };
        for key in &other.foreign_keys {
            let needs = key.referenced_positions(table);
            let is_needed = key.referenced == table.id && positions.iter().all(|position| needs.contains(position));
            if !is_needed {
                continue;
            }
            if other.id == table.id {
                draft.rules.foreign_keys.retain(|rules| rules.name != key.name);
                continue;
            }
            if !cascade {
                let dependent = Dependent::ForeignKey(other.clone(), key.name.clone());
                return Err(refuse(what, &[dependent]));
            }
            let mut referencing = Draft::of(&other)?;
            referencing.rules.foreign_keys.retain(|rules| rules.name != key.name);
            context.note(format!("drop cascades to constraint {} on table {}", quoted(&key.name), other.name));
            referencing.save(context)?;
            draft.rules.referenced_by.retain(|known| {
                *known != other.id.number()
                    || referencing.rules.foreign_keys.iter().any(|key| key.referenced == table.id.number())
            });
        }
    }
    draft.save(context).map(drop)
}

/// Refuses or drops the views for whose queries something is missing.
fn settle_views(context: &DefineContext<'_>, table: &SqlTable, what: &str, cascade: bool) -> Result<()> {
    for dependent in context.catalog().dependents(table.id)? {
        let Dependent::View(view) = &dependent else { continue };
        if context.meaning.query(&context.catalog(), &view_query(view)?).is_ok() {
            continue;
        }
        if !cascade {
            return Err(refuse(what, &[dependent]));
        }
        context.note(format!("drop cascades to {}", dependent.shown()));
        drop_view(context, view, true)?;
    }
    Ok(())
}

/// Drops the constraint `name` of the draft's table.
pub(super) fn constraint(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Result<()> {
    let table = draft.table(context)?;
    let what = format!("constraint {} on table {}", quoted(name), shown_name(&table.schema, &table.name));
    if draft.rules.checks.iter().any(|check| check.name == name) {
        draft.rules.checks.retain(|check| check.name != name);
    } else if let Some(key) = table.foreign_keys.iter().find(|key| key.name == name) {
        draft.rules.foreign_keys.retain(|rules| rules.name != name);
        forget_reference(context, &table, key)?;
        if key.referenced == table.id && !draft.rules.foreign_keys.iter().any(|key| key.referenced == table.id.number())
        {
            draft.rules.referenced_by.retain(|id| *id != table.id.number());
        }
    } else if table.primary_key_name.as_deref() == Some(name) {
        drop_referencing(context, draft, &table, &table.primary_key, &what, cascade)?;
        drop_primary_key(context, draft)?;
        return Ok(());
    } else if let Some(index) = table.indexes.iter().find(|index| index.is_constraint && index.name == name) {
        drop_referencing(context, draft, &table, &index.positions, &what, cascade)?;
        index::remove(context, draft, &table, name)?;
    } else if if_exists {
        context.note(format!("constraint \"{name}\" of relation \"{}\" does not exist, skipping", table.name));
        return Ok(());
    } else {
        return Err(no_constraint(name, &table.name));
    }
    draft.save(context).map(drop)
}

/// Gives the rows numbers of their own in place of the declared key.
fn drop_primary_key(context: &DefineContext<'_>, draft: &mut Draft) -> Result<()> {
    draft.rules.primary_key = None;
    let number = number_rows(draft)?;
    draft.rewrite(context, &mut |statement, mut values| {
        let position =
            statement.schema.columns.iter().position(|column| column.number == number).unwrap_or(values.len());
        values.insert(position, statement.default(&statement.schema.columns[position])?);
        Ok(values)
    })?;
    Ok(())
}

/// Drops the index `name` of `table`, unless a constraint needs it.
pub(super) fn plain_index(context: &DefineContext<'_>, table: &SqlTable, name: &str) -> Result<()> {
    let is_constraint = table.primary_key_name.as_deref() == Some(name)
        || table.indexes.iter().any(|index| index.name == name && index.is_constraint);
    if is_constraint {
        let message = format!("cannot drop index {name} because constraint {name} on table {} requires it", table.name);
        return Err(SqlError::new(Condition::DependentObjectsStillExist, message)
            .hint(format!("You can drop constraint {name} on table {} instead.", table.name))
            .into());
    }
    let positions = table.indexes.iter().find(|index| index.name == name).map(|index| index.positions.clone());
    let mut draft = Draft::of(table)?;
    if let Some(positions) = positions {
        let what = format!("index {}", quoted(name));
        drop_referencing(context, &mut draft, table, &positions, &what, false)?;
    }
    index::remove(context, &mut draft, table, name)?;
    draft.save(context).map(drop)
}
