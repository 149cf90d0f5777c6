//! From names to numbers and back: to_regclass and its kin.

use marquetry_functions::{Condition, Function, SqlError, SqlResult, SqlType};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::bridge::{looking, oid_of, text_of};
use super::rows::oid;
use super::text::relation_text;
use super::{Look, OWNER_OID, routine};
use crate::error::Result;
use crate::sql::bind::schema_and_name;
use crate::sql::catalog::{Relation, quoted};
use crate::table::Value;

pub(super) fn functions() -> Vec<Function> {
    vec![
        looking("to_regclass(text) regclass", |look, arguments| found(relation(look, text_of(arguments, 0))?)),
        looking("to_regtype(text) regtype", |look, arguments| found(data_type(look, text_of(arguments, 0))?)),
        looking("to_regnamespace(text) regnamespace", |look, arguments| found(schema(look, text_of(arguments, 0))?)),
        looking("to_regproc(text) regproc", |_, arguments| found(function(text_of(arguments, 0)))),
        looking("to_regrole(text) regrole", |look, arguments| found(role(look, text_of(arguments, 0)))),
        looking("to_regclass_strict(text) regclass", |look, arguments| {
            let name = text_of(arguments, 0);
            strict(relation(look, name)?, Condition::UndefinedTable, "relation", name)
        }),
        looking("to_regtype_strict(text) regtype", |look, arguments| {
            let name = text_of(arguments, 0);
            strict(data_type(look, name)?, Condition::UndefinedObject, "type", name)
        }),
        looking("to_regnamespace_strict(text) regnamespace", |look, arguments| {
            let name = text_of(arguments, 0);
            strict(schema(look, name)?, Condition::InvalidSchemaName, "schema", name)
        }),
        looking("to_regproc_strict(text) regproc", |_, arguments| {
            let name = text_of(arguments, 0);
            strict(function(name), Condition::UndefinedFunction, "function", name)
        }),
        looking("to_regrole_strict(text) regrole", |look, arguments| {
            let name = text_of(arguments, 0);
            strict(role(look, name), Condition::UndefinedObject, "role", name)
        }),
        looking("regclass_text(regclass) text", |look, arguments| {
            let number = oid_of(arguments, 0);
            shown(number, relation_name(look, number)?)
        }),
        looking("regtype_text(regtype) text", |look, arguments| {
            let number = oid_of(arguments, 0);
            shown(number, look.catalog.type_by_oid(number)?.map(|found| found.name()))
        }),
        looking("regnamespace_text(regnamespace) text", |look, arguments| {
            let number = oid_of(arguments, 0);
            let found = look.schemas()?.into_iter().find(|schema| schema.oid == number);
            shown(number, found.map(|schema| quoted(&schema.name)))
        }),
        looking("regproc_text(regproc) text", |_, arguments| {
            let number = oid_of(arguments, 0);
            shown(number, routine::name_of(number))
        }),
        looking("regrole_text(regrole) text", |look, arguments| {
            let number = oid_of(arguments, 0);
            shown(number, (number == OWNER_OID).then(|| look.session.user()))
        }),
    ]
}

fn found(number: Option<u32>) -> Result<Value> {
    Ok(number.map_or(Value::Null, oid))
}

fn strict(number: Option<u32>, condition: Condition, kind: &str, name: &str) -> Result<Value> {
    match number {
        Some(number) => Ok(oid(number)),
        None => Err(SqlError::new(condition, format!("{kind} \"{name}\" does not exist")).into()),
    }
}

/// What a number is shown as: the name, else the number; 0 is a dash.
fn shown(number: u32, name: Option<String>) -> Result<Value> {
    Ok(Value::Text(match name {
        Some(name) => name,
        None if number == 0 => "-".to_owned(),
        None => number.to_string(),
    }))
}

/// The number that a text is, when it is one.
fn number(text: &str) -> Option<u32> {
    if text == "-" { Some(0) } else { text.parse().ok() }
}

