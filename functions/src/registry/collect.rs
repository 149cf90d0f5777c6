//! Aggregates that see all their rows at once.
//!
//! The columns of such an aggregate are its arguments, then, for DISTINCT, what makes two rows the same, then what the rows
//! are ordered by. Order and DISTINCT are settled here and not left to a plan: groups may be put together from parts.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::compute::{SortOptions, concat, take};
use arrow::datatypes::{DataType, Field, FieldRef};
use arrow::row::{RowConverter, SortField};
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::function::Call;
use crate::condition::SqlResult;

/// What is made of the rows of a group.
type Finish = dyn Fn(&Call, &[ArrayRef], usize) -> SqlResult<ScalarValue> + Send + Sync;

/// What the columns of an aggregate are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Collection {
    /// The first columns: the arguments.
    pub(crate) arguments: usize,
    /// The next columns: what makes two rows the same. None unless rows are to be distinct.
    pub(crate) distinct: usize,
    /// The rest: what the rows are ordered by.
    pub(crate) order: Vec<SortOptions>,
}

#[derive(Clone)]
struct Collector {
    name: String,
    call: Call,
    collection: Collection,
    returns: DataType,
    finish: Arc<Finish>,
    signature: Signature,
}

/// An aggregate that hands all rows of a group to `finish`.
pub(crate) fn collector(name: &str, call: Call, collection: Collection, finish: Arc<Finish>) -> Arc<AggregateUDF> {
    let returns = call.returns.arrow();
    let signature = Signature::user_defined(Volatility::Immutable);
    // Plans tell expressions apart by their names.
    let mut name = name.to_owned();
    if collection.distinct > 0 {
        name.push_str("_distinct");
    }
    for SortOptions { descending, nulls_first } in &collection.order {
        name.push_str(if *descending { "_desc" } else { "_asc" });
        name.push_str(if *nulls_first { "_nulls_first" } else { "" });
    }
    let collector = Collector { name, call, collection, returns, finish, signature };
    Arc::new(AggregateUDF::new_from_impl(collector))
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.collection)
    }
}

impl PartialEq for Collector {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.call.arguments == other.call.arguments
            && self.call.returns == other.call.returns
            && self.collection == other.collection
    }
}

impl Eq for Collector {}

impl Hash for Collector {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.call.arguments.hash(state);
        self.collection.hash(state);
    }
}

impl AggregateUDFImpl for Collector {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> DataFusionResult<DataType> {
        Ok(self.returns.clone())
    }

    fn coerce_types(&self, arguments: &[DataType]) -> DataFusionResult<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        AggregateOrderSensitivity::Insensitive
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> DataFusionResult<Box<dyn Accumulator>> {
        let types = arguments.expr_fields.iter().map(|field| field.data_type().clone()).collect();
        Ok(Box::new(Collected { collector: self.clone(), types, parts: VecDeque::new() }))
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> DataFusionResult<Vec<FieldRef>> {
        let fields = arguments.input_fields.iter().enumerate().map(|(index, field)| {
            let item = Field::new_list_field(field.data_type().clone(), true);
            Arc::new(Field::new(format!("{}[{index}]", arguments.name), DataType::List(Arc::new(item)), true))
        });
        Ok(fields.collect())
    }
}

/// The rows of one group so far.
#[derive(Debug)]
struct Collected {
    collector: Collector,
    types: Vec<DataType>,
    /// Runs of rows, each with all columns.
    parts: VecDeque<Vec<ArrayRef>>,
}

impl Collected {
    fn columns(&self) -> DataFusionResult<Vec<ArrayRef>> {
        let column = |(index, data_type): (usize, &DataType)| {
            let parts: Vec<&dyn Array> = self.parts.iter().map(|part| part[index].as_ref()).collect();
            if parts.is_empty() {
                return Ok(arrow::array::new_empty_array(data_type));
            }
            Ok(concat(&parts)?)
        };
        self.types.iter().enumerate().map(column).collect()
    }

