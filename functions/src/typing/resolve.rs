//! Which of several functions or operators of one name is meant: PostgreSQL's rules.
//!
//! In order: the one whose arguments are exactly these; of those that the arguments may be passed to, those that match most
//! arguments exactly; those that want preferred types; those that want texts where a bare string stands; and at last those
//! that take a bare string for what the other arguments are.

use std::sync::Arc;

use super::Typing;
use crate::registry::{Function, Pattern};
use crate::sql_type::SqlType;

/// What was found.
#[derive(Debug)]
pub(super) enum Choice {
    /// This one.
    One(Arc<Function>),
    /// None takes such arguments.
    None,
    /// Several do.
    Several,
}

impl Function {
    /// What the argument at `index` is to be, of `count` in all; a variadic function's last pattern repeats.
    pub(super) fn pattern_at(&self, index: usize) -> &Pattern {
        &self.arguments[index.min(self.arguments.len() - 1)]
    }

    pub(super) fn takes(&self, count: usize) -> bool {
        if !self.variadic {
            return self.arguments.len() == count;
        }
        let fixed = self.arguments.len() - 1;
        count > fixed || (count == fixed && self.arguments.last() == Some(&Pattern::Any))
    }
}

fn is_exactly(pattern: &Pattern, actual: &SqlType) -> bool {
    matches!(pattern, Pattern::Exact(wanted) if wanted.is_same(actual))
}

fn category(pattern: &Pattern) -> char {
    match pattern {
        Pattern::Exact(sql_type) => sql_type.category(),
        _ => 'P',
    }
}

fn is_preferred(pattern: &Pattern) -> bool {
    matches!(pattern, Pattern::Exact(sql_type) if sql_type.is_preferred())
}

impl Typing {
    /// The operator that is meant: a bare string beside a value is first taken for a value of the same type.
    pub(super) fn choose_operator(&self, name: &str, types: &[SqlType]) -> Choice {
        let mut assumed = types.to_vec();
        if let [left, right] = &mut assumed[..] {
            if *left == SqlType::Unknown {
                *left = right.clone();
            } else if *right == SqlType::Unknown {
                *right = left.clone();
            }
        }
        let candidates = self.registry.lookup(name);
        if assumed.iter().all(|sql_type| *sql_type != SqlType::Unknown)
            && let Some(found) = exact(candidates, &assumed)
        {
            return Choice::One(found.clone());
        }
        self.choose_among(candidates, types)
    }

    /// The function that is meant.
    pub(super) fn choose_function(&self, name: &str, types: &[SqlType]) -> Choice {
        let candidates = self.registry.lookup(name);
        if let Some(found) = exact(candidates, types) {
            return Choice::One(found.clone());
        }
        self.choose_among(candidates, types)
    }

    fn choose_among(&self, candidates: &[Arc<Function>], types: &[SqlType]) -> Choice {
        let fits = |function: &&Arc<Function>| {
            function.takes(types.len())
                && types.iter().enumerate().all(|(index, actual)| self.may_pass(actual, function.pattern_at(index)))
                && self.is_consistent(function, types)
        };
        let mut found: Vec<&Arc<Function>> = candidates.iter().filter(fits).collect();
        // One that names its arguments goes before one that takes any number of them.
        if found.iter().any(|function| !function.variadic) {
            found.retain(|function| !function.variadic);
        }
        if found.len() > 1 {
            keep_best(&mut found, |function| {
                count(types, |index, actual| is_exactly(function.pattern_at(index), actual))
            });
        }
        if found.len() > 1 {
            keep_best(&mut found, |function| {
                count(types, |index, actual| {
                    let pattern = function.pattern_at(index);
                    is_exactly(pattern, actual) || (is_preferred(pattern) && category(pattern) == actual.category())
                })
            });
        }
        if found.len() > 1 && types.contains(&SqlType::Unknown) {
            guess_by_category(&mut found, types);
        }
        if found.len() > 1 && types.contains(&SqlType::Unknown) {
            self.guess_by_others(&mut found, types);
        }
        match found[..] {
            [] => Choice::None,
            [only] => Choice::One(only.clone()),
            _ => Choice::Several,
        }
    }

    /// A bare string is taken for what the other arguments are, if they are all the same.
    fn guess_by_others(&self, found: &mut Vec<&Arc<Function>>, types: &[SqlType]) {
        let mut known = types.iter().filter(|actual| **actual != SqlType::Unknown);
        let Some(first) = known.next() else { return };
        if !known.all(|other| other.is_same(first)) {
            return;
        }
        let assumed = vec![first.clone(); types.len()];
        let takes = |function: &Function| {
            (0..types.len()).all(|index| self.may_pass(first, function.pattern_at(index)))
                && self.is_consistent(function, &assumed)
        };
        let taking: Vec<&Arc<Function>> = found.iter().copied().filter(|function| takes(function)).collect();
        if taking.len() == 1 {
            *found = taking;
        }
    }

    /// Whether the arguments of one placeholder are of one type.
    fn is_consistent(&self, function: &Function, types: &[SqlType]) -> bool {
        self.placeholders(function, types).is_some()
    }
}

fn exact<'f>(candidates: &'f [Arc<Function>], types: &[SqlType]) -> Option<&'f Arc<Function>> {
    candidates.iter().find(|function| {
        !function.variadic
            && function.arguments.len() == types.len()
            && function.arguments.iter().zip(types).all(|(pattern, actual)| is_exactly(pattern, actual))
    })
}

fn count(types: &[SqlType], matches: impl Fn(usize, &SqlType) -> bool) -> usize {
    types.iter().enumerate().filter(|(index, actual)| **actual != SqlType::Unknown && matches(*index, actual)).count()
}

fn keep_best(found: &mut Vec<&Arc<Function>>, score: impl Fn(&Function) -> usize) {
    let best = found.iter().map(|function| score(function)).max().unwrap_or(0);
    found.retain(|function| score(function) == best);
}

/// Where a bare string stands, texts are meant if some function wants them, else the one category that all want.
fn guess_by_category(found: &mut Vec<&Arc<Function>>, types: &[SqlType]) {
    let mut wanted = vec![None; types.len()];
    for (index, _) in types.iter().enumerate().filter(|(_, actual)| **actual == SqlType::Unknown) {
        let categories: Vec<char> = found.iter().map(|function| category(function.pattern_at(index))).collect();
        let Some(first) = categories.first() else { return };
        let meant = if categories.contains(&'S') {
            'S'
        } else if categories.iter().all(|other| other == first) {
            *first
        } else {
            return;
        };
        let has_preferred = found.iter().any(|function| {
            let pattern = function.pattern_at(index);
            category(pattern) == meant && is_preferred(pattern)
        });
        wanted[index] = Some((meant, has_preferred));
    }
    let kept: Vec<&Arc<Function>> = found
        .iter()
        .copied()
        .filter(|function| {
            wanted.iter().enumerate().all(|(index, wanted)| {
                let pattern = function.pattern_at(index);
                wanted.is_none_or(|(meant, has_preferred)| {
                    category(pattern) == meant && (!has_preferred || is_preferred(pattern))
                })
            })
        })
        .collect();
    if !kept.is_empty() {
        *found = kept;
    }
}
