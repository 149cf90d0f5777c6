//! Runs a prepared query over the parts of a view: how many match, which come first, and the counts.
//!
//! ```text
//!   per part:  every living match -> total, facets, and a heap of the first `from + size` by codes
//!   over all:  the firsts of the parts, merged by their values
//! ```
//!
//! Every match is visited: totals and facets are exact.

use std::collections::BinaryHeap;

use tantivy::DocId;
use tantivy::query::{EnableScoring, Weight};

use super::facet::Facet;
use super::fault::read;
use super::layout::Part;
use super::schema::IndexSchema;
use super::sort::{Codes, SegmentOrder, SortOrder, Standing};
use super::statistics::PartStatistics;
use super::view::View;
use crate::error::Result;

/// A match that may be shown.
pub(super) struct Found {
    pub(super) standing: Standing,
    pub(super) score: f32,
}

/// What all parts together have.
pub(super) struct Collected {
    pub(super) total: u64,
    /// The first ones in their order.
    pub(super) found: Vec<Found>,
    pub(super) facets: Vec<Facet>,
}

/// What is asked of the matches.
pub(super) struct Wanted<'a> {
    pub(super) order: &'a SortOrder,
    /// How many of the first ones.
    pub(super) first: usize,
    /// Only those behind this one; the total counts all.
    pub(super) after: Option<&'a Standing>,
    pub(super) facets: Vec<Facet>,
}

/// Runs `query` over `view`.
pub(super) fn collect(
    schema: &IndexSchema,
    view: &View,
    query: &dyn tantivy::query::Query,
    wanted: Wanted<'_>,
) -> Result<Collected> {
    let Wanted { order, first, after, facets } = wanted;
    let mut collected = Collected { total: 0, found: Vec::new(), facets };
    if view.parts.is_empty() {
        return Ok(collected);
    }
    let statistics = PartStatistics::new(&view.parts);
    let scoring = EnableScoring::enabled_from_statistics_provider(&statistics, &schema.empty);
    let weight = read(query.weight(scoring))?;
    for part in &view.parts {
        collect_part(part, &*weight, order, first, after, &mut collected)?;
    }
    collected.found.sort_by(|a, b| order.compare(&a.standing, &b.standing));
    collected.found.truncate(first);
    Ok(collected)
}

fn collect_part(
    part: &Part,
    weight: &dyn Weight,
    order: &SortOrder,
    first: usize,
    after: Option<&Standing>,
    collected: &mut Collected,
) -> Result<()> {
    let segment_order = order.in_segment(&part.segment)?;
    let after = after.map(|standing| segment_order.codes_of(standing)).transpose()?;
    let mut facets = Vec::with_capacity(collected.facets.len());
    for facet in &collected.facets {
        facets.push(facet.in_segment(&part.segment)?);
    }
    let mut firsts = Firsts { order: segment_order, most: first, after, heap: BinaryHeap::new() };
    let mut total = 0;
    read(weight.for_each(&part.segment.reader, &mut |document, score| {
        if !part.dead.contains(document) {
            total += 1;
            facets.iter_mut().for_each(|facet| facet.count(document));
            firsts.offer(document, score);
        }
    }))?;
    collected.total += total;
    for (facet, counted) in collected.facets.iter_mut().zip(facets) {
        facet.add(counted)?;
    }
    for Candidate { document, score, .. } in firsts.heap {
        let standing = firsts.order.standing(&part.segment, document, score)?;
        collected.found.push(Found { standing, score });
    }
    Ok(())
}

struct Candidate {
    codes: Codes,
    document: DocId,
    score: f32,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.codes == other.codes
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.codes.cmp(&other.codes)
    }
}

/// The first matches of one part; the last of them is on top of the heap.
struct Firsts {
    order: SegmentOrder,
    most: usize,
    after: Option<Codes>,
    heap: BinaryHeap<Candidate>,
}

impl Firsts {
    fn offer(&mut self, document: DocId, score: f32) {
        if self.most == 0 {
            return;
        }
        let last = (self.heap.len() == self.most).then(|| self.heap.peek()).flatten();
        if last.is_some_and(|last| self.order.first_code(document, score) > last.codes[0]) {
            return;
        }
        let codes = self.order.codes(document, score);
        if self.after.is_some_and(|after| codes <= after) || last.is_some_and(|last| codes >= last.codes) {
            return;
        }
        if last.is_some() {
            self.heap.pop();
        }
        self.heap.push(Candidate { codes, document, score });
    }
}
