//! The real binary: help, exit codes, a served directory, signals.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use support::process::{code, marquetry, run, said, serve, terminate};

#[test]
fn help_shows_examples_and_exit_codes_for_every_command() {
    let output = run(&["--help"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0);
    assert!(text.contains("Exit codes") && text.contains("Examples"), "{text}");
    for command in ["serve", "check", "stats", "import", "export"] {
        assert!(text.contains(command), "{text}");
        let output = run(&[command, "--help"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(code(&output) == 0 && text.contains("Examples"), "{command}: {text}");
    }
}

#[test]
fn wrong_calls_end_with_2_and_say_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let data = data.to_str().unwrap();
    let config = directory.path().join("config.toml");
    std::fs::write(&config, "[http]\nadress = \"127.0.0.1:0\"").unwrap();
    for (arguments, hint) in [
        (vec!["explode"], "explode"),
        (vec!["serve", "--data", data, "--http", "0.0.0.0:0"], "--token-file"),
        (vec!["serve", "--data", data, "--config", config.to_str().unwrap()], "adress"),
        (vec!["serve", "--data", data, "--config", "/nowhere/config.toml"], "/nowhere/config.toml"),
        (vec!["serve", "--data", data, "--tls-key", "key.pem"], "tls-certificate"),
        (vec!["stats", "ftp://localhost"], "http(s)"),
        (vec!["export", data], "--table"),
        (vec!["export", data, "--table", "a", "--collection", "b"], "cannot be used with"),
    ] {
        let output = run(&arguments);
        assert_eq!(code(&output), 2, "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(hint), "{arguments:?}: {}", said(&output));
    }
    let output = marquetry(&["serve", "--data", data]).env("MARQUETRY_TOKEN", "short").output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(said(&output).contains("16"), "{}", said(&output));
    assert!(!Path::new(data).exists(), "a wrong call makes no data directory");
}

#[test]
fn what_is_not_there_ends_with_1() {
    for arguments in
        [vec!["check", "/nowhere/data"], vec!["stats", "/nowhere/data"], vec!["stats", "http://127.0.0.1:1"]]
    {
        let output = run(&arguments);
        assert_eq!(code(&output), 1, "{arguments:?}: {}", said(&output));
        assert!(said(&output).starts_with("marquetry: "), "{}", said(&output));
    }
}

#[test]
fn a_served_directory_answers_stops_on_sigterm_and_checks_clean() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (child, address) = serve(&data, &[]);
    let mut socket = TcpStream::connect(&address).unwrap();
    write!(socket, "GET /ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let stats = run(&["stats", &format!("http://{address}")]);
    assert_eq!(code(&stats), 0, "{}", said(&stats));
    assert!(String::from_utf8_lossy(&stats.stdout).contains("visible_version"));
    let second = run(&["check", data.to_str().unwrap()]);
    assert_eq!(code(&second), 1, "a directory in use cannot be checked: {}", said(&second));
    assert_eq!(terminate(child), 0);
    let check = run(&["check", data.to_str().unwrap()]);
    assert_eq!(code(&check), 0, "{}", said(&check));
    let stats = run(&["stats", data.to_str().unwrap()]);
    assert_eq!(code(&stats), 0, "{}", said(&stats));
}

#[test]
fn the_token_comes_from_a_file_and_opens_the_gate() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    let (child, address) = serve(&directory.path().join("data"), &["--token-file", token.to_str().unwrap()]);
    let url = format!("http://{address}");
    assert_eq!(code(&run(&["stats", &url])), 1);
    assert_eq!(code(&run(&["stats", &url, "--token-file", token.to_str().unwrap()])), 0);
    let output = marquetry(&["stats", &url]).env("MARQUETRY_TOKEN", "a-token-of-some-length").output().unwrap();
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(terminate(child), 0);
}
