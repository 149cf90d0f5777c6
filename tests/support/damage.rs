//! Damage to a database at rest: flipped bits, blocks in the wrong place, blocks of an earlier time.
//!
//! ```text
//!   image --damage one place--> opened, read, checked
//!                                  |      |      '-- Corrupt, or the search index is built again: found by the check
//!                                  |      '--------- Corrupt: found by reading; otherwise the right answer
//!                                  '---------------- Corrupt or Unsupported: found at open
//! ```
//!
//! What is found nowhere must have been in bytes that nothing reaches, and the trial proves it: the whole block is filled
//! with something else, and that is found nowhere either. Two places are special:
//!
//! - The end of the log. Nothing behind the last records says that they were durable, so damage to them may pass for the
//!   torn tail of a crash: what is found then is a state before them, whole.
//! - Block 0 of the checkpoint stands there twice; opening makes good a damaged one.
//!
//! Backups are verified and restored instead: what is restored must be what was backed up.
//!
//! A block of the checkpoint from an earlier time is whole and in its place, and passes for the newest when it is read:
//! only the check, which compares every page with the checksum in its parent, can tell. Such answers are counted apart.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use marquetry::backup::{restore_on, verify_on};
use marquetry::env::MemoryEnv;
use marquetry::{Error, ErrorKind};

use crate::Random;
use crate::crashes::{look, look_and_search};
use crate::image::{
    BACKUPS_KEPT, CHECKPOINT_BLOCK_SIZE_BYTES, CHECKPOINT_BLOCKS_START, CHECKPOINT_SLOTS, FileKind, Image, block,
};
use crate::verdict::{Verdict, guarded, told};
use crate::workload::{open, open_in};
use crate::world::World;

/// What disks read and write as one, at least and often.
const SECTOR_SIZES_BYTES: [u64; 2] = [512, 4096];

/// Damage that was done, and where it was found, one count per trial.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DamageCount {
    /// Bits flipped.
    pub flipped: u64,
    /// Blocks put where others belong.
    pub misplaced: u64,
    /// Blocks of an earlier time put back.
    pub stale: u64,
    /// Refused when the database was opened.
    pub at_open: u64,
    /// Refused when the damaged place was read.
    pub by_reading: u64,
    /// Found by the check.
    pub by_check: u64,
    /// Old blocks that were answered with, and found by the check.
    pub stale_until_check: u64,
    /// Made good, or in bytes that nothing reaches.
    pub harmless: u64,
    /// Taken for a torn end of the log: the state before it was found.
    pub torn: u64,
}

impl DamageCount {
    /// All damage.
    pub fn trials(&self) -> u64 {
        self.flipped + self.misplaced + self.stale
    }

    /// Adds what other trials found.
    pub fn add(&mut self, other: &DamageCount) {
        self.flipped += other.flipped;
        self.misplaced += other.misplaced;
        self.stale += other.stale;
        self.at_open += other.at_open;
        self.by_reading += other.by_reading;
        self.by_check += other.by_check;
        self.stale_until_check += other.stale_until_check;
        self.harmless += other.harmless;
        self.torn += other.torn;
    }
}

/// The counts of each kind of file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DamageCounts(BTreeMap<FileKind, DamageCount>);

impl DamageCounts {
    /// Each kind with its counts.
    pub fn each(&self) -> impl Iterator<Item = (FileKind, &DamageCount)> {
        self.0.iter().map(|(kind, count)| (*kind, count))
    }

    /// All kinds together.
    pub fn total(&self) -> DamageCount {
        let mut total = DamageCount::default();
        self.0.values().for_each(|count| total.add(count));
        total
    }

    /// Adds what other trials found.
    pub fn add(&mut self, other: &DamageCounts) {
        other.each().for_each(|(kind, count)| self.of(kind).add(count));
    }

    fn of(&mut self, kind: FileKind) -> &mut DamageCount {
        self.0.entry(kind).or_default()
    }
}

