//! Where tantivy writes a segment to, and where it reads one from.
//!
//! ```text
//!   SegmentSink     a directory for one new segment: parts in memory up to 1 MiB each, larger ones in files of their own
//!   SegmentSource   a directory of one finished segment: parts that were checked
//! ```
//!
//! Tantivy's own bookkeeping of names (`.managed.json`) and its locks are of no use here: nobody else knows the segment
//! until a commit names it.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    AntiCallToken, Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, TerminatingWrite, WatchCallback,
    WatchHandle, WritePtr,
};
use xxhash_rust::xxh3::Xxh3;

use super::files::{Component, SegmentFiles, write_pack};
use crate::env::{File, FileBytes, OpenMode};

/// Parts over this size get a file of their own, in bytes.
const PART_IN_MEMORY_SIZE_BYTES_MAX: usize = 1024 * 1024;
/// The name of the part that describes the segment.
const META_PART: &str = "meta";

/// The part that a path of tantivy's stands for: `meta.json`, or what follows the segment's name.
fn part_of(path: &Path) -> &str {
    let name = path.to_str().unwrap_or_default();
    match name.split_once('.') {
        Some(("meta", "json")) => META_PART,
        Some((_, part)) => part,
        None => name,
    }
}

fn is_bookkeeping(path: &Path) -> bool {
    path.to_str().is_none_or(|name| name.starts_with('.'))
}

/// A segment being written.
#[derive(Debug, Clone)]
pub(super) struct SegmentSink {
    files: Arc<SegmentFiles>,
    number: u64,
    parts: Arc<Mutex<Parts>>,
}

#[derive(Debug, Default)]
struct Parts {
    small: BTreeMap<String, OwnedBytes>,
    apart: BTreeMap<String, (Component, Arc<dyn File>)>,
}

impl SegmentSink {
    /// A place for the new segment `number`.
    pub(super) fn new(files: Arc<SegmentFiles>, number: u64) -> Self {
        SegmentSink { files, number, parts: Arc::default() }
    }

    /// Makes everything that was written durable, names included, and says where it is.
    pub(super) fn finish(&self) -> io::Result<Vec<Component>> {
        self.files.create()?;
        let parts = std::mem::take(&mut *self.parts.lock());
        let mut components = write_pack(&self.files, self.number, &parts.small)?;
        components.extend(parts.apart.into_values().map(|(component, _)| component));
        self.files.sync_names()?;
        Ok(components)
    }

    fn bytes(&self, path: &Path) -> Result<OwnedBytes, OpenReadError> {
        let parts = self.parts.lock();
        if let Some(part) = parts.small.get(part_of(path)) {
            return Ok(part.clone());
        }
        let Some((_, file)) = parts.apart.get(part_of(path)) else {
            return Err(OpenReadError::FileDoesNotExist(path.to_owned()));
        };
        match file.bytes() {
            Ok(FileBytes::Mapped(map)) => Ok(OwnedBytes::new(map)),
            Ok(FileBytes::Copied(bytes)) => Ok(OwnedBytes::new(bytes)),
            Err(error) => Err(OpenReadError::wrap_io_error(error, path.to_owned())),
        }
    }
}

/// One part on its way.
struct PartWriter {
    sink: SegmentSink,
    name: String,
    buffer: Vec<u8>,
    file: Option<Arc<dyn File>>,
    written: u64,
    checksum: Xxh3,
}

impl PartWriter {
    /// Moves the buffer to the part's own file.
    fn spill(&mut self) -> io::Result<Arc<dyn File>> {
        let file = match &self.file {
            Some(file) => file.clone(),
            None => {
                self.sink.files.create()?;
                let path = self.sink.files.path(self.sink.number, &self.name);
                let file = self.sink.files.env.open(&path, OpenMode::Create)?;
                if file.size_bytes()? > 0 {
                    file.set_size(0)?;
                }
                self.file.insert(file).clone()
            }
        };
        file.write_all_at(self.written, &self.buffer)?;
        self.checksum.update(&self.buffer);
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(file)
    }
}

impl Write for PartWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PART_IN_MEMORY_SIZE_BYTES_MAX {
            self.spill()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl TerminatingWrite for PartWriter {
    fn terminate_ref(&mut self, _: AntiCallToken) -> io::Result<()> {
        if self.file.is_none() {
            let part = OwnedBytes::new(std::mem::take(&mut self.buffer));
            self.sink.parts.lock().small.insert(self.name.clone(), part);
            return Ok(());
        }
        let file = self.spill()?;
        file.sync_data()?;
        let component = Component {
            name: self.name.clone(),
            is_apart: true,
            offset: 0,
            size_bytes: self.written,
            checksum: self.checksum.digest(),
        };
        self.sink.parts.lock().apart.insert(self.name.clone(), (component, file));
        Ok(())
    }
}

impl Directory for SegmentSink {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.bytes(path)?))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        match self.parts.lock().small.remove(part_of(path)) {
            Some(_) => Ok(()),
            None => Err(DeleteError::FileDoesNotExist(path.to_owned())),
        }
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        let parts = self.parts.lock();
        Ok(parts.small.contains_key(part_of(path)) || parts.apart.contains_key(part_of(path)))
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let writer = PartWriter {
            sink: self.clone(),
            name: part_of(path).to_owned(),
            buffer: Vec::new(),
            file: None,
            written: 0,
            checksum: Xxh3::new(),
        };
        Ok(BufWriter::new(Box::new(writer)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        if is_bookkeeping(path) {
            return Err(OpenReadError::FileDoesNotExist(path.to_owned()));
        }
        Ok(self.bytes(path)?.to_vec())
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        if !is_bookkeeping(path) {
            self.parts.lock().small.insert(part_of(path).to_owned(), OwnedBytes::new(data.to_vec()));
        }
        Ok(())
    }

    /// Nothing yet: [`SegmentSink::finish`] makes all of it durable at once.
    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}

/// A finished segment, to read.
#[derive(Clone)]
pub(super) struct SegmentSource {
    parts: Arc<HashMap<String, OwnedBytes>>,
}

impl SegmentSource {
    pub(super) fn new(parts: HashMap<String, OwnedBytes>) -> Self {
        SegmentSource { parts: Arc::new(parts) }
    }

    fn part(&self, path: &Path) -> Result<&OwnedBytes, OpenReadError> {
        let part = self.parts.get(part_of(path)).filter(|_| !is_bookkeeping(path));
        part.ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }
}

impl std::fmt::Debug for SegmentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SegmentSource of {} parts", self.parts.len())
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::ReadOnlyFilesystem, "a finished search segment is never written again")
}

impl Directory for SegmentSource {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.part(path)?.clone()))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.part(path).is_ok())
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        Ok(self.part(path)?.to_vec())
    }

    fn atomic_write(&self, _: &Path, _: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn acquire_lock(&self, _: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
