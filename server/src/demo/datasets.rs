//! Data files that the demo loads beside the shop, where they are present: each an array of JSON objects.
//!
//! ```text
//!   DIR/stores.json --> parsed --> one transaction { collection, every object as a document, search index }
//! ```
//!
//! One transaction per file: a collection that is there is complete, and is not loaded again.

use std::fs;
use std::path::Path;

use indicatif::ProgressBar;
use marquetry::{Database, Result, Transaction};
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// Where data files are looked for unless the command line says where.
pub(super) const DEFAULT_DIRECTORY: &str = "../shared/data";

/// A file and the collection that it becomes.
struct Dataset {
    file: &'static str,
    collection: &'static str,
    /// The name and definition of the search index over it.
    search: Option<fn() -> (&'static str, Value)>,
}

const DATASETS: [Dataset; 3] = [
    Dataset { file: "stores.json", collection: "stores", search: None },
    Dataset { file: "categories.json", collection: "categories", search: None },
    Dataset { file: "recipes.json", collection: "recipes", search: Some(recipes_text) },
];

/// Loads what `directory` has and `database` has not; the collections loaded, with their sizes.
pub(super) fn load(database: &Database, directory: &Path, bar: &ProgressBar) -> Result<Vec<(String, u64)>, Failure> {
    let mut loaded = Vec::new();
    for dataset in &DATASETS {
        let path = directory.join(dataset.file);
        if !path.is_file() || is_there(database, dataset.collection)? {
            continue;
        }
        bar.set_message(format!("loading {}", path.display()));
        let documents = parse(&path)?;
        bar.set_length(documents.len() as u64);
        let count = documents.len() as u64;
        database.transact(|tx| store(tx, dataset, &documents, bar))?;
        loaded.push((dataset.collection.to_owned(), count));
    }
    Ok(loaded)
}

fn is_there(database: &Database, name: &str) -> Result<bool> {
    database.read(|snapshot| Ok(snapshot.objects()?.iter().any(|(known, _)| known == name)))
}

/// The objects of the file at `path`, each with an `_id` that is its `id`.
fn parse(path: &Path) -> Result<Vec<Value>, Failure> {
    let fault = |fault: &dyn std::fmt::Display| Failure::failed(format!("cannot load {}: {fault}", path.display()));
    let text = fs::read(path).map_err(|error| fault(&error))?;
    let objects: Vec<Map<String, Value>> = serde_json::from_slice(&text).map_err(|error| fault(&error))?;
    Ok(objects.into_iter().map(with_id).collect())
}

fn with_id(object: Map<String, Value>) -> Value {
    let id = match object.get("id") {
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    let id = id.map(|id| ("_id".to_owned(), Value::String(id)));
    Value::Object(id.into_iter().chain(object).collect())
}

fn store(tx: &Transaction, dataset: &Dataset, documents: &[Value], bar: &ProgressBar) -> Result<()> {
    tx.documents().create_collection(dataset.collection)?;
    if let Some(search) = dataset.search {
        let (name, definition) = search();
        let definition = serde_json::from_value(definition).expect("the definition is one of this version");
        tx.search().create_index(name, &definition)?;
    }
    // A conflict runs this again, from the start.
    bar.set_position(0);
    for document in documents {
        tx.documents().insert(dataset.collection, document.clone())?;
        bar.inc(1);
    }
    Ok(())
}

fn recipes_text() -> (&'static str, Value) {
    let definition = json!({
        "source": "recipes",
        "fields": {
            "recipe_name": { "type": "text", "language": "english", "weight": 3.0 },
            "ingredients": { "type": "text", "language": "english" },
            "directions": { "type": "text", "language": "english" },
            "rating": { "type": "float" },
        },
    });
    ("recipes_text", definition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_list_of_objects_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::in_memory().unwrap();
        fs::write(directory.path().join("stores.json"), "[{\"id\": 7}, 8]").unwrap();
        let failure = load(&database, directory.path(), &ProgressBar::hidden()).unwrap_err();
        assert!(failure.to_string().contains("stores.json"), "{failure}");
        assert!(!is_there(&database, "stores").unwrap());
    }

    #[test]
    fn ids_become_ids_of_documents() {
        let object = |json: Value| json.as_object().cloned().unwrap();
        assert_eq!(with_id(object(json!({"id": 7, "a": 1})))["_id"], "7");
        assert_eq!(with_id(object(json!({"id": "x"})))["_id"], "x");
        assert_eq!(with_id(object(json!({"a": 1}))), json!({"a": 1}));
    }
}