/// Bytes put in the place of others.
#[derive(Debug, Clone)]
struct Damage<'a> {
    kind: FileKind,
    way: Way,
    path: &'a Path,
    at: u64,
    bytes: Vec<u8>,
}

/// How a file is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Flipped,
    Misplaced,
    Stale,
    /// All of a block is something else, to see whether anybody misses it.
    Gone,
}

/// Places tried for each one that counts: blocks that have no other of their kind, or never were anything else, cannot be
/// misplaced or put back, and what nothing reaches need not be found.
const TRIES: u64 = 4;

/// Where damage was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    AtOpen,
    ByReading,
    ByCheck,
    StaleUntilCheck,
    Torn,
    Nowhere,
}

/// Damages each kind of file in the image of `seed` in each way, `times` times each.
///
/// # Errors
/// The first wrong answer, panic or damage that is not found, and how to play it again.
pub fn enumerate(seed: u64, times: u64) -> Verdict<DamageCounts> {
    let trials = || {
        let mut trial = DamageTrial::new(seed)?;
        for kind in trial.kinds() {
            trial.flip(kind, times)?;
            trial.misplace(kind, times)?;
            trial.put_back(kind, times)?;
        }
        Ok(trial.counts)
    };
    trials().map_err(|loss: String| {
        format!(
            "{loss}\nreplay with: cargo run -p marquetry-tests --release --bin soak -- --seed {seed} --damage {times}"
        )
    })
}

/// Trials on one image.
#[derive(Debug)]
pub struct DamageTrial {
    seed: u64,
    image: Image,
    random: Random,
    /// Whether a block of the checkpoint is reached by anything, as far as it was asked.
    reached: BTreeMap<(PathBuf, u64), bool>,
    counts: DamageCounts,
}

impl DamageTrial {
    /// Trials on the image that `seed` makes.
    ///
    /// # Errors
    /// When the workload fails.
    pub fn new(seed: u64) -> Verdict<Self> {
        Ok(DamageTrial {
            seed,
            image: Image::new(seed)?,
            random: Random::new(seed),
            reached: BTreeMap::new(),
            counts: DamageCounts::default(),
        })
    }

    /// The kinds of file that the image has: a workload that ended without any large object has none of blobs.
    pub fn kinds(&self) -> Vec<FileKind> {
        FileKind::ALL.into_iter().filter(|kind| !self.image.files(*kind).is_empty()).collect()
    }

    /// Flips one bit in each of `times` places of the files of `kind` that mean something.
    ///
    /// # Errors
    /// The first wrong answer, panic or damage that is not found.
    pub fn flip(&mut self, kind: FileKind, times: u64) -> Verdict {
        let mut left = times;
        for _ in 0..times * TRIES {
            if left == 0 {
                break;
            }
            let (path, place) = self.place(kind);
            let bytes = vec![self.bytes(&path, &place)[0] ^ 1 << self.random.below(8)];
            let damage = Damage { kind, way: Way::Flipped, path: &path, at: place.start, bytes };
            left -= u64::from(self.try_one(damage)?);
        }
        Ok(())
    }

    /// Puts one of the blocks of a file of `kind` where another belongs, `times` times where there are others.
    ///
    /// # Errors
    /// As [`DamageTrial::flip`].
    pub fn misplace(&mut self, kind: FileKind, times: u64) -> Verdict {
        let mut left = times;
        for _ in 0..times * TRIES {
            let (path, from) = self.block_of(kind);
            let bytes = self.bytes(&path, &from).to_vec();
            let (other, to) = self.block_of(kind);
            let fits = to.start + bytes.len() as u64 <= self.image.bytes(&path).len() as u64;
            if left == 0 || other != path || from == to || !fits {
                continue;
            }
            let damage = Damage { kind, way: Way::Misplaced, path: &path, at: to.start, bytes };
            left -= u64::from(self.try_one(damage)?);
        }
        Ok(())
    }

