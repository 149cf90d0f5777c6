//! Paths as PostgreSQL shows them.

use std::fmt;

use super::tree::{Depth, Node, Path};
use crate::json::value::Json;
use crate::json::write::push_string;

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if self.is_strict {
            out.push_str("strict ");
        }
        push(&mut out, &self.root, true);
        f.write_str(&out)
    }
}

/// How tightly an operation binds.
fn priority(node: &Node) -> u8 {
    match node {
        Node::Or(..) => 0,
        Node::And(..) => 1,
        Node::Compare(..) | Node::StartsWith(..) => 2,
        Node::Arithmetic(super::tree::Arithmetic::Add | super::tree::Arithmetic::Subtract, ..) => 3,
        Node::Arithmetic(..) => 4,
        Node::Plus(_) | Node::Minus(_) => 5,
        _ => 6,
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::new();
    push_string(&mut out, text);
    out
}

/// Appends an operand, in parentheses where it binds no tighter than the operation.
fn push_operand(out: &mut String, operand: &Node, operation: &Node) {
    push(out, operand, priority(operand) <= priority(operation));
}

fn push_binary(out: &mut String, node: &Node, left: &Node, symbol: &str, right: &Node, in_parentheses: bool) {
    out.push_str(if in_parentheses { "(" } else { "" });
    push_operand(out, left, node);
    out.push_str(&format!(" {symbol} "));
    push_operand(out, right, node);
    out.push_str(if in_parentheses { ")" } else { "" });
}

/// Appends what a step is applied to.
fn push_base(out: &mut String, base: &Node) {
    match base {
        Node::Literal(Json::Number(digits)) => out.push_str(&format!("({digits})")),
        base => push(out, base, true),
    }
}

fn depth_text(depth: Depth) -> String {
    depth.map_or_else(|| "last".to_owned(), |depth| depth.to_string())
}

fn push(out: &mut String, node: &Node, in_parentheses: bool) {
    match node {
        Node::Root => out.push('$'),
        Node::Current => out.push('@'),
        Node::Last => out.push_str("last"),
        Node::Literal(value) => out.push_str(&value.text()),
        Node::Variable(name) => out.push_str(&format!("${}", quoted(name))),
        Node::Arithmetic(operation, left, right) => {
            push_binary(out, node, left, operation.symbol(), right, in_parentheses);
        }
        Node::And(left, right) => push_binary(out, node, left, "&&", right, in_parentheses),
        Node::Or(left, right) => push_binary(out, node, left, "||", right, in_parentheses),
        Node::Compare(comparison, left, right) => {
            push_binary(out, node, left, comparison.symbol(), right, in_parentheses);
        }
        Node::StartsWith(left, right) => push_binary(out, node, left, "starts with", right, in_parentheses),
        Node::Plus(operand) | Node::Minus(operand) => {
            out.push_str(if in_parentheses { "(" } else { "" });
            out.push(if matches!(node, Node::Plus(_)) { '+' } else { '-' });
            push_operand(out, operand, node);
            out.push_str(if in_parentheses { ")" } else { "" });
        }
        Node::Not(inner) => {
            out.push_str("!(");
            push(out, inner, false);
            out.push(')');
        }
        Node::IsUnknown(inner) => {
            out.push('(');
            push(out, inner, false);
            out.push_str(") is unknown");
        }
        Node::Exists(inner) => {
            out.push_str("exists (");
            push(out, inner, false);
            out.push(')');
        }
        Node::LikeRegex(operand, pattern) => {
            out.push_str(if in_parentheses { "(" } else { "" });
            push_operand(out, operand, node);
            out.push_str(&format!(" like_regex {}", quoted(&pattern.text)));
            if !pattern.flags.is_empty() {
                out.push_str(&format!(" flag {}", quoted(&pattern.flags)));
            }
            out.push_str(if in_parentheses { ")" } else { "" });
        }
        step => push_step(out, step),
    }
}

fn push_step(out: &mut String, node: &Node) {
    match node {
        Node::Key(base, name) => {
            push_base(out, base);
            out.push_str(&format!(".{}", quoted(name)));
        }
        Node::AnyKey(base) => {
            push_base(out, base);
            out.push_str(".*");
        }
        Node::AnyElement(base) => {
            push_base(out, base);
            out.push_str("[*]");
        }
        Node::Elements(base, places) => {
            push_base(out, base);
            out.push('[');
            for (index, (first, last)) in places.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { "," });
                push(out, first, false);
                if let Some(last) = last {
                    out.push_str(" to ");
                    push(out, last, false);
                }
            }
            out.push(']');
        }
        Node::Below(base, first, last) => {
            push_base(out, base);
            out.push_str(&match (first, last) {
                (Some(0), None) => ".**".to_owned(),
                (first, last) if first == last => format!(".**{{{}}}", depth_text(*first)),
                (first, last) => format!(".**{{{} to {}}}", depth_text(*first), depth_text(*last)),
            });
        }
        Node::Method(base, method) => {
            push_base(out, base);
            out.push_str(&format!(".{}()", method.name()));
        }
        Node::Filter(base, predicate) => {
            push_base(out, base);
            out.push_str("?(");
            push(out, predicate, false);
            out.push(')');
        }
        _ => {}
    }
}
