//! The command line: one file per command, each a struct of its arguments and a `run`.
//!
//! ```text
//!   serve  shell  check  stats  import  export  backup  restore     exit codes: 0 done, 1 failed, 2 called wrongly, 3 damage
//! ```

mod backup;
mod check;
mod export;
mod import;
mod place;
mod progress;
mod records;
mod restore;
mod serve;
mod shell;
mod stats;
mod subject;

use clap::{Parser, Subcommand};

pub use self::backup::Backup;
pub use self::check::Check;
pub use self::export::Export;
pub use self::import::Import;
pub use self::restore::Restore;
pub use self::serve::Serve;
pub use self::shell::Shell;
pub use self::stats::Stats;
use crate::failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed: the message says what to do
  2  it was called wrongly, or the configuration is wrong
  3  damaged data or a damaged backup was found

Examples:
  marquetry serve --demo
  marquetry serve --data /var/lib/marquetry --http 0.0.0.0:7400 --token-file /etc/marquetry.token
  marquetry shell ./marquetry-data
  marquetry stats http://127.0.0.1:7400
  marquetry export ./marquetry-data --table orders --format csv --output orders.csv
  marquetry backup http://127.0.0.1:7400 /backups/shop";

/// Tables in SQL, documents, blobs, cache, full-text search and queues in one database and one transaction.
#[derive(Debug, Parser)]
#[command(name = "marquetry", version, about, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
    Shell(Shell),
    Check(Check),
    Stats(Stats),
    Import(Import),
    Export(Export),
    Backup(Backup),
    Restore(Restore),
}

impl CommandLine {
    /// Does what the arguments say.
    ///
    /// # Errors
    /// A message for people, with the exit code for the shell.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(command) => command.run(),
            Command::Shell(command) => command.run(),
            Command::Check(command) => command.run(),
            Command::Stats(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Backup(command) => command.run(),
            Command::Restore(command) => command.run(),
        }
    }
}

/// A runtime for one command.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// What `work` returns, without blocking the runtime.
async fn blocking<T: Send + 'static, E: Into<Failure> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, Failure> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.map_err(|fault| Failure::failed(fault.to_string()))?.map_err(Into::into)
}

/// Prints `value` to standard output as JSON for people.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|fault| Failure::failed(fault.to_string()))?;
    println!("{text}");
    Ok(())
}
