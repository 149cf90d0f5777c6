//! CREATE INDEX and ALTER INDEX.

use marquetry_functions::{Condition, SqlType};
use sqlparser::ast::{AlterIndexOperation, CreateIndex, Expr, IndexColumn, IndexType, ObjectName, OrderBySort};

use super::constraint::fill;
use super::draft::{Draft, rows_of};
use super::mention::mentions;
use super::name::{made_name, name_of, no_relation, schema_and_name};
use super::{DefineContext, Place, Target, fail, unsupported};
use crate::error::Result;
use crate::sql::catalog::{IndexOrder, IndexRules, SqlTable, column_type_of};
use crate::table::{Column, ColumnType, NewIndex};

/// What a part of an index is.
enum Part {
    Column(String),
    Expression { text: String, sql_type: SqlType, type_modifier: i32 },
}

pub(super) fn create(context: &DefineContext<'_>, create: &CreateIndex) -> Result<()> {
    check_clauses(create)?;
    let table = context.table(&create.table_name)?;
    let mut parts = Vec::new();
    let mut orders = Vec::new();
    for column in &create.columns {
        let (part, order) = part(context, &table, column)?;
        parts.push(part);
        orders.push(order);
    }
    let catalog = context.catalog();
    let is_taken = |name: &str| catalog.is_relation_name_taken(&table.schema, name);
    let name = match &create.name {
        None => made_name(&table.name, &parts_label(&parts), "idx", is_taken)?,
        Some(name) => schema_and_name(name)?.1,
    };
    if is_taken(&name)? {
        if create.if_not_exists {
            context.note(format!("relation \"{name}\" already exists, skipping"));
            return Ok(());
        }
        return fail(Condition::DuplicateTable, format!("relation \"{name}\" already exists"));
    }
    if let Some(predicate) = &create.predicate {
        let wanted = Some((&SqlType::Bool, -1));
        context.meaning.judge(Some(&table), predicate, wanted, Place::Predicate)?;
    }
    build(context, &table, create, name, parts, orders)
}

fn check_clauses(create: &CreateIndex) -> Result<()> {
    match &create.using {
        None | Some(IndexType::BTree) => {}
        Some(other) => {
            return Err(unsupported(format!(
                "the index method {other} (use btree, or a search index for words in text)"
            )));
        }
    }
    let is_plain = create.include.is_empty()
        && create.with.is_empty()
        && create.index_options.is_empty()
        && create.alter_options.is_empty()
        && !create.r#async;
    if is_plain { Ok(()) } else { Err(unsupported("INCLUDE, WITH or another option of an index")) }
}

fn part(
    context: &DefineContext<'_>,
    table: &std::sync::Arc<SqlTable>,
    column: &IndexColumn,
) -> Result<(Part, IndexOrder)> {
    if let Some(class) = &column.operator_class {
        let name = super::name::parts_of(class)?.pop().unwrap_or_default();
        if !name.ends_with("_ops") || name.starts_with("gin") || name.starts_with("gist") || name.starts_with("jsonb") {
            return Err(unsupported(format!("the operator class {class}")));
        }
    }
    if column.column.with_fill.is_some() {
        return Err(unsupported("WITH FILL"));
    }
    let is_descending = match &column.column.options.sort {
        None | Some(OrderBySort::Asc) => false,
        Some(OrderBySort::Desc) => true,
        Some(OrderBySort::Using(_)) => return Err(unsupported("USING in the order of an index")),
    };
    let nulls_first = column.column.options.nulls_first.unwrap_or(is_descending);
    let order = IndexOrder { is_descending, nulls_first };
    let mut expression = &column.column.expr;
    while let Expr::Collate { expr, collation } = expression {
        super::new_column::check_collation(collation)?;
        expression = expr;
    }
    if let Expr::Identifier(ident) = expression {
        return Ok((Part::Column(name_of(ident)), order));
    }
    let (sql_type, type_modifier) = context.meaning.judge(Some(table), expression, None, Place::Index)?;
    Ok((Part::Expression { text: expression.to_string(), sql_type, type_modifier }, order))
}

/// The middle of the name that nobody gave: columns, functions, or `expr`.
fn parts_label(parts: &[Part]) -> String {
    let label = |part: &Part| match part {
        Part::Column(name) => name.clone(),
        Part::Expression { text, .. } => {
            let function = text.trim_start_matches('(').split_once('(').map_or("", |(name, _)| name);
            let is_name = !function.is_empty() && function.chars().all(|c| c.is_alphanumeric() || c == '_');
            if is_name { function.to_lowercase() } else { "expr".to_owned() }
        }
    };
    parts.iter().map(label).collect::<Vec<_>>().join("_")
}

