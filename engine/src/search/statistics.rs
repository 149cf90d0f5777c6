//! What BM25 weighs words by: counted over the documents that the reader sees, wherever they are.
//!
//! ```text
//!   documents, documents with a word, words of a field  =  sum over all parts, dead documents left out
//! ```
//!
//! So a document scores the same whether it is in a segment or waits, and a replaced one weighs nothing. Only the length
//! of a dead text of over 40 words is known roughly.

use std::cell::RefCell;
use std::collections::HashMap;

use tantivy::query::Bm25StatisticsProvider;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, TERMINATED, Term};

use super::layout::Part;

/// The statistics of one search.
pub(super) struct PartStatistics<'a> {
    parts: &'a [Part],
    tokens: RefCell<HashMap<Field, u64>>,
    documents: RefCell<HashMap<Term, u64>>,
}

impl<'a> PartStatistics<'a> {
    pub(super) fn new(parts: &'a [Part]) -> Self {
        PartStatistics { parts, tokens: RefCell::default(), documents: RefCell::default() }
    }
}

fn living_tokens(part: &Part, field: Field) -> tantivy::Result<u64> {
    let total = part.segment.reader.inverted_index(field)?.total_num_tokens();
    if part.dead.count() == 0 || total == 0 {
        return Ok(total);
    }
    let lengths = part.segment.reader.get_fieldnorms_reader(field)?;
    let dead: u64 = part.dead.iter().map(|document| u64::from(lengths.fieldnorm(document))).sum();
    Ok(total.saturating_sub(dead))
}

fn living_documents(part: &Part, term: &Term) -> tantivy::Result<u64> {
    let terms = part.segment.reader.inverted_index(term.field())?;
    if part.dead.count() == 0 {
        return Ok(u64::from(terms.doc_freq(term)?));
    }
    let Some(mut postings) = terms.read_postings(term, IndexRecordOption::Basic)? else { return Ok(0) };
    let mut count = 0;
    let mut document = postings.doc();
    while document != TERMINATED {
        count += u64::from(!part.dead.contains(document));
        document = postings.advance();
    }
    Ok(count)
}

impl Bm25StatisticsProvider for PartStatistics<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        if let Some(known) = self.tokens.borrow().get(&field) {
            return Ok(*known);
        }
        let total = self.parts.iter().try_fold(0, |sum, part| living_tokens(part, field).map(|count| sum + count))?;
        self.tokens.borrow_mut().insert(field, total);
        Ok(total)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        Ok(self.parts.iter().map(|part| u64::from(part.alive())).sum())
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        if let Some(known) = self.documents.borrow().get(term) {
            return Ok(*known);
        }
        let total = self.parts.iter().try_fold(0, |sum, part| living_documents(part, term).map(|count| sum + count))?;
        self.documents.borrow_mut().insert(term.clone(), total);
        Ok(total)
    }
}
