//! A table while it is changed: its layout and its rules.

use std::sync::Arc;

use marquetry_functions::{Condition, SqlType};

use super::name::no_column;
use super::{DefineContext, fail};
use crate::catalog::{self, Entry};
use crate::error::{Error, Result};
use crate::sql::catalog::{Catalog, ColumnRules, Relation, SqlColumn, SqlTable, StoredType, TableRules, object_name};
use crate::table::{Column, ColumnDefault, Layout, Schema};

/// What a table is to become.
pub(super) struct Draft {
    pub(super) schema: String,
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) rules: TableRules,
}

impl Draft {
    /// A table without columns.
    pub(super) fn new(schema: String, name: String) -> Self {
        let rules = TableRules { next_attribute: 1, ..TableRules::default() };
        Draft { schema, name, layout: Layout::new(), rules }
    }

    /// The draft of a table that is there.
    pub(super) fn of(table: &SqlTable) -> Result<Self> {
        Ok(Draft {
            schema: table.schema.clone(),
            name: table.name.clone(),
            layout: table.rows.layout(),
            rules: TableRules::of(&table.rows)?,
        })
    }

    pub(super) fn object_name(&self) -> String {
        object_name(&self.schema, &self.name)
    }

    /// Adds a column and returns the table model's number of it.
    pub(super) fn add_column(&mut self, column: &Column, sql_type: &SqlType, type_modifier: i32) -> Result<u32> {
        let number = self.layout.add_column(column)?;
        self.rules.columns.push(ColumnRules {
            number,
            stored_type: StoredType::of(sql_type),
            type_modifier,
            attribute: self.rules.next_attribute,
            default: None,
            generation: None,
            comment: None,
        });
        self.rules.next_attribute = self.rules.next_attribute.checked_add(1).ok_or_else(|| {
            Error::limit_exceeded("the table has had as many columns as it can; copy it into a new one")
        })?;
        Ok(number)
    }

    /// The rules of the column with the number `number`.
    pub(super) fn column_mut(&mut self, number: u32) -> Result<&mut ColumnRules> {
        self.rules.column_mut(number).ok_or_else(|| Error::invalid("the column has no rules"))
    }

