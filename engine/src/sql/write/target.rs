//! A table that is written: the expressions of its definition, bound once for the statement.
//!
//! ```text
//!   named values --defaults--> row --generated columns--> --NOT NULL, CHECK, what indexes compute--> complete row
//! ```

use std::sync::Arc;

use marquetry_functions::{CastContext, Condition, SqlError, Typed};

use super::{WriteContext, violation};
use crate::error::Result;
use crate::sql::bind::{Binder, Clause, Relations, Scope, ScopeColumn, ScopeRelation};
use crate::sql::catalog::{ColumnGeneration, Relation, SqlColumn, SqlTable};
use crate::sql::execute::Evaluator;
use crate::table::Value;

/// How a column gets a value by itself.
enum Default {
    /// NULL, or what the table model says.
    Stored,
    /// The same for all rows.
    Constant(Value),
    /// Worked out for each row.
    Volatile(Evaluator),
    /// The next number of this sequence.
    Sequence(Arc<crate::sql::catalog::SqlSequence>),
}

/// A table that is written.
pub(super) struct Target {
    pub(super) table: Arc<SqlTable>,
    /// Behind one another, by the positions of the columns among those that statements see.
    defaults: Vec<Default>,
    generated: Vec<usize>,
    generation: Evaluator,
    /// The checks, and behind them what is computed.
    rules: Evaluator,
}

impl Target {
    pub(super) fn open(binder: &Binder<'_>, table: Arc<SqlTable>) -> Result<Self> {
        let relation = relation_of(binder, &table);
        let columns = relation.columns.clone();
        let relations = Relations::of(relation);
        let scope = Scope::new(&relations, None);
        let (mut generated, mut generation) = (Vec::new(), Vec::new());
        for column in &table.columns {
            if let Some(ColumnGeneration::Stored(text)) = &column.generation {
                generated.push(column.position);
                generation.push(assigned(binder, binder.stored_expression(text, &scope, "GENERATED")?, column)?);
            }
        }
        let mut rules = Vec::new();
        for check in &table.checks {
            let condition = binder.stored_expression(&check.expression, &scope, "CHECK")?;
            rules.push(binder.boolean(condition, "CHECK")?);
        }
        for computed in &table.computed {
            let value = binder.stored_expression(&computed.expression, &scope, "index expression")?;
            rules.push(binder.decided(value)?);
        }
        Ok(Target {
            defaults: table.columns.iter().map(|column| Default::of(binder, &table, column)).collect::<Result<_>>()?,
            generated,
            generation: Evaluator::new(&columns, &generation)?,
            rules: Evaluator::new(&columns, &rules)?,
            table,
        })
    }

    /// What the column number `index` of those that statements see gets in a row that does not name it.
    pub(super) fn default(&self, context: &WriteContext, index: usize) -> Result<Value> {
        match &self.defaults[index] {
            Default::Constant(value) => Ok(value.clone()),
            Default::Volatile(evaluator) => {
                let values = evaluator.evaluate(&[&[]])?.pop().and_then(|mut row| row.pop());
                Ok(values.unwrap_or(Value::Null))
            }
            Default::Sequence(sequence) => {
                let shared = &context.source.shared;
                let number = shared.sql_catalog.numbers.next(&shared.keyspace, sequence)?;
                let mut drawn = context.session.sequences.lock();
                drawn.current.insert(sequence.id, number);
                drawn.last = Some(sequence.id);
                let column = &self.table.columns[index];
                self.table.rows.fit_column(column.position, Value::Int8(number))
            }
            Default::Stored => {
                let position = self.table.columns[index].position;
                context.tables()?.positional(self.table.rows.clone()).default(&self.table.rows.columns[position])
            }
        }
    }

    /// A row of what `named` gives for some of the columns that statements see, and defaults for the others.
    pub(super) fn row(&self, context: &WriteContext, named: Vec<Option<Value>>) -> Result<Vec<Value>> {
        let rows = &self.table.rows;
        let mut row = vec![Value::Null; rows.columns.len()];
        for (index, value) in named.into_iter().enumerate() {
            let position = self.table.columns[index].position;
            row[position] = match value {
                Some(value) => rows.fit_column(position, value)?,
                None if self.generated.contains(&position) => Value::Null,
                None => self.default(context, index)?,
            };
        }
        // The hidden number of a row without a key of its own.
        for (position, column) in rows.columns.iter().enumerate() {
            let is_computed = self.table.computed.iter().any(|computed| computed.position == position);
            if column.is_hidden && !is_computed {
                row[position] = context.tables()?.positional(rows.clone()).default(column)?;
            }
        }
        Ok(row)
    }

