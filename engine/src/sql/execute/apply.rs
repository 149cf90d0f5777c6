//! Subqueries that are run once for each different row around them.
//!
//! ```text
//!   SELECT a, (SELECT b FROM u WHERE u.x > t.y) FROM t      apply(t.y): for each y not seen yet
//!     Scalar  the value, NULL without a row, an error with two        Exists  whether there is a row
//!     Array   the values of the one column                            Rows    the rows as records
//! ```
//!
//! - The answers are kept for the statement: rows around that agree in what the subquery uses cost one run.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Column, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, Limit, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};
use marquetry_functions::{Condition, SqlError, SqlType};
use parking_lot::Mutex;

use super::Source;
use crate::error::Error;

/// What is made of the rows of an applied subquery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ApplyKind {
    Scalar,
    Exists,
    Array,
    Rows,
}

/// A subquery as a function of what it uses of the rows around it.
#[derive(Debug)]
pub(crate) struct Apply {
    source: Arc<Source>,
    plan: LogicalPlan,
    outer: Vec<Column>,
    /// The columns of the subquery, as fields `f1, f2, ..` of the records of `Rows`.
    columns: Vec<SqlType>,
    kind: ApplyKind,
    signature: Signature,
    number: usize,
    known: Mutex<HashMap<Vec<ScalarValue>, ScalarValue>>,
}

/// Tells one apply from another.
static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

impl Apply {
    pub(crate) fn new(
        source: Arc<Source>,
        plan: LogicalPlan,
        outer: Vec<Column>,
        columns: Vec<(String, SqlType)>,
        kind: ApplyKind,
    ) -> Self {
        Apply {
            source,
            plan,
            outer,
            columns: columns.into_iter().map(|(_, sql_type)| sql_type).collect(),
            kind,
            // What it reads does not change while the statement runs, but it must not be run while that is planned.
            signature: Signature::variadic_any(Volatility::Volatile),
            number: NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
            known: Mutex::default(),
        }
    }

    /// The subquery for these values of what it uses.
    pub(crate) fn call(self, arguments: Vec<Expr>) -> Expr {
        ScalarUDF::from(self).call(arguments)
    }

    fn element(&self) -> DataType {
        match (self.kind, &self.columns[..]) {
            (ApplyKind::Scalar | ApplyKind::Array, [column]) => column.arrow(),
            _ => {
                let fields = self
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(position, column)| Field::new(format!("f{}", position + 1), column.arrow(), true));
                DataType::Struct(fields.collect())
            }
        }
    }

    fn returned(&self) -> DataType {
        match self.kind {
            ApplyKind::Exists => DataType::Boolean,
            ApplyKind::Scalar => self.element(),
            ApplyKind::Array | ApplyKind::Rows => DataType::List(Arc::new(Field::new("item", self.element(), true))),
        }
    }

    fn answer(&self, key: Vec<ScalarValue>) -> Result<ScalarValue> {
        if let Some(known) = self.known.lock().get(&key) {
            return Ok(known.clone());
        }
        let plan = self.plan_for(&key)?;
        let batches = self.source.executor()?.collect(&plan, &self.source.interrupter)?;
        let answer = self.made_of(&batches)?;
        self.known.lock().insert(key, answer.clone());
        Ok(answer)
    }

    /// The subquery with `key` in place of what it uses of the rows around it.
    fn plan_for(&self, key: &[ScalarValue]) -> Result<LogicalPlan> {
        let replaced = |expr: Expr| {
            expr.transform_up(|part| match &part {
                Expr::OuterReferenceColumn(_, column) => match self.outer.iter().position(|known| known == column) {
                    Some(position) => Ok(Transformed::yes(lit(key[position].clone()))),
                    None => Ok(Transformed::no(part)),
                },
                _ => Ok(Transformed::no(part)),
            })
        };
        let plan = self.plan.clone().transform_up_with_subqueries(|plan| plan.map_expressions(replaced))?;
        let rows = match self.kind {
            ApplyKind::Exists => 1_i64,
            ApplyKind::Scalar => 2,
            ApplyKind::Array | ApplyKind::Rows => return Ok(plan.data),
        };
        Ok(LogicalPlan::Limit(Limit { skip: None, fetch: Some(Box::new(lit(rows))), input: Arc::new(plan.data) }))
    }

    fn made_of(&self, batches: &[RecordBatch]) -> Result<ScalarValue> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        match self.kind {
            ApplyKind::Exists => Ok(ScalarValue::Boolean(Some(rows > 0))),
            ApplyKind::Scalar if rows > 1 => Err(SqlError::new(
                Condition::CardinalityViolation,
                "more than one row returned by a subquery used as an expression",
            )
            .into()),
            ApplyKind::Scalar => match batches.iter().find(|batch| batch.num_rows() > 0) {
                Some(batch) => ScalarValue::try_from_array(batch.column(0), 0),
                None => ScalarValue::try_from(&self.element()),
            },
            ApplyKind::Array | ApplyKind::Rows => self.list(batches),
        }
    }

    fn list(&self, batches: &[RecordBatch]) -> Result<ScalarValue> {
        let element = self.element();
        let parts: Vec<ArrayRef> = batches
            .iter()
            .map(|batch| match self.kind {
                ApplyKind::Array => Ok(batch.column(0).clone()),
                _ => {
                    let DataType::Struct(fields) = &element else {
                        return Err(DataFusionError::Internal("rows are no records".to_owned()));
                    };
                    let columns = batch.columns()[..fields.len()].to_vec();
                    Ok(Arc::new(arrow::array::StructArray::try_new(fields.clone(), columns, None)?) as ArrayRef)
                }
            })
            .collect::<Result<_>>()?;
        let all = match &parts[..] {
            [] => arrow::array::new_empty_array(&element),
            parts => arrow::compute::concat(&parts.iter().map(|part| part.as_ref()).collect::<Vec<_>>())?,
        };
        Ok(SingleRowListArrayBuilder::new(all).with_nullable(true).build_list_scalar())
    }
}

impl PartialEq for Apply {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Apply {}

impl Hash for Apply {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl ScalarUDFImpl for Apply {
    fn name(&self) -> &str {
        "apply"
    }

    fn schema_name(&self, _args: &[Expr]) -> Result<String> {
        Ok(format!("apply{}", self.number))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.returned())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        if arrays.is_empty() {
            return Ok(ColumnarValue::Scalar(self.answer(Vec::new())?));
        }
        let mut answers = Vec::with_capacity(args.number_rows);
        for row in 0..args.number_rows {
            let key = arrays.iter().map(|array| ScalarValue::try_from_array(array, row));
            answers.push(self.answer(key.collect::<Result<_>>()?)?);
        }
        match answers.is_empty() {
            true => Ok(ColumnarValue::Array(arrow::array::new_empty_array(&self.returned()))),
            false => Ok(ColumnarValue::Array(ScalarValue::iter_to_array(answers)?)),
        }
    }
}

impl Source {
    pub(crate) fn executor(&self) -> std::result::Result<Arc<super::Executor>, Error> {
        self.shared.sql.executor()
    }
}
