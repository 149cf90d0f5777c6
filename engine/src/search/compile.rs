//! From a query to what tantivy runs, with every limit checked before anything is built.
//!
//! ```text
//!   match over fields, per word:   best field of { title^3: run, body: run }        scores: BM25
//!   and                            every word in some field
//!   filter, term, range, prefix..  score 1, or none in a filter
//! ```
//!
//! Queries are taken apart with a counter of levels, so no nesting overflows the stack, here or in tantivy.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::Value;
use tantivy::Term;
use tantivy::query as t;
use tantivy::query::{Occur, Query as Compiled};
use tantivy::schema::IndexRecordOption;

use super::analyzer::{self, Word};
use super::definition::FieldType;
use super::query::{
    BoolQuery, FuzzyQuery, IdsQuery, MatchQuery, Operator, PhraseQuery, PrefixQuery, Query, RangeQuery, TermsQuery,
};
use super::schema::{self, IndexSchema, IndexedField};
use crate::error::{Error, Result};
use crate::limits::{
    SEARCH_DEPTH_MAX, SEARCH_KEYWORD_SIZE_BYTES_MAX, SEARCH_TERM_SIZE_BYTES_MAX, SEARCH_TERMS_MAX,
    SEARCH_TEXT_SIZE_BYTES_MAX, SEARCH_WEIGHT_MAX,
};

/// What a word that is only nearly the one asked for counts.
const NEARLY: f32 = 0.5;
/// What the other fields add to the one that matches a word best.
const OTHER_FIELDS: f32 = 0.1;

/// What a highlight marks in a field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Marked {
    Word(String),
    Prefix(String),
    Nearly(String, u8),
}

/// A query ready to run.
pub(super) struct Prepared {
    pub(super) query: Box<dyn Compiled>,
    /// What makes a document match, by field.
    pub(super) marked: BTreeMap<String, Vec<Marked>>,
}

/// `query` for the index with `schema`.
///
/// # Errors
/// `Invalid` for unknown fields and values that do not fit them; `LimitExceeded` for queries that are too large.
pub(super) fn prepare(schema: &IndexSchema, query: &Query) -> Result<Prepared> {
    let mut compiler = Compiler { schema, terms: 0, marked: BTreeMap::new() };
    let query = compiler.query(query, 1)?;
    Ok(Prepared { query, marked: compiler.marked })
}

struct Compiler<'a> {
    schema: &'a IndexSchema,
    terms: usize,
    marked: BTreeMap<String, Vec<Marked>>,
}

type Part = Box<dyn Compiled>;