fn build(
    context: &DefineContext<'_>,
    table: &std::sync::Arc<SqlTable>,
    create: &CreateIndex,
    name: String,
    parts: Vec<Part>,
    orders: Vec<IndexOrder>,
) -> Result<()> {
    let mut draft = Draft::of(table)?;
    let mut targets = Vec::new();
    let (mut columns, mut expressions) = (Vec::new(), Vec::new());
    for part in parts {
        match part {
            Part::Column(column) => {
                columns.push(index_column(&draft, &column)?);
                expressions.push(None);
            }
            Part::Expression { text, sql_type, type_modifier } => {
                columns.push(hidden_column(&mut draft, &name, &sql_type)?);
                targets.push(Target { text: text.clone(), sql_type, type_modifier });
                expressions.push(Some(text));
            }
        }
    }
    let predicate = create.predicate.as_ref().map(Expr::to_string);
    let condition = match &predicate {
        None => None,
        Some(text) => {
            targets.push(Target { text: text.clone(), sql_type: SqlType::Bool, type_modifier: -1 });
            Some(hidden_column(&mut draft, &name, &SqlType::Bool)?)
        }
    };
    let nulls_are_equal = create.nulls_distinct == Some(false);
    draft.layout.add_index(NewIndex {
        name: name.clone(),
        columns,
        unique: create.unique,
        nulls_are_equal,
        condition,
    })?;
    let oid = context.part_oid()?;
    draft.rules.indexes.push(IndexRules {
        oid,
        name: name.clone(),
        expressions,
        orders,
        predicate,
        is_constraint: false,
        comment: None,
    });
    if targets.is_empty() {
        draft.save(context)?;
        return fill(context, &draft, &name);
    }
    let rows = rows_of(context, &table.rows)?;
    let mut computed = context.meaning.evaluate(table, &targets, &rows)?.into_iter();
    draft.rewrite(context, &mut |_, mut values| {
        values.extend(computed.next().unwrap_or_default());
        Ok(values)
    })?;
    Ok(())
}

fn index_column(draft: &Draft, name: &str) -> Result<u32> {
    let Some(number) = draft.layout.number_of(name) else {
        return fail(Condition::UndefinedColumn, format!("column \"{name}\" does not exist"));
    };
    if !draft.layout.type_of(number)?.is_ordered() {
        let message =
            format!("the type of column \"{name}\" has no default operator class for access method \"btree\"");
        return fail(Condition::UndefinedObject, message);
    }
    Ok(number)
}

fn hidden_column(draft: &mut Draft, index: &str, sql_type: &SqlType) -> Result<u32> {
    let column_type = match column_type_of(sql_type) {
        Some(found) if found.is_ordered() => found,
        _ => {
            let message = format!("data type {sql_type} has no default operator class for access method \"btree\"");
            return fail(Condition::UndefinedObject, message);
        }
    };
    let column_type: ColumnType = column_type;
    let end = index.char_indices().map(|(at, _)| at).take_while(|at| *at <= 200).last().unwrap_or(0);
    draft.layout.add_hidden_column(&Column::new(format!("of index {}", &index[..end]), column_type))
}

pub(super) fn alter(context: &DefineContext<'_>, name: &ObjectName, operation: &AlterIndexOperation) -> Result<()> {
    let AlterIndexOperation::RenameIndex { index_name } = operation;
    let (table, index) = find(context, name)?;
    let to = schema_and_name(index_name)?.1;
    context.check_free_name(&table.schema, &to)?;
    rename(context, &table, &index, &to)
}

/// The table of the index `name`, and the name of the index.
pub(super) fn find(context: &DefineContext<'_>, name: &ObjectName) -> Result<(std::sync::Arc<SqlTable>, String)> {
    let (schema, index) = schema_and_name(name)?;
    let schemas = schema.map_or_else(|| context.search_path.clone(), |schema| vec![schema]);
    for schema in schemas {
        if let Some(table) = context.catalog().table_of_index(&schema, &index)? {
            return Ok((table, index));
        }
    }
    Err(no_relation(name)?)
}

/// Calls an index of `table`, and the constraint that made it, `to`.
pub(super) fn rename(context: &DefineContext<'_>, table: &SqlTable, index: &str, to: &str) -> Result<()> {
    let mut draft = Draft::of(table)?;
    match &mut draft.rules.primary_key {
        Some(key) if key.name == index => {
            to.clone_into(&mut key.name);
            let numbers = draft.layout.primary_key_numbers();
            draft.layout.set_primary_key(numbers, Some(to.to_owned()))?;
        }
        _ => {
            draft.layout.rename_index(index, to)?;
            for rules in draft.rules.indexes.iter_mut().filter(|rules| rules.name == index) {
                to.clone_into(&mut rules.name);
            }
        }
    }
    draft.save(context).map(drop)
}

/// Removes an index from `draft`, with the hidden columns that only it needs.
pub(super) fn remove(context: &DefineContext<'_>, draft: &mut Draft, table: &SqlTable, name: &str) -> Result<()> {
    let number = draft.layout.drop_index(name)?;
    draft.rules.indexes.retain(|index| index.name != name);
    if let Some(index) = table.rows.indexes.iter().find(|index| index.name == name) {
        for position in index.columns.iter().copied().chain(index.condition) {
            let column = &table.rows.columns[position];
            if column.is_hidden && !table.rows.primary_key.contains(&position) {
                draft.layout.drop_column(column.number)?;
            }
        }
    }
    context.transaction.tables().drop_entries(table.id, number)
}

/// Whether an index of the draft mentions `column` in an expression or condition.
pub(super) fn mentions_column(index: &IndexRules, column: &str) -> bool {
    index.expressions.iter().flatten().chain(&index.predicate).any(|text| mentions(text, column))
}
