//! The standard's views of the catalogue: `information_schema`.

use marquetry_functions::{SqlType, length_modifier, numeric_modifier};

use super::constraint::{Constraint, constraints_of};
use super::rows::{maybe, text, yes_or_no};
use super::server::DATABASE;
use super::text::generation_default;
use super::{INFORMATION_SCHEMA, Look, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::{ColumnGeneration, ForeignKeyAction, SqlTable, id_of};
use crate::table::Value;

const fn view(
    oid: u32,
    name: &'static str,
    columns: &'static str,
    rows: fn(&Look<'_>) -> Result<Vec<Vec<Value>>>,
) -> SystemRelation {
    SystemRelation { oid, schema: INFORMATION_SCHEMA, name, columns, rows }
}

fn none(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    Ok(Vec::new())
}

pub(super) static RELATIONS: &[SystemRelation] = &[
    view(
        13_101,
        "schemata",
        "catalog_name name, schema_name name, schema_owner name, default_character_set_catalog name, \
         default_character_set_schema name, default_character_set_name name, sql_path text",
        schemata,
    ),
    view(
        13_102,
        "tables",
        "table_catalog name, table_schema name, table_name name, table_type text, self_referencing_column_name name, \
         reference_generation text, user_defined_type_catalog name, user_defined_type_schema name, \
         user_defined_type_name name, is_insertable_into text, is_typed text, commit_action text",
        tables,
    ),
    view(
        13_103,
        "columns",
        "table_catalog name, table_schema name, table_name name, column_name name, ordinal_position int4, \
         column_default text, is_nullable text, data_type text, character_maximum_length int4, \
         character_octet_length int4, numeric_precision int4, numeric_precision_radix int4, numeric_scale int4, \
         datetime_precision int4, interval_type text, interval_precision int4, character_set_catalog name, \
         character_set_schema name, character_set_name name, collation_catalog name, collation_schema name, \
         collation_name name, domain_catalog name, domain_schema name, domain_name name, udt_catalog name, \
         udt_schema name, udt_name name, scope_catalog name, scope_schema name, scope_name name, \
         maximum_cardinality int4, dtd_identifier name, is_self_referencing text, is_identity text, \
         identity_generation text, identity_start text, identity_increment text, identity_maximum text, \
         identity_minimum text, identity_cycle text, is_generated text, generation_expression text, \
         is_updatable text",
        columns,
    ),
    view(
        13_104,
        "views",
        "table_catalog name, table_schema name, table_name name, view_definition text, check_option text, \
         is_updatable text, is_insertable_into text, is_trigger_updatable text, is_trigger_deletable text, \
         is_trigger_insertable_into text",
        views,
    ),
    view(
        13_105,
        "table_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, \
         table_schema name, table_name name, constraint_type text, is_deferrable text, initially_deferred text, \
         enforced text, nulls_distinct text",
        table_constraints,
    ),
    view(
        13_106,
        "key_column_usage",
        "constraint_catalog name, constraint_schema name, constraint_name name, table_catalog name, \
         table_schema name, table_name name, column_name name, ordinal_position int4, \
         position_in_unique_constraint int4",
        key_columns,
    ),
    view(
        13_107,
        "constraint_column_usage",
        "table_catalog name, table_schema name, table_name name, column_name name, constraint_catalog name, \
         constraint_schema name, constraint_name name",
        constraint_columns,
    ),
    view(
        13_108,
        "referential_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, unique_constraint_catalog name, \
         unique_constraint_schema name, unique_constraint_name name, match_option text, update_rule text, \
         delete_rule text",
        references,
    ),
    view(
        13_109,
        "check_constraints",
        "constraint_catalog name, constraint_schema name, constraint_name name, check_clause text",
        checks,
    ),
    view(
        13_110,
        "sequences",
        "sequence_catalog name, sequence_schema name, sequence_name name, data_type text, numeric_precision int4, \
         numeric_precision_radix int4, numeric_scale int4, start_value text, minimum_value text, \
         maximum_value text, increment text, cycle_option text",
        sequences,
    ),
    view(
        13_111,
        "element_types",
        "object_catalog name, object_schema name, object_name name, object_type text, \
         collection_type_identifier name, data_type text, character_maximum_length int4, udt_catalog name, \
         udt_schema name, udt_name name",
        elements,
    ),
    view(
        13_112,
        "routines",
        "specific_catalog name, specific_schema name, specific_name name, routine_catalog name, routine_schema name, \
         routine_name name, routine_type text, data_type text, external_language text, routine_definition text",
        none,
    ),
    view(
        13_113,
        "parameters",
        "specific_catalog name, specific_schema name, specific_name name, ordinal_position int4, parameter_mode text, \
         parameter_name name, data_type text",
        none,
    ),
    view(
        13_114,
        "triggers",
        "trigger_catalog name, trigger_schema name, trigger_name name, event_manipulation text, \
         event_object_catalog name, event_object_schema name, event_object_table name, action_statement text, \
         action_timing text",
        none,
    ),
    view(
        13_115,
        "domains",
        "domain_catalog name, domain_schema name, domain_name name, data_type text, udt_name name",
        none,
    ),
    view(
        13_116,
        "table_privileges",
        "grantor name, grantee name, table_catalog name, table_schema name, table_name name, privilege_type text, \
         is_grantable text, with_hierarchy text",
        none,
    ),
    view(
        13_117,
        "column_udt_usage",
        "udt_catalog name, udt_schema name, udt_name name, table_catalog name, table_schema name, table_name name, \
         column_name name",
        none,
    ),
    view(13_118, "information_schema_catalog_name", "catalog_name name", |_| Ok(vec![vec![text(DATABASE)]])),
    view(13_119, "character_sets", "character_set_name name, default_collate_name name", |_| {
        Ok(vec![vec![text("UTF8"), text("C")]])
    }),
];

fn schemata(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let owner = look.session.user();
    let schemas = look.schemas()?;
    Ok(schemas.into_iter().map(|schema| vec![text(DATABASE), text(schema.name), text(owner.as_str())]).collect())
}

fn tables(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |schema: &str, name: &str, kind: &str, is_insertable: bool| {
        let mut values = vec![text(DATABASE), text(schema), text(name), text(kind)];
        values.extend((0..5).map(|_| Value::Null));
        values.extend([yes_or_no(is_insertable), yes_or_no(false), Value::Null]);
        values
    };
    let mut rows: Vec<Vec<Value>> =
        look.tables()?.iter().map(|table| row(&table.schema, &table.name, "BASE TABLE", true)).collect();
    rows.extend(look.views()?.iter().map(|view| row(&view.schema, &view.name, "VIEW", false)));
    for relation in look.system() {
        let kind = if relation.schema == INFORMATION_SCHEMA { "VIEW" } else { "BASE TABLE" };
        rows.push(row(relation.schema, relation.name, kind, false));
    }
    Ok(rows)
}

/// The type of a column as the standard words it.
fn data_type(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Array(_) => "ARRAY".to_owned(),
        SqlType::Enum(_) => "USER-DEFINED".to_owned(),
        other => other.name(),
    }
}

/// Length, octets, precision, radix, scale and digits of seconds.
fn sizes(sql_type: &SqlType, type_modifier: i32) -> [Value; 6] {
    let number = |number: i64| Value::Int4(i32::try_from(number).unwrap_or(i32::MAX));
    let null = || Value::Null;
    match sql_type {
        SqlType::Varchar | SqlType::Bpchar => match length_modifier(type_modifier) {
            Some(length) => {
                let length = i64::try_from(length).unwrap_or(i64::MAX);
                [number(length), number(length * 4), null(), null(), null(), null()]
            }
            None => [null(), number(1 << 30), null(), null(), null(), null()],
        },
        SqlType::Text => [null(), number(1 << 30), null(), null(), null(), null()],
        SqlType::Int2 => [null(), null(), number(16), number(2), number(0), null()],
        SqlType::Int4 => [null(), null(), number(32), number(2), number(0), null()],
        SqlType::Int8 => [null(), null(), number(64), number(2), number(0), null()],
        SqlType::Float4 => [null(), null(), number(24), number(2), null(), null()],
        SqlType::Float8 => [null(), null(), number(53), number(2), null(), null()],
        SqlType::Numeric(_) => match numeric_modifier(type_modifier) {
            Some((precision, scale)) => {
                [null(), null(), number(i64::from(precision)), number(10), number(i64::from(scale)), null()]
            }
            None => [null(), null(), null(), number(10), null(), null()],
        },
        SqlType::Date => [null(), null(), null(), null(), null(), number(0)],
        SqlType::Time | SqlType::TimeTz | SqlType::Timestamp | SqlType::TimestampTz | SqlType::Interval => {
            let digits = if (0..=6).contains(&type_modifier) { i64::from(type_modifier) } else { 6 };
            [null(), null(), null(), null(), null(), number(digits)]
        }
        _ => [null(), null(), null(), null(), null(), null()],
    }
}

/// What is the same of columns of tables and of views.
struct ColumnRow<'c> {
    schema: &'c str,
    relation: &'c str,
    name: &'c str,
    number: i16,
    default: Option<String>,
    is_nullable: bool,
    sql_type: &'c SqlType,
    type_modifier: i32,
    generation: Option<&'c ColumnGeneration>,
    is_updatable: bool,
}

