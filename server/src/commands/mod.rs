//! The command line: one file per command, each a struct of its arguments and a `run`.
//!
//! ```text
//!   serve   check   stats   import   export          exit codes: 0 done, 1 failed, 2 called wrongly, 3 damage found
//! ```

mod serve;

use clap::{Parser, Subcommand};

pub use self::serve::Serve;
use crate::failure::Failure;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  it failed: the message says what to do
  2  it was called wrongly, or the configuration is wrong
  3  check found damaged data

Examples:
  marquetry serve --demo
  marquetry serve --data /var/lib/marquetry --http 0.0.0.0:7400 --token-file /etc/marquetry.token
  marquetry stats http://127.0.0.1:7400
  marquetry export ./marquetry-data --table orders --format csv --output orders.csv";

/// Tables, documents, blobs, cache, full-text search and queues in one database and one transaction.
#[derive(Debug, Parser)]
#[command(name = "marquetry", version, about, after_help = EXIT_CODES, arg_required_else_help = true)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Serve),
}

impl CommandLine {
    /// Does what the arguments say.
    ///
    /// # Errors
    /// A message for people, with the exit code for the shell.
    pub fn run(self) -> Result<(), Failure> {
        match self.command {
            Command::Serve(serve) => serve.run(),
        }
    }
}

/// A runtime for one command.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
