//! Where statements end in text that grows line by line.
//!
//! A semicolon ends one, unless it stands in a string, a quoted name, a comment or between dollar quotes; a backslash at
//! the start of a line, outside of any statement, is a command of the shell.

/// Text that may not be a whole statement yet.
#[derive(Default)]
pub(super) struct Reader {
    text: String,
}

/// What a line completed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Statement(String),
    Command(String),
}

impl Reader {
    /// What `line` completes.
    pub(super) fn take(&mut self, line: &str) -> Vec<Entry> {
        if self.is_empty() && line.trim_start().starts_with('\\') {
            return vec![Entry::Command(line.trim().to_owned())];
        }
        self.text.push_str(line);
        self.text.push('\n');
        let mut entries = Vec::new();
        while let Some(end) = statement_end(&self.text) {
            let statement = self.text[..end].trim().to_owned();
            self.text.drain(..end);
            if statement != ";" {
                entries.push(Entry::Statement(statement));
            }
        }
        if self.text.trim().is_empty() {
            self.text.clear();
        }
        entries
    }

    /// What is left when nothing more comes, if it says anything.
    pub(super) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.text);
        let said = rest.trim();
        (!said.is_empty()).then(|| said.to_owned())
    }

    /// Whether no statement has begun.
    pub(super) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
    }
}

/// Where the first statement in `text` ends, after its semicolon.
fn statement_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        at += match bytes[at] {
            b';' => return Some(at + 1),
            b'\'' => quoted(rest, '\'', is_escaping(&text[..at]))?,
            b'"' => quoted(rest, '"', false)?,
            b'-' if rest.starts_with("--") => rest.find('\n')?,
            b'/' if rest.starts_with("/*") => comment(rest)?,
            b'$' if !follows_a_word(&text[..at]) => match dollar_quote(rest) {
                Some(tag) => tag.len() + rest[tag.len()..].find(tag)? + tag.len(),
                None => 1,
            },
            _ => rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    None
}

/// Bytes of the quoted text that `rest` begins with. A quote that is doubled looks like two texts, which does no harm.
fn quoted(rest: &str, quote: char, is_escaping: bool) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Some(at + 1);
        }
        if character == '\\' && is_escaping {
            characters.next();
        }
    }
    None
}

/// Whether a string after `before` is one with backslashes: `E'...'`.
fn is_escaping(before: &str) -> bool {
    let mut last = before.chars().rev();
    matches!(last.next(), Some('e' | 'E')) && !last.next().is_some_and(is_of_word)
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

fn follows_a_word(before: &str) -> bool {
    before.chars().next_back().is_some_and(is_of_word)
}

/// Bytes of the comment that `rest` begins with; comments nest.
fn comment(rest: &str) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += 1;
        }
    }
    None
}

/// The `$tag$` that `rest` begins with.
fn dollar_quote(rest: &str) -> Option<&str> {
    let end = rest[1..].find('$')? + 1;
    let tag = &rest[1..end];
    let is_tag = tag.chars().all(|c| c.is_alphanumeric() || c == '_') && !tag.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then(|| &rest[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str) -> (Vec<String>, Option<String>) {
        let mut reader = Reader::default();
        let entries = text.lines().flat_map(|line| reader.take(line)).collect::<Vec<_>>();
        let found = entries.into_iter().map(|entry| match entry {
            Entry::Statement(text) => text,
            Entry::Command(text) => format!("command {text}"),
        });
        (found.collect(), reader.rest())
    }

    #[test]
    fn statements_end_at_semicolons_that_mean_it() {
        for (text, wanted) in [
            ("SELECT 1; SELECT 2;", vec!["SELECT 1;", "SELECT 2;"]),
            ("SELECT\n1\n;", vec!["SELECT\n1\n;"]),
            ("SELECT ';', \";\", 'it''s;';", vec!["SELECT ';', \";\", 'it''s;';"]),
            ("SELECT E'\\';';", vec!["SELECT E'\\';';"]),
            ("SELECT 'a\\'; SELECT 2;", vec!["SELECT 'a\\';", "SELECT 2;"]),
            ("SELECT 1 -- ; no\n;", vec!["SELECT 1 -- ; no\n;"]),
            ("SELECT /* ; /* ; */ ; */ 1;", vec!["SELECT /* ; /* ; */ ; */ 1;"]),
            ("SELECT $$;$$, $a$ ; $$ $a$;", vec!["SELECT $$;$$, $a$ ; $$ $a$;"]),
            ("SELECT $1, a$b;", vec!["SELECT $1, a$b;"]),
            (";;SELECT 'ä';", vec!["SELECT 'ä';"]),
            ("\\d t\nSELECT 1;", vec!["command \\d t", "SELECT 1;"]),
        ] {
            assert_eq!(statements(text).0, wanted, "{text}");
            assert_eq!(statements(text).1, None, "{text}");
        }
    }

    #[test]
    fn what_is_not_ended_is_the_rest() {
        for text in ["SELECT 1", "SELECT ';", "SELECT \";", "SELECT /* ;", "SELECT $x$;", "SELECT 1 -- ;"] {
            assert_eq!(statements(text), (vec![], Some(text.to_owned())), "{text}");
        }
    }
}