    /// Puts back what a block of a file of `kind` was at an earlier time, `times` times where it was something else.
    ///
    /// # Errors
    /// As [`DamageTrial::flip`].
    pub fn put_back(&mut self, kind: FileKind, times: u64) -> Verdict {
        let mut left = times;
        for _ in 0..times * TRIES {
            let (path, place) = self.block_of(kind);
            let mut older = self.image.older(&path, place.clone());
            if left == 0 || older.is_empty() {
                continue;
            }
            let bytes = older.swap_remove(self.random.below(older.len() as u64) as usize);
            let damage = Damage { kind, way: Way::Stale, path: &path, at: place.start, bytes };
            left -= u64::from(self.try_one(damage)?);
        }
        Ok(())
    }

    /// The place of a byte somewhere in the used bytes of the files of `kind`.
    fn place(&mut self, kind: FileKind) -> (PathBuf, Range<u64>) {
        let used = self.image.used_ranges(kind);
        let total: u64 = used.iter().map(|(_, range)| range.end - range.start).sum();
        let mut at = self.random.below(total);
        for (path, range) in used {
            let length = range.end - range.start;
            if at < length {
                let start = range.start + at;
                return (path.clone(), start..start + 1);
            }
            at -= length;
        }
        unreachable!("the place is below the total")
    }

    /// A block of a file of `kind`: one of the file's own or a sector, all of it in the file.
    fn block_of(&mut self, kind: FileKind) -> (PathBuf, Range<u64>) {
        let (path, place) = self.place(kind);
        let size_bytes = self.image.bytes(&path).len() as u64;
        let own = kind == FileKind::Checkpoint && self.random.below(3) > 0;
        let range = match place.start.checked_sub(CHECKPOINT_BLOCKS_START) {
            Some(behind) if own => block(behind / CHECKPOINT_BLOCK_SIZE_BYTES),
            _ => {
                let unit = SECTOR_SIZES_BYTES[self.random.below(2) as usize];
                let start = place.start / unit * unit;
                start..start + unit
            }
        };
        (path, range.start..range.end.min(size_bytes))
    }

    fn bytes(&self, path: &Path, range: &Range<u64>) -> &[u8] {
        self.image.bytes(path).get(range.start as usize..range.end as usize).unwrap_or(&[])
    }

    /// Whether it was damage that had to be found, and was.
    fn try_one(&mut self, damage: Damage) -> Verdict<bool> {
        let Damage { kind, way, path, at, ref bytes } = damage;
        if self.bytes(path, &(at..at + bytes.len() as u64)) == &bytes[..] {
            return Ok(false);
        }
        let what =
            format!("{kind:?} {} at byte {at}, {} bytes {way:?}, seed {}", path.display(), bytes.len(), self.seed);
        let searches_first = self.random.one_in(2);
        let judge =
            |searches_first| guarded(|| self.judge(&damage, searches_first)).map_err(|loss| format!("{what}: {loss}"));
        let mut found = judge(searches_first)?;
        if found == Found::Nowhere && kind == FileKind::Search && judge(false)? == Found::ByCheck {
            // The search has thrown away the index and built it again, as the check would have done.
            found = Found::ByReading;
        }
        let is_harmless = found == Found::Nowhere && self.may_be_harmless(&damage)?;
        let count = self.counts.of(kind);
        match found {
            Found::AtOpen => count.at_open += 1,
            Found::ByReading => count.by_reading += 1,
            Found::ByCheck => count.by_check += 1,
            Found::StaleUntilCheck => count.stale_until_check += 1,
            Found::Torn => count.torn += 1,
            Found::Nowhere if is_harmless => count.harmless += 1,
            Found::Nowhere => return Err(format!("{what}: found by nobody")),
        }
        match way {
            Way::Flipped => count.flipped += 1,
            Way::Misplaced => count.misplaced += 1,
            Way::Stale | Way::Gone => count.stale += 1,
        }
        Ok(!is_harmless)
    }