impl ColumnRow<'_> {
    fn row(self) -> Vec<Value> {
        let nulls = |count: usize| (0..count).map(|_| Value::Null);
        let mut row = vec![text(DATABASE), text(self.schema), text(self.relation), text(self.name)];
        row.extend([Value::Int4(i32::from(self.number)), maybe(self.default.as_ref()), yes_or_no(self.is_nullable)]);
        row.push(text(data_type(self.sql_type)));
        row.extend(sizes(self.sql_type, self.type_modifier));
        row.extend(nulls(11));
        let (schema, name) = match self.sql_type {
            SqlType::Enum(found) => match found.name.split_once('.') {
                Some((schema, _)) => (schema.trim_matches('"').to_owned(), self.sql_type.type_name()),
                None => ("public".to_owned(), self.sql_type.type_name()),
            },
            other => ("pg_catalog".to_owned(), other.type_name()),
        };
        row.extend([text(DATABASE), text(schema), text(name)]);
        row.extend(nulls(4));
        row.extend([text(self.number.to_string()), yes_or_no(false)]);
        let identity = match self.generation {
            Some(ColumnGeneration::IdentityAlways(_)) => Some("ALWAYS"),
            Some(ColumnGeneration::IdentityByDefault(_)) => Some("BY DEFAULT"),
            Some(ColumnGeneration::Stored(_)) | None => None,
        };
        row.extend([yes_or_no(identity.is_some()), identity.map_or(Value::Null, text)]);
        row.extend(nulls(4));
        row.push(yes_or_no(false));
        match self.generation {
            Some(ColumnGeneration::Stored(expression)) => row.extend([text("ALWAYS"), text(format!("({expression})"))]),
            _ => row.extend([text("NEVER"), Value::Null]),
        }
        row.push(yes_or_no(self.is_updatable));
        row
    }
}

