//! What PostgreSQL writes in a way that the parser does not know, as the parser writes it.
//!
//! ```text
//!   COPY .. WITH (FREEZE ON)          COPY .. WITH (FREEZE TRUE)
//!   VACUUM (ANALYZE) t, VACUUM FULL   VACUUM        space is reclaimed by itself, whatever the options
//! ```

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// `tokens` of one statement, as the parser knows them.
pub(super) fn as_parsed(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut tokens = tokens.to_vec();
    let first = tokens.iter().find(|token| !matches!(token.token, Token::Whitespace(_)));
    match first.and_then(keyword) {
        Some(Keyword::COPY) => spell_out_switches(&mut tokens),
        Some(Keyword::VACUUM) => {
            tokens.retain(|token| keyword(token) == Some(Keyword::VACUUM) || matches!(token.token, Token::EOF));
        }
        _ => {}
    }
    tokens
}

fn keyword(token: &TokenWithSpan) -> Option<Keyword> {
    match &token.token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.keyword),
        _ => None,
    }
}

/// Makes ON and OFF behind the options of COPY that are switches TRUE and FALSE.
fn spell_out_switches(tokens: &mut [TokenWithSpan]) {
    let mut is_switch = false;
    for token in tokens {
        if matches!(token.token, Token::Whitespace(_)) {
            continue;
        }
        if is_switch && let Token::Word(word) = &token.token {
            match word.value.to_lowercase().as_str() {
                "on" => token.token = Token::make_keyword("TRUE"),
                "off" => token.token = Token::make_keyword("FALSE"),
                _ => {}
            }
        }
        is_switch = matches!(keyword(token), Some(Keyword::FREEZE | Keyword::HEADER));
    }
}
