//! TRUNCATE: all rows of tables, and with CASCADE of those that refer to them.

use marquetry_functions::{Condition, SqlError};
use sqlparser::ast::{self, CascadeOption, TruncateIdentityOption};

use super::lock::SharedTable;
use super::work::Work;
use super::{WriteContext, Written, named_table};
use crate::error::Result;
use crate::kv::LockMode;
use crate::sql::bind::Binder;
use crate::sql::catalog::{ColumnGeneration, Relation, SequenceState};

/// Runs a TRUNCATE.
pub(super) fn run(context: &WriteContext, truncate: &ast::Truncate) -> Result<Written> {
    if truncate.partitions.is_some() || truncate.on_cluster.is_some() || truncate.if_exists {
        return Err(SqlError::new(Condition::SyntaxError, "TRUNCATE has a clause that is not PostgreSQL's").into());
    }
    let tables = super::with_binder(context, |binder| named_tables(binder, truncate))?;
    let work = Work::new(context)?;
    for table in &tables {
        let target = work.target(table.id)?;
        let rows = loop {
            let rows = context.tables()?.all_rows(&table.rows)?;
            let primaries: Vec<Vec<u8>> = rows.iter().map(|(primary, _)| primary.to_vec()).collect();
            if context.lock_all(table, &primaries, LockMode::Update)? {
                break rows;
            }
        };
        for (_, row) in rows {
            work.delete(&target, row)?;
        }
        if matches!(truncate.identity, Some(TruncateIdentityOption::Restart)) {
            restart(context, table)?;
        }
    }
    // All who refer to the rows are gone with them.
    work.pending.take();
    work.finish()?;
    Ok(Written { command: "TRUNCATE TABLE", rows: 0, returned: None })
}

fn named_tables(binder: &Binder<'_>, truncate: &ast::Truncate) -> Result<Vec<SharedTable>> {
    let mut tables: Vec<SharedTable> = Vec::new();
    for target in &truncate.table_names {
        let table = named_table(binder, &target.name)?;
        if !tables.iter().any(|known| known.id == table.id) {
            tables.push(table);
        }
    }
    let mut next = 0;
    while let Some(table) = tables.get(next).cloned() {
        next += 1;
        for id in &table.referenced_by {
            let Some(referencing) = binder.catalog.table_by_id(*id)? else { continue };
            if tables.iter().any(|known| known.id == *id) {
                continue;
            }
            if !matches!(truncate.cascade, Some(CascadeOption::Cascade)) {
                // It may be named further behind.
                let is_named = truncate
                    .table_names
                    .iter()
                    .any(|target| named_table(binder, &target.name).is_ok_and(|named| named.id == *id));
                if !is_named {
                    return Err(referenced(&table, &referencing).into());
                }
            }
            tables.push(referencing);
        }
    }
    Ok(tables)
}

fn referenced(table: &SharedTable, referencing: &SharedTable) -> SqlError {
    SqlError::new(Condition::FeatureNotSupported, "cannot truncate a table referenced in a foreign key constraint")
        .detail(format!("Table \"{}\" references \"{}\".", referencing.name, table.name))
        .hint(format!("Truncate table \"{}\" at the same time, or use TRUNCATE ... CASCADE.", referencing.name))
}

/// Begins the identity columns of `table` anew.
fn restart(context: &WriteContext, table: &SharedTable) -> Result<()> {
    let shared = &context.source.shared;
    for column in &table.columns {
        let Some(ColumnGeneration::IdentityAlways(name) | ColumnGeneration::IdentityByDefault(name)) =
            &column.generation
        else {
            continue;
        };
        let catalog = crate::sql::catalog::Catalog::new(shared, &*context.source.reader);
        if let Some(Relation::Sequence(sequence)) = catalog.relation_in(&table.schema, name)? {
            let first = SequenceState { last: sequence.definition.start, is_called: false };
            shared.sql_catalog.numbers.set(&shared.keyspace, &sequence, first)?;
        }
    }
    Ok(())
}
