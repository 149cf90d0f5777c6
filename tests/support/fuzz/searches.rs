//! Searches and definitions of search indexes: in segments and in memory the answers are the same.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use marquetry::env::MemoryEnv;
use marquetry::fuzzing::Choices;
use marquetry::search::{FieldDefinition, FieldType, IndexDefinition, Language, SearchRequest, SearchResponse};
use marquetry::{Database, Result, Settings, Snapshot};
use serde_json::{Value, json};

use super::assert_refusal;

/// All in segments.
const SETTLED: &str = "settled";
/// All waiting, and searched in memory.
const WAITING: &str = "waiting";
const WORDS: [&str; 8] = ["lamp", "lamps", "red", "the", "Large", "running", "x", "été"];
const FIELDS: [&str; 8] = ["title", "body", "brand", "stock", "price", "made", "sold", "absent"];
const PAGE: usize = 7;

fn definition(source: &str) -> IndexDefinition {
    let fields = [
        ("title", FieldDefinition::new(FieldType::Text).with_weight(2.0)),
        ("body", FieldDefinition::text(Language::English)),
        ("brand", FieldDefinition::new(FieldType::Keyword).at("maker.brand")),
        ("stock", FieldDefinition::new(FieldType::Integer)),
        ("price", FieldDefinition::new(FieldType::Float)),
        ("made", FieldDefinition::new(FieldType::Date)),
        ("sold", FieldDefinition::new(FieldType::Bool)),
    ];
    IndexDefinition::new(source, fields)
}

fn document(number: usize) -> Value {
    let word = |step: usize| WORDS[(number * 7 + step * step * 3 + number / 5) % WORDS.len()];
    json!({
        "_id": format!("k{number:02}"),
        "title": format!("{} {}", word(0), word(1)),
        "body": [format!("{} and {} {}", word(2), word(3), word(4)), word(5)],
        "maker": if number.is_multiple_of(6) { Value::Null } else { json!([{ "brand": word(6) }, { "brand": word(7) }]) },
        "stock": if number.is_multiple_of(5) { json!("many") } else { json!(number as i64 % 7 - 3) },
        "price": number as f64 / 4.0,
        "made": format!("20{:02}-01-15", number % 30),
        "sold": number.is_multiple_of(3),
    })
}

/// The same documents, searched in segments and in memory.
static DATABASE: LazyLock<Database> = LazyLock::new(|| {
    let env = MemoryEnv::simulated(9);
    let settings = Settings { background: false, ..Settings::default() };
    let database = Database::open_on(Arc::new(env.clone()), "/db".as_ref(), settings).expect("memory takes a database");
    let fill = |source: &str| {
        let insert = |number| database.transact(|tx| tx.documents().insert(source, document(number)).map(drop));
        (0..50).try_for_each(insert).expect("documents are taken");
    };
    for (name, source) in [(SETTLED, "old"), (WAITING, "new")] {
        database.transact(|tx| tx.documents().create_collection(source)).expect("a collection is made");
        if name == SETTLED {
            fill(source);
        }
        database.transact(|tx| tx.search().create_index(name, &definition(source))).expect("an index is made");
        env.advance(Duration::from_secs(2));
        while database.maintain().expect("a good disk is maintained") {}
        if name == WAITING {
            fill(source);
        }
    }
    // The second index was built while it was empty, and what it waits for stays in memory.
    let waiting = |name| database.read(|snapshot| Ok(snapshot.search().index(name)?.waiting)).expect("an index tells");
    assert_eq!((waiting(SETTLED), waiting(WAITING)), (0, 50));
    database
});

fn scalar(choices: &mut Choices<'_>) -> Value {
    match choices.below(7) {
        0 => json!(*choices.one_of(&WORDS)),
        1 => json!(choices.below(9) as i64 - 4),
        2 => json!(choices.below(60) as f64 / 4.0),
        3 => json!(format!("20{:02}-01-15", choices.below(32))),
        4 => json!(choices.truth()),
        5 => json!(format!("k{:02}", choices.below(60))),
        _ => choices.json(1),
    }
}