impl Compiler<'_> {
    fn query(&mut self, query: &Query, depth: usize) -> Result<Part> {
        if depth > SEARCH_DEPTH_MAX {
            return Err(Error::limit_exceeded(format!("a query has over {SEARCH_DEPTH_MAX} levels; make it flatter")));
        }
        self.count(1)?;
        match query {
            Query::All {} => Ok(Box::new(t::AllQuery)),
            Query::Match(query) => self.words(query),
            Query::Phrase(query) => self.phrase(query),
            Query::Prefix(query) => self.prefix(query),
            Query::Fuzzy(query) => self.fuzzy(query),
            Query::Term(query) => self.values(&query.field, std::slice::from_ref(&query.value)),
            Query::Terms(TermsQuery { field, values }) => self.values(field, values),
            Query::Range(query) => self.range(query),
            Query::Exists(query) => self.exists(&query.field),
            Query::Ids(query) => self.ids(query),
            Query::Bool(query) => self.boolean(query, depth),
            Query::Boost(query) => {
                if !(query.by > 0.0 && query.by <= SEARCH_WEIGHT_MAX) {
                    return Err(Error::invalid(format!(
                        "a boost by {} is not above 0 and at most {SEARCH_WEIGHT_MAX}",
                        query.by
                    )));
                }
                Ok(boosted(self.query(&query.query, depth + 1)?, query.by))
            }
        }
    }

    fn count(&mut self, terms: usize) -> Result<()> {
        self.terms = self.terms.saturating_add(terms);
        match self.terms > SEARCH_TERMS_MAX {
            true => Err(Error::limit_exceeded(format!(
                "a query has over {SEARCH_TERMS_MAX} clauses, words and values; ask for less at once"
            ))),
            false => Ok(()),
        }
    }

    fn field(&self, name: &str) -> Result<&IndexedField> {
        self.schema.fields.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.schema.fields.keys().take(20).map(String::as_str).collect();
            let shown: String = name.chars().take(64).collect();
            Error::invalid(format!("the index has no field {shown:?}; it has {}", known.join(", ")))
        })
    }

    fn text_field(&self, name: &str, kinds: &[FieldType]) -> Result<IndexedField> {
        let field = self.field(name)?;
        match kinds.contains(&field.field_type) {
            true => Ok(field.clone()),
            false => Err(Error::invalid(format!(
                "field {name:?} is {}; this query is for {} fields",
                field.field_type,
                kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
            ))),
        }
    }

    fn mark(&mut self, field: &str, marked: Marked) {
        self.marked.entry(field.to_owned()).or_default().push(marked);
    }

    fn words(&mut self, query: &MatchQuery) -> Result<Part> {
        check_text(&query.text)?;
        check_distance(query.distance)?;
        let names: Vec<String> = match query.fields.is_empty() {
            true => {
                let texts = self.schema.fields.iter().filter(|(_, field)| field.field_type == FieldType::Text);
                texts.map(|(name, _)| name.clone()).collect()
            }
            false => query.fields.clone(),
        };
        let mut by_place: BTreeMap<usize, Vec<Part>> = BTreeMap::new();
        let mut whole: Vec<(Occur, Part)> = Vec::new();
        let mut text_fields = 0;
        for name in names {
            let field = self.text_field(&name, &[FieldType::Text, FieldType::Keyword])?;
            if field.field_type == FieldType::Keyword {
                self.count(1)?;
                check_keyword(&query.text)?;
                self.mark(&name, Marked::Word(query.text.clone()));
                whole.push((Occur::Should, word_query(&field, &query.text)));
                continue;
            }
            text_fields += 1;
            for word in analyzer::words(field.language, &query.text) {
                self.count(1)?;
                by_place.entry(word.start).or_default().push(self.word(&name, &field, &word, query.distance));
            }
        }
        // A word that some field leaves out as too common cannot be asked of all.
        let occurs = |fields: usize| match query.operator {
            Operator::And if fields == text_fields => Occur::Must,
            _ => Occur::Should,
        };
        let clauses: Vec<(Occur, Part)> = by_place
            .into_values()
            .map(|fields| {
                let occur = occurs(fields.len());
                (occur, best_of(fields))
            })
            .collect();
        if !clauses.is_empty() {
            whole.push((Occur::Should, Box::new(t::BooleanQuery::new(clauses))));
        }
        Ok(any_of(whole))
    }

    fn word(&mut self, name: &str, field: &IndexedField, word: &Word, distance: u8) -> Part {
        let exact = word_query(field, &word.term);
        if distance == 0 {
            self.mark(name, Marked::Word(word.term.clone()));
            return exact;
        }
        self.mark(name, Marked::Nearly(word.term.clone(), distance));
        let term = Term::from_field_text(field.field, &word.term);
        let nearly = boosted(Box::new(t::FuzzyTermQuery::new(term, distance, true)), field.weight * NEARLY);
        Box::new(t::DisjunctionMaxQuery::new(vec![exact, nearly]))
    }

    fn phrase(&mut self, query: &PhraseQuery) -> Result<Part> {
        check_text(&query.text)?;
        let field = self.text_field(&query.field, &[FieldType::Text])?;
        let words = analyzer::words(field.language, &query.text);
        self.count(words.len())?;
        for word in &words {
            self.mark(&query.field, Marked::Word(word.term.clone()));
        }
        let compiled: Part = match &words[..] {
            [] => Box::new(t::EmptyQuery),
            [word] => return Ok(word_query(&field, &word.term)),
            words => {
                let term = |word: &Word| (word.position, Term::from_field_text(field.field, &word.term));
                let slop = query.slop.min(SEARCH_TERMS_MAX as u32);
                Box::new(t::PhraseQuery::new_with_offset_and_slop(words.iter().map(term).collect(), slop))
            }
        };
        Ok(boosted(compiled, field.weight))
    }

    fn prefix(&mut self, query: &PrefixQuery) -> Result<Part> {
        let field = self.text_field(&query.field, &[FieldType::Text, FieldType::Keyword])?;
        let value = expanded(&field, &query.value)?;
        self.mark(&query.field, Marked::Prefix(value.clone()));
        let term = Term::from_field_text(field.field, &value);
        Ok(boosted(Box::new(t::FuzzyTermQuery::new_prefix(term, 0, true)), field.weight))
    }

    fn fuzzy(&mut self, query: &FuzzyQuery) -> Result<Part> {
        check_distance(query.distance)?;
        let field = self.text_field(&query.field, &[FieldType::Text, FieldType::Keyword])?;
        let values = match field.field_type {
            FieldType::Text => {
                check_text(&query.value)?;
                analyzer::words(field.language, &query.value).into_iter().map(|word| word.term).collect()
            }
            _ => vec![expanded(&field, &query.value)?],
        };
        self.count(values.len())?;
        let mut clauses: Vec<(Occur, Part)> = Vec::new();
        for value in values {
            let term = Term::from_field_text(field.field, &value);
            self.mark(&query.field, Marked::Nearly(value, query.distance));
            clauses.push((Occur::Must, Box::new(t::FuzzyTermQuery::new(term, query.distance, true))));
        }
        Ok(boosted(any_of(clauses), field.weight))
    }

    fn values(&mut self, name: &str, values: &[Value]) -> Result<Part> {
        self.count(values.len())?;
        let field = self.field(name)?.clone();
        let mut clauses: Vec<(Occur, Part)> = Vec::with_capacity(values.len());
        for value in values {
            let clause = match field.field_type {
                FieldType::Text | FieldType::Keyword => {
                    let text = value_text(name, value)?;
                    let term = match field.field_type {
                        FieldType::Text => single_word(&field, &text)?,
                        _ => check_keyword(&text).map(|()| Some(text))?,
                    };
                    let Some(term) = term else { continue };
                    self.mark(name, Marked::Word(term.clone()));
                    word_query(&field, &term)
                }
                FieldType::Bool => {
                    let truth = value.as_bool().ok_or_else(|| misfit(name, &field, value))?;
                    constant(Term::from_field_bool(field.field, truth))
                }
                _ => {
                    let term = number_term(name, &field, value)?;
                    Box::new(t::RangeQuery::new(Bound::Included(term.clone()), Bound::Included(term)))
                }
            };
            clauses.push((Occur::Should, clause));
        }
        Ok(any_of(clauses))
    }

    fn range(&mut self, query: &RangeQuery) -> Result<Part> {
        let name = &query.field;
        let field = self.field(name)?;
        let term = |value: &Value| match field.field_type {
            FieldType::Keyword => {
                let text = value_text(name, value)?;
                check_keyword(&text)?;
                Ok(Term::from_field_text(field.field, &text))
            }
            FieldType::Text | FieldType::Bool => Err(Error::invalid(format!(
                "field {name:?} is {}; ranges are for keyword, integer, float and date fields",
                field.field_type
            ))),
            _ => number_term(name, field, value),
        };
        let bound = |open: &Option<Value>, closed: &Option<Value>, which: &str| match (open, closed) {
            (None, None) => Ok(Bound::Unbounded),
            (Some(value), None) => term(value).map(Bound::Excluded),
            (None, Some(value)) => term(value).map(Bound::Included),
            (Some(_), Some(_)) => Err(Error::invalid(format!("a range in {name:?} has two {which} ends; give one"))),
        };
        let (lower, upper) = (bound(&query.gt, &query.gte, "lower")?, bound(&query.lt, &query.lte, "upper")?);
        match (&lower, &upper) {
            (Bound::Unbounded, Bound::Unbounded) => {
                Err(Error::invalid(format!("a range in {name:?} has no end; give gt, gte, lt or lte, or use exists")))
            }
            _ => Ok(Box::new(t::RangeQuery::new(lower, upper))),
        }
    }

    fn exists(&mut self, name: &str) -> Result<Part> {
        self.field(name)?;
        let number = self.schema.presence_of(name).unwrap_or_default();
        Ok(constant(Term::from_field_text(self.schema.present, &number)))
    }

    fn ids(&mut self, query: &IdsQuery) -> Result<Part> {
        self.count(query.values.len())?;
        let mut clauses: Vec<(Occur, Part)> = Vec::with_capacity(query.values.len());
        for value in &query.values {
            let text = value.to_string();
            check_keyword(&text)?;
            clauses.push((Occur::Should, constant(Term::from_field_text(self.schema.id, &text))));
        }
        Ok(any_of(clauses))
    }

    fn boolean(&mut self, query: &BoolQuery, depth: usize) -> Result<Part> {
        let mut clauses: Vec<(Occur, Part)> = Vec::new();
        for clause in &query.must {
            clauses.push((Occur::Must, self.query(clause, depth + 1)?));
        }
        for clause in &query.filter {
            let unscored = t::ConstScoreQuery::new(self.unmarked(clause, depth + 1)?, 0.0);
            clauses.push((Occur::Must, Box::new(unscored)));
        }
        for clause in &query.should {
            clauses.push((Occur::Should, self.query(clause, depth + 1)?));
        }
        if clauses.is_empty() {
            clauses.push((Occur::Must, Box::new(t::AllQuery)));
        }
        for clause in &query.must_not {
            clauses.push((Occur::MustNot, self.unmarked(clause, depth + 1)?));
        }
        Ok(Box::new(t::BooleanQuery::new(clauses)))
    }

    /// A clause whose words are not what a reader looks for in a hit.
    fn unmarked(&mut self, clause: &Query, depth: usize) -> Result<Part> {
        let marked = self.marked.clone();
        let compiled = self.query(clause, depth);
        self.marked = marked;
        compiled
    }
}

