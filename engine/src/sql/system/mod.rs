//! The system's own relations and functions: `pg_catalog` and `information_schema`, made from the catalogue when they are read.
//!
//! ```text
//!   relation   names and types of columns, and a function that makes the rows from what the reader sees
//!   function   what clients call to have the catalogue told as text: pg_get_indexdef, format_type, to_regclass ...
//! ```
//!
//! - Numbers of the relations and types are PostgreSQL's, so that clients that know them by heart find what they look for.
//! - There is one user, `marquetry`, number 10, who owns everything and may do everything; and one database, number 1.
//! - What is not offered here is a relation without rows: triggers, policies, publications, inheritance.

mod attribute;
mod bridge;
mod class;
mod constraint;
mod dependence;
mod empty;
mod function;
mod information;
mod lookup;
mod numbers;
mod routine;
mod rows;
mod server;
mod text;
mod types;
mod view;

use arrow::array::ArrayRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use marquetry_functions::{Function, SqlType};

use super::catalog::Catalog;
use super::execute::array_of;
use super::session::SessionContext;
use crate::error::Result;
use crate::table::Value;

/// The schema of the system's own types, functions and relations.
pub(crate) const PG_CATALOG: &str = "pg_catalog";
/// The schema of the standard's views of the catalogue.
pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";
/// The number of the schema `pg_catalog`.
const PG_CATALOG_OID: u32 = 11;
/// The number of the schema `public`.
const PUBLIC_OID: u32 = 2200;
/// The number of the schema `information_schema`.
const INFORMATION_SCHEMA_OID: u32 = 13_000;
/// The number of the one user.
const OWNER_OID: u32 = 10;
/// The number of the one database.
const DATABASE_OID: u32 = 1;

/// What the rows of a system relation are made from.
pub(crate) struct Look<'a> {
    pub(crate) catalog: &'a Catalog<'a>,
    pub(crate) session: &'a SessionContext,
}

/// A relation whose rows are made when it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemRelation {
    pub(crate) oid: u32,
    pub(crate) schema: &'static str,
    pub(crate) name: &'static str,
    /// `name type, ...`
    columns: &'static str,
    rows: fn(&Look<'_>) -> Result<Vec<Vec<Value>>>,
}

impl SystemRelation {
    /// The names and types of the columns.
    pub(crate) fn columns(&self) -> Vec<(String, SqlType)> {
        let column = |text: &str| {
            let (name, type_name) = text.trim().split_once(' ').unwrap_or((text, "text"));
            (name.to_owned(), SqlType::by_name(type_name).unwrap_or(SqlType::Text))
        };
        self.columns.split(',').map(column).collect()
    }

    /// All rows.
    pub(crate) fn batch(&self, look: &Look<'_>) -> Result<RecordBatch> {
        let columns = self.columns();
        let rows = (self.rows)(look)?;
        let arrays = columns.iter().enumerate().map(|(position, (name, sql_type))| {
            let values: Vec<&Value> = rows.iter().map(|row| row.get(position).unwrap_or(&Value::Null)).collect();
            let array = array_of(values.into_iter(), sql_type)?;
            Ok((name.clone(), array, true))
        });
        let arrays: Vec<(String, ArrayRef, bool)> = arrays.collect::<Result<_>>()?;
        let fields: Vec<_> = arrays
            .iter()
            .map(|(name, array, _)| arrow::datatypes::Field::new(name, array.data_type().clone(), true))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = std::sync::Arc::new(arrow::datatypes::Schema::new(fields));
        let arrays = arrays.into_iter().map(|(_, array, _)| array).collect();
        RecordBatch::try_new_with_options(schema, arrays, &options)
            .map_err(|error| super::failure::from_datafusion(error.into()))
    }
}

/// All relations.
fn relations() -> impl Iterator<Item = &'static SystemRelation> {
    [
        class::RELATIONS,
        attribute::RELATIONS,
        types::RELATIONS,
        constraint::RELATIONS,
        dependence::RELATIONS,
        server::RELATIONS,
        routine::RELATIONS,
        view::RELATIONS,
        empty::RELATIONS,
        information::RELATIONS,
    ]
    .into_iter()
    .flatten()
}

/// Whether `schema` is the system's.
pub(crate) fn is_system_schema(schema: &str) -> bool {
    schema == PG_CATALOG || schema == INFORMATION_SCHEMA
}

/// The number of a schema that is always there.
pub(crate) fn schema_oid(name: &str) -> Option<u32> {
    match name {
        PG_CATALOG => Some(PG_CATALOG_OID),
        super::catalog::PUBLIC => Some(PUBLIC_OID),
        INFORMATION_SCHEMA => Some(INFORMATION_SCHEMA_OID),
        _ => None,
    }
}

/// The system's relation `name` in `schema`.
pub(crate) fn relation(schema: &str, name: &str) -> Option<SystemRelation> {
    relations().find(|relation| relation.schema == schema && relation.name == name).copied()
}

/// The system's relation with the number `oid`.
pub(crate) fn relation_by_oid(oid: u32) -> Option<SystemRelation> {
    relations().find(|relation| relation.oid == oid).copied()
}

/// The functions that tell of the catalogue and of sequences.
pub(crate) fn functions() -> Vec<Function> {
    [function::functions(), lookup::functions(), numbers::functions()].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_has_a_number_and_columns_of_its_own() {
        let mut oids = std::collections::HashSet::new();
        for relation in relations() {
            assert!(oids.insert(relation.oid), "{} has the number of another", relation.name);
            let mut names = std::collections::HashSet::new();
            for part in relation.columns.split(',') {
                let (name, type_name) = part.trim().split_once(' ').unwrap_or((part, ""));
                assert!(names.insert(name.to_owned()), "{}.{name} is there twice", relation.name);
                assert!(SqlType::by_name(type_name).is_some(), "{}.{name}: no type {type_name:?}", relation.name);
            }
        }
    }

    #[test]
    fn every_relation_can_be_read() {
        let database = crate::Database::in_memory().unwrap();
        let mut session = database.session().unwrap();
        for sql in [
            "CREATE SCHEMA app",
            "CREATE TYPE mood AS ENUM ('sad', 'happy')",
            "CREATE TABLE app.t (id serial PRIMARY KEY, m mood[] NOT NULL, n numeric(10, 2) DEFAULT 1 CHECK (n > 0))",
            "CREATE TABLE u (t int REFERENCES app.t ON DELETE CASCADE, v varchar(3) UNIQUE)",
            "CREATE INDEX i ON u (lower(v) DESC) WHERE t > 1",
            "CREATE VIEW v AS SELECT id FROM app.t",
            "COMMENT ON TABLE u IS 'words'",
        ] {
            session.run(sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        let snapshot = database.snapshot().unwrap();
        let catalog = Catalog::new(&database.shared, &snapshot.inner);
        let context = SessionContext::new(1, &database.shared);
        let look = Look { catalog: &catalog, session: &context };
        for relation in relations() {
            let columns = relation.columns().len();
            for row in (relation.rows)(&look).unwrap() {
                assert!(row.len() <= columns, "{} has a row of {} values", relation.name, row.len());
            }
            relation.batch(&look).unwrap_or_else(|error| panic!("{}: {error:?}", relation.name));
        }
    }
}
