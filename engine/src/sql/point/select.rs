//! A SELECT of the rows of one table that some keys lead to.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use marquetry_functions::{SqlType, Typed};
use sqlparser::ast;

use crate::error::Result;
use crate::kv::{Direction, Reader};
use crate::sql::bind::{Binder, Clause, Collected, Relations, Scope, ScopeColumn};
use crate::sql::catalog::SqlTable;
use crate::sql::execute::{ColumnTest, Evaluator, Source, Test, access_for, is_comparable};
use crate::sql::failure::from_datafusion;
use crate::table::{Schema, Value, keys};

/// Rows that are read this way; where there are more, batches are the better way.
const ROWS_MAX: usize = 1_000;

/// A condition on a column of the key, whose value may be a parameter.
#[derive(Debug, Clone)]
struct KeyTest {
    position: usize,
    operator: Operator,
    operand: Operand,
}

#[derive(Debug, Clone)]
enum Operand {
    Constant(Value),
    Parameter(usize),
}

/// Where the value of a column of the result comes from.
#[derive(Debug, Clone, Copy)]
enum Output {
    /// The value at this position of the row.
    Stored(usize),
    /// The expression with this number.
    Computed(usize),
}

/// A compiled SELECT of one table.
pub(crate) struct PointSelect {
    table: Arc<SqlTable>,
    tests: Vec<KeyTest>,
    /// Evaluates the conditions, and behind them what is computed, over the columns of the table and the parameters.
    evaluator: Option<Evaluator>,
    conditions: usize,
    outputs: Vec<Output>,
    /// Positions in rows of the columns that the evaluator is given.
    given: Vec<usize>,
    wanted: Vec<bool>,
    /// The parameters that expressions use.
    computed_parameters: Vec<usize>,
}

impl std::fmt::Debug for PointSelect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a read of {:?} by key", self.table.name)
    }
}

/// What a SELECT is, when it is of one table and nothing else.
fn only_table(query: &ast::Query) -> Option<&ast::Select> {
    let is_bare = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty();
    let ast::SetExpr::Select(select) = &*query.body else { return None };
    let is_plain = select.distinct.is_none()
        && select.having.is_none()
        && select.named_window.is_empty()
        && matches!(&select.group_by, ast::GroupByExpr::Expressions(keys, more) if keys.is_empty() && more.is_empty());
    let [item] = &select.from[..] else { return None };
    let is_table = item.joins.is_empty() && matches!(&item.relation, ast::TableFactor::Table { args: None, .. });
    (is_bare && is_plain && is_table && select.selection.is_some()).then_some(select)
}

impl PointSelect {
    /// `query` compiled, when it is a read of one table by key.
    pub(crate) fn compile(binder: &Binder<'_>, query: &ast::Query) -> Result<Option<Self>> {
        let Some(select) = only_table(query) else { return Ok(None) };
        let (_, relations) = binder.from(&select.from, None)?;
        let [relation] = &relations.relations[..] else { return Ok(None) };
        let Some((table, _)) = relation.row_key.clone() else { return Ok(None) };
        let scope = Scope::new(&relations, None);
        let Some(selection) = &select.selection else { return Ok(None) };
        let condition = binder.condition(selection, &scope, &Clause::plain("a condition of a key"))?;
        let collected = Collected::default();
        let outputs = binder.outputs(&select.projection, &scope, &collected)?;
        let is_simple = collected.aggregates.borrow().is_empty()
            && collected.windows.borrow().is_empty()
            && collected.sets.borrow().is_empty();
        if !is_simple {
            return Ok(None);
        }
        let mut values = Vec::new();
        for output in outputs {
            values.push(binder.decided(output.value)?);
        }
        PointSelect::of(table, &relations, &condition.expr, values, &parameter_columns(binder))
    }

