//! Numbers handed out once, outside transactions.
//!
//! ```text
//!   key  00 02 <name> -> the first number not yet reserved
//!   take: from the block in memory; when it is used up, one small commit reserves the next block
//! ```
//!
//! A number is never handed out twice, whatever crashes or rolls back; numbers may be skipped. The reservation stands in the log
//! before any commit that uses its numbers, so it may be buffered.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::store::Keyspace;
use super::transaction::{Reader, Transaction};
use super::{Durability, Isolation, SYSTEM_TAG};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::Mutex;

const SEQUENCE_TAG: u8 = 0x02;
/// The first block of a sequence; each later one is twice as large, up to the largest.
const FIRST_BLOCK: u64 = 8;
const LARGEST_BLOCK: u64 = 1024;

#[derive(Debug, Clone, Copy)]
struct Block {
    next: u64,
    end: u64,
    size: u64,
}

/// The sequences of a keyspace, by name.
#[derive(Debug)]
pub struct Sequences {
    keyspace: Arc<Keyspace>,
    blocks: Mutex<HashMap<Bytes, Block>>,
}

impl Sequences {
    /// The sequences of `keyspace`; there must be only one of this per keyspace.
    pub fn new(keyspace: Arc<Keyspace>) -> Self {
        Sequences { keyspace, blocks: Mutex::default() }
    }

    /// The next number of the sequence `name`, from 1 on.
    ///
    /// # Errors
    /// Those of a commit, when a block has to be reserved.
    pub fn next(&self, name: &[u8]) -> Result<u64> {
        let mut blocks = self.blocks.lock();
        let block = match blocks.get(name) {
            Some(block) if block.next < block.end => *block,
            used => {
                let size = used.map_or(FIRST_BLOCK, |block| (block.size * 2).min(LARGEST_BLOCK));
                self.reserve(name, size)?
            }
        };
        let number = block.next;
        blocks.insert(Bytes::copy_from_slice(name), Block { next: number + 1, ..block });
        Ok(number)
    }

    /// Makes every later number of the sequence `name` larger than `number`.
    ///
    /// # Errors
    /// Those of a commit.
    pub fn advance_past(&self, name: &[u8], number: u64) -> Result<()> {
        let mut blocks = self.blocks.lock();
        let block = match blocks.get(name) {
            Some(block) => *block,
            None => self.reserve(name, FIRST_BLOCK)?,
        };
        let block = match number {
            _ if number < block.next => block,
            _ if number < block.end => Block { next: number + 1, ..block },
            _ => {
                self.store(name, number.saturating_add(1))?;
                self.reserve(name, FIRST_BLOCK)?
            }
        };
        blocks.insert(Bytes::copy_from_slice(name), block);
        Ok(())
    }

    /// Removes the sequence `name` when `transaction` commits.
    ///
    /// # Errors
    /// Those of a write.
    pub fn drop_in(&self, transaction: &Transaction, name: &[u8]) -> Result<()> {
        transaction.delete(sequence_key(name))
    }

    fn reserve(&self, name: &[u8], size: u64) -> Result<Block> {
        self.change(name, |first| {
            let end = first.checked_add(size).ok_or_else(|| Error::limit_exceeded("a sequence has no number left"))?;
            Ok((Block { next: first, end, size }, end))
        })
    }

    fn store(&self, name: &[u8], first: u64) -> Result<()> {
        self.change(name, |stored| Ok(((), stored.max(first))))
    }

    fn change<T>(&self, name: &[u8], decide: impl Fn(u64) -> Result<(T, u64)>) -> Result<T> {
        loop {
            let transaction = self.keyspace.begin(Isolation::Serializable)?;
            let key = sequence_key(name);
            let first = match transaction.get(&key)? {
                Some(stored) => u64::from_be_bytes(stored[..].try_into().map_err(|_| {
                    Error::corrupt("a sequence's stored number is not 8 bytes long; restore from a backup")
                })?),
                None => 1,
            };
            let (outcome, end) = decide(first)?;
            transaction.put(key, end.to_be_bytes().to_vec())?;
            match transaction.commit(Durability::Buffered) {
                Ok(_) => return Ok(outcome),
                // Only somebody past this struct's lock can be in the way, and only once.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn sequence_key(name: &[u8]) -> Bytes {
    [&[SYSTEM_TAG, SEQUENCE_TAG], name].concat().into()
}
