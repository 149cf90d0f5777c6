//! What import and export work on: one table or one collection, in one of the file formats.

use std::path::Path;

use clap::Args;
use marquetry_client::{Client, TableDefinition};

use super::records::{Cells, Format};
use crate::failure::Failure;

/// A table or a collection; exactly one of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Subject {
    /// The table
    #[arg(long, value_name = "NAME")]
    pub(super) table: Option<String>,

    /// The collection of documents
    #[arg(long, value_name = "NAME")]
    pub(super) collection: Option<String>,
}

/// A subject that was looked up.
pub(super) enum Found {
    Table { name: String, definition: TableDefinition },
    Collection { name: String },
}

impl Subject {
    pub(super) async fn look_up(self, client: &Client) -> Result<Found, Failure> {
        match (self.table, self.collection) {
            (Some(name), _) => {
                let definition = client.tables().describe(&name).await?;
                Ok(Found::Table { name, definition })
            }
            (None, Some(name)) => Ok(Found::Collection { name }),
            (None, None) => Err(Failure::usage("name what it is about: --table NAME or --collection NAME")),
        }
    }
}

impl Found {
    /// What the cells of the CSV column `name` are.
    pub(super) fn cells_of(&self, name: &str) -> Cells {
        match self {
            Found::Collection { .. } => Cells::Any,
            Found::Table { definition, .. } => {
                let column = definition.columns.iter().find(|column| column.name == name);
                column.map_or(Cells::Text, |column| cells_of_type(&column.data_type))
            }
        }
    }
}

/// JSON has numbers, truth values, lists and itself; every other type is text there.
fn cells_of_type(data_type: &str) -> Cells {
    match data_type {
        "bool" | "int2" | "int4" | "int8" | "float4" | "float8" | "jsonb" => Cells::Json,
        name if name.ends_with("[]") => Cells::Json,
        _ => Cells::Text,
    }
}

/// The format that was asked for, or the one that the name of the file says; JSON lines otherwise.
pub(super) fn format_of(asked: Option<Format>, path: Option<&Path>) -> Format {
    let named_csv = path.and_then(Path::extension).is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
    asked.unwrap_or(if named_csv { Format::Csv } else { Format::Jsonl })
}
