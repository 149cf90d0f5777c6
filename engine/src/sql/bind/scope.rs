//! What names of columns mean at one place of a statement.
//!
//! ```text
//!   Scope { from: relations and the columns that unqualified names find }
//!     '-- parent: the scope around a subquery; a column found there makes the subquery correlated
//! ```
//!
//! - Every column of a plan has a name of its own in the whole statement (`c17`), so plans may be joined in any way; the
//!   names that users wrote live here only.

use std::cell::RefCell;
use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use marquetry_functions::{Condition, SqlError, SqlType, Typed};

use crate::sql::catalog::SqlTable;

/// A column that can be named.
#[derive(Debug, Clone)]
pub(crate) struct ScopeColumn {
    pub(crate) name: String,
    pub(crate) column: Column,
    pub(crate) sql_type: SqlType,
    pub(crate) type_modifier: i32,
    /// The table and the number of the column there, for clients; zeros for an expression.
    pub(crate) table_oid: u32,
    pub(crate) attribute: i16,
}

impl ScopeColumn {
    pub(crate) fn typed(&self) -> Typed {
        Typed::new(Expr::Column(self.column.clone()), self.sql_type.clone()).modified(self.type_modifier)
    }
}

/// One item of FROM, by its alias.
#[derive(Debug, Clone)]
pub(crate) struct ScopeRelation {
    /// The schema, for names with one; none behind an alias.
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) columns: Vec<ScopeColumn>,
    /// Columns that are found by name only, such as `tableoid`.
    pub(crate) system: Vec<ScopeColumn>,
    /// When it is a table: which, and the column that holds the keys of its rows.
    pub(crate) row_key: Option<(Arc<SqlTable>, Column)>,
    /// Names of the columns of the primary key, when it is a table with one.
    pub(crate) key: Vec<String>,
    /// Whether the one column is a scalar, so that the relation's name is the value itself.
    pub(crate) is_scalar: bool,
}

/// What FROM gives.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relations {
    pub(crate) relations: Vec<ScopeRelation>,
    /// What `*` is and what unqualified names find, with the columns that USING has merged once.
    pub(crate) visible: Vec<ScopeColumn>,
}

impl Relations {
    pub(crate) fn of(relation: ScopeRelation) -> Self {
        Relations { visible: relation.columns.clone(), relations: vec![relation] }
    }

    /// Both, side by side.
    pub(crate) fn and(mut self, other: Relations) -> Result<Self, SqlError> {
        for relation in &other.relations {
            let is_same = |known: &&ScopeRelation| known.name == relation.name && known.schema == relation.schema;
            if !relation.name.is_empty() && self.relations.iter().any(|known| is_same(&known)) {
                return Err(SqlError::new(
                    Condition::DuplicateAlias,
                    format!("table name \"{}\" specified more than once", relation.name),
                ));
            }
        }
        self.relations.extend(other.relations);
        self.visible.extend(other.visible);
        Ok(self)
    }

    fn unqualified(&self, name: &str) -> Result<Option<&ScopeColumn>, SqlError> {
        let mut found = self.visible.iter().filter(|column| column.name == name);
        match (found.next(), found.next()) {
            (Some(column), None) => Ok(Some(column)),
            (Some(_), Some(_)) => Err(ambiguous(name)),
            (None, _) => {
                let mut system = self.relations.iter().flat_map(|relation| &relation.system);
                Ok(system.find(|column| column.name == name))
            }
        }
    }

    /// The relation that `qualifier` names, with a schema or without.
    pub(crate) fn relation(&self, qualifier: &[String]) -> Result<Option<&ScopeRelation>, SqlError> {
        let (schema, name) = match qualifier {
            [name] => (None, name),
            [schema, name] => (Some(schema), name),
            [_, schema, name] => (Some(schema), name),
            _ => return Ok(None),
        };
        let is_meant = |relation: &&ScopeRelation| {
            relation.name == *name && schema.is_none_or(|schema| relation.schema.as_ref() == Some(schema))
        };
        let mut found = self.relations.iter().filter(is_meant);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => {
                Err(SqlError::new(Condition::DuplicateAlias, format!("table reference \"{name}\" is ambiguous")))
            }
            (found, _) => Ok(found),
        }
    }
}

