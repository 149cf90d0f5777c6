//! ALTER TABLE ... ALTER COLUMN.

use marquetry_functions::{Condition, SqlError, SqlType};
use sqlparser::ast::{AlterColumnOperation, DataType, Expr, GeneratedAs, Ident};

use super::alter_table::check_views;
use super::constraint::check_no_null;
use super::create_table::set_default;
use super::draft::{Draft, plain_default, rows_of};
use super::mention::mentions;
use super::new_column::{Numbering, NumberingKind};
use super::sequence::number_column;
use super::{DefineContext, Place, Target, fail, unsupported};
use crate::error::Result;
use crate::sql::catalog::{ColumnGeneration, SqlColumn, StoredType, column_type_of, quoted};
use crate::table::Value;

pub(super) fn alter(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    name: &str,
    operation: &AlterColumnOperation,
) -> Result<()> {
    let table = draft.table(context)?;
    let column = table.column_named(name)?;
    match operation {
        AlterColumnOperation::SetNotNull => {
            check_no_null(context, &table, column.number)?;
            draft.layout.set_not_null(column.number, true)?;
        }
        AlterColumnOperation::DropNotNull => {
            if table.primary_key.contains(&column.position) {
                return fail(Condition::InvalidTableDefinition, format!("column \"{name}\" is in a primary key"));
            }
            if is_identity(column) {
                let message = format!("column \"{name}\" of relation \"{}\" is an identity column", table.name);
                return fail(Condition::SyntaxError, message);
            }
            draft.layout.set_not_null(column.number, false)?;
        }
        AlterColumnOperation::SetDefault { value } => {
            refuse_generated(column, &table.name)?;
            set_default(context, draft, column.number, value, (&column.sql_type, column.type_modifier))?;
        }
        AlterColumnOperation::DropDefault => {
            refuse_generated(column, &table.name)?;
            draft.layout.set_default(column.number, None)?;
            draft.column_mut(column.number)?.default = None;
        }
        AlterColumnOperation::SetDataType { data_type, using, had_set: _ } => {
            return set_type(context, draft, column, data_type, using.as_ref());
        }
        AlterColumnOperation::AddGenerated { generated_as, sequence_options } => {
            if column.default.is_some() || column.generation.is_some() {
                let message = format!("column \"{name}\" of relation \"{}\" already has a default value", table.name);
                return fail(Condition::ObjectNotInPrerequisiteState, message);
            }
            if !column.not_null {
                let message = format!(
                    "column \"{name}\" of relation \"{}\" must be declared NOT NULL before identity can be added",
                    table.name
                );
                return fail(Condition::ObjectNotInPrerequisiteState, message);
            }
            let kind = match generated_as {
                Some(GeneratedAs::ByDefault) => NumberingKind::IdentityByDefault,
                _ => NumberingKind::IdentityAlways,
            };
            let numbering = Numbering { kind, options: sequence_options.clone().unwrap_or_default() };
            number_column(context, draft, column.number, name, &column.sql_type, &numbering)?;
        }
        other => return Err(unsupported(format!("ALTER COLUMN ... {other}"))),
    }
    draft.save(context).map(drop)
}

fn is_identity(column: &SqlColumn) -> bool {
    matches!(column.generation, Some(ColumnGeneration::IdentityAlways(_) | ColumnGeneration::IdentityByDefault(_)))
}

fn refuse_generated(column: &SqlColumn, table: &str) -> Result<()> {
    match &column.generation {
        None => Ok(()),
        Some(ColumnGeneration::Stored(_)) => {
            let message = format!("column \"{}\" of relation \"{table}\" is a generated column", column.name);
            fail(Condition::SyntaxError, message)
        }
        Some(_) => {
            let message = format!("column \"{}\" of relation \"{table}\" is an identity column", column.name);
            fail(Condition::SyntaxError, message)
        }
    }
}

/// Gives a column another type: every row is read, converted and written anew.
fn set_type(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    column: &SqlColumn,
    data_type: &DataType,
    using: Option<&Expr>,
) -> Result<()> {
    let table = draft.table(context)?;
    let (sql_type, type_modifier) = context.meaning.data_type(data_type)?;
    let Some(column_type) = column_type_of(&sql_type) else {
        return fail(
            Condition::InvalidTableDefinition,
            format!("column \"{}\" has pseudo-type {sql_type}", column.name),
        );
    };
    if matches!(column.generation, Some(ColumnGeneration::Stored(_))) {
        return Err(unsupported("another type for a generated column"));
    }
    refuse_generated_users(draft, &column.name)?;
    let text = match using {
        Some(expression) => {
            let wanted = Some((&sql_type, type_modifier));
            context.meaning.judge(Some(&table), expression, wanted, Place::Transform)?;
            expression.to_string()
        }
        None => {
            let own = Expr::Identifier(Ident::with_quote('"', column.name.clone()));
            let wanted = Some((&sql_type, type_modifier));
            context.meaning.judge(Some(&table), &own, wanted, Place::Transform).map_err(|_| {
                let message = format!("column \"{}\" cannot be cast automatically to type {sql_type}", column.name);
                SqlError::new(Condition::DatatypeMismatch, message)
                    .hint(format!("You might need to specify \"USING {}::{sql_type}\".", quoted(&column.name)))
            })?;
            quoted(&column.name)
        }
    };
    let rows = rows_of(context, &table.rows)?;
    let target = Target { text, sql_type: sql_type.clone(), type_modifier };
    let mut converted = context.meaning.evaluate(&table, &[target], &rows)?.into_iter();
    draft.layout.set_type(column.number, column_type)?;
    let rules = draft.column_mut(column.number)?;
    (rules.stored_type, rules.type_modifier) = (StoredType::of(&sql_type), type_modifier);
    keep_default(context, draft, column, &sql_type, type_modifier)?;
    let position = column.position;
    draft.rewrite(context, &mut |statement, mut values| {
        let value = converted.next().and_then(|mut row| row.pop()).unwrap_or(Value::Null);
        values[position] = statement.schema.fit_column(position, value)?;
        Ok(values)
    })?;
    check_views(context, table.id)
}

/// A generated column or an index would have to be worked out anew from the converted values.
fn refuse_generated_users(draft: &Draft, name: &str) -> Result<()> {
    let generated = draft
        .rules
        .columns
        .iter()
        .any(|column| matches!(&column.generation, Some(ColumnGeneration::Stored(text)) if mentions(text, name)));
    if generated {
        return fail(Condition::FeatureNotSupported, "cannot alter type of a column used by a generated column");
    }
    match draft.rules.indexes.iter().any(|index| super::index::mentions_column(index, name)) {
        true => Err(unsupported("altering the type of a column used by an expression or predicate of an index")),
        false => Ok(()),
    }
}

fn keep_default(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    column: &SqlColumn,
    sql_type: &SqlType,
    type_modifier: i32,
) -> Result<()> {
    let Some(text) = &column.default else { return Ok(()) };
    let expression = crate::sql::parse::parse_expression(text)?;
    let wanted = Some((sql_type, type_modifier));
    if context.meaning.judge(None, &expression, wanted, Place::Default).is_err() {
        let message = format!("default for column \"{}\" cannot be cast automatically to type {sql_type}", column.name);
        return fail(Condition::DatatypeMismatch, message);
    }
    let column_type = draft.layout.type_of(column.number)?;
    draft.layout.set_default(column.number, plain_default(&expression, column_type).as_ref())
}
