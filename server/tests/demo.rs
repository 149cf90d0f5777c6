//! `marquetry serve --demo`: what it prints works as printed.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use support::process::{marquetry, said, terminate};

struct Demo {
    /// Until it is stopped.
    server: Option<Child>,
    _out: BufReader<ChildStdout>,
    greeting: String,
}

/// A demo server of `data`, once it has said all that it says.
fn demo(data: &Path, more: &[&str]) -> Demo {
    let mut arguments =
        vec!["serve", "--demo", "--data", data.to_str().unwrap(), "--http", "127.0.0.1:0", "--postgres", "off"];
    arguments.extend(more);
    let mut command = marquetry(&arguments);
    // Where no data files are, unless they are named.
    command.current_dir(data.parent().unwrap()).stdout(Stdio::piped()).stderr(Stdio::null());
    if more.contains(&"--token-file") {
        command.env("MARQUETRY_TOKEN", "ignored-when-a-file-is-given");
    }
    let mut server = command.spawn().unwrap();
    let mut out = BufReader::new(server.stdout.take().unwrap());
    let mut greeting = String::new();
    while !greeting.contains("Ctrl-C") {
        assert!(out.read_line(&mut greeting).unwrap() > 0, "the server ended and had said {greeting}");
    }
    Demo { server: Some(server), _out: out, greeting }
}

impl Demo {
    fn lines(&self) -> Vec<&str> {
        self.greeting.lines().map(str::trim).filter(|line| line.starts_with("curl ")).collect()
    }

    /// Stops the server as a service manager would.
    fn stop(mut self) {
        assert_eq!(self.server.take().map(terminate), Some(0));
    }
}

/// A test that failed leaves no server behind.
impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // It may have ended by itself.
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

/// What a shell prints for `line`, as pasted.
fn paste(line: &str, token: &str) -> Output {
    // --fail makes curl tell by its exit code that the server refused.
    let failing = line.replacen("curl ", "curl --fail ", 1);
    Command::new("sh").args(["-c", &failing]).env("MARQUETRY_TOKEN", token).output().unwrap()
}

fn has_curl() -> bool {
    let has = Command::new("curl").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has {
        println!("skipped: there is no curl on this machine");
    }
    has
}

/// What the answer to each line must contain, in the order of the lines; the counter goes on counting.
fn answers(visits: &str) -> [&str; 6] {
    ["\"total_cents\"", "walnut-", "<svg", visits, "desk-lamp", "\"order\""]
}

#[test]
fn every_line_works_as_printed_and_again_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for (visits, told) in [("1", "the shop (48 products)"), ("2", "was here already")] {
        let demo = demo(&data, &[]);
        assert!(demo.greeting.contains(told), "{}", demo.greeting);
        assert_eq!(demo.lines().len(), answers(visits).len(), "{}", demo.greeting);
        for (line, expected) in demo.lines().into_iter().zip(answers(visits)) {
            if has_curl() {
                let output = paste(line, "");
                let answer = String::from_utf8_lossy(&output.stdout);
                assert!(output.status.success() && answer.contains(expected), "{line}\n{answer}{}", said(&output));
            }
        }
        demo.stop();
    }
}

#[test]
fn with_a_token_the_lines_take_it_from_the_environment_and_never_tell_it() {
    let directory = tempfile::tempdir().unwrap();
    let token = "a-token-that-is-long-enough";
    let file = directory.path().join("token");
    std::fs::write(&file, token).unwrap();
    let demo = demo(&directory.path().join("data"), &["--token-file", file.to_str().unwrap()]);
    assert!(demo.greeting.contains("export") && !demo.greeting.contains(token), "{}", demo.greeting);
    if has_curl() {
        for line in demo.lines() {
            assert!(paste(line, token).status.success(), "{line}");
            assert!(!paste(line, "wrong-but-long-enough-token").status.success(), "{line}");
        }
    }
    demo.stop();
}

#[test]
fn data_files_are_loaded_where_they_are_and_once() {
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path().join("files");
    std::fs::create_dir(&files).unwrap();
    std::fs::write(files.join("stores.json"), r#"[{"id": 7, "name": "Corner"}, {"id": 8, "name": "Mall"}]"#).unwrap();
    std::fs::write(files.join("recipes.json"), r#"[{"id": 0, "recipe_name": "Apple pie", "rating": 4.4}]"#).unwrap();
    let (data, named) = (directory.path().join("data"), ["--demo-data", files.to_str().unwrap()]);
    for told in ["2 stores, 1 recipes", "was here already"] {
        let demo = demo(&data, &named);
        assert!(demo.greeting.contains(told), "{}", demo.greeting);
        demo.stop();
    }
}

#[test]
fn a_data_directory_that_is_not_there_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let output =
        marquetry(&["serve", "--demo", "--demo-data", "/nowhere/at/all", "--http", "127.0.0.1:0", "--postgres", "off"])
            .current_dir(directory.path())
            .output()
            .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("/nowhere/at/all"));
}
