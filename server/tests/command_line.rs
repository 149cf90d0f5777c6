//! The real binary: help, exit codes, a served directory, signals.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use marquetry::Database;
use serde_json::{Map, Value, json};
use support::process::{code, marquetry, run, said, serve, terminate};

#[test]
fn help_shows_examples_and_exit_codes_for_every_command() {
    let output = run(&["--help"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(code(&output), 0);
    assert!(text.contains("Exit codes") && text.contains("Examples"), "{text}");
    for command in ["serve", "shell", "check", "stats", "import", "export", "backup", "restore"] {
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
        (vec!["serve", "--data", data, "--postgres", "0.0.0.0:0"], "--postgres-password-file"),
        (vec!["serve", "--data", data, "--postgres", "5432"], "or off"),
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

const TYPES: [&str; 15] = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "text",
    "bytea",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "uuid",
    "jsonb",
];

/// A table with a column of every type, and rows that are hard to write down.
fn table_of_every_type(data: &Path, rows: bool) -> Vec<marquetry::table::Row> {
    use marquetry::table::{ScanRequest, TableDefinition};
    let mut columns = vec![json!({"name": "id", "type": "int8", "auto_increment": true})];
    columns.extend(TYPES.map(|name| json!({"name": format!("a {name}, \"b\""), "type": name})));
    let definition = json!({"columns": columns, "primary_key": ["id"], "indexes": [
        {"name": "by_text", "columns": ["a text, \"b\""]}, {"name": "by_numeric", "columns": ["a numeric, \"b\""]}]});
    let definition: TableDefinition = serde_json::from_value(definition).unwrap();
    let values = [
        json!([true, -32768, 7, i64::MIN, 0.1, 0.30000000000000004, "-120.500", "a,\"b\"\n\\N", "AAH/", "2026-11-25",
               "23:59:59.999999", "2026-11-25T08:00:00.5", "2026-11-25T08:00:00Z",
               "67e55044-10b1-426f-9247-bb680e5fe0c8", {"a": [1, 2.5, "\\N", null], "b": {}}]),
        json!([
            false,
            0,
            0,
            i64::MAX,
            "NaN",
            "-Infinity",
            "0.00",
            "",
            "",
            "0044-03-15 BC",
            "00:00:00",
            "0001-01-01T00:00:00",
            "1969-12-31T23:59:59Z",
            "00000000-0000-0000-0000-000000000000",
            "text"
        ]),
        json!([null, null, null, null, null, null, null, null, null, null, null, null, null, null, null]),
        json!([null, 1, 2, 3, 1e-30, 1e300, "1", "\\N", "AA==", null, null, null, null, null, "\\N"]),
        json!([null, 1, 2, 3, 1.0, 2.0, "1.0", "null", null, null, null, null, null, null, [[]]]),
    ];
    let database = Database::open(data).unwrap();
    database
        .transact(|tx| {
            if !tx.tables().list()?.is_empty() {
                return Ok(());
            }
            tx.tables().create("every", &definition)?;
            for values in values.iter().filter(|_| rows) {
                let names = TYPES.iter().map(|name| format!("a {name}, \"b\""));
                let row = names.zip(values.as_array().unwrap().iter().cloned()).collect::<Map<_, _>>();
                tx.tables().insert("every", definition.row_from_json(&Value::Object(row))?)?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = database.snapshot().unwrap();
    let found = snapshot.tables().scan("every", &ScanRequest::primary_key()).unwrap().map(Result::unwrap).collect();
    drop(snapshot);
    database.check().unwrap();
    database.close().unwrap();
    found
}

#[test]
fn a_table_of_every_type_goes_out_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let rows = table_of_every_type(Path::new(&path("data")), true);
    assert_eq!(rows.len(), 5);
    for ending in ["jsonl", "csv"] {
        let (file, copy) = (path(&format!("every.{ending}")), path(&format!("copy-{ending}")));
        let export = run(&["export", &path("data"), "--table", "every", "--output", &file]);
        assert_eq!(code(&export), 0, "{}", said(&export));
        assert!(said(&export).contains("exported 5 records"), "{}", said(&export));
        table_of_every_type(Path::new(&copy), false);
        let import = run(&["import", &copy, "--table", "every", "--file", &file]);
        assert_eq!(code(&import), 0, "{ending}: {}", said(&import));
        assert!(said(&import).contains("imported 5 records"), "{}", said(&import));
        let back = table_of_every_type(Path::new(&copy), false);
        // Equal values may still be written differently: numerics keep their digits.
        assert_eq!(serde_json::to_string(&back).unwrap(), serde_json::to_string(&rows).unwrap(), "{ending}");
        let again = path(&format!("again.{ending}"));
        assert_eq!(code(&run(&["export", &copy, "--table", "every", "--output", &again])), 0);
        assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&file).unwrap(), "{ending}");
        let twice = run(&["import", &copy, "--table", "every", "--file", &file]);
        assert_eq!(code(&twice), 1, "the rows are there already");
        assert!(said(&twice).contains("primary key") && said(&twice).contains("0 records"), "{}", said(&twice));
    }
    assert_eq!(code(&run(&["import", &path("data"), "--table", "none", "--file", &path("every.csv")])), 1);
    assert_eq!(code(&run(&["check", &path("data")])), 0);
}

#[test]
fn a_collection_goes_out_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let texts = ["a,\"b\"\n", "\\N", "12", "", "é"];
    let documents: Vec<Value> = (0..1_203)
        .map(|n| {
            json!({"_id": format!("d{n:04}"), "n": n, "text": texts[n % 5],
                   "nested": {"list": [n, null, 1.5, u64::MAX], "yes": n % 2 == 0}})
        })
        .collect();
    let lines: String = documents.iter().map(|document| format!("{document}\n")).collect();
    std::fs::write(path("in.jsonl"), &lines).unwrap();
    for ending in ["jsonl", "csv"] {
        for copy in ["first", "second"] {
            drop(Database::open(path(&format!("{copy}-{ending}"))).unwrap());
        }
        let (first, second) = (path(&format!("first-{ending}")), path(&format!("second-{ending}")));
        let import = run(&["import", &first, "--collection", "c", "--file", &path("in.jsonl")]);
        assert_eq!(code(&import), 0, "{}", said(&import));
        assert!(said(&import).contains("imported 1203 records"), "{}", said(&import));
        let file = path(&format!("out.{ending}"));
        let mut arguments = vec!["export", &first, "--collection", "c", "--output", &file];
        if ending == "csv" {
            arguments.extend(["--fields", "_id,n,text,nested"]);
        }
        let export = run(&arguments);
        assert_eq!(code(&export), 0, "{}", said(&export));
        assert!(said(&export).contains("exported 1203 records"), "{}", said(&export));
        let import = run(&["import", &second, "--collection", "c", "--file", &file]);
        assert_eq!(code(&import), 0, "{}", said(&import));
        let again = path(&format!("again-{ending}.jsonl"));
        assert_eq!(code(&run(&["export", &second, "--collection", "c", "--output", &again])), 0);
        assert!(std::fs::read_to_string(&again).unwrap() == lines, "{ending}");
        let twice = run(&["import", &second, "--collection", "c", "--file", &file]);
        assert_eq!(code(&twice), 1, "the documents are there already");
        assert!(said(&twice).contains("d0000") && said(&twice).contains("0 records"), "{}", said(&twice));
        assert_eq!(code(&run(&["check", &second])), 0);
    }
}
