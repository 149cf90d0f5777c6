//! Constraints of tables: added, named, and checked against the rows that are there.

use std::error::Error as _;

use marquetry_functions::{Condition, SqlError, SqlType};
use sqlparser::ast::{
    CheckConstraint, ConstraintCharacteristics, Expr, Ident, IndexColumn, NullsDistinctOption, PrimaryKeyConstraint,
    TableConstraint, UniqueConstraint,
};

use super::draft::{Draft, rows_of};
use super::mention::mentions;
use super::name::{has_constraint, made_name, name_of, no_column};
use super::{DefineContext, Place, Target, fail, foreign_key, unsupported};
use crate::error::{Error, Result};
use crate::sql::catalog::{Check, IndexOrder, IndexRules, PrimaryKeyRules, SqlTable};
use crate::table::{ConstraintKind, ConstraintViolation, NewIndex, Value};

impl DefineContext<'_> {
    /// A number for a part of an object.
    pub(super) fn part_oid(&self) -> Result<u32> {
        let id = self.shared.tables.next_part_id()?;
        Ok(crate::sql::catalog::oid_of(crate::catalog::ObjectId::new(id)))
    }
}

/// Adds `constraint` to a table that is there; `is_new` when it has no rows yet.
pub(super) fn add(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    constraint: &TableConstraint,
    is_new: bool,
) -> Result<()> {
    match constraint {
        TableConstraint::Unique(unique) => add_unique(context, draft, unique, is_new),
        TableConstraint::Check(check) => add_check(context, draft, check, is_new),
        TableConstraint::ForeignKey(key) => foreign_key::add(context, draft, key, is_new),
        TableConstraint::PrimaryKey(key) => add_primary_key(context, draft, key),
        other => Err(unsupported(format!("the constraint {other}"))),
    }
}

/// The names of the columns that a key lists.
fn key_columns(columns: &[IndexColumn]) -> Result<Vec<String>> {
    let column = |column: &IndexColumn| match (&column.column.expr, &column.operator_class) {
        (Expr::Identifier(ident), None) => Ok(name_of(ident)),
        (other, _) => Err(unsupported(format!("{other} in a constraint"))),
    };
    columns.iter().map(column).collect()
}

fn check_now(characteristics: Option<&ConstraintCharacteristics>) -> Result<()> {
    match characteristics {
        Some(found) if found.deferrable == Some(true) || found.initially.is_some() || found.enforced == Some(false) => {
            Err(unsupported("a unique constraint that is deferrable or not enforced"))
        }
        _ => Ok(()),
    }
}

impl Draft {
    /// The numbers of the columns `names`.
    pub(super) fn numbers_of(&self, names: &[String]) -> Result<Vec<u32>> {
        let mut numbers = Vec::new();
        for name in names {
            let number = self.layout.number_of(name).ok_or_else(|| {
                SqlError::new(Condition::UndefinedColumn, format!("column \"{name}\" named in key does not exist"))
            })?;
            if numbers.contains(&number) {
                let message = format!("column \"{name}\" appears twice in a key");
                return fail(Condition::DuplicateColumn, message);
            }
            if !self.layout.type_of(number)?.is_ordered() {
                let message =
                    format!("the type of column \"{name}\" has no order, so it cannot be part of a key or index");
                return fail(Condition::UndefinedObject, message);
            }
            numbers.push(number);
        }
        Ok(numbers)
    }
}

/// Says that the primary key of a table that is not there yet is `key`.
pub(super) fn declare_primary_key(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    key: &PrimaryKeyConstraint,
) -> Result<()> {
    check_now(key.characteristics.as_ref())?;
    if !key.include.is_empty() || key.index_type.is_some() {
        return Err(unsupported("INCLUDE or USING of a primary key"));
    }
    let numbers = draft.numbers_of(&key_columns(&key.columns)?)?;
    for number in &numbers {
        draft.layout.set_not_null(*number, true)?;
    }
    let name = index_name(context, draft, key.name.as_ref(), "", "pkey")?;
    draft.rules.primary_key = Some(PrimaryKeyRules { oid: context.part_oid()?, name: name.clone() });
    draft.layout.set_primary_key(numbers, Some(name))
}

