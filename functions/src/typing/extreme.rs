//! `greatest` and `least`.

use std::cmp::Ordering;
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef};
use arrow::compute::interleave;
use arrow::row::{RowConverter, SortField};

use super::Typing;
use super::cast::fold;
use crate::condition::SqlResult;
use crate::registry::{Call, Function, Implementation, arrow_error};
use crate::typed::{CastContext, Typed};

impl Typing {
    /// The largest or smallest of the arguments that are not NULL.
    pub(super) fn extreme(&self, name: &str, arguments: Vec<Typed>) -> SqlResult<Typed> {
        let shown = name.to_uppercase();
        let sql_type = self.common_type(&shown, &arguments.iter().collect::<Vec<_>>())?;
        let mut expressions = Vec::new();
        let mut keys = Vec::new();
        for argument in arguments {
            let value = self.cast(argument, &sql_type, -1, CastContext::Implicit)?;
            keys.push(self.sort_key(value.clone())?.expr);
            expressions.push(value.expr);
        }
        let types = vec![sql_type.clone(); expressions.len()];
        expressions.extend(keys);
        let call = Call::new(&self.environment, types, sql_type.clone());
        let function = if name == "greatest" { greatest() } else { least() };
        Ok(Typed::new(fold(function, call, expressions)?, sql_type))
    }
}

fn greatest() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| choosing("greatest", Ordering::Greater))
}

fn least() -> &'static Arc<Function> {
    static FUNCTION: OnceLock<Arc<Function>> = OnceLock::new();
    FUNCTION.get_or_init(|| choosing("least", Ordering::Less))
}

/// A function of values and then the keys of all of them.
fn choosing(name: &str, wanted: Ordering) -> Arc<Function> {
    let run = Implementation::arrays(move |_, arrays, rows| {
        let (values, keys) = arrays.split_at(arrays.len() / 2);
        choose(values, keys, rows, wanted)
    });
    Arc::new(Function::new(&format!("{name}(variadic any) any"), run).called_on_null())
}

fn choose(values: &[ArrayRef], keys: &[ArrayRef], rows: usize, wanted: Ordering) -> SqlResult<ArrayRef> {
    let converter = RowConverter::new(vec![SortField::new(keys[0].data_type().clone())]).map_err(arrow_error)?;
    let compared = keys
        .iter()
        .map(|key| converter.convert_columns(std::slice::from_ref(key)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(arrow_error)?;
    let places: Vec<(usize, usize)> = (0..rows)
        .map(|row| {
            let mut best = 0;
            for other in 1..values.len() {
                let is_better = values[best].is_null(row)
                    || (!values[other].is_null(row)
                        && compared[other].row(row).cmp(&compared[best].row(row)) == wanted);
                if is_better {
                    best = other;
                }
            }
            (best, row)
        })
        .collect();
    let arrays: Vec<&dyn Array> = values.iter().map(|value| value.as_ref()).collect();
    interleave(&arrays, &places).map_err(arrow_error)
}
