//! Shows what matched: the best fragments of a text, with the matching words marked.
//!
//! ```text
//!   text --analyzer--> words with their places --matched against the query's--> places of matches
//!   windows of about `length` characters around them --those with the most different words first--> marked, escaped
//! ```
//!
//! The text is the source's at the reader's version, taken apart by the field's analyzer: what is marked is what
//! the index matched.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::analyzer::{self, Word};
use super::compile::Marked;
use super::definition::FieldType;
use super::request::HighlightRequest;
use super::schema::{IndexSchema, IndexedField};
use crate::error::{Error, Result};

/// What matched in `document`, by field.
pub(super) fn highlights(
    schema: &IndexSchema,
    request: &HighlightRequest,
    marked: &BTreeMap<String, Vec<Marked>>,
    document: &Value,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut out = BTreeMap::new();
    for name in fields(schema, request, marked)? {
        let (Some(field), Some(marked)) = (schema.fields.get(name), marked.get(name)) else { continue };
        let mut fragments: Vec<(usize, String)> = Vec::new();
        for text in field.texts(document) {
            let matches = matches(field, marked, &text);
            for (window, words) in windows(&text, &matches, request.length) {
                fragments.push((words, shown(&text, window, &matches, request)));
            }
        }
        // The sort is stable: equally good ones stay in the order of the text.
        fragments.sort_by_key(|(words, _)| std::cmp::Reverse(*words));
        fragments.truncate(request.fragments);
        if !fragments.is_empty() {
            out.insert(name.to_owned(), fragments.into_iter().map(|(_, fragment)| fragment).collect());
        }
    }
    Ok(out)
}

fn fields<'a>(
    schema: &IndexSchema,
    request: &'a HighlightRequest,
    marked: &'a BTreeMap<String, Vec<Marked>>,
) -> Result<Vec<&'a str>> {
    for name in &request.fields {
        match schema.fields.get(name).map(|field| field.field_type) {
            Some(FieldType::Text | FieldType::Keyword) => {}
            Some(other) => return Err(Error::invalid(format!("field {name:?} is {other}; there is no text to show"))),
            None => return Err(Error::invalid(format!("there is no field {name:?} to show"))),
        }
    }
    Ok(match request.fields.is_empty() {
        true => marked.keys().map(String::as_str).collect(),
        false => request.fields.iter().map(String::as_str).collect(),
    })
}

fn matches(field: &IndexedField, marked: &[Marked], text: &str) -> Vec<Word> {
    let words = match field.field_type {
        FieldType::Text => analyzer::words(field.language, text),
        _ => vec![Word { term: text.to_owned(), position: 0, start: 0, end: text.len() }],
    };
    let exact: BTreeSet<&str> = marked.iter().filter_map(Marked::exact).collect();
    let others: Vec<&Marked> = marked.iter().filter(|marked| marked.exact().is_none()).collect();
    let is_match =
        |word: &Word| exact.contains(word.term.as_str()) || others.iter().any(|marked| marked.matches(&word.term));
    words.into_iter().filter(is_match).collect()
}

impl Marked {
    fn exact(&self) -> Option<&str> {
        match self {
            Marked::Word(word) => Some(word),
            _ => None,
        }
    }

    fn matches(&self, term: &str) -> bool {
        match self {
            Marked::Word(word) => word == term,
            Marked::Prefix(prefix) => term.starts_with(prefix.as_str()),
            Marked::Nearly(word, distance) => differs_by_at_most(word, term, usize::from(*distance)),
        }
    }
}

/// Whether `a` becomes `b` by at most `most` letters changed, added, left out or swapped with the next.
fn differs_by_at_most(a: &str, b: &str, most: usize) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most {
        return false;
    }
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before_last[j - 2] + 1);
            }
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()] <= most
}

/// Parts of the text that hold matches, apart from each other, each with how many different words match in it.
fn windows(text: &str, matches: &[Word], length: usize) -> Vec<(Range<usize>, usize)> {
    let mut out: Vec<(Range<usize>, usize)> = Vec::new();
    let mut rest = matches;
    while let Some(first) = rest.first() {
        let count = rest.iter().take_while(|word| word.end <= first.start.saturating_add(length)).count().max(1);
        let (inside, behind) = rest.split_at(count);
        let end = inside.last().map_or(first.end, |last| last.end);
        let spare = length.saturating_sub(end - first.start) / 2;
        let floor = out.last().map_or(0, |(window, _)| window.end);
        let ceiling = behind.first().map_or(text.len(), |next| next.start);
        let start = at_word(text, first.start.saturating_sub(spare).max(floor), first.start);
        let end = before_word(text, end.saturating_add(spare).min(ceiling), end);
        let words = inside.iter().map(|word| &word.term).collect::<BTreeSet<_>>().len();
        out.push((start..end, words));
        rest = behind;
    }
    out
}

/// The beginning of the first whole word from `from` on, at most `latest`.
fn at_word(text: &str, from: usize, latest: usize) -> usize {
    if from == 0 {
        return 0;
    }
    let from = (from..latest).find(|place| text.is_char_boundary(*place)).unwrap_or(latest);
    let space = text[from..latest].char_indices().find(|(_, c)| c.is_whitespace());
    space.map_or(from, |(place, c)| from + place + c.len_utf8())
}

/// The end of the last whole word up to `to`, at least `earliest`.
fn before_word(text: &str, to: usize, earliest: usize) -> usize {
    if to >= text.len() {
        return text.len();
    }
    let to = (earliest..=to).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(earliest);
    text[earliest..to].rfind(char::is_whitespace).map_or(to, |place| earliest + place)
}

fn shown(text: &str, window: Range<usize>, matches: &[Word], request: &HighlightRequest) -> String {
    let mut out = String::new();
    let mut done = window.start;
    let inside = matches.iter().filter(|word| word.start >= window.start && word.end <= window.end);
    for word in inside {
        push(&mut out, &text[done..word.start], request.escape);
        out.push_str(&request.before);
        push(&mut out, &text[word.start..word.end], request.escape);
        out.push_str(&request.after);
        done = word.end;
    }
    push(&mut out, &text[done..window.end], request.escape);
    out
}

fn push(out: &mut String, text: &str, escape: bool) {
    if !escape {
        out.push_str(text);
        return;
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_changes_and_swaps() {
        for (a, b, most, expected) in [
            ("shoe", "shoe", 0, true),
            ("shoe", "sheo", 1, true),
            ("shoe", "sho", 1, true),
            ("shoe", "shirt", 2, false),
            ("grün", "grun", 1, true),
            ("", "ab", 2, true),
            ("", "abc", 2, false),
        ] {
            assert_eq!(differs_by_at_most(a, b, most), expected, "{a} {b}");
        }
    }

    #[test]
    fn windows_are_whole_words_apart() {
        let text = "Ünder the tree ".repeat(20) + "a fox sat; " + &"nöbody saw ".repeat(30) + "the fox";
        let words: Vec<Word> = analyzer::words(None, &text).into_iter().filter(|word| word.term == "fox").collect();
        assert_eq!(words.len(), 2);
        let windows = windows(&text, &words, 40);
        assert_eq!(windows.len(), 2);
        for (window, count) in windows {
            let shown = &text[window.clone()];
            assert!(shown.contains("fox") && shown.len() <= 60 && count == 1, "{shown:?}");
        }
    }
}
