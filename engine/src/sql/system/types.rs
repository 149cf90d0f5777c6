//! Types: pg_type, pg_enum, pg_range, pg_cast, pg_collation, pg_opclass.

use marquetry_functions::SqlType;

use super::rows::{oid, text};
use super::{Look, OWNER_OID, PG_CATALOG, PG_CATALOG_OID, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::SqlTable;
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 1247,
        schema: PG_CATALOG,
        name: "pg_type",
        columns: "oid oid, typname name, typnamespace oid, typowner oid, typlen int2, typbyval bool, typtype char, \
                  typcategory char, typispreferred bool, typisdefined bool, typdelim char, typrelid oid, \
                  typsubscript oid, typelem oid, typarray oid, typinput regproc, typoutput regproc, \
                  typreceive regproc, typsend regproc, typmodin oid, typmodout oid, typanalyze oid, typalign char, \
                  typstorage char, typnotnull bool, typbasetype oid, typtypmod int4, typndims int4, \
                  typcollation oid, typdefaultbin text, typdefault text, typacl text[]",
        rows: types,
    },
    SystemRelation {
        oid: 3501,
        schema: PG_CATALOG,
        name: "pg_enum",
        columns: "oid oid, enumtypid oid, enumsortorder float4, enumlabel name",
        rows: labels,
    },
    SystemRelation {
        oid: 3456,
        schema: PG_CATALOG,
        name: "pg_collation",
        columns: "oid oid, collname name, collnamespace oid, collowner oid, collprovider char, \
                  collisdeterministic bool, collencoding int4, collcollate text, collctype text, colliculocale text, \
                  collicurules text, collversion text",
        rows: collations,
    },
    SystemRelation {
        oid: 2616,
        schema: PG_CATALOG,
        name: "pg_opclass",
        columns: "oid oid, opcmethod oid, opcname name, opcnamespace oid, opcowner oid, opcfamily oid, \
                  opcintype oid, opcdefault bool, opckeytype oid",
        rows: operator_classes,
    },
];

/// The collation of the database: texts by their bytes.
const DEFAULT_COLLATION: u32 = 100;

/// The collation of values of a type; 0 where there is none.
pub(super) fn collation(sql_type: &SqlType) -> u32 {
    match sql_type {
        SqlType::Array(element) => collation(element),
        SqlType::Name => 950,
        SqlType::Text | SqlType::Varchar | SqlType::Bpchar => DEFAULT_COLLATION,
        _ => 0,
    }
}

/// How values of that length are aligned, as the catalogue tells it.
pub(super) fn alignment(length: i16) -> &'static str {
    match length {
        1 => "c",
        2 => "s",
        8 | 16 => "d",
        _ => "i",
    }
}

fn types(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    let builtin = look.schema(PG_CATALOG)?;
    for sql_type in SqlType::builtin() {
        rows.push(type_row(&sql_type, &sql_type.type_name(), builtin.clone()));
        if sql_type.array_oid() != 0 {
            let array = sql_type.array_of();
            rows.push(type_row(&array, &array.type_name(), builtin.clone()));
        }
    }
    for found in look.catalog.enums()? {
        let schema = look.schema(&found.schema)?;
        let sql_type = SqlType::Enum(found.enumeration.clone());
        rows.push(type_row(&sql_type, &found.name, schema.clone()));
        rows.push(type_row(&sql_type.array_of(), &format!("_{}", found.name), schema));
    }
    Ok(rows)
}

fn type_row(sql_type: &SqlType, name: &str, schema: Value) -> Vec<Value> {
    let (length, element) = match sql_type {
        SqlType::Array(element) => (-1, element.oid()),
        other => (other.type_length(), 0),
    };
    let kind = match sql_type {
        SqlType::Enum(_) => "e",
        SqlType::Unknown | SqlType::Void | SqlType::Record(_) => "p",
        _ => "b",
    };
    let array = if element == 0 { sql_type.array_oid() } else { 0 };
    vec![
        oid(sql_type.oid()),
        text(name),
        schema,
        oid(OWNER_OID),
        Value::Int2(length),
        Value::Bool((1..=8).contains(&length)),
        text(kind),
        text(sql_type.category().to_string()),
        Value::Bool(sql_type.is_preferred()),
        Value::Bool(true),
        text(","),
        oid(0),
        oid(0),
        oid(element),
        oid(array),
        // Clients tell arrays by the function that reads them.
        if element == 0 { oid(super::routine::input_oid(sql_type)) } else { oid(super::routine::ARRAY_IN_OID) },
        oid(0),
        if element == 0 { oid(super::routine::receive_oid(sql_type)) } else { oid(super::routine::ARRAY_RECEIVE_OID) },
        oid(0),
        oid(0),
        oid(0),
        oid(0),
        text(alignment(length)),
        text(if length < 0 { "x" } else { "p" }),
        Value::Bool(false),
        oid(0),
        Value::Int4(-1),
        Value::Int4(0),
        oid(collation(sql_type)),
    ]
}

fn labels(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for found in look.catalog.enums()? {
        for (place, (number, label)) in found.label_oids.iter().zip(&found.enumeration.labels).enumerate() {
            rows.push(vec![
                oid(crate::sql::catalog::oid_of(crate::catalog::ObjectId::new(u64::from(*number)))),
                oid(found.enumeration.oid),
                Value::Float4(place as f32 + 1.0),
                text(label.as_str()),
            ]);
        }
    }
    Ok(rows)
}

fn collations(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |(number, name, provider): (u32, &str, &str)| {
        vec![
            oid(number),
            text(name),
            oid(PG_CATALOG_OID),
            oid(OWNER_OID),
            text(provider),
            Value::Bool(true),
            Value::Int4(-1),
            text("C"),
            text("C"),
        ]
    };
    Ok([(DEFAULT_COLLATION, "default", "d"), (950, "C", "c"), (951, "POSIX", "c")].into_iter().map(row).collect())
}

/// The types that have an order, each with the number of its class of operators.
fn ordered() -> impl Iterator<Item = (u32, SqlType)> {
    SqlType::builtin().filter(|sql_type| !matches!(sql_type, SqlType::Json | SqlType::Jsonpath)).map(|sql_type| {
        let number = match sql_type {
            SqlType::Int4 => 1978,
            SqlType::Int2 => 1979,
            SqlType::Int8 => 3124,
            SqlType::Text | SqlType::Varchar => 3126,
            SqlType::Oid => 1981,
            _ => 10_000 + sql_type.oid(),
        };
        (number, sql_type)
    })
}

/// The class of operators that orders the column at `position`.
pub(super) fn operator_class(table: &SqlTable, position: usize) -> u32 {
    let Some(column) = table.column_at(position) else { return 3126 };
    let base = column.sql_type.base();
    ordered().find(|(_, sql_type)| *sql_type == base).map_or(0, |(number, _)| number)
}

fn operator_classes(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |(number, sql_type): (u32, SqlType)| {
        vec![
            oid(number),
            oid(403),
            text(format!("{}_ops", sql_type.type_name())),
            oid(PG_CATALOG_OID),
            oid(OWNER_OID),
            oid(number),
            oid(sql_type.oid()),
            Value::Bool(true),
            oid(0),
        ]
    };
    // varchar is ordered as text is, and shares its class.
    Ok(ordered().filter(|(_, sql_type)| *sql_type != SqlType::Varchar).map(row).collect())
}