fn text(choices: &mut Choices<'_>) -> String {
    let words: Vec<String> = (0..choices.below(4))
        .map(|_| match choices.below(6) {
            0 => choices.text(10),
            _ => (*choices.one_of(&WORDS)).to_owned(),
        })
        .collect();
    words.join(" ")
}

fn field(choices: &mut Choices<'_>) -> &'static str {
    FIELDS[choices.below(FIELDS.len())]
}

fn query(choices: &mut Choices<'_>, levels: usize) -> Value {
    let several = |choices: &mut Choices<'_>| -> Value {
        (0..choices.below(3)).map(|_| query(choices, levels.saturating_sub(1))).collect()
    };
    match choices.below(if levels == 0 { 10 } else { 13 }) {
        0 => json!({ "all": {} }),
        1 | 2 => {
            let fields: Vec<&str> = (0..choices.below(3)).map(|_| field(choices)).collect();
            let operator = if choices.truth() { "and" } else { "or" };
            json!({ "match": { "text": text(choices), "fields": fields, "operator": operator, "distance": choices.below(3) } })
        }
        3 => json!({ "phrase": { "field": field(choices), "text": text(choices), "slop": choices.below(4) } }),
        4 => json!({ "prefix": { "field": field(choices), "value": text(choices) } }),
        5 => json!({ "fuzzy": { "field": field(choices), "value": text(choices), "distance": choices.below(3) } }),
        6 => json!({ "term": { "field": field(choices), "value": scalar(choices) } }),
        7 => {
            let values: Vec<Value> = (0..choices.below(4)).map(|_| scalar(choices)).collect();
            json!({ "terms": { "field": field(choices), "values": values } })
        }
        8 => {
            let (lower, upper) = (["gt", "gte"][choices.below(2)], ["lt", "lte"][choices.below(2)]);
            match choices.below(3) {
                0 => json!({ "range": { "field": field(choices), lower: scalar(choices) } }),
                1 => json!({ "range": { "field": field(choices), upper: scalar(choices) } }),
                _ => json!({ "range": { "field": field(choices), lower: scalar(choices), upper: scalar(choices) } }),
            }
        }
        9 => match choices.truth() {
            true => json!({ "exists": { "field": field(choices) } }),
            false => json!({ "ids": { "values": [scalar(choices), scalar(choices)] } }),
        },
        10 => json!({ "boost": { "query": query(choices, levels - 1), "by": choices.below(9) as f32 / 2.0 } }),
        _ => json!({ "bool": { "must": several(choices), "should": several(choices), "must_not": several(choices),
            "filter": several(choices) } }),
    }
}

fn request(choices: &mut Choices<'_>) -> Value {
    let sort: Vec<Value> = (0..choices.below(3))
        .map(|_| json!({ "field": field(choices), "order": if choices.truth() { "asc" } else { "desc" } }))
        .collect();
    let facets = match choices.below(3) {
        0 => json!({ "values": { "field": field(choices), "size": choices.below(5) } }),
        1 => {
            json!({ "ranges": { "field": field(choices), "ranges": [{ "from": scalar(choices) }, { "to": scalar(choices) }] } })
        }
        _ => json!({}),
    };
    let mut request = json!({ "query": query(choices, 2), "sort": sort, "facets": facets });
    if choices.below(4) == 0 {
        request["highlight"] =
            json!({ "fields": [field(choices)], "length": 1 + choices.below(40), "fragments": choices.below(3) });
    }
    if choices.below(8) == 0 {
        request["after"] = json!(choices.text(30));
    }
    request
}

