//! CREATE SEQUENCE, and the sequences of numbered columns.

use marquetry_functions::{Condition, SqlType};
use sqlparser::ast::{Expr, ObjectName, SequenceOptions, UnaryOperator, Value as Literal};

use super::draft::Draft;
use super::name::{made_name, parts_of, schema_and_name, shown};
use super::new_column::{Numbering, NumberingKind};
use super::{DefineContext, fail};
use crate::catalog::{ObjectId, ObjectKind};
use crate::error::Result;
use crate::sql::catalog::{
    ColumnGeneration, Relation, SqlSequence, StoredSequence, StoredType, object_name, shown_name, string_literal,
};

pub(super) fn create(
    context: &DefineContext<'_>,
    name: &ObjectName,
    options: &[SequenceOptions],
    if_not_exists: bool,
) -> Result<()> {
    let (schema, plain) = schema_and_name(name)?;
    let schema = context.target_schema(schema)?;
    if if_not_exists && context.catalog().is_relation_name_taken(&schema, &plain)? {
        context.note(format!("relation \"{}\" already exists, skipping", shown(name)?));
        return Ok(());
    }
    context.check_free_name(&schema, &plain)?;
    let definition = defined(context, options, &SqlType::Int8)?;
    store(context, &schema, &plain, &definition).map(drop)
}

fn store(context: &DefineContext<'_>, schema: &str, name: &str, definition: &StoredSequence) -> Result<ObjectId> {
    let stored = definition.encode()?;
    let transaction = context.transaction.inner;
    context.shared.tables.create_object(transaction, ObjectKind::Sequence, &object_name(schema, name), stored)
}

