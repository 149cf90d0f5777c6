//! DataFusion's state, threads and memory: one for the database, made when the first statement needs it.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::execution::context::SessionContext;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::SessionConfig;
use futures::StreamExt;

use super::Interrupter;
use crate::error::{Error, Result};
use crate::sql::failure::from_datafusion;

/// Rows of one batch.
pub(super) const BATCH_ROWS: usize = 4096;

/// What runs plans.
pub(crate) struct Executor {
    state: SessionState,
    runtime: Threads,
}

/// The threads, which are let go without waiting for them: whoever drops the database may be where waiting is not allowed.
struct Threads(Option<tokio::runtime::Runtime>);

impl std::ops::Deref for Threads {
    type Target = tokio::runtime::Runtime;

    fn deref(&self) -> &Self::Target {
        self.0.as_ref().expect("the threads are there until they are dropped")
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Executor")
    }
}

impl Executor {
    /// An executor whose statements together use `memory_size_bytes`, and spill to temporary files beyond it.
    pub(crate) fn start(memory_size_bytes: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("marquetry-sql")
            .enable_time()
            .build()
            .map_err(|error| Error::io("starting the threads of SQL", error))?;
        let environment = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory_size_bytes)))
            .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(DiskManagerMode::OsTmpDirectory))
            .build_arc()
            .map_err(from_datafusion)?;
        let mut config = SessionConfig::new()
            .with_batch_size(BATCH_ROWS)
            .with_information_schema(false)
            .with_create_default_catalog_and_schema(false);
        let options = config.options_mut();
        options.execution.parquet.pushdown_filters = false;
        options.sql_parser.enable_ident_normalization = false;
        // The order in which rows come is the scan's; what an expression means was decided before.
        options.optimizer.prefer_existing_sort = true;
        let state = SessionContext::new_with_config_rt(config, environment).state();
        Ok(Executor { state, runtime: Threads(Some(runtime)) })
    }

    /// `plan`, ready to run.
    pub(crate) fn physical(&self, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
        self.wait(self.state.create_physical_plan(plan)).map_err(from_datafusion)
    }

    /// The rows of `plan`, batch by batch.
    pub(crate) fn run(self: &Arc<Self>, plan: Arc<dyn ExecutionPlan>, interrupter: Interrupter) -> Result<Running> {
        let _inside = self.runtime.enter();
        let stream = execute_stream(plan, self.state.task_ctx()).map_err(from_datafusion)?;
        Ok(Running { executor: self.clone(), stream, interrupter })
    }

    /// All rows of `plan`.
    pub(crate) fn collect(self: &Arc<Self>, plan: &LogicalPlan, interrupter: &Interrupter) -> Result<Vec<RecordBatch>> {
        self.run(self.physical(plan)?, interrupter.clone())?.collect()
    }

    /// What `future` gives; also from inside one of the executor's own threads.
    fn wait<F: Future>(&self, future: F) -> F::Output {
        match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::task::block_in_place(|| self.runtime.block_on(future)),
            Err(_) => self.runtime.block_on(future),
        }
    }
}

/// A plan that is running.
pub(crate) struct Running {
    executor: Arc<Executor>,
    stream: SendableRecordBatchStream,
    interrupter: Interrupter,
}

impl Running {
    /// The next rows, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            self.interrupter.check()?;
            let executor = self.executor.clone();
            match executor.wait(self.stream.next()) {
                None => return Ok(None),
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => return Ok(Some(batch)),
                Some(Err(error)) => return Err(from_datafusion(error)),
            }
        }
    }

    /// All rows that are left.
    pub(crate) fn collect(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next()? {
            batches.push(batch);
        }
        Ok(batches)
    }
}
