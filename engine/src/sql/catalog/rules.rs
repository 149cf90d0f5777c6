//! What SQL keeps with a table beside what the table model does: the extension of its definition.
//!
//! ```text
//!   layout of the table model    columns by number, keys, indexes by name          where rows are
//!   rules                        by the same numbers and names: types, texts       what they mean
//! ```
//!
//! A table without rules was made by the table model's own interface, and is a table of SQL all the same.

use std::sync::Arc;

use marquetry_functions::{EnumType, SqlType};
use serde::{Deserialize, Serialize};

use super::oid_of;
use super::table::{
    Check, ColumnGeneration, Computed, ForeignKey, ForeignKeyAction, IndexOrder, SqlColumn, SqlIndex, SqlTable,
};
use crate::catalog::ObjectId;
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::table::{ColumnDefault, ColumnType, ElementType, Schema, SchemaIndex};

/// Format of the rules of a table.
const TABLE_RULES_FORMAT: u8 = 1;
/// Numbers of the indexes of tables without rules begin here: 1,024 for a table.
const PLAIN_INDEX_OIDS: u32 = 0xC000_0000;

/// The rules of one table.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct TableRules {
    pub(crate) columns: Vec<ColumnRules>,
    pub(crate) primary_key: Option<PrimaryKeyRules>,
    pub(crate) indexes: Vec<IndexRules>,
    pub(crate) checks: Vec<Check>,
    pub(crate) foreign_keys: Vec<ForeignKeyRules>,
    /// Ids of the tables whose foreign keys refer to this one.
    pub(crate) referenced_by: Vec<u64>,
    pub(crate) next_attribute: i16,
    pub(crate) comment: Option<String>,
}

/// What SQL keeps of a column.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ColumnRules {
    pub(crate) number: u32,
    pub(crate) stored_type: StoredType,
    pub(crate) type_modifier: i32,
    pub(crate) attribute: i16,
    pub(crate) default: Option<String>,
    pub(crate) generation: Option<ColumnGeneration>,
    pub(crate) comment: Option<String>,
}

/// The declared primary key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PrimaryKeyRules {
    pub(crate) oid: u32,
    pub(crate) name: String,
}

/// What SQL keeps of an index.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct IndexRules {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) expressions: Vec<Option<String>>,
    pub(crate) orders: Vec<IndexOrder>,
    pub(crate) predicate: Option<String>,
    pub(crate) is_constraint: bool,
    pub(crate) comment: Option<String>,
}

/// A foreign key by numbers of columns.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ForeignKeyRules {
    pub(crate) oid: u32,
    pub(crate) name: String,
    pub(crate) columns: Vec<u32>,
    pub(crate) referenced: u64,
    pub(crate) referenced_columns: Vec<u32>,
    pub(crate) on_delete: ForeignKeyAction,
    pub(crate) on_update: ForeignKeyAction,
    pub(crate) is_deferrable: bool,
    pub(crate) is_initially_deferred: bool,
    pub(crate) is_full_match: bool,
    pub(crate) is_validated: bool,
    pub(crate) comment: Option<String>,
}

/// A type by its number: of an array, that of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredType {
    pub(crate) oid: u32,
    pub(crate) is_array: bool,
}

impl StoredType {
    /// The stored form of `sql_type`, whose arrays have one dimension.
    pub(crate) fn of(sql_type: &SqlType) -> Self {
        match sql_type {
            SqlType::Array(element) => StoredType { oid: element.oid(), is_array: true },
            other => StoredType { oid: other.oid(), is_array: false },
        }
    }

    /// The type, with its values held as `type_modifier` allows; `enumeration` finds those that are no built-in ones.
    pub(crate) fn open(
        self,
        type_modifier: i32,
        enumeration: &dyn Fn(u32) -> Result<Arc<EnumType>>,
    ) -> Result<SqlType> {
        let element = match SqlType::from_oid(self.oid) {
            Some(builtin) => builtin.with_modifier(type_modifier),
            None => SqlType::Enum(enumeration(self.oid)?),
        };
        Ok(if self.is_array { element.array_of() } else { element })
    }
}

