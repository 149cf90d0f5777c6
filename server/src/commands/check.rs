//! `marquetry check`: reads and verifies everything that a data directory holds.

use std::path::PathBuf;

use clap::Args;

use super::place::open_existing;
use super::{blocking, print_json, runtime};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  marquetry check ./marquetry-data
  marquetry check /var/lib/marquetry || echo \"exit code $?\"

The server must not be running on the directory. Exit code 0: everything was read and is as it was written;
3: damage was found, and the message names the file and where in it; 1: the check could not be done.";

/// Read and verify everything in a data directory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// The data directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Check {
    /// Checks, and prints what was gone through.
    ///
    /// # Errors
    /// Exit code 3 when something is damaged, 1 when the directory cannot be opened.
    pub fn run(self) -> Result<(), Failure> {
        runtime()?.block_on(async {
            let database = open_existing(self.directory).await?;
            let checked = database.clone();
            let report = blocking(move || checked.check()).await?;
            print_json(&report)?;
            blocking(move || database.close()).await
        })
    }
}
