//! Clients that are not ours, against a server of ours: psql, pgbench, psycopg, SQLAlchemy, node-postgres.
//!
//! The scripts are in `tests/clients`, and `tests/clients/install` gets what they need. What a machine does not have is
//! skipped with a word.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use support::Running;
use support::postgres::start;

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Where `tests/clients/install` puts the clients.
fn clients() -> PathBuf {
    std::env::var_os("CLIENTS").map_or_else(|| root().join("target/clients"), PathBuf::from)
}

fn url(running: &Running) -> String {
    format!("postgresql://anybody@{}/marquetry", running.postgres_address())
}

/// What `command` said, unless there is no such program.
async fn run(mut command: Command) -> Option<Output> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    match output {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: there is no {name} on this machine; see tests/clients/install");
            None
        }
        Err(error) => panic!("{name}: {error}"),
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs a script of `tests/clients`, which says `ok` at its end.
async fn script(program: PathBuf, arguments: &[&str], name: &str) {
    let running = start().await;
    let mut command = Command::new(program);
    command.arg(root().join("tests/clients").join(name)).arg(url(&running)).args(arguments);
    if let Some(output) = run(command).await {
        assert!(output.status.success() && said(&output).ends_with("ok\n"), "{name}: {}", said(&output));
    }
    running.server.stop().await;
}

async fn psql(running: &Running, commands: &[&str]) -> Option<Output> {
    let mut command = Command::new("psql");
    command.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &url(running)]);
    for text in commands {
        command.args(["-c", text]);
    }
    run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn psql_asks_and_is_answered() {
    let running = start().await;
    let commands = ["SELECT 1 AS one", "SELECT 'a' AS word; SELECT 2.5 AS number"];
    if let Some(output) = psql(&running, &commands).await {
        let text = said(&output);
        assert!(output.status.success(), "{text}");
        assert!(text.contains(" one \n-----\n   1\n(1 row)") && text.contains("    2.5"), "{text}");
        let failed = psql(&running, &["SELECT nothing"]).await.unwrap();
        let text = said(&failed);
        assert!(!failed.status.success() && text.contains("LINE 1: SELECT nothing\n               ^"), "{text}");
    }
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg_gets_along() {
    script(clients().join("python/bin/python"), &[], "psycopg_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy_gets_along() {
    script(clients().join("python/bin/python"), &[], "sqlalchemy_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_postgres_gets_along() {
    if !clients().join("node/node_modules/pg").is_dir() {
        println!("skipped: there is no node-postgres; see tests/clients/install");
        return;
    }
    let folder = clients().join("node");
    script("node".into(), &[folder.to_str().unwrap()], "node_client.js").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pgbench_runs_its_transactions() {
    let running = start().await;
    let address = running.postgres_address();
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let bench = |arguments: &[&str]| {
        let mut command = Command::new("pgbench");
        command.args(["-h", &host, "-p", &port, "-U", "anybody"]).args(arguments).arg("marquetry");
        command
    };
    if let Some(output) = run(bench(&["-i", "-I", "dtGp", "-s", "1", "-q"])).await {
        assert!(output.status.success(), "{}", said(&output));
        for mode in ["simple", "extended", "prepared"] {
            let output = run(bench(&["-n", "-M", mode, "-c", "4", "-t", "25"])).await.unwrap();
            let text = said(&output);
            assert!(output.status.success() && text.contains("actually processed: 100/100"), "{mode}: {text}");
        }
    }
    running.server.stop().await;
}
