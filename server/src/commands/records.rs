//! Rows and documents as lines of text: JSON lines and CSV, in both directions.
//!
//! ```text
//!   JSON lines   {"id": 1, "name": "a\nb"}          one object per line
//!   CSV          id,name                            the first line names the columns
//!                1,\N                               \N is null; a text that begins with \ gets one more \
//! ```
//!
//! CSV knows no types, so a cell is written as its text when it is a string and as JSON otherwise. Reading turns a cell
//! back by the type of its column; where there is none (documents), a cell that reads as JSON is that, and any other is
//! a string. A string that would read as JSON is therefore written in JSON's quotes.

use std::io::{BufRead, Read, Write};

use clap::ValueEnum;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Bytes of one line of JSON at most, so that a file without line breaks does not fill the memory.
const LINE_SIZE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// What stands for null in CSV.
const NULL: &str = "\\N";

/// How records are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values; the first line names the columns
    Csv,
}

/// What is known about the column that a cell stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    /// The cell is text as it stands.
    Text,
    /// The cell is a number, a truth value or other JSON.
    Json,
    /// Nothing is known: the cell tells by itself.
    Any,
}

pub(super) type Record = Map<String, Value>;

/// Reads the records of `input` one by one; `kind_of` tells what the cells of a CSV column are.
pub(super) fn reader<'a>(
    format: Format,
    input: impl BufRead + 'a,
    kind_of: impl Fn(&str) -> Cells + 'a,
) -> Result<Box<dyn Iterator<Item = Result<Record, Failure>> + 'a>, Failure> {
    match format {
        Format::Jsonl => Ok(Box::new(JsonLines { input, line: 0 })),
        Format::Csv => {
            let mut rows = csv::Reader::from_reader(input);
            let columns: Vec<(String, Cells)> =
                rows.headers().map_err(csv_fault)?.iter().map(|name| (name.to_owned(), kind_of(name))).collect();
            Ok(Box::new(rows.into_records().map(move |row| {
                let row = row.map_err(csv_fault)?;
                let line = row.position().map_or(0, csv::Position::line);
                columns
                    .iter()
                    .zip(row.iter())
                    .map(|((name, kind), cell)| Ok((name.clone(), value_of(cell, *kind, name, line)?)))
                    .collect()
            })))
        }
    }
}

struct JsonLines<R> {
    input: R,
    line: u64,
}

impl<R: BufRead> Iterator for JsonLines<R> {
    type Item = Result<Record, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut text = String::new();
            self.line += 1;
            match (&mut self.input).take(LINE_SIZE_MAX_BYTES).read_line(&mut text) {
                Err(fault) => return Some(Err(Failure::failed(format!("line {}: {fault}", self.line)))),
                Ok(0) => return None,
                Ok(_) if text.trim().is_empty() => {}
                Ok(_) => {
                    let record = serde_json::from_str(&text);
                    return Some(record.map_err(|fault| Failure::failed(format!("line {}: {fault}", self.line))));
                }
            }
        }
    }
}

fn csv_fault(fault: csv::Error) -> Failure {
    Failure::failed(format!("in the CSV file: {fault}"))
}

fn value_of(cell: &str, kind: Cells, column: &str, line: u64) -> Result<Value, Failure> {
    match (cell, kind) {
        (NULL, _) => Ok(Value::Null),
        ("", Cells::Json) => Ok(Value::Null),
        (_, Cells::Text) => Ok(unescaped(cell)),
        (_, Cells::Any) => Ok(serde_json::from_str(cell).unwrap_or_else(|_| unescaped(cell))),
        (_, Cells::Json) => serde_json::from_str(cell)
            .map_err(|_| Failure::failed(format!("line {line}, column {column}: {cell:?} does not fit its type"))),
    }
}

fn unescaped(cell: &str) -> Value {
    Value::String(cell.strip_prefix('\\').filter(|rest| rest.starts_with('\\')).unwrap_or(cell).to_owned())
}

/// Writes records to a file or to standard output.
pub(super) enum Writer<W: Write> {
    Jsonl(W),
    Csv { rows: Box<csv::Writer<W>>, columns: Vec<(String, Cells)> },
}

impl<W: Write> Writer<W> {
    /// A writer of `format`; `columns` are those of a CSV file, in order.
    pub(super) fn new(format: Format, output: W, columns: Vec<(String, Cells)>) -> Result<Self, Failure> {
        match format {
            Format::Jsonl => Ok(Writer::Jsonl(output)),
            Format::Csv => {
                let mut rows = Box::new(csv::Writer::from_writer(output));
                rows.write_record(columns.iter().map(|(name, _)| name)).map_err(csv_fault)?;
                Ok(Writer::Csv { rows, columns })
            }
        }
    }

    pub(super) fn write(&mut self, record: &Record) -> Result<(), Failure> {
        match self {
            Writer::Jsonl(output) => {
                serde_json::to_writer(&mut *output, record).map_err(|fault| Failure::failed(fault.to_string()))?;
                Ok(output.write_all(b"\n")?)
            }
            Writer::Csv { rows, columns } => {
                let cells = columns.iter().map(|(name, kind)| cell_of(record.get(name), *kind));
                rows.write_record(cells).map_err(csv_fault)
            }
        }
    }

    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Writer::Jsonl(mut output) => Ok(output.flush()?),
            Writer::Csv { mut rows, .. } => Ok(rows.flush()?),
        }
    }
}

fn cell_of(value: Option<&Value>, kind: Cells) -> String {
    match (value, kind) {
        (None | Some(Value::Null), _) => NULL.to_owned(),
        (Some(Value::String(text)), Cells::Any) if serde_json::from_str::<Value>(text).is_ok() => {
            Value::String(text.clone()).to_string()
        }
        (Some(Value::String(text)), Cells::Text | Cells::Any) if text.starts_with('\\') => format!("\\{text}"),
        (Some(Value::String(text)), Cells::Text | Cells::Any) => text.clone(),
        (Some(other), _) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(value: Value) -> Record {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let records = [
            record(json!({"a": 1, "b": "x,\"y\"\nz", "c": null})),
            record(json!({"a": -2.5, "b": "", "c": {"deep": [1, "\\N"]}})),
            record(json!({"a": true, "b": "\\N", "c": "12"})),
            record(json!({"a": 0, "b": "\\\\", "c": "null"})),
        ];
        let kind_of = |name: &str| if name == "b" { Cells::Text } else { Cells::Any };
        for format in [Format::Jsonl, Format::Csv] {
            let mut file = Vec::new();
            let columns = ["a", "b", "c"].map(|name| (name.to_owned(), kind_of(name))).to_vec();
            let mut writer = Writer::new(format, &mut file, columns).unwrap();
            records.iter().for_each(|record| writer.write(record).unwrap());
            writer.finish().unwrap();
            let back: Vec<Record> = reader(format, &file[..], kind_of).unwrap().map(Result::unwrap).collect();
            assert_eq!(back, records, "{format:?}");
        }
    }

    #[test]
    fn faults_name_their_line() {
        let all = |format, text: &'static str| -> Result<Vec<Record>, Failure> {
            reader(format, text.as_bytes(), |_| Cells::Json).unwrap().collect()
        };
        assert!(all(Format::Jsonl, "{\"a\":1}\n\n[1]").unwrap_err().to_string().contains("line 3"));
        assert!(all(Format::Csv, "a\n1\nx").unwrap_err().to_string().contains("line 3, column a"));
        assert!(all(Format::Csv, "a,b\n1,2\n3").is_err());
    }
}
