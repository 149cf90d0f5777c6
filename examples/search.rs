//! Full text that is never late: what a transaction has written is found by its own search, and by everybody's as soon
//! as it is committed.
//!
//! `cargo run -p marquetry-examples --example search`

use marquetry::search::{FacetRequest, FieldDefinition, FieldType, IndexDefinition, Language, Query, SearchRequest};
use marquetry::{Database, Result};
use serde_json::json;

fn main() -> Result<()> {
    let database = Database::in_memory()?;
    database.transact(|tx| {
        tx.documents().create_collection("books")?;
        let fields = [
            ("title", FieldDefinition::text(Language::English).with_weight(3.0)),
            ("text", FieldDefinition::text(Language::English)),
            ("shelf", FieldDefinition::new(FieldType::Keyword)),
        ];
        tx.search().create_index("books_text", &IndexDefinition::new("books", fields))
    })?;
    database.transact(|tx| {
        let books = tx.documents();
        books
            .insert("books", json!({"_id": "1", "title": "Sailing alone", "text": "A long voyage.", "shelf": "sea"}))?;
        books.insert("books", json!({"_id": "2", "title": "Knots", "text": "For sails and tents.", "shelf": "sea"}))?;
        books.insert(
            "books",
            json!({"_id": "3", "title": "Bread", "text": "Flour, water, salt.", "shelf": "kitchen"}),
        )?;
        println!("before the commit: {} books about sailing", tx.search().search("books_text", &sailing())?.total);
        Ok(())
    })?;
    database.read(|snapshot| {
        let found = snapshot.search().search("books_text", &sailing())?;
        for hit in &found.hits {
            println!(
                "{:.2}  {}",
                hit.score,
                hit.document.as_ref().map_or("", |book| book["title"].as_str().unwrap_or(""))
            );
        }
        println!("per shelf: {:?}", found.facets);
        Ok(())
    })
}

fn sailing() -> SearchRequest {
    let mut request = SearchRequest::new(Query::matching("sailing"));
    request.documents = true;
    request.facets.insert("shelves".to_owned(), FacetRequest::values("shelf"));
    request
}