fn columns(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        for column in &table.columns {
            let is_stored = matches!(column.generation, Some(ColumnGeneration::Stored(_)));
            rows.push(
                ColumnRow {
                    schema: &table.schema,
                    relation: &table.name,
                    name: &column.name,
                    number: column.attribute,
                    default: if is_stored { None } else { generation_default(column) },
                    is_nullable: !column.not_null,
                    sql_type: &column.sql_type,
                    type_modifier: column.type_modifier,
                    generation: column.generation.as_ref(),
                    is_updatable: true,
                }
                .row(),
            );
        }
    }
    for view in look.views()? {
        for (place, (name, (sql_type, type_modifier, _))) in view.columns.iter().zip(&view.column_types).enumerate() {
            rows.push(plain(&view.schema, &view.name, name, place, sql_type, *type_modifier));
        }
    }
    for relation in look.system() {
        for (place, (name, sql_type)) in relation.columns().iter().enumerate() {
            rows.push(plain(relation.schema, relation.name, name, place, sql_type, -1));
        }
    }
    Ok(rows)
}

fn plain(schema: &str, relation: &str, name: &str, place: usize, sql_type: &SqlType, type_modifier: i32) -> Vec<Value> {
    ColumnRow {
        schema,
        relation,
        name,
        number: i16::try_from(place + 1).unwrap_or(i16::MAX),
        default: None,
        is_nullable: true,
        sql_type,
        type_modifier,
        generation: None,
        is_updatable: false,
    }
    .row()
}

fn views(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |view: &std::sync::Arc<crate::sql::catalog::SqlView>| {
        let definition = format!(" {};", view.query);
        let mut row = vec![text(DATABASE), text(view.schema.as_str()), text(view.name.as_str()), text(definition)];
        row.push(text("NONE"));
        row.extend((0..5).map(|_| yes_or_no(false)));
        row
    };
    Ok(look.views()?.iter().map(row).collect())
}

/// `each` for every constraint of every table.
fn of_constraints(
    look: &Look<'_>,
    mut each: impl FnMut(&SqlTable, &Constraint, &mut Vec<Vec<Value>>) -> Result<()>,
) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        for constraint in constraints_of(look, &table)? {
            each(&table, &constraint, &mut rows)?;
        }
    }
    Ok(rows)
}

fn named(table: &SqlTable, constraint: &Constraint) -> [Value; 3] {
    [text(DATABASE), text(table.schema.as_str()), text(constraint.name.as_str())]
}

fn table_constraints(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    of_constraints(look, |table, constraint, rows| {
        let kind = match constraint.kind {
            'p' => "PRIMARY KEY",
            'u' => "UNIQUE",
            'c' => "CHECK",
            _ => "FOREIGN KEY",
        };
        let mut row: Vec<Value> = named(table, constraint).into();
        row.extend([text(DATABASE), text(table.schema.as_str()), text(table.name.as_str()), text(kind)]);
        row.extend([yes_or_no(constraint.is_deferrable), yes_or_no(constraint.is_deferred), yes_or_no(true)]);
        row.push(if constraint.kind == 'u' { yes_or_no(true) } else { Value::Null });
        rows.push(row);
        Ok(())
    })
}

