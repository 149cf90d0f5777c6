//! `marquetry stats`: the figures of a data directory or of a running server.

use clap::Args;

use super::place::{Credential, Place};
use super::{print_json, runtime};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  marquetry stats ./marquetry-data
  marquetry stats http://127.0.0.1:7400";

/// Print the figures of a data directory or of a running server, as JSON.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Stats {
    /// A data directory that no server has open, or the URL of a server
    #[arg(value_name = "DIR|URL")]
    place: Place,

    #[command(flatten)]
    credential: Credential,
}

impl Stats {
    /// Prints the figures.
    ///
    /// # Errors
    /// The place cannot be opened or reached.
    pub fn run(self) -> Result<(), Failure> {
        runtime()?.block_on(async {
            let opened = self.place.open(&self.credential).await?;
            print_json(&opened.client.stats().await?)?;
            opened.close().await
        })
    }
}
