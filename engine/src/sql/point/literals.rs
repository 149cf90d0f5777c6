//! Statements with their constants written into them, as ones with parameters.
//!
//! ```text
//!   SELECT a FROM t WHERE id = 7      ->      SELECT a FROM t WHERE id = $1      7
//! ```
//!
//! So that what was compiled for one value serves the next one. Whether the two mean the same is for the caller to find out:
//! only a statement that compiles to the point path, and whose constants can be read as what the parameters are, is taken so.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Longest statement that is looked at, in bytes.
const SIZE_BYTES_MAX: usize = 2_048;

/// A statement's text without its constants, and those.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literals {
    pub(crate) text: String,
    pub(crate) values: Vec<Constant>,
}

/// A constant as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Constant {
    pub(crate) text: String,
    /// Whether it is written as a number, which has a type of its own.
    pub(crate) is_number: bool,
}

/// `sql` with parameters in place of its constants; `None` when it has none or is not a statement of that kind.
pub(crate) fn parameterized(sql: &str) -> Option<Literals> {
    if sql.len() > SIZE_BYTES_MAX {
        return None;
    }
    let first = sql.trim_start().get(..6)?;
    if !["select", "update", "delete", "insert"].iter().any(|word| first.eq_ignore_ascii_case(word)) {
        return None;
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize().ok()?;
    let (mut text, mut values) = (String::with_capacity(sql.len()), Vec::new());
    let mut is_negative = false;
    let last_ink = tokens.iter().rposition(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon))?;
    for (position, token) in tokens[..=last_ink].iter().enumerate() {
        match token {
            Token::Number(digits, false) => {
                let text_of = if std::mem::take(&mut is_negative) { format!("-{digits}") } else { digits.clone() };
                values.push(Constant { text: text_of, is_number: true });
                text.push_str(&format!("${}", values.len()));
            }
            Token::SingleQuotedString(value) => {
                values.push(Constant { text: value.clone(), is_number: false });
                text.push_str(&format!("${}", values.len()));
            }
            // A sign belongs to its number unless something is subtracted.
            Token::Minus
                if is_sign(&tokens[..position]) && matches!(tokens.get(position + 1), Some(Token::Number(..))) =>
            {
                is_negative = true;
            }
            Token::Whitespace(_) => text.push(' '),
            // Someone else's parameters, and several statements, are left alone.
            Token::Placeholder(_) | Token::SemiColon => return None,
            other => text.push_str(&other.to_string()),
        }
    }
    (!values.is_empty()).then_some(Literals { text, values })
}

/// Whether a minus behind `before` is a sign.
fn is_sign(before: &[Token]) -> bool {
    let last = before.iter().rev().find(|token| !matches!(token, Token::Whitespace(_)));
    matches!(
        last,
        Some(
            Token::Eq
                | Token::Lt
                | Token::Gt
                | Token::LtEq
                | Token::GtEq
                | Token::Neq
                | Token::Plus
                | Token::Minus
                | Token::Mul
                | Token::Div
                | Token::Comma
                | Token::LParen
        )
    )
}
