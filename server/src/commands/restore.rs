//! `marquetry restore`: a data directory from a backup.

use std::path::PathBuf;

use clap::Args;
use marquetry::backup;

use super::print_json;
use super::progress::{bytes_bar, show};
use crate::failure::Failure;

const EXAMPLES: &str = "\
Examples:
  marquetry restore /backups/shop ./marquetry-data
  marquetry restore /backups/shop ./as-it-was --backup 12
  marquetry check /backups/shop

The directory must be missing or empty: nothing is ever written over. Every byte is verified before the directory
becomes a database; one in which a restore was cut short is refused by everything else, and restoring into it begins anew.
`marquetry check` of the directory of backups verifies them and lists their numbers, versions and times.
Standard output gets what was restored as JSON. Exit code 3: the backup is damaged, and the message names the file and
where in it.";

/// Restore a data directory from a directory of backups.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Restore {
    /// The directory of backups
    #[arg(value_name = "TARGET")]
    target: PathBuf,

    /// The data directory to make
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// The number of the backup [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    backup: Option<u64>,
}

impl Restore {
    /// Restores, and prints what.
    ///
    /// # Errors
    /// Exit code 3 when the backup is damaged, 1 when there is none or the directory cannot be written.
    pub fn run(self) -> Result<(), Failure> {
        let bar = bytes_bar();
        let outcome = backup::restore(self.target, self.backup, self.directory, &mut |progress| show(&bar, progress));
        bar.finish_and_clear();
        print_json(&outcome?)
    }
}
