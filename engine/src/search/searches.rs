//! Indexes created, dropped and described; and searched.
//!
//! ```text
//!   create  -> catalogue entry, the source is watched, an unbuilt layout       drop -> all of it gone, files later
//!   search  -> view at the reader -> query -> hits -> keys, documents and highlights from the source at the reader
//! ```

use serde_json::Value;

use super::check::documents_of;
use super::collect::{Found, Wanted, collect};
use super::compile::{Prepared, prepare};
use super::definition::{IndexDefinition, StoredDefinition};
use super::facet::facets;
use super::highlight::highlights;
use super::index_state::IndexState;
use super::keys;
use super::layout::LayoutRow;
use super::pending::Waiting;
use super::request::{Hit, IndexInfo, SearchRequest, SearchResponse};
use super::sort::SortOrder;
use super::{SearchModel, Searches};
use crate::catalog::{self, Entry, ObjectId, ObjectKind};
use crate::error::{Error, Result};
use crate::kv::{Reader, Transaction};

impl<R: Reader> Searches<'_, R> {
    /// All indexes by name.
    ///
    /// # Errors
    /// Those of reading.
    pub fn indexes(&self) -> Result<Vec<IndexInfo>> {
        let entries = catalog::list(self.reader, Some(ObjectKind::SearchIndex))?;
        entries.iter().map(|(name, entry)| self.describe(name, entry)).collect()
    }

    /// The index `name`.
    ///
    /// # Errors
    /// `NotFound` when there is none, `Invalid` when the name is something else's.
    pub fn index(&self, name: &str) -> Result<IndexInfo> {
        self.describe(name, &catalog::find(self.reader, ObjectKind::SearchIndex, name)?)
    }

    fn describe(&self, name: &str, entry: &Entry) -> Result<IndexInfo> {
        // How an index stands is no reason for a transaction to conflict.
        let committed = self.reader.committed();
        let row = LayoutRow::read(&committed, entry.id)?.unwrap_or_else(|| LayoutRow::unbuilt(0));
        Ok(IndexInfo {
            name: name.to_owned(),
            definition: StoredDefinition::decode(&entry.definition)?.definition,
            is_built: row.is_built,
            segment_documents: documents_of(&row),
            segments: row.segments.len() as u64,
            size_bytes: row.segments.iter().map(|segment| segment.size_bytes()).sum(),
            waiting: Waiting::count(&committed, entry.id, usize::MAX)? as u64,
            version: self.reader.version(),
        })
    }

    /// What `request` finds in the index `name`: in everything that is committed up to the version that is read, and in
    /// a transaction in its own changes as well.
    ///
    /// A serializable transaction that searches conflicts with every later change of the source.
    ///
    /// # Errors
    /// `NotFound` without such an index; `Invalid` when the request makes no sense for it; `LimitExceeded` when the
    /// request is too large, or more than 100,000 documents would have to be indexed for this transaction alone.
    pub fn search(&self, name: &str, request: &SearchRequest) -> Result<SearchResponse> {
        request.check()?;
        let entry = catalog::find(self.reader, ObjectKind::SearchIndex, name)?;
        let state = self.model.state(&entry)?;
        let prepared = prepare(&state.schema, &request.query)?;
        let order = SortOrder::new(&state.schema, request)?;
        let facets = facets(&state.schema, &request.facets)?;
        let after = request.after.as_deref().map(|text| order.read_cursor(text)).transpose()?;
        let view = self.model.view(self.reader, &state)?;
        let end = request.from + request.size;
        let wanted = Wanted { order: &order, first: end, after: after.as_ref(), facets };
        let collected = collect(&state.schema, &view, &*prepared.query, wanted)?;
        let is_full = request.size > 0 && collected.found.len() == end;
        let next = collected.found.last().filter(|_| is_full).map(|last| order.cursor(&last.standing)).transpose()?;
        let page = collected.found.into_iter().skip(request.from);
        let hits = page.map(|found| self.hit(&state, request, &prepared, found)).collect::<Result<_>>()?;
        let facets = collected.facets.into_iter().map(super::facet::Facet::finish).collect();
        Ok(SearchResponse { total: collected.total, hits, facets, next })
    }

    fn hit(&self, state: &IndexState, request: &SearchRequest, prepared: &Prepared, found: Found) -> Result<Hit> {
        let (source, key) = (state.schema.source, &found.standing.key);
        let needs_document = request.documents || request.highlight.is_some();
        let document = match needs_document {
            true => self.model.sources.load(self.reader, source, key)?,
            false => None,
        };
        let highlights = match &request.highlight {
            Some(highlight) => {
                let document = document.as_ref().unwrap_or(&Value::Null);
                highlights(&state.schema, highlight, &prepared.marked, document)?
            }
            None => Default::default(),
        };
        Ok(Hit {
            key: self.model.sources.key_value(self.reader, source, key)?,
            score: found.score,
            document: document.filter(|_| request.documents),
            highlights,
        })
    }
}

