//! Finding: reads what the plan says, matches, sorts when it has to, projects.
//!
//! ```text
//!   plan --> keys --> documents --> match --+-- in order: skip, take, stop
//!                                           '-- else: keep the first skip + limit by their sort keys, then decode those
//! ```
//!
//! - What is kept in memory is limited: a find that would keep more is refused, and says what helps.
//! - An entry with a shortened value is only about in its place. An index that was to save the sort and has one is read
//!   again from the start with a sort.

use std::collections::HashSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::collection::Collection;
use super::filter::Filter;
use super::path::ID;
use super::plan::{Access, Order, Plan, plan};
use super::projection::Projection;
use super::sort::{Sort, SortKey};
use super::{Documents, keys, stored};
use crate::error::{Error, Result};
use crate::kv::{Direction, Reader};
use crate::limits::DOCUMENT_RESULT_SIZE_BYTES_MAX;

/// Documents that a sort holds beyond twice those that it can return.
const SORT_SLACK_DOCUMENTS: usize = 1_000;

/// Which documents are wanted, in which order, and what of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Find {
    /// What they must match, such as `{"price": {"$lt": 20}}`; null is everything.
    pub filter: Value,
    /// The fields wanted, such as `{"name": 1}`, or not wanted, such as `{"notes": 0}`; null is all of them.
    pub projection: Value,
    /// The order, such as `[{"price": -1}, {"name": 1}]`. Those that compare equal come in no particular order, and without
    /// fields so do all.
    pub sort: Vec<Value>,
    /// Documents to pass over first.
    pub skip: u64,
    /// Documents at most; all without one.
    pub limit: Option<u64>,
}

impl Find {
    /// All documents that match `filter`.
    pub fn matching(filter: Value) -> Self {
        Find { filter, ..Find::default() }
    }
}

/// How a find was answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What was read, one after the other: several for the alternatives of an `$or`.
    pub reads: Vec<ExplainedRead>,
    /// Whether documents had to be sorted after they were found.
    pub sorted: bool,
    /// Keys of documents or index entries that were read.
    pub examined_keys: u64,
    /// Documents that were matched.
    pub examined_documents: u64,
    /// Documents that the find returns.
    pub returned: u64,
}

/// One part of the data that a find read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedRead {
    /// The name of the index; `_id` for the documents themselves.
    pub index: String,
    /// What bounds it, field by field; nothing when all of it is read.
    pub bounds: Vec<String>,
    /// Whether it is read from its end.
    pub backward: bool,
    /// In how many separate ranges it is read.
    pub ranges: usize,
}

/// A find, parsed.
struct Query {
    filter: Filter,
    projection: Option<Projection>,
    sort: Sort,
    skip: u64,
    limit: u64,
}

impl Query {
    fn parse(find: &Find) -> Result<Self> {
        Ok(Query {
            filter: Filter::parse(&find.filter)?,
            projection: Projection::parse(&find.projection)?,
            sort: Sort::parse(&find.sort)?,
            skip: find.skip,
            limit: find.limit.unwrap_or(u64::MAX),
        })
    }

    fn shown(&self, document: Value) -> Value {
        match &self.projection {
            Some(projection) => projection.apply(document),
            None => document,
        }
    }
}

/// What a walk read.
#[derive(Debug, Default)]
struct Walked {
    keys: u64,
    documents: u64,
    /// It ended because the order could not be relied on.
    is_unordered: bool,
}

/// A document that matched.
struct Found {
    id: Bytes,
    stored: Bytes,
    document: Value,
}

