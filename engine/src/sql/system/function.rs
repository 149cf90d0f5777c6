//! The catalogue told as text: what psql, drivers and tools call.

use marquetry_functions::{Function, SqlType};

use super::bridge::{looking, oid_of, text_of};
use super::constraint::constraints_of;
use super::rows::{indexes_of, text};
use super::text::{constraint_definition, index_definition, index_part, relation_text};
use super::{Look, OWNER_OID, dependence, lookup};
use crate::error::Result;
use crate::sql::catalog::{Relation, quoted};
use crate::table::Value;

pub(super) fn functions() -> Vec<Function> {
    let mut functions = vec![
        looking("pg_get_expr(text, oid) text", |_, arguments| Ok(text(text_of(arguments, 0)))),
        looking("pg_get_expr(text, oid, bool) text", |_, arguments| Ok(text(text_of(arguments, 0)))),
        looking("pg_get_constraintdef(oid) text", constraint),
        looking("pg_get_constraintdef(oid, bool) text", constraint),
        looking("pg_get_indexdef(oid) text", |look, arguments| index(look, oid_of(arguments, 0), 0)),
        looking("pg_get_indexdef(oid, int4, bool) text", |look, arguments| {
            let part = arguments.get(1).and_then(Value::as_integer).and_then(|part| usize::try_from(part).ok());
            index(look, oid_of(arguments, 0), part.unwrap_or(0))
        }),
        looking("pg_get_viewdef(oid) text", |look, arguments| view(look, oid_of(arguments, 0))),
        looking("pg_get_viewdef(oid, bool) text", |look, arguments| view(look, oid_of(arguments, 0))),
        looking("pg_get_viewdef(text) text", |look, arguments| {
            let number = lookup::relation(look, text_of(arguments, 0))?;
            number.map_or(Ok(Value::Null), |number| view(look, number))
        }),
        looking("pg_get_serial_sequence(text, text) text", serial_sequence),
        looking("pg_get_userbyid(oid) name", |look, arguments| {
            let number = oid_of(arguments, 0);
            Ok(text(if number == OWNER_OID { look.session.user() } else { format!("unknown (OID={number})") }))
        }),
        Function { strict: false, ..looking("format_type(oid, int4) text", format_type) },
        looking("pg_table_is_visible(oid) bool", relation_is_visible),
        looking("pg_type_is_visible(oid) bool", |look, arguments| {
            let number = oid_of(arguments, 0);
            if SqlType::from_oid(number).is_some() {
                return Ok(Value::Bool(true));
            }
            let found = look.catalog.entry_by_oid(number)?;
            Ok(Value::Bool(found.is_some_and(|(schema, _, _)| look.session.search_path().contains(&schema))))
        }),
        looking("obj_description(oid, name) text", |look, arguments| description(look, oid_of(arguments, 0), 0)),
        looking("obj_description(oid) text", |look, arguments| description(look, oid_of(arguments, 0), 0)),
        looking("shobj_description(oid, name) text", |_, _| Ok(Value::Null)),
        looking("col_description(oid, int4) text", |look, arguments| {
            let column = arguments.get(1).and_then(Value::as_integer).and_then(|number| i16::try_from(number).ok());
            description(look, oid_of(arguments, 0), column.unwrap_or(0))
        }),
    ];
    functions.extend(sizes());
    functions.extend(always());
    functions
}

