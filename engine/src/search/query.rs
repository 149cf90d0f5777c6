//! Queries, as values and as JSON. There is no query language in a string.
//!
//! ```json
//! {"bool": {
//!     "must":   [{"match": {"text": "running shoes", "operator": "and"}}],
//!     "filter": [{"term": {"field": "brand", "value": "Acme"}}, {"range": {"field": "price", "lt": 100}}]}}
//! ```

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is searched for.
///
/// A query has at most 64 levels and 1,024 clauses, words and values, and a text in it 8 KiB.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "queries are few, and plain to write")]
pub enum Query {
    /// Every document; the score is 1.
    All {},
    /// Documents with words of a text.
    Match(MatchQuery),
    /// Documents with the words of a text one behind the other.
    Phrase(PhraseQuery),
    /// Documents with a word, or keyword, that begins with a text.
    Prefix(PrefixQuery),
    /// Documents with a word, or keyword, that is nearly a text.
    Fuzzy(FuzzyQuery),
    /// Documents with exactly that value.
    Term(TermQuery),
    /// Documents with at least one of the values.
    Terms(TermsQuery),
    /// Documents with a value between two.
    Range(RangeQuery),
    /// Documents with any value in a field.
    Exists(ExistsQuery),
    /// The documents with these keys: a document's id, a row's primary key, a list for a key of several columns.
    Ids(IdsQuery),
    /// Queries together.
    Bool(BoolQuery),
    /// A query whose scores are multiplied.
    Boost(BoostQuery),
}

impl Default for Query {
    fn default() -> Self {
        Query::All {}
    }
}

/// How many of several words a document needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// One of them; more count more.
    #[default]
    Or,
    /// All of them, in whichever of the fields.
    And,
}

/// Words in text fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchQuery {
    /// The words.
    pub text: String,
    /// The text and keyword fields that are searched; all text fields when empty. A keyword field matches by the whole
    /// text.
    #[serde(default)]
    pub fields: Vec<String>,
    /// How many of the words a document needs.
    #[serde(default)]
    pub operator: Operator,
    /// Letters in which a word may differ, 0 to 2; such words count half.
    #[serde(default)]
    pub distance: u8,
}

/// Words in a row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PhraseQuery {
    /// The text field.
    pub field: String,
    /// The words.
    pub text: String,
    /// How many places the words together may be moved. Default 0.
    #[serde(default)]
    pub slop: u32,
}

/// The beginning of a word or keyword.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrefixQuery {
    /// The text or keyword field. In a text with a language it is the stem that begins so.
    pub field: String,
    /// The beginning; in a text field in any case.
    pub value: String,
}

/// Nearly a word or keyword.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FuzzyQuery {
    /// The text or keyword field.
    pub field: String,
    /// The word; in a text field it is cut down to its stem first.
    pub value: String,
    /// Letters that may be changed, added, left out or swapped with the next: 0 to 2. Default 1.
    #[serde(default = "one")]
    pub distance: u8,
}

fn one() -> u8 {
    1
}

/// One value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermQuery {
    /// A field of any type; in a text field the value is one word.
    pub field: String,
    /// The value.
    pub value: Value,
}

/// One of several values.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsQuery {
    /// A field of any type.
    pub field: String,
    /// The values.
    pub values: Vec<Value>,
}

/// Values between two; at least one end is given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeQuery {
    /// A keyword, integer, float or date field.
    pub field: String,
    /// Above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gt: Option<Value>,
    /// This or above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gte: Option<Value>,
    /// Below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lt: Option<Value>,
    /// This or below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lte: Option<Value>,
}

/// Any value at all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExistsQuery {
    /// A field of any type.
    pub field: String,
}

/// Documents by their keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdsQuery {
    /// The keys.
    pub values: Vec<Value>,
}

/// Queries together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BoolQuery {
    /// All of these; their scores are added.
    pub must: Vec<Query>,
    /// These add their scores; without `must` and `filter` at least one is needed.
    pub should: Vec<Query>,
    /// None of these.
    pub must_not: Vec<Query>,
    /// All of these, without scores.
    pub filter: Vec<Query>,
}

/// A query whose scores are multiplied.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoostQuery {
    /// The query.
    pub query: Box<Query>,
    /// What its scores are multiplied by, from above 0 up to 1,000.
    pub by: f32,
}

impl Query {
    /// Words of `text` in any text field.
    pub fn matching(text: impl Into<String>) -> Self {
        Query::Match(MatchQuery { text: text.into(), ..MatchQuery::default() })
    }

    /// The words of `text` in a row, in `field`.
    pub fn phrase(field: impl Into<String>, text: impl Into<String>) -> Self {
        Query::Phrase(PhraseQuery { field: field.into(), text: text.into(), slop: 0 })
    }

    /// Exactly `value` in `field`.
    pub fn term(field: impl Into<String>, value: impl Into<Value>) -> Self {
        Query::Term(TermQuery { field: field.into(), value: value.into() })
    }

    /// `self` and `filter`, with the scores of `self`.
    #[must_use]
    pub fn and(self, filter: Query) -> Self {
        Query::Bool(BoolQuery { must: vec![self], filter: vec![filter], ..BoolQuery::default() })
    }
}
