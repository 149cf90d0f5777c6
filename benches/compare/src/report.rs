//! Tables for the reader of the terminal, and for the file that keeps them.
//!
//! The file has a place for them between two marks; a table takes the place of an older one of the same title there,
//! and stands behind the others otherwise.

use std::fs;
use std::path::PathBuf;

use marquetry_benches::Outcome;

const BEGIN: &str = "<!-- tables of marquetry-compare -->";
const END: &str = "<!-- end of the tables of marquetry-compare -->";
const HEADING: &str = "\n### ";

/// Where tables go.
#[derive(Debug)]
pub(crate) struct Report {
    into: Option<PathBuf>,
}

impl Report {
    pub(crate) fn new(into: Option<PathBuf>) -> Self {
        Report { into }
    }

    /// Tells a table: `title` without marks, `body` from the table's first line on.
    pub(crate) fn add(&self, title: &str, body: &str) -> Outcome<()> {
        println!("\n### {title}\n\n{}", body.trim_end());
        let Some(path) = &self.into else { return Ok(()) };
        let text = fs::read_to_string(path)?;
        Ok(fs::write(path, with_table(&text, title, body)?)?)
    }
}

fn with_table(text: &str, title: &str, body: &str) -> Outcome<String> {
    let missing = || format!("the file has no line \"{BEGIN}\" with a line \"{END}\" behind it");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (tables, after) = rest.split_once(END).ok_or_else(missing)?;
    let table = format!("{HEADING}{title}\n\n{}\n", body.trim_end());
    let mut placed = false;
    let mut kept = String::new();
    let mut parts = tables.split(HEADING);
    kept.push_str(parts.next().unwrap_or_default().trim_end());
    kept.push('\n');
    for part in parts {
        if part.lines().next() == Some(title) {
            kept.push_str(&table);
            placed = true;
        } else {
            kept.push_str(&format!("{HEADING}{}\n", part.trim_end()));
        }
    }
    if !placed {
        kept.push_str(&table);
    }
    Ok(format!("{before}{BEGIN}{kept}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_with_its_title() {
        let empty = format!("head\n\n{BEGIN}\n{END}\n\ntail\n");
        let one = with_table(&empty, "One", "| 1 |\n").expect("marks");
        let two = with_table(&one, "Two", "| 2 |\n").expect("marks");
        let again = with_table(&two, "One", "| 3 |\n").expect("marks");
        assert_eq!(again, format!("head\n\n{BEGIN}\n\n### One\n\n| 3 |\n\n### Two\n\n| 2 |\n\n{END}\n\ntail\n"));
        assert_eq!(again, with_table(&again, "Two", "| 2 |\n").expect("marks"));
        assert!(with_table("head", "One", "").is_err());
    }
}