fn boosted(query: Part, by: f32) -> Part {
    if by == 1.0 { query } else { Box::new(t::BoostQuery::new(query, by)) }
}

fn word_query(field: &IndexedField, term: &str) -> Part {
    let term = Term::from_field_text(field.field, term);
    match field.field_type {
        FieldType::Text => boosted(Box::new(t::TermQuery::new(term, IndexRecordOption::WithFreqs)), field.weight),
        _ => boosted(constant(term), field.weight),
    }
}

fn constant(term: Term) -> Part {
    Box::new(t::ConstScoreQuery::new(Box::new(t::TermQuery::new(term, IndexRecordOption::Basic)), 1.0))
}

fn best_of(mut fields: Vec<Part>) -> Part {
    match fields.len() {
        1 => fields.remove(0),
        _ => Box::new(t::DisjunctionMaxQuery::with_tie_breaker(fields, OTHER_FIELDS)),
    }
}

fn any_of(mut clauses: Vec<(Occur, Part)>) -> Part {
    match clauses.len() {
        0 => Box::new(t::EmptyQuery),
        1 => clauses.remove(0).1,
        _ => Box::new(t::BooleanQuery::new(clauses)),
    }
}

fn check_text(text: &str) -> Result<()> {
    match text.len() > SEARCH_TEXT_SIZE_BYTES_MAX {
        true => Err(Error::limit_exceeded(format!(
            "a text of {} bytes is over the limit of {SEARCH_TEXT_SIZE_BYTES_MAX} of a query",
            text.len()
        ))),
        false => Ok(()),
    }
}