/// The schema and name that `text` says.
fn named(text: &str) -> SqlResult<(Option<String>, String)> {
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(text);
    let name = parsed.and_then(|mut parser| parser.parse_object_name(false));
    match name {
        Ok(name) => schema_and_name(&name),
        Err(_) => Err(SqlError::new(Condition::InvalidName, format!("invalid name syntax: \"{text}\""))),
    }
}

/// The number of the relation or index `text`.
pub(super) fn relation(look: &Look<'_>, text: &str) -> Result<Option<u32>> {
    if let Some(number) = number(text) {
        return Ok(Some(number));
    }
    let (schema, name) = named(text)?;
    let search_path = look.session.search_path();
    if let Some(found) = look.catalog.relation(schema.as_deref(), &name, &search_path)? {
        return Ok(Some(found.oid()));
    }
    for schema in schema.map_or(search_path, |schema| vec![schema]) {
        if let Some(table) = look.catalog.table_of_index(&schema, &name)? {
            let indexes = super::rows::indexes_of(&table);
            return Ok(indexes.iter().find(|index| index.name == name).map(|index| index.oid));
        }
    }
    Ok(None)
}

/// The name of the relation or index with the number `number`.
pub(super) fn relation_name(look: &Look<'_>, number: u32) -> Result<Option<String>> {
    let search_path = look.session.search_path();
    let shown = |schema: &str, name: &str| Some(relation_text(schema, name, &search_path));
    Ok(match look.catalog.relation_by_oid(number)? {
        Some(Relation::Table(table)) => shown(&table.schema, &table.name),
        Some(Relation::View(view)) => shown(&view.schema, &view.name),
        Some(Relation::Sequence(sequence)) => shown(&sequence.schema, &sequence.name),
        Some(Relation::Model(model)) => shown(&model.schema, &model.name),
        Some(Relation::System(system)) => shown(system.schema, system.name),
        None => {
            let table = index_table(look, number)?;
            table.and_then(|table| {
                let indexes = super::rows::indexes_of(&table);
                let index = indexes.iter().find(|index| index.oid == number)?;
                shown(&table.schema, index.name)
            })
        }
    })
}

/// The table of the index with the number `number`.
pub(super) fn index_table(
    look: &Look<'_>,
    number: u32,
) -> Result<Option<std::sync::Arc<crate::sql::catalog::SqlTable>>> {
    let has_it = |table: &std::sync::Arc<crate::sql::catalog::SqlTable>| {
        super::rows::indexes_of(table).iter().any(|index| index.oid == number)
    };
    Ok(look.tables()?.into_iter().find(has_it))
}

fn data_type(look: &Look<'_>, text: &str) -> Result<Option<u32>> {
    if let Some(number) = number(text) {
        return Ok(Some(number));
    }
    let plain = text.trim().to_lowercase();
    let plain = plain.strip_prefix("pg_catalog.").unwrap_or(&plain);
    let base = plain.split_once('(').map_or(plain, |(name, _)| name.trim_end());
    if let Some(found) = SqlType::by_name(plain).or_else(|| SqlType::by_name(base)) {
        return Ok(Some(found.oid()));
    }
    let (element, is_array) = match text.trim().strip_suffix("[]") {
        Some(element) => (element, true),
        None => (text, false),
    };
    let (schema, name) = named(element)?;
    let found = look.catalog.type_by_name(schema.as_deref(), &name)?;
    Ok(found.map(|found| if is_array { found.array_oid() } else { found.oid() }))
}

fn schema(look: &Look<'_>, text: &str) -> Result<Option<u32>> {
    match number(text) {
        Some(number) => Ok(Some(number)),
        None => look.catalog.schema_oid(&named(text)?.1),
    }
}

fn function(text: &str) -> Option<u32> {
    let name = text.trim().to_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    number(text).or_else(|| routine::oid_of(name.split_once('(').map_or(name, |(name, _)| name)))
}

fn role(look: &Look<'_>, text: &str) -> Option<u32> {
    number(text).or_else(|| (text.trim_matches('"') == look.session.user()).then_some(OWNER_OID))
}
