//! The filters of documents, for JSON that is no stored document.

use serde_json::Value;

use super::filter::Filter;
use crate::error::Result;

/// Whether JSON is as a filter says, by the rules that documents are found by.
///
/// ```
/// use marquetry::document::Matcher;
/// use serde_json::json;
///
/// let enough = Matcher::parse(&json!({"quantity": {"$gte": 3}}))?;
/// assert!(enough.matches(&json!({"product": "lamp", "quantity": 5})));
/// assert!(!enough.matches(&json!({"product": "lamp"})));
/// # Ok::<(), marquetry::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Matcher(Filter);

impl Matcher {
    /// The matcher that `filter` writes; null and `{}` match everything.
    ///
    /// # Errors
    /// `Invalid` when it is not written as a filter, `Unsupported` for an operator that is not offered, `LimitExceeded`
    /// when it is too deep or too long.
    pub fn parse(filter: &Value) -> Result<Self> {
        Filter::parse(filter).map(Matcher)
    }

    /// Whether `value` is as the filter says; what is no object has no fields.
    pub fn matches(&self, value: &Value) -> bool {
        self.0.matches(value)
    }
}
