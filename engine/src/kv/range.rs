//! Half-open ranges of keys: the only form of range below the models.

use bytes::Bytes;

/// Which end of a range a scan starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Ascending keys.
    #[default]
    Forward,
    /// Descending keys.
    Backward,
}

/// The keys from `start` up to and without `end`; without an end, up to the last key there is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct KeyRange {
    /// The first key inside.
    pub start: Bytes,
    /// The first key behind the range.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// The keys from `start` up to and without `end`.
    pub fn new(start: impl Into<Bytes>, end: Option<impl Into<Bytes>>) -> Self {
        KeyRange { start: start.into(), end: end.map(Into::into) }
    }

    /// Every key.
    pub fn all() -> Self {
        KeyRange { start: Bytes::new(), end: None }
    }

    /// The keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        let end = prefix_end(&start).map(Bytes::from);
        KeyRange { start, end }
    }

    /// Whether no key can be inside.
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }

    /// Whether `key` is inside.
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= &self.start[..] && self.end.as_ref().is_none_or(|end| key < &end[..])
    }
}

/// The first key behind all keys that begin with `prefix`; `None` when there is none (only 0xFF bytes).
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// The first key behind `key`.
pub fn key_after(key: &[u8]) -> Vec<u8> {
    let mut after = Vec::with_capacity(key.len() + 1);
    after.extend_from_slice(key);
    after.push(0);
    after
}
