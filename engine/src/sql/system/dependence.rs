//! What rests on what, and what was said of it: pg_depend, pg_description.

use super::rows::{oid, text};
use super::{Look, PG_CATALOG, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::SqlObject;
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 2608,
        schema: PG_CATALOG,
        name: "pg_depend",
        columns: "classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, refobjsubid int4, deptype char",
        rows: dependences,
    },
    SystemRelation {
        oid: 2609,
        schema: PG_CATALOG,
        name: "pg_description",
        columns: "objoid oid, classoid oid, objsubid int4, description text",
        rows: descriptions,
    },
];

/// The number of pg_class, which says that an object is a relation.
pub(super) const CLASS: u32 = 1259;
const TYPE: u32 = 1247;
const CONSTRAINT: u32 = 2606;
const ATTRIBUTE_DEFAULT: u32 = 2604;
const NAMESPACE: u32 = 2615;

fn dependence(object: (u32, u32, i16), on: (u32, u32, i16), kind: &str) -> Vec<Value> {
    vec![
        oid(object.0),
        oid(object.1),
        Value::Int4(i32::from(object.2)),
        oid(on.0),
        oid(on.1),
        Value::Int4(i32::from(on.2)),
        text(kind),
    ]
}

fn dependences(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for sequence in look.sequences()? {
        let Some((table, number)) = sequence.definition.owner else { continue };
        let Some(table) = look.catalog.table_by_id(crate::catalog::ObjectId::new(table))? else { continue };
        let Some(column) = table.columns.iter().find(|column| column.number == number) else { continue };
        let kind = if sequence.definition.is_identity { "i" } else { "a" };
        rows.push(dependence((CLASS, sequence.oid, 0), (CLASS, table.oid, column.attribute), kind));
        let default = super::attribute::default_oid(&table, column.attribute);
        if column.default.is_some() {
            rows.push(dependence((ATTRIBUTE_DEFAULT, default, 0), (CLASS, sequence.oid, 0), "n"));
        }
    }
    for view in look.views()? {
        for id in &view.depends {
            rows.push(dependence((CLASS, view.oid, 0), (CLASS, crate::sql::catalog::oid_of(*id), 0), "n"));
        }
    }
    for table in look.tables()? {
        for key in &table.foreign_keys {
            let referenced = crate::sql::catalog::oid_of(key.referenced);
            rows.push(dependence((CONSTRAINT, key.oid, 0), (CLASS, referenced, 0), "n"));
        }
    }
    Ok(rows)
}

/// All comments: number, class, number of the column or 0, text.
pub(super) fn comments(look: &Look<'_>) -> Result<Vec<(u32, u32, i16, String)>> {
    let mut found = Vec::new();
    let mut note = |number: u32, class: u32, column: i16, comment: &Option<String>| {
        if let Some(comment) = comment {
            found.push((number, class, column, comment.clone()));
        }
    };
    for object in look.catalog.objects()? {
        match object {
            SqlObject::Table(table) => {
                note(table.oid, CLASS, 0, &table.comment);
                table.columns.iter().for_each(|column| note(table.oid, CLASS, column.attribute, &column.comment));
                table.indexes.iter().for_each(|index| note(index.oid, CLASS, 0, &index.comment));
                table.checks.iter().for_each(|check| note(check.oid, CONSTRAINT, 0, &check.comment));
                table.foreign_keys.iter().for_each(|key| note(key.oid, CONSTRAINT, 0, &key.comment));
            }
            SqlObject::View(view) => {
                note(view.oid, CLASS, 0, &view.comment);
                for (place, (_, _, comment)) in view.column_types.iter().enumerate() {
                    note(view.oid, CLASS, i16::try_from(place + 1).unwrap_or(i16::MAX), comment);
                }
            }
            SqlObject::Sequence(sequence) => note(sequence.oid, CLASS, 0, &sequence.definition.comment),
            SqlObject::Enum(mood) => note(mood.enumeration.oid, TYPE, 0, &mood.comment),
            SqlObject::Model(_) => {}
        }
    }
    for (name, entry) in crate::catalog::list(look.catalog.reader, Some(crate::catalog::ObjectKind::Schema))? {
        let stored = crate::sql::catalog::StoredSchema::decode(&entry.definition)?;
        let number = look.catalog.schema_oid(name.trim_end_matches('.'))?.unwrap_or(0);
        note(number, NAMESPACE, 0, &stored.comment);
    }
    Ok(found)
}

fn descriptions(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |(number, class, column, comment): (u32, u32, i16, String)| {
        vec![oid(number), oid(class), Value::Int4(i32::from(column)), text(comment)]
    };
    Ok(comments(look)?.into_iter().map(row).collect())
}
