//! A table as the code works with it: columns by position, names looked up once.
//!
//! ```text
//!   TableDefinition --define: checked--> Layout --catalogue--> Layout --open--> Schema
//!     by name                              by number                              by position
//! ```
//!
//! Hidden columns have positions like all others; only the forms in which rows have names leave them out.

use std::collections::HashMap;
use std::sync::Arc;

use super::column_type::ColumnType;
use super::definition::{ColumnDefault, Index, TableDefinition};
use super::layout::{Layout, StoredColumn};
use super::value::Value;
use crate::catalog::ObjectId;
use crate::error::{Error, Result};

/// A table. Columns are known by their position.
#[derive(Debug)]
pub(crate) struct Schema {
    pub(crate) id: ObjectId,
    pub(crate) name: Arc<str>,
    pub(crate) columns: Vec<SchemaColumn>,
    pub(crate) primary_key: Vec<usize>,
    pub(crate) indexes: Vec<SchemaIndex>,
    /// What its users see, by name.
    pub(crate) definition: Arc<TableDefinition>,
    /// Whether some rows may lack columns whose value in them is not NULL.
    pub(super) has_missing: bool,
    positions: HashMap<Arc<str>, usize>,
    layout: Layout,
}

/// A column of a table.
#[derive(Debug)]
pub(crate) struct SchemaColumn {
    pub(crate) number: u32,
    pub(crate) name: Arc<str>,
    pub(crate) column_type: ColumnType,
    pub(crate) not_null: bool,
    pub(crate) default: Option<ColumnDefault>,
    pub(crate) is_hidden: bool,
    /// Whether the value stands in the row: everything but what the key keeps exactly.
    pub(super) in_row: bool,
    /// What the column is in rows that were written before there was one.
    pub(super) missing: Option<Value>,
}

/// An index of a table.
#[derive(Debug)]
pub(crate) struct SchemaIndex {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
    /// Whether NULL equals NULL to a unique index.
    pub(crate) nulls_are_equal: bool,
    /// A column of type bool that tells which rows have an entry; without one all have.
    pub(crate) condition: Option<usize>,
}

impl SchemaIndex {
    /// Whether a row has an entry.
    pub(crate) fn holds(&self, values: &[Value]) -> bool {
        self.condition.is_none_or(|position| matches!(values[position], Value::Bool(true)))
    }
}

impl Schema {
    /// The table `name` with the definition `layout`.
    ///
    /// # Errors
    /// `Corrupt` when the definition contradicts itself.
    pub(super) fn open(id: ObjectId, name: &str, layout: Layout) -> Result<Self> {
        let damaged = || Error::corrupt(format!("the definition of table {name:?} is damaged; restore from a backup"));
        let ascends = layout.columns.windows(2).all(|pair| pair[0].number < pair[1].number);
        if !ascends || layout.columns.last().is_some_and(|column| column.number >= layout.next_column) {
            return Err(damaged());
        }
        let position =
            |number: &u32| layout.columns.iter().position(|column| column.number == *number).ok_or_else(damaged);
        let positions_of = |numbers: &[u32]| numbers.iter().map(position).collect::<Result<Vec<usize>>>();
        let primary_key = positions_of(&layout.primary_key)?;
        let indexes = layout.indexes.iter().map(|index| {
            Ok(SchemaIndex {
                number: index.number,
                name: index.name.clone(),
                columns: positions_of(&index.columns)?,
                unique: index.unique,
                nulls_are_equal: index.nulls_are_equal,
                condition: index.condition.as_ref().map(position).transpose()?,
            })
        });
        let indexes = indexes.collect::<Result<Vec<_>>>()?;
        let columns = layout.columns.iter().enumerate();
        let columns = columns.map(|(position, column)| SchemaColumn::open(column, primary_key.contains(&position)));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let visible = columns.iter().enumerate().filter(|(_, column)| !column.is_hidden);
        let positions = visible.map(|(position, column)| (column.name.clone(), position)).collect();
        let definition = Arc::new(definition_of(&layout, &columns, &primary_key, &indexes)?);
        let has_missing = columns.iter().any(|column| column.missing.is_some());
        Ok(Schema { id, name: name.into(), columns, primary_key, indexes, definition, has_missing, positions, layout })
    }

    /// The stored form, to change it.
    pub(crate) fn layout(&self) -> Layout {
        self.layout.clone()
    }

    /// What the layer above keeps with the table.
    pub(crate) fn extension(&self) -> &[u8] {
        &self.layout.extension
    }

    /// Whether the table has rules that only the layer above can keep.
    pub(crate) fn is_ruled(&self) -> bool {
        self.layout.is_ruled
    }

    /// What violations call the primary key.
    pub(crate) fn primary_key_name(&self) -> String {
        self.layout.primary_key_name.clone().unwrap_or_else(|| format!("{}_pkey", self.name))
    }

    /// Columns with this number and above were added after rows that say so were written.
    pub(super) fn next_column(&self) -> u32 {
        self.layout.next_column
    }

    /// The position of the column `name`.
    pub(super) fn position(&self, name: &str) -> Result<usize> {
        self.positions
            .get(name)
            .copied()
            .ok_or_else(|| Error::invalid(format!("table {:?} has no column {name:?}; see its definition", self.name)))
    }

    pub(super) fn index(&self, name: &str) -> Result<&SchemaIndex> {
        self.indexes
            .iter()
            .find(|index| index.name == name)
            .ok_or_else(|| Error::not_found(format!("table {:?} has no index {name:?}; see its definition", self.name)))
    }

    /// The positions of the columns that get the next number.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &SchemaColumn)> {
        self.columns.iter().enumerate().filter(|(_, column)| column.default == Some(ColumnDefault::AutoIncrement))
    }
}

impl SchemaColumn {
    fn open(column: &StoredColumn, is_key: bool) -> Result<Self> {
        Ok(SchemaColumn {
            number: column.number,
            name: column.name.as_str().into(),
            column_type: column.column_type,
            not_null: column.not_null || is_key,
            default: column.column()?.default,
            is_hidden: column.is_hidden,
            in_row: !is_key || !column.column_type.survives_keys(),
            missing: column.missing()?,
        })
    }
}

/// What users see: without hidden columns, and without the indexes and keys that need them.
fn definition_of(
    layout: &Layout,
    columns: &[SchemaColumn],
    primary_key: &[usize],
    indexes: &[SchemaIndex],
) -> Result<TableDefinition> {
    let names = |positions: &[usize]| -> Vec<String> {
        let visible = positions.iter().map(|position| &columns[*position]).filter(|column| !column.is_hidden);
        visible.map(|column| column.name.to_string()).collect()
    };
    let index = |index: &SchemaIndex| {
        let names = names(&index.columns);
        let is_plain = names.len() == index.columns.len() && index.condition.is_none() && !index.nulls_are_equal;
        is_plain.then(|| Index { name: index.name.clone(), columns: names, unique: index.unique })
    };
    let visible = layout.columns.iter().filter(|column| !column.is_hidden);
    Ok(TableDefinition {
        columns: visible.map(StoredColumn::column).collect::<Result<_>>()?,
        primary_key: names(primary_key),
        indexes: indexes.iter().filter_map(index).collect(),
    })
}