/// The name of an index that a constraint makes: as given, or made up.
pub(super) fn index_name(
    context: &DefineContext<'_>,
    draft: &Draft,
    given: Option<&Ident>,
    middle: &str,
    label: &str,
) -> Result<String> {
    let catalog = context.catalog();
    let is_taken = |name: &str| {
        let is_drafted = draft.name == name
            || draft.rules.indexes.iter().any(|index| index.name == name)
            || draft.rules.primary_key.as_ref().is_some_and(|key| key.name == name);
        Ok(is_drafted || catalog.is_relation_name_taken(&draft.schema, name)?)
    };
    match given.map(name_of) {
        Some(name) if is_taken(&name)? => {
            fail(Condition::DuplicateTable, format!("relation \"{name}\" already exists"))
        }
        Some(name) => Ok(name),
        None => made_name(&draft.name, middle, label, is_taken),
    }
}

/// Makes `key` the primary key of a table with rows.
fn add_primary_key(context: &DefineContext<'_>, draft: &mut Draft, key: &PrimaryKeyConstraint) -> Result<()> {
    if draft.rules.primary_key.is_some() {
        let message = format!("multiple primary keys for table \"{}\" are not allowed", draft.name);
        return fail(Condition::InvalidTableDefinition, message);
    }
    let before = draft.table(context)?;
    let hidden = before.primary_key[0];
    declare_primary_key(context, draft, key)?;
    for number in draft.layout.primary_key_numbers() {
        check_no_null(context, &before, number)?;
    }
    draft.layout.drop_column(before.rows.columns[hidden].number)?;
    draft.rewrite(context, &mut |_, mut values| {
        values.remove(hidden);
        Ok(values)
    })?;
    Ok(())
}

/// Refuses a column with NULL in some row.
pub(super) fn check_no_null(context: &DefineContext<'_>, table: &SqlTable, number: u32) -> Result<()> {
    let Some(column) = table.columns.iter().find(|column| column.number == number) else { return Ok(()) };
    let rows = rows_of(context, &table.rows)?;
    match rows.iter().any(|values| values[column.position].is_null()) {
        true => {
            let message = format!("column \"{}\" of relation \"{}\" contains null values", column.name, table.name);
            fail(Condition::NotNullViolation, message)
        }
        false => Ok(()),
    }
}

fn add_unique(context: &DefineContext<'_>, draft: &mut Draft, unique: &UniqueConstraint, is_new: bool) -> Result<()> {
    check_now(unique.characteristics.as_ref())?;
    if !unique.include.is_empty() || unique.index_type.is_some() {
        return Err(unsupported("INCLUDE or USING of a unique constraint"));
    }
    let names = key_columns(&unique.columns)?;
    let columns = draft.numbers_of(&names)?;
    let name = index_name(context, draft, unique.name.as_ref(), &names.join("_"), "key")?;
    let count = columns.len();
    let nulls_are_equal = unique.nulls_distinct == NullsDistinctOption::NotDistinct;
    draft.layout.add_index(NewIndex { name: name.clone(), columns, unique: true, nulls_are_equal, condition: None })?;
    draft.rules.indexes.push(IndexRules {
        oid: context.part_oid()?,
        name: name.clone(),
        expressions: vec![None; count],
        orders: vec![IndexOrder::default(); count],
        predicate: None,
        is_constraint: true,
        comment: None,
    });
    if is_new {
        return Ok(());
    }
    draft.save(context)?;
    fill(context, draft, &name)
}

