//! How text becomes terms, the same for documents, queries and highlights.
//!
//! ```text
//!   "The Running Dogs" --split at what is no letter or digit--> lower case --> stop words out --> stems: run, dog
//!                                                               '- plain: the, running, dogs
//! ```
//!
//! Left out: scripts written without spaces are not cut into words, and accents are kept.

use std::fmt;

use serde::{Deserialize, Serialize};
use tantivy::tokenizer::{
    Language as Stemming, LowerCaser, RemoveLongFilter, SimpleTokenizer, Stemmer, StopWordFilter, TextAnalyzer, Token,
};

use crate::limits::SEARCH_TERM_SIZE_BYTES_MAX;

/// The language of a text: its common words are left out and the others cut down to their stems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names of languages say it all")]
pub enum Language {
    Arabic,
    Danish,
    Dutch,
    English,
    Finnish,
    French,
    German,
    Greek,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Romanian,
    Russian,
    Spanish,
    Swedish,
    Tamil,
    Turkish,
}

impl Language {
    fn stemming(self) -> Stemming {
        match self {
            Language::Arabic => Stemming::Arabic,
            Language::Danish => Stemming::Danish,
            Language::Dutch => Stemming::Dutch,
            Language::English => Stemming::English,
            Language::Finnish => Stemming::Finnish,
            Language::French => Stemming::French,
            Language::German => Stemming::German,
            Language::Greek => Stemming::Greek,
            Language::Hungarian => Stemming::Hungarian,
            Language::Italian => Stemming::Italian,
            Language::Norwegian => Stemming::Norwegian,
            Language::Portuguese => Stemming::Portuguese,
            Language::Romanian => Stemming::Romanian,
            Language::Russian => Stemming::Russian,
            Language::Spanish => Stemming::Spanish,
            Language::Swedish => Stemming::Swedish,
            Language::Tamil => Stemming::Tamil,
            Language::Turkish => Stemming::Turkish,
        }
    }
}

/// The name under which the analyzer of a language is registered.
pub(super) fn name(language: Option<Language>) -> String {
    language.map_or_else(|| "plain".to_owned(), |language| format!("{language:?}"))
}

/// The analyzer of a language; without one, words in lower case.
pub(super) fn analyzer(language: Option<Language>) -> TextAnalyzer {
    let mut builder = plain().dynamic();
    if let Some(language) = language.map(Language::stemming) {
        if let Some(stop_words) = StopWordFilter::new(language) {
            builder = builder.filter_dynamic(stop_words);
        }
        builder = builder.filter_dynamic(Stemmer::new(language));
    }
    builder.build()
}

fn plain() -> tantivy::tokenizer::TextAnalyzerBuilder<impl tantivy::tokenizer::Tokenizer> {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(SEARCH_TERM_SIZE_BYTES_MAX + 1))
        .filter(LowerCaser)
}

/// A term, and the part of the text that it stands for.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) term: String,
    pub(super) position: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.term, self.position)
    }
}

/// The terms of `text` in their order.
pub(super) fn words(language: Option<Language>, text: &str) -> Vec<Word> {
    let mut analyzer = analyzer(language);
    let mut words = Vec::new();
    let mut stream = analyzer.token_stream(text);
    stream.process(&mut |token: &Token| {
        words.push(Word {
            term: token.text.clone(),
            position: token.position,
            start: token.offset_from,
            end: token.offset_to,
        });
    });
    words
}
