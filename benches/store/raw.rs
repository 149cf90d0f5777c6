//! The least that durability costs: bytes written to a file, and the file synced.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Safety, WriteStore, Writer};
use crate::Outcome;

const ZEROED_SIZE_BYTES: u64 = 64 * 1024 * 1024;

/// A file that entries are appended to.
#[derive(Debug)]
pub struct RawFile {
    file: File,
    end: AtomicU64,
    grows: bool,
}

impl RawFile {
    /// A file that grows with every append.
    ///
    /// # Errors
    /// Those of creating it.
    pub fn growing(directory: &Path) -> Outcome<Self> {
        let file = OpenOptions::new().create_new(true).write(true).open(directory.join("raw-growing"))?;
        Ok(RawFile { file, end: AtomicU64::new(0), grows: true })
    }

    /// A file of zeros that are written over from the beginning, again and again.
    ///
    /// # Errors
    /// Those of writing it.
    pub fn zeroed(directory: &Path) -> Outcome<Self> {
        let file = OpenOptions::new().create_new(true).write(true).open(directory.join("raw-zeroed"))?;
        let zeros = vec![0; 1024 * 1024];
        for offset in (0..ZEROED_SIZE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(RawFile { file, end: AtomicU64::new(0), grows: false })
    }
}

impl WriteStore for RawFile {
    fn write(&self, safety: Safety, work: &mut dyn FnMut(&mut dyn Writer) -> Outcome<()>) -> Outcome<()> {
        work(&mut RawWriter { raw: self, safety, buffer: Vec::new() })
    }
}

struct RawWriter<'a> {
    raw: &'a RawFile,
    safety: Safety,
    buffer: Vec<u8>,
}

impl Writer for RawWriter<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.buffer.clear();
        self.buffer.extend_from_slice(key);
        self.buffer.extend_from_slice(value);
        let size_bytes = self.buffer.len() as u64;
        let mut offset = self.raw.end.fetch_add(size_bytes, Ordering::Relaxed);
        if !self.raw.grows {
            offset %= ZEROED_SIZE_BYTES - size_bytes;
        }
        self.raw.file.write_all_at(&self.buffer, offset)?;
        if self.safety == Safety::Power {
            self.raw.file.sync_data()?;
        }
        Ok(())
    }
}
