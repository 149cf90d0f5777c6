//! CREATE TABLE, also from a query or like another table.

use sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use sqlparser::ast::{
    self, CreateTableLikeDefaults, CreateTableLikeKind, CreateTableOptions, OnCommit, TableConstraint,
};

use marquetry_functions::Condition;

use super::draft::{Draft, plain_default};
use super::name::{schema_and_name, shown};
use super::new_column::NewColumn;
use super::sequence::number_column;
use super::{DefineContext, Place, constraint, fail, tag, unsupported};
use crate::error::Result;
use crate::sql::catalog::{ColumnGeneration, column_type_of};
use crate::sql::outcome::CommandTag;
use crate::table::{Column, ColumnType};

/// The name of the column that numbers the rows of a table without a primary key.
pub(super) const ROW_NUMBER: &str = "row number";

pub(super) fn create(context: &DefineContext<'_>, create: &ast::CreateTable) -> Result<CommandTag> {
    check_clauses(create)?;
    let (schema, name) = schema_and_name(&create.name)?;
    let schema = context.target_schema(schema)?;
    if create.if_not_exists && context.catalog().is_relation_name_taken(&schema, &name)? {
        context.note(format!("relation \"{}\" already exists, skipping", shown(&create.name)?));
        return Ok(tag("CREATE TABLE"));
    }
    context.check_free_name(&schema, &name)?;
    let mut columns = Vec::new();
    if let Some(like) = &create.like {
        columns.extend(columns_like(context, like)?);
    }
    for definition in &create.columns {
        columns.push(NewColumn::of(context, definition)?);
    }
    if let Some(query) = &create.query {
        return create_as(context, schema, name, columns, query);
    }
    create_of(context, schema, name, columns, &create.constraints)?;
    Ok(tag("CREATE TABLE"))
}

/// Refuses every clause that is not understood.
fn check_clauses(create: &ast::CreateTable) -> Result<()> {
    if create.temporary {
        return Err(unsupported("a temporary table"));
    }
    let mut plain = CreateTableBuilder::new(create.name.clone()).build();
    plain.if_not_exists = create.if_not_exists;
    // What is lost with the process is not kept apart: an unlogged table is one that is also durable.
    plain.unlogged = create.unlogged;
    plain.columns.clone_from(&create.columns);
    plain.constraints.clone_from(&create.constraints);
    plain.query.clone_from(&create.query);
    plain.like.clone_from(&create.like);
    if matches!(create.on_commit, Some(OnCommit::PreserveRows)) {
        plain.on_commit.clone_from(&create.on_commit);
    }
    if matches!(&create.table_options, CreateTableOptions::With(options) if options.iter().all(is_storage_option)) {
        plain.table_options.clone_from(&create.table_options);
    }
    match plain == *create {
        true => Ok(()),
        false => Err(unsupported(format!("a clause of {create}"))),
    }
}

/// How full pages are does not matter where there are none.
fn is_storage_option(option: &ast::SqlOption) -> bool {
    matches!(option, ast::SqlOption::KeyValue { key, .. }
        if matches!(key.to_string().to_lowercase(), key if key == "fillfactor" || key.starts_with("autovacuum")))
}

fn columns_like(context: &DefineContext<'_>, like: &CreateTableLikeKind) -> Result<Vec<NewColumn>> {
    let (CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) = like;
    let source = context.table(&like.name)?;
    let with_defaults = matches!(like.defaults, Some(CreateTableLikeDefaults::Including));
    let column = |column: &crate::sql::catalog::SqlColumn| {
        let default = match &column.default {
            Some(text) if with_defaults => Some(crate::sql::parse::parse_expression(text)?),
            _ => None,
        };
        Ok(NewColumn {
            name: column.name.clone(),
            sql_type: column.sql_type.clone(),
            type_modifier: column.type_modifier,
            not_null: column.not_null,
            default,
            generated: None,
            numbering: None,
            constraints: Vec::new(),
        })
    };
    source.columns.iter().map(column).collect()
}

fn create_of(
    context: &DefineContext<'_>,
    schema: String,
    name: String,
    columns: Vec<NewColumn>,
    constraints: &[TableConstraint],
) -> Result<Draft> {
    let mut draft = Draft::new(schema, name);
    let mut numbers = Vec::new();
    for column in &columns {
        if numbers.len() >= crate::limits::TABLE_COLUMNS_MAX {
            return fail(Condition::TooManyColumns, "tables can have at most 1600 columns");
        }
        numbers.push(add_column(&mut draft, column)?);
    }
    let constraints: Vec<&TableConstraint> =
        columns.iter().flat_map(|column| &column.constraints).chain(constraints).collect();
    let mut keys = constraints.iter().filter_map(|constraint| match constraint {
        TableConstraint::PrimaryKey(key) => Some(key),
        _ => None,
    });
    match (keys.next(), keys.next()) {
        (_, Some(_)) => {
            let message = format!("multiple primary keys for table \"{}\" are not allowed", draft.name);
            return fail(Condition::InvalidTableDefinition, message);
        }
        (Some(key), None) => constraint::declare_primary_key(context, &mut draft, key)?,
        (None, None) => {
            number_rows(&mut draft)?;
        }
    }
    draft.create(context)?;
    for (column, number) in columns.iter().zip(numbers) {
        complete_column(context, &mut draft, column, number)?;
    }
    draft.save(context)?;
    for constraint in constraints {
        if !matches!(constraint, TableConstraint::PrimaryKey(_)) {
            constraint::add(context, &mut draft, constraint, true)?;
        }
    }
    draft.save(context)?;
    Ok(draft)
}

