//! An index as tantivy sees it: its fields, its analyzers, and how a document is taken apart for it.
//!
//! ```text
//!   _key      the source key: finds a document again, and breaks ties           terms + column
//!   _id       the key as its users know it, as JSON text                        terms
//!   _present  the numbers of the fields that have a value                       terms
//!   f0, f1..  the declared fields by name: text -> terms with positions, keyword -> terms + column, others -> column
//! ```
//!
//! Nothing is stored: documents and highlights come from the source, at the reader's version.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde_json::Value;
use tantivy::schema::{BytesOptions, Field, IndexRecordOption, NumericOptions, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{RAW_TOKENIZER_NAME, TokenizerManager};
use tantivy::{Index, IndexSettings, ReloadPolicy, Searcher, TantivyDocument};

use super::analyzer::{self, Language};
use super::definition::{FieldType, StoredDefinition};
use super::fault::{Fault, failed};
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::limits::SEARCH_KEYWORD_SIZE_BYTES_MAX;

/// Name of the field of source keys.
pub(super) const KEY_FIELD: &str = "_key";

/// A declared field.
#[derive(Debug, Clone)]
pub(super) struct IndexedField {
    pub(super) field: Field,
    /// Its name in tantivy's columns.
    pub(super) column: String,
    pub(super) field_type: FieldType,
    pub(super) language: Option<Language>,
    pub(super) weight: f32,
    path: Vec<String>,
}

/// The schema of one index.
pub(super) struct IndexSchema {
    pub(super) source: ObjectId,
    pub(super) key: Field,
    pub(super) id: Field,
    pub(super) present: Field,
    pub(super) fields: BTreeMap<String, IndexedField>,
    pub(super) tantivy: Schema,
    tokenizers: TokenizerManager,
    /// Of an index without documents: what tantivy wants to see when it prepares a query.
    pub(super) empty: Searcher,
}

impl IndexSchema {
    pub(super) fn new(stored: &StoredDefinition) -> Result<Self> {
        let mut builder = Schema::builder();
        let tokenizers = TokenizerManager::default();
        let key = builder.add_bytes_field(KEY_FIELD, BytesOptions::default().set_indexed().set_fast());
        let id = builder.add_text_field("_id", exact_text());
        let present = builder.add_text_field("_present", exact_text());
        let mut fields = BTreeMap::new();
        for (number, (name, definition)) in stored.definition.fields.iter().enumerate() {
            let column = format!("f{number}");
            let numeric = NumericOptions::default().set_fast();
            let field = match definition.field_type {
                FieldType::Text => {
                    let tokenizer = analyzer::name(definition.language);
                    tokenizers.register(&tokenizer, analyzer::analyzer(definition.language));
                    let indexing = TextFieldIndexing::default()
                        .set_tokenizer(&tokenizer)
                        .set_index_option(IndexRecordOption::WithFreqsAndPositions);
                    builder.add_text_field(&column, TextOptions::default().set_indexing_options(indexing))
                }
                FieldType::Keyword => builder.add_text_field(&column, exact_text().set_fast(RAW_TOKENIZER_NAME)),
                FieldType::Integer | FieldType::Date => builder.add_i64_field(&column, numeric),
                FieldType::Float => builder.add_f64_field(&column, numeric),
                FieldType::Bool => builder.add_bool_field(&column, numeric.set_indexed()),
            };
            let path = definition.path.as_deref().unwrap_or(name).split('.').map(str::to_owned).collect();
            let field = IndexedField {
                field,
                column,
                field_type: definition.field_type,
                language: definition.language,
                weight: definition.weight,
                path,
            };
            fields.insert(name.clone(), field);
        }
        let tantivy = builder.build();
        let empty = empty_searcher(&tantivy).map_err(failed("preparing a search index"))?;
        Ok(IndexSchema { source: stored.source, key, id, present, fields, tantivy, tokenizers, empty })
    }

    /// What tantivy needs to build a segment of this index.
    pub(super) fn builder(&self) -> tantivy::IndexBuilder {
        Index::builder().schema(self.tantivy.clone()).tokenizers(self.tokenizers.clone()).settings(segment_settings())
    }

    /// The document under `source_key`, which its users know as `id`, for tantivy.
    pub(super) fn document(&self, source_key: &[u8], id: &Value, document: &Value) -> TantivyDocument {
        let mut out = TantivyDocument::new();
        out.add_bytes(self.key, source_key);
        out.add_text(self.id, id.to_string());
        for (number, field) in self.fields.values().enumerate() {
            if field.add_values(document, &mut out) {
                out.add_text(self.present, number.to_string());
            }
        }
        out
    }

    /// The term in the field of present fields that stands for the field `name`.
    pub(super) fn presence_of(&self, name: &str) -> Option<String> {
        self.fields.keys().position(|known| known == name).map(|number| number.to_string())
    }
}

/// How segments are written: on the caller's thread, so that a segment of a few documents costs no thread.
pub(super) fn segment_settings() -> IndexSettings {
    IndexSettings { docstore_compress_dedicated_thread: false, ..IndexSettings::default() }
}

fn exact_text() -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(RAW_TOKENIZER_NAME)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    TextOptions::default().set_indexing_options(indexing)
}