    /// Opens, reads and checks a disk with the damage on it.
    fn judge(&self, damage: &Damage, searches_first: bool) -> Verdict<Found> {
        let disk = self.image.disk();
        told(
            "damaging",
            disk.overwrite(damage.path, damage.at, &damage.bytes)
                .map_err(|error| Error::unavailable(error.to_string())),
        )?;
        if damage.kind.is_of_backup() {
            return self.judge_backup(&disk, damage);
        }
        let database = match open(&disk) {
            Ok(database) => database,
            Err(error) => return refused(error, damage, Found::AtOpen),
        };
        // Searching finds a damaged index and has it built again, so half of the checks come before it.
        let mut random = Random::new(damage.at);
        let looked = match searches_first {
            true => look_and_search(&database, &mut random),
            false => look(&database),
        };
        let checked = database.check();
        let is_found = match &checked {
            Ok(report) => report.search.rebuilt > 0,
            Err(error) if error.kind() == ErrorKind::Corrupt => true,
            Err(error) => return Err(format!("the check says {error:?}")),
        };
        let world = self.image.run.world();
        match looked {
            Err(message) if message.contains("Corrupt") => Ok(Found::ByReading),
            Err(message) if damage.way == Way::Stale && is_found => {
                drop(message);
                Ok(Found::StaleUntilCheck)
            }
            Err(message) => Err(message),
            Ok(found) if found == *world && is_found => Ok(Found::ByCheck),
            Ok(found) if found == *world => {
                // What a rebuilt index finds is right again.
                look_and_search(&database, &mut random).map(|_| Found::Nowhere)
            }
            Ok(found) if self.is_torn_end(damage) && self.image.run.knows(&found) => Ok(Found::Torn),
            Ok(_) if damage.way == Way::Stale && damage.kind == FileKind::Checkpoint && is_found => {
                Ok(Found::StaleUntilCheck)
            }
            Ok(found) => Err(wrong_answer(world, &found, is_found)),
        }
    }

    /// Verifies all backups, and restores the newest one.
    fn judge_backup(&self, disk: &MemoryEnv, damage: &Damage) -> Verdict<Found> {
        let (env, target) = (Arc::new(disk.clone()), Path::new(BACKUPS_KEPT));
        let verified = match verify_on(env.clone(), target, &mut |_| {}) {
            Ok(_) => Found::Nowhere,
            Err(error) => refused(error, damage, Found::ByCheck)?,
        };
        let directory = Path::new("/restored");
        let restored = match restore_on(env, target, None, directory, &mut |_| {}) {
            Ok(_) => told("opening what was restored", open_in(disk, directory))?,
            Err(_) if verified == Found::Nowhere => {
                return Err("the check finds nothing, and it cannot be restored".into());
            }
            Err(error) => return refused(error, damage, Found::AtOpen),
        };
        let found = look(&restored)?;
        match found == self.image.backup {
            true => Ok(verified),
            false => Err(wrong_answer(&self.image.backup, &found, verified == Found::ByCheck)),
        }
    }

    /// Whether the damage begins in a record of which no sound frame says that it was durable.
    fn is_torn_end(&self, damage: &Damage) -> bool {
        let files = self.image.files(FileKind::Log);
        let Some((_, bytes)) = files.last().filter(|(path, _)| *path == damage.path) else { return false };
        let (damaged, sound): (Vec<Frame>, Vec<Frame>) =
            frames(bytes).into_iter().partition(|frame| self.changes(damage, &frame.place));
        let durable = sound.iter().map(|frame| frame.durable).max().unwrap_or(0);
        damaged.first().is_some_and(|frame| frame.position > durable)
    }

