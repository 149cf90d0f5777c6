//! The simulated machine around a disk in memory: planned faults, the clock and the random source.
//!
//! ```text
//!   next_io() -> Done | Cut (the power goes) | Failed(kind)
//! ```
//!
//! Two random streams come from one seed: what the engine asks for, and what faults do. So a thread that
//! draws a random number does not change which sectors the next crash tears.

use std::io;
use std::time::Duration;

use super::super::Timestamp;
use super::fork::DiskFork;
use super::names::Names;

/// 2026-01-01T00:00:00Z, where simulated clocks start.
const FIRST_NOW_MICROS: i64 = 1_767_225_600_000_000;

/// What a power cut does to changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPolicy {
    /// All are lost.
    KeepNone,
    /// All reached the disk.
    KeepAll,
    /// Each write, cut, creation, rename and removal is kept or lost by itself.
    Random,
    /// As `Random`, and each 512-byte sector of a write is kept or lost by itself.
    Torn,
}

impl CrashPolicy {
    /// Every policy, for tests that go through all.
    pub const ALL: [CrashPolicy; 4] =
        [CrashPolicy::KeepNone, CrashPolicy::KeepAll, CrashPolicy::Random, CrashPolicy::Torn];

    pub(super) fn keeps(self, random: &mut Random) -> bool {
        match self {
            CrashPolicy::KeepNone => false,
            CrashPolicy::KeepAll => true,
            CrashPolicy::Random | CrashPolicy::Torn => random.coin(),
        }
    }
}

/// How long an injected failure lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureSpan {
    /// One I/O fails.
    Once,
    /// Every I/O from there on fails.
    Forever,
}

/// What happens to one I/O.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Cut,
    Failed(io::ErrorKind),
}

#[derive(Debug)]
pub(super) struct Simulation {
    seed: u64,
    io_count: u64,
    crash_at: Option<u64>,
    failure: Option<(u64, io::ErrorKind, FailureSpan)>,
    read_failure: Option<io::ErrorKind>,
    dead: bool,
    /// The disk at each I/O, while that is wanted.
    forks: Option<Vec<DiskFork>>,
    now: Timestamp,
    monotonic: Duration,
    engine_random: Random,
    crash_random: Random,
}

/// The error of every call after the power cut.
pub(super) fn power_is_cut() -> io::Error {
    io::Error::other("the simulated power is cut")
}

impl Simulation {
    pub(super) fn new(seed: u64) -> Self {
        Simulation {
            seed,
            io_count: 0,
            crash_at: None,
            failure: None,
            read_failure: None,
            dead: false,
            forks: None,
            now: Timestamp::from_micros(FIRST_NOW_MICROS),
            monotonic: Duration::ZERO,
            engine_random: Random(seed),
            crash_random: Random(!seed),
        }
    }

    /// Kills this machine and returns the one after the restart.
    ///
    /// The outcome of the crash depends on the seed, the policy and how far the machine came.
    pub(super) fn die(&mut self, policy: CrashPolicy) -> Simulation {
        self.dead = true;
        self.successor(policy, 0)
    }

    /// The machine after a crash at this moment under `policy`, one of many that `choice` tells apart.
    pub(super) fn successor(&self, policy: CrashPolicy, choice: u64) -> Simulation {
        let place = self.seed ^ self.io_count.rotate_left(24) ^ (policy as u64).rotate_left(56);
        let seed = Random(Random(place).next() ^ choice).next();
        Simulation { now: self.now, monotonic: self.monotonic, ..Simulation::new(seed) }
    }

    pub(super) fn keep_forks(&mut self) {
        self.forks = Some(Vec::new());
    }

    pub(super) fn take_forks(&mut self) -> Vec<DiskFork> {
        self.forks.take().unwrap_or_default()
    }

    /// Keeps the disk as a power cut at the I/O counted last would find it, if that is wanted.
    pub(super) fn note_fork(&mut self, names: &Names) {
        if self.forks.is_some() {
            let fork = self.fork(names);
            self.forks.get_or_insert_default().push(fork);
        }
    }

    /// The disk as it is.
    pub(super) fn fork(&self, names: &Names) -> DiskFork {
        let (seed, io_count, now, monotonic) = (self.seed, self.io_count, self.now, self.monotonic);
        DiskFork::new(names.fork(), Simulation { io_count, now, monotonic, ..Simulation::new(seed) })
    }

    pub(super) fn alive(&self) -> io::Result<()> {
        if self.dead { Err(power_is_cut()) } else { Ok(()) }
    }

    pub(super) fn readable(&self) -> io::Result<()> {
        self.read_failure.map_or(Ok(()), |kind| Err(kind.into()))
    }

    /// Counts one I/O of a living machine and says what becomes of it.
    pub(super) fn next_io(&mut self) -> Fate {
        self.io_count += 1;
        if self.crash_at.is_some_and(|number| self.io_count >= number) {
            self.dead = true;
            return Fate::Cut;
        }
        match self.failure {
            Some((number, kind, FailureSpan::Once)) if self.io_count == number => Fate::Failed(kind),
            Some((number, kind, FailureSpan::Forever)) if self.io_count >= number => Fate::Failed(kind),
            _ => Fate::Done,
        }
    }

    pub(super) fn io_count(&self) -> u64 {
        self.io_count
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    pub(super) fn crash_at(&mut self, number: u64) {
        self.crash_at = Some(number);
    }

    pub(super) fn fail_at(&mut self, number: u64, kind: io::ErrorKind, span: FailureSpan) {
        self.failure = Some((number, kind, span));
    }

    pub(super) fn fail_reads(&mut self, kind: Option<io::ErrorKind>) {
        self.read_failure = kind;
    }

    pub(super) fn clear_faults(&mut self) {
        (self.crash_at, self.failure, self.read_failure) = (None, None, None);
    }

    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn set_now(&mut self, now: Timestamp) {
        self.now = now;
    }

    pub(super) fn monotonic(&self) -> Duration {
        self.monotonic
    }

    pub(super) fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
        self.monotonic = self.monotonic.saturating_add(duration);
    }

    pub(super) fn fill_random(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.engine_random.next().to_le_bytes()[..chunk.len()]);
        }
    }

    pub(super) fn crash_random(&mut self) -> &mut Random {
        &mut self.crash_random
    }
}

/// A small seeded generator (SplitMix64): good enough to choose faults, unfit for secrets.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// A number from 0 up to, and not including, `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
