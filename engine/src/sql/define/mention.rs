//! Columns in the texts of expressions: whether one is mentioned, and under another name.
//!
//! A text is looked at as a run of words and signs: a word is a column when it is spelled like it and is neither called like a
//! function nor the name of a type behind `::`.

use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::sql::catalog::quoted;

fn tokens(text: &str) -> Vec<Token> {
    Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().unwrap_or_default()
}

/// Whether the token at `index` is the column `column`.
fn is_column(tokens: &[Token], index: usize, column: &str) -> bool {
    let Token::Word(word) = &tokens[index] else { return false };
    let name = if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() };
    let solid = |token: &&Token| !matches!(token, Token::Whitespace(_));
    let before = tokens[..index].iter().rev().find(solid);
    let behind = tokens[index + 1..].iter().find(solid);
    name == column && !matches!(before, Some(Token::DoubleColon)) && !matches!(behind, Some(Token::LParen))
}

/// Whether `text` mentions `column`.
pub(super) fn mentions(text: &str, column: &str) -> bool {
    let tokens = tokens(text);
    (0..tokens.len()).any(|index| is_column(&tokens, index, column))
}

/// `text` with the column `from` called `to`.
pub(super) fn renamed(text: &str, from: &str, to: &str) -> String {
    let tokens = tokens(text);
    let mut out = String::new();
    for (index, token) in tokens.iter().enumerate() {
        match is_column(&tokens, index, from) {
            true => out.push_str(&quoted(to)),
            false => out.push_str(&token.to_string()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_and_functions_are_not() {
        let text = "lower(name) <> 'name' AND \"Name\" IS NULL AND x::name > name (1)";
        assert!(mentions(text, "name") && mentions(text, "Name") && mentions(text, "x"));
        assert!(!mentions(text, "lower") && !mentions("x::name", "name") && !mentions("'name'", "name"));
        assert_eq!(renamed("lower(a) || 'a' || A", "a", "b C"), "lower(\"b C\") || 'a' || \"b C\"");
    }
}
