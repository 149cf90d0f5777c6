//! Running a part of a benchmark in a process of its own: to kill it, or to measure its memory.

use std::process::{Command, Output};

use crate::Outcome;

const ROLE: &str = "MARQUETRY_BENCH_ROLE";

/// The role and its argument when this process was started by [`run_child`].
pub fn is_child() -> Option<(String, String)> {
    let role = std::env::var(ROLE).ok()?;
    let (name, argument) = role.split_once(' ')?;
    Some((name.to_owned(), argument.to_owned()))
}

/// Runs this program again in the given role, to its end, whatever end that is.
///
/// # Errors
/// When it cannot be started.
pub fn run_child(role: &str, argument: &str) -> Outcome<Output> {
    Ok(child_command(role, argument)?.output()?)
}

/// The command that runs this program again in the given role.
///
/// # Errors
/// When the program does not know its own file.
pub fn child_command(role: &str, argument: &str) -> Outcome<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(std::env::args_os().skip(1)).env(ROLE, format!("{role} {argument}"));
    Ok(command)
}