/// The largest and smallest number of a sequence of `data_type`.
fn ends_of(data_type: &SqlType) -> (i64, i64) {
    match data_type {
        SqlType::Int2 => (i64::from(i16::MIN), i64::from(i16::MAX)),
        SqlType::Int4 => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

fn number(expression: &Expr) -> Result<i64> {
    let found = match expression {
        Expr::Value(value) => match &value.value {
            Literal::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(value) => match &value.value {
                Literal::Number(text, _) => format!("-{text}").parse().ok(),
                _ => None,
            },
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => return number(expr),
        _ => None,
    };
    match found {
        Some(number) => Ok(number),
        None => fail(Condition::SyntaxError, format!("{expression} is no whole number for an option of a sequence")),
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T> {
    fail(Condition::InvalidParameterValue, message)
}

/// The sequence that `options` say, of `data_type` unless they name another.
fn defined(context: &DefineContext<'_>, options: &[SequenceOptions], data_type: &SqlType) -> Result<StoredSequence> {
    let (mut data_type, mut owner) = (data_type.clone(), None);
    let (mut increment, mut start, mut cache, mut is_cycle) = (1, None, 1, false);
    let (mut minimum, mut maximum) = (None, None);
    for option in options {
        match option {
            SequenceOptions::DataType(name) => data_type = context.meaning.data_type(name)?.0,
            SequenceOptions::IncrementBy(by, _) => increment = number(by)?,
            SequenceOptions::MinValue(value) => minimum = value.as_ref().map(number).transpose()?,
            SequenceOptions::MaxValue(value) => maximum = value.as_ref().map(number).transpose()?,
            SequenceOptions::StartWith(value, _) => start = Some(number(value)?),
            SequenceOptions::Cache(value) => cache = number(value)?,
            SequenceOptions::Cycle(no) => is_cycle = !*no,
            SequenceOptions::OwnedBy(column) => {
                owner = column.as_ref().map(|name| owned_by(context, name)).transpose()?.flatten()
            }
        }
    }
    if !matches!(data_type, SqlType::Int2 | SqlType::Int4 | SqlType::Int8) {
        return invalid("sequence type must be smallint, integer, or bigint");
    }
    let (lowest, highest) = ends_of(&data_type);
    let minimum = minimum.unwrap_or(if increment > 0 { 1 } else { lowest });
    let maximum = maximum.unwrap_or(if increment > 0 { highest } else { -1 });
    let start = start.unwrap_or(if increment > 0 { minimum } else { maximum });
    check(&data_type, increment, minimum, maximum, start, cache)?;
    Ok(StoredSequence {
        data_type: StoredType::of(&data_type),
        start,
        increment,
        minimum,
        maximum,
        cache,
        is_cycle,
        owner,
        is_identity: false,
        comment: None,
    })
}

fn check(data_type: &SqlType, increment: i64, minimum: i64, maximum: i64, start: i64, cache: i64) -> Result<()> {
    let (lowest, highest) = ends_of(data_type);
    if increment == 0 {
        return invalid("INCREMENT must not be zero");
    }
    if minimum < lowest {
        return invalid(format!("MINVALUE ({minimum}) is out of range for sequence data type {data_type}"));
    }
    if maximum > highest {
        return invalid(format!("MAXVALUE ({maximum}) is out of range for sequence data type {data_type}"));
    }
    if minimum >= maximum {
        return invalid(format!("MINVALUE ({minimum}) must be less than MAXVALUE ({maximum})"));
    }
    if start < minimum {
        return invalid(format!("START value ({start}) cannot be less than MINVALUE ({minimum})"));
    }
    if start > maximum {
        return invalid(format!("START value ({start}) cannot be greater than MAXVALUE ({maximum})"));
    }
    if cache < 1 {
        return invalid(format!("CACHE ({cache}) must be greater than zero"));
    }
    Ok(())
}

/// The table and column that own a sequence; `NONE` is nobody.
fn owned_by(context: &DefineContext<'_>, name: &ObjectName) -> Result<Option<(u64, u32)>> {
    let mut parts = parts_of(name)?;
    let column = parts.pop().unwrap_or_default();
    if parts.is_empty() {
        return match column.as_str() {
            "none" => Ok(None),
            _ => fail(Condition::SyntaxError, "invalid OWNED BY option"),
        };
    }
    let plain = parts.pop().unwrap_or_default();
    match context.catalog().relation(parts.pop().as_deref(), &plain, &context.search_path)? {
        Some(Relation::Table(table)) => Ok(Some((table.id.number(), table.column_named(&column)?.number))),
        _ => fail(Condition::UndefinedTable, format!("relation \"{plain}\" does not exist")),
    }
}

/// Gives a column of `draft` numbers from a sequence of its own.
pub(super) fn number_column(
    context: &DefineContext<'_>,
    draft: &mut Draft,
    column: u32,
    name: &str,
    data_type: &SqlType,
    numbering: &Numbering,
) -> Result<()> {
    let mut definition = defined(context, &numbering.options, data_type)?;
    let table = draft.entry(context)?.id;
    definition.owner = Some((table.number(), column));
    definition.is_identity = numbering.kind != NumberingKind::Serial;
    let catalog = context.catalog();
    let sequence = made_name(&draft.name, name, "seq", |name| catalog.is_relation_name_taken(&draft.schema, name))?;
    store(context, &draft.schema, &sequence, &definition)?;
    let shown = shown_name(&draft.schema, &sequence);
    let rules = draft.column_mut(column)?;
    match numbering.kind {
        NumberingKind::Serial => rules.default = Some(format!("nextval({}::regclass)", string_literal(&shown))),
        NumberingKind::IdentityAlways => rules.generation = Some(ColumnGeneration::IdentityAlways(shown)),
        NumberingKind::IdentityByDefault => rules.generation = Some(ColumnGeneration::IdentityByDefault(shown)),
    }
    Ok(())
}

/// Drops a sequence with its numbers.
pub(super) fn remove(context: &DefineContext<'_>, sequence: &SqlSequence) -> Result<()> {
    let transaction = context.transaction.inner;
    crate::catalog::remove(transaction, &object_name(&sequence.schema, &sequence.name), sequence.id)?;
    context.shared.sql_catalog.numbers.drop_in(transaction, sequence.id)
}