    fn of(
        table: Arc<SqlTable>,
        relations: &Relations,
        condition: &Expr,
        outputs: Vec<Typed>,
        parameters: &[ScopeColumn],
    ) -> Result<Option<Self>> {
        let columns = &relations.relations[0].columns;
        let position = |column: &Column| {
            let known = columns.iter().position(|known| known.column == *column)?;
            Some((table.columns[known].position, &table.columns[known].sql_type))
        };
        let (mut tests, mut conditions) = (Vec::new(), Vec::new());
        for part in split_conjunction(condition) {
            match key_test(part, &position) {
                Some(test) => tests.push(test),
                None => conditions.push(Typed::new(with_columns(part)?, SqlType::Bool)),
            }
        }
        let leads = table.primary_key.first().into_iter().chain(
            table.indexes.iter().filter(|index| index.predicate.is_none()).filter_map(|index| index.positions.first()),
        );
        let is_keyed =
            |position: &usize| tests.iter().any(|test| test.position == *position && test.operator == Operator::Eq);
        if !leads.into_iter().any(is_keyed) {
            return Ok(None);
        }
        let (mut made, mut computed) = (Vec::new(), conditions.clone());
        for output in outputs {
            match &output.expr {
                Expr::Column(column) if let Some((position, _)) = position(column) => {
                    made.push(Output::Stored(position))
                }
                _ => {
                    made.push(Output::Computed(computed.len()));
                    computed.push(Typed { expr: with_columns(&output.expr)?, ..output });
                }
            }
        }
        if computed.iter().any(|value| !is_plain(&value.expr)) {
            return Ok(None);
        }
        let width = table.columns.iter().map(|column| column.position + 1).max().unwrap_or(0);
        let mut select = PointSelect {
            tests,
            conditions: conditions.len(),
            outputs: made,
            given: Vec::new(),
            wanted: vec![false; width],
            evaluator: None,
            computed_parameters: Vec::new(),
            table: table.clone(),
        };
        select.prepare(columns, parameters, &computed)?;
        Ok(Some(select))
    }

    /// Makes the evaluator, and notes which values it needs of a row.
    fn prepare(&mut self, columns: &[ScopeColumn], parameters: &[ScopeColumn], computed: &[Typed]) -> Result<()> {
        for output in &self.outputs {
            if let Output::Stored(position) = output {
                self.wanted[*position] = true;
            }
        }
        if computed.is_empty() {
            return Ok(());
        }
        let is_used =
            |column: &ScopeColumn| computed.iter().any(|value| value.expr.column_refs().contains(&column.column));
        let mut given = Vec::new();
        for (column, stored) in columns.iter().zip(&self.table.columns) {
            if is_used(column) {
                self.given.push(stored.position);
                self.wanted[stored.position] = true;
                given.push(column.clone());
            }
        }
        let used = parameters.iter().enumerate().filter(|(_, column)| is_used(column));
        self.computed_parameters = used.map(|(index, _)| index).collect();
        given.extend_from_slice(parameters);
        self.evaluator = Some(Evaluator::new(&given, computed)?);
        Ok(())
    }

    /// Whether the parameter at `index` is nothing but what a column is compared with.
    pub(crate) fn is_key_parameter(&self, index: usize) -> bool {
        let is_it = |test: &KeyTest| matches!(test.operand, Operand::Parameter(found) if found == index);
        self.tests.iter().any(is_it) && !self.computed_parameters.contains(&index)
    }

    /// The rows, with these values of the parameters; `None` when there are too many for this way, or the table is not
    /// what it was.
    pub(crate) fn run(&self, source: &Source, parameters: &[Value]) -> Result<Option<Vec<Vec<Value>>>> {
        let Some(schema) = source.shared.tables.schema_by_id(&*source.reader, self.table.id)? else { return Ok(None) };
        if self.wanted.len() > schema.columns.len() || !std::ptr::eq(&*self.known(source)?, &*self.table) {
            return Ok(None);
        }
        let mut tests = Vec::with_capacity(self.tests.len());
        for test in &self.tests {
            let value = match &test.operand {
                Operand::Constant(value) => value,
                Operand::Parameter(index) => &parameters[*index],
            };
            // Nothing compares with NULL.
            if value.is_null() {
                return Ok(Some(Vec::new()));
            }
            tests.push(ColumnTest::new(test.position, Test::comparison(test.operator, value.clone())));
        }
        let access = access_for(&schema, &self.table, &tests)?;
        if access.is_full {
            return Ok(None);
        }
        let Some(rows) = self.rows(source, &schema, &access, &tests)? else { return Ok(None) };
        self.results(rows, parameters).map(Some)
    }

    /// The table as it is, for whoever compares it with what it was.
    fn known(&self, source: &Source) -> Result<Arc<SqlTable>> {
        let catalog = crate::sql::catalog::Catalog::new(&source.shared, &*source.reader);
        Ok(catalog.table_by_id(self.table.id)?.unwrap_or_else(|| self.table.clone()))
    }

