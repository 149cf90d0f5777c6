//! Relations and indexes: pg_namespace, pg_class, pg_index, pg_sequence.

use super::rows::{attributes, indexes_of, int2, int2s, oid, oids, text};
use super::{Look, OWNER_OID, PG_CATALOG, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::SqlTable;
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 2615,
        schema: PG_CATALOG,
        name: "pg_namespace",
        columns: "oid oid, nspname name, nspowner oid, nspacl text[]",
        rows: namespaces,
    },
    SystemRelation {
        oid: 1259,
        schema: PG_CATALOG,
        name: "pg_class",
        columns: "oid oid, relname name, relnamespace oid, reltype oid, reloftype oid, relowner oid, relam oid, \
                  relfilenode oid, reltablespace oid, relpages int4, reltuples float4, relallvisible int4, \
                  reltoastrelid oid, relhasindex bool, relisshared bool, relpersistence char, relkind char, \
                  relnatts int2, relchecks int2, relhasrules bool, relhastriggers bool, relhassubclass bool, \
                  relrowsecurity bool, relforcerowsecurity bool, relispopulated bool, relreplident char, \
                  relispartition bool, relrewrite oid, relfrozenxid xid, relminmxid xid, relacl text[], \
                  reloptions text[], relpartbound text",
        rows: classes,
    },
    SystemRelation {
        oid: 2610,
        schema: PG_CATALOG,
        name: "pg_index",
        columns: "indexrelid oid, indrelid oid, indnatts int2, indnkeyatts int2, indisunique bool, \
                  indnullsnotdistinct bool, indisprimary bool, indisexclusion bool, indimmediate bool, \
                  indisclustered bool, indisvalid bool, indcheckxmin bool, indisready bool, indislive bool, \
                  indisreplident bool, indkey int2[], indcollation oid[], indclass oid[], indoption int2[], \
                  indexprs text, indpred text",
        rows: indexes,
    },
    SystemRelation {
        oid: 2224,
        schema: PG_CATALOG,
        name: "pg_sequence",
        columns: "seqrelid oid, seqtypid oid, seqstart int8, seqincrement int8, seqmax int8, seqmin int8, \
                  seqcache int8, seqcycle bool",
        rows: sequences,
    },
];

fn namespaces(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let schemas = look.schemas()?;
    Ok(schemas.into_iter().map(|schema| vec![oid(schema.oid), text(schema.name), oid(OWNER_OID)]).collect())
}

/// What the catalogue says of one relation or index.
struct Class {
    oid: u32,
    name: String,
    schema: Value,
    kind: char,
    access_method: u32,
    columns: usize,
    checks: usize,
    rows: f32,
    has_index: bool,
    has_triggers: bool,
}

impl Class {
    fn new(oid: u32, name: &str, schema: Value, kind: char, columns: usize) -> Self {
        Class {
            oid,
            name: name.to_owned(),
            schema,
            kind,
            access_method: 0,
            columns,
            checks: 0,
            rows: 0.0,
            has_index: false,
            has_triggers: false,
        }
    }

    fn row(self) -> Vec<Value> {
        let no = || Value::Bool(false);
        vec![
            oid(self.oid),
            text(self.name),
            self.schema,
            oid(0),
            oid(0),
            oid(OWNER_OID),
            oid(self.access_method),
            oid(self.oid),
            oid(0),
            Value::Int4(0),
            Value::Float4(self.rows),
            Value::Int4(0),
            oid(0),
            Value::Bool(self.has_index),
            no(),
            text("p"),
            text(self.kind.to_string()),
            int2(self.columns),
            int2(self.checks),
            Value::Bool(self.kind == 'v'),
            Value::Bool(self.has_triggers),
            no(),
            no(),
            no(),
            Value::Bool(true),
            text(if self.kind == 'r' { "d" } else { "n" }),
            no(),
            oid(0),
            oid(0),
            oid(0),
        ]
    }
}

/// The number of columns that clients may count with: those that were dropped count.
pub(super) fn attribute_count(table: &SqlTable) -> usize {
    table.columns.iter().map(|column| usize::try_from(column.attribute).unwrap_or(0)).max().unwrap_or(0)
}

fn classes(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        let schema = look.schema(&table.schema)?;
        let about = look.catalog.shared.tables.about_rows(look.catalog.reader, table.id)?;
        let class = Class::new(table.oid, &table.name, schema.clone(), 'r', attribute_count(&table));
        rows.push(
            Class {
                access_method: 2,
                checks: table.checks.len(),
                rows: about as f32,
                has_index: !indexes_of(&table).is_empty(),
                has_triggers: !table.foreign_keys.is_empty() || !table.referenced_by.is_empty(),
                ..class
            }
            .row(),
        );
        for index in indexes_of(&table) {
            let class = Class::new(index.oid, index.name, schema.clone(), 'i', index.positions.len());
            rows.push(Class { access_method: 403, rows: about as f32, ..class }.row());
        }
    }
    for view in look.views()? {
        let schema = look.schema(&view.schema)?;
        rows.push(Class::new(view.oid, &view.name, schema, 'v', view.columns.len()).row());
    }
    for sequence in look.sequences()? {
        let schema = look.schema(&sequence.schema)?;
        rows.push(Class::new(sequence.oid, &sequence.name, schema, 'S', 3).row());
    }
    for relation in look.system() {
        let kind = if relation.schema == PG_CATALOG { 'r' } else { 'v' };
        let schema = look.schema(relation.schema)?;
        rows.push(Class::new(relation.oid, relation.name, schema, kind, relation.columns().len()).row());
    }
    Ok(rows)
}

fn indexes(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        for index in indexes_of(&table) {
            let count = index.positions.len();
            let options = (0..count).map(|part| {
                let order = index.index.and_then(|index| index.orders.get(part)).copied().unwrap_or_default();
                i16::from(order.is_descending) | (i16::from(order.nulls_first) << 1)
            });
            let expressions =
                index.index.map(|index| index.expressions.iter().flatten().cloned().collect::<Vec<_>>().join(", "));
            let yes = || Value::Bool(true);
            rows.push(vec![
                oid(index.oid),
                oid(table.oid),
                int2(count),
                int2(count),
                Value::Bool(index.is_unique),
                Value::Bool(index.nulls_are_equal),
                Value::Bool(index.is_primary),
                Value::Bool(false),
                yes(),
                Value::Bool(false),
                yes(),
                Value::Bool(false),
                yes(),
                yes(),
                Value::Bool(false),
                int2s(attributes(&table, index.positions)),
                oids((0..count).map(|_| 0)),
                oids(index.positions.iter().map(|position| super::types::operator_class(&table, *position))),
                int2s(options),
                expressions.filter(|text| !text.is_empty()).map_or(Value::Null, Value::Text),
                index.index.and_then(|index| index.predicate.clone()).map_or(Value::Null, Value::Text),
            ]);
        }
    }
    Ok(rows)
}

fn sequences(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let row = |sequence: &std::sync::Arc<crate::sql::catalog::SqlSequence>| {
        let definition = &sequence.definition;
        vec![
            oid(sequence.oid),
            oid(definition.data_type.oid),
            Value::Int8(definition.start),
            Value::Int8(definition.increment),
            Value::Int8(definition.maximum),
            Value::Int8(definition.minimum),
            Value::Int8(definition.cache),
            Value::Bool(definition.is_cycle),
        ]
    };
    Ok(look.sequences()?.iter().map(row).collect())
}
