//! Searches as relations: `SELECT * FROM search('products', 'running shoes')`.
//!
//! ```text
//!   search(index, words [, hits])    key jsonb, score float8, document jsonb, highlights jsonb; best first
//! ```
//!
//! Words that begin with `{` are a query as JSON, in the search model's own form.

use std::sync::Arc;

use arrow::array::ArrayRef;
use marquetry_functions::{Call, Condition, Function, Implementation, SqlError, SqlResult, SqlType};

use super::SessionContext;
use super::functions::as_sql;
use crate::error::{Error, Result};
use crate::search::{HighlightRequest, Query, SearchRequest, Searches};
use crate::sql::execute::{record_lists, values_of};
use crate::table::Value;

/// Hits without a number.
const HITS_DEFAULT: usize = 1_000;

pub(super) fn functions() -> Vec<Function> {
    let columns = "table(key jsonb, score float8, document jsonb, highlights jsonb)";
    ["text, text", "text, text, int4"]
        .into_iter()
        .map(|arguments| {
            let signature = format!("search({arguments}) {columns}");
            Function::new(&signature, Implementation::arrays(search_all)).stable()
        })
        .collect()
}

fn search_all(call: &Call, arrays: &[ArrayRef], rows: usize) -> SqlResult<ArrayRef> {
    let context = call
        .environment
        .context::<SessionContext>()
        .ok_or_else(|| SqlError::new(Condition::InternalError, "a search is called without a session"))?;
    let columns = arrays.iter().zip(&call.arguments).map(|(array, sql_type)| values_of(array, sql_type));
    let columns = columns.collect::<Result<Vec<_>>>().map_err(as_sql)?;
    let mut lists = Vec::with_capacity(rows);
    for row in 0..rows {
        let arguments: Vec<&Value> = columns.iter().map(|column| &column[row]).collect();
        lists.push(search(&context, &arguments).map_err(as_sql)?);
    }
    let fields = [
        ("key".to_owned(), SqlType::Jsonb),
        ("score".to_owned(), SqlType::Float8),
        ("document".to_owned(), SqlType::Jsonb),
        ("highlights".to_owned(), SqlType::Jsonb),
    ];
    record_lists(&fields, lists).map_err(as_sql)
}

/// The hits of one search.
fn search(context: &Arc<SessionContext>, arguments: &[&Value]) -> Result<Vec<Vec<Value>>> {
    let source = context.source().ok_or_else(|| Error::closed("a search outside of a statement"))?;
    let text = |position: usize| arguments[position].as_text().unwrap_or_default();
    let query = match text(1).trim_start().starts_with('{') {
        true => serde_json::from_str(text(1)).map_err(|error| Error::invalid(format!("this is no query: {error}")))?,
        false => Query::matching(text(1)),
    };
    let size = match arguments.get(2).and_then(|size| size.as_integer()) {
        Some(size) => usize::try_from(size).map_err(|_| Error::invalid("the number of hits must not be negative"))?,
        None => HITS_DEFAULT,
    };
    let request = SearchRequest {
        query,
        size,
        documents: true,
        highlight: Some(HighlightRequest::default()),
        ..SearchRequest::default()
    };
    let page = Searches::new(&source.shared.search, &source.reader).search(text(0), &request)?;
    let row = |hit: crate::search::Hit| {
        let highlights = serde_json::to_value(&hit.highlights).unwrap_or_default();
        vec![
            Value::Jsonb(hit.key),
            Value::Float8(f64::from(hit.score)),
            hit.document.map_or(Value::Null, Value::Jsonb),
            Value::Jsonb(highlights),
        ]
    };
    Ok(page.hits.into_iter().map(row).collect())
}
