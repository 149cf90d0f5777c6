//! One transaction over rows, documents, blobs and a queue: all of it is there afterwards, or none of it.
//!
//! `cargo run -p marquetry-examples --example one_transaction`

use marquetry::blob::PutOptions;
use marquetry::queue::QueueSettings;
use marquetry::table::{Column, ColumnType, Row, TableDefinition};
use marquetry::{Database, Error, Result, Transaction};
use serde_json::json;

fn main() -> Result<()> {
    let database = Database::in_memory()?;
    database.transact(|tx| {
        let orders = TableDefinition::new()
            .column(Column::new("id", ColumnType::Int8))
            .column(Column::new("product", ColumnType::Text).not_null())
            .primary_key(["id"]);
        tx.tables().create("orders", &orders)?;
        tx.documents().create_collection("products")?;
        tx.documents().insert("products", json!({"_id": "lamp", "in_stock": 1}))?;
        tx.blobs().create_bucket("receipts")?;
        tx.queues().create("orders_to_ship", &QueueSettings::default())
    })?;
    for order in [1, 2] {
        match database.transact(|tx| buy(tx, order, "lamp")) {
            Ok(()) => println!("order {order} is placed"),
            Err(error) => println!("order {order} is refused: {error}"),
        }
    }
    // The second order had written its row and its receipt before it was refused. Nothing of it is left.
    database.read(|snapshot| {
        println!("order 2: {:?}", snapshot.tables().get("orders", 2i64)?);
        println!("its receipt: {:?}", snapshot.blobs().head("receipts", "2.txt")?);
        println!("messages: {}", snapshot.queues().counts("orders_to_ship")?.ready);
        Ok(())
    })
}

fn buy(tx: &Transaction, order: i64, product: &str) -> Result<()> {
    tx.tables().insert("orders", Row::new().set("id", order).set("product", product))?;
    tx.blobs().put("receipts", &format!("{order}.txt"), &b"Thank you!"[..], &PutOptions::default())?;
    tx.queues().send("orders_to_ship", json!({"order": order}))?;
    let lamp = tx.documents().update("products", product, &json!({"$inc": {"in_stock": -1}}))?;
    match lamp.and_then(|lamp| lamp["in_stock"].as_i64()) {
        Some(0..) => Ok(()),
        _ => Err(Error::constraint(format!("{product} is sold out"))),
    }
}