    fn rows(
        &self,
        source: &Source,
        schema: &Schema,
        access: &crate::sql::execute::Access,
        tests: &[ColumnTest],
    ) -> Result<Option<Vec<Vec<Value>>>> {
        let index = access.index.and_then(|number| schema.indexes.iter().find(|index| index.number == number));
        let mut rows = Vec::new();
        let tested: Vec<usize> = tests.iter().map(ColumnTest::position).collect();
        let wanted = |position: usize| self.wanted.get(position) == Some(&true) || tested.contains(&position);
        for range in &access.ranges {
            if index.is_none() && access.is_point {
                if let Some(stored) = source.reader.get(&range.start)? {
                    let primary = bytes::Bytes::copy_from_slice(keys::primary_of_row(&range.start)?);
                    rows.push(schema.decode_some(&primary, &stored, wanted)?);
                }
                continue;
            }
            for entry in source.reader.scan(range.clone(), Direction::Forward)? {
                let entry = entry?;
                if rows.len() >= ROWS_MAX {
                    return Ok(None);
                }
                let row = match index {
                    None => {
                        let primary = entry.0.slice_ref(keys::primary_of_row(&entry.0)?);
                        schema.decode_some(&primary, &entry.1, wanted)?
                    }
                    Some(index) => {
                        let primary = schema.primary_of_entry(index, &entry)?;
                        let stored = source.reader.get(&keys::row(schema.id, &primary))?;
                        let stored = stored.ok_or_else(|| {
                            crate::error::Error::corrupt(format!("index {:?} has an entry without a row", index.name))
                        })?;
                        schema.decode_some(&primary, &stored, wanted)?
                    }
                };
                rows.push(row);
            }
        }
        // A range may be wider than the tests.
        rows.retain(|row| tests.iter().all(|test| test.holds(row)));
        Ok(Some(rows))
    }

    fn results(&self, rows: Vec<Vec<Value>>, parameters: &[Value]) -> Result<Vec<Vec<Value>>> {
        let mut computed = Vec::new();
        if let Some(evaluator) = &self.evaluator
            && !rows.is_empty()
        {
            let given: Vec<Vec<Value>> = rows
                .iter()
                .map(|row| {
                    let stored = self.given.iter().map(|position| row[*position].clone());
                    stored.chain(parameters.iter().cloned()).collect()
                })
                .collect();
            computed = evaluator.evaluate(&given.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        }
        let mut results = Vec::with_capacity(rows.len());
        for (number, row) in rows.iter().enumerate() {
            let values = computed.get(number).map_or(&[][..], Vec::as_slice);
            if values[..self.conditions.min(values.len())].iter().any(|value| value.as_bool() != Some(true)) {
                continue;
            }
            let output = |output: &Output| match output {
                Output::Stored(position) => row[*position].clone(),
                Output::Computed(number) => values[*number].clone(),
            };
            results.push(self.outputs.iter().map(output).collect());
        }
        Ok(results)
    }
}

/// The test of a key that `part` is, when it compares a column with a constant or parameter of its own type.
fn key_test<'t>(part: &Expr, position: &impl Fn(&Column) -> Option<(usize, &'t SqlType)>) -> Option<KeyTest> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = part else { return None };
    let (column, op, other) = match (&**left, &**right) {
        (Expr::Column(column), other) => (column, *op, other),
        (other, Expr::Column(column)) => (column, op.swap()?, other),
        _ => return None,
    };
    if !matches!(op, Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq) {
        return None;
    }
    let (position, sql_type) = position(column)?;
    if !is_comparable(sql_type) {
        return None;
    }
    let operand = match other {
        Expr::Literal(value, _) if value.data_type() == sql_type.arrow() => {
            Operand::Constant(crate::sql::execute::value_of(value, sql_type).ok()?)
        }
        Expr::Placeholder(placeholder) => {
            let field = placeholder.field.as_ref()?;
            if *field.data_type() != sql_type.arrow() {
                return None;
            }
            Operand::Parameter(placeholder.id.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)?)
        }
        _ => return None,
    };
    Some(KeyTest { position, operator: op, operand })
}

/// The columns that hold the parameters, for expressions.
fn parameter_columns(binder: &Binder<'_>) -> Vec<ScopeColumn> {
    let types = binder.typing.parameter_types().into_iter().enumerate();
    let column = |(index, sql_type): (usize, Option<SqlType>)| ScopeColumn {
        name: String::new(),
        column: Column::new_unqualified(format!("${}", index + 1)),
        sql_type: sql_type.unwrap_or(SqlType::Text),
        type_modifier: -1,
        table_oid: 0,
        attribute: 0,
    };
    types.map(column).collect()
}

/// `expr` with its parameters as columns.
fn with_columns(expr: &Expr) -> Result<Expr> {
    let replaced = expr.clone().transform_up(|part| match part {
        Expr::Placeholder(placeholder) => Ok(Transformed::yes(Expr::Column(Column::new_unqualified(placeholder.id)))),
        other => Ok(Transformed::no(other)),
    });
    Ok(replaced.map_err(from_datafusion)?.data)
}

/// Whether `expr` can be evaluated on its own: without subqueries, and always with the same result.
fn is_plain(expr: &Expr) -> bool {
    let mut plain = !expr.is_volatile();
    let visited = expr.apply(|part| {
        if matches!(part, Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)) {
            plain = false;
            return Ok(TreeNodeRecursion::Stop);
        }
        Ok(TreeNodeRecursion::Continue)
    });
    plain && visited.is_ok()
}
