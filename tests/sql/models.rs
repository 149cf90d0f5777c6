//! The other models as relations: what they hold joins with tables, also what the open transaction cannot see yet does not.

use marquetry::Database;
use marquetry::queue::{NewMessage, QueueSettings};
use marquetry::search::{FieldDefinition, IndexDefinition, Language};
use marquetry::sql::{Outcome, Session, format_value};
use serde_json::json;

fn rows(session: &mut Session, sql: &str) -> Vec<String> {
    let Outcome::Rows(mut rows) = session.run(sql).unwrap() else { panic!("{sql} gives no rows") };
    let columns = rows.columns().clone();
    let mut printed = Vec::new();
    while let Some(batch) = rows.next_values().unwrap() {
        for row in batch {
            let text = row.iter().zip(columns.iter()).map(|(value, column)| {
                format_value(value, &column.sql_type, session.environment()).unwrap().unwrap_or("NULL".to_owned())
            });
            printed.push(text.collect::<Vec<_>>().join(" "));
        }
    }
    printed
}

#[test]
fn collections_buckets_and_queues_join_with_tables() {
    let database = Database::in_memory().unwrap();
    let mut session = database.session().unwrap();
    session.run("CREATE TABLE orders (id int PRIMARY KEY, product text); INSERT INTO orders VALUES (1, 'p2')").unwrap();
    database
        .transact(|tx| {
            tx.documents().create_collection("products")?;
            for number in 0..2_500 {
                tx.documents().insert("products", json!({"_id": format!("p{number}"), "price": number}))?;
            }
            tx.blobs().create_bucket("pictures")?;
            tx.blobs().put("pictures", "p2", &b"four"[..], &Default::default())?;
            tx.queues().create("to_send", &QueueSettings::default())?;
            tx.queues().send("to_send", NewMessage::json(json!({"order": 1}))).map(drop)
        })
        .unwrap();
    assert_eq!(rows(&mut session, "SELECT count(*), sum((document->>'price')::int) FROM products"), ["2500 3123750"]);
    let joined = "SELECT o.id, d.document->>'price', b.size_bytes, q.status FROM orders o JOIN products d ON d._id = o.product \
                  JOIN pictures b ON b.key = o.product JOIN to_send q ON (q.body->>'order')::int = o.id";
    assert_eq!(rows(&mut session, joined), ["1 2 4 ready"]);
    assert!(session.run("INSERT INTO products VALUES ('x', '{}')").is_err());
}

#[test]
fn hits_of_a_search_join_with_the_table_that_is_searched() {
    let database = Database::in_memory().unwrap();
    let mut session = database.session().unwrap();
    session.run("CREATE TABLE shoes (id int8 PRIMARY KEY, name text)").unwrap();
    let index = IndexDefinition::new("shoes", [("name", FieldDefinition::text(Language::English))]);
    database.transact(|tx| tx.search().create_index("shoes_by_words", &index)).unwrap();
    session.run("INSERT INTO shoes VALUES (1, 'running shoes'), (2, 'walking shoes'), (3, 'socks')").unwrap();
    let found =
        "SELECT s.name FROM search('shoes_by_words', 'running') h JOIN shoes s ON s.id = (h.key #>> '{}')::int8";
    assert_eq!(rows(&mut session, found), ["running shoes"]);
    // A search runs when its rows are taken.
    let Outcome::Rows(mut hits) = session.run("SELECT * FROM search('nowhere', 'running')").unwrap() else { panic!() };
    assert_eq!(hits.next_values().unwrap_err().to_string(), "there is no search index \"nowhere\"; create it first");
}