    /// The arguments of the rows that count, in their order.
    fn arranged(&self) -> DataFusionResult<Vec<ArrayRef>> {
        let columns = self.columns()?;
        let Collection { arguments, distinct, order } = &self.collector.collection;
        if *distinct == 0 && order.is_empty() {
            return Ok(columns[..*arguments].to_vec());
        }
        let places = arrangement(&columns[*arguments..], *distinct, order)?;
        columns[..*arguments].iter().map(|column| Ok(take(column, &places, None)?)).collect()
    }
}

/// Which rows count, in their order: by the order that is asked for, then by what makes rows the same, then as they came.
fn arrangement(keys: &[ArrayRef], distinct: usize, order: &[SortOptions]) -> DataFusionResult<UInt32Array> {
    let rows_of = |columns: &[ArrayRef], options: &[SortOptions]| {
        let fields = columns
            .iter()
            .zip(options)
            .map(|(column, options)| SortField::new_with_options(column.data_type().clone(), *options))
            .collect();
        let converter = RowConverter::new(fields)?;
        converter.convert_columns(columns).map_err(DataFusionError::from)
    };
    let count = keys.first().map_or(0, |column| column.len());
    let mut places: Vec<usize> = (0..count).collect();
    let ascending = vec![SortOptions { descending: false, nulls_first: false }; distinct];
    let same = if distinct > 0 { Some(rows_of(&keys[..distinct], &ascending)?) } else { None };
    let ordered = if order.is_empty() { None } else { Some(rows_of(&keys[distinct..], order)?) };
    places.sort_by(|left, right| {
        let by_order = ordered.as_ref().map(|rows| rows.row(*left).cmp(&rows.row(*right)));
        by_order.unwrap_or(std::cmp::Ordering::Equal).then_with(|| {
            same.as_ref().map_or(std::cmp::Ordering::Equal, |rows| rows.row(*left).cmp(&rows.row(*right)))
        })
    });
    if let Some(rows) = same {
        places.dedup_by(|left, right| rows.row(*left) == rows.row(*right));
    }
    Ok(places.into_iter().map(|place| u32::try_from(place).unwrap_or(u32::MAX)).collect())
}

impl Accumulator for Collected {
    fn update_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        if values.first().is_some_and(|column| !column.is_empty()) {
            self.parts.push_back(values.to_vec());
        }
        Ok(())
    }

    fn evaluate(&mut self) -> DataFusionResult<ScalarValue> {
        let columns = self.arranged()?;
        let rows = columns.first().map_or(0, |column| column.len());
        Ok((self.collector.finish)(&self.collector.call, &columns, rows)?)
    }

    fn size(&self) -> usize {
        let parts = self.parts.iter().flatten().map(|column| column.get_array_memory_size()).sum::<usize>();
        size_of_val(self) + parts
    }

    fn state(&mut self) -> DataFusionResult<Vec<ScalarValue>> {
        let columns = self.columns()?;
        Ok(columns.into_iter().map(|column| SingleRowListArrayBuilder::new(column).build_list_scalar()).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> DataFusionResult<()> {
        let rows = states.first().map_or(0, |column| column.len());
        for row in 0..rows {
            let part: Vec<ArrayRef> = states.iter().map(|column| column.as_list::<i32>().value(row)).collect();
            self.update_batch(&part)?;
        }
        Ok(())
    }

    /// A frame that moves loses its oldest rows.
    fn retract_batch(&mut self, values: &[ArrayRef]) -> DataFusionResult<()> {
        let mut gone = values.first().map_or(0, |column| column.len());
        while gone > 0 {
            let Some(part) = self.parts.pop_front() else { break };
            let rows = part[0].len();
            if rows > gone {
                self.parts.push_front(part.iter().map(|column| column.slice(gone, rows - gone)).collect());
            }
            gone = gone.saturating_sub(rows);
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }
}
