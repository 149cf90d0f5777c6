//! Paths as texts, read.
//!
//! One descent by precedence: or, and, not, comparison, sum, product, sign, steps.

use std::sync::Arc;

use regex::RegexBuilder;

use super::token::{Token, syntax, tokens};
use super::tree::{Arithmetic, Comparison, Depth, METHODS, Node, Path, Pattern};
use crate::condition::{Condition, SqlError, SqlResult};
use crate::json::read::{plain_number, too_deep};
use crate::json::value::Json;

/// How deeply parts of a path may be inside one another.
const DEPTH_MAX: usize = 100;
/// Steps and operators that may follow one another, each around those before it.
const STEPS_MAX: usize = 500;
/// Words that a path may have.
const TOKENS_MAX: usize = 10_000;

/// Reads a path.
pub fn parse_path(text: &str) -> SqlResult<Path> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        let message = format!("invalid input syntax for type jsonpath: \"{text}\"");
        return Err(SqlError::new(Condition::InvalidTextRepresentation, message));
    }
    if tokens.len() > TOKENS_MAX {
        return Err(too_deep());
    }
    let mut parser = Parser { tokens, at: 0, depth: 0, steps: 0, filters: 0, subscripts: 0 };
    let is_strict = parser.take_word("strict");
    if !is_strict {
        parser.take_word("lax");
    }
    let root = parser.disjunction()?;
    if parser.at < parser.tokens.len() {
        return Err(parser.unexpected());
    }
    Ok(Path { is_strict, root })
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// How long the tree has become in one line.
    steps: usize,
    filters: usize,
    subscripts: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Symbol(found)) if *found == symbol);
        self.at += usize::from(is_next);
        is_next
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_next = matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, symbol: &str) -> SqlResult<()> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> SqlError {
        match self.peek() {
            None => syntax(None),
            Some(Token::Symbol(symbol)) => syntax(Some(symbol)),
            Some(Token::Word(text) | Token::Text(text) | Token::Number(text)) => syntax(Some(text)),
            Some(Token::Variable(name)) => syntax(Some(&format!("${name}"))),
        }
    }

    /// Runs `part` one level further in.
    fn nested(&mut self, part: impl FnOnce(&mut Self) -> SqlResult<Node>) -> SqlResult<Node> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let found = part(self);
        self.depth -= 1;
        found
    }

    /// Counts a part that makes the tree deeper without nesting.
    fn step(&mut self) -> SqlResult<()> {
        self.steps += 1;
        if self.steps > STEPS_MAX { Err(too_deep()) } else { Ok(()) }
    }

    fn predicate(&self, node: Node) -> SqlResult<Box<Node>> {
        if node.is_predicate() { Ok(Box::new(node)) } else { Err(self.unexpected()) }
    }

    fn value(&self, node: Node) -> SqlResult<Box<Node>> {
        if node.is_predicate() { Err(self.unexpected()) } else { Ok(Box::new(node)) }
    }

    fn disjunction(&mut self) -> SqlResult<Node> {
        let mut left = self.conjunction()?;
        while self.take("||") {
            self.step()?;
            let right = self.conjunction()?;
            left = Node::Or(self.predicate(left)?, self.predicate(right)?);
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> SqlResult<Node> {
        let mut left = self.comparison()?;
        while self.take("&&") {
            self.step()?;
            let right = self.comparison()?;
            left = Node::And(self.predicate(left)?, self.predicate(right)?);
        }
        Ok(left)
    }

    fn comparison(&mut self) -> SqlResult<Node> {
        if self.take("!") {
            let inner = self.nested(Parser::comparison)?;
            return Ok(Node::Not(self.predicate(inner)?));
        }
        let left = self.sum()?;
        let comparison = match self.peek() {
            Some(Token::Symbol("==" | "=")) => Comparison::Equal,
            Some(Token::Symbol("!=" | "<>")) => Comparison::NotEqual,
            Some(Token::Symbol("<")) => Comparison::Less,
            Some(Token::Symbol("<=")) => Comparison::LessOrEqual,
            Some(Token::Symbol(">")) => Comparison::Greater,
            Some(Token::Symbol(">=")) => Comparison::GreaterOrEqual,
            Some(Token::Word(_)) => return self.worded(left),
            _ => return Ok(left),
        };
        self.at += 1;
        let right = self.sum()?;
        Ok(Node::Compare(comparison, self.value(left)?, self.value(right)?))
    }

    /// `starts with`, `like_regex` or `is unknown` behind a value or a predicate.
    fn worded(&mut self, left: Node) -> SqlResult<Node> {
        if self.take_word("starts") {
            if !self.take_word("with") {
                return Err(self.unexpected());
            }
            let initial = match self.peek().cloned() {
                Some(Token::Text(text)) => Node::Literal(Json::String(text)),
                Some(Token::Variable(name)) => Node::Variable(name),
                _ => return Err(self.unexpected()),
            };
            self.at += 1;
            return Ok(Node::StartsWith(self.value(left)?, Box::new(initial)));
        }
        if self.take_word("like_regex") {
            let pattern = self.text()?;
            let flags = if self.take_word("flag") { self.text()? } else { String::new() };
            return Ok(Node::LikeRegex(self.value(left)?, compiled(pattern, flags)?));
        }
        if self.take_word("is") && self.take_word("unknown") {
            return Ok(Node::IsUnknown(self.predicate(left)?));
        }
        Err(self.unexpected())
    }

    fn text(&mut self) -> SqlResult<String> {
        let Some(Token::Text(text)) = self.peek().cloned() else { return Err(self.unexpected()) };
        self.at += 1;
        Ok(text)
    }

    fn sum(&mut self) -> SqlResult<Node> {
        let mut left = self.product()?;
        loop {
            let operation = if self.take("+") {
                Arithmetic::Add
            } else if self.take("-") {
                Arithmetic::Subtract
            } else {
                return Ok(left);
            };
            self.step()?;
            let right = self.product()?;
            left = Node::Arithmetic(operation, self.value(left)?, self.value(right)?);
        }
    }

    fn product(&mut self) -> SqlResult<Node> {
        let mut left = self.signed()?;
        loop {
            let operation = if self.take("*") {
                Arithmetic::Multiply
            } else if self.take("/") {
                Arithmetic::Divide
            } else if self.take("%") {
                Arithmetic::Modulo
            } else {
                return Ok(left);
            };
            self.step()?;
            let right = self.signed()?;
            left = Node::Arithmetic(operation, self.value(left)?, self.value(right)?);
        }
    }

    fn signed(&mut self) -> SqlResult<Node> {
        if self.take("+") {
            let inner = self.nested(Parser::signed)?;
            return Ok(Node::Plus(self.value(inner)?));
        }
        if self.take("-") {
            let inner = self.nested(Parser::signed)?;
            // The negative of a number is a number.
            return Ok(match inner {
                Node::Literal(Json::Number(digits)) if !digits.starts_with('-') => {
                    Node::Literal(Json::Number(format!("-{digits}")))
                }
                inner => Node::Minus(self.value(inner)?),
            });
        }
        self.steps_of()
    }

    /// A value with the steps behind it.
    fn steps_of(&mut self) -> SqlResult<Node> {
        let mut node = self.primary()?;
        loop {
            if self.take(".") {
                node = self.accessor(node)?;
            } else if self.take("[") {
                node = self.subscript(node)?;
            } else if self.take("?") {
                self.expect("(")?;
                self.filters += 1;
                let inner = self.nested(Parser::disjunction)?;
                self.filters -= 1;
                let predicate = self.predicate(inner)?;
                self.expect(")")?;
                node = Node::Filter(Box::new(node), predicate);
            } else {
                return Ok(node);
            }
            self.step()?;
        }
    }

    fn primary(&mut self) -> SqlResult<Node> {
        let token = self.peek().cloned();
        let node = match token {
            Some(Token::Symbol("$")) => Node::Root,
            Some(Token::Symbol("@")) if self.filters > 0 => Node::Current,
            Some(Token::Symbol("@")) => {
                return Err(SqlError::new(Condition::SyntaxError, "@ is not allowed in root expressions"));
            }
            Some(Token::Symbol("(")) => {
                self.at += 1;
                let inner = self.nested(Parser::disjunction)?;
                self.expect(")")?;
                return Ok(inner);
            }
            Some(Token::Text(text)) => Node::Literal(Json::String(text)),
            Some(Token::Number(digits)) => Node::Literal(Json::Number(number(&digits)?)),
            Some(Token::Variable(name)) => Node::Variable(name),
            Some(Token::Word(word)) => return self.word(&word),
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(node)
    }

    fn word(&mut self, word: &str) -> SqlResult<Node> {
        let node = match word.to_ascii_lowercase().as_str() {
            "null" => Node::Literal(Json::Null),
            "true" => Node::Literal(Json::Bool(true)),
            "false" => Node::Literal(Json::Bool(false)),
            "last" if self.subscripts > 0 => Node::Last,
            "last" => {
                return Err(SqlError::new(Condition::SyntaxError, "LAST is allowed only in array subscripts"));
            }
            "exists" => {
                self.at += 1;
                self.expect("(")?;
                let inner = self.nested(Parser::disjunction)?;
                self.expect(")")?;
                return Ok(Node::Exists(self.value(inner)?));
            }
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(node)
    }

    /// What stands behind a point.
    fn accessor(&mut self, node: Node) -> SqlResult<Node> {
        if self.take("**") {
            return self.below(node);
        }
        if self.take("*") {
            return Ok(Node::AnyKey(Box::new(node)));
        }
        let name = match self.peek().cloned() {
            Some(Token::Text(text)) => text,
            Some(Token::Word(word)) => {
                let method = METHODS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
                let is_called = matches!(self.tokens.get(self.at + 1), Some(Token::Symbol("(")));
                if is_called {
                    let Some((_, method)) = method else {
                        return Err(SqlError::unsupported(format!("the jsonpath method .{word}()")));
                    };
                    self.at += 2;
                    self.expect(")")?;
                    return Ok(Node::Method(Box::new(node), *method));
                }
                word
            }
            _ => return Err(self.unexpected()),
        };
        self.at += 1;
        Ok(Node::Key(Box::new(node), name))
    }

    fn below(&mut self, node: Node) -> SqlResult<Node> {
        if !self.take("{") {
            return Ok(Node::Below(Box::new(node), Some(0), None));
        }
        let first = self.depth_bound()?;
        let last = if self.take_word("to") { self.depth_bound()? } else { first };
        self.expect("}")?;
        Ok(Node::Below(Box::new(node), first, last))
    }

    fn depth_bound(&mut self) -> SqlResult<Depth> {
        if self.take_word("last") {
            return Ok(None);
        }
        let Some(Token::Number(digits)) = self.peek() else { return Err(self.unexpected()) };
        let depth = digits.parse().map_err(|_| self.unexpected())?;
        self.at += 1;
        Ok(Some(depth))
    }

    fn subscript(&mut self, node: Node) -> SqlResult<Node> {
        if self.take("*") {
            self.expect("]")?;
            return Ok(Node::AnyElement(Box::new(node)));
        }
        self.subscripts += 1;
        let mut places = Vec::new();
        loop {
            let first = self.nested(Parser::sum)?;
            let last = if self.take_word("to") { Some(self.nested(Parser::sum)?) } else { None };
            places.push((first, last));
            if !self.take(",") {
                break;
            }
        }
        self.subscripts -= 1;
        self.expect("]")?;
        Ok(Node::Elements(Box::new(node), places))
    }
}

fn number(digits: &str) -> SqlResult<String> {
    let digits = if digits.starts_with('.') { format!("0{digits}") } else { digits.to_owned() };
    plain_number(&digits)
}

/// A pattern with its flags, as XQuery has them.
fn compiled(text: String, flags: String) -> SqlResult<Pattern> {
    let invalid =
        |what: &str, detail: String| SqlError::new(Condition::InvalidRegularExpression, what.to_owned()).detail(detail);
    if let Some(unknown) = flags.chars().find(|flag| !"ismxq".contains(*flag)) {
        let error = SqlError::new(Condition::SyntaxError, "invalid input syntax for type jsonpath");
        return Err(error.detail(format!("Unrecognized flag character \"{unknown}\" in LIKE_REGEX predicate.")));
    }
    if flags.contains('x') && !flags.contains('q') {
        return Err(SqlError::unsupported("XQuery \"x\" flag (expanded regular expressions)"));
    }
    let pattern = if flags.contains('q') { regex::escape(&text) } else { text.clone() };
    let compiled = RegexBuilder::new(&pattern)
        .case_insensitive(flags.contains('i'))
        .dot_matches_new_line(flags.contains('s'))
        .multi_line(flags.contains('m'))
        .build()
        .map_err(|error| invalid("invalid regular expression", error.to_string()))?;
    Ok(Pattern { text, flags, compiled: Arc::new(compiled) })
}
