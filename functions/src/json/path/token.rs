//! The words of a path.

use crate::condition::{Condition, SqlError, SqlResult};

/// A word of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// Punctuation and operators.
    Symbol(&'static str),
    /// A name without quotation marks.
    Word(String),
    /// Between quotation marks.
    Text(String),
    /// Digits.
    Number(String),
    /// `$name`.
    Variable(String),
}

const SYMBOLS: [&str; 30] = [
    "**", "&&", "||", "==", "!=", "<>", "<=", ">=", "=", "<", ">", "!", "?", "(", ")", "[", "]", "{", "}", ",", ".",
    "*", "/", "%", "+", "-", "$", "@", ":", "#",
];

pub(super) fn syntax(near: Option<&str>) -> SqlError {
    let message = match near {
        Some(near) => format!("syntax error at or near \"{near}\" of jsonpath input"),
        None => "syntax error at end of jsonpath input".to_owned(),
    };
    SqlError::new(Condition::SyntaxError, message)
}

fn ends_word(character: char) -> bool {
    character.is_ascii_whitespace() || "?%.[]{}()|&!=<>@#,*:-+/\"\\$".contains(character)
}

/// The words of a path in their order.
pub(super) fn tokens(text: &str) -> SqlResult<Vec<Token>> {
    let mut found = Vec::new();
    let mut rest = text;
    if text.contains('\0') {
        return Err(syntax(Some("\\0")));
    }
    loop {
        rest = rest.trim_start();
        let Some(first) = rest.chars().next() else { return Ok(found) };
        if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").ok_or_else(|| syntax(None))?;
            rest = &comment[end + 2..];
            continue;
        }
        let is_fraction = first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit());
        let follows_value = matches!(found.last(), Some(Token::Word(_) | Token::Text(_) | Token::Variable(_)))
            || matches!(found.last(), Some(Token::Symbol(")" | "]" | "$" | "@" | "*" | "}")));
        if first.is_ascii_digit() || (is_fraction && !follows_value) {
            let length = number_length(rest);
            found.push(Token::Number(rest[..length].to_owned()));
            rest = &rest[length..];
        } else if first == '"' {
            let (word, behind) = quoted(rest)?;
            found.push(Token::Text(word));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix('$')
            && behind.starts_with(|next: char| next == '"' || !ends_word(next))
        {
            let (name, behind) = if behind.starts_with('"') { quoted(behind)? } else { plain_word(behind)? };
            found.push(Token::Variable(name));
            rest = behind;
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            found.push(Token::Symbol(symbol));
            rest = &rest[symbol.len()..];
        } else {
            let (word, behind) = plain_word(rest)?;
            found.push(Token::Word(word));
            rest = behind;
        }
    }
}

fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(0);
    if text[length..].starts_with('.') && text[length + 1..].starts_with(|next: char| next.is_ascii_digit()) {
        length += 1 + digits(length + 1);
    }
    if text[length..].starts_with(['e', 'E']) {
        let sign = usize::from(text[length + 1..].starts_with(['+', '-']));
        let count = digits(length + 1 + sign);
        if count > 0 {
            length += 1 + sign + count;
        }
    }
    length
}

fn plain_word(text: &str) -> SqlResult<(String, &str)> {
    if let Some(escaped) = text.strip_prefix('\\') {
        let mut characters = escaped.chars();
        let first = characters.next().ok_or_else(|| syntax(None))?;
        let (rest, behind) = plain_word(characters.as_str()).unwrap_or((String::new(), characters.as_str()));
        return Ok((format!("{first}{rest}"), behind));
    }
    let length = text.find(ends_word).unwrap_or(text.len());
    if length == 0 {
        return Err(syntax(text.chars().next().map(String::from).as_deref()));
    }
    Ok((text[..length].to_owned(), &text[length..]))
}

/// The text between quotation marks, and what is behind them.
fn quoted(text: &str) -> SqlResult<(String, &str)> {
    let length = crate::json::read::string_end(text).ok_or_else(|| syntax(None))?;
    let inside = &text[1..length - 1];
    // Escapes that JSON does not have.
    let inside = inside.replace("\\v", "\\u000b").replace("\\'", "'");
    Ok((crate::json::read::unescape(&inside, true)?, &text[length..]))
}