impl Searches<'_, Transaction> {
    /// Declares the index `name` over a table or collection. It finds what is there already.
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken by anything; `NotFound` without the source; `Invalid` or `LimitExceeded`
    /// when the definition is wrong.
    pub fn create_index(&self, name: &str, definition: &IndexDefinition) -> Result<()> {
        definition.check()?;
        let source = self.model.sources.find(self.reader, &definition.source)?;
        let created_at = self.model.keyspace.env().now();
        let stored = StoredDefinition { source, created_at, definition: definition.clone() }.encode()?;
        let savepoint = self.reader.savepoint();
        let outcome = self.write_index(name, source, stored);
        if outcome.is_err() {
            self.reader.rollback_to(savepoint)?;
        }
        self.reader.release(savepoint)?;
        outcome
    }

    fn write_index(&self, name: &str, source: ObjectId, stored: Vec<u8>) -> Result<()> {
        let transaction = self.reader;
        let id = catalog::create(transaction, &self.model.sequences, ObjectKind::SearchIndex, name, stored)?;
        // Whoever changes the source depends on this key, so no change can miss the new index.
        let watched = keys::watched(source);
        let mut watchers = transaction.get(&watched)?.map_or(Ok(Vec::new()), |stored| keys::watchers_of(&stored))?;
        watchers.push(id);
        transaction.put(watched, keys::watchers(&watchers))?;
        transaction.put(keys::layout(id), LayoutRow::unbuilt(0).encode()?)
    }

    /// Drops the index `name`; its source stays.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub fn drop_index(&self, name: &str) -> Result<()> {
        let entry = catalog::find(self.reader, ObjectKind::SearchIndex, name)?;
        let source = StoredDefinition::decode(&entry.definition)?.source;
        let watched = keys::watched(source);
        if let Some(stored) = self.reader.get(&watched)? {
            let mut watchers = keys::watchers_of(&stored)?;
            watchers.retain(|watcher| *watcher != entry.id);
            match watchers.is_empty() {
                true => self.reader.delete(watched)?,
                false => self.reader.put(watched, keys::watchers(&watchers))?,
            }
        }
        self.model.retire(self.reader, name, entry.id)
    }
}

impl SearchModel {
    /// Removes everything of an index when the transaction commits.
    pub(super) fn retire(&self, transaction: &Transaction, name: &str, index: ObjectId) -> Result<()> {
        let segments = LayoutRow::read(transaction, index)?.map_or_else(Vec::new, |row| row.segments);
        catalog::remove(transaction, name, index)?;
        transaction.delete(keys::layout(index))?;
        transaction.reclaim_prefix(&keys::markers(index))?;
        transaction.reclaim_prefix(&keys::dead_of_index(index))?;
        let retired = self.retired.clone();
        let numbers: Vec<u64> = segments.iter().map(|segment| segment.number).collect();
        transaction.after_commit(Box::new(move |version| retired.add(numbers, version)));
        Ok(())
    }

    /// The index with this catalogue entry, opened once.
    pub(super) fn state(&self, entry: &Entry) -> Result<std::sync::Arc<IndexState>> {
        if let Some(state) = self.indexes.lock().get(&entry.id) {
            return Ok(state.clone());
        }
        let schema = super::schema::IndexSchema::new(&StoredDefinition::decode(&entry.definition)?)?;
        let mut indexes = self.indexes.lock();
        let state = indexes.entry(entry.id).or_insert_with(|| IndexState::new(entry.id, schema).into());
        Ok(state.clone())
    }

    /// The index `id` as `reader` knows it.
    pub(super) fn state_by_id(&self, reader: &impl Reader, id: ObjectId) -> Result<Option<std::sync::Arc<IndexState>>> {
        let Some(name) = catalog::name_of(reader, id)? else { return Ok(None) };
        match catalog::get(reader, &name)? {
            Some(entry) if entry.id == id => self.state(&entry).map(Some),
            _ => Err(Error::corrupt(format!("the catalogue disagrees about {name:?}; restore from a backup"))),
        }
    }
}
