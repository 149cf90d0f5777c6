//! The demo that `marquetry serve --demo` loads, and what it says in a newcomer's first minute.
//!
//! ```text
//!   load(&Database)    the shop, a few orders, and data files where there are any; what is there is left alone
//!   greeting(...)      where the server is, what was loaded, and one line to copy and paste for each model
//! ```

mod datasets;
mod samples;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use marquetry::Database;
use marquetry_shop::{Embedded, products};

use crate::failure::Failure;

/// What there was to load.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    /// Products of the shop, when it was made.
    products: Option<usize>,
    /// Collections that came from files, with their sizes.
    collections: Vec<(String, u64)>,
    took: Duration,
}

/// Fills `database` with what it has not yet: the shop, and the data files in `directory`, or in `../shared/data` when
/// that is there.
///
/// # Errors
/// The directory named is not there, or a file in it is not what it should be; those of writing.
pub(crate) fn load(database: &Database, directory: Option<&Path>) -> Result<Loaded, Failure> {
    let begun = Instant::now();
    let bar = ProgressBar::new(0)
        .with_style(ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}").expect("the template is a right one"));
    bar.set_message("making the shop");
    let shop = Embedded::new(database.clone());
    let is_new = shop.load()?;
    samples::place(&shop)?;
    let directory = data_directory(directory)?;
    let collections = directory.map_or(Ok(Vec::new()), |directory| datasets::load(database, &directory, &bar));
    bar.finish_and_clear();
    let products = is_new.then(|| products().len());
    Ok(Loaded { products, collections: collections?, took: begun.elapsed() })
}

fn data_directory(named: Option<&Path>) -> Result<Option<PathBuf>, Failure> {
    match named {
        Some(path) if path.is_dir() => Ok(Some(path.to_owned())),
        Some(path) => Err(Failure::usage(format!("--demo-data: there is no directory {}", path.display()))),
        None => Ok(Some(PathBuf::from(datasets::DEFAULT_DIRECTORY)).filter(|path| path.is_dir())),
    }
}

/// One line to copy and paste: what it shows, and the command.
pub(crate) struct Line {
    about: &'static str,
    command: String,
}

/// One line for each model, for a server at `url` that asks for a token or not.
pub(crate) fn lines(url: &str, is_guarded: bool) -> Vec<Line> {
    let token = if is_guarded { " -H \"Authorization: Bearer $MARQUETRY_TOKEN\"" } else { "" };
    let json = " -H 'Content-Type: application/json'";
    let get = |about, path: &str| Line { about, command: format!("curl -sw '\\n'{token} {url}{path}") };
    let post = |about, path: &str, body: &str| Line {
        about,
        command: format!("curl -sw '\\n'{token}{json} {url}{path} -d '{body}'"),
    };
    vec![
        post(
            "table: the newest orders of a customer",
            "/v1/tables/orders/scan",
            r#"{"index": "orders_by_account", "prefix": [1], "reverse": true, "limit": 3}"#,
        ),
        post(
            "documents: walnut for less than 100.00",
            "/v1/collections/products/find",
            r#"{"filter": {"wood": "walnut", "price_cents": {"$lt": 10000}}, "sort": [{"price_cents": 1}]}"#,
        ),
        get(
            "blob: a picture, made to be cached (a browser shows it, too)",
            "/v1/buckets/pictures/objects/walnut-chess-set.svg",
        ),
        post("cache: a counter; send it again", "/v1/caches/counters/increment", r#"{"key": "visits", "by": 1}"#),
        post(
            "search: words in any form, best first",
            "/v1/search/products_text/query",
            r#"{"query": {"match": {"text": "reading lights"}}, "size": 3, "documents": true}"#,
        ),
        get("queue: the orders that wait for the worker", "/v1/queues/orders_to_ship/messages"),
    ]
}

/// What a newcomer reads: short, and every line of it works.
pub(crate) fn greeting(url: &str, data: &Path, is_guarded: bool, loaded: &Loaded) -> String {
    let mut text = format!("\nMarquetry answers {url}, data in {}\n", data.display());
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}", loaded);
    if is_guarded {
        text.push_str("The lines read the access token from MARQUETRY_TOKEN; export it where you paste them.\n");
    }
    text.push_str("\nIn another terminal, one line for each model:\n");
    for line in lines(url, is_guarded) {
        let _ = write!(text, "\n  # {}\n  {}\n", line.about, line.command);
    }
    let _ = write!(
        text,
        "\nAnd all six in one transaction, a thousand times, with an audit at the end:\n\n  \
         cargo run --release -p marquetry-shop -- {url}\n\n\
         {url}/openapi.json describes everything. Ctrl-C stops the server; the data stays.\n"
    );
    text
}

impl std::fmt::Display for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shop = self.products.map(|count| format!("the shop ({count} products)"));
        let collections = self.collections.iter().map(|(name, count)| format!("{count} {name}"));
        let parts: Vec<String> = shop.into_iter().chain(collections).collect();
        match parts.is_empty() {
            true => f.write_str("The demo was here already."),
            false => write!(f, "Loaded in {:.1} s: {}.", self.took.as_secs_f64(), parts.join(", ")),
        }
    }
}
