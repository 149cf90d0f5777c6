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

use super::pages::Pages;
use super::simulation::{CrashPolicy, Random};

/// What disks write as one: a power cut leaves a sector old or new, never mixed.
const SECTOR_BYTES: usize = 512;

#[derive(Debug)]
pub(super) struct FileNode(RwLock<Content>);

#[derive(Debug, Clone)]
struct Content {
    current: Arc<Pages>,
    /// Absent on a disk that never crashes.
    history: Option<History>,
}

#[derive(Debug, Clone, Default)]
struct History {
    durable: Arc<Pages>,
    pending: Vec<Arc<Change>>,
}

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    SetSize(usize),
}

impl FileNode {
    /// A file whose bytes are durable; its changes are remembered when `tracked`.
    pub(super) fn new(bytes: Pages, tracked: bool) -> Self {
        let current = Arc::new(bytes);
        let history = tracked.then(|| History { durable: current.clone(), pending: Vec::new() });
        FileNode(RwLock::new(Content { current, history }))
    }

    /// A file of its own with the same content and history, whose bytes are shared until one of the two is written.
    pub(super) fn fork(&self) -> Self {
        FileNode(RwLock::new(self.0.read().clone()))
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        let current = self.0.read().current.clone();
        current.to_vec()
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.0.read().current.size_bytes() as u64
    }

    /// Whether a power cut would leave anything but what readers see.
    pub(super) fn is_settled(&self) -> bool {
        self.0.read().history.as_ref().is_none_or(|history| history.pending.is_empty())
    }

    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let content = self.0.read();
        let is_there = usize::try_from(offset).is_ok_and(|offset| content.current.read(offset, buffer));
        is_there.then_some(()).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = self.0.write();
        Arc::make_mut(&mut content.current).write(offset, bytes)?;
        if let Some(history) = &mut content.history {
            history.pending.push(Arc::new(Change::Write { offset, bytes: bytes.to_vec() }));
        }
        Ok(())
    }

    pub(super) fn set_size(&self, size_bytes: u64) -> io::Result<()> {
        let size = usize::try_from(size_bytes).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut content = self.0.write();
        Arc::make_mut(&mut content.current).resize(size)?;
        if let Some(history) = &mut content.history {
            history.pending.push(Arc::new(Change::SetSize(size)));
        }
        Ok(())
    }

    /// Makes the pending changes that `keep` picks durable and forgets the others, while readers still see all.
    pub(super) fn settle(&self, mut keep: impl FnMut(usize) -> bool) {
        if let Some(History { durable, pending }) = &mut self.0.write().history {
            let durable = Arc::make_mut(durable);
            for (index, change) in pending.drain(..).enumerate() {
                if keep(index) {
                    change.apply(durable);
                }
            }
        }
    }

    /// Changes the bytes at rest: for readers and durably at once.
    pub(super) fn damage<T>(&self, change: impl FnOnce(&mut Pages) -> T) -> T {
        let mut content = self.0.write();
        let outcome = change(Arc::make_mut(&mut content.current));
        let durable = content.current.clone();
        if let Some(history) = &mut content.history {
            *history = History { durable, pending: Vec::new() };
        }
        outcome
    }

    /// The bytes that a power cut leaves under `policy`.
    pub(super) fn after_crash(&self, policy: CrashPolicy, random: &mut Random) -> Pages {
        let content = self.0.read();
        let Some(History { durable, pending }) = &content.history else {
            return Pages::clone(&content.current);
        };
        let mut left = Pages::clone(durable);
        for change in pending {
            match (policy, &**change) {
                (CrashPolicy::Torn, Change::Write { offset, bytes }) => tear(&mut left, *offset, bytes, random),
                _ if policy.keeps(random) => change.apply(&mut left),
                _ => {}
            }
        }
        left
    }
}

impl Change {
    fn apply(&self, bytes: &mut Pages) {
        let outcome = match self {
            Change::Write { offset, bytes: written } => bytes.write(*offset, written),
            Change::SetSize(size) => bytes.resize(*size),
        };
        outcome.expect(FITS);
    }
}

const FITS: &str = "what fitted into memory for readers does so once more";

/// Keeps or loses each sector of a write by itself; the file may have grown although the bytes are lost.
fn tear(file: &mut Pages, offset: usize, written: &[u8], random: &mut Random) {
    let end = offset + written.len();
    if end > file.size_bytes() && random.coin() {
        file.resize(end).expect(FITS);
    }
    let mut start = offset;
    while start < end {
        let stop = ((start / SECTOR_BYTES + 1) * SECTOR_BYTES).min(end);
        if random.coin() {
            file.write(start, &written[start - offset..stop - offset]).expect(FITS);
        }
        start = stop;
    }
}
