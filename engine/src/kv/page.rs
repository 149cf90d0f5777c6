//! Entries copied out of a level of the keyspace together, one behind the other.
//!
//! ```text
//!   bytes    key value key value key ...           one allocation for many small entries
//!   entries  (4, copied 9) (4, removed) (5, shared) ...
//! ```
//!
//! Whoever keeps an entry keeps the bytes of its neighbours, [`PAGE_SIZE_BYTES`] at most and one entry more; values that are
//! large and shared already are not copied.

use bytes::{Buf, Bytes};

use super::memtable::Change;

/// A page ends behind the entry with which it reaches this size.
pub(crate) const PAGE_SIZE_BYTES: usize = 16 * 1024;
/// Up to this size a copy of a value costs less than a share in it.
const COPIED_VALUE_SIZE_BYTES: usize = 512;

#[derive(Debug)]
enum Value {
    Removed,
    Copied(usize),
    Shared(Bytes),
}

#[derive(Debug)]
struct Entry {
    key_length: usize,
    value: Value,
}

impl Entry {
    fn copied_size_bytes(&self) -> usize {
        match self.value {
            Value::Copied(length) => self.key_length + length,
            _ => self.key_length,
        }
    }
}

/// A page that is being filled.
#[derive(Debug)]
pub(crate) struct PageWriter {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    length_max: usize,
}

impl PageWriter {
    /// A page for `length_max` entries, at least one.
    pub(crate) fn new(length_max: usize) -> Self {
        PageWriter { bytes: Vec::new(), entries: Vec::new(), length_max }
    }

    /// Whether the page takes no more.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.length_max || self.bytes.len() >= PAGE_SIZE_BYTES
    }

    /// Adds an entry whose value is copied.
    pub(crate) fn copy(&mut self, key: &[u8], value: &[u8]) {
        self.push(key, Value::Copied(value.len()));
        self.bytes.extend_from_slice(value);
    }

    /// Adds an entry; `None` says that the key was removed.
    pub(crate) fn share(&mut self, key: &[u8], value: Option<&Bytes>) {
        match value {
            None => self.push(key, Value::Removed),
            Some(value) if value.len() <= COPIED_VALUE_SIZE_BYTES => self.copy(key, value),
            Some(value) => self.push(key, Value::Shared(value.clone())),
        }
    }

    fn push(&mut self, key: &[u8], value: Value) {
        let entry = Entry { key_length: key.len(), value };
        if self.entries.is_empty() {
            // Neighbours are of about the same size.
            let size_bytes = entry.copied_size_bytes();
            self.bytes.reserve((size_bytes * self.length_max).min(PAGE_SIZE_BYTES).max(size_bytes));
            self.entries.reserve(self.length_max);
        }
        self.bytes.extend_from_slice(key);
        self.entries.push(entry);
    }

    /// The page, to be read.
    pub(crate) fn finish(self) -> Page {
        Page { bytes: self.bytes.into(), entries: self.entries.into_iter() }
    }
}

/// The entries of a page that are left.
#[derive(Debug, Default)]
pub(crate) struct Page {
    bytes: Bytes,
    entries: std::vec::IntoIter<Entry>,
}

impl Page {
    /// The key that comes next.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        self.entries.as_slice().first().map(|entry| &self.bytes[..entry.key_length])
    }

    /// The value that comes next: `None` behind the last entry, `Some(None)` for a key that was removed.
    pub(crate) fn value(&self) -> Option<Option<&[u8]>> {
        let entry = self.entries.as_slice().first()?;
        Some(match &entry.value {
            Value::Removed => None,
            Value::Copied(length) => Some(&self.bytes[entry.key_length..entry.key_length + length]),
            Value::Shared(value) => Some(value),
        })
    }

    /// Passes over the next entry.
    pub(crate) fn pass(&mut self) {
        if let Some(entry) = self.entries.next() {
            self.bytes.advance(entry.copied_size_bytes());
        }
    }
}

impl Iterator for Page {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        let Entry { key_length, value } = self.entries.next()?;
        let key = self.bytes.split_to(key_length);
        let value = match value {
            Value::Removed => None,
            // The last entry takes over what the page holds of the bytes.
            Value::Copied(_) if self.entries.len() == 0 => Some(std::mem::take(&mut self.bytes)),
            Value::Copied(length) => Some(self.bytes.split_to(length)),
            Value::Shared(value) => Some(value),
        };
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_out_as_they_went_in_taken_or_looked_at() {
        let large = Bytes::from(vec![7; COPIED_VALUE_SIZE_BYTES + 1]);
        let small = Bytes::from("small");
        let entries: Vec<(&[u8], Option<Bytes>)> =
            vec![(b"a", Some(small)), (b"", None), (b"key", Some(large)), (b"b", Some(Bytes::new())), (b"z", None)];
        let page = || {
            let mut page = PageWriter::new(9);
            entries.iter().for_each(|(key, value)| page.share(key, value.as_ref()));
            page.copy(b"last", b"value");
            page.finish()
        };
        let mut expected: Vec<Change> =
            entries.iter().map(|(key, value)| (Bytes::copy_from_slice(key), value.clone())).collect();
        expected.push((Bytes::from("last"), Some(Bytes::from("value"))));
        assert_eq!(page().collect::<Vec<_>>(), expected);
        for first_taken in 0..expected.len() {
            let mut page = page();
            for (index, (key, value)) in expected.iter().enumerate() {
                assert_eq!(page.key(), Some(&key[..]));
                assert_eq!(page.value(), Some(value.as_deref()));
                match index < first_taken {
                    true => page.pass(),
                    false => assert_eq!(page.next().as_ref(), Some(&expected[index])),
                }
            }
            assert_eq!((page.key(), page.value()), (None, None));
            assert_eq!(page.next(), None);
        }
    }

    #[test]
    fn a_page_is_full_by_number_or_by_size() {
        let mut page = PageWriter::new(2);
        page.copy(b"k", b"v");
        assert!(!page.is_full());
        page.copy(b"l", b"v");
        assert!(page.is_full());
        let mut page = PageWriter::new(2);
        page.copy(b"k", &[0; PAGE_SIZE_BYTES]);
        assert!(page.is_full());
    }
}
