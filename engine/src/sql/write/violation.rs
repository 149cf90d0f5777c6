//! Broken rules, in PostgreSQL's words.

use marquetry_functions::{Condition, Environment, SqlError, SqlType};

use crate::sql::catalog::{ForeignKey, SqlTable};
use crate::sql::session::format_value;
use crate::table::Value;

/// Longest value that is shown, in characters.
const SHOWN_LENGTH_MAX: usize = 64;

fn of_constraint(condition: Condition, message: String, table: &SqlTable, constraint: &str) -> SqlError {
    let mut error = SqlError::new(condition, message);
    error.object.schema = Some(table.schema.clone());
    error.object.table = Some(table.name.clone());
    error.object.constraint = Some(constraint.to_owned());
    error
}

fn shown(value: &Value, sql_type: &SqlType, environment: &Environment) -> String {
    let text = format_value(value, sql_type, environment).ok().flatten().unwrap_or_else(|| "null".to_owned());
    match text.char_indices().nth(SHOWN_LENGTH_MAX) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

fn list(table: &SqlTable, positions: &[usize], row: &[Value], environment: &Environment) -> (String, String) {
    let name = |position: &usize| match table.column_at(*position) {
        Some(column) => column.name.clone(),
        None => {
            let computed = table.computed.iter().find(|computed| computed.position == *position);
            computed.map_or_else(String::new, |computed| computed.expression.clone())
        }
    };
    let value = |position: &usize| match table.column_at(*position) {
        Some(column) => shown(&row[*position], &column.sql_type, environment),
        None => shown(&row[*position], &SqlType::Text, environment),
    };
    let names: Vec<String> = positions.iter().map(name).collect();
    let values: Vec<String> = positions.iter().map(value).collect();
    (names.join(", "), values.join(", "))
}

fn failing_row(table: &SqlTable, row: &[Value], environment: &Environment) -> String {
    let values = table.columns.iter().map(|column| shown(&row[column.position], &column.sql_type, environment));
    format!("Failing row contains ({}).", values.collect::<Vec<_>>().join(", "))
}

/// Another row has the same key.
pub(super) fn unique(
    table: &SqlTable,
    constraint: &str,
    positions: &[usize],
    row: &[Value],
    environment: &Environment,
) -> SqlError {
    let message = format!("duplicate key value violates unique constraint \"{constraint}\"");
    let (names, values) = list(table, positions, row, environment);
    of_constraint(Condition::UniqueViolation, message, table, constraint)
        .detail(format!("Key ({names})=({values}) already exists."))
}

/// A column that refuses NULL got none.
pub(super) fn not_null(table: &SqlTable, column: &str, row: &[Value], environment: &Environment) -> SqlError {
    let message =
        format!("null value in column \"{column}\" of relation \"{}\" violates not-null constraint", table.name);
    let mut error = SqlError::new(Condition::NotNullViolation, message).detail(failing_row(table, row, environment));
    error.object.schema = Some(table.schema.clone());
    error.object.table = Some(table.name.clone());
    error.object.column = Some(column.to_owned());
    error
}

/// A condition of the table does not hold.
pub(super) fn check(table: &SqlTable, constraint: &str, row: &[Value], environment: &Environment) -> SqlError {
    let message = format!("new row for relation \"{}\" violates check constraint \"{constraint}\"", table.name);
    of_constraint(Condition::CheckViolation, message, table, constraint).detail(failing_row(table, row, environment))
}

/// A row refers to one that is not there.
pub(super) fn not_present(
    table: &SqlTable,
    key: &ForeignKey,
    referenced: &SqlTable,
    row: &[Value],
    environment: &Environment,
) -> SqlError {
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", table.name, key.name);
    let (names, values) = list(table, &key.positions, row, environment);
    of_constraint(Condition::ForeignKeyViolation, message, table, &key.name)
        .detail(format!("Key ({names})=({values}) is not present in table \"{}\".", referenced.name))
}

/// Part of a reference is NULL and part is not.
pub(super) fn mixed_nulls(table: &SqlTable, key: &ForeignKey) -> SqlError {
    let message =
        format!("insert or update on table \"{}\" violates foreign key constraint \"{}\"", table.name, key.name);
    of_constraint(Condition::ForeignKeyViolation, message, table, &key.name)
        .detail("MATCH FULL does not allow mixing of null and nonnull key values.")
}

/// A row that others refer to would be gone.
pub(super) fn still_referenced(
    table: &SqlTable,
    positions: &[usize],
    row: &[Value],
    key: &ForeignKey,
    referencing: &SqlTable,
    environment: &Environment,
) -> SqlError {
    let message = format!(
        "update or delete on table \"{}\" violates foreign key constraint \"{}\" on table \"{}\"",
        table.name, key.name, referencing.name
    );
    let (names, values) = list(table, positions, row, environment);
    of_constraint(Condition::ForeignKeyViolation, message, referencing, &key.name)
        .detail(format!("Key ({names})=({values}) is still referenced from table \"{}\".", referencing.name))
}
