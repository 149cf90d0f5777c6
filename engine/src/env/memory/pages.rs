//! The bytes of a file in pages, which copies share until one of them is written.
//!
//! ```text
//!   copy A   [ p0 | p1 | p2 | -- ]        --  never written: zeros that take no memory
//!              |    |    '---.
//!   copy B   [ p0 | p1 | p2' | -- ]       a copy costs a pointer per page, a write the page that it touches
//! ```
//!
//! This is what makes it cheap to keep a disk as it was at every I/O of a whole workload.
//!
//! Invariant: in the last page, what lies behind the size is zero.

use std::io;
use std::ops::Range;
use std::sync::Arc;

const PAGE_SIZE_BYTES: usize = 4096;

type Page = Arc<[u8; PAGE_SIZE_BYTES]>;

/// A growable run of bytes; cloning it is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Pages {
    pages: Vec<Option<Page>>,
    size_bytes: usize,
}

/// The parts of a range in each page: number of the page, range in it, range of the whole that it is.
fn parts(range: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>, Range<usize>)> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let within = at % PAGE_SIZE_BYTES;
        let length = (PAGE_SIZE_BYTES - within).min(range.end - at);
        let done = at - range.start;
        let part = (at / PAGE_SIZE_BYTES, within..within + length, done..done + length);
        at += length;
        (length > 0).then_some(part)
    })
}

impl Pages {
    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }

    /// Fills `buffer` from `offset`; false when the bytes end before that.
    pub(super) fn read(&self, offset: usize, buffer: &mut [u8]) -> bool {
        let Some(end) = offset.checked_add(buffer.len()).filter(|end| *end <= self.size_bytes) else { return false };
        for (page, within, part) in parts(offset..end) {
            match &self.pages[page] {
                Some(page) => buffer[part].copy_from_slice(&page[within]),
                None => buffer[part].fill(0),
            }
        }
        true
    }

    /// Writes `bytes` at `offset`, growing as needed.
    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        if end > self.size_bytes {
            self.resize(end)?;
        }
        for (page, within, part) in parts(offset..end) {
            let page = self.pages[page].get_or_insert_with(|| Arc::new([0; PAGE_SIZE_BYTES]));
            Arc::make_mut(page)[within].copy_from_slice(&bytes[part]);
        }
        Ok(())
    }

    /// Cuts off what is behind `size_bytes`, or extends with zeros; a size beyond all memory is a full disk.
    pub(super) fn resize(&mut self, size_bytes: usize) -> io::Result<()> {
        let count = size_bytes.div_ceil(PAGE_SIZE_BYTES);
        if count > self.pages.len() {
            self.pages.try_reserve(count - self.pages.len()).map_err(|_| io::ErrorKind::StorageFull)?;
        }
        self.pages.resize(count, None);
        let within = size_bytes % PAGE_SIZE_BYTES;
        if size_bytes < self.size_bytes
            && within > 0
            && let Some(Some(last)) = self.pages.last_mut()
        {
            Arc::make_mut(last)[within..].fill(0);
        }
        self.size_bytes = size_bytes;
        Ok(())
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.size_bytes];
        self.read(0, &mut bytes);
        bytes
    }
}

impl From<&[u8]> for Pages {
    fn from(bytes: &[u8]) -> Self {
        let mut pages = Pages::default();
        pages.write(0, bytes).expect("bytes that are in memory fit into memory");
        pages
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pages_are_bytes_and_copies_do_not_meet(
            steps in prop::collection::vec((0..20_000_usize, 0..9000_usize, any::<u8>(), 0..4_u8), 1..30),
        ) {
            let (mut pages, mut model) = (Pages::default(), Vec::new());
            let mut copies = Vec::new();
            for (offset, size, fill, step) in steps {
                match step {
                    0 => {
                        pages.resize(offset).unwrap();
                        model.resize(offset, 0);
                    }
                    _ => {
                        pages.write(offset, &vec![fill; size]).unwrap();
                        model.resize(model.len().max(offset + size), 0);
                        model[offset..offset + size].fill(fill);
                    }
                }
                let mut part = vec![0; size];
                prop_assert_eq!(pages.read(offset, &mut part), offset + size <= model.len());
                copies.push((pages.clone(), model.clone()));
            }
            for (pages, model) in copies {
                prop_assert_eq!(pages.size_bytes(), model.len());
                prop_assert_eq!(pages.to_vec(), model);
            }
        }
    }

    #[test]
    fn a_size_beyond_all_memory_is_a_full_disk() {
        let mut pages = Pages::default();
        assert_eq!(pages.resize(usize::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(pages.write(usize::MAX, b"ab").unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