fn column_name(table: &SqlTable, attribute: i16) -> Value {
    let column = table.columns.iter().find(|column| column.attribute == attribute);
    column.map_or(Value::Null, |column| text(column.name.as_str()))
}

fn key_columns(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    of_constraints(look, |table, constraint, rows| {
        if constraint.kind == 'c' {
            return Ok(());
        }
        for (place, attribute) in constraint.columns.iter().enumerate() {
            let place = Value::Int4(i32::try_from(place + 1).unwrap_or(i32::MAX));
            let mut row: Vec<Value> = named(table, constraint).into();
            row.extend([text(DATABASE), text(table.schema.as_str()), text(table.name.as_str())]);
            row.extend([column_name(table, *attribute), place.clone()]);
            row.push(if constraint.kind == 'f' { place } else { Value::Null });
            rows.push(row);
        }
        Ok(())
    })
}

fn constraint_columns(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    of_constraints(look, |table, constraint, rows| {
        let referenced = match id_of(constraint.referenced).filter(|_| constraint.kind == 'f') {
            Some(id) => look.catalog.table_by_id(id)?,
            None => None,
        };
        let (about, attributes) = match &referenced {
            Some(referenced) => (&**referenced, &constraint.referenced_columns),
            None => (table, &constraint.columns),
        };
        for attribute in attributes {
            let mut row = vec![text(DATABASE), text(about.schema.as_str()), text(about.name.as_str())];
            row.push(column_name(about, *attribute));
            row.extend(named(table, constraint));
            rows.push(row);
        }
        Ok(())
    })
}

fn rule(action: ForeignKeyAction) -> Value {
    text(match action {
        ForeignKeyAction::NoAction => "NO ACTION",
        ForeignKeyAction::Restrict => "RESTRICT",
        ForeignKeyAction::Cascade => "CASCADE",
        ForeignKeyAction::SetNull => "SET NULL",
        ForeignKeyAction::SetDefault => "SET DEFAULT",
    })
}

fn references(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    of_constraints(look, |table, constraint, rows| {
        let Some((update, delete, full)) = constraint.actions else { return Ok(()) };
        let referenced = id_of(constraint.referenced).map(|id| look.catalog.table_by_id(id)).transpose()?.flatten();
        let mut row: Vec<Value> = named(table, constraint).into();
        match &referenced {
            Some(referenced) => {
                let index = super::rows::indexes_of(referenced).into_iter().find(|index| index.oid == constraint.index);
                row.extend([text(DATABASE), text(referenced.schema.as_str())]);
                row.push(index.map_or(Value::Null, |index| text(index.name)));
            }
            None => row.extend((0..3).map(|_| Value::Null)),
        }
        row.extend([text(if full { "FULL" } else { "NONE" }), rule(update), rule(delete)]);
        rows.push(row);
        Ok(())
    })
}

fn checks(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    of_constraints(look, |table, constraint, rows| {
        if let Some(expression) = &constraint.expression {
            let mut row: Vec<Value> = named(table, constraint).into();
            row.push(text(format!("({expression})")));
            rows.push(row);
        }
        Ok(())
    })
}

fn sequences(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |sequence: &std::sync::Arc<crate::sql::catalog::SqlSequence>| {
        let definition = &sequence.definition;
        let sql_type = SqlType::from_oid(definition.data_type.oid).unwrap_or(SqlType::Int8);
        let bits = i32::from(sql_type.type_length()) * 8;
        let mut row = vec![text(DATABASE), text(sequence.schema.as_str()), text(sequence.name.as_str())];
        row.extend([text(sql_type.name()), Value::Int4(bits), Value::Int4(2), Value::Int4(0)]);
        let numbers = [definition.start, definition.minimum, definition.maximum, definition.increment];
        row.extend(numbers.map(|number| text(number.to_string())));
        row.push(yes_or_no(definition.is_cycle));
        row
    };
    Ok(look.sequences()?.iter().filter(|sequence| !sequence.definition.is_identity).map(row).collect())
}

fn elements(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        for column in &table.columns {
            let SqlType::Array(element) = &column.sql_type else { continue };
            let mut row = vec![text(DATABASE), text(table.schema.as_str()), text(table.name.as_str()), text("TABLE")];
            row.extend([text(column.attribute.to_string()), text(data_type(element)), Value::Null, text(DATABASE)]);
            let schema = if matches!(**element, SqlType::Enum(_)) { "public" } else { "pg_catalog" };
            row.extend([text(schema), text(element.type_name())]);
            rows.push(row);
        }
    }
    Ok(rows)
}
