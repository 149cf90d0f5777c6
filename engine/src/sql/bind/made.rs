//! Relations whose rows are made when the statement is bound: the system's own, and where a sequence is.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::Column;
use datafusion::datasource::provider_as_source;
use marquetry_functions::{Condition, SqlError, SqlType};

use super::Binder;
use super::join::Joined;
use super::scope::{Relations, ScopeColumn, ScopeRelation};
use super::with::{relation_of, scan};
use crate::error::Result;
use crate::sql::catalog::SqlSequence;
use crate::sql::execute::{Held, array_of};
use crate::sql::session::SessionContext;
use crate::sql::system::{Look, SystemRelation};
use crate::table::Value;

impl Binder<'_> {
    /// A relation of `pg_catalog` or `information_schema`.
    pub(super) fn system_relation(&self, relation: SystemRelation) -> Result<Joined> {
        let session = self.typing.environment().context::<SessionContext>();
        let session = session.ok_or_else(|| SqlError::new(Condition::InternalError, "there is no session"))?;
        let look = Look { catalog: self.catalog, session: &session };
        let batch = relation.batch(&look)?;
        self.made_relation(relation.schema, relation.name, relation.oid, relation.columns(), batch)
    }

    /// Where a sequence is, as one row.
    pub(super) fn sequence_relation(&self, sequence: &SqlSequence) -> Result<Joined> {
        let shared = self.catalog.shared;
        let state = shared.sql_catalog.numbers.state(&shared.keyspace, sequence)?;
        let columns = [
            ("last_value", SqlType::Int8, Value::Int8(state.last)),
            ("log_cnt", SqlType::Int8, Value::Int8(0)),
            ("is_called", SqlType::Bool, Value::Bool(state.is_called)),
        ];
        let arrays =
            columns.iter().map(|(name, sql_type, value)| Ok((*name, array_of([value].into_iter(), sql_type)?)));
        let batch = RecordBatch::try_from_iter(arrays.collect::<Result<Vec<_>>>()?);
        let batch = batch.map_err(|error| crate::sql::failure::from_datafusion(error.into()))?;
        let columns = columns.into_iter().map(|(name, sql_type, _)| (name.to_owned(), sql_type)).collect();
        self.made_relation(&sequence.schema, &sequence.name, sequence.oid, columns, batch)
    }

    fn made_relation(
        &self,
        schema: &str,
        name: &str,
        oid: u32,
        columns: Vec<(String, SqlType)>,
        batch: RecordBatch,
    ) -> Result<Joined> {
        let scan_name = self.fresh('s').name;
        let columns = columns.into_iter().enumerate().map(|(position, (name, sql_type))| ScopeColumn {
            name,
            column: Column::new(Some(scan_name.clone()), self.fresh('c').name),
            sql_type,
            type_modifier: -1,
            table_oid: oid,
            attribute: i16::try_from(position + 1).unwrap_or(i16::MAX),
        });
        let columns: Vec<ScopeColumn> = columns.collect();
        let held = Held::new(columns.iter().map(|column| (column.column.name.clone(), column.sql_type.arrow())));
        held.fill([batch])?;
        let plan = scan(&scan_name, provider_as_source(Arc::new(held)))?;
        let relation = ScopeRelation { schema: Some(schema.to_owned()), ..relation_of(name, columns) };
        Ok((plan, Relations::of(relation)))
    }
}
