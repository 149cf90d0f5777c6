//! The architecture as a test: who may name whom, and how large a file may grow.

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

#[test]
fn no_file_is_about_everything() {
    for folder in ["engine/src", "server/src", "client/src", "tests"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 800, "{} has {lines} lines; split it by noun", path.display());
        }
    }
}
