//! The real machine.
//!
//! `bytes` maps the file; it is the one place in the engine with `unsafe`, and the proof of its
//! soundness stands beside it.

#![allow(clippy::disallowed_methods, reason = "this is the door to the machine")]

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Env, File, FileBytes, FileLock, OpenMode, Timestamp};

/// The real file system, clock and random source.
#[derive(Debug, Default)]
pub struct OsEnv;

impl OsEnv {
    /// The real machine.
    pub fn new() -> Self {
        OsEnv
    }
}

#[derive(Debug)]
struct OsFile(fs::File);

#[derive(Debug)]
struct OsLock(fs::File);

impl FileLock for OsLock {}

impl Drop for OsLock {
    /// Unlocks rather than only closes: a child process that another thread is about to start holds copies of all open
    /// files until it executes its program, and a closed lock would live on in such a copy.
    fn drop(&mut self) {
        // What cannot be unlocked is unlocked by the end of this process at the latest.
        let _ = self.0.unlock();
    }
}

impl File for OsFile {
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }

    fn write_all_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_size(&self, size_bytes: u64) -> io::Result<()> {
        self.0.set_len(size_bytes)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    #[allow(unsafe_code)]
    fn bytes(&self) -> io::Result<FileBytes> {
        if self.size_bytes()? == 0 {
            return Ok(FileBytes::Copied(Vec::new()));
        }
        // SAFETY: callers ask for the bytes only of files that are complete and never written or
        // cut again by this process (search segment files, written once under a fresh name), and
        // the directory lock keeps other processes of ours away. Removing the name leaves the mapped
        // inode alive. A foreign program that truncates files inside a locked data directory can
        // still kill the process with SIGBUS; no Rust reference is ever formed past the mapped size.
        let map = unsafe { memmap2::Mmap::map(&self.0)? };
        Ok(FileBytes::Mapped(map))
    }
}

fn monotonic_start() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

impl Env for OsEnv {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = fs::OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => {
                options.write(true);
            }
            OpenMode::Create => {
                options.write(true).create(true).truncate(false);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
        }
        Ok(Arc::new(OsFile(options.open(path)?)))
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(directory)? {
            let name = entry?.file_name();
            names.push(name.into_string().map_err(|name| {
                io::Error::new(io::ErrorKind::InvalidData, format!("file name {name:?} is not UTF-8"))
            })?);
        }
        names.sort();
        Ok(names)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        fs::File::open(directory)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let file = fs::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(OsLock(file))),
            Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        };
        Timestamp::from_micros(micros)
    }

    fn monotonic(&self) -> Duration {
        monotonic_start().elapsed()
    }

    fn fill_random(&self, buffer: &mut [u8]) {
        getrandom::fill(buffer).expect("the operating system has a working random source");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_was_let_go_is_free_even_while_a_child_holds_a_copy_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("LOCK");
        let lock = |file: fs::File| file.try_lock().map(|()| OsLock(file));
        let file = fs::OpenOptions::new().write(true).create(true).truncate(false).open(&path).unwrap();
        let copy = file.try_clone().unwrap();
        let held = lock(file).unwrap();
        assert_eq!(OsEnv.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        drop(held);
        OsEnv.lock(&path).unwrap();
        drop(copy);
    }
}
