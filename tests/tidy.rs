//! The architecture as a test: who may name whom, and how large a file may grow.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no source");
    found
}

fn assert_never_names(folder: &str, banned: &[&str]) {
    for (path, text) in sources(folder) {
        for name in banned {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

const MODELS: [&str; 6] =
    ["crate::table", "crate::document", "crate::blob", "crate::cache", "crate::search", "crate::queue"];

#[test]
fn the_arrow_points_down() {
    assert_never_names("engine/src/kv", &MODELS);
    assert_never_names("engine/src/log", &MODELS);
    assert_never_names("engine/src/log", &["crate::kv"]);
    assert_never_names("engine/src/env", &MODELS);
    assert_never_names("engine/src/env", &["crate::kv", "crate::log"]);
}

#[test]
fn a_model_names_no_other_model() {
    for model in ["table", "document", "blob", "cache", "search", "queue"] {
        let own = format!("crate::{model}");
        let others: Vec<&str> = MODELS.into_iter().filter(|other| *other != own).collect();
        assert_never_names(&format!("engine/src/{model}"), &others);
    }
}

/// Words of the wires; the engine must not know that there are any.
const WIRE_WORDS: [&str; 7] = ["SQLSTATE", "sqlstate", "HTTP", "RESP", "axum", "Elasticsearch", "bucket policy"];

#[test]
fn the_engine_knows_no_wire_and_the_client_no_engine() {
    assert_never_names("engine/src", &WIRE_WORDS);
    for (path, text) in sources("engine/src") {
        // What runs the plans of SQL wants threads of that kind; nothing else in the engine may.
        let runs_plans = path.ends_with("sql/execute/executor.rs");
        assert!(runs_plans || !text.contains("tokio"), "{} names tokio", path.display());
    }
    assert_never_names("client/src", &["marquetry::", "marquetry_server"]);
    assert_never_names("engine/src", &["marquetry_client", "marquetry_server"]);
}

const FOLDERS: [&str; 9] = [
    "functions/src",
    "engine/src",
    "server/src",
    "server/tests",
    "client/src",
    "tests",
    "benches",
    "examples",
    "fuzz/fuzz_targets",
];

#[test]
fn no_file_is_about_everything() {
    for (path, text) in FOLDERS.into_iter().flat_map(sources) {
        let lines = text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines; split it by noun", path.display());
        let vague = ["utils", "util", "helpers", "helper", "common", "misc"];
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap();
        assert!(!vague.contains(&stem), "{} says nothing by its name; name the noun", path.display());
    }
}

const FILE_LINES_MAX: usize = 800;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn a_function_fits_on_a_screen() {
    for (path, text) in FOLDERS.into_iter().flat_map(sources) {
        for (name, lines) in functions(&text) {
            assert!(lines <= FUNCTION_LINES_MAX, "{}: {name} has {lines} lines; split it", path.display());
        }
    }
}

/// The functions of a formatted file with their lines: from `fn` to the closing brace with the same indentation.
fn functions(text: &str) -> Vec<(&str, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let trimmed = line.trim_start();
        let indentation = &line[..line.len() - trimmed.len()];
        let Some(name) = function_name(trimmed) else { continue };
        let end = lines[start..].iter().position(|line| {
            line.strip_prefix(indentation).is_some_and(|rest| rest.starts_with('}') || rest.ends_with(';'))
                && !line.starts_with(&format!("{indentation} "))
        });
        found.push((name, end.map_or(1, |end| end + 1)));
    }
    found
}

/// The name of the function that a line declares, if it does.
fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_declaration = before
        .split_whitespace()
        .all(|word| matches!(word, "pub" | "async" | "const" | "unsafe") || word.starts_with("pub("));
    is_declaration.then(|| after.split(['(', '<']).next().unwrap_or_default())
}

#[test]
fn every_constant_on_disk_stands_in_the_format_document() {
    let format = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/FORMAT.md")).unwrap();
    let endings = ["_TAG", "_FORMAT", "_MAGIC", "_KIND", "_SEQUENCE", "_SUFFIX", "_FILE", "_VERSION"];
    let mut count = 0;
    for (path, text) in sources("engine/src") {
        for name in text.lines().filter_map(constant_name) {
            if endings.iter().any(|ending| name.ends_with(ending)) {
                assert!(format.contains(&format!("`{name}`")), "{} of {} is not in FORMAT.md", name, path.display());
                count += 1;
            }
        }
    }
    assert!(count > 30, "only {count} constants were found");
}

/// The name of the constant that a line at the top level of a file declares, if it does.
fn constant_name(line: &str) -> Option<&str> {
    let declared = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub(super) ")).or(line.strip_prefix("pub "));
    declared.unwrap_or(line).strip_prefix("const ")?.split(':').next()
}
