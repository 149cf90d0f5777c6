//! The oracle: everything that a database of the shop's shape holds, as plain maps.
//!
//! ```text
//!   rows  documents  objects  entries  messages      one field per model; a step changes them beside the engine
//!             '-- search has no state of its own: what is found must be what a look through the documents finds
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use marquetry::blob::ListOptions;
use marquetry::search::{Query, SearchRequest};
use marquetry::table::ScanRequest;
use marquetry::{Error, Result, Snapshot};

use crate::Random;

/// The words that documents are made of.
pub const WORDS: [&str; 5] = ["amber", "birch", "cedar", "delta", "ebony"];
/// How many products there are.
pub const PRODUCTS: u64 = 6;

/// Everything stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct World {
    /// Whether the table, the collection and all else were created.
    pub is_furnished: bool,
    /// The state of each order.
    pub rows: BTreeMap<i64, String>,
    /// The text of each product.
    pub documents: BTreeMap<String, String>,
    /// The bytes of each receipt.
    pub objects: BTreeMap<String, Arc<[u8]>>,
    /// The cached page of each product.
    pub entries: BTreeMap<String, Vec<u8>>,
    /// The orders that wait to be shipped.
    pub messages: BTreeSet<i64>,
}

impl World {
    /// The products with `word` in their text.
    pub fn search(&self, word: &str) -> BTreeSet<String> {
        let has = |text: &str| text.split(' ').any(|part| part == word);
        self.documents.iter().filter(|(_, text)| has(text)).map(|(id, _)| id.clone()).collect()
    }

    /// What differs between the world that was found and this one, the sizes of objects instead of their bytes.
    pub fn difference(&self, found: &World) -> String {
        let sizes = |world: &World| -> Vec<String> {
            world.objects.iter().map(|(key, bytes)| format!("{key}: {} bytes", bytes.len())).collect()
        };
        let mut lines = Vec::new();
        let mut compare = |what: &str, is_same: bool, found: String, expected: String| {
            if !is_same {
                lines.push(format!("{what}: found {found} instead of {expected}"));
            }
        };
        macro_rules! fields {
            ($($field:ident),*) => {
                $(compare(
                    stringify!($field),
                    self.$field == found.$field,
                    format!("{:?}", found.$field),
                    format!("{:?}", self.$field),
                );)*
            };
        }
        fields!(is_furnished, rows, documents, entries, messages);
        let (there, expected) = (sizes(found), sizes(self));
        compare("objects", self.objects == found.objects, format!("{there:?}"), format!("{expected:?}"));
        lines.join("; ")
    }
}

/// Everything that `snapshot` shows, read through its models.
///
/// # Errors
/// Those of reading; `Corrupt` when the models do not fit each other or are not what the workload writes.
pub fn observe(snapshot: &Snapshot) -> Result<World> {
    match snapshot.objects()?.len() {
        0 => return Ok(World::default()),
        6 => {}
        names => return Err(Error::corrupt(format!("{names} objects of 6 were created"))),
    }
    let mut world = World { is_furnished: true, ..World::default() };
    for row in snapshot.tables().scan("orders", &ScanRequest::primary_key())? {
        let row = row?;
        world.rows.insert(row.integer("id")?, row.text("state")?.to_owned());
    }
    for document in snapshot.documents().find("products", &Default::default())? {
        let text = |name: &str| document[name].as_str().unwrap_or("no text").to_owned();
        world.documents.insert(text("_id"), text("text"));
    }
    for object in snapshot.blobs().list("receipts", &ListOptions::default())?.objects {
        let reader = snapshot.blobs().get("receipts", &object.key)?;
        let reader = reader.ok_or_else(|| Error::corrupt(format!("{} is listed and not there", object.key)))?;
        world.objects.insert(object.key, reader.into_bytes()?.into());
    }
    for number in 0..PRODUCTS {
        let id = format!("product{number}");
        if let Some(entry) = snapshot.cache().get("pages", &id)? {
            world.entries.insert(id, entry.value.to_vec());
        }
    }
    for message in snapshot.queues().peek("shipping", 1_000)? {
        world.messages.insert(message.body.as_json()?.as_i64().unwrap_or(-1));
    }
    Ok(world)
}

/// Compares what searches of `snapshot` find with a look through `world`: all documents at once, one word and one order.
///
/// # Errors
/// Those of searching; `Corrupt` when something else is found.
pub fn compare_search(snapshot: &Snapshot, world: &World, random: &mut Random) -> Result<()> {
    if !world.is_furnished {
        return Ok(());
    }
    let all: BTreeSet<String> = world.documents.keys().cloned().collect();
    expect_found(snapshot, &WORDS.join(" "), &all)?;
    let word = WORDS[random.below(WORDS.len() as u64) as usize];
    expect_found(snapshot, word, &world.search(word))?;
    let order = format!("order{}", random.below(20));
    expect_found(snapshot, &order, &world.search(&order))
}

fn expect_found(snapshot: &Snapshot, words: &str, expected: &BTreeSet<String>) -> Result<()> {
    let response = snapshot.search().search("product_text", &SearchRequest::new(Query::matching(words)))?;
    let found: BTreeSet<String> = response.hits.iter().map(|hit| hit.key.as_str().unwrap_or("?").to_owned()).collect();
    match found == *expected {
        true => Ok(()),
        false => Err(Error::corrupt(format!("a search for {words:?} finds {found:?} instead of {expected:?}"))),
    }
}