/// The type by which the table model keeps values of `sql_type`; `None` for types that no column can have.
pub(crate) fn column_type_of(sql_type: &SqlType) -> Option<ColumnType> {
    Some(match sql_type {
        SqlType::Bool => ColumnType::Bool,
        SqlType::Int2 => ColumnType::Int2,
        SqlType::Int4 => ColumnType::Int4,
        SqlType::Int8
        | SqlType::Oid
        | SqlType::Regclass
        | SqlType::Regtype
        | SqlType::Regproc
        | SqlType::Regprocedure
        | SqlType::Regoper
        | SqlType::Regnamespace
        | SqlType::Regrole
        | SqlType::Xid
        | SqlType::PgLsn => ColumnType::Int8,
        SqlType::Float4 => ColumnType::Float4,
        SqlType::Float8 => ColumnType::Float8,
        SqlType::Numeric(_) => ColumnType::Numeric,
        SqlType::Text
        | SqlType::Varchar
        | SqlType::Bpchar
        | SqlType::Char
        | SqlType::Name
        | SqlType::Json
        | SqlType::Jsonpath
        | SqlType::TsVector
        | SqlType::TsQuery
        | SqlType::Enum(_) => ColumnType::Text,
        SqlType::Bytea => ColumnType::Bytea,
        SqlType::Date => ColumnType::Date,
        SqlType::Time => ColumnType::Time,
        SqlType::TimeTz => ColumnType::TimeTz,
        SqlType::Timestamp => ColumnType::Timestamp,
        SqlType::TimestampTz => ColumnType::TimestampTz,
        SqlType::Interval => ColumnType::Interval,
        SqlType::Uuid => ColumnType::Uuid,
        SqlType::Jsonb => ColumnType::Jsonb,
        SqlType::Array(element) => ColumnType::Array(column_type_of(element)?.element()?),
        SqlType::Unknown | SqlType::Void | SqlType::Record(_) => return None,
    })
}

/// The type of SQL that a column of the table model is when nothing else is said.
fn plain_type(column_type: ColumnType) -> SqlType {
    let scalar = |element: ElementType| match element {
        ElementType::Bool => SqlType::Bool,
        ElementType::Int2 => SqlType::Int2,
        ElementType::Int4 => SqlType::Int4,
        ElementType::Int8 => SqlType::Int8,
        ElementType::Float4 => SqlType::Float4,
        ElementType::Float8 => SqlType::Float8,
        ElementType::Numeric => SqlType::NUMERIC,
        ElementType::Text => SqlType::Text,
        ElementType::Bytea => SqlType::Bytea,
        ElementType::Date => SqlType::Date,
        ElementType::Time => SqlType::Time,
        ElementType::Timestamp => SqlType::Timestamp,
        ElementType::TimestampTz => SqlType::TimestampTz,
        ElementType::Uuid => SqlType::Uuid,
        ElementType::Jsonb => SqlType::Jsonb,
        ElementType::TimeTz => SqlType::TimeTz,
        ElementType::Interval => SqlType::Interval,
    };
    match (column_type, column_type.element()) {
        (ColumnType::Array(element), _) => scalar(element).array_of(),
        (_, element) => element.map_or(SqlType::Text, scalar),
    }
}

/// The text of a default that the table model fills in.
fn plain_default(default: Option<&ColumnDefault>) -> Option<String> {
    Some(match default? {
        ColumnDefault::Value(value) => super::text::literal(value),
        ColumnDefault::Now => "now()".to_owned(),
        ColumnDefault::RandomUuid => "gen_random_uuid()".to_owned(),
        ColumnDefault::AutoIncrement => return None,
    })
}

impl TableRules {
    /// The rules of a table; those that follow from its layout when SQL has none.
    pub(crate) fn of(rows: &Schema) -> Result<Self> {
        if rows.extension().is_empty() {
            return Ok(TableRules::plain(rows));
        }
        record::decode(TABLE_RULES_FORMAT, rows.extension(), "the rules of a table")
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(TABLE_RULES_FORMAT, self)
    }

    fn plain(rows: &Schema) -> Self {
        let oid = |part: u32| PLAIN_INDEX_OIDS | ((rows.id.number() as u32 & 0xF_FFFF) << 10) | (part & 0x3FF);
        let column = |column: &crate::table::SchemaColumn| ColumnRules {
            number: column.number,
            stored_type: StoredType::of(&plain_type(column.column_type)),
            type_modifier: -1,
            attribute: i16::try_from(column.number).unwrap_or(i16::MAX),
            default: plain_default(column.default.as_ref()),
            generation: None,
            comment: None,
        };
        let index = |index: &SchemaIndex| IndexRules {
            oid: oid(index.number),
            name: index.name.clone(),
            expressions: vec![None; index.columns.len()],
            orders: vec![IndexOrder::default(); index.columns.len()],
            predicate: None,
            is_constraint: index.unique,
            comment: None,
        };
        let columns: Vec<ColumnRules> = rows.columns.iter().map(column).collect();
        TableRules {
            next_attribute: columns.last().map_or(1, |column| column.attribute.saturating_add(1)),
            columns,
            primary_key: Some(PrimaryKeyRules { oid: oid(0), name: rows.primary_key_name() }),
            indexes: rows.indexes.iter().map(index).collect(),
            ..TableRules::default()
        }
    }

