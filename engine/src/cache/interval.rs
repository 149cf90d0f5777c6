//! Which ranges contain a key: a search tree over ranges that knows the farthest end below each node.
//!
//! ```text
//!              [d, m) max m             stab(k): left while an end there lies behind k,
//!             /            \                     here if [start, end) contains k,
//!      [a, z) max z     [h, k) max k             right only if the start is not behind k
//! ```
//!
//! A treap: ordered by range, heaped by a hash of the range, so its depth is logarithmic without rebalancing rules. Equal
//! ranges share a node. Cost of a stab: the logarithm of the number of ranges per range found.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::kv::KeyRange;

#[derive(Debug)]
struct Node {
    range: KeyRange,
    priority: u64,
    /// The farthest end in this subtree; `None` is behind every key.
    end_max: Option<Bytes>,
    owners: Vec<u64>,
    left: Tree,
    right: Tree,
}

type Tree = Option<Box<Node>>;

/// Ranges, each with the numbers of those who watch it.
#[derive(Debug)]
pub(super) struct RangeIndex {
    root: Tree,
    /// Keeps strangers from choosing ranges that make the tree deep.
    seed: u64,
    length: usize,
}

fn order(range: &KeyRange) -> (&Bytes, bool, Option<&Bytes>) {
    (&range.start, range.end.is_none(), range.end.as_ref())
}

fn farther(a: Option<Bytes>, b: &Option<Bytes>) -> Option<Bytes> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if a >= *b { a } else { b.clone() }),
        _ => None,
    }
}

impl Node {
    fn update(&mut self) {
        let mut end = self.range.end.clone();
        for below in [&self.left, &self.right].into_iter().flatten() {
            end = farther(end, &below.end_max);
        }
        self.end_max = end;
    }
}

/// Both trees as one; everything in `left` sorts before everything in `right`.
fn merge(left: Tree, right: Tree) -> Tree {
    match (left, right) {
        (None, tree) | (tree, None) => tree,
        (Some(mut left), Some(mut right)) => {
            if left.priority >= right.priority {
                left.right = merge(left.right.take(), Some(right));
                left.update();
                Some(left)
            } else {
                right.left = merge(Some(left), right.left.take());
                right.update();
                Some(right)
            }
        }
    }
}

/// The nodes before `range`, and the others.
fn split(tree: Tree, range: &KeyRange) -> (Tree, Tree) {
    let Some(mut node) = tree else { return (None, None) };
    if order(&node.range) < order(range) {
        let (before, behind) = split(node.right.take(), range);
        node.right = before;
        node.update();
        (Some(node), behind)
    } else {
        let (before, behind) = split(node.left.take(), range);
        node.left = behind;
        node.update();
        (before, Some(node))
    }
}

fn find<'t>(mut tree: &'t mut Tree, range: &KeyRange) -> Option<&'t mut Node> {
    while let Some(node) = tree {
        match order(range).cmp(&order(&node.range)) {
            std::cmp::Ordering::Equal => return Some(node),
            std::cmp::Ordering::Less => tree = &mut node.left,
            std::cmp::Ordering::Greater => tree = &mut node.right,
        }
    }
    None
}

fn remove(tree: Tree, range: &KeyRange) -> Tree {
    let mut node = tree?;
    match order(range).cmp(&order(&node.range)) {
        std::cmp::Ordering::Equal => return merge(node.left.take(), node.right.take()),
        std::cmp::Ordering::Less => node.left = remove(node.left.take(), range),
        std::cmp::Ordering::Greater => node.right = remove(node.right.take(), range),
    }
    node.update();
    Some(node)
}

fn stab(tree: &Tree, key: &[u8], found: &mut Vec<u64>) {
    let Some(node) = tree else { return };
    if node.end_max.as_ref().is_some_and(|end| key >= &end[..]) {
        return;
    }
    stab(&node.left, key, found);
    if key >= &node.range.start[..] {
        if node.range.contains(key) {
            found.extend_from_slice(&node.owners);
        }
        stab(&node.right, key, found);
    }
}

impl RangeIndex {
    pub(super) fn new(seed: u64) -> Self {
        RangeIndex { root: None, seed, length: 0 }
    }

    /// How many different ranges there are.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Makes `owner` watch `range`.
    pub(super) fn insert(&mut self, range: &KeyRange, owner: u64) {
        if let Some(node) = find(&mut self.root, range) {
            node.owners.push(owner);
            return;
        }
        let salt = range.end.as_ref().map_or(self.seed, |end| xxh3_64_with_seed(end, self.seed));
        let node = Box::new(Node {
            range: range.clone(),
            priority: xxh3_64_with_seed(&range.start, salt),
            end_max: range.end.clone(),
            owners: vec![owner],
            left: None,
            right: None,
        });
        let (before, behind) = split(self.root.take(), range);
        self.root = merge(merge(before, Some(node)), behind);
        self.length += 1;
    }

    /// Makes `owner` watch `range` no more.
    pub(super) fn remove(&mut self, range: &KeyRange, owner: u64) {
        let Some(node) = find(&mut self.root, range) else { return };
        if let Some(index) = node.owners.iter().position(|known| *known == owner) {
            node.owners.swap_remove(index);
        }
        if node.owners.is_empty() {
            self.root = remove(self.root.take(), range);
            self.length -= 1;
        }
    }

    /// Adds the watchers of every range that contains `key` to `found`.
    pub(super) fn stab(&self, key: &[u8], found: &mut Vec<u64>) {
        stab(&self.root, key, found);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = KeyRange> {
        let text = || proptest::collection::vec(0u8..4, 0..3).prop_map(Bytes::from);
        (text(), proptest::option::of(text())).prop_map(|(start, end)| KeyRange { start, end })
    }

    proptest! {
        #[test]
        fn finds_what_a_walk_over_all_ranges_finds(
            steps in proptest::collection::vec((any::<bool>(), range(), 0u64..4), 1..60),
            keys in proptest::collection::vec(proptest::collection::vec(0u8..4, 0..4), 1..10),
        ) {
            let mut index = RangeIndex::new(1);
            let mut all: Vec<(KeyRange, u64)> = Vec::new();
            for (adds, range, owner) in steps {
                let present = all.iter().position(|known| *known == (range.clone(), owner));
                match (adds, present) {
                    (true, None) => {
                        index.insert(&range, owner);
                        all.push((range, owner));
                    }
                    (false, present) => {
                        index.remove(&range, owner);
                        present.map(|at| all.swap_remove(at));
                    }
                    (true, Some(_)) => {}
                }
                let distinct: std::collections::HashSet<_> = all.iter().map(|(range, _)| range).collect();
                prop_assert_eq!(index.len(), distinct.len());
                for key in &keys {
                    let mut found = Vec::new();
                    index.stab(key, &mut found);
                    let mut expected: Vec<u64> =
                        all.iter().filter(|(range, _)| range.contains(key)).map(|(_, owner)| *owner).collect();
                    found.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(found, expected);
                }
            }
        }
    }
}