    /// Whether nobody has to find this damage.
    fn may_be_harmless(&mut self, damage: &Damage) -> Verdict<bool> {
        let range = damage.at..damage.at + damage.bytes.len() as u64;
        match damage.kind {
            FileKind::Checkpoint => {
                let is_slot = CHECKPOINT_SLOTS.iter().any(|slot| range.start < slot.end && slot.start < range.end);
                if is_slot || range.end <= CHECKPOINT_BLOCKS_START {
                    return Ok(range.start >= 64);
                }
                let first = range.start.saturating_sub(CHECKPOINT_BLOCKS_START) / CHECKPOINT_BLOCK_SIZE_BYTES;
                let last = (range.end - 1 - CHECKPOINT_BLOCKS_START) / CHECKPOINT_BLOCK_SIZE_BYTES;
                for number in first..=last {
                    // The damage may leave a block as it was.
                    if self.changes(damage, &block(number)) && self.is_reached(damage, number)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            // Behind its end a log holds zeros that were written ahead.
            FileKind::Log => {
                let files = self.image.files(FileKind::Log);
                let bytes = files.iter().find(|file| file.0 == damage.path).map_or(&[][..], |file| file.1);
                let used = Image::used(FileKind::Log, bytes).first().map_or(0, |used| used.end);
                Ok(!self.changes(damage, &(0..used)))
            }
            _ => Ok(false),
        }
    }

    /// Whether the damage changes any byte of `range`.
    fn changes(&self, damage: &Damage, range: &Range<u64>) -> bool {
        let start = range.start.max(damage.at);
        let end = range.end.min(damage.at + damage.bytes.len() as u64);
        if start >= end {
            return false;
        }
        let bytes = &damage.bytes[(start - damage.at) as usize..(end - damage.at) as usize];
        self.bytes(damage.path, &(start..end)) != bytes
    }

    /// Whether anything reaches a block of the checkpoint: somebody misses it when it is gone.
    fn is_reached(&mut self, damage: &Damage, number: u64) -> Verdict<bool> {
        let key = (damage.path.to_owned(), number);
        if let Some(reached) = self.reached.get(&key) {
            return Ok(*reached);
        }
        let place = block(number);
        let bytes = self.bytes(damage.path, &place).iter().map(|byte| !byte).collect();
        let gone = Damage { kind: damage.kind, way: Way::Gone, path: damage.path, at: place.start, bytes };
        let reached = self.judge(&gone, false)? != Found::Nowhere;
        self.reached.insert(key, reached);
        Ok(reached)
    }
}

fn refused(error: Error, damage: &Damage, found: Found) -> Verdict<Found> {
    let name = damage.path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Unsupported if error.message().contains(name) => Ok(found),
        // All blocks are whole, only of different times: whoever notices that what he reads does not fit together cannot know
        // which file is to blame.
        ErrorKind::Corrupt if damage.kind == FileKind::Checkpoint && damage.way == Way::Stale => Ok(found),
        ErrorKind::Corrupt | ErrorKind::Unsupported => Err(format!("the error does not name {name}: {error:?}")),
        _ => Err(format!("opening says {error:?}")),
    }
}

fn wrong_answer(world: &World, found: &World, is_found: bool) -> String {
    let check = if is_found { "the check finds it" } else { "the check finds nothing" };
    format!("a wrong answer ({check}): {}", world.difference(found))
}

/// A frame of the log; see `engine/FORMAT.md`.
#[derive(Debug)]
struct Frame {
    place: Range<u64>,
    position: u64,
    /// The last position that was known durable when it was written.
    durable: u64,
}

/// The frames of a sound segment.
fn frames(bytes: &[u8]) -> Vec<Frame> {
    const HEADER_SIZE_BYTES: usize = 36;
    let number = |at: usize, size: usize| {
        let bytes = bytes.get(at..at + size).unwrap_or(&[]);
        bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut frames = Vec::new();
    let mut start = HEADER_SIZE_BYTES;
    loop {
        let size = number(start + 4, 4);
        if size < HEADER_SIZE_BYTES as u64 {
            return frames;
        }
        let place = start as u64..start as u64 + size;
        frames.push(Frame { place, position: number(start + 8, 8), durable: number(start + 16, 8) });
        start += size as usize;
    }
}
