//! Reads JSON from strangers: what is dangerous or ambiguous is refused before the real parser sees it.
//!
//! ```text
//!   bytes --> UTF-8? --> one pass: depth, duplicate keys --> serde_json --> typed request
//!              no: 400    no recursion: 10^6 levels: 400      unknown field, wrong type: 400
//! ```
//!
//! The pass keeps one frame per open array or object on the heap, never on the stack. It does not judge the grammar:
//! whatever it lets through by mistake, serde_json refuses. serde_json itself would keep the last of two equal keys
//! silently, and two readers of one document could then disagree about it.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::error::{Outcome, Problem};

/// The value of the JSON text `bytes`, in which nothing nests deeper than `depth_max` and no object repeats a key.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8], depth_max: usize) -> Outcome<T> {
    let text = std::str::from_utf8(bytes).map_err(|fault| {
        Problem::invalid(format!("the body is not UTF-8: byte {} does not fit", fault.valid_up_to()))
    })?;
    scan(text, depth_max)?;
    serde_json::from_str(text).map_err(|fault| Problem::invalid(format!("in the JSON body: {fault}")))
}

/// One open array (no keys) or object (the keys seen so far, and whether a string is a key next).
enum Frame<'text> {
    Array,
    Object { keys: HashSet<Cow<'text, str>>, key_next: bool },
}

fn scan(text: &str, depth_max: usize) -> Outcome<()> {
    let bytes = text.as_bytes();
    let mut open: Vec<Frame<'_>> = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'{' => open.push(Frame::Object { keys: HashSet::new(), key_next: true }),
            b'[' => open.push(Frame::Array),
            b'}' | b']' => drop(open.pop()),
            b':' | b',' => {
                if let Some(Frame::Object { key_next, .. }) = open.last_mut() {
                    *key_next = byte == b',';
                }
            }
            b'"' => {
                let end = string_end(bytes, at);
                note_key(&mut open, &text[at..end])?;
                at = end;
                continue;
            }
            _ => {}
        }
        if open.len() > depth_max {
            return Err(Problem::invalid(format!(
                "the JSON body nests deeper than {depth_max} levels at byte {at}; flatten it"
            )));
        }
        at += 1;
    }
    Ok(())
}

/// The index after the closing quote of the string that opens at `start`, or the end of the text.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            // The byte after a backslash never ends the string. It may be the first of several: only ASCII is special
            // here, so a continuation byte is passed over one by one.
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn note_key<'text>(open: &mut [Frame<'text>], quoted: &'text str) -> Outcome<()> {
    let Some(Frame::Object { keys, key_next: true }) = open.last_mut() else { return Ok(()) };
    // Equal keys may be spelt differently with escapes; a string that does not decode is left to serde_json.
    let key = match quoted.contains('\\') {
        true => serde_json::from_str::<String>(quoted).map(Cow::Owned).unwrap_or(Cow::Borrowed(quoted)),
        false => Cow::Borrowed(quoted.trim_matches('"')),
    };
    match keys.insert(key) {
        true => Ok(()),
        false => Err(Problem::invalid(format!("the JSON body repeats the key {}; name it once", shortened(quoted)))),
    }
}

fn shortened(quoted: &str) -> String {
    match quoted.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &quoted[..end]),
        None => quoted.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn verdict(text: &str) -> bool {
        parse::<Value>(text.as_bytes(), 64).is_ok()
    }

    #[test]
    fn a_million_levels_are_refused_without_a_deep_stack() {
        std::thread::Builder::new()
            .stack_size(128 * 1024)
            .spawn(|| {
                for deep in ["[", "{\"a\":", "[{\"a\":["] {
                    assert!(!verdict(&deep.repeat(1_000_000)));
                }
                assert!(verdict(&format!("{}1{}", "[".repeat(64), "]".repeat(64))));
                assert!(!verdict(&format!("{}1{}", "[".repeat(65), "]".repeat(65))));
            })
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn a_key_may_stand_once_in_an_object_however_it_is_spelt() {
        assert!(!verdict(r#"{"a":1,"a":2}"#));
        assert!(!verdict(r#"{"a":1,"\u0061":2}"#));
        assert!(!verdict(r#"[{"b":{"x":1,"y":[{"k":1,"k":1}]}}]"#));
        assert!(verdict(r#"{"a":"a","b":["a","a"],"c":{"a":1}}"#));
        assert!(verdict(r#"{"a\"":1,"a":{},"":3}"#));
        assert!(verdict(r#"[{"a":1},{"a":1}]"#));
    }

    #[test]
    fn broken_text_is_refused_and_never_panics() {
        for broken in ["", "{", "\"", "\"\\", "{\"a", "{\"a\\", "}", "]]]", "{\"é\\é\":1", "nul", "{\"a\":1}}"] {
            assert!(!verdict(broken), "{broken}");
        }
        assert!(parse::<Value>(b"\"\xff\"", 64).is_err());
        assert!(parse::<Value>(b"\"\\ud800\"", 64).is_err());
        assert!(parse::<u8>(b"300", 64).is_err());
    }
}
