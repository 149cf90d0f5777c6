//! The two ways in which redb meets a [`BlockFile`]: for good, and for a look.
//!
//! The lock methods keep their default (`Unsupported`, which redb takes for a single writer): the lock of the data
//! directory keeps every other process away.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;
use redb::StorageBackend;

use super::block_file::{BLOCK_SIZE, BlockFile};

/// redb's own access to the file.
#[derive(Debug)]
pub(super) struct Blocks(pub(super) Arc<BlockFile>);

impl StorageBackend for Blocks {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.length())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_length(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync()
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(offset, bytes)
    }

    fn close(&self) -> io::Result<()> {
        self.0.seal()
    }
}

/// A second redb's view of the same file: it reads the disk, what it writes stays in memory.
#[derive(Debug)]
pub(super) struct Inspection {
    file: Arc<BlockFile>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    length: u64,
    blocks: BTreeMap<u64, Box<[u8]>>,
}

impl Inspection {
    pub(super) fn new(file: Arc<BlockFile>) -> Self {
        let blocks = BTreeMap::from([(0, file.header_block())]);
        let written = Written { length: file.length(), blocks };
        Inspection { file, written: Mutex::new(written) }
    }

    fn read_block(&self, written: &Written, number: u64) -> io::Result<Box<[u8]>> {
        if let Some(block) = written.blocks.get(&number) {
            return Ok(block.clone());
        }
        let mut block = vec![0; BLOCK_SIZE];
        let offset = number * BLOCK_SIZE as u64;
        if offset < self.file.length() {
            self.file.inspect(offset, &mut block)?;
        }
        Ok(block.into())
    }
}

impl StorageBackend for Inspection {
    fn len(&self) -> io::Result<u64> {
        Ok(self.written.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let written = self.written.lock();
        let mut filled = 0;
        while filled < out.len() {
            let at = offset + filled as u64;
            let within = (at % BLOCK_SIZE as u64) as usize;
            let taken = (BLOCK_SIZE - within).min(out.len() - filled);
            let block = self.read_block(&written, at / BLOCK_SIZE as u64)?;
            out[filled..filled + taken].copy_from_slice(&block[within..within + taken]);
            filled += taken;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        written.length = length;
        written.blocks.split_off(&length.div_ceil(BLOCK_SIZE as u64));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut written = self.written.lock();
        let mut done = 0;
        while done < bytes.len() {
            let at = offset + done as u64;
            let (number, within) = (at / BLOCK_SIZE as u64, (at % BLOCK_SIZE as u64) as usize);
            let taken = (BLOCK_SIZE - within).min(bytes.len() - done);
            let mut block = match taken {
                BLOCK_SIZE => vec![0; BLOCK_SIZE].into(),
                _ => self.read_block(&written, number)?,
            };
            block[within..within + taken].copy_from_slice(&bytes[done..done + taken]);
            written.blocks.insert(number, block);
            done += taken;
        }
        Ok(())
    }
}
