//! The catalogue: every named object of the database, in one namespace of names.
//!
//! ```text
//!   01 "orders"  -> { id 7, kind table, generation 12, definition }
//!   02 7         -> "orders"
//! ```
//!
//! - A name is one object, whatever its kind: a table and a bucket cannot share it.
//! - Reading an entry through a transaction makes the transaction depend on it, under every isolation, so that a change of
//!   definition conflicts with whoever used the old one.
//! - The definition is opaque here; each model encodes its own. A definition never has the generation of another, so decoded
//!   ones may be kept by (id, generation): see [`Definitions`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::encoding::key::{KeyReader, KeyWriter};
use crate::encoding::record;
use crate::error::{Error, Result};
use crate::keyspace::{CATALOG_ID_TAG, CATALOG_TAG};
use crate::kv::{Direction, KeyRange, Reader, Sequences, Transaction};
use crate::limits::NAME_SIZE_BYTES_MAX;

/// Format of catalogue entries.
const CATALOG_FORMAT: u8 = 1;
/// The sequence that object ids and generations come from.
const ID_SEQUENCE: &[u8] = b"catalog";

/// The number of an object; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectId(u64);

impl ObjectId {
    /// The number itself.
    pub const fn number(self) -> u64 {
        self.0
    }

    pub(crate) const fn new(number: u64) -> Self {
        ObjectId(number)
    }
}

/// What kind of object a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A table of rows.
    Table,
    /// A collection of documents.
    Collection,
    /// A bucket of blobs.
    Bucket,
    /// A namespace of cache entries.
    Cache,
    /// A full-text index.
    SearchIndex,
    /// A queue of messages.
    Queue,
    /// A query that has a name.
    View,
    /// A source of numbers.
    Sequence,
    /// A type of SQL.
    Type,
    /// A schema: what the names of other objects begin with.
    Schema,
}

impl ObjectKind {
    /// Whether names of this kind are SQL's, which may quote any character.
    fn has_quoted_names(self) -> bool {
        match self {
            ObjectKind::Table | ObjectKind::View | ObjectKind::Sequence | ObjectKind::Type | ObjectKind::Schema => true,
            ObjectKind::Collection
            | ObjectKind::Bucket
            | ObjectKind::Cache
            | ObjectKind::SearchIndex
            | ObjectKind::Queue => false,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ObjectKind::Table => "table",
            ObjectKind::Collection => "collection",
            ObjectKind::Bucket => "bucket",
            ObjectKind::Cache => "cache",
            ObjectKind::SearchIndex => "search index",
            ObjectKind::Queue => "queue",
            ObjectKind::View => "view",
            ObjectKind::Sequence => "sequence",
            ObjectKind::Type => "type",
            ObjectKind::Schema => "schema",
        })
    }
}

/// One named object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) id: ObjectId,
    pub(crate) kind: ObjectKind,
    /// Changes with every change of the definition.
    pub(crate) generation: u64,
    /// The model's own encoding of what the object is.
    pub(crate) definition: Vec<u8>,
}

fn entry_key(name: &str) -> Vec<u8> {
    KeyWriter::new(CATALOG_TAG).raw(name.as_bytes()).finish()
}

fn id_key(id: ObjectId) -> Vec<u8> {
    KeyWriter::new(CATALOG_ID_TAG).u64(id.0).finish()
}

/// Refuses names that are empty or too long, and, of kinds that SQL quotes, with characters of control; of all others, with
/// characters that are not plain.
fn check_name_of(kind: ObjectKind, name: &str) -> Result<()> {
    if !kind.has_quoted_names() || name.len() > NAME_SIZE_BYTES_MAX {
        return check_name(kind, name);
    }
    match name.is_empty() || name.chars().any(char::is_control) {
        true => {
            Err(Error::invalid(format!("{name:?} cannot name a {kind}; use at least one character, none of control")))
        }
        false => Ok(()),
    }
}