fn ambiguous(name: &str) -> SqlError {
    SqlError::new(Condition::AmbiguousColumn, format!("column reference \"{name}\" is ambiguous"))
}

/// A place of a statement where columns can be named.
#[derive(Debug)]
pub(crate) struct Scope<'s> {
    pub(crate) relations: &'s Relations,
    pub(crate) parent: Option<&'s Scope<'s>>,
    /// The columns of scopes further out that this place or one inside it has used.
    pub(crate) outer: RefCell<Vec<ScopeColumn>>,
}

/// What a name turned out to be.
pub(crate) enum Found {
    Column(Typed),
    /// A whole row: the name is a relation's.
    Row(ScopeRelation),
}

impl<'s> Scope<'s> {
    pub(crate) fn new(relations: &'s Relations, parent: Option<&'s Scope<'s>>) -> Self {
        Scope { relations, parent, outer: RefCell::default() }
    }

    /// The column `name`, here or further out, or the relation of that name as a row.
    pub(crate) fn column(&self, name: &str) -> Result<Found, SqlError> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(column) = here.relations.unqualified(name)? {
                return Ok(Found::Column(self.reference(here, column)));
            }
            if let Some(relation) = here.relations.relation(&[name.to_owned()])? {
                return Ok(self.whole(here, relation));
            }
            scope = here.parent;
        }
        Err(SqlError::new(Condition::UndefinedColumn, format!("column \"{name}\" does not exist")))
    }

    fn whole(&self, here: &Scope<'_>, relation: &ScopeRelation) -> Found {
        match (relation.is_scalar, &relation.columns[..]) {
            (true, [column]) => Found::Column(self.reference(here, column)),
            _ => {
                for column in &relation.columns {
                    self.reference(here, column);
                }
                Found::Row(relation.clone())
            }
        }
    }

    /// The column `name` of the relation that `qualifier` names.
    pub(crate) fn qualified(&self, qualifier: &[String], name: &str) -> Result<Option<Typed>, SqlError> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(relation) = here.relations.relation(qualifier)? {
                let mut columns = relation.columns.iter().chain(&relation.system).filter(|column| column.name == name);
                let shown = qualifier.last().map_or("", String::as_str);
                return match (columns.next(), columns.next()) {
                    (Some(column), None) => Ok(Some(self.reference(here, column))),
                    (Some(_), Some(_)) => Err(ambiguous(name)),
                    (None, _) => {
                        Err(SqlError::new(Condition::UndefinedColumn, format!("column {shown}.{name} does not exist")))
                    }
                };
            }
            scope = here.parent;
        }
        Ok(None)
    }

    /// `column`, of this scope or one around it, as an expression here.
    pub(crate) fn seen(&self, column: &ScopeColumn) -> Typed {
        let is_meant = |known: &ScopeColumn| known.column == column.column;
        let mut own =
            self.relations.relations.iter().flat_map(|relation| relation.columns.iter().chain(&relation.system));
        match own.any(is_meant) || self.relations.visible.iter().any(is_meant) {
            true => column.typed(),
            false => outer_reference(column),
        }
    }

    /// `column` of `owner`, which is this scope or one around it, as an expression here.
    pub(crate) fn seen_from_inside(&self, owner: &Scope<'_>, column: &ScopeColumn) -> Typed {
        self.reference(owner, column)
    }

    /// A reference to `column` of `owner`, which is this scope or one around it.
    fn reference(&self, owner: &Scope<'_>, column: &ScopeColumn) -> Typed {
        if std::ptr::eq(self, owner) {
            return column.typed();
        }
        let mut scope = Some(self);
        while let Some(here) = scope {
            if std::ptr::eq(here, owner) {
                break;
            }
            let mut outer = here.outer.borrow_mut();
            if !outer.iter().any(|known| known.column == column.column) {
                outer.push(column.clone());
            }
            drop(outer);
            scope = here.parent;
        }
        outer_reference(column)
    }
}

/// `column` as a subquery inside its scope refers to it.
pub(crate) fn outer_reference(column: &ScopeColumn) -> Typed {
    let field = Arc::new(Field::new(&column.column.name, column.sql_type.arrow(), true));
    Typed::new(Expr::OuterReferenceColumn(field, column.column.clone()), column.sql_type.clone())
        .modified(column.type_modifier)
}