    /// The table that these rules and `rows` make.
    pub(crate) fn open(
        self,
        schema: &str,
        name: &str,
        rows: &Arc<Schema>,
        enumeration: &dyn Fn(u32) -> Result<Arc<EnumType>>,
    ) -> Result<SqlTable> {
        let mut columns = Vec::new();
        for column in self.columns {
            let position = position_of(rows, column.number)?;
            let stored = &rows.columns[position];
            columns.push(SqlColumn {
                name: stored.name.to_string(),
                sql_type: column.stored_type.open(column.type_modifier, enumeration)?,
                type_modifier: column.type_modifier,
                attribute: column.attribute,
                position,
                number: column.number,
                not_null: stored.not_null,
                default: column.default,
                generation: column.generation,
                comment: column.comment,
            });
        }
        let mut computed = Vec::new();
        let mut indexes = Vec::new();
        for index in self.indexes {
            indexes.push(open_index(rows, index, &mut computed)?);
        }
        let foreign_keys = self.foreign_keys.into_iter().map(|key| open_foreign_key(rows, key));
        Ok(SqlTable {
            id: rows.id,
            oid: oid_of(rows.id),
            schema: schema.to_owned(),
            name: name.to_owned(),
            rows: rows.clone(),
            columns,
            primary_key: rows.primary_key.clone(),
            primary_key_oid: self.primary_key.as_ref().map_or(0, |key| key.oid),
            primary_key_name: self.primary_key.map(|key| key.name),
            indexes,
            computed,
            checks: self.checks,
            foreign_keys: foreign_keys.collect::<Result<_>>()?,
            referenced_by: self.referenced_by.into_iter().map(ObjectId::new).collect(),
            comment: self.comment,
        })
    }

    /// The rules of the column with the table model's number `number`.
    pub(crate) fn column_mut(&mut self, number: u32) -> Option<&mut ColumnRules> {
        self.columns.iter_mut().find(|column| column.number == number)
    }
}

fn position_of(rows: &Schema, number: u32) -> Result<usize> {
    rows.columns.iter().position(|column| column.number == number).ok_or_else(|| damaged(rows))
}

fn open_index(rows: &Schema, rules: IndexRules, computed: &mut Vec<Computed>) -> Result<SqlIndex> {
    let stored = rows.indexes.iter().find(|index| index.name == rules.name).ok_or_else(|| damaged(rows))?;
    for (position, expression) in stored.columns.iter().zip(&rules.expressions) {
        if let Some(expression) = expression {
            computed.push(Computed { position: *position, expression: expression.clone() });
        }
    }
    if let (Some(position), Some(predicate)) = (stored.condition, &rules.predicate) {
        computed.push(Computed { position, expression: predicate.clone() });
    }
    Ok(SqlIndex {
        oid: rules.oid,
        name: rules.name,
        number: stored.number,
        positions: stored.columns.clone(),
        expressions: rules.expressions,
        orders: rules.orders,
        unique: stored.unique,
        nulls_are_equal: stored.nulls_are_equal,
        is_constraint: rules.is_constraint,
        predicate: rules.predicate,
        comment: rules.comment,
    })
}

fn open_foreign_key(rows: &Schema, rules: ForeignKeyRules) -> Result<ForeignKey> {
    Ok(ForeignKey {
        oid: rules.oid,
        name: rules.name,
        positions: rules.columns.iter().map(|number| position_of(rows, *number)).collect::<Result<_>>()?,
        referenced: ObjectId::new(rules.referenced),
        referenced_numbers: rules.referenced_columns,
        on_delete: rules.on_delete,
        on_update: rules.on_update,
        is_deferrable: rules.is_deferrable,
        is_initially_deferred: rules.is_initially_deferred,
        is_full_match: rules.is_full_match,
        is_validated: rules.is_validated,
        comment: rules.comment,
    })
}

fn damaged(rows: &Schema) -> Error {
    Error::corrupt(format!("the rules of table {:?} do not fit its columns; restore from a backup", rows.name))
}
