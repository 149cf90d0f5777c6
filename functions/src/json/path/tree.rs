//! A path as a tree.

use std::sync::Arc;

use regex::Regex;

use crate::json::value::Json;

/// A path.
#[derive(Debug, Clone)]
pub struct Path {
    /// Whether structure that is not as the path says is a failure.
    pub(super) is_strict: bool,
    pub(super) root: Node,
}

/// Arithmetic of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a method makes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Type,
    Size,
    Abs,
    Floor,
    Ceiling,
    Double,
    KeyValue,
}

/// A bound of an array or a depth: none is `last`.
pub(super) type Depth = Option<u32>;

/// A step of a path, or an operation.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Root,
    Current,
    Last,
    Literal(Json),
    Variable(String),
    Key(Box<Node>, String),
    AnyKey(Box<Node>),
    AnyElement(Box<Node>),
    /// Elements from one place to another, several times.
    Elements(Box<Node>, Vec<(Node, Option<Node>)>),
    /// Everything below, from one depth to another.
    Below(Box<Node>, Depth, Depth),
    Method(Box<Node>, Method),
    Filter(Box<Node>, Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Plus(Box<Node>),
    Minus(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Not(Box<Node>),
    IsUnknown(Box<Node>),
    Exists(Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    StartsWith(Box<Node>, Box<Node>),
    LikeRegex(Box<Node>, Pattern),
}

/// A pattern of texts.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) flags: String,
    pub(super) compiled: Arc<Regex>,
}

impl Node {
    /// Whether it is true, false or unknown, and not a sequence of values.
    pub(super) fn is_predicate(&self) -> bool {
        matches!(
            self,
            Node::And(..)
                | Node::Or(..)
                | Node::Not(_)
                | Node::IsUnknown(_)
                | Node::Exists(_)
                | Node::Compare(..)
                | Node::StartsWith(..)
                | Node::LikeRegex(..)
        )
    }
}

impl Arithmetic {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

/// The methods by their names.
pub(super) const METHODS: [(&str, Method); 7] = [
    ("type", Method::Type),
    ("size", Method::Size),
    ("abs", Method::Abs),
    ("floor", Method::Floor),
    ("ceiling", Method::Ceiling),
    ("double", Method::Double),
    ("keyvalue", Method::KeyValue),
];

impl Method {
    pub(super) fn name(self) -> &'static str {
        METHODS.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }
}
