//! Writing and reading single documents, and everything that keeps indexes and listeners true to them.
//!
//! ```text
//!   insert put replace update delete --> store(id, old, new) --> index entries, then the document, then the hook
//! ```
//!
//! Every write reads what it replaces through the transaction, so an update that another one overtakes conflicts and is
//! run again: none is lost.

use std::sync::atomic::Ordering;

use serde_json::{Map, Value};

use super::change::{Update, empty_document};
use super::collection::Collection;
use super::filter::Filter;
use super::order::kind_name;
use super::path::ID;
use super::{DocumentModel, Documents, keys, stored};
use crate::error::{Error, Result};
#[cfg(feature = "sql")]
use crate::kv::{Direction, KeyRange, key_after};
use crate::kv::{Reader, Transaction};
use crate::limits::DOCUMENT_ID_SIZE_BYTES_MAX;

/// What an update of many documents did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UpdateCounts {
    /// Documents that the filter matched.
    pub matched: u64,
    /// Documents of those that are different now.
    pub modified: u64,
}

impl<R: Reader + ?Sized> Documents<'_, R> {
    /// The document `id`, or `None` when there is no such document.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection.
    pub fn get(&self, collection: &str, id: &str) -> Result<Option<Value>> {
        let collection = self.open(collection)?;
        match id.len() > DOCUMENT_ID_SIZE_BYTES_MAX {
            true => Ok(None),
            false => self.load(&collection, id),
        }
    }

    /// Up to `limit` documents whose ids sort behind `after`, by id.
    #[cfg(feature = "sql")]
    pub(crate) fn page_behind(
        &self,
        collection: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Value)>> {
        let id = self.open(collection)?.id();
        let mut range = KeyRange::prefix(keys::documents(id));
        if let Some(after) = after {
            range.start = key_after(&keys::document(id, after.as_bytes())).into();
        }
        let mut documents = Vec::new();
        for entry in self.reader.scan(range, Direction::Forward)?.take(limit) {
            let (key, stored) = entry?;
            documents.push((keys::document_id(&key)?.to_owned(), stored::decode(&stored)?));
        }
        Ok(documents)
    }

    fn load(&self, collection: &Collection, id: &str) -> Result<Option<Value>> {
        let found = self.reader.get(&keys::document(collection.id(), id.as_bytes()))?;
        found.map(|found| stored::decode(&found)).transpose()
    }
}