/// Refuses names that are empty, too long, or not plain: letters, digits, `_`, `-` and `.`, first a letter, digit or `_`.
pub(crate) fn check_name(kind: impl fmt::Display, name: &str) -> Result<()> {
    if name.len() > NAME_SIZE_BYTES_MAX {
        return Err(Error::limit_exceeded(format!(
            "the name of a {kind} is {} bytes long, the limit is {NAME_SIZE_BYTES_MAX}; use a shorter one",
            name.len()
        )));
    }
    let first = name.chars().next();
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !first.is_some_and(|c| c.is_alphanumeric() || c == '_') || !name.chars().all(plain) {
        return Err(Error::invalid(format!(
            "{name:?} cannot name a {kind}; use letters, digits, '_', '-' and '.', beginning with a letter, digit or '_'"
        )));
    }
    Ok(())
}

/// Creates the object `name` when the transaction commits, and returns its id.
///
/// # Errors
/// `AlreadyExists` when the name is taken by any kind of object; `Invalid` or `LimitExceeded` for a bad name.
pub(crate) fn create(
    transaction: &Transaction,
    sequences: &Sequences,
    kind: ObjectKind,
    name: &str,
    definition: Vec<u8>,
) -> Result<ObjectId> {
    check_name_of(kind, name)?;
    if let Some(taken) = get(transaction, name)? {
        return Err(Error::already_exists(format!("the name {name:?} is taken by a {}", taken.kind)));
    }
    let id = ObjectId(sequences.next(ID_SEQUENCE)?);
    let generation = sequences.next(ID_SEQUENCE)?;
    store(transaction, name, &Entry { id, kind, generation, definition })?;
    transaction.put(id_key(id), name.as_bytes().to_vec())?;
    Ok(id)
}

/// Gives the object `name` another name when the transaction commits.
///
/// # Errors
/// `AlreadyExists` when the name is taken by any kind of object; `Invalid` or `LimitExceeded` for a bad name.
pub(crate) fn rename(
    transaction: &Transaction,
    sequences: &Sequences,
    name: &str,
    entry: &Entry,
    to: &str,
) -> Result<()> {
    check_name_of(entry.kind, to)?;
    if let Some(taken) = get(transaction, to)? {
        return Err(Error::already_exists(format!("the name {to:?} is taken by a {}", taken.kind)));
    }
    transaction.delete(entry_key(name))?;
    let generation = sequences.next(ID_SEQUENCE)?;
    store(transaction, to, &Entry { generation, ..entry.clone() })?;
    transaction.put(id_key(entry.id), to.as_bytes().to_vec())
}

/// The next number of the sequence that ids of objects come from, for parts of objects.
#[allow(dead_code, reason = "what SQL needs")]
pub(crate) fn next_id(sequences: &Sequences) -> Result<u64> {
    sequences.next(ID_SEQUENCE)
}

/// Gives the object `name` another definition when the transaction commits.
pub(crate) fn redefine(
    transaction: &Transaction,
    sequences: &Sequences,
    name: &str,
    entry: &Entry,
    definition: Vec<u8>,
) -> Result<()> {
    let generation = sequences.next(ID_SEQUENCE)?;
    store(transaction, name, &Entry { generation, definition, ..*entry })
}

fn store(transaction: &Transaction, name: &str, entry: &Entry) -> Result<()> {
    transaction.put(entry_key(name), record::encode(CATALOG_FORMAT, entry)?)
}

/// Removes the name when the transaction commits; what the object holds is the model's to retire.
pub(crate) fn remove(transaction: &Transaction, name: &str, id: ObjectId) -> Result<()> {
    transaction.delete(entry_key(name))?;
    transaction.delete(id_key(id))
}

