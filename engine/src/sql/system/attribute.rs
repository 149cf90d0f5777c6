//! Columns: pg_attribute, pg_attrdef.

use marquetry_functions::SqlType;

use super::rows::{int2, maybe, oid, text};
use super::text::generation_default;
use super::{Look, PG_CATALOG, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::{ColumnGeneration, SqlTable};
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 1249,
        schema: PG_CATALOG,
        name: "pg_attribute",
        columns: "attrelid oid, attname name, atttypid oid, attlen int2, attnum int2, attcacheoff int4, \
                  atttypmod int4, attndims int2, attbyval bool, attalign char, attstorage char, \
                  attcompression char, attnotnull bool, atthasdef bool, atthasmissing bool, attidentity char, \
                  attgenerated char, attisdropped bool, attislocal bool, attinhcount int2, attstattarget int2, \
                  attcollation oid, attacl text[], attoptions text[], attfdwoptions text[], attmissingval text",
        rows: attributes,
    },
    SystemRelation {
        oid: 2604,
        schema: PG_CATALOG,
        name: "pg_attrdef",
        columns: "oid oid, adrelid oid, adnum int2, adbin text",
        rows: defaults,
    },
];

/// What the catalogue says of one column.
struct Attribute<'n> {
    relation: u32,
    name: &'n str,
    number: i16,
    sql_type: &'n SqlType,
    type_modifier: i32,
    not_null: bool,
    has_default: bool,
    identity: &'static str,
    generated: &'static str,
}

impl Attribute<'_> {
    fn row(&self) -> Vec<Value> {
        let length = self.sql_type.type_length();
        vec![
            oid(self.relation),
            text(self.name),
            oid(self.sql_type.oid()),
            Value::Int2(length),
            Value::Int2(self.number),
            Value::Int4(-1),
            Value::Int4(self.type_modifier),
            int2(usize::from(matches!(self.sql_type, SqlType::Array(_)))),
            Value::Bool((1..=8).contains(&length)),
            text(super::types::alignment(length)),
            text(if length < 0 { "x" } else { "p" }),
            text(""),
            Value::Bool(self.not_null),
            Value::Bool(self.has_default),
            Value::Bool(false),
            text(self.identity),
            text(self.generated),
            Value::Bool(false),
            Value::Bool(true),
            int2(0),
            Value::Int2(-1),
            oid(super::types::collation(self.sql_type)),
        ]
    }
}

fn attributes(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        table_attributes(&table, &mut rows);
    }
    for view in look.views()? {
        for (position, (name, (sql_type, type_modifier, _))) in view.columns.iter().zip(&view.column_types).enumerate()
        {
            rows.push(plain(view.oid, name, position, sql_type, *type_modifier));
        }
    }
    for sequence in look.sequences()? {
        for (position, (name, sql_type)) in
            [("last_value", SqlType::Int8), ("log_cnt", SqlType::Int8), ("is_called", SqlType::Bool)].iter().enumerate()
        {
            rows.push(plain(sequence.oid, name, position, sql_type, -1));
        }
    }
    for relation in look.system() {
        for (position, (name, sql_type)) in relation.columns().iter().enumerate() {
            rows.push(plain(relation.oid, name, position, sql_type, -1));
        }
    }
    Ok(rows)
}

fn plain(relation: u32, name: &str, position: usize, sql_type: &SqlType, type_modifier: i32) -> Vec<Value> {
    let number = i16::try_from(position + 1).unwrap_or(i16::MAX);
    Attribute {
        relation,
        name,
        number,
        sql_type,
        type_modifier,
        not_null: false,
        has_default: false,
        identity: "",
        generated: "",
    }
    .row()
}

fn table_attributes(table: &SqlTable, rows: &mut Vec<Vec<Value>>) {
    for column in &table.columns {
        let (identity, generated) = match &column.generation {
            None => ("", ""),
            Some(ColumnGeneration::Stored(_)) => ("", "s"),
            Some(ColumnGeneration::IdentityAlways(_)) => ("a", ""),
            Some(ColumnGeneration::IdentityByDefault(_)) => ("d", ""),
        };
        let attribute = Attribute {
            relation: table.oid,
            name: &column.name,
            number: column.attribute,
            sql_type: &column.sql_type,
            type_modifier: column.type_modifier,
            not_null: column.not_null,
            has_default: generation_default(column).is_some(),
            identity,
            generated,
        };
        rows.push(attribute.row());
    }
    for index in super::rows::indexes_of(table) {
        for (place, position) in index.positions.iter().enumerate() {
            let column = table.column_at(*position);
            let name = column.map_or("expr", |column| column.name.as_str());
            let sql_type = column.map_or(SqlType::Text, |column| column.sql_type.clone());
            rows.push(plain(index.oid, name, place, &sql_type, column.map_or(-1, |column| column.type_modifier)));
        }
    }
}

/// The number of a column's default: made from those of the table and the column.
pub(super) fn default_oid(table: &SqlTable, attribute: i16) -> u32 {
    0x8000_0000 | (table.oid << 11) | u32::try_from(attribute).unwrap_or(0)
}

fn defaults(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        for column in &table.columns {
            if let Some(default) = generation_default(column) {
                rows.push(vec![
                    oid(default_oid(&table, column.attribute)),
                    oid(table.oid),
                    Value::Int2(column.attribute),
                    maybe(Some(&default)),
                ]);
            }
        }
    }
    Ok(rows)
}
