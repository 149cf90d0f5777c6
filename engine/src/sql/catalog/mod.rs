//! What names mean: schemas, tables, views, sequences and types, as the transaction sees them.
//!
//! ```text
//!   object of the engine's catalogue                what SQL knows besides
//!   table "orders"        columns, keys, indexes    types with modifiers, defaults, checks, foreign keys   (`rules`)
//!   view, sequence, enum  objects of their own                                                              (`object`)
//!   "public" has the plain names; "other"."t" is the object "other.t"; the schema itself is the object "other."
//! ```
//!
//! - Everything is read through the statement's reader, so that a transaction sees its own changes and depends on what names
//!   meant; what was decoded is kept by (id, generation).
//! - An object has the number 16384 and its id; indexes, constraints and labels have numbers from the same sequence.

mod cache;
mod list;
mod object;
mod rules;
mod sequence;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use cache::CatalogCache;
pub(crate) use list::{Dependent, SqlObject};
pub(crate) use object::{
    SqlEnum, SqlSequence, SqlView, StoredEnum, StoredSchema, StoredSequence, StoredView, StoredViewColumn,
};
pub(crate) use rules::{
    ColumnRules, ForeignKeyRules, IndexRules, PrimaryKeyRules, StoredType, TableRules, column_type_of,
};
pub(crate) use sequence::SequenceState;
pub(crate) use table::{
    Check, ColumnGeneration, ForeignKey, ForeignKeyAction, IndexOrder, SqlColumn, SqlIndex, SqlTable,
};
pub(crate) use text::{quoted, string_literal};

use std::sync::Arc;

use marquetry_functions::{EnumType, SqlType};

use super::system::{self, SystemRelation};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::database::Shared;
use crate::error::{Error, Result};
use crate::kv::Reader;

/// The schema of plain names.
pub(crate) const PUBLIC: &str = "public";
/// Numbers of objects begin here, as in PostgreSQL.
const FIRST_OID: u32 = 16_384;

/// The number by which clients know an object.
pub(crate) fn oid_of(id: ObjectId) -> u32 {
    FIRST_OID.wrapping_add(id.number() as u32)
}

/// The object that clients know by `oid`.
pub(crate) fn id_of(oid: u32) -> Option<ObjectId> {
    oid.checked_sub(FIRST_OID).map(|number| ObjectId::new(u64::from(number)))
}

/// The name in the engine's catalogue of `name` in `schema`.
pub(crate) fn object_name(schema: &str, name: &str) -> String {
    if schema == PUBLIC { name.to_owned() } else { format!("{schema}.{name}") }
}

/// The name in the engine's catalogue of the schema `name`.
pub(crate) fn schema_object_name(name: &str) -> String {
    format!("{name}.")
}

/// `name` in `schema` as messages and types show it.
pub(crate) fn shown_name(schema: &str, name: &str) -> String {
    if schema == PUBLIC { quoted(name) } else { format!("{}.{}", quoted(schema), quoted(name)) }
}

/// What a name in FROM stands for.
#[derive(Debug, Clone)]
pub(crate) enum Relation {
    Table(Arc<SqlTable>),
    View(Arc<SqlView>),
    Sequence(Arc<SqlSequence>),
    /// An object of another model.
    Model(ModelRelation),
    /// A relation of `pg_catalog` or `information_schema`.
    System(SystemRelation),
}

/// A collection, bucket, cache, queue or search index.
#[derive(Debug, Clone)]
pub(crate) struct ModelRelation {
    pub(crate) oid: u32,
    pub(crate) kind: ObjectKind,
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Relation {
    pub(crate) fn oid(&self) -> u32 {
        match self {
            Relation::Table(table) => table.oid,
            Relation::View(view) => view.oid,
            Relation::Sequence(sequence) => sequence.oid,
            Relation::Model(model) => model.oid,
            Relation::System(system) => system.oid,
        }
    }
}

/// The catalogue as one reader sees it.
#[derive(Clone, Copy)]
pub(crate) struct Catalog<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) reader: &'a dyn Reader,
}

impl std::fmt::Debug for Catalog<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the catalogue at version {}", self.reader.version())
    }
}

impl<'a> Catalog<'a> {
    pub(crate) fn new(shared: &'a Arc<Shared>, reader: &'a dyn Reader) -> Self {
        Catalog { shared, reader }
    }

