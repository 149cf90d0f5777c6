//! Objects told as the statements that would make them.

use super::Look;
use super::constraint::Constraint;
use super::rows::{IndexRow, indexes_of};
use crate::error::Result;
use crate::sql::catalog::{ColumnGeneration, ForeignKeyAction, PUBLIC, SqlColumn, SqlTable, quoted};

/// The expression that a column's value comes from when a row does not name it; not for identity columns.
pub(super) fn generation_default(column: &SqlColumn) -> Option<String> {
    match &column.generation {
        Some(ColumnGeneration::Stored(text)) => Some(format!("({text})")),
        Some(ColumnGeneration::IdentityAlways(_) | ColumnGeneration::IdentityByDefault(_)) => None,
        None => column.default.clone(),
    }
}

/// `name` in `schema` as the catalogue's functions show it.
pub(super) fn relation_text(schema: &str, name: &str, search_path: &[String]) -> String {
    let is_found = search_path.iter().any(|found| found == schema) || schema == super::PG_CATALOG;
    if is_found { quoted(name) } else { format!("{}.{}", quoted(schema), quoted(name)) }
}

fn names(table: &SqlTable, attributes: &[i16]) -> String {
    let name = |attribute: &i16| {
        let column = table.columns.iter().find(|column| column.attribute == *attribute);
        column.map_or_else(String::new, |column| quoted(&column.name))
    };
    attributes.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn action_text(event: &str, action: ForeignKeyAction) -> String {
    let action = match action {
        ForeignKeyAction::NoAction => return String::new(),
        ForeignKeyAction::Restrict => "RESTRICT",
        ForeignKeyAction::Cascade => "CASCADE",
        ForeignKeyAction::SetNull => "SET NULL",
        ForeignKeyAction::SetDefault => "SET DEFAULT",
    };
    format!(" ON {event} {action}")
}

/// What stands behind the constraint's name in a definition.
pub(super) fn constraint_definition(look: &Look<'_>, table: &SqlTable, constraint: &Constraint) -> Result<String> {
    let mut definition = match constraint.kind {
        'p' => format!("PRIMARY KEY ({})", names(table, &constraint.columns)),
        'u' => {
            let nulls = indexes_of(table).iter().any(|index| index.oid == constraint.index && index.nulls_are_equal);
            let nulls = if nulls { " NULLS NOT DISTINCT" } else { "" };
            format!("UNIQUE{nulls} ({})", names(table, &constraint.columns))
        }
        'c' => format!("CHECK (({}))", constraint.expression.as_deref().unwrap_or_default()),
        _ => {
            let referenced = crate::sql::catalog::id_of(constraint.referenced);
            let referenced = referenced.map(|id| look.catalog.table_by_id(id)).transpose()?.flatten();
            let (target, columns) = match referenced {
                Some(other) => (
                    relation_text(&other.schema, &other.name, &look.session.search_path()),
                    names(&other, &constraint.referenced_columns),
                ),
                None => (String::new(), String::new()),
            };
            let mut text =
                format!("FOREIGN KEY ({}) REFERENCES {target}({columns})", names(table, &constraint.columns));
            if let Some((update, delete, full)) = constraint.actions {
                if full {
                    text.push_str(" MATCH FULL");
                }
                text.push_str(&action_text("UPDATE", update));
                text.push_str(&action_text("DELETE", delete));
            }
            text
        }
    };
    if constraint.is_deferrable {
        definition.push_str(" DEFERRABLE");
    }
    if constraint.is_deferred {
        definition.push_str(" INITIALLY DEFERRED");
    }
    if !constraint.is_validated {
        definition.push_str(" NOT VALID");
    }
    Ok(definition)
}

/// The part of an index at `part`, from 0 on, without its order.
pub(super) fn index_part(table: &SqlTable, index: &IndexRow<'_>, part: usize) -> String {
    if let Some(expression) = index.index.and_then(|index| index.expressions.get(part)).and_then(Option::as_ref) {
        let is_call = expression.ends_with(')') && expression.chars().next().is_some_and(char::is_alphabetic);
        return if is_call { expression.clone() } else { format!("({expression})") };
    }
    let column = index.positions.get(part).and_then(|position| table.column_at(*position));
    column.map_or_else(String::new, |column| quoted(&column.name))
}

/// The statement that makes an index.
pub(super) fn index_definition(table: &SqlTable, index: &IndexRow<'_>) -> String {
    let parts = (0..index.positions.len()).map(|part| {
        let order = index.index.and_then(|index| index.orders.get(part)).copied().unwrap_or_default();
        let order = match (order.is_descending, order.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        format!("{}{order}", index_part(table, index, part))
    });
    let parts = parts.collect::<Vec<_>>().join(", ");
    let unique = if index.is_unique { "UNIQUE " } else { "" };
    let schema = if table.schema == PUBLIC { PUBLIC.to_owned() } else { quoted(&table.schema) };
    let nulls = if index.nulls_are_equal { " NULLS NOT DISTINCT" } else { "" };
    let predicate = index.index.and_then(|index| index.predicate.as_ref());
    let predicate = predicate.map_or_else(String::new, |text| format!(" WHERE ({text})"));
    format!(
        "CREATE {unique}INDEX {} ON {schema}.{} USING btree ({parts}){nulls}{predicate}",
        quoted(index.name),
        quoted(&table.name)
    )
}
