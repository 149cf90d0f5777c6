//! Tables for the reader of the terminal, and for the file that keeps them.
//!
//! The file has a place for them between two marks, where they stand in the order of the workloads. A table takes the
//! place of an older one of the same title and leaves all others alone, so that a run may be spread over days; therefore
//! each says below itself when it was taken, with which options and how busy the machine was. What the charts show is
//! read from the file's tables.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use marquetry_benches::Outcome;

use crate::machine::{Moment, date, processors};

const BEGIN: &str = "<!-- tables of marquetry-compare -->";
const END: &str = "<!-- end of the tables of marquetry-compare -->";
const HEADING: &str = "\n### ";

/// How titles begin, in the order of the tables.
const ORDER: [&str; 16] = [
    "Loading",
    "Space",
    "Point reads",
    "Scans of",
    "Scan ",
    "Single puts, durable",
    "Single puts",
    "Commits of",
    "YCSB, geometric",
    "YCSB",
    "One hot counter",
    "Short-lived",
    "Hot keys",
    "Open",
    "Sustained",
    "Growth",
];

/// Where tables go.
#[derive(Debug)]
pub(crate) struct Report {
    into: Option<PathBuf>,
    /// When the table before was finished, and what others had until then.
    since: Cell<(Moment, u64)>,
}

impl Report {
    pub(crate) fn new(into: Option<PathBuf>) -> Outcome<Self> {
        Ok(Report { into, since: Cell::new((Moment::now()?, 0)) })
    }

    /// Tells a table: `title` without marks, `body` from the table's first line on, and with which options it was taken.
    pub(crate) fn add(&self, title: &str, body: &str, options: &str) -> Outcome<()> {
        let (before, others_before) = self.since.get();
        let now = Moment::now()?;
        // Tables that come together are about the same time.
        let others = now.others_since(before).unwrap_or(others_before);
        self.since.set((now, others));
        let when = date();
        let load = format!("other programs had {others} % of {} processors", processors());
        let body = format!("{}\n\n{when} UTC, {load}; {options}.", body.trim_end());
        println!("\n### {title}\n\n{body}");
        let Some(path) = &self.into else { return Ok(()) };
        let text = fs::read_to_string(path)?;
        Ok(fs::write(path, with_table(&text, title, &body)?)?)
    }

    /// The tables of the file that this one writes to, and the file's directory.
    pub(crate) fn tables(&self) -> Outcome<Option<(Vec<Table>, PathBuf)>> {
        let Some(path) = &self.into else { return Ok(None) };
        let text = fs::read_to_string(path)?;
        let directory = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Some((parts(&text)?.1.into_iter().map(Table::read).collect(), directory)))
    }
}

/// A table of the file.
#[derive(Debug, PartialEq)]
pub(crate) struct Table {
    pub(crate) title: String,
    /// The heading first; each begins with a name.
    pub(crate) lines: Vec<Vec<String>>,
}

impl Table {
    fn read((title, body): (&str, &str)) -> Self {
        let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let lines = body.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
        Table { title: title.to_owned(), lines: lines.map(cells).collect() }
    }
}

/// A title and what stands below it.
type Titled<'a> = (&'a str, &'a str);

/// What stands before the tables, the tables, and what stands behind them.
fn parts(text: &str) -> Outcome<(&str, Vec<Titled<'_>>, &str)> {
    let missing = || format!("the file has no line \"{BEGIN}\" with a line \"{END}\" behind it");
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (tables, after) = rest.split_once(END).ok_or_else(missing)?;
    let tables = tables.split(HEADING).skip(1).filter_map(|part| part.split_once('\n'));
    Ok((before, tables.map(|(title, body)| (title, body.trim())).collect(), after))
}

fn with_table(text: &str, title: &str, body: &str) -> Outcome<String> {
    let (before, mut tables, after) = parts(text)?;
    match tables.iter_mut().find(|(known, _)| *known == title) {
        Some(table) => table.1 = body.trim(),
        None => tables.push((title, body.trim())),
    }
    let place = |title: &str| ORDER.iter().position(|start| title.starts_with(start)).unwrap_or(ORDER.len());
    tables.sort_by_key(|(title, _)| place(title));
    let told: String = tables.iter().map(|(title, body)| format!("{HEADING}{title}\n\n{body}\n")).collect();
    Ok(format!("{before}{BEGIN}\n{told}\n{END}{after}"))
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

    #[test]
    fn tables_stand_in_the_order_of_the_workloads() {
        let empty = format!("{BEGIN}\n{END}\n");
        let late = with_table(&empty, "Growth: loading", "| a | 1 |\n|---|---:|\n| b | 2 |\n\nwhen").expect("marks");
        let both = with_table(&late, "Point reads, 1 client", "| c |").expect("marks");
        let (_, tables, _) = parts(&both).expect("marks");
        let titles: Vec<&str> = tables.iter().map(|(title, _)| *title).collect();
        assert_eq!(titles, ["Point reads, 1 client", "Growth: loading"]);
        let lines = vec![vec!["a".to_owned(), "1".to_owned()], vec!["b".to_owned(), "2".to_owned()]];
        assert_eq!(Table::read(tables[1]), Table { title: "Growth: loading".to_owned(), lines });
    }
}
