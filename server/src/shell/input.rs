//! Lines from a person: edited, remembered, completed.

use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{Config, Context, Editor, Helper};

use crate::failure::Failure;

/// Lines that are remembered.
const HISTORY_LINES: usize = 2_000;

const KEYWORDS: &str = "ALTER AND AS ASC BEGIN BETWEEN BY CASE CHECK COMMIT CONFLICT CONSTRAINT COPY COUNT CREATE DEFAULT \
    DELETE DESC DISTINCT DROP ELSE END EXISTS EXPLAIN FALSE FOREIGN FROM FULL GROUP HAVING IN INDEX INNER INSERT INTO IS \
    JOIN KEY LEFT LIKE LIMIT NOT NULL OFFSET ON OR ORDER OUTER PRIMARY REFERENCES RETURNING RIGHT ROLLBACK SAVEPOINT \
    SELECT SEQUENCE SET SHOW TABLE THEN TRUE TRUNCATE UNION UNIQUE UPDATE USING VALUES VIEW WHEN WHERE WITH";

/// What a person gave.
pub(super) enum Line {
    Text(String),
    /// Control-C: what was typed so far is not meant.
    Dropped,
    /// Control-D.
    End,
}

/// The line editor.
pub(super) struct Input {
    editor: Editor<Words, FileHistory>,
    history: Option<PathBuf>,
}

/// The words that completion knows.
#[derive(Default)]
struct Words {
    names: Vec<String>,
}

impl Input {
    pub(super) fn new() -> Result<Self, Failure> {
        let config = Config::builder().max_history_size(HISTORY_LINES).map_err(failed)?.auto_add_history(false).build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Words::default()));
        let history = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".marquetry_history"));
        if let Some(path) = &history {
            // There is none before the first time.
            let _ = editor.load_history(path);
        }
        Ok(Input { editor, history })
    }

    /// The names that completion offers beside the keywords.
    pub(super) fn know(&mut self, names: Vec<String>) {
        if let Some(words) = self.editor.helper_mut() {
            words.names = names;
        }
    }

    pub(super) fn line(&mut self, prompt: &str) -> Result<Line, Failure> {
        match self.editor.readline(prompt) {
            Ok(text) => Ok(Line::Text(text)),
            Err(ReadlineError::Interrupted) => Ok(Line::Dropped),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(failed(error)),
        }
    }

    pub(super) fn remember(&mut self, entry: &str) {
        // A history that cannot be kept is no reason to stop.
        let _ = self.editor.add_history_entry(entry);
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}

fn failed(error: ReadlineError) -> Failure {
    Failure::failed(format!("cannot read from the terminal: {error}"))
}

impl Completer for Words {
    type Candidate = Pair;

    fn complete(&self, line: &str, position: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..position];
        let start = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        Ok((start, self.candidates(&before[start..])))
    }
}

impl Words {
    /// The words that begin as `begun`; keywords in the case that it has.
    fn candidates(&self, begun: &str) -> Vec<Pair> {
        if begun.is_empty() {
            return Vec::new();
        }
        let is_lower = begun.chars().any(char::is_lowercase);
        let (lower, upper) = (begun.to_lowercase(), begun.to_uppercase());
        let names = self.names.iter().filter(|name| name.to_lowercase().starts_with(&lower)).cloned();
        let keywords = KEYWORDS.split_whitespace().filter(|word| word.starts_with(&upper));
        let keywords = keywords.map(|word| if is_lower { word.to_lowercase() } else { word.to_owned() });
        names.chain(keywords).map(|word| Pair { display: word.clone(), replacement: word }).collect()
    }
}

impl Hinter for Words {
    type Hint = String;
}

impl Highlighter for Words {}
impl Validator for Words {}
impl Helper for Words {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_completed_in_the_case_that_was_begun() {
        let words = Words { names: vec!["selection".into(), "orders".into()] };
        let found = |begun: &str| words.candidates(begun).into_iter().map(|pair| pair.replacement).collect::<Vec<_>>();
        assert_eq!(found("sel"), ["selection", "select"]);
        assert_eq!(found("SEL"), ["selection", "SELECT"]);
        assert_eq!(found("orders"), ["orders"]);
        assert!(found("").is_empty());
    }
}
