//! EXPLAIN: which path a statement takes, and what its plan is.

use marquetry_functions::SqlError;
use sqlparser::ast::{self, Statement as Tree};

use super::Session;
use super::query::{Parameters, Plan, planned};
use super::rows::{Outcome, Rows};
use super::statements::text_columns;
use crate::error::Result;
use crate::table::Value;

impl Session {
    pub(super) fn explain(&mut self, tree: &Tree, parameters: &Parameters) -> Result<Outcome> {
        let Tree::Explain { analyze, statement, format, options, .. } = tree else {
            return Err(SqlError::unsupported("this EXPLAIN").into());
        };
        if format.is_some() {
            return Err(SqlError::unsupported("a FORMAT of EXPLAIN other than TEXT").into());
        }
        let mut is_analyzed = *analyze;
        for option in options.iter().flatten() {
            match option.name.value.to_lowercase().as_str() {
                "analyze" => is_analyzed = option.arg.is_none() || option.arg.as_ref().is_some_and(is_true),
                "verbose" | "costs" | "buffers" | "timing" | "summary" | "settings" | "wal" => {}
                "format" if option.arg.as_ref().is_some_and(|arg| arg.to_string().eq_ignore_ascii_case("text")) => {}
                other => return Err(SqlError::unsupported(format!("the option {other} of EXPLAIN")).into()),
            }
        }
        let Tree::Query(query) = &**statement else { return self.explain_other(statement, is_analyzed, parameters) };
        let source = self.source_now()?;
        let planned =
            planned(&self.context, &self.environment, &source, parameters, |binder| binder.query(query, None))?;
        let plan = match planned.plan {
            Plan::Done(batches) => {
                let rows: usize = batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum();
                let mut lines = vec!["Path: point".to_owned()];
                lines.extend(is_analyzed.then(|| format!("Rows: {rows}")));
                return Ok(lines_of(lines));
            }
            Plan::Physical(plan) => plan,
        };
        let mut lines = vec!["Path: relational".to_owned()];
        if is_analyzed {
            let began_micros = self.interrupter.now_micros();
            let batches = source.executor()?.run(plan.clone(), self.interrupter.clone())?.collect()?;
            let rows: usize = batches.iter().map(arrow::record_batch::RecordBatch::num_rows).sum();
            let shown = datafusion::physical_plan::display::DisplayableExecutionPlan::with_metrics(&*plan);
            lines.extend(shown.indent(false).to_string().lines().map(str::to_owned));
            lines.push(format!("Rows: {rows}"));
            let took_micros = self.interrupter.now_micros().saturating_sub(began_micros);
            lines.push(format!("Execution Time: {:.3} ms", took_micros as f64 / 1_000.0));
        } else {
            let shown = datafusion::physical_plan::displayable(&*plan);
            lines.extend(shown.indent(false).to_string().lines().map(str::to_owned));
        }
        Ok(lines_of(lines))
    }

    fn explain_other(&mut self, statement: &Tree, is_analyzed: bool, parameters: &Parameters) -> Result<Outcome> {
        if !matches!(statement, Tree::Insert(_) | Tree::Update(_) | Tree::Delete(_) | Tree::Merge(_)) {
            return Err(SqlError::unsupported("EXPLAIN of this statement").into());
        }
        let mut lines = vec!["Path: write".to_owned()];
        if is_analyzed {
            let written = self.in_transaction(|session, transaction| {
                let source = session.source_of(transaction);
                session.write_in(&source, statement, parameters)
            })?;
            lines.push(format!("Rows: {}", written.rows));
        }
        Ok(lines_of(lines))
    }
}

fn is_true(arg: &ast::Expr) -> bool {
    matches!(arg.to_string().to_lowercase().as_str(), "true" | "on" | "1")
}

fn lines_of(lines: Vec<String>) -> Outcome {
    let rows = lines.into_iter().map(|line| vec![Value::Text(line)]).collect();
    Outcome::Rows(Rows::values(text_columns(&["QUERY PLAN"]), rows, "EXPLAIN"))
}