fn empty_searcher(schema: &Schema) -> Result<Searcher, Fault> {
    let index = Index::builder().schema(schema.clone()).create_in_ram()?;
    Ok(index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?.searcher())
}

impl IndexedField {
    /// Adds the values that the document has for this field; false when there are none.
    fn add_values(&self, document: &Value, out: &mut TantivyDocument) -> bool {
        let mut any = false;
        match self.field_type {
            FieldType::Text => {
                for text in self.texts(document) {
                    out.add_text(self.field, text);
                    any = true;
                }
            }
            FieldType::Keyword => {
                let texts: BTreeSet<String> = self.texts(document).into_iter().collect();
                for text in texts.iter().filter(|text| text.len() <= SEARCH_KEYWORD_SIZE_BYTES_MAX) {
                    out.add_text(self.field, text);
                    any = true;
                }
            }
            FieldType::Integer | FieldType::Date => {
                let parse = if self.field_type == FieldType::Date { date } else { integer };
                let numbers: BTreeSet<i64> = self.values(document).into_iter().filter_map(parse).collect();
                for number in numbers {
                    out.add_i64(self.field, number);
                    any = true;
                }
            }
            FieldType::Float => {
                for number in self.values(document).into_iter().filter_map(float) {
                    out.add_f64(self.field, number);
                    any = true;
                }
            }
            FieldType::Bool => {
                let truths: BTreeSet<bool> = self.values(document).into_iter().filter_map(Value::as_bool).collect();
                for truth in truths {
                    out.add_bool(self.field, truth);
                    any = true;
                }
            }
        }
        any
    }

    /// The texts that the document has for this field.
    pub(super) fn texts(&self, document: &Value) -> Vec<String> {
        self.values(document).into_iter().filter_map(text).collect()
    }

    /// What stands at the path, with lists opened, in order. Documents may be deep: no recursion.
    fn values<'a>(&self, document: &'a Value) -> Vec<&'a Value> {
        let mut found = Vec::new();
        let mut rest = vec![(document, 0)];
        while let Some((value, depth)) = rest.pop() {
            match value {
                Value::Array(elements) => rest.extend(elements.iter().rev().map(|element| (element, depth))),
                Value::Object(members) => {
                    let member = self.path.get(depth).and_then(|name| members.get(name));
                    rest.extend(member.map(|member| (member, depth + 1)));
                }
                Value::Null => {}
                value if depth == self.path.len() => found.push(value),
                _ => {}
            }
        }
        found
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// The whole number that `value` is.
pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?;
            let is_whole = float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0;
            is_whole.then_some(float as i64)
        }),
        _ => None,
    }
}

/// The finite number that `value` is, or that its text says.
pub(super) fn float(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    // Both zeros are one value.
    number.is_finite().then_some(number + 0.0)
}

/// The moment that the text of `value` says, in microseconds since 1970.
pub(super) fn date(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.timestamp_micros());
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f")
        .or_else(|_| NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f"))
        .ok()
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0));
    Some(local?.and_utc().timestamp_micros())
}

impl std::fmt::Debug for IndexSchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IndexSchema of {} fields", self.fields.len())
    }
}
