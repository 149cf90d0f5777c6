//! Our own scripts, one for each feature.

use std::path::Path;

use sqllogictest::{DefaultColumnType, Runner, parse_file};

use crate::driver::{Driver, Style};

/// Runs the script `name`.
fn run(name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/scripts").join(name).with_extension("slt");
    let mut runner = Runner::new(|| async { Ok(Driver::new(Style::PostgreSql)) });
    let records = parse_file::<DefaultColumnType>(path).unwrap();
    let run = |record| runner.run(record).err().map(|error| error.display(false).to_string());
    let failures: Vec<String> = records.into_iter().filter_map(run).collect();
    assert!(failures.is_empty(), "{} records failed:\n{}", failures.len(), failures.join("\n"));
}

macro_rules! scripts {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })*

        #[test]
        fn every_script_is_run() {
            let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/scripts");
            let names = [$(stringify!($name)),*];
            for entry in std::fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(names.contains(&name), "the script {name} is not in the list of tests");
            }
        }
    };
}

scripts! {
    expressions
    select
    tables
    transactions
}