fn check_keyword(text: &str) -> Result<()> {
    match text.len() > SEARCH_KEYWORD_SIZE_BYTES_MAX {
        true => Err(Error::limit_exceeded(format!(
            "a value of {} bytes is over the limit of {SEARCH_KEYWORD_SIZE_BYTES_MAX}; longer ones are not indexed",
            text.len()
        ))),
        false => Ok(()),
    }
}

fn check_distance(distance: u8) -> Result<()> {
    match distance > 2 {
        true => Err(Error::invalid(format!("a distance of {distance} letters is over the largest, 2"))),
        false => Ok(()),
    }
}

/// The value that words or keywords are compared with letter by letter.
fn expanded(field: &IndexedField, value: &str) -> Result<String> {
    if value.len() > SEARCH_TERM_SIZE_BYTES_MAX {
        return Err(Error::limit_exceeded(format!(
            "a beginning or approximate value of {} bytes is over the limit of {SEARCH_TERM_SIZE_BYTES_MAX}",
            value.len()
        )));
    }
    Ok(match field.field_type {
        FieldType::Text => value.to_lowercase(),
        _ => value.to_owned(),
    })
}

/// The one word that `text` is in a text field; `None` when the field leaves it out as too common.
fn single_word(field: &IndexedField, text: &str) -> Result<Option<String>> {
    check_text(text)?;
    let mut words = analyzer::words(field.language, text);
    match words.len() {
        0 | 1 => Ok(words.pop().map(|word| word.term)),
        count => Err(Error::invalid(format!(
            "a term in a text field is one word, this one has {count}; use match or phrase"
        ))),
    }
}

fn value_text(name: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        _ => Err(Error::invalid(format!("a value of field {name:?} must be text, a number, true or false"))),
    }
}

fn number_term(name: &str, field: &IndexedField, value: &Value) -> Result<Term> {
    let term = match field.field_type {
        FieldType::Integer => schema::integer(value).map(|number| Term::from_field_i64(field.field, number)),
        FieldType::Date => schema::date(value).map(|number| Term::from_field_i64(field.field, number)),
        FieldType::Float => schema::float(value).map(|number| Term::from_field_f64(field.field, number)),
        _ => None,
    };
    term.ok_or_else(|| misfit(name, field, value))
}

fn misfit(name: &str, field: &IndexedField, value: &Value) -> Error {
    let shown: String = value.to_string().chars().take(64).collect();
    Error::invalid(format!("{shown} does not fit field {name:?}, which is {}", field.field_type))
}
