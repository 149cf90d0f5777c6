//! What rows of the system's relations are made of.

use std::sync::Arc;

use crate::catalog::ObjectKind;
use crate::error::Result;
use crate::sql::catalog::{PUBLIC, SqlIndex, SqlObject, SqlSequence, SqlTable, SqlView, oid_of};
use crate::table::Value;

use super::{INFORMATION_SCHEMA, INFORMATION_SCHEMA_OID, Look, PG_CATALOG, PG_CATALOG_OID, PUBLIC_OID, SystemRelation};

/// A number of an object.
pub(super) fn oid(number: u32) -> Value {
    Value::Int8(i64::from(number))
}

/// A name, or text.
pub(super) fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// Text, or NULL.
pub(super) fn maybe(text: Option<&String>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.clone()))
}

pub(super) fn int2(number: usize) -> Value {
    Value::Int2(i16::try_from(number).unwrap_or(i16::MAX))
}

pub(super) fn yes_or_no(yes: bool) -> Value {
    text(if yes { "YES" } else { "NO" })
}

/// An array of small numbers.
pub(super) fn int2s(numbers: impl IntoIterator<Item = i16>) -> Value {
    Value::Array(numbers.into_iter().map(Value::Int2).collect())
}

/// An array of numbers of objects.
pub(super) fn oids(numbers: impl IntoIterator<Item = u32>) -> Value {
    Value::Array(numbers.into_iter().map(oid).collect())
}

/// A schema as the catalogue lists it.
pub(super) struct SchemaRow {
    pub(super) oid: u32,
    pub(super) name: String,
}

impl Look<'_> {
    /// All schemas.
    pub(super) fn schemas(&self) -> Result<Vec<SchemaRow>> {
        let known = [(PG_CATALOG_OID, PG_CATALOG), (PUBLIC_OID, PUBLIC), (INFORMATION_SCHEMA_OID, INFORMATION_SCHEMA)];
        let mut schemas: Vec<SchemaRow> =
            known.into_iter().map(|(oid, name)| SchemaRow { oid, name: name.to_owned() }).collect();
        for (name, entry) in crate::catalog::list(self.catalog.reader, Some(ObjectKind::Schema))? {
            let name = name.trim_end_matches('.').to_owned();
            schemas.push(SchemaRow { oid: oid_of(entry.id), name });
        }
        Ok(schemas)
    }

    /// The number of the schema `name`.
    pub(super) fn schema(&self, name: &str) -> Result<Value> {
        Ok(oid(self.catalog.schema_oid(name)?.unwrap_or(0)))
    }

    /// The tables.
    pub(super) fn tables(&self) -> Result<Vec<Arc<SqlTable>>> {
        self.catalog.tables()
    }

    /// The views.
    pub(super) fn views(&self) -> Result<Vec<Arc<SqlView>>> {
        let view = |object| match object {
            SqlObject::View(view) => Some(view),
            _ => None,
        };
        Ok(self.catalog.objects()?.into_iter().filter_map(view).collect())
    }

    /// The sequences.
    pub(super) fn sequences(&self) -> Result<Vec<Arc<SqlSequence>>> {
        let sequence = |object| match object {
            SqlObject::Sequence(sequence) => Some(sequence),
            _ => None,
        };
        Ok(self.catalog.objects()?.into_iter().filter_map(sequence).collect())
    }

    /// The system's own relations.
    pub(super) fn system(&self) -> impl Iterator<Item = &'static SystemRelation> {
        super::relations()
    }
}

/// An index of a table, the one of its primary key among them.
pub(super) struct IndexRow<'t> {
    pub(super) oid: u32,
    pub(super) name: &'t str,
    pub(super) is_primary: bool,
    pub(super) is_unique: bool,
    pub(super) is_constraint: bool,
    pub(super) nulls_are_equal: bool,
    pub(super) positions: &'t [usize],
    /// The index itself, when it is not the primary key's.
    pub(super) index: Option<&'t SqlIndex>,
}

/// The indexes of `table`.
pub(super) fn indexes_of(table: &SqlTable) -> Vec<IndexRow<'_>> {
    let primary = table.primary_key_name.as_deref().map(|name| IndexRow {
        oid: table.primary_key_oid,
        name,
        is_primary: true,
        is_unique: true,
        is_constraint: true,
        nulls_are_equal: false,
        positions: &table.primary_key,
        index: None,
    });
    let others = table.indexes.iter().map(|index| IndexRow {
        oid: index.oid,
        name: &index.name,
        is_primary: false,
        is_unique: index.unique,
        is_constraint: index.is_constraint,
        nulls_are_equal: index.nulls_are_equal,
        positions: &index.positions,
        index: Some(index),
    });
    primary.into_iter().chain(others).collect()
}

/// The numbers by which clients know the columns at `positions`; 0 for an expression.
pub(super) fn attributes(table: &SqlTable, positions: &[usize]) -> Vec<i16> {
    positions.iter().map(|position| table.column_at(*position).map_or(0, |column| column.attribute)).collect()
}
