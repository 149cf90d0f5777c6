//! `marquetry import`: records from a file or standard input into a table or collection.
//!
//! ```text
//!   file --> records --> batches of up to 500 --> Client --> one transaction each
//! ```

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, stdin};
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use marquetry_client::{Client, ErrorKind};
use serde_json::Value;

use super::place::{Credential, Place};
use super::records::{Format, Record, reader};
use super::runtime;
use super::subject::{Found, Subject, format_of};
use crate::failure::Failure;

/// Records that go into one transaction at most.
const BATCH_RECORDS: usize = 500;

/// Bytes after which a transaction takes no further record: well below what a server takes in one request.
const BATCH_SIZE_BYTES: usize = 512 * 1024;

const EXAMPLES: &str = "\
Examples:
  marquetry import ./marquetry-data --collection products --file products.jsonl
  marquetry import http://127.0.0.1:7400 --table orders --file orders.csv
  zcat orders.jsonl.gz | marquetry import ./marquetry-data --table orders

Formats: jsonl has one JSON object per line; csv has the names of the columns in its first line, and \\N for null.
Up to 500 records are one transaction: after an error, what the message counts as imported is there, and the rest is
not. A table must exist; a collection is made when it is missing.";

/// Import JSON lines or CSV into a table or collection.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Import {
    /// A data directory that no server has open, or the URL of a server
    #[arg(value_name = "DIR|URL")]
    place: Place,

    #[command(flatten)]
    subject: Subject,

    /// The file to read; standard input without one
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// How the file is written [default: csv for *.csv, otherwise jsonl]
    #[arg(long, value_enum)]
    format: Option<Format>,

    #[command(flatten)]
    credential: Credential,
}

impl Import {
    /// Imports, and says how many records there were.
    ///
    /// # Errors
    /// The file, the place or a record is not as it must be.
    pub fn run(self) -> Result<(), Failure> {
        let format = format_of(self.format, self.file.as_deref());
        let (input, bar) = open_input(self.file)?;
        runtime()?.block_on(async {
            let opened = self.place.open(&self.credential).await?;
            let outcome = match self.subject.look_up(&opened.client).await {
                Ok(found) => import(&opened.client, &found, format, input, &bar).await,
                Err(failure) => Err(failure),
            };
            bar.finish_and_clear();
            // What was imported must be closed properly even when the rest failed.
            let closed = opened.close().await;
            eprintln!("imported {} records", outcome?);
            closed
        })
    }
}

/// The file or standard input, and a bar that moves as it is read; it shows on a terminal only.
fn open_input(file: Option<PathBuf>) -> Result<(Box<dyn BufRead>, ProgressBar), Failure> {
    let Some(path) = file else {
        if stdin().is_terminal() {
            return Err(Failure::usage("give a file with --file, or send records to standard input"));
        }
        return Ok((Box::new(stdin().lock()), ProgressBar::new_spinner()));
    };
    let fault = |error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let file = File::open(&path).map_err(fault)?;
    let bar = ProgressBar::new(file.metadata().map_err(fault)?.len());
    bar.set_style(
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {msg} {eta}").expect("the template is right"),
    );
    Ok((Box::new(BufReader::new(bar.wrap_read(file))), bar))
}

async fn import(
    client: &Client,
    found: &Found,
    format: Format,
    input: Box<dyn BufRead>,
    bar: &ProgressBar,
) -> Result<usize, Failure> {
    if let Found::Collection { name } = found {
        match client.documents().create(name).await {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    let mut count = 0;
    let mut records = reader(format, input, |name| found.cells_of(name))?;
    loop {
        let batch = next_batch(&mut records).map_err(|failure| after(count, &failure))?;
        if batch.is_empty() {
            return Ok(count);
        }
        let size = batch.len();
        store(client, found, batch).await.map_err(|failure| after(count, &failure))?;
        count += size;
        bar.set_message(format!("{count} records"));
    }
}

/// The next records, up to a number and a size.
fn next_batch(records: &mut dyn Iterator<Item = Result<Record, Failure>>) -> Result<Vec<Record>, Failure> {
    let (mut batch, mut size_bytes) = (Vec::new(), 0);
    while batch.len() < BATCH_RECORDS && size_bytes < BATCH_SIZE_BYTES {
        let Some(record) = records.next().transpose()? else { break };
        size_bytes += serde_json::to_string(&record).map_or(0, |text| text.len());
        batch.push(record);
    }
    Ok(batch)
}

async fn store(client: &Client, found: &Found, batch: Vec<Record>) -> Result<(), Failure> {
    let records = batch.into_iter().map(Value::Object).collect();
    match found {
        Found::Table { name, .. } => client.tables().insert_many(name, records).await.map(drop)?,
        Found::Collection { name } => client.documents().insert_many(name, records).await.map(drop)?,
    }
    Ok(())
}

fn after(count: usize, failure: &Failure) -> Failure {
    Failure::failed(format!("{failure}; {count} records were imported before"))
}
