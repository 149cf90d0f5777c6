//! `marquetry shell`: SQL at a prompt, or from a script, on a data directory or a running server.

use std::io::Write;

use clap::Args;
use marquetry::Database;

use super::place::{Credential, Place, open_existing};
use super::runtime;
use crate::failure::Failure;
use crate::shell::{Connection, Console};

const EXAMPLES: &str = "\
Examples:
  marquetry shell ./marquetry-data
      a prompt; statements end with a semicolon, \\? lists the commands
  marquetry shell http://127.0.0.1:7400 -c 'SELECT count(*) FROM orders'
  marquetry shell ./marquetry-data < script.sql
      stops at the first statement that fails, with exit code 1

Against a server, each statement is a transaction of its own; BEGIN needs a directory, or psql.";

/// Talk SQL with a data directory or a running server.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Shell {
    /// A data directory that no server has open, or the URL of a server
    #[arg(value_name = "DIR|URL")]
    place: Place,

    /// Run these statements, or this command of the shell, and end; may be given several times
    #[arg(short, long, value_name = "SQL")]
    command: Vec<String>,

    #[command(flatten)]
    credential: Credential,
}

impl Shell {
    /// Talks until the end of the input.
    ///
    /// # Errors
    /// The place cannot be opened or reached, or a statement of a script failed.
    pub fn run(self) -> Result<(), Failure> {
        let runtime = runtime()?;
        let (connection, database) = match &self.place {
            Place::Directory(path) => {
                let database = runtime.block_on(open_existing(path.clone()))?;
                (Connection::embedded(&database)?, Some(database))
            }
            place @ Place::Url(_) => {
                let opened = runtime.block_on(place.open(&self.credential))?;
                (Connection::Remote(opened.client), None)
            }
        };
        if let Some(interrupter) = connection.interrupter() {
            // Control-C stops the statement, not the shell.
            runtime.spawn(async move {
                while tokio::signal::ctrl_c().await.is_ok() {
                    interrupter.interrupt();
                }
            });
        }
        let mut output = std::io::stdout().lock();
        let told = self.tell(Console::new(connection, &runtime, &mut output));
        output.flush()?;
        told?;
        database.map_or(Ok(()), |database: Database| database.close().map_err(Failure::from))
    }

    fn tell(&self, mut console: Console<'_>) -> Result<(), Failure> {
        if self.command.is_empty() {
            return console.run();
        }
        self.command.iter().try_for_each(|text| console.run_text(text))
    }
}