    /// Whether the table model alone could not keep what the table has.
    fn is_ruled(&self, catalog: &Catalog<'_>) -> Result<bool> {
        let rules = &self.rules;
        let has_rules = !rules.checks.is_empty()
            || !rules.foreign_keys.is_empty()
            || !rules.referenced_by.is_empty()
            || rules
                .indexes
                .iter()
                .any(|index| index.predicate.is_some() || index.expressions.iter().any(Option::is_some));
        if has_rules || self.layout.has_hidden_columns() {
            return Ok(true);
        }
        for column in &rules.columns {
            let is_plain_type = column.type_modifier == -1
                && column.stored_type.open(-1, &|oid| no_enumeration(catalog, oid)).is_ok_and(|found| is_plain(&found));
            let default = self.layout.default_of(column.number)?;
            if !is_plain_type || column.generation.is_some() || (column.default.is_some() && default.is_none()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn sealed(&mut self, catalog: &Catalog<'_>) -> Result<()> {
        let is_ruled = self.is_ruled(catalog)?;
        self.layout.set_extension(self.rules.encode()?, is_ruled);
        Ok(())
    }

    /// Creates the table.
    pub(super) fn create(&mut self, context: &DefineContext<'_>) -> Result<Arc<SqlTable>> {
        self.sealed(&context.catalog())?;
        context.transaction.tables().create_as(&self.object_name(), &self.layout)?;
        self.table(context)
    }

    /// Changes the table, whose rows fit what it becomes.
    pub(super) fn save(&mut self, context: &DefineContext<'_>) -> Result<Arc<SqlTable>> {
        self.sealed(&context.catalog())?;
        let entry = self.entry(context)?;
        context.transaction.tables().redefine(&self.object_name(), &entry, &self.layout)?;
        self.table(context)
    }

    /// Changes the table and makes each row anew.
    pub(super) fn rewrite(
        &mut self,
        context: &DefineContext<'_>,
        convert: crate::table::Convert<'_>,
    ) -> Result<Arc<SqlTable>> {
        self.sealed(&context.catalog())?;
        let entry = self.entry(context)?;
        let tables = context.transaction.tables();
        tables
            .rewrite(&self.object_name(), &entry, self.layout.clone(), convert)
            .map_err(super::constraint::not_unique)?;
        let table = self.table(context)?;
        self.layout = table.rows.layout();
        Ok(table)
    }

    pub(super) fn entry(&self, context: &DefineContext<'_>) -> Result<Entry> {
        catalog::find(context.transaction.inner, catalog::ObjectKind::Table, &self.object_name())
    }

    /// The table as it is now.
    pub(super) fn table(&self, context: &DefineContext<'_>) -> Result<Arc<SqlTable>> {
        match context.catalog().relation_in(&self.schema, &self.name)? {
            Some(Relation::Table(table)) => Ok(table),
            _ => fail(Condition::UndefinedTable, format!("relation \"{}\" does not exist", self.name)),
        }
    }
}

/// A type of a user is never plain.
fn no_enumeration(_: &Catalog<'_>, oid: u32) -> Result<Arc<marquetry_functions::EnumType>> {
    Err(Error::not_found(format!("type {oid}")))
}

/// Whether the table model keeps all that the type asks for.
fn is_plain(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Array(element) => is_plain(element),
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Numeric(_)
        | SqlType::Text
        | SqlType::Varchar
        | SqlType::Bytea
        | SqlType::Date
        | SqlType::Time
        | SqlType::TimeTz
        | SqlType::Timestamp
        | SqlType::TimestampTz
        | SqlType::Interval
        | SqlType::Uuid
        | SqlType::Jsonb => true,
        _ => false,
    }
}

impl SqlTable {
    /// The column `name`, which a statement says there is.
    pub(super) fn column_named(&self, name: &str) -> Result<&SqlColumn> {
        self.column(name).ok_or_else(|| no_column(name, &self.name))
    }
}

/// The default that the table model can fill in by itself for the text of an expression.
pub(super) fn plain_default(
    expression: &sqlparser::ast::Expr,
    column_type: crate::table::ColumnType,
) -> Option<ColumnDefault> {
    use crate::table::{ColumnType, Value};
    use sqlparser::ast::{Expr, UnaryOperator, Value as Literal};
    let number = |text: &str| -> Option<Value> {
        match column_type {
            ColumnType::Int2 => text.parse().ok().map(Value::Int2),
            ColumnType::Int4 => text.parse().ok().map(Value::Int4),
            ColumnType::Int8 => text.parse().ok().map(Value::Int8),
            ColumnType::Float4 => text.parse().ok().map(Value::Float4),
            ColumnType::Float8 => text.parse().ok().map(Value::Float8),
            ColumnType::Numeric => text.parse().ok().map(Value::Numeric),
            _ => None,
        }
    };
    match expression {
        Expr::Nested(inner) => plain_default(inner, column_type),
        Expr::Value(literal) => match &literal.value {
            Literal::Number(text, _) => number(text).map(ColumnDefault::Value),
            Literal::Boolean(truth) if column_type == ColumnType::Bool => {
                Some(ColumnDefault::Value(Value::Bool(*truth)))
            }
            Literal::SingleQuotedString(text) if column_type == ColumnType::Text => {
                Some(ColumnDefault::Value(Value::Text(text.clone())))
            }
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(literal) => match &literal.value {
                Literal::Number(text, _) => number(&format!("-{text}")).map(ColumnDefault::Value),
                _ => None,
            },
            _ => None,
        },
        other => match other.to_string().to_lowercase().as_str() {
            "now()" | "current_timestamp" if column_type == ColumnType::TimestampTz => Some(ColumnDefault::Now),
            "gen_random_uuid()" if column_type == ColumnType::Uuid => Some(ColumnDefault::RandomUuid),
            _ => None,
        },
    }
}

/// Rows of `table`, as positions have them.
pub(super) fn rows_of(context: &DefineContext<'_>, rows: &Schema) -> Result<Vec<Vec<crate::table::Value>>> {
    let rows = context.transaction.tables().all_rows(rows)?;
    Ok(rows.into_iter().map(|(_, values)| values).collect())
}
