//! Rows as text: aligned columns under their names, or one column below the other for wide rows.

use std::fmt::Write;

/// A column's name, and whether its values stand at the right as numbers do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) name: String,
    pub(crate) is_right: bool,
}

/// Rows of texts; NULL is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) headings: Vec<Heading>,
    pub(crate) rows: Vec<Vec<Option<String>>>,
}

/// The columns that a character takes: none for what combines, two for what is wide in the scripts of East Asia.
fn width_of(character: char) -> usize {
    match u32::from(character) {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0x1F300..=0x1F64F
        | 0x1F900..=0x1F9FF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

/// `text` without what would move the cursor, and the lines that it has.
fn lines(text: &str) -> Vec<String> {
    let clean = |line: &str| {
        let shown = line.chars().map(|c| match c {
            '\t' => "        ".to_owned(),
            c if c.is_control() => c.escape_unicode().to_string(),
            c => c.to_string(),
        });
        shown.collect()
    };
    text.split('\n').map(clean).collect()
}

impl Table {
    /// The rows under their names, with a line of their count.
    pub(crate) fn aligned(&self) -> String {
        let cell = |value: &Option<String>| lines(value.as_deref().unwrap_or_default());
        let rows: Vec<Vec<Vec<String>>> = self.rows.iter().map(|row| row.iter().map(cell).collect()).collect();
        let mut widths: Vec<usize> = self.headings.iter().map(|heading| width(&heading.name)).collect();
        for (column, cell) in rows.iter().flat_map(|row| row.iter().enumerate()) {
            let widest = cell.iter().map(|line| width(line)).max().unwrap_or_default();
            if let Some(width) = widths.get_mut(column) {
                *width = widest.max(*width);
            }
        }
        let mut text = String::new();
        let names = self.headings.iter().zip(&widths).map(|(heading, width_max)| centred(&heading.name, *width_max));
        push_line(&mut text, &names.collect::<Vec<_>>().join("|"));
        push_line(&mut text, &widths.iter().map(|width| "-".repeat(width + 2)).collect::<Vec<_>>().join("+"));
        for row in &rows {
            let height = row.iter().map(Vec::len).max().unwrap_or(1);
            for line in 0..height {
                push_line(&mut text, &self.line(row, line, &widths));
            }
        }
        let count = self.rows.len();
        let _ = writeln!(text, "({count} row{})", if count == 1 { "" } else { "s" });
        text
    }

    fn line(&self, row: &[Vec<String>], line: usize, widths: &[usize]) -> String {
        let cells = row.iter().zip(&self.headings).zip(widths).map(|((cell, heading), width_max)| {
            let shown = cell.get(line).map_or("", String::as_str);
            let padding = " ".repeat(width_max - width(shown));
            // A plus says that the value goes on in the next line.
            let end = if line + 1 < cell.len() { '+' } else { ' ' };
            if heading.is_right { format!(" {padding}{shown}{end}") } else { format!(" {shown}{padding}{end}") }
        });
        cells.collect::<Vec<_>>().join("|")
    }

    /// Each row as a block of lines, one for each column.
    pub(crate) fn expanded(&self) -> String {
        let names = self.headings.iter().map(|heading| width(&heading.name)).max().unwrap_or_default();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let title = format!("-[ RECORD {} ]", number + 1);
            let _ = writeln!(text, "{title:-<length$}", length = names.max(title.len()) + 3);
            for (heading, value) in self.headings.iter().zip(row) {
                let padding = " ".repeat(names - width(&heading.name));
                let shown = lines(value.as_deref().unwrap_or_default()).join(&format!("\n{} | ", " ".repeat(names)));
                push_line(&mut text, &format!("{}{padding} | {shown}", heading.name));
            }
        }
        if self.rows.is_empty() {
            text.push_str("(0 rows)\n");
        }
        text
    }
}

fn centred(text: &str, width_max: usize) -> String {
    let room = width_max - width(text);
    format!(" {}{text}{} ", " ".repeat(room / 2), " ".repeat(room - room / 2))
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let heading = |name: &str, is_right| Heading { name: name.into(), is_right };
        let text = |text: &str| Some(text.to_owned());
        Table {
            headings: vec![heading("id", true), heading("word", false)],
            rows: vec![vec![text("7"), text("two\nlines")], vec![text("100"), None], vec![text("1"), text("日本")]],
        }
    }

    #[test]
    fn columns_stand_under_their_names() {
        let wanted = " id  | word\n-----+-------\n   7 | two  +\n     | lines\n 100 |\n   1 | 日本\n(3 rows)\n";
        assert_eq!(table().aligned(), wanted);
    }

    #[test]
    fn wide_rows_are_blocks() {
        let shown = table().expanded();
        assert!(shown.starts_with("-[ RECORD 1 ]---\nid   | 7\nword | two\n     | lines\n-[ RECORD 2 ]"), "{shown}");
    }
}
