//! Views of the catalogue for people: pg_tables, pg_views, pg_indexes, pg_sequences, and what is counted of tables.

use super::rows::{indexes_of, oid, text};
use super::text::index_definition;
use super::{Look, PG_CATALOG, SystemRelation};
use crate::error::Result;
use crate::sql::catalog::SqlTable;
use crate::table::Value;

pub(super) static RELATIONS: &[SystemRelation] = &[
    SystemRelation {
        oid: 12_010,
        schema: PG_CATALOG,
        name: "pg_tables",
        columns: "schemaname name, tablename name, tableowner name, tablespace name, hasindexes bool, hasrules bool, \
                  hastriggers bool, rowsecurity bool",
        rows: tables,
    },
    SystemRelation {
        oid: 12_011,
        schema: PG_CATALOG,
        name: "pg_views",
        columns: "schemaname name, viewname name, viewowner name, definition text",
        rows: views,
    },
    SystemRelation {
        oid: 12_012,
        schema: PG_CATALOG,
        name: "pg_indexes",
        columns: "schemaname name, tablename name, indexname name, tablespace name, indexdef text",
        rows: indexes,
    },
    SystemRelation {
        oid: 12_013,
        schema: PG_CATALOG,
        name: "pg_sequences",
        columns: "schemaname name, sequencename name, sequenceowner name, data_type regtype, start_value int8, \
                  min_value int8, max_value int8, increment_by int8, cycle bool, cache_size int8, last_value int8",
        rows: sequences,
    },
    SystemRelation {
        oid: 12_014,
        schema: PG_CATALOG,
        name: "pg_stat_user_tables",
        columns: STATISTICS,
        rows: statistics,
    },
    SystemRelation {
        oid: 12_015,
        schema: PG_CATALOG,
        name: "pg_stat_all_tables",
        columns: STATISTICS,
        rows: statistics,
    },
    SystemRelation {
        oid: 12_016,
        schema: PG_CATALOG,
        name: "pg_matviews",
        columns: "schemaname name, matviewname name, matviewowner name, tablespace name, hasindexes bool, \
                  ispopulated bool, definition text",
        rows: |_| Ok(Vec::new()),
    },
];

const STATISTICS: &str = "relid oid, schemaname name, relname name, seq_scan int8, last_seq_scan timestamptz, \
    seq_tup_read int8, idx_scan int8, last_idx_scan timestamptz, idx_tup_fetch int8, n_tup_ins int8, n_tup_upd int8, \
    n_tup_del int8, n_tup_hot_upd int8, n_live_tup int8, n_dead_tup int8, last_vacuum timestamptz, \
    last_autovacuum timestamptz, last_analyze timestamptz, last_autoanalyze timestamptz, vacuum_count int8";

fn tables(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let owner = look.session.user();
    let row = |table: &std::sync::Arc<SqlTable>| {
        vec![
            text(table.schema.as_str()),
            text(table.name.as_str()),
            text(owner.as_str()),
            Value::Null,
            Value::Bool(!indexes_of(table).is_empty()),
            Value::Bool(false),
            Value::Bool(!table.foreign_keys.is_empty() || !table.referenced_by.is_empty()),
            Value::Bool(false),
        ]
    };
    let mut rows: Vec<Vec<Value>> = look.tables()?.iter().map(row).collect();
    for relation in look.system().filter(|relation| relation.schema == PG_CATALOG) {
        let mut values = vec![text(relation.schema), text(relation.name), text(owner.as_str()), Value::Null];
        values.extend((0..4).map(|_| Value::Bool(false)));
        rows.push(values);
    }
    Ok(rows)
}

fn views(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let owner = look.session.user();
    let row = |view: &std::sync::Arc<crate::sql::catalog::SqlView>| {
        let definition = format!(" {};", view.query);
        vec![text(view.schema.as_str()), text(view.name.as_str()), text(owner.as_str()), text(definition)]
    };
    Ok(look.views()?.iter().map(row).collect())
}

fn indexes(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        for index in indexes_of(&table) {
            rows.push(vec![
                text(table.schema.as_str()),
                text(table.name.as_str()),
                text(index.name),
                Value::Null,
                text(index_definition(&table, &index)),
            ]);
        }
    }
    Ok(rows)
}

fn sequences(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let owner = look.session.user();
    let shared = look.catalog.shared;
    let mut rows = Vec::new();
    for sequence in look.sequences()? {
        let definition = &sequence.definition;
        let state = shared.sql_catalog.numbers.state(&shared.keyspace, &sequence)?;
        rows.push(vec![
            text(sequence.schema.as_str()),
            text(sequence.name.as_str()),
            text(owner.as_str()),
            oid(definition.data_type.oid),
            Value::Int8(definition.start),
            Value::Int8(definition.minimum),
            Value::Int8(definition.maximum),
            Value::Int8(definition.increment),
            Value::Bool(definition.is_cycle),
            Value::Int8(definition.cache),
            if state.is_called { Value::Int8(state.last) } else { Value::Null },
        ]);
    }
    Ok(rows)
}

fn statistics(look: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for table in look.tables()? {
        let about = look.catalog.shared.tables.about_rows(look.catalog.reader, table.id)?;
        let mut row = vec![oid(table.oid), text(table.schema.as_str()), text(table.name.as_str())];
        row.extend((0..10).map(|_| Value::Null));
        row.extend([Value::Int8(i64::try_from(about).unwrap_or(i64::MAX)), Value::Int8(0)]);
        rows.push(row);
    }
    Ok(rows)
}