/// The object `name` of any kind, or `None`.
pub(crate) fn get(reader: &(impl Reader + ?Sized), name: &str) -> Result<Option<Entry>> {
    if name.len() > NAME_SIZE_BYTES_MAX {
        return Ok(None);
    }
    let key = entry_key(name);
    if let Some(transaction) = reader.as_transaction() {
        transaction.depend_on(&key);
    }
    match reader.get(&key)? {
        Some(stored) => Ok(Some(record::decode(CATALOG_FORMAT, &stored, "a catalogue entry")?)),
        None => Ok(None),
    }
}

/// The object `name`, which must be of `kind`.
///
/// # Errors
/// `NotFound` when there is no such object, `Invalid` when it is of another kind.
pub(crate) fn find(reader: &(impl Reader + ?Sized), kind: ObjectKind, name: &str) -> Result<Entry> {
    match get(reader, name)? {
        Some(entry) if entry.kind == kind => Ok(entry),
        Some(entry) => Err(Error::invalid(format!("{name:?} is a {}, not a {kind}", entry.kind))),
        None => Err(Error::not_found(format!("there is no {kind} {name:?}; create it first"))),
    }
}

/// What a committed change of the key `key` did to the catalogue: the name, and its object unless it was removed;
/// `None` when the key is no entry.
pub(crate) fn change_of(key: &[u8], value: Option<&[u8]>) -> Option<(String, Option<Entry>)> {
    let name = String::from_utf8_lossy(KeyReader::new(key, CATALOG_TAG).ok()?.rest()).into_owned();
    let entry = value.and_then(|stored| record::decode(CATALOG_FORMAT, stored, "a catalogue entry").ok());
    Some((name, entry))
}

/// The name of the object `id`, or `None` when it was dropped.
pub(crate) fn name_of(reader: &(impl Reader + ?Sized), id: ObjectId) -> Result<Option<String>> {
    match reader.get(&id_key(id))? {
        Some(name) => String::from_utf8(name.to_vec())
            .map(Some)
            .map_err(|_| Error::corrupt("a name in the catalogue is not UTF-8; restore from a backup")),
        None => Ok(None),
    }
}

/// All objects of `kind`, or of every kind, by name.
pub(crate) fn list(reader: &(impl Reader + ?Sized), kind: Option<ObjectKind>) -> Result<Vec<(String, Entry)>> {
    let mut objects = Vec::new();
    for stored in reader.scan(KeyRange::prefix(vec![CATALOG_TAG]), Direction::Forward)? {
        let (key, value) = stored?;
        let entry: Entry = record::decode(CATALOG_FORMAT, &value, "a catalogue entry")?;
        if kind.is_none_or(|kind| kind == entry.kind) {
            let name = KeyReader::new(&key, CATALOG_TAG)?.rest();
            objects.push((String::from_utf8_lossy(name).into_owned(), entry));
        }
    }
    Ok(objects)
}

/// Decoded definitions of one model, kept by object id and generation.
#[derive(Debug)]
pub(crate) struct Definitions<T> {
    decoded: Mutex<HashMap<ObjectId, (u64, Arc<T>)>>,
}

impl<T> Default for Definitions<T> {
    fn default() -> Self {
        Definitions { decoded: Mutex::default() }
    }
}

impl<T> Definitions<T> {
    /// The decoded definition of `entry`, decoding it only when it is not the one kept.
    pub(crate) fn decode(&self, entry: &Entry, decode: impl FnOnce(&[u8]) -> Result<T>) -> Result<Arc<T>> {
        if let Some((generation, decoded)) = self.decoded.lock().get(&entry.id)
            && *generation == entry.generation
        {
            return Ok(decoded.clone());
        }
        let decoded = Arc::new(decode(&entry.definition)?);
        self.decoded.lock().insert(entry.id, (entry.generation, decoded.clone()));
        Ok(decoded)
    }

    /// Forgets the definition of a dropped object.
    pub(crate) fn forget(&self, id: ObjectId) {
        self.decoded.lock().remove(&id);
    }
}
