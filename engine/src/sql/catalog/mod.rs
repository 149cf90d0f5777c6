//! What names mean: schemas, tables, views, sequences and types, as the transaction sees them.
//!
//! ```text
//!   object of the engine's catalogue                what SQL knows besides
//!   table "orders"        columns, keys, indexes    types with modifiers, defaults, checks, foreign keys   (in its definition)
//!   view, sequence, enum  objects of their own
//!   "public" has the plain names; "other"."t" is the object "other.t"
//! ```

mod table;

pub(crate) use table::{Check, ColumnGeneration, ForeignKey, ForeignKeyAction, SqlColumn, SqlIndex, SqlTable};

pub(crate) struct Catalog<'a> {
    _r: &'a dyn crate::kv::Reader,
}
pub(crate) struct SqlView {
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) columns: Vec<String>,
}
pub(crate) enum Relation {
    Table(std::sync::Arc<SqlTable>),
    View(std::sync::Arc<SqlView>),
    Other,
}
impl<'a> Catalog<'a> {
    pub(crate) fn new(_s: &std::sync::Arc<crate::database::Shared>, r: &'a dyn crate::kv::Reader) -> Self {
        Catalog { _r: r }
    }
    pub(crate) fn relation(&self, _s: Option<&str>, _n: &str, _p: &[String]) -> crate::error::Result<Option<Relation>> {
        Ok(None)
    }
    pub(crate) fn type_by_name(
        &self,
        _s: Option<&str>,
        _n: &str,
    ) -> crate::error::Result<Option<marquetry_functions::SqlType>> {
        Ok(None)
    }
    pub(crate) fn type_by_oid(&self, _n: u32) -> crate::error::Result<Option<marquetry_functions::SqlType>> {
        Ok(None)
    }
}
