//! The `marquetry` binary: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use marquetry_server::commands::CommandLine;

fn main() -> ExitCode {
    match CommandLine::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("marquetry: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
