//! A keyspace with a small source and the search model over it; and the search that just looks at every document.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::analyzer::{self, Language};
use super::*;
use crate::Durability;
use crate::encoding::key::KeyWriter;
use crate::env::MemoryEnv;
use crate::error::Error;
use crate::hook::SourceKeys;
use crate::keyspace::DOCUMENT_TAG;
use crate::kv::{Isolation, KeyspaceSettings};

const SOURCE: ObjectId = ObjectId::new(1_000_000);

fn document_key(key: &[u8]) -> Vec<u8> {
    KeyWriter::new(DOCUMENT_TAG).u64(SOURCE.number()).raw(key).finish()
}

/// JSON under plain keys.
struct PlainSource;

impl SourceReader for PlainSource {
    fn find(&self, _: &dyn Reader, name: &str) -> Result<ObjectId> {
        match name {
            "things" => Ok(SOURCE),
            _ => Err(Error::not_found(format!("there is no table or collection {name:?}"))),
        }
    }

    fn load(&self, reader: &dyn Reader, _: ObjectId, key: &[u8]) -> Result<Option<Value>> {
        let stored = reader.get(&document_key(key))?;
        Ok(stored.map(|stored| serde_json::from_slice(&stored).unwrap()))
    }

    fn keys(&self, reader: &dyn Reader, _: ObjectId) -> Result<SourceKeys> {
        let stored = reader.scan(KeyRange::prefix(document_key(b"")), Direction::Forward)?;
        Ok(Box::new(stored.map(|entry| entry.map(|(key, _)| key[9..].to_vec()))))
    }

    fn key_value(&self, _: &dyn Reader, _: ObjectId, key: &[u8]) -> Result<Value> {
        Ok(Value::String(String::from_utf8_lossy(key).into_owned()))
    }
}

pub(super) struct Twin {
    pub(super) env: MemoryEnv,
    pub(super) keyspace: Arc<Keyspace>,
    pub(super) model: SearchModel,
}

pub(super) fn definition() -> IndexDefinition {
    IndexDefinition::new(
        "things",
        [
            ("title", FieldDefinition::text(Language::English).with_weight(2.0)),
            ("body", FieldDefinition::new(FieldType::Text)),
            ("brand", FieldDefinition::new(FieldType::Keyword)),
            ("tags", FieldDefinition::new(FieldType::Keyword)),
            ("stock", FieldDefinition::new(FieldType::Integer)),
            ("price", FieldDefinition::new(FieldType::Float)),
            ("made", FieldDefinition::new(FieldType::Date).at("history.made")),
            ("sold_out", FieldDefinition::new(FieldType::Bool)),
        ],
    )
}

impl Twin {
    pub(super) fn open(env: &MemoryEnv) -> Result<Self> {
        let directory = Path::new("/db");
        let settings = KeyspaceSettings { background: false, ..KeyspaceSettings::default() };
        let keyspace = Keyspace::open(Arc::new(env.clone()), directory, settings)?;
        let sequences = Arc::new(Sequences::new(keyspace.clone()));
        let model =
            SearchModel::open(keyspace.clone(), sequences, Arc::new(PlainSource), directory, &Settings::default())?;
        Ok(Twin { env: env.clone(), keyspace, model })
    }

    /// A twin with the index `find` over nothing.
    pub(super) fn fresh(seed: u64) -> Self {
        let twin = Twin::open(&MemoryEnv::simulated(seed)).unwrap();
        twin.transact(|tx| twin.in_transaction(tx).create_index("find", &definition())).unwrap();
        twin
    }

    pub(super) fn begin(&self) -> Transaction {
        self.keyspace.begin(Isolation::Serializable).unwrap()
    }