/// Writes the entries of all rows into the index `name`.
pub(super) fn fill(context: &DefineContext<'_>, draft: &Draft, name: &str) -> Result<()> {
    let table = draft.table(context)?;
    match table.rows.indexes.iter().find(|index| index.name == name) {
        Some(index) => context.transaction.tables().fill(&table.rows, index).map_err(not_unique),
        None => Ok(()),
    }
}

/// The failure to make an index over rows that are not different, as a failure of SQL.
pub(super) fn not_unique(error: Error) -> Error {
    let violation = error.source().and_then(|source| source.downcast_ref::<ConstraintViolation>());
    let Some(violation) = violation.filter(|violation| violation.kind == ConstraintKind::Unique) else { return error };
    let message = format!("could not create unique index \"{}\"", violation.constraint);
    let mut failure = SqlError::new(Condition::UniqueViolation, message).detail(error.message());
    failure.object.table = Some(violation.table.clone());
    failure.object.constraint = Some(violation.constraint.clone());
    failure.into()
}

/// The name of a constraint without an index.
pub(super) fn constraint_name(
    table: &SqlTable,
    draft: &Draft,
    given: Option<&Ident>,
    middle: &str,
    label: &str,
) -> Result<String> {
    let is_taken = |name: &str| {
        has_constraint(table, name)
            || draft.rules.checks.iter().any(|check| check.name == name)
            || draft.rules.foreign_keys.iter().any(|key| key.name == name)
    };
    match given.map(name_of) {
        Some(name) if is_taken(&name) => {
            let message = format!("constraint \"{name}\" for relation \"{}\" already exists", table.name);
            fail(Condition::DuplicateObject, message)
        }
        Some(name) => Ok(name),
        None => made_name(&table.name, middle, label, |name| Ok(is_taken(name))),
    }
}

fn add_check(context: &DefineContext<'_>, draft: &mut Draft, check: &CheckConstraint, is_new: bool) -> Result<()> {
    if check.enforced == Some(false) {
        return Err(unsupported("a check constraint that is not enforced"));
    }
    let table = draft.table(context)?;
    let wanted = Some((&SqlType::Bool, -1));
    context.meaning.judge(Some(&table), &check.expr, wanted, Place::Check)?;
    let expression = check.expr.to_string();
    let mut mentioned = table.columns.iter().filter(|column| mentions(&expression, &column.name));
    let middle = match (mentioned.next(), mentioned.next()) {
        (Some(only), None) => only.name.clone(),
        _ => String::new(),
    };
    let name = constraint_name(&table, draft, check.name.as_ref(), &middle, "check")?;
    let oid = context.part_oid()?;
    draft.rules.checks.push(Check { oid, name: name.clone(), expression, is_validated: true, comment: None });
    if is_new { Ok(()) } else { validate_check(context, &table, &name, &check.expr.to_string()) }
}

/// Refuses a check that some row does not pass.
pub(super) fn validate_check(
    context: &DefineContext<'_>,
    table: &std::sync::Arc<SqlTable>,
    name: &str,
    expression: &str,
) -> Result<()> {
    let rows = rows_of(context, &table.rows)?;
    let target = Target { text: expression.to_owned(), sql_type: SqlType::Bool, type_modifier: -1 };
    let results = context.meaning.evaluate(table, &[target], &rows)?;
    match results.iter().any(|values| values[0] == Value::Bool(false)) {
        true => {
            let message = format!("check constraint \"{name}\" of relation \"{}\" is violated by some row", table.name);
            fail(Condition::CheckViolation, message)
        }
        false => Ok(()),
    }
}

/// The numbers of the columns that a foreign key lists.
pub(super) fn listed(draft: &Draft, idents: &[Ident]) -> Result<Vec<u32>> {
    let number = |ident: &Ident| {
        let name = name_of(ident);
        draft.layout.number_of(&name).ok_or_else(|| no_column(&name, &draft.name))
    };
    idents.iter().map(number).collect()
}
