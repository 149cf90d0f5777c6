//! Text to statements, within limits.
//!
//! ```text
//!   text --size, nesting--> tokens --sqlparser, PostgreSQL's dialect--> statements
//! ```
//!
//! - Nesting is counted over the tokens before the parser sees them: text that would need a deep stack is refused, by its
//!   depth, with `54001`.
//! - What the parser takes beyond PostgreSQL's grammar is for whoever reads the tree to refuse.

mod dialect;
mod statement;

pub use statement::Statement;

use marquetry_functions::{Condition, SqlError};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::{Parser, ParserError, ParserOptions};
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::error::Result;
use crate::limits::{SQL_NESTING_MAX, SQL_SIZE_BYTES_MAX};

/// What the parser counts against its own recursion; well above what [`SQL_NESTING_MAX`] lets through.
const PARSER_RECURSION_MAX: usize = 64 * SQL_NESTING_MAX;

/// The statements of `sql`; none for empty text.
///
/// # Errors
/// `42601` for what is no SQL, `54001` for what nests too deeply, `54000` for too much text.
pub(crate) fn parse(sql: &str) -> Result<Vec<Statement>> {
    if sql.len() > SQL_SIZE_BYTES_MAX {
        let message = format!("a statement of {} bytes is over the limit of {SQL_SIZE_BYTES_MAX}", sql.len());
        return Err(SqlError::new(Condition::ProgramLimitExceeded, message).into());
    }
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| syntax_error(error.message, None))?;
    check_nesting(&tokens)?;
    let mut statements = Vec::new();
    for part in tokens.split(|token| token.token == Token::SemiColon) {
        if part.iter().all(|token| matches!(token.token, Token::Whitespace(_) | Token::EOF)) {
            continue;
        }
        statements.push(parse_one(sql, part)?);
    }
    Ok(statements)
}

/// The expression `text`, as the catalogue keeps it.
pub(crate) fn parse_expression(text: &str) -> Result<sqlparser::ast::Expr> {
    let parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(PARSER_RECURSION_MAX);
    let parsed = parser.try_with_sql(text).and_then(|mut parser| parser.parse_expr());
    parsed.map_err(|error| syntax_error(error.to_string(), None))
}

fn parse_one(sql: &str, tokens: &[TokenWithSpan]) -> Result<Statement> {
    let options = ParserOptions { trailing_commas: false, ..ParserOptions::default() };
    let mut parser = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(PARSER_RECURSION_MAX)
        .with_options(options)
        .with_tokens_with_locations(dialect::as_parsed(tokens));
    let tree = parser.parse_statement().map_err(|error| from_parser(error, sql, parser.peek_token_ref()))?;
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        return Err(syntax_error_at(sql, &rest).into());
    }
    Ok(Statement::new(text_of(sql, tokens), tree))
}

/// The text of the tokens, without the blanks around them.
fn text_of(sql: &str, tokens: &[TokenWithSpan]) -> String {
    let inked = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_) | Token::EOF);
    let first = tokens.iter().find(inked).map_or(0, |token| offset(sql, token.span.start));
    let last = tokens.iter().rev().find(inked).map_or(sql.len(), |token| offset(sql, token.span.end));
    sql.get(first..last).unwrap_or(sql).to_owned()
}

/// The byte at a line and column, both from 1 on and counted in characters.
fn offset(sql: &str, place: sqlparser::tokenizer::Location) -> usize {
    let mut lines = sql.split_inclusive('\n');
    let before: usize =
        lines.by_ref().take(usize::try_from(place.line.saturating_sub(1)).unwrap_or(0)).map(str::len).sum();
    let line = sql.get(before..).unwrap_or_default();
    let column = usize::try_from(place.column.saturating_sub(1)).unwrap_or(0);
    before + line.char_indices().nth(column).map_or(line.len(), |(index, _)| index)
}

fn check_nesting(tokens: &[TokenWithSpan]) -> Result<()> {
    let (mut depth, mut cases, mut run) = (0_usize, 0_usize, 0_usize);
    for token in tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("case") => cases += 1,
            Token::Word(word) if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("end") => {
                cases = cases.saturating_sub(1);
            }
            _ => {}
        }
        // Prefix operators nest without any bracket.
        run = match &token.token {
            Token::Minus | Token::Plus | Token::Tilde | Token::ExclamationMark => run + 1,
            Token::Word(word) if word.value.eq_ignore_ascii_case("not") => run + 1,
            Token::Whitespace(_) => run,
            _ => 0,
        };
        if depth + cases > SQL_NESTING_MAX || run > SQL_NESTING_MAX {
            let message = format!("the statement nests deeper than {SQL_NESTING_MAX} levels");
            let error = SqlError::new(Condition::StatementTooComplex, message).hint("Split it, or use fewer brackets.");
            return Err(error.into());
        }
    }
    Ok(())
}

fn from_parser(error: ParserError, sql: &str, next: &TokenWithSpan) -> crate::error::Error {
    match error {
        ParserError::RecursionLimitExceeded => {
            SqlError::new(Condition::StatementTooComplex, "the statement nests too deeply").into()
        }
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => {
            let place = Some(sql[..offset(sql, next.span.start).min(sql.len())].chars().count() + 1);
            syntax_error(message, place)
        }
    }
}

fn syntax_error(message: String, position: Option<usize>) -> crate::error::Error {
    SqlError::new(Condition::SyntaxError, format!("syntax error: {message}")).at(position).into()
}

fn syntax_error_at(sql: &str, token: &TokenWithSpan) -> SqlError {
    let position = sql[..offset(sql, token.span.start).min(sql.len())].chars().count() + 1;
    SqlError::new(Condition::SyntaxError, format!("syntax error at or near \"{}\"", token.token)).at(Some(position))
}