    pub(super) fn transact<T>(&self, write: impl Fn(&Transaction) -> Result<T>) -> Result<T> {
        loop {
            let transaction = self.keyspace.begin(Isolation::Serializable)?;
            let value = write(&transaction)?;
            match transaction.commit(Durability::Durable) {
                Err(error) if error.kind() == crate::ErrorKind::Conflict => {}
                outcome => return outcome.map(|_| value),
            }
        }
    }

    pub(super) fn in_transaction<'a>(&'a self, transaction: &'a Transaction) -> Searches<'a, Transaction> {
        Searches::new(&self.model, transaction)
    }

    pub(super) fn set(&self, transaction: &Transaction, key: &str, document: Option<&Value>) -> Result<()> {
        match document {
            Some(document) => transaction.put(document_key(key.as_bytes()), document.to_string())?,
            None => transaction.delete(document_key(key.as_bytes()))?,
        }
        self.model.changed(transaction, SOURCE, key.as_bytes())
    }

    pub(super) fn put(&self, key: &str, document: &Value) -> Result<()> {
        self.transact(|tx| self.set(tx, key, Some(document)))
    }

    pub(super) fn delete(&self, key: &str) -> Result<()> {
        self.transact(|tx| self.set(tx, key, None))
    }

    pub(super) fn drop_source(&self) -> Result<()> {
        self.transact(|tx| self.model.dropped(tx, SOURCE))
    }

    /// All background work, as after a while.
    pub(super) fn settle(&self) -> Result<()> {
        self.model.maintain()?;
        self.env.advance(Duration::from_secs(2));
        while self.model.maintain()? {}
        self.keyspace.sync()
    }

    pub(super) fn search(&self, request: &SearchRequest) -> Result<SearchResponse> {
        self.search_at(&self.keyspace.snapshot()?, request)
    }

    pub(super) fn search_at(&self, reader: &impl Reader, request: &SearchRequest) -> Result<SearchResponse> {
        Searches::new(&self.model, reader).search("find", request)
    }

    /// The keys of what `query` finds.
    pub(super) fn found(&self, query: Query) -> BTreeSet<String> {
        self.found_at(&self.keyspace.snapshot().unwrap(), query).unwrap()
    }

    pub(super) fn found_at(&self, reader: &impl Reader, query: Query) -> Result<BTreeSet<String>> {
        let request = SearchRequest { size: 10_000, ..SearchRequest::new(query) };
        let response = self.search_at(reader, &request)?;
        let keys: BTreeSet<String> = response.hits.iter().map(key_of).collect();
        assert_eq!((keys.len(), response.total), (response.hits.len(), keys.len() as u64));
        Ok(keys)
    }

    /// The keys of the documents with `word` in their body, by looking at each.
    pub(super) fn scanned_at(&self, reader: &impl Reader, word: &str) -> BTreeSet<String> {
        let keys = PlainSource.keys(reader, SOURCE).unwrap().map(Result::unwrap);
        let has_word = |key: &Vec<u8>| {
            let document = PlainSource.load(reader, SOURCE, key).unwrap().unwrap();
            let body = document["body"].as_str().unwrap_or_default();
            analyzer::words(None, body).iter().any(|found| found.term == word)
        };
        keys.filter(has_word).map(|key| String::from_utf8(key).unwrap()).collect()
    }

    /// The segment files.
    pub(super) fn files(&self) -> Vec<std::path::PathBuf> {
        files(&self.env)
    }
}

pub(super) fn files(env: &MemoryEnv) -> Vec<std::path::PathBuf> {
    env.file_names().into_iter().filter(|path| path.starts_with("db/search")).collect()
}

pub(super) fn key_of(hit: &Hit) -> String {
    hit.key.as_str().unwrap().to_owned()
}

pub(super) fn body(text: &str) -> Value {
    serde_json::json!({ "body": text })
}

/// Words in the body.
pub(super) fn in_body(text: &str) -> Query {
    Query::Match(MatchQuery { text: text.to_owned(), fields: vec!["body".to_owned()], ..MatchQuery::default() })
}
