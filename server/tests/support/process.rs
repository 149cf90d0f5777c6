//! The real binary as a process of its own: run to its end, or serving until it is stopped or killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub(crate) fn marquetry(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_marquetry"));
    command.args(arguments).env_remove("MARQUETRY_TOKEN").env_remove("RUST_LOG");
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    marquetry(arguments).output().unwrap()
}

pub(crate) fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A server of `data` on a free port, and the URL that it tells.
pub(crate) fn serve(data: &Path, more: &[&str]) -> (Child, String) {
    let mut arguments = vec!["serve", "--data", data.to_str().unwrap(), "--http", "127.0.0.1:0", "--postgres", "off"];
    arguments.extend(more);
    let mut child = marquetry(&arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = lines.find(|line| line.as_ref().unwrap().contains("http")).unwrap().unwrap();
    let plain: String = line.chars().filter(|c| !c.is_control()).collect();
    let url = plain.split("http://").nth(1).unwrap().split(['"', ' ', '\u{1b}']).next().unwrap().to_owned();
    // Whoever stops reading makes the server wait for its log.
    std::thread::spawn(move || lines.for_each(drop));
    (child, url)
}

pub(crate) fn terminate(mut child: Child) -> i32 {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    child.wait().unwrap().code().unwrap()
}

/// Kills the process at once, as a crash would: nothing is flushed, nothing is closed.
pub(crate) fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A figure of the process's memory in bytes: `VmRSS` (what it uses) or `VmHWM` (the most it ever used).
pub(crate) fn memory_size_bytes(child: &Child, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}
