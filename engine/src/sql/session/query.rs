//! Running queries: bind, prelude, plan, rows.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::physical_plan::ExecutionPlan;
use marquetry_functions::{SqlType, Typing};
use sqlparser::ast;

use super::Session;
use super::prepared::described;
use super::rows::{Outcome, Rows};
use crate::error::Result;
use crate::sql::bind::{Binder, BoundQuery, Correlation, Prelude};
use crate::sql::catalog::Catalog;
use crate::sql::execute::Source;
use crate::table::Value;

/// The values of a statement's parameters, with their types.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters {
    pub(crate) types: Vec<SqlType>,
    pub(crate) values: Vec<Value>,
}

/// How a query is run.
pub(crate) enum Plan {
    /// It was answered by key.
    Done(Vec<RecordBatch>),
    Physical(Arc<dyn ExecutionPlan>),
}

impl Plan {
    /// All rows.
    pub(crate) fn collect(self, source: &Arc<Source>) -> Result<Vec<RecordBatch>> {
        match self {
            Plan::Done(batches) => Ok(batches),
            Plan::Physical(plan) => source.executor()?.run(plan, source.interrupter.clone())?.collect(),
        }
    }
}

/// A query that is ready to run.
pub(crate) struct Planned {
    pub(crate) bound: BoundQuery,
    pub(crate) plan: Plan,
    pub(crate) preludes: Vec<Prelude>,
}

/// Binds and plans what `bind` binds; with subqueries as joins first, and, where that does not work, applied.
pub(crate) fn planned(
    session: &super::SessionContext,
    environment: &Arc<marquetry_functions::Environment>,
    source: &Arc<Source>,
    parameters: &Parameters,
    bind: impl Fn(&Binder<'_>) -> Result<BoundQuery>,
) -> Result<Planned> {
    let executor = source.executor()?;
    let catalog = Catalog::new(&source.shared, &*source.reader);
    let search_path = session.search_path();
    for correlation in [Correlation::Join, Correlation::Apply] {
        let types = parameters.types.iter().cloned().map(Some).collect();
        let typing = Typing::new(environment.clone(), source.shared.sql.registry(), types);
        let binder = Binder::with_parameters(&catalog, &typing, source.clone(), &search_path, correlation, parameters)?;
        let bound = bind(&binder)?;
        let is_auto = session.settings.read().path() != "relational";
        if is_auto
            && binder.preludes.borrow().is_empty()
            && let Some(batches) = crate::sql::execute::direct(&bound.plan)?
        {
            return Ok(Planned { bound, plan: Plan::Done(batches), preludes: Vec::new() });
        }
        match executor.physical(&bound.plan).map(Plan::Physical) {
            Ok(plan) => return Ok(Planned { bound, plan, preludes: binder.preludes.take() }),
            Err(_) if correlation == Correlation::Join && binder.met_correlation.get() => {}
            Err(error) => return Err(error),
        }
    }
    Err(crate::error::Error::unsupported("the statement cannot be planned"))
}

impl Session {
    /// What the next statement reads: the open transaction, or what is committed.
    pub(super) fn source(&mut self) -> Result<Arc<Source>> {
        let reader = match &self.open {
            Some(open) => open.reader()?,
            None => Arc::new(self.database.snapshot()?.inner) as Arc<dyn crate::kv::Reader>,
        };
        let shared = self.database.shared.clone();
        Ok(Arc::new(Source { shared, reader, interrupter: self.interrupter.clone() }))
    }

    pub(crate) fn run_query(&mut self, query: &ast::Query, parameters: &Parameters) -> Result<Outcome> {
        if needs_transaction(query) {
            return self.in_transaction(|session, transaction| {
                let source = session.source_of(transaction);
                session.query_in(&source, query, parameters, true)
            });
        }
        let source = self.source()?;
        self.query_in(&source, query, parameters, false)
    }

    /// Runs `query` over `source`; collected at once when its transaction ends with the statement.
    fn query_in(
        &mut self,
        source: &Arc<Source>,
        query: &ast::Query,
        parameters: &Parameters,
        is_at_once: bool,
    ) -> Result<Outcome> {
        self.context.set_source(Some(source.clone()));
        loop {
            if let Some(outcome) = self.query_once(source, query, parameters, is_at_once)? {
                return Ok(outcome);
            }
        }
    }

    /// As [`Session::query_in`]; nothing when a row that was to be locked had changed, so that it has to be read again.
    fn query_once(
        &mut self,
        source: &Arc<Source>,
        query: &ast::Query,
        parameters: &Parameters,
        is_at_once: bool,
    ) -> Result<Option<Outcome>> {
        let planned =
            planned(&self.context, &self.environment, source, parameters, |binder| binder.query(query, None))?;
        for prelude in planned.preludes {
            self.run_prelude(source, prelude, parameters)?;
        }
        let columns = described(&planned.bound.columns);
        let executor = source.executor()?;
        let plan = match planned.plan {
            Plan::Done(batches) if planned.bound.locks.is_empty() => {
                return Ok(Some(Outcome::Rows(Rows::batches(columns, batches, "SELECT"))));
            }
            Plan::Done(batches) => {
                let batches = self.locked(source, batches, &planned.bound)?;
                return Ok(batches.map(|batches| Outcome::Rows(Rows::batches(columns, batches, "SELECT"))));
            }
            Plan::Physical(plan) => plan,
        };
        let running = executor.run(plan, self.interrupter.clone())?;
        if planned.bound.locks.is_empty() && !is_at_once {
            return Ok(Some(Outcome::Rows(Rows::running(columns, running))));
        }
        let batches = running.collect()?;
        let batches = match planned.bound.locks.is_empty() {
            true => Some(batches),
            false => self.locked(source, batches, &planned.bound)?,
        };
        Ok(batches.map(|batches| Outcome::Rows(Rows::batches(columns, batches, "SELECT"))))
    }

    /// Does what has to be done before the statement, and keeps its rows for it.
    pub(super) fn run_prelude(
        &mut self,
        source: &Arc<Source>,
        prelude: Prelude,
        parameters: &Parameters,
    ) -> Result<()> {
        use crate::sql::bind::PreludeBody;
        let executor = source.executor()?;
        match prelude.body {
            PreludeBody::Query(bound) => {
                let batches = executor.collect(&bound.plan, &self.interrupter)?;
                prelude.rows.fill(batches)
            }
            PreludeBody::Change(statement) => {
                let written = self.write_in(source, &statement, parameters)?;
                prelude.rows.fill(written.batch()?)
            }
        }
    }

    fn locked(
        &mut self,
        source: &Arc<Source>,
        batches: Vec<RecordBatch>,
        bound: &BoundQuery,
    ) -> Result<Option<Vec<RecordBatch>>> {
        crate::sql::write::lock_rows(&self.write_context(source), &bound.locks, bound.columns.len(), batches)
    }
}

/// Whether `query` writes or locks.
fn needs_transaction(query: &ast::Query) -> bool {
    let changes = |cte: &ast::Cte| {
        matches!(
            &*cte.query.body,
            ast::SetExpr::Insert(_) | ast::SetExpr::Update(_) | ast::SetExpr::Delete(_) | ast::SetExpr::Merge(_)
        )
    };
    !query.locks.is_empty() || query.with.as_ref().is_some_and(|with| with.cte_tables.iter().any(changes))
}
