//! The system's own relations: `pg_catalog` and `information_schema`, made from the catalogue whenever they are read.

use arrow::record_batch::RecordBatch;
use marquetry_functions::SqlType;

use super::catalog::Catalog;
use crate::error::Result;

/// The schema of the system's own types, functions and relations.
pub(crate) const PG_CATALOG: &str = "pg_catalog";
/// The schema of the standard's views of the catalogue.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// A relation whose rows are made when it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemRelation {
    pub(crate) oid: u32,
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    pub(crate) columns: fn() -> Vec<(String, SqlType)>,
    pub(crate) batch: fn(&Catalog<'_>) -> Result<RecordBatch>,
}

static RELATIONS: &[SystemRelation] = &[];

/// Whether `schema` is the system's.
pub(crate) fn is_system_schema(schema: &str) -> bool {
    schema == PG_CATALOG || schema == INFORMATION_SCHEMA
}

/// The number of a schema that is always there.
pub(crate) fn schema_oid(name: &str) -> Option<u32> {
    match name {
        PG_CATALOG => Some(11),
        super::catalog::PUBLIC => Some(2200),
        INFORMATION_SCHEMA => Some(13_000),
        _ => None,
    }
}

/// The system's relation `name` in `schema`.
pub(crate) fn relation(schema: &str, name: &str) -> Option<SystemRelation> {
    RELATIONS.iter().find(|relation| relation.schema == schema && relation.name == name).copied()
}

/// The system's relation with the number `oid`.
pub(crate) fn relation_by_oid(oid: u32) -> Option<SystemRelation> {
    RELATIONS.iter().find(|relation| relation.oid == oid).copied()
}
