//! Everything that there is, and what rests on what.

use std::collections::BTreeSet;
use std::sync::Arc;

use marquetry_functions::SqlType;

use super::object::{SqlEnum, SqlSequence, SqlView};
use super::table::SqlTable;
use super::{Catalog, ModelRelation, PUBLIC, Relation, oid_of, quoted};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::error::Result;

/// An object of the catalogue.
#[derive(Debug, Clone)]
pub(crate) enum SqlObject {
    Table(Arc<SqlTable>),
    View(Arc<SqlView>),
    Sequence(Arc<SqlSequence>),
    Enum(Arc<SqlEnum>),
    Model(ModelRelation),
}

/// What cannot be without something else.
#[derive(Debug, Clone)]
pub(crate) enum Dependent {
    View(Arc<SqlView>),
    /// The foreign key of this name of the table.
    ForeignKey(Arc<SqlTable>, String),
    /// The column of this name of the table.
    Column(Arc<SqlTable>, String),
    /// The default of the column of this name of the table.
    Default(Arc<SqlTable>, String),
}

impl Dependent {
    /// How messages call it.
    pub(crate) fn shown(&self) -> String {
        let relation = |schema: &str, name: &str| super::shown_name(schema, name);
        match self {
            Dependent::View(view) => format!("view {}", relation(&view.schema, &view.name)),
            Dependent::ForeignKey(table, name) => {
                format!("constraint {} on table {}", quoted(name), relation(&table.schema, &table.name))
            }
            Dependent::Column(table, name) => {
                format!("column {} of table {}", quoted(name), relation(&table.schema, &table.name))
            }
            Dependent::Default(table, name) => {
                format!("default value for column {} of table {}", quoted(name), relation(&table.schema, &table.name))
            }
        }
    }
}

impl Catalog<'_> {
    /// The schemas that users made, by name.
    pub(crate) fn made_schemas(&self) -> Result<Vec<String>> {
        let schemas = catalog::list(self.reader, Some(ObjectKind::Schema))?;
        Ok(schemas.into_iter().map(|(name, _)| name.trim_end_matches('.').to_owned()).collect())
    }

    /// Every object but schemas: its schema, name and entry.
    pub(crate) fn entries(&self) -> Result<Vec<(String, String, Entry)>> {
        let entries = catalog::list(self.reader, None)?;
        let schemas: BTreeSet<String> = entries
            .iter()
            .filter(|(_, entry)| entry.kind == ObjectKind::Schema)
            .map(|(name, _)| name.trim_end_matches('.').to_owned())
            .collect();
        let split = |(stored, entry): (String, Entry)| match stored.split_once('.') {
            Some((schema, name)) if schemas.contains(schema) => (schema.to_owned(), name.to_owned(), entry),
            _ => (PUBLIC.to_owned(), stored, entry),
        };
        Ok(entries.into_iter().filter(|(_, entry)| entry.kind != ObjectKind::Schema).map(split).collect())
    }

    /// Every object but schemas.
    pub(crate) fn objects(&self) -> Result<Vec<SqlObject>> {
        let mut objects = Vec::new();
        for (schema, name, entry) in self.entries()? {
            objects.push(match entry.kind {
                ObjectKind::Type => SqlObject::Enum(self.open_enum(&schema, &name, &entry)?),
                _ => match self.open_relation(&schema, &name, &entry)? {
                    Some(Relation::Table(table)) => SqlObject::Table(table),
                    Some(Relation::View(view)) => SqlObject::View(view),
                    Some(Relation::Sequence(sequence)) => SqlObject::Sequence(sequence),
                    Some(Relation::Model(model)) => SqlObject::Model(model),
                    Some(Relation::System(_)) | None => continue,
                },
            });
        }
        Ok(objects)
    }

    /// Every table.
    pub(crate) fn tables(&self) -> Result<Vec<Arc<SqlTable>>> {
        let table = |object| match object {
            SqlObject::Table(table) => Some(table),
            _ => None,
        };
        Ok(self.objects()?.into_iter().filter_map(table).collect())
    }

    /// Every enumerated type.
    pub(crate) fn enums(&self) -> Result<Vec<Arc<SqlEnum>>> {
        let found = |object| match object {
            SqlObject::Enum(found) => Some(found),
            _ => None,
        };
        Ok(self.objects()?.into_iter().filter_map(found).collect())
    }

    /// The table that has an index `name` in `schema`.
    pub(crate) fn table_of_index(&self, schema: &str, name: &str) -> Result<Option<Arc<SqlTable>>> {
        let has_it = |table: &Arc<SqlTable>| {
            table.schema == schema
                && (table.indexes.iter().any(|index| index.name == name)
                    || table.primary_key_name.as_deref() == Some(name))
        };
        Ok(self.tables()?.into_iter().find(has_it))
    }

    /// Whether a relation or an index in `schema` is called `name`.
    pub(crate) fn is_relation_name_taken(&self, schema: &str, name: &str) -> Result<bool> {
        Ok(self.object(schema, name)?.is_some() || self.table_of_index(schema, name)?.is_some())
    }

    /// What cannot be without the relation or type `id`, beside what belongs to it.
    pub(crate) fn dependents(&self, id: ObjectId) -> Result<Vec<Dependent>> {
        let mut found = Vec::new();
        for object in self.objects()? {
            match object {
                SqlObject::View(view) if view.depends.contains(&id) => found.push(Dependent::View(view)),
                SqlObject::Table(table) => {
                    if table.id != id {
                        let keys = table.foreign_keys.iter().filter(|key| key.referenced == id);
                        found.extend(keys.map(|key| Dependent::ForeignKey(table.clone(), key.name.clone())));
                    }
                    let has_type = |sql_type: &SqlType| match sql_type {
                        SqlType::Array(element) => element.oid() == oid_of(id),
                        other => other.oid() == oid_of(id),
                    };
                    let columns = table.columns.iter().filter(|column| has_type(&column.sql_type));
                    found.extend(columns.map(|column| Dependent::Column(table.clone(), column.name.clone())));
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// The sequences that belong to columns of the table `id`, with the columns' numbers.
    pub(crate) fn sequences_of(&self, id: ObjectId) -> Result<Vec<(u32, Arc<SqlSequence>)>> {
        let owned = |object| match object {
            SqlObject::Sequence(sequence) => match sequence.definition.owner {
                Some((table, column)) if table == id.number() => Some((column, sequence)),
                _ => None,
            },
            _ => None,
        };
        Ok(self.objects()?.into_iter().filter_map(owned).collect())
    }
}
