//! SQLite's scripts, where they lie beside the project.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use sqllogictest::{DefaultColumnType, QueryExpect, Record, Runner, parse_with_name};

use crate::driver::{Driver, Style};

/// Where the scripts lie; `None`, with a message, when they do not.
fn corpus() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/suites/sqllogictest");
    if path.is_dir() {
        return Some(path);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing, and required in CI", path.display());
    println!("skipped: {} is missing", path.display());
    None
}

/// Runs the scripts whose names begin with `prefix`, and says which records failed.
fn run(prefix: &str) {
    let Some(directory) = corpus() else { return };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(prefix));
    paths.sort();
    assert!(!paths.is_empty(), "no script begins with {prefix}");
    let (mut passed, mut failures) = (0, Vec::new());
    for path in paths {
        let (count, failed) = run_file(&path);
        passed += count;
        failures.extend(failed);
    }
    println!("{prefix}: {passed} records passed, {} failed", failures.len());
    let shown: Vec<&String> = failures.iter().take(10).collect();
    assert!(failures.is_empty(), "{} records failed, the first ones: {shown:#?}", failures.len());
}

fn run_file(path: &Path) -> (usize, Vec<String>) {
    let types = Arc::new(Mutex::new(Vec::new()));
    let style = Style::Sqlite(types.clone());
    let mut runner = Runner::new(move || {
        let style = style.clone();
        async move { Ok(Driver::new(style)) }
    });
    // What the scripts mean unless they say otherwise.
    runner.with_hash_threshold(8);
    let (mut passed, mut failures) = (0, Vec::new());
    let text = without_remarks(&std::fs::read_to_string(path).unwrap());
    for record in parse_with_name::<DefaultColumnType>(&text, path.to_str().unwrap()).unwrap() {
        if let Record::Query { expected: QueryExpect::Results { types: wanted, .. }, .. } = &record {
            types.lock().unwrap().clone_from(wanted);
        }
        match runner.run(record) {
            Ok(_) => passed += 1,
            Err(error) => failures.push(format!("{}: {}", path.display(), error.display(false))),
        }
    }
    (passed, failures)
}

/// The script without remarks behind its conditions, which the parser does not take.
fn without_remarks(text: &str) -> String {
    let line = |line: &str| match line.split_once(" #") {
        Some((condition, _)) if line.starts_with("onlyif") || line.starts_with("skipif") => condition.trim().to_owned(),
        _ => line.to_owned(),
    };
    let text = text.lines().map(line).collect::<Vec<_>>().join("\n");
    // These scripts have a line for each value.
    format!("control resultmode valuewise\n\n{text}")
}

macro_rules! corpora {
    ($($name:ident $prefix:literal)*) => {
        $(#[test]
        fn $name() {
            run($prefix);
        })*
    };
}

corpora! {
    select1 "select1"
    select2 "select2"
    select3 "select3"
    select4 "select4"
    select5 "select5"
    random_groups "random-groupby-slt_good_1"
    deletions_through_indexes "index-delete-1-"
}
