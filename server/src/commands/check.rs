//! `marquetry check`: reads and verifies everything that a data directory or a directory of backups holds.

use std::path::PathBuf;

use clap::Args;
use marquetry::backup;

use super::place::open_existing;
use super::progress::{bytes_bar, show};
use super::{blocking, print_json, runtime};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  marquetry check ./marquetry-data
  marquetry check /backups/shop
  marquetry check /var/lib/marquetry || echo \"exit code $?\"

The server must not be running on a data directory. Of a directory of backups each backup is read whole, and they are
listed with their numbers, versions and times. Exit code 0: everything was read and is as it was written;
3: damage was found, and the message names the file and where in it; 1: the check could not be done.";

/// Read and verify everything in a data directory, or in a directory of backups.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// The data directory, or the directory of backups
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Check {
    /// Checks, and prints what was gone through.
    ///
    /// # Errors
    /// Exit code 3 when something is damaged, 1 when the directory cannot be opened.
    pub fn run(self) -> Result<(), Failure> {
        if backup::is_target(&self.directory) {
            return self.check_backups();
        }
        runtime()?.block_on(async {
            let database = open_existing(self.directory).await?;
            let checked = database.clone();
            let report = blocking(move || checked.check()).await?;
            print_json(&report)?;
            blocking(move || database.close()).await
        })
    }

    fn check_backups(self) -> Result<(), Failure> {
        let bar = bytes_bar();
        let outcome = backup::verify(&self.directory, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        print_json(&outcome?)
    }
}
