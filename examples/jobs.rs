//! Jobs that are done exactly once in effect: the result and the acknowledgement are one transaction.
//!
//! `cargo run -p marquetry-examples --example jobs`

use std::time::Duration;

use marquetry::queue::{QueueSettings, ReceiveOptions};
use marquetry::{Database, Result};
use serde_json::json;

fn main() -> Result<()> {
    let database = Database::in_memory()?;
    database.transact(|tx| {
        tx.documents().create_collection("squares")?;
        tx.queues().create("jobs", &QueueSettings::default())?;
        (1..=5).try_for_each(|number| tx.queues().send("jobs", json!(number)).map(drop))
    })?;
    let worker = std::thread::spawn({
        let database = database.clone();
        move || work(&database)
    });
    worker.join().expect("the worker does not panic")?;
    database.read(|snapshot| {
        for number in 1..=5 {
            println!("{:?}", snapshot.documents().get("squares", &number.to_string())?);
        }
        println!("left to do: {}", snapshot.queues().counts("jobs")?.ready);
        Ok(())
    })
}

/// Works until nothing has come for a moment. A worker that dies in between leaves nothing half done: its message
/// comes back once the lease is over.
fn work(database: &Database) -> Result<()> {
    while let [job] = &database.receive("jobs", &ReceiveOptions::default(), Duration::from_millis(100))?[..] {
        let number = job.body.as_json()?.as_i64().unwrap_or_default();
        database.transact(|tx| {
            let square = json!({"_id": number.to_string(), "square": number * number});
            tx.documents().insert("squares", square)?;
            tx.queues().acknowledge("jobs", &job.receipt)
        })?;
    }
    Ok(())
}