/// What is the same for everything: there is one user who may do all, and there is no replication.
fn always() -> Vec<Function> {
    let yes: fn(&Look<'_>, &[Value]) -> Result<Value> = |_, _| Ok(Value::Bool(true));
    let no: fn(&Look<'_>, &[Value]) -> Result<Value> = |_, _| Ok(Value::Bool(false));
    let mut functions = Vec::new();
    for kind in ["table", "schema", "sequence", "database", "function", "type", "tablespace", "language", "any_column"]
    {
        for object in ["text", "oid"] {
            functions.push(looking(&format!("has_{kind}_privilege({object}, text) bool"), yes));
            functions.push(looking(&format!("has_{kind}_privilege(name, {object}, text) bool"), yes));
            functions.push(looking(&format!("has_{kind}_privilege(oid, {object}, text) bool"), yes));
        }
    }
    for object in ["text", "oid"] {
        functions.push(looking(&format!("has_column_privilege({object}, text, text) bool"), yes));
        functions.push(looking(&format!("has_column_privilege({object}, int2, text) bool"), yes));
    }
    for signature in
        ["pg_has_role(name, text) bool", "pg_has_role(oid, text) bool", "pg_has_role(name, oid, text) bool"]
    {
        functions.push(looking(signature, yes));
    }
    for name in ["function", "operator", "opclass", "collation", "conversion", "ts_config", "statistics_obj"] {
        functions.push(looking(&format!("pg_{name}_is_visible(oid) bool"), yes));
    }
    for signature in [
        "pg_relation_is_publishable(regclass) bool",
        "row_security_active(oid) bool",
        "pg_is_other_temp_schema(oid) bool",
    ] {
        functions.push(looking(signature, no));
    }
    functions.push(looking("pg_get_partkeydef(oid) text", |_, _| Ok(Value::Null)));
    functions.push(looking("pg_get_statisticsobjdef_columns(oid) text", |_, _| Ok(Value::Null)));
    functions.push(looking("pg_get_triggerdef(oid, bool) text", |_, _| Ok(Value::Null)));
    functions.push(looking("pg_get_ruledef(oid, bool) text", |_, _| Ok(Value::Null)));
    functions.push(looking("pg_get_functiondef(oid) text", |_, _| Ok(Value::Null)));
    functions.push(looking("pg_get_function_result(oid) text", |_, _| Ok(text(""))));
    functions.push(looking("pg_get_function_arguments(oid) text", |_, _| Ok(text(""))));
    functions.push(looking("pg_get_function_identity_arguments(oid) text", |_, _| Ok(text(""))));
    functions.push(looking("pg_tablespace_location(oid) text", |_, _| Ok(text(""))));
    functions.push(looking("pg_encoding_to_char(int4) name", |_, arguments| {
        let number = arguments.first().and_then(Value::as_integer);
        Ok(text(match number {
            Some(6) => "UTF8",
            Some(0) => "SQL_ASCII",
            _ => "",
        }))
    }));
    functions.push(looking("pg_char_to_encoding(name) int4", |_, arguments| {
        let is_utf8 = text_of(arguments, 0).to_lowercase().replace('-', "") == "utf8";
        Ok(Value::Int4(if is_utf8 { 6 } else { -1 }))
    }));
    functions
}

/// How much room things take: what is known is the number of rows, so sizes are said to be 0.
fn sizes() -> Vec<Function> {
    let nothing: fn(&Look<'_>, &[Value]) -> Result<Value> = |_, _| Ok(Value::Int8(0));
    let mut functions: Vec<Function> =
        ["pg_table_size", "pg_total_relation_size", "pg_relation_size", "pg_indexes_size"]
            .into_iter()
            .map(|name| looking(&format!("{name}(regclass) int8"), nothing))
            .collect();
    functions.push(looking("pg_relation_size(regclass, text) int8", nothing));
    functions.push(looking("pg_database_size(name) int8", nothing));
    functions.push(looking("pg_database_size(oid) int8", nothing));
    functions.push(looking("pg_tablespace_size(oid) int8", nothing));
    functions.push(looking("pg_size_pretty(int8) text", |_, arguments| {
        Ok(text(size_text(arguments.first().and_then(Value::as_integer).unwrap_or(0))))
    }));
    functions
}

/// A number of bytes for people, as PostgreSQL shows it.
fn size_text(bytes: i64) -> String {
    const LIMIT: i64 = 10 * 1024;
    if bytes.abs() < LIMIT {
        return format!("{bytes} bytes");
    }
    let mut left = bytes >> 9;
    for unit in ["kB", "MB", "GB", "TB"] {
        if left.abs() < 2 * LIMIT - 1 {
            return format!("{} {unit}", (left + left.signum()) / 2);
        }
        left >>= 10;
    }
    format!("{} PB", (left + left.signum()) / 2)
}

fn constraint(look: &Look<'_>, arguments: &[Value]) -> Result<Value> {
    let number = oid_of(arguments, 0);
    for table in look.tables()? {
        if let Some(found) = constraints_of(look, &table)?.iter().find(|found| found.oid == number) {
            return constraint_definition(look, &table, found).map(Value::Text);
        }
    }
    Ok(Value::Null)
}

fn index(look: &Look<'_>, number: u32, part: usize) -> Result<Value> {
    let Some(table) = lookup::index_table(look, number)? else { return Ok(Value::Null) };
    let indexes = indexes_of(&table);
    let Some(index) = indexes.iter().find(|index| index.oid == number) else { return Ok(Value::Null) };
    Ok(text(match part.checked_sub(1) {
        None => index_definition(&table, index),
        Some(part) => index_part(&table, index, part),
    }))
}

fn view(look: &Look<'_>, number: u32) -> Result<Value> {
    match look.catalog.relation_by_oid(number)? {
        Some(Relation::View(view)) => Ok(text(format!(" {};", view.query))),
        _ => Ok(Value::Null),
    }
}

fn serial_sequence(look: &Look<'_>, arguments: &[Value]) -> Result<Value> {
    let number = lookup::relation(look, text_of(arguments, 0))?;
    let table = match number.map(|number| look.catalog.relation_by_oid(number)).transpose()?.flatten() {
        Some(Relation::Table(table)) => table,
        _ => {
            let message = format!("relation \"{}\" does not exist", text_of(arguments, 0));
            let condition = marquetry_functions::Condition::UndefinedTable;
            return Err(marquetry_functions::SqlError::new(condition, message).into());
        }
    };
    let Some(column) = table.column(text_of(arguments, 1)) else {
        let message = format!("column \"{}\" of relation \"{}\" does not exist", text_of(arguments, 1), table.name);
        let condition = marquetry_functions::Condition::UndefinedColumn;
        return Err(marquetry_functions::SqlError::new(condition, message).into());
    };
    let owned = look.catalog.sequences_of(table.id)?;
    let owned = owned.into_iter().find(|(number, _)| *number == column.number);
    Ok(owned
        .map_or(Value::Null, |(_, sequence)| text(format!("{}.{}", quoted(&sequence.schema), quoted(&sequence.name)))))
}

fn format_type(look: &Look<'_>, arguments: &[Value]) -> Result<Value> {
    if arguments.first().is_none_or(Value::is_null) {
        return Ok(Value::Null);
    }
    let modifier = arguments.get(1).and_then(Value::as_integer).and_then(|number| i32::try_from(number).ok());
    let found = look.catalog.type_by_oid(oid_of(arguments, 0))?;
    Ok(text(found.map_or_else(|| "???".to_owned(), |found| found.format_type(modifier.unwrap_or(-1)))))
}

fn relation_is_visible(look: &Look<'_>, arguments: &[Value]) -> Result<Value> {
    let number = oid_of(arguments, 0);
    let search_path = look.session.search_path();
    let is_found = |schema: &str, name: &str| relation_text(schema, name, &search_path) == quoted(name);
    Ok(match look.catalog.relation_by_oid(number)? {
        Some(Relation::Table(table)) => Value::Bool(is_found(&table.schema, &table.name)),
        Some(Relation::View(view)) => Value::Bool(is_found(&view.schema, &view.name)),
        Some(Relation::Sequence(sequence)) => Value::Bool(is_found(&sequence.schema, &sequence.name)),
        Some(Relation::Model(model)) => Value::Bool(is_found(&model.schema, &model.name)),
        Some(Relation::System(system)) => Value::Bool(is_found(system.schema, system.name)),
        None => match lookup::index_table(look, number)? {
            Some(table) => Value::Bool(search_path.contains(&table.schema)),
            None => Value::Null,
        },
    })
}

fn description(look: &Look<'_>, number: u32, column: i16) -> Result<Value> {
    let comments = dependence::comments(look)?;
    let found = comments.into_iter().find(|(known, _, part, _)| *known == number && *part == column);
    Ok(found.map_or(Value::Null, |(_, _, _, comment)| text(comment)))
}
