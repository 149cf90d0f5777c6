//! COMMENT ON.

use marquetry_functions::Condition;
use sqlparser::ast::{CommentObject, Ident, ObjectName, ObjectNamePart};

use super::draft::Draft;
use super::name::{no_column, parts_of, schema_and_name, shown};
use super::{DefineContext, enumeration, fail, index, no_schema, unsupported};
use crate::catalog::{self, ObjectKind};
use crate::error::Result;
use crate::sql::catalog::{
    Relation, SqlView, StoredEnum, StoredSchema, StoredSequence, StoredView, object_name, schema_object_name,
};

pub(super) fn comment(
    context: &DefineContext<'_>,
    object_type: &CommentObject,
    name: &ObjectName,
    comment: Option<&str>,
    if_exists: bool,
) -> Result<()> {
    if if_exists {
        return Err(unsupported("IF EXISTS of COMMENT"));
    }
    let text = comment.filter(|text| !text.is_empty()).map(str::to_owned);
    match object_type {
        CommentObject::Table | CommentObject::View | CommentObject::Sequence => {
            let Some(relation) = context.relation(name)? else { return Err(super::name::no_relation(name)?) };
            on_relation(context, object_type, &relation, name, text)
        }
        CommentObject::Column => on_column(context, name, text),
        CommentObject::Index => {
            let (table, found) = index::find(context, name)?;
            let mut draft = Draft::of(&table)?;
            for rules in draft.rules.indexes.iter_mut().filter(|rules| rules.name == found) {
                rules.comment.clone_from(&text);
            }
            draft.save(context).map(drop)
        }
        CommentObject::Type => {
            let found = enumeration::find(context, name)?;
            edit(context, ObjectKind::Type, &object_name(&found.schema, &found.name), |bytes| {
                let mut stored = StoredEnum::decode(bytes)?;
                stored.comment = text.clone();
                stored.encode()
            })
        }
        CommentObject::Schema => {
            let schema = parts_of(name)?.pop().unwrap_or_default();
            if !context.catalog().has_schema(&schema)? {
                return Err(no_schema(&schema));
            }
            if super::is_public(&schema) {
                return Err(unsupported("a comment on schema public"));
            }
            let stored = StoredSchema { comment: text };
            edit(context, ObjectKind::Schema, &schema_object_name(&schema), |_| stored.encode())
        }
        other => Err(unsupported(format!("COMMENT ON {other}"))),
    }
}

/// Gives an object of the catalogue the definition that `change` makes of the one it has.
fn edit(
    context: &DefineContext<'_>,
    kind: ObjectKind,
    name: &str,
    change: impl FnOnce(&[u8]) -> Result<Vec<u8>>,
) -> Result<()> {
    let transaction = context.transaction.inner;
    let entry = catalog::find(transaction, kind, name)?;
    let definition = change(&entry.definition)?;
    context.shared.tables.redefine_object(transaction, name, &entry, definition)
}

fn on_relation(
    context: &DefineContext<'_>,
    object_type: &CommentObject,
    relation: &Relation,
    name: &ObjectName,
    text: Option<String>,
) -> Result<()> {
    match (object_type, relation) {
        (CommentObject::Table, Relation::Table(table)) => {
            let mut draft = Draft::of(table)?;
            draft.rules.comment = text;
            draft.save(context).map(drop)
        }
        (CommentObject::View, Relation::View(view)) => edit_view(context, view, |stored| stored.comment = text),
        (CommentObject::Sequence, Relation::Sequence(sequence)) => {
            let name = object_name(&sequence.schema, &sequence.name);
            edit(context, ObjectKind::Sequence, &name, |bytes| {
                let mut stored = StoredSequence::decode(bytes)?;
                stored.comment = text;
                stored.encode()
            })
        }
        (kind, _) => {
            let kind = kind.to_string().to_lowercase();
            fail(Condition::WrongObjectType, format!("\"{}\" is not a {kind}", shown(name)?))
        }
    }
}

fn edit_view(context: &DefineContext<'_>, view: &SqlView, change: impl FnOnce(&mut StoredView)) -> Result<()> {
    edit(context, ObjectKind::View, &object_name(&view.schema, &view.name), |bytes| {
        let mut stored = StoredView::decode(bytes)?;
        change(&mut stored);
        stored.encode()
    })
}

fn on_column(context: &DefineContext<'_>, name: &ObjectName, text: Option<String>) -> Result<()> {
    let (relation, column) = match parts_of(name)?.split_last() {
        Some((column, rest)) if !rest.is_empty() => (rest.to_vec(), column.clone()),
        _ => return fail(Condition::SyntaxError, "column name must be qualified"),
    };
    let quoted = |part: &String| ObjectNamePart::Identifier(Ident::with_quote('"', part.clone()));
    let relation_name = ObjectName(relation.iter().map(quoted).collect());
    let shown = schema_and_name(&relation_name)?.1;
    match context.relation(&relation_name)? {
        Some(Relation::Table(table)) => {
            let number = table.column_named(&column)?.number;
            let mut draft = Draft::of(&table)?;
            draft.column_mut(number)?.comment = text;
            draft.save(context).map(drop)
        }
        Some(Relation::View(view)) => {
            if !view.columns.contains(&column) {
                return Err(no_column(&column, &shown));
            }
            edit_view(context, &view, |stored| {
                for found in stored.columns.iter_mut().filter(|found| found.name == column) {
                    found.comment.clone_from(&text);
                }
            })
        }
        _ => Err(super::name::no_relation(&relation_name)?),
    }
}
