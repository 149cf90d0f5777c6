//! The bytes of one file in memory, and on a simulated disk which of them a power cut cannot take.
//!
//! ```text
//!   current  = what readers see
//!   durable  = what the last sync left     pending = the changes since then, in order
//! ```
//!
//! Invariant: `durable` with all of `pending` applied equals `current`, until a sync fails or damage is done.

use std::io;
use std::sync::Arc;

use parking_lot::RwLock;

use super::simulation::{CrashPolicy, Random};

/// What disks write as one: a power cut leaves a sector old or new, never mixed.
const SECTOR_BYTES: usize = 512;

#[derive(Debug)]
pub(super) struct FileNode(RwLock<Content>);

#[derive(Debug)]
struct Content {
    /// Shared with the readers of `bytes`; copied on a write only while such a reader lives.
    current: Arc<Vec<u8>>,
    history: Option<History>,
}

#[derive(Debug, Default)]
struct History {
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetSize(usize),
}

impl FileNode {
    /// A file whose bytes are durable; its changes are remembered when `tracked`.
    pub(super) fn new(bytes: Vec<u8>, tracked: bool) -> Self {
        let history = tracked.then(|| History { durable: bytes.clone(), pending: Vec::new() });
        FileNode(RwLock::new(Content { current: Arc::new(bytes), history }))
    }

    pub(super) fn bytes(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.0.read().current)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.0.read().current.len() as u64
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let content = self.0.read();
        let source = usize::try_from(offset)
            .ok()
            .and_then(|start| content.current.get(start..start.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(source);
        Ok(())
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = self.0.write();
        let current = Arc::make_mut(&mut content.current);
        grow(current, offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?)?;
        write_over(current, offset, bytes);
        if let Some(history) = &mut content.history {
            history.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
        }
        Ok(())
    }

    pub(super) fn set_size(&self, size_bytes: u64) -> io::Result<()> {
        let size = usize::try_from(size_bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = self.0.write();
        let current = Arc::make_mut(&mut content.current);
        grow(current, size)?;
        current.truncate(size);
        if current.capacity() / 4 > size {
            current.shrink_to_fit();
        }
        if let Some(history) = &mut content.history {
            history.pending.push(Change::SetSize(size));
        }
        Ok(())
    }

    /// Makes the pending changes that `keep` picks durable and forgets the others, while readers still see all.
    pub(super) fn settle(&self, mut keep: impl FnMut(usize) -> bool) {
        if let Some(History { durable, pending }) = &mut self.0.write().history {
            for (index, change) in pending.drain(..).enumerate() {
                if keep(index) {
                    change.apply(durable);
                }
            }
        }
    }

    /// Changes the bytes at rest: for readers and durably at once.
    pub(super) fn damage(&self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut content = self.0.write();
        let current = Arc::make_mut(&mut content.current);
        change(current);
        let durable = current.clone();
        if let Some(history) = &mut content.history {
            *history = History { durable, pending: Vec::new() };
        }
    }

    /// The bytes that a power cut leaves under `policy`.
    pub(super) fn after_crash(&self, policy: CrashPolicy, random: &mut Random) -> Vec<u8> {
        let content = self.0.read();
        let Some(History { durable, pending }) = &content.history else {
            return content.current.to_vec();
        };
        let mut left = durable.clone();
        for change in pending {
            match (policy, change) {
                (CrashPolicy::Torn, Change::Write { offset, bytes }) => tear(&mut left, *offset, bytes, random),
                _ if policy.keeps(random) => change.apply(&mut left),
                _ => {}
            }
        }
        left
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Change::Write { offset, bytes: written } => {
                if bytes.len() < offset + written.len() {
                    bytes.resize(offset + written.len(), 0);
                }
                write_over(bytes, *offset, written);
            }
            Change::SetSize(size) => bytes.resize(*size, 0),
        }
    }
}

/// Keeps or loses each sector of a write by itself; the file may have grown although the bytes are lost.
fn tear(file: &mut Vec<u8>, offset: usize, written: &[u8], random: &mut Random) {
    let end = offset + written.len();
    if end > file.len() && random.coin() {
        file.resize(end, 0);
    }
    let mut start = offset;
    while start < end {
        let stop = ((start / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
        if random.coin() {
            if file.len() < stop {
                file.resize(stop, 0);
            }
            write_over(file, start, &written[start - offset..stop - offset]);
        }
        start = stop;
    }
}

/// Extends with zeros to `size`, answering a full disk where memory ends.
fn grow(bytes: &mut Vec<u8>, size: usize) -> io::Result<()> {
    if let Some(more) = size.checked_sub(bytes.len()) {
        bytes.try_reserve(more).map_err(|_| io::ErrorKind::StorageFull)?;
        bytes.resize(size, 0);
    }
    Ok(())
}

fn write_over(file: &mut [u8], offset: usize, bytes: &[u8]) {
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}
