//! Objects of SQL that are no tables: views, types, sequences, schemas, as they are stored and as they are known.

use std::sync::Arc;

use marquetry_functions::{EnumType, SqlType};
use serde::{Deserialize, Serialize};

use super::rules::StoredType;
use super::{oid_of, shown_name};
use crate::catalog::ObjectId;
use crate::encoding::record;
use crate::error::Result;

/// Format of the definitions of views.
const SQL_VIEW_FORMAT: u8 = 1;
/// Format of the definitions of types.
const SQL_TYPE_FORMAT: u8 = 1;
/// Format of the definitions of sequences.
const SQL_SEQUENCE_FORMAT: u8 = 1;
/// Format of the definitions of schemas.
const SQL_SCHEMA_FORMAT: u8 = 1;

macro_rules! stored {
    ($($name:ident $format:ident $what:literal;)*) => {
        $(impl $name {
            pub(crate) fn encode(&self) -> Result<Vec<u8>> {
                record::encode($format, self)
            }

            pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
                record::decode($format, bytes, $what)
            }
        })*
    };
}

stored! {
    StoredView SQL_VIEW_FORMAT "the definition of a view";
    StoredEnum SQL_TYPE_FORMAT "the definition of a type";
    StoredSequence SQL_SEQUENCE_FORMAT "the definition of a sequence";
    StoredSchema SQL_SCHEMA_FORMAT "the definition of a schema";
}

/// A view as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredView {
    pub(crate) query: String,
    pub(crate) columns: Vec<StoredViewColumn>,
    /// Ids of the objects that the query reads.
    pub(crate) depends: Vec<u64>,
    pub(crate) comment: Option<String>,
}

/// A column of a view as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredViewColumn {
    pub(crate) name: String,
    pub(crate) stored_type: StoredType,
    pub(crate) type_modifier: i32,
    pub(crate) comment: Option<String>,
}

/// A view.
#[derive(Debug)]
pub(crate) struct SqlView {
    pub(crate) id: ObjectId,
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    /// The text of the query.
    pub(crate) query: String,
    /// The names of its columns.
    pub(crate) columns: Vec<String>,
    /// The types of its columns, with modifiers, and comments.
    pub(crate) column_types: Vec<(SqlType, i32, Option<String>)>,
    pub(crate) depends: Vec<ObjectId>,
    pub(crate) comment: Option<String>,
}

impl StoredView {
    pub(crate) fn open(
        self,
        id: ObjectId,
        schema: &str,
        name: &str,
        enumeration: &dyn Fn(u32) -> Result<Arc<EnumType>>,
    ) -> Result<SqlView> {
        let columns = self.columns.iter().map(|column| column.name.clone()).collect();
        let column_types = self.columns.into_iter().map(|column| {
            let sql_type = column.stored_type.open(column.type_modifier, enumeration)?;
            Ok((sql_type, column.type_modifier, column.comment))
        });
        Ok(SqlView {
            id,
            oid: oid_of(id),
            schema: schema.to_owned(),
            name: name.to_owned(),
            query: self.query,
            columns,
            column_types: column_types.collect::<Result<_>>()?,
            depends: self.depends.into_iter().map(ObjectId::new).collect(),
            comment: self.comment,
        })
    }
}

/// An enumerated type as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredEnum {
    pub(crate) array_oid: u32,
    /// The labels in order, each with its number.
    pub(crate) labels: Vec<(u32, String)>,
    pub(crate) comment: Option<String>,
}

/// An enumerated type.
#[derive(Debug)]
pub(crate) struct SqlEnum {
    pub(crate) id: ObjectId,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) enumeration: Arc<EnumType>,
    /// The numbers of the labels, in their order.
    pub(crate) label_oids: Vec<u32>,
    pub(crate) comment: Option<String>,
}

impl StoredEnum {
    pub(crate) fn open(self, id: ObjectId, schema: &str, name: &str) -> SqlEnum {
        let (label_oids, labels) = self.labels.into_iter().unzip();
        let shown = shown_name(schema, name);
        SqlEnum {
            id,
            schema: schema.to_owned(),
            name: name.to_owned(),
            enumeration: Arc::new(EnumType { oid: oid_of(id), array_oid: self.array_oid, name: shown, labels }),
            label_oids,
            comment: self.comment,
        }
    }
}

/// A sequence as it is stored; the number that comes next is in `sequence`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredSequence {
    pub(crate) data_type: StoredType,
    pub(crate) start: i64,
    pub(crate) increment: i64,
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    pub(crate) cache: i64,
    pub(crate) is_cycle: bool,
    /// The table and the number of the column that it belongs to.
    pub(crate) owner: Option<(u64, u32)>,
    /// Whether it is the column's identity.
    pub(crate) is_identity: bool,
    pub(crate) comment: Option<String>,
}

/// A sequence.
#[derive(Debug)]
pub(crate) struct SqlSequence {
    pub(crate) id: ObjectId,
    pub(crate) oid: u32,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) definition: StoredSequence,
}

impl StoredSequence {
    pub(crate) fn open(self, id: ObjectId, schema: &str, name: &str) -> SqlSequence {
        SqlSequence { id, oid: oid_of(id), schema: schema.to_owned(), name: name.to_owned(), definition: self }
    }
}

/// A schema as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct StoredSchema {
    pub(crate) comment: Option<String>,
}