impl<R: Reader + ?Sized> Documents<'_, R> {
    /// The documents that match.
    ///
    /// Filters know `$and $or $nor $not $eq $ne $lt $lte $gt $gte $in $nin $all $size $exists $elemMatch`, dotted
    /// paths, and match an array when one of its elements does. An index is used where there is one that helps; see
    /// [`Documents::explain`].
    ///
    /// # Errors
    /// `NotFound` when there is no such collection; `Invalid` or `Unsupported` for a filter, projection or sort that is not
    /// one; `LimitExceeded` when the documents to return or to sort are larger than 64 MiB together.
    pub fn find(&self, collection: &str, find: &Find) -> Result<Vec<Value>> {
        let query = Query::parse(find)?;
        self.run(&self.open(collection)?, &query).map(|(documents, _)| documents)
    }

    /// How many documents match `filter`.
    ///
    /// # Errors
    /// As [`Documents::find`], but no limit on their size.
    pub fn count(&self, collection: &str, filter: &Value) -> Result<u64> {
        let filter = Filter::parse(filter)?;
        let collection = self.open(collection)?;
        let plan = plan(self.reader, &collection, &filter, &Sort::default())?;
        let mut count = 0;
        self.walk(&collection, &plan, &filter, &mut |_| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count)
    }

    /// How a find is answered: it is run, and what it read is told instead of what it found.
    ///
    /// # Errors
    /// As [`Documents::find`].
    pub fn explain(&self, collection: &str, find: &Find) -> Result<Explanation> {
        let query = Query::parse(find)?;
        self.run(&self.open(collection)?, &query).map(|(_, explanation)| explanation)
    }

    fn run(&self, collection: &Collection, query: &Query) -> Result<(Vec<Value>, Explanation)> {
        let mut plan = plan(self.reader, collection, &query.filter, &query.sort)?;
        let mut found = None;
        if plan.order != Order::Sorted {
            found = self.in_order(collection, &plan, query)?;
        }
        let (documents, walked) = match found {
            Some(found) => found,
            None => {
                plan.order = Order::Sorted;
                self.with_sort(collection, &plan, query)?
            }
        };
        let explanation = Explanation {
            reads: plan.accesses.iter().map(|access| explained(access, collection)).collect(),
            sorted: plan.order == Order::Sorted,
            examined_keys: walked.keys,
            examined_documents: walked.documents,
            returned: documents.len() as u64,
        };
        Ok((documents, explanation))
    }

    /// What is found as it comes; `None` when the order turns out not to be the one wanted.
    fn in_order(&self, collection: &Collection, plan: &Plan, query: &Query) -> Result<Option<(Vec<Value>, Walked)>> {
        let mut documents = Vec::new();
        if query.limit == 0 {
            return Ok(Some((documents, Walked::default())));
        }
        let mut budget = Budget::default();
        let mut to_skip = query.skip;
        let walked = self.walk(collection, plan, &query.filter, &mut |found| {
            if to_skip > 0 {
                to_skip -= 1;
                return Ok(ControlFlow::Continue(()));
            }
            budget.take(found.stored.len())?;
            documents.push(query.shown(found.document));
            Ok(match documents.len() as u64 == query.limit {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            })
        })?;
        Ok((!walked.is_unordered).then_some((documents, walked)))
    }

    /// What is found, sorted; only what can still be returned is kept meanwhile.
    fn with_sort(&self, collection: &Collection, plan: &Plan, query: &Query) -> Result<(Vec<Value>, Walked)> {
        let wanted = usize::try_from(query.skip.saturating_add(query.limit)).unwrap_or(usize::MAX);
        let order = |a: &(SortKey, Bytes), b: &(SortKey, Bytes)| query.sort.compare(&a.0, &b.0);
        let size = |(key, stored): &(SortKey, Bytes)| stored.len() + key.iter().map(Vec::len).sum::<usize>();
        let mut kept: Vec<(SortKey, Bytes)> = Vec::new();
        let mut budget = Budget::default();
        let walked = self.walk(collection, plan, &query.filter, &mut |found| {
            let candidate = (query.sort.key(&found.document), found.stored);
            budget.take(size(&candidate))?;
            kept.push(candidate);
            if kept.len() >= wanted.saturating_mul(2).saturating_add(SORT_SLACK_DOCUMENTS) {
                kept.sort_by(order);
                kept.drain(wanted..).for_each(|dropped| budget.give_back(size(&dropped)));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        kept.sort_by(order);
        let skip = usize::try_from(query.skip).unwrap_or(usize::MAX);
        let page = kept.into_iter().take(wanted).skip(skip);
        let documents = page.map(|(_, stored)| Ok(query.shown(stored::decode(&stored)?))).collect::<Result<_>>()?;
        Ok((documents, walked))
    }

    /// The ids of all documents that match.
    pub(super) fn matching_ids(&self, collection: &Collection, filter: &Filter) -> Result<Vec<String>> {
        let plan = plan(self.reader, collection, filter, &Sort::default())?;
        let mut ids = Vec::new();
        let mut budget = Budget::default();
        self.walk(collection, &plan, filter, &mut |found| {
            budget.take(found.id.len())?;
            ids.push(text_of(&found.id)?.to_owned());
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(ids)
    }

    /// Visits every document that `plan` reads and `filter` matches, once.
    fn walk(
        &self,
        collection: &Collection,
        plan: &Plan,
        filter: &Filter,
        visit: &mut dyn FnMut(Found) -> Result<ControlFlow<()>>,
    ) -> Result<Walked> {
        let mut walked = Walked::default();
        let mut seen = HashSet::new();
        let mut budget = Budget::default();
        for (access, range) in plan.ranges() {
            for entry in self.reader.scan(range.clone(), access.direction)? {
                walked.keys += 1;
                let read = self.read_entry(collection, access, entry?)?;
                if read.shortened && plan.order == Order::Kept {
                    return Ok(Walked { is_unordered: true, ..walked });
                }
                if plan.repeats {
                    if !seen.insert(read.id.clone()) {
                        continue;
                    }
                    budget.take(read.id.len())?;
                }
                let stored = self.stored(collection, read)?;
                let document = stored::decode(&stored.1)?;
                walked.documents += 1;
                if filter.matches(&document) && visit(Found { id: stored.0, stored: stored.1, document })?.is_break() {
                    return Ok(walked);
                }
            }
        }
        Ok(walked)
    }

    fn read_entry(&self, collection: &Collection, access: &Access, (key, value): (Bytes, Bytes)) -> Result<Read> {
        match access.index {
            None => {
                let id = key.slice(keys::documents(collection.id()).len()..);
                Ok(Read { id, shortened: false, stored: Some(value) })
            }
            Some(position) => {
                let entry = collection.definition.indexes[position].read_entry(&key, &value)?;
                Ok(Read { id: entry.id, shortened: entry.shortened, stored: None })
            }
        }
    }

    fn stored(&self, collection: &Collection, read: Read) -> Result<(Bytes, Bytes)> {
        if let Some(stored) = read.stored {
            return Ok((read.id, stored));
        }
        let found = self.reader.get(&keys::document(collection.id(), &read.id))?;
        let stored = found.ok_or_else(|| {
            Error::corrupt(format!(
                "an index of collection {:?} leads to a document {:?} that is not there; create the index again",
                collection.name,
                String::from_utf8_lossy(&read.id)
            ))
        })?;
        Ok((read.id, stored))
    }
}

/// A key that was read, and what it leads to.
struct Read {
    id: Bytes,
    shortened: bool,
    stored: Option<Bytes>,
}

fn text_of(id: &[u8]) -> Result<&str> {
    std::str::from_utf8(id)
        .map_err(|_| Error::corrupt("the id of a stored document is not UTF-8; restore from a backup"))
}

fn explained(access: &Access, collection: &Collection) -> ExplainedRead {
    let name = access.index.map(|position| collection.definition.indexes[position].name.clone());
    ExplainedRead {
        index: name.unwrap_or_else(|| ID.to_owned()),
        bounds: access.bounds.clone(),
        backward: access.direction == Direction::Backward,
        ranges: access.ranges.len(),
    }
}

/// How much of a find may still be held in memory.
#[derive(Debug, Default)]
struct Budget {
    used_bytes: usize,
}

impl Budget {
    fn take(&mut self, size_bytes: usize) -> Result<()> {
        self.used_bytes += size_bytes;
        match self.used_bytes > DOCUMENT_RESULT_SIZE_BYTES_MAX {
            true => Err(Error::limit_exceeded(format!(
                "a find holds more than {DOCUMENT_RESULT_SIZE_BYTES_MAX} bytes of documents; set a limit, page by _id, or \
                 create an index in the order of the sort"
            ))),
            false => Ok(()),
        }
    }

    fn give_back(&mut self, size_bytes: usize) {
        self.used_bytes = self.used_bytes.saturating_sub(size_bytes);
    }
}
