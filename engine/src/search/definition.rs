//! What an index is: its source and the fields that are taken from it.
//!
//! ```json
//! {"source": "products", "fields": {
//!     "title": {"type": "text", "language": "english", "weight": 3},
//!     "brand": {"type": "keyword", "path": "maker.brand"},
//!     "price": {"type": "float"}}}
//! ```
//!
//! A value that does not have the type of its field is not indexed: the source decides what it holds, an index never
//! makes a write fail.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::analyzer::Language;
use crate::catalog::ObjectId;
use crate::encoding::record;
use crate::env::Timestamp;
use crate::error::{Error, Result};
use crate::limits::{NAME_SIZE_BYTES_MAX, SEARCH_FIELDS_MAX, SEARCH_PATH_PARTS_MAX, SEARCH_WEIGHT_MAX};

/// Format of the definitions of indexes.
const INDEX_FORMAT: u8 = 1;

/// What a field holds and how it is searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text, searched by its words.
    Text,
    /// Text that is one value: searched as a whole, sorted and counted.
    Keyword,
    /// Whole numbers of 64 bits.
    Integer,
    /// Numbers with a fraction, of 64 bits. Text that is a number counts as one.
    Float,
    /// Moments: ISO 8601 dates, or dates with times; UTC where none is said.
    Date,
    /// True or false.
    Bool,
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FieldType::Text => "text",
            FieldType::Keyword => "keyword",
            FieldType::Integer => "integer",
            FieldType::Float => "float",
            FieldType::Date => "date",
            FieldType::Bool => "bool",
        })
    }
}

fn weight_of_one() -> f32 {
    1.0
}

/// One field of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDefinition {
    /// What it holds.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Where it is found in a document, such as `maker.brand`; the field's own name when `None`. Every element of a
    /// list counts as a value.
    #[serde(default)]
    pub path: Option<String>,
    /// The language of a text; its words as they are, in lower case, when `None`.
    #[serde(default)]
    pub language: Option<Language>,
    /// What a match in a text or keyword field counts, from above 0 up to 1,000. Default 1.
    #[serde(default = "weight_of_one")]
    pub weight: f32,
}

impl FieldDefinition {
    /// A field of that type, found under its own name.
    pub fn new(field_type: FieldType) -> Self {
        FieldDefinition { field_type, path: None, language: None, weight: 1.0 }
    }

    /// A text in that language.
    pub fn text(language: Language) -> Self {
        FieldDefinition { language: Some(language), ..FieldDefinition::new(FieldType::Text) }
    }

    /// The same field, whose matches count `weight`.
    #[must_use]
    pub fn with_weight(mut self, weight: f32) -> Self {
        self.weight = weight;
        self
    }

    /// The same field, found at `path`.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    fn check(&self, name: &str) -> Result<()> {
        let is_text = self.field_type == FieldType::Text;
        if self.language.is_some() && !is_text {
            return Err(Error::invalid(format!("field {name:?} is {}; only text has a language", self.field_type)));
        }
        let has_weight = is_text || self.field_type == FieldType::Keyword;
        if !has_weight && self.weight != 1.0 {
            return Err(Error::invalid(format!(
                "field {name:?} is {}; only text and keyword fields have a weight",
                self.field_type
            )));
        }
        if !(self.weight > 0.0 && self.weight <= SEARCH_WEIGHT_MAX) {
            return Err(Error::invalid(format!(
                "the weight of field {name:?} is {}; it must be above 0 and at most {SEARCH_WEIGHT_MAX}",
                self.weight
            )));
        }
        let path = self.path.as_deref().unwrap_or(name);
        if path.len() > NAME_SIZE_BYTES_MAX || path.split('.').count() > SEARCH_PATH_PARTS_MAX {
            return Err(Error::limit_exceeded(format!(
                "the path of field {name:?} is over {NAME_SIZE_BYTES_MAX} bytes or {SEARCH_PATH_PARTS_MAX} names"
            )));
        }
        match path.split('.').any(str::is_empty) {
            true => Err(Error::invalid(format!("the path {path:?} of field {name:?} has an empty name in it"))),
            false => Ok(()),
        }
    }
}

/// An index over a table or collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexDefinition {
    /// The table or collection.
    pub source: String,
    /// The fields by name: letters, digits, `_`, `-` and `.`, not beginning with `_`.
    pub fields: BTreeMap<String, FieldDefinition>,
}

impl IndexDefinition {
    /// An index over `source` with these fields.
    pub fn new<N: Into<String>>(
        source: impl Into<String>,
        fields: impl IntoIterator<Item = (N, FieldDefinition)>,
    ) -> Self {
        let fields = fields.into_iter().map(|(name, field)| (name.into(), field)).collect();
        IndexDefinition { source: source.into(), fields }
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.fields.is_empty() {
            return Err(Error::invalid("an index needs at least one field"));
        }
        if self.fields.len() > SEARCH_FIELDS_MAX {
            return Err(Error::limit_exceeded(format!(
                "an index of {} fields is over the limit of {SEARCH_FIELDS_MAX}",
                self.fields.len()
            )));
        }
        for (name, field) in &self.fields {
            let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
            if name.len() > NAME_SIZE_BYTES_MAX {
                return Err(Error::limit_exceeded(format!(
                    "the name of a field is {} bytes long, the limit is {NAME_SIZE_BYTES_MAX}",
                    name.len()
                )));
            }
            if name.is_empty() || name.starts_with('_') || !is_plain {
                return Err(Error::invalid(format!(
                    "{name:?} cannot name a field; use letters, digits, '_', '-' and '.', not beginning with '_'"
                )));
            }
            field.check(name)?;
        }
        Ok(())
    }
}

/// A definition as the catalogue holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StoredDefinition {
    pub(super) source: ObjectId,
    pub(super) created_at: Timestamp,
    pub(super) definition: IndexDefinition,
}

impl StoredDefinition {
    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        record::encode(INDEX_FORMAT, self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self> {
        record::decode(INDEX_FORMAT, bytes, "the definition of a search index")
    }
}