    /// Works out what follows from the other columns, and checks the rules that concern one row.
    pub(super) fn complete(&self, context: &WriteContext, rows: &mut [Vec<Value>]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        if !self.generated.is_empty() {
            let values = self.evaluate(&self.generation, rows)?;
            for (row, values) in rows.iter_mut().zip(values) {
                for (position, value) in self.generated.iter().zip(values) {
                    row[*position] = self.table.rows.fit_column(*position, value)?;
                }
            }
        }
        let environment = &context.environment;
        for row in &*rows {
            let missing = self.table.columns.iter().find(|column| column.not_null && row[column.position].is_null());
            if let Some(column) = missing {
                return Err(violation::not_null(&self.table, &column.name, row, environment).into());
            }
        }
        if self.table.checks.is_empty() && self.table.computed.is_empty() {
            return Ok(());
        }
        let values = self.evaluate(&self.rules, rows)?;
        for (row, values) in rows.iter_mut().zip(values) {
            let mut values = values.into_iter();
            for check in &self.table.checks {
                if values.next() == Some(Value::Bool(false)) {
                    return Err(violation::check(&self.table, &check.name, row, environment).into());
                }
            }
            for (computed, value) in self.table.computed.iter().zip(values) {
                row[computed.position] = self.table.rows.fit_column(computed.position, value)?;
            }
        }
        Ok(())
    }

    fn evaluate(&self, evaluator: &Evaluator, rows: &[Vec<Value>]) -> Result<Vec<Vec<Value>>> {
        let seen: Vec<Vec<Value>> = rows.iter().map(|row| self.seen(row)).collect();
        let seen: Vec<&[Value]> = seen.iter().map(Vec::as_slice).collect();
        evaluator.evaluate(&seen)
    }

    /// The columns that statements see of `row`.
    pub(super) fn seen(&self, row: &[Value]) -> Vec<Value> {
        self.table.columns.iter().map(|column| row[column.position].clone()).collect()
    }
}

/// The number of the column `name` among those that statements see.
pub(super) fn column_index(table: &SqlTable, name: &str) -> Result<usize, SqlError> {
    table.columns.iter().position(|column| column.name == name).ok_or_else(|| {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", table.name);
        SqlError::new(Condition::UndefinedColumn, message)
    })
}

/// The columns of `table` under names of their own.
pub(super) fn relation_of(binder: &Binder<'_>, table: &Arc<SqlTable>) -> ScopeRelation {
    let columns = table.columns.iter().map(|column| ScopeColumn {
        name: column.name.clone(),
        column: binder.fresh('w'),
        sql_type: column.sql_type.clone(),
        type_modifier: column.type_modifier,
        table_oid: table.oid,
        attribute: column.attribute,
    });
    ScopeRelation {
        schema: Some(table.schema.clone()),
        name: table.name.clone(),
        columns: columns.collect(),
        system: Vec::new(),
        row_key: None,
        key: Vec::new(),
        is_scalar: false,
    }
}

/// `value` as what `column` keeps.
pub(super) fn assigned(binder: &Binder<'_>, value: Typed, column: &SqlColumn) -> Result<Typed> {
    let found = value.sql_type.clone();
    let cast = binder.typing.cast(value, &column.sql_type, column.type_modifier, CastContext::Assignment);
    Ok(cast.map_err(|error| match error.condition {
        Condition::CannotCoerce | Condition::DatatypeMismatch => {
            let message =
                format!("column \"{}\" is of type {} but expression is of type {found}", column.name, column.sql_type);
            SqlError::new(Condition::DatatypeMismatch, message).hint("You will need to rewrite or cast the expression.")
        }
        _ => error,
    })?)
}

impl Default {
    fn of(binder: &Binder<'_>, table: &SqlTable, column: &SqlColumn) -> Result<Self> {
        if let Some(ColumnGeneration::IdentityAlways(name) | ColumnGeneration::IdentityByDefault(name)) =
            &column.generation
        {
            return match binder.catalog.relation_in(&table.schema, name)? {
                Some(Relation::Sequence(sequence)) => Ok(Default::Sequence(sequence)),
                _ => {
                    let message = format!("the sequence \"{name}\" of an identity column is gone");
                    Err(SqlError::new(Condition::UndefinedTable, message).into())
                }
            };
        }
        let Some(text) = &column.default else { return Ok(Default::Stored) };
        let nothing = Relations::default();
        let scope = Scope::new(&nothing, None);
        let tree = crate::sql::parse::parse_expression(text)?;
        let value = binder.expression(&tree, &scope, &Clause::plain("DEFAULT"))?;
        let value = assigned(binder, value, column)?;
        let is_volatile = value.expr.is_volatile();
        let evaluator = Evaluator::new(&[], &[value])?;
        if is_volatile {
            return Ok(Default::Volatile(evaluator));
        }
        let found = evaluator.evaluate(&[&[]])?.pop().and_then(|mut row| row.pop()).unwrap_or(Value::Null);
        Ok(Default::Constant(table.rows.fit_column(column.position, found)?))
    }
}
