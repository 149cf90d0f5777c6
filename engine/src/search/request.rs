//! What a search is asked, and what it answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::query::Query;
use crate::error::{Error, Result};
use crate::kv::Version;
use crate::limits::{
    SEARCH_FACET_VALUES_MAX, SEARCH_FACETS_MAX, SEARCH_FRAGMENT_LENGTH_MAX, SEARCH_SORT_FIELDS_MAX, SEARCH_WINDOW_MAX,
};

/// The name that stands for the score in a sort.
pub const SCORE_FIELD: &str = "_score";

fn ten() -> usize {
    10
}

/// A search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// What is searched for; everything by default.
    #[serde(default)]
    pub query: Query,
    /// Hits to pass over. Default 0; together with `size` at most 10,000.
    #[serde(default)]
    pub from: usize,
    /// Hits on the page at most. Default 10.
    #[serde(default = "ten")]
    pub size: usize,
    /// The `next` of the page before, to go on behind it; `from` is 0 then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The order of the hits: best first by default. Hits that are equal come in the order of their keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sort: Vec<SortBy>,
    /// Counts over all hits, by a name of the caller's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<String, FacetRequest>,
    /// How to show what matched; not at all by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub highlight: Option<HighlightRequest>,
    /// Whether hits come with their documents. Default false.
    #[serde(default)]
    pub documents: bool,
}

impl Default for SearchRequest {
    fn default() -> Self {
        SearchRequest::new(Query::default())
    }
}

impl SearchRequest {
    /// The ten best hits of `query`.
    pub fn new(query: Query) -> Self {
        SearchRequest {
            query,
            from: 0,
            size: ten(),
            after: None,
            sort: Vec::new(),
            facets: BTreeMap::new(),
            highlight: None,
            documents: false,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let window = self.from.saturating_add(self.size);
        let values: usize = self.facets.values().map(|facet| facet.ranges.len()).sum();
        for (what, count, most) in [
            ("hits up to the end of the page", window, SEARCH_WINDOW_MAX),
            ("fields to sort by", self.sort.len(), SEARCH_SORT_FIELDS_MAX),
            ("facets", self.facets.len(), SEARCH_FACETS_MAX),
            ("ranges of facets", values, SEARCH_FACET_VALUES_MAX),
        ] {
            if count > most {
                return Err(Error::limit_exceeded(format!("a search for {count} {what} is over the limit of {most}")));
            }
        }
        if self.after.is_some() && self.from > 0 {
            return Err(Error::invalid("a search takes `after` or `from`, not both"));
        }
        self.facets.values().try_for_each(FacetRequest::check)?;
        self.highlight.as_ref().map_or(Ok(()), HighlightRequest::check)
    }
}

/// A direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Smallest first.
    #[default]
    Asc,
    /// Largest first.
    Desc,
}

/// What hits are sorted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SortBy {
    /// A keyword, integer, float, date or bool field, or `_score`. Of several values the one that comes first counts;
    /// documents without one come last.
    pub field: String,
    /// The direction. Default ascending.
    #[serde(default)]
    pub order: Order,
}

/// What is counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FacetRequest {
    /// A keyword, integer or bool field for its values; an integer, float or date field for ranges.
    pub field: String,
    /// How many values, the most frequent first. Default 10.
    #[serde(default = "ten")]
    pub size: usize,
    /// Ranges to count instead of values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<FacetRange>,
}

impl FacetRequest {
    /// The ten most frequent values of `field`.
    pub fn values(field: impl Into<String>) -> Self {
        FacetRequest { field: field.into(), size: ten(), ranges: Vec::new() }
    }

    fn check(&self) -> Result<()> {
        match self.size > SEARCH_FACET_VALUES_MAX {
            true => Err(Error::limit_exceeded(format!(
                "a facet of {} values is over the limit of {SEARCH_FACET_VALUES_MAX}",
                self.size
            ))),
            false => Ok(()),
        }
    }
}

/// A range of a facet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FacetRange {
    /// This or above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// Below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// How to show what matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HighlightRequest {
    /// The text and keyword fields; those that the query names when empty.
    pub fields: Vec<String>,
    /// What stands before a match. Default `<em>`.
    pub before: String,
    /// What stands behind a match. Default `</em>`.
    pub after: String,
    /// Characters of a fragment, about. Default 150.
    pub length: usize,
    /// Fragments of a field. Default 1.
    pub fragments: usize,
    /// Whether the text around the marks is made safe for HTML. Default true.
    pub escape: bool,
}

impl Default for HighlightRequest {
    fn default() -> Self {
        HighlightRequest {
            fields: Vec::new(),
            before: "<em>".to_owned(),
            after: "</em>".to_owned(),
            length: 150,
            fragments: 1,
            escape: true,
        }
    }
}

impl HighlightRequest {
    fn check(&self) -> Result<()> {
        let most = SEARCH_FRAGMENT_LENGTH_MAX;
        let longest = self.length.max(self.fragments).max(self.before.len()).max(self.after.len());
        match longest > most || self.length == 0 {
            true => Err(Error::limit_exceeded(format!(
                "fragments have 1 to {most} characters, there are at most {most} of them, and marks are no longer"
            ))),
            false => Ok(()),
        }
    }
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SearchResponse {
    /// How many documents match, exactly.
    pub total: u64,
    /// The page of them that was asked for.
    pub hits: Vec<Hit>,
    /// The counts that were asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facets: BTreeMap<String, Vec<FacetCount>>,
    /// What to pass as `after` for the next page; `None` on the last one.
    pub next: Option<String>,
}

/// A document that matches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// Its key: a document's id, or a row's primary key (one value, or a list of several).
    pub key: Value,
    /// How well it matches.
    pub score: f32,
    /// The document itself, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
    /// What matched, by field, when asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub highlights: BTreeMap<String, Vec<String>>,
}

/// One count of a facet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacetCount {
    /// The value; of a range the range as it was asked for.
    pub value: Value,
    /// How many documents have it.
    pub count: u64,
}

/// An index and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexInfo {
    /// Its name.
    pub name: String,
    /// What it is.
    pub definition: super::definition::IndexDefinition,
    /// Whether its segments were built; until then searches build them or do without.
    pub is_built: bool,
    /// Documents in its segments, replaced ones included.
    pub segment_documents: u64,
    /// Its segments.
    pub segments: u64,
    /// Bytes of its files.
    pub size_bytes: u64,
    /// Changes that are not in segments yet.
    pub waiting: u64,
    /// The version that is described.
    pub version: Version,
}