/// Both answers are the same, scores up to their last bits; or both are refused for one kind of reason.
fn assert_same(settled: &Result<SearchResponse>, waiting: &Result<SearchResponse>, request: &SearchRequest) {
    let (settled, waiting) = match (settled, waiting) {
        (Ok(settled), Ok(waiting)) => (settled, waiting),
        (Err(settled), Err(waiting)) => {
            assert_eq!(settled.kind(), waiting.kind(), "{request:?}");
            return assert_refusal(settled);
        }
        other => panic!("in segments and in memory: {other:?}, {request:?}"),
    };
    assert_eq!(settled.total, waiting.total, "{request:?}");
    assert_eq!(settled.facets, waiting.facets, "{request:?}");
    let by_key = |response: &SearchResponse| {
        let mut hits: Vec<_> = response.hits.iter().map(|hit| (hit.key.to_string(), hit.score)).collect();
        // Scores that are equal but for rounding leave their hits in any order.
        hits.sort_by(|a, b| a.0.cmp(&b.0));
        hits
    };
    for (a, b) in by_key(settled).iter().zip(by_key(waiting)) {
        assert_eq!(a.0, b.0, "{request:?}");
        assert!((a.1 - b.1).abs() <= a.1.abs() * 1e-4 + 1e-6, "scores {a:?} and {b:?}: {request:?}");
    }
}

/// Page by page is all at once.
fn assert_pages(snapshot: &Snapshot, all: &SearchResponse, request: &SearchRequest) {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = SearchRequest { size: PAGE, after, ..request.clone() };
        let response = snapshot.search().search(SETTLED, &page).expect("a page of a search that was answered");
        found.extend(response.hits);
        after = response.next;
        if after.is_none() {
            break;
        }
        assert!(found.len() <= all.hits.len(), "pages without end: {request:?}");
    }
    assert_eq!(found, all.hits, "{request:?}");
}

fn search(request: SearchRequest) {
    let snapshot = DATABASE.snapshot().expect("a database in memory is read");
    // Everything that matches, so that ties at the end of a page do not matter.
    let request = SearchRequest { from: 0, size: 100, ..request };
    let settled = snapshot.search().search(SETTLED, &request);
    assert_same(&settled, &snapshot.search().search(WAITING, &request), &request);
    if let Ok(all) = settled
        && request.after.is_none()
    {
        assert_pages(&snapshot, &all, &request);
    }
}

/// A definition is refused, or makes an index that finds all documents.
fn define(definition: &IndexDefinition) {
    let transaction = DATABASE.begin().expect("a database in memory begins transactions");
    let definition = IndexDefinition { source: "new".to_owned(), ..definition.clone() };
    match transaction.search().create_index("another", &definition) {
        Ok(()) => {
            let found = transaction.search().search("another", &SearchRequest::default());
            assert_eq!(found.expect("a new index is searched").total, 50, "{definition:?}");
        }
        Err(error) => assert_refusal(&error),
    }
}

fn defined(choices: &mut Choices<'_>) -> Value {
    let fields = (0..choices.below(4)).map(|_| {
        let kind = ["text", "keyword", "integer", "float", "date", "bool", "json"][choices.below(7)];
        let path = [Value::Null, json!("maker.brand"), json!(choices.text(6))][choices.below(3)].clone();
        let weight = if choices.truth() { json!(1.0) } else { json!(choices.float()) };
        (choices.text(4), json!({ "type": kind, "path": path, "weight": weight }))
    });
    json!({ "source": "new", "fields": Value::Object(fields.collect()) })
}

/// Searches and definitions, well-formed or not, are answered alike from segments and from memory, or refused alike.
pub fn search_queries(input: &[u8]) {
    if let Ok(request) = serde_json::from_slice::<SearchRequest>(input) {
        search(request);
    }
    if let Ok(definition) = serde_json::from_slice::<IndexDefinition>(input) {
        define(&definition);
    }
    let mut choices = Choices::new(input);
    if choices.below(16) == 0 {
        if let Ok(definition) = serde_json::from_value::<IndexDefinition>(defined(&mut choices)) {
            define(&definition);
        }
        return;
    }
    if let Ok(request) = serde_json::from_value::<SearchRequest>(request(&mut choices)) {
        search(request);
    }
}