    fn cache(&self) -> &'a CatalogCache {
        &self.shared.sql_catalog
    }

    /// What `name` stands for: in `schema`, or in the first schema of `search_path` that has it; the system's come first.
    pub(crate) fn relation(
        &self,
        schema: Option<&str>,
        name: &str,
        search_path: &[String],
    ) -> Result<Option<Relation>> {
        if let Some(schema) = schema {
            return self.relation_in(schema, name);
        }
        let is_named = search_path.iter().any(|schema| schema == system::PG_CATALOG);
        let first = (!is_named).then_some(system::PG_CATALOG);
        for schema in first.into_iter().chain(search_path.iter().map(String::as_str)) {
            if let Some(found) = self.relation_in(schema, name)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// What `name` stands for in `schema`.
    pub(crate) fn relation_in(&self, schema: &str, name: &str) -> Result<Option<Relation>> {
        if system::is_system_schema(schema) {
            return Ok(system::relation(schema, name).map(Relation::System));
        }
        match self.object(schema, name)? {
            Some(entry) => self.open_relation(schema, name, &entry),
            None => Ok(None),
        }
    }

    /// The object `name` in `schema`, whatever its kind.
    pub(crate) fn object(&self, schema: &str, name: &str) -> Result<Option<Entry>> {
        if schema == PUBLIC
            && let Some((prefix, _)) = name.split_once('.')
            && self.has_schema(prefix)?
        {
            return Ok(None);
        }
        catalog::get(self.reader, &object_name(schema, name))
    }

    fn open_relation(&self, schema: &str, name: &str, entry: &Entry) -> Result<Option<Relation>> {
        Ok(Some(match entry.kind {
            ObjectKind::Table => Relation::Table(self.open_table(schema, name, entry)?),
            ObjectKind::View => Relation::View(self.open_view(schema, name, entry)?),
            ObjectKind::Sequence => Relation::Sequence(self.open_sequence(schema, name, entry)?),
            ObjectKind::Type | ObjectKind::Schema => return Ok(None),
            ObjectKind::Collection
            | ObjectKind::Bucket
            | ObjectKind::Cache
            | ObjectKind::SearchIndex
            | ObjectKind::Queue => Relation::Model(ModelRelation {
                oid: oid_of(entry.id),
                kind: entry.kind,
                schema: schema.to_owned(),
                name: name.to_owned(),
            }),
        }))
    }

    fn open_table(&self, schema: &str, name: &str, entry: &Entry) -> Result<Arc<SqlTable>> {
        let open = |_: &[u8]| {
            let rows = self.shared.tables.open_schema(&object_name(schema, name), entry)?;
            TableRules::of(&rows)?.open(schema, name, &rows, &|oid| self.enumeration(oid))
        };
        let known = self.cache().tables.decode(entry, open)?;
        // A schema that comes or goes changes what the same stored name is called.
        match known.schema == schema && known.name == name {
            true => Ok(known),
            false => open(&[]).map(Arc::new),
        }
    }

    fn open_view(&self, schema: &str, name: &str, entry: &Entry) -> Result<Arc<SqlView>> {
        self.cache().views.decode(entry, |bytes| {
            StoredView::decode(bytes)?.open(entry.id, schema, name, &|oid| self.enumeration(oid))
        })
    }

    fn open_sequence(&self, schema: &str, name: &str, entry: &Entry) -> Result<Arc<SqlSequence>> {
        self.cache().sequences.decode(entry, |bytes| Ok(StoredSequence::decode(bytes)?.open(entry.id, schema, name)))
    }

    fn open_enum(&self, schema: &str, name: &str, entry: &Entry) -> Result<Arc<SqlEnum>> {
        self.cache().enums.decode(entry, |bytes| Ok(StoredEnum::decode(bytes)?.open(entry.id, schema, name)))
    }

    /// The enumerated type that has to be known by `oid`.
    fn enumeration(&self, oid: u32) -> Result<Arc<EnumType>> {
        let found = self.enum_by_oid(oid)?.map(|found| found.enumeration.clone());
        found
            .ok_or_else(|| Error::corrupt(format!("a column has the type {oid}, which is gone; restore from a backup")))
    }

    /// The enumerated type that is known by `oid`.
    pub(crate) fn enum_by_oid(&self, oid: u32) -> Result<Option<Arc<SqlEnum>>> {
        match self.entry_by_oid(oid)? {
            Some((schema, name, entry)) if entry.kind == ObjectKind::Type => {
                self.open_enum(&schema, &name, &entry).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The enumerated type `name` in `schema`.
    pub(crate) fn enum_in(&self, schema: &str, name: &str) -> Result<Option<Arc<SqlEnum>>> {
        match self.object(schema, name)? {
            Some(entry) if entry.kind == ObjectKind::Type => self.open_enum(schema, name, &entry).map(Some),
            _ => Ok(None),
        }
    }

    /// The object that is known by `oid`: its schema, name and entry.
    pub(crate) fn entry_by_oid(&self, oid: u32) -> Result<Option<(String, String, Entry)>> {
        let Some(id) = id_of(oid) else { return Ok(None) };
        let Some(stored_name) = catalog::name_of(self.reader, id)? else { return Ok(None) };
        match catalog::get(self.reader, &stored_name)? {
            Some(entry) if entry.id == id => {
                let (schema, name) = self.split_name(&stored_name)?;
                Ok(Some((schema, name, entry)))
            }
            _ => Ok(None),
        }
    }

    /// The relation that is known by `oid`.
    pub(crate) fn relation_by_oid(&self, oid: u32) -> Result<Option<Relation>> {
        if let Some(found) = system::relation_by_oid(oid) {
            return Ok(Some(Relation::System(found)));
        }
        match self.entry_by_oid(oid)? {
            Some((schema, name, entry)) => self.open_relation(&schema, &name, &entry),
            None => Ok(None),
        }
    }

    /// The table with the id `id`.
    pub(crate) fn table_by_id(&self, id: ObjectId) -> Result<Option<Arc<SqlTable>>> {
        match self.relation_by_oid(oid_of(id))? {
            Some(Relation::Table(table)) => Ok(Some(table)),
            _ => Ok(None),
        }
    }

    /// The schema and name of the object that the engine's catalogue calls `stored_name`.
    fn split_name(&self, stored_name: &str) -> Result<(String, String)> {
        match stored_name.split_once('.') {
            Some((schema, name)) if self.has_schema(schema)? => Ok((schema.to_owned(), name.to_owned())),
            _ => Ok((PUBLIC.to_owned(), stored_name.to_owned())),
        }
    }

    /// Whether there is a schema `name`.
    pub(crate) fn has_schema(&self, name: &str) -> Result<bool> {
        if name == PUBLIC || system::is_system_schema(name) {
            return Ok(true);
        }
        let entry = catalog::get(self.reader, &schema_object_name(name))?;
        Ok(entry.is_some_and(|entry| entry.kind == ObjectKind::Schema))
    }

    /// The number of the schema `name`.
    pub(crate) fn schema_oid(&self, name: &str) -> Result<Option<u32>> {
        if let Some(oid) = system::schema_oid(name) {
            return Ok(Some(oid));
        }
        let entry = catalog::get(self.reader, &schema_object_name(name))?;
        Ok(entry.filter(|entry| entry.kind == ObjectKind::Schema).map(|entry| oid_of(entry.id)))
    }

    /// The type that a user made and called `name`; `_name` is the array of it. Without a schema, of any, `public` first.
    pub(crate) fn type_by_name(&self, schema: Option<&str>, name: &str) -> Result<Option<SqlType>> {
        if let Some(found) = self.made_type(schema, name)? {
            return Ok(Some(found));
        }
        match name.strip_prefix('_') {
            Some(element) => Ok(self.made_type(schema, element)?.map(SqlType::array_of)),
            None => Ok(None),
        }
    }

    fn made_type(&self, schema: Option<&str>, name: &str) -> Result<Option<SqlType>> {
        if let Some(found) = self.enum_in(schema.unwrap_or(PUBLIC), name)? {
            return Ok(Some(SqlType::Enum(found.enumeration.clone())));
        }
        if schema.is_some() {
            return Ok(None);
        }
        for schema in self.made_schemas()? {
            if let Some(found) = self.enum_in(&schema, name)? {
                return Ok(Some(SqlType::Enum(found.enumeration.clone())));
            }
        }
        Ok(None)
    }

    /// The type, built-in or made by a user, that is known by `oid`.
    pub(crate) fn type_by_oid(&self, oid: u32) -> Result<Option<SqlType>> {
        if let Some(builtin) = SqlType::from_oid(oid) {
            return Ok(Some(builtin));
        }
        if let Some(found) = self.enum_by_oid(oid)? {
            return Ok(Some(SqlType::Enum(found.enumeration.clone())));
        }
        let enums = self.enums()?;
        let found = enums.iter().find(|found| found.enumeration.array_oid == oid);
        Ok(found.map(|found| SqlType::Enum(found.enumeration.clone()).array_of()))
    }
}
