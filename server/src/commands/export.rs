//! `marquetry export`: a table or collection, as it is at one moment, to a file or standard output.
//!
//! ```text
//!   Client --> transaction (one snapshot) --> pages of 500 --> records --> file
//! ```

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::PathBuf;

use clap::Args;
use indicatif::ProgressBar;
use marquetry_client::{Find, Scan, Transaction};
use serde_json::{Value, json};

use super::place::{Credential, Opened, Place};
use super::records::{Format, Record, Writer};
use super::runtime;
use super::subject::{Found, Subject, format_of};
use crate::failure::Failure;

/// Records on one page.
const PAGE_RECORDS: usize = 500;

const EXAMPLES: &str = "\
Examples:
  marquetry export ./marquetry-data --collection products --output products.jsonl
  marquetry export http://127.0.0.1:7400 --table orders --output orders.csv
  marquetry export ./marquetry-data --collection products --format csv --fields _id,name,price

Formats: jsonl has one JSON object per line; csv has the names of the columns in its first line, and \\N for null.
Everything comes from one snapshot, whatever is written meanwhile. From a server this lasts as long as the server lets
a transaction be open; stop the server and export its directory when that is not enough.";

/// Export a table or collection as JSON lines or CSV.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// A data directory that no server has open, or the URL of a server
    #[arg(value_name = "DIR|URL")]
    place: Place,

    #[command(flatten)]
    subject: Subject,

    /// The file to write, which must not exist; standard output without one
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How to write it [default: csv for *.csv, otherwise jsonl]
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// The fields to write, in order; CSV of a collection needs them
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    fields: Vec<String>,

    #[command(flatten)]
    credential: Credential,
}

impl Export {
    /// Exports, and says how many records there were.
    ///
    /// # Errors
    /// The place cannot be opened, or the file not be written.
    pub fn run(self) -> Result<(), Failure> {
        runtime()?.block_on(async {
            let opened = self.place.open(&self.credential).await?;
            let outcome = self.export(&opened).await;
            let closed = opened.close().await;
            eprintln!("exported {} records", outcome?);
            closed
        })
    }

    async fn export(self, opened: &Opened) -> Result<u64, Failure> {
        let format = format_of(self.format, self.output.as_deref());
        let found = self.subject.look_up(&opened.client).await?;
        let fields = match (&found, self.fields.is_empty()) {
            (_, false) => self.fields,
            (Found::Table { definition, .. }, true) => {
                definition.columns.iter().map(|column| column.name.clone()).collect()
            }
            (Found::Collection { .. }, true) if format == Format::Csv => {
                return Err(Failure::usage("documents have no fixed columns: name those wanted with --fields a,b,c"));
            }
            (Found::Collection { .. }, true) => Vec::new(),
        };
        let columns = fields.iter().map(|name| (name.clone(), found.cells_of(name))).collect();
        let mut writer = Writer::new(format, open_output(self.output)?, columns)?;
        let snapshot = opened.client.begin().await?;
        let bar = ProgressBar::new_spinner();
        let outcome = copy(&snapshot, &found, &fields, &mut writer, &bar).await;
        bar.finish_and_clear();
        // The snapshot is only read: whether it ends by this or by its time does not matter.
        let _ = snapshot.rollback().await;
        let count = outcome?;
        writer.finish()?;
        Ok(count)
    }
}

fn open_output(path: Option<PathBuf>) -> Result<Box<dyn Write>, Failure> {
    match path {
        None => Ok(Box::new(BufWriter::new(stdout().lock()))),
        Some(path) => {
            let file = File::create_new(&path)
                .map_err(|error| Failure::usage(format!("cannot create {}: {error}", path.display())))?;
            Ok(Box::new(BufWriter::new(file)))
        }
    }
}

async fn copy(
    snapshot: &Transaction,
    found: &Found,
    fields: &[String],
    writer: &mut Writer<Box<dyn Write>>,
    bar: &ProgressBar,
) -> Result<u64, Failure> {
    let mut count = 0;
    let mut after = None;
    loop {
        let (page, next) = page(snapshot, found, after).await?;
        for mut record in page {
            if !fields.is_empty() {
                record.retain(|name, _| fields.contains(name));
            }
            writer.write(&record)?;
            count += 1;
        }
        bar.set_message(format!("{count} records"));
        bar.tick();
        match next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}

/// The page after `after`, and what the page after that begins with.
async fn page(
    snapshot: &Transaction,
    found: &Found,
    after: Option<String>,
) -> Result<(Vec<Record>, Option<String>), Failure> {
    match found {
        Found::Table { name, .. } => {
            let scan = Scan { limit: Some(PAGE_RECORDS), after, ..Scan::default() };
            let rows = snapshot.tables().scan(name, &scan).await?;
            Ok((rows.rows, rows.next))
        }
        Found::Collection { name } => {
            let filter = after.map_or(Value::Null, |after| json!({ "_id": { "$gt": after } }));
            let find =
                Find { filter, sort: vec![json!({ "_id": 1 })], limit: Some(PAGE_RECORDS as u64), ..Find::default() };
            let documents = snapshot.documents().find(name, &find).await?;
            let full = documents.len() == PAGE_RECORDS;
            let next = documents.last().and_then(|last| last["_id"].as_str()).filter(|_| full).map(str::to_owned);
            let records = documents.into_iter().filter_map(|document| match document {
                Value::Object(record) => Some(record),
                _ => None,
            });
            Ok((records.collect(), next))
        }
    }
}
