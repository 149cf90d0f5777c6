//! Aggregates that DataFusion does as PostgreSQL does them.

use std::sync::Arc;

use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::bit_and_or_xor::{bit_and_udaf, bit_or_udaf, bit_xor_udaf};
use datafusion::functions_aggregate::bool_and_or::{bool_and_udaf, bool_or_udaf};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::functions_aggregate::min_max::{max_udaf, min_udaf};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::AggregateUDF;

use crate::registry::{Aggregation, Function, Implementation};
use crate::sql_type::SqlType;

type Udaf = fn() -> Arc<AggregateUDF>;

/// An aggregate whose arguments are as they come and whose result is what the signature says.
fn as_it_is(udaf: Udaf) -> Implementation {
    Implementation::aggregate(move |call| {
        Ok(Aggregation { aggregate: udaf(), arguments: call.arguments.clone(), returns: call.returns.clone() })
    })
}

/// An aggregate of values of type `wanted`.
fn over(udaf: Udaf, wanted: SqlType) -> Implementation {
    Implementation::aggregate(move |call| {
        let arguments = vec![wanted.clone(); call.arguments.len()];
        Ok(Aggregation { aggregate: udaf(), arguments, returns: call.returns.clone() })
    })
}

/// Types of which Arrow's order is PostgreSQL's, so that the smallest and largest are found by DataFusion.
const ORDERED: [&str; 10] =
    ["int2", "int4", "int8", "text", "date", "time", "timestamp", "timestamptz", "oid", "pg_lsn"];

pub(crate) fn functions() -> Vec<Function> {
    let mut functions = vec![
        Function::new("count() int8", as_it_is(count_udaf)),
        Function::new("count(any) int8", as_it_is(count_udaf)),
        Function::new("sum(int2) int8", over(sum_udaf, SqlType::Int8)),
        Function::new("sum(int4) int8", over(sum_udaf, SqlType::Int8)),
        Function::new("sum(float8) float8", as_it_is(sum_udaf)),
        Function::new("avg(float4) float8", over(avg_udaf, SqlType::Float8)),
        Function::new("avg(float8) float8", as_it_is(avg_udaf)),
        Function::new("bool_and(bool) bool", as_it_is(bool_and_udaf)),
        Function::new("bool_or(bool) bool", as_it_is(bool_or_udaf)),
        Function::new("every(bool) bool", as_it_is(bool_and_udaf)),
    ];
    for name in ["int2", "int4", "int8"] {
        functions.push(Function::new(&format!("bit_and({name}) {name}"), as_it_is(bit_and_udaf)));
        functions.push(Function::new(&format!("bit_or({name}) {name}"), as_it_is(bit_or_udaf)));
        functions.push(Function::new(&format!("bit_xor({name}) {name}"), as_it_is(bit_xor_udaf)));
    }
    for name in ORDERED {
        functions.push(Function::new(&format!("min({name}) {name}"), as_it_is(min_udaf)));
        functions.push(Function::new(&format!("max({name}) {name}"), as_it_is(max_udaf)));
    }
    functions
}
