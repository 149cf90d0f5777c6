//! Names that statements give, and those that nobody gave.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::{DefineContext, fail};
use crate::error::Result;
use crate::sql::catalog::{Relation, SqlTable};

/// Longest name that is made up, in bytes, as in PostgreSQL.
const MADE_NAME_SIZE_BYTES_MAX: usize = 63;

/// The name that `ident` stands for: folded to lower case unless quoted.
pub(super) fn name_of(ident: &Ident) -> String {
    match ident.quote_style {
        None => ident.value.to_lowercase(),
        Some(_) => ident.value.clone(),
    }
}

/// The parts of a name with dots.
pub(super) fn parts_of(name: &ObjectName) -> Result<Vec<String>> {
    let part = |part: &ObjectNamePart| match part {
        ObjectNamePart::Identifier(ident) => Ok(name_of(ident)),
        ObjectNamePart::Function(_) => Err(super::unsupported(format!("the name {name}"))),
    };
    name.0.iter().map(part).collect()
}

/// The schema, if it is said, and the name of an object.
pub(super) fn schema_and_name(name: &ObjectName) -> Result<(Option<String>, String)> {
    let mut parts = parts_of(name)?;
    let last = parts.pop().unwrap_or_default();
    match parts.len() {
        0..=2 => Ok((parts.pop(), last)),
        _ => fail(Condition::SyntaxError, format!("improper qualified name (too many dotted names): {name}")),
    }
}

/// `base` with `number` behind it when that is not 0, short enough.
fn numbered(table: &str, middle: &str, label: &str, number: u32) -> String {
    let suffix = if number == 0 { label.to_owned() } else { format!("{label}{number}") };
    let room = MADE_NAME_SIZE_BYTES_MAX.saturating_sub(suffix.len() + 1);
    let base = if middle.is_empty() { table.to_owned() } else { format!("{table}_{middle}") };
    let end = base.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= room).last().unwrap_or(0);
    format!("{}_{suffix}", &base[..end])
}

/// A name such as `t_a_b_key` that is not taken.
pub(super) fn made_name(
    table: &str,
    middle: &str,
    label: &str,
    is_taken: impl Fn(&str) -> Result<bool>,
) -> Result<String> {
    for number in 0.. {
        let name = numbered(table, middle, label, number);
        if !is_taken(&name)? {
            return Ok(name);
        }
    }
    unreachable!("some number is free")
}

/// The table has a constraint of that name.
pub(super) fn has_constraint(table: &SqlTable, name: &str) -> bool {
    table.primary_key_name.as_deref() == Some(name)
        || table.checks.iter().any(|check| check.name == name)
        || table.foreign_keys.iter().any(|key| key.name == name)
        || table.indexes.iter().any(|index| index.is_constraint && index.name == name)
}

impl DefineContext<'_> {
    /// What `name` stands for.
    pub(super) fn relation(&self, name: &ObjectName) -> Result<Option<Relation>> {
        let (schema, name) = schema_and_name(name)?;
        self.catalog().relation(schema.as_deref(), &name, &self.search_path)
    }

    /// The table `name`.
    pub(super) fn table(&self, name: &ObjectName) -> Result<std::sync::Arc<SqlTable>> {
        match self.relation(name)? {
            Some(Relation::Table(table)) => Ok(table),
            Some(_) => fail(Condition::WrongObjectType, format!("\"{}\" is not a table", shown(name)?)),
            None => Err(no_relation(name)?),
        }
    }

    /// Refuses the name of something that is there.
    pub(super) fn check_free_name(&self, schema: &str, name: &str) -> Result<()> {
        if super::is_public(schema)
            && let Some((prefix, _)) = name.split_once('.')
            && self.catalog().has_schema(prefix)?
        {
            let message =
                format!("the name \"{name}\" would be one of schema \"{prefix}\"; choose one without that dot");
            return fail(Condition::InvalidName, message);
        }
        match self.catalog().is_relation_name_taken(schema, name)? {
            true => fail(Condition::DuplicateTable, format!("relation \"{name}\" already exists")),
            false => Ok(()),
        }
    }
}

/// `name` as messages show it.
pub(super) fn shown(name: &ObjectName) -> Result<String> {
    Ok(parts_of(name)?.join("."))
}

pub(super) fn no_relation(name: &ObjectName) -> Result<crate::error::Error> {
    let message = format!("relation \"{}\" does not exist", shown(name)?);
    Ok(SqlError::new(Condition::UndefinedTable, message).into())
}

pub(super) fn no_column(column: &str, table: &str) -> crate::error::Error {
    let message = format!("column \"{column}\" of relation \"{table}\" does not exist");
    SqlError::new(Condition::UndefinedColumn, message).into()
}
