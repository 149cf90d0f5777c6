//! A database in this process: a directory, a table, and nothing to install or start.
//!
//! Run it twice, and the second run finds the note of the first: `cargo run -p marquetry-examples --example embedded`

use marquetry::table::{Column, ColumnType, Row, ScanRequest, TableDefinition};
use marquetry::{Database, ErrorKind, Result};

fn main() -> Result<()> {
    let database = Database::open(std::env::temp_dir().join("marquetry-embedded"))?;
    let notes = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8).auto_increment())
        .column(Column::new("text", ColumnType::Text).not_null())
        .column(Column::new("written_at", ColumnType::TimestampTz).default_now())
        .primary_key(["id"]);
    match database.transact(|tx| tx.tables().create("notes", &notes)) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => println!("the table is there from an earlier run"),
        created => created?,
    }
    // Once this returns, the row survives whatever happens to the process or the machine.
    let row = database.transact(|tx| tx.tables().insert("notes", Row::new().set("text", "remember the milk")))?;
    println!("wrote note {}", row.integer("id")?);
    database.read(|snapshot| {
        for row in snapshot.tables().scan("notes", &ScanRequest::primary_key().descending().limit(5))? {
            println!("{}", serde_json::Value::Object(row?.to_json()));
        }
        Ok(())
    })?;
    database.close()
}