impl Documents<'_, Transaction> {
    /// Inserts a document and returns its id: its `_id`, or a new one when it has none.
    ///
    /// New ids are UUIDs that sort by the time of their making.
    ///
    /// # Errors
    /// `AlreadyExists` when there is a document with that id; `Constraint` when a unique index has its values; `Invalid`
    /// when it is not an object or its `_id` is not a string; `LimitExceeded` when it is too large or too deep.
    pub fn insert(&self, collection: &str, document: Value) -> Result<String> {
        let collection = self.open(collection)?;
        self.atomically(|| self.insert_into(&collection, document))
    }

    /// Inserts documents, all or none, and returns their ids in the same order.
    ///
    /// # Errors
    /// As [`Documents::insert`], with the index of the document that was refused.
    pub fn insert_many(&self, collection: &str, documents: Vec<Value>) -> Result<Vec<String>> {
        let collection = self.open(collection)?;
        self.atomically(|| {
            let inserted = documents.into_iter().enumerate().map(|(index, document)| {
                let outcome = self.insert_into(&collection, document);
                outcome.map_err(|error| error.context(format_args!("document {index}")))
            });
            inserted.collect()
        })
    }

    fn insert_into(&self, collection: &Collection, document: Value) -> Result<String> {
        let mut fields = fields_of(document)?;
        let id = match fields.get(ID) {
            Some(Value::String(id)) => id.clone(),
            Some(other) => return Err(not_an_id(other)),
            None => {
                let id = self.model.new_id();
                fields.shift_insert(0, ID.to_owned(), Value::from(id.clone()));
                id
            }
        };
        verify_id(&id)?;
        if self.reader.get(&keys::document(collection.id(), id.as_bytes()))?.is_some() {
            return Err(Error::already_exists(format!(
                "there is a document {id:?} in collection {:?} already; replace it, or insert under another _id",
                collection.name
            )));
        }
        self.store(collection, &id, None, Some(&Value::Object(fields)))?;
        Ok(id)
    }

    /// Puts `document` in the place of the one with `id`, or inserts it; true when there was one.
    ///
    /// # Errors
    /// As [`Documents::insert`], but for the id being there; `Invalid` when the document has another `_id`.
    pub fn put(&self, collection: &str, id: &str, document: Value) -> Result<bool> {
        let collection = self.open(collection)?;
        let document = with_id(id, document)?;
        let old = self.load(&collection, id)?;
        self.atomically(|| self.store(&collection, id, old.as_ref(), Some(&document)))?;
        Ok(old.is_some())
    }

    /// Puts `document` in the place of the one with `id`; false, and nothing is written, when there is none.
    ///
    /// # Errors
    /// As [`Documents::put`].
    pub fn replace(&self, collection: &str, id: &str, document: Value) -> Result<bool> {
        let collection = self.open(collection)?;
        let document = with_id(id, document)?;
        let Some(old) = self.load(&collection, id)? else { return Ok(false) };
        self.atomically(|| self.store(&collection, id, Some(&old), Some(&document)))?;
        Ok(true)
    }

    /// Changes the document `id` and returns it as it is then, or `None` when there is no such document.
    ///
    /// `update` is an object of operators: `$set`, `$unset`, `$inc`, `$mul`, `$min`, `$max`, `$push` and `$addToSet` (one
    /// value, or several in `$each`), `$pull`, `$rename`, `$setOnInsert`.
    ///
    /// # Errors
    /// `Invalid` when the update does not fit the document or changes `_id`; `Unsupported` for other operators;
    /// `Constraint` when a unique index has the new values; `LimitExceeded` when the document becomes too large.
    pub fn update(&self, collection: &str, id: &str, update: &Value) -> Result<Option<Value>> {
        let update = Update::parse(update)?;
        let collection = self.open(collection)?;
        verify_id(id)?;
        let Some(old) = self.load(&collection, id)? else { return Ok(None) };
        self.atomically(|| self.change(&collection, id, &old, &update)).map(|(document, _)| Some(document))
    }

    /// Changes the document `id`, after inserting one of nothing but the id when there is none, and returns it.
    ///
    /// # Errors
    /// As [`Documents::update`].
    pub fn update_or_insert(&self, collection: &str, id: &str, update: &Value) -> Result<Value> {
        let update = Update::parse(update)?;
        let collection = self.open(collection)?;
        verify_id(id)?;
        self.atomically(|| match self.load(&collection, id)? {
            Some(old) => self.change(&collection, id, &old, &update).map(|(document, _)| document),
            None => {
                let mut document = empty_document(id);
                update.apply(&mut document, true)?;
                self.store(&collection, id, None, Some(&document))?;
                Ok(document)
            }
        })
    }

    /// Changes every document that matches `filter`, all or none.
    ///
    /// # Errors
    /// As [`Documents::update`] and [`Documents::find`].
    pub fn update_many(&self, collection: &str, filter: &Value, update: &Value) -> Result<UpdateCounts> {
        let (filter, update) = (Filter::parse(filter)?, Update::parse(update)?);
        let collection = self.open(collection)?;
        // The ids are complete before the first change, so that no document is met again where it moved to.
        let ids = self.matching_ids(&collection, &filter)?;
        let mut counts = UpdateCounts { matched: ids.len() as u64, modified: 0 };
        self.atomically(|| {
            for id in ids {
                let old = self.require(&collection, &id)?;
                let (_, changed) = self.change(&collection, &id, &old, &update)?;
                counts.modified += u64::from(changed);
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// Deletes the document `id`; false when there was none.
    ///
    /// # Errors
    /// `NotFound` when there is no such collection.
    pub fn delete(&self, collection: &str, id: &str) -> Result<bool> {
        let collection = self.open(collection)?;
        if id.len() > DOCUMENT_ID_SIZE_BYTES_MAX {
            return Ok(false);
        }
        let Some(old) = self.load(&collection, id)? else { return Ok(false) };
        self.atomically(|| self.store(&collection, id, Some(&old), None))?;
        Ok(true)
    }

    /// Deletes every document that matches `filter`, and returns how many did.
    ///
    /// # Errors
    /// As [`Documents::find`].
    pub fn delete_many(&self, collection: &str, filter: &Value) -> Result<u64> {
        let filter = Filter::parse(filter)?;
        let collection = self.open(collection)?;
        let ids = self.matching_ids(&collection, &filter)?;
        self.atomically(|| {
            ids.iter().try_for_each(|id| {
                let old = self.require(&collection, id)?;
                self.store(&collection, id, Some(&old), None)
            })
        })?;
        Ok(ids.len() as u64)
    }

    /// A document that was found in this transaction.
    fn require(&self, collection: &Collection, id: &str) -> Result<Value> {
        self.load(collection, id)?.ok_or_else(|| {
            Error::corrupt(format!("the document {id:?} was found and is not there; restore from a backup"))
        })
    }

    fn change(&self, collection: &Collection, id: &str, old: &Value, update: &Update) -> Result<(Value, bool)> {
        let mut document = old.clone();
        update.apply(&mut document, false).map_err(|error| error.context(format_args!("document {id:?}")))?;
        let is_changed = stored::encode(&document)? != stored::encode(old)?;
        if is_changed {
            self.store(collection, id, Some(old), Some(&document))?;
        }
        Ok((document, is_changed))
    }

    /// Brings everything that is kept about the document `id` from `old` to `new`.
    fn store(&self, collection: &Collection, id: &str, old: Option<&Value>, new: Option<&Value>) -> Result<()> {
        let key = keys::document(collection.id(), id.as_bytes());
        // Encoded first: what is too deep is refused before anything walks through it.
        let encoded = new.map(stored::encode).transpose()?;
        for index in &collection.definition.indexes {
            index.update(self.reader, collection, id, old, new)?;
        }
        match encoded {
            Some(encoded) => self.reader.put(key, encoded)?,
            None => self.reader.delete(key)?,
        }
        self.model.hook.changed(self.reader, collection.id(), id.as_bytes())
    }
}

fn fields_of(document: Value) -> Result<Map<String, Value>> {
    let fields = match document {
        Value::Object(fields) => fields,
        other => return Err(Error::invalid(format!("a document is a JSON object, not {}", kind_name(&other)))),
    };
    match fields.keys().find(|name| name.starts_with('$')) {
        Some(name) => Err(Error::invalid(format!(
            "a document has no field {name:?} at its top level: names with $ are operators; update with it, or rename it"
        ))),
        None => Ok(fields),
    }
}

/// The document to be stored under `id`.
fn with_id(id: &str, document: Value) -> Result<Value> {
    verify_id(id)?;
    let mut fields = fields_of(document)?;
    match fields.get(ID) {
        None => drop(fields.shift_insert(0, ID.to_owned(), Value::from(id))),
        Some(Value::String(own)) if own == id => {}
        Some(Value::String(_)) => {
            return Err(Error::invalid(format!("the document to put under {id:?} has another _id; leave it out")));
        }
        Some(other) => return Err(not_an_id(other)),
    }
    Ok(Value::Object(fields))
}

fn verify_id(id: &str) -> Result<()> {
    match id.len() {
        0 => Err(Error::invalid("the _id of a document is empty; leave it out to have one made")),
        length if length > DOCUMENT_ID_SIZE_BYTES_MAX => Err(Error::limit_exceeded(format!(
            "an _id is {length} bytes long, the limit is {DOCUMENT_ID_SIZE_BYTES_MAX}; use a shorter one"
        ))),
        _ => Ok(()),
    }
}

fn not_an_id(value: &Value) -> Error {
    Error::invalid(format!("the _id of a document is a string, not {}; write it in quotes", kind_name(value)))
}

impl DocumentModel {
    /// A new id: milliseconds, a count within them, and randomness.
    fn new_id(&self) -> String {
        let env = self.keyspace.env();
        let millis = u64::try_from(env.now().as_micros()).unwrap_or_default() / 1_000;
        // The low 12 bits count, so that ids made in a row sort in that order, also when the clock stands or goes back.
        let moment = millis << 12;
        let last = self.last_id.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(moment.max(last + 1)));
        let number = last.map_or(moment, |last| moment.max(last + 1));
        let mut random = [0; 10];
        env.fill_random(&mut random);
        random[0] = (number >> 8) as u8;
        random[1] = number as u8;
        uuid::Builder::from_unix_timestamp_millis(number >> 12, &random).into_uuid().to_string()
    }
}