/// Gives a table without a primary key a hidden one.
pub(super) fn number_rows(draft: &mut Draft) -> Result<u32> {
    let number = draft.layout.add_hidden_column(&Column::new(ROW_NUMBER, ColumnType::Int8).auto_increment())?;
    draft.layout.set_primary_key(vec![number], None)?;
    Ok(number)
}

/// Adds the column itself; its expressions come when there is a table to judge them over.
pub(super) fn add_column(draft: &mut Draft, column: &NewColumn) -> Result<u32> {
    if draft.layout.number_of(&column.name).is_some() {
        return fail(Condition::DuplicateColumn, format!("column \"{}\" specified more than once", column.name));
    }
    let Some(column_type) = column_type_of(&column.sql_type) else {
        let message = format!("column \"{}\" has pseudo-type {}", column.name, column.sql_type);
        return fail(Condition::InvalidTableDefinition, message);
    };
    let stored = Column { not_null: column.not_null, ..Column::new(column.name.clone(), column_type) };
    draft.add_column(&stored, &column.sql_type, column.type_modifier)
}

/// Gives a column of a table that is there its default, expression or numbers.
pub(super) fn complete_column(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    column: &NewColumn,
    number: u32,
) -> Result<()> {
    if let Some(expression) = &column.default {
        set_default(context, draft, number, expression, (&column.sql_type, column.type_modifier))?;
    }
    if let Some(expression) = &column.generated {
        let table = draft.table(context)?;
        let wanted = Some((&column.sql_type, column.type_modifier));
        context.meaning.judge(Some(&table), expression, wanted, Place::Generated)?;
        let text = expression.to_string();
        if let Some(other) = table.columns.iter().find(|other| {
            matches!(other.generation, Some(ColumnGeneration::Stored(_)))
                && super::mention::mentions(&text, &other.name)
        }) {
            let message = format!("cannot use generated column \"{}\" in column generation expression", other.name);
            return fail(Condition::InvalidObjectDefinition, message);
        }
        draft.column_mut(number)?.generation = Some(ColumnGeneration::Stored(text));
    }
    if let Some(numbering) = &column.numbering {
        number_column(context, draft, number, &column.name, &column.sql_type, numbering)?;
    }
    Ok(())
}

/// Makes `expression` the column's default.
pub(super) fn set_default(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    number: u32,
    expression: &ast::Expr,
    wanted: (&marquetry_functions::SqlType, i32),
) -> Result<()> {
    context.meaning.judge(None, expression, Some(wanted), Place::Default)?;
    let column_type = draft.layout.type_of(number)?;
    let plain = plain_default(expression, column_type);
    let is_null = matches!(expression, ast::Expr::Value(value) if value.value == ast::Value::Null);
    draft.layout.set_default(number, plain.as_ref())?;
    draft.column_mut(number)?.default = (!is_null).then(|| expression.to_string());
    Ok(())
}

fn create_as(
    context: &DefineContext<'_>,
    schema: String,
    name: String,
    declared: Vec<NewColumn>,
    query: &ast::Query,
) -> Result<CommandTag> {
    let shape = context.meaning.query(&context.catalog(), query)?;
    if !declared.is_empty() && declared.len() != shape.columns.len() {
        return fail(Condition::SyntaxError, "CREATE TABLE AS specifies too many column names");
    }
    let column =
        |(position, (name, sql_type, type_modifier)): (usize, (String, marquetry_functions::SqlType, i32))| NewColumn {
            name: declared.get(position).map_or(name, |column| column.name.clone()),
            sql_type,
            type_modifier,
            not_null: false,
            default: None,
            generated: None,
            numbering: None,
            constraints: Vec::new(),
        };
    let columns = shape.columns.into_iter().enumerate().map(column).collect();
    let rows = context.meaning.rows(query)?;
    let draft = create_of(context, schema, name, columns, &[])?;
    let table = draft.table(context)?;
    let tables = context.transaction.tables();
    let statement = tables.positional(table.rows.clone());
    let count = rows.len() as u64;
    for mut values in rows {
        // The hidden number of the row stands behind the columns of the query.
        values.push(statement.default(&table.rows.columns[table.primary_key[0]])?);
        for (position, value) in values.iter_mut().enumerate() {
            *value = table.rows.fit_column(position, std::mem::replace(value, crate::table::Value::Null))?;
        }
        statement.change(None, Some(&values))?;
    }
    statement.finish()?;
    Ok(CommandTag { command: "SELECT", rows: Some(count) })
}
