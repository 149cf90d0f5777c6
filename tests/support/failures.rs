//! Every I/O of a workload fails, once or for ever, because the disk is broken or full.
//!
//! ```text
//!   ... step  step  step!                     the I/O fails; what is told of it?
//!                    |-- reads go on, and show what was acknowledged
//!                    |-- the log failed:       nothing is acknowledged any more, the database says that it is not ready
//!                    |-- the checkpoint failed: it says so, too; the log takes commits meanwhile
//!                    '-- anything else failed: once there is space again, work goes on as if nothing had been
//!   power cut, opened again: everything acknowledged is there, in all models, and work goes on
//! ```

use std::io::ErrorKind as Io;

use marquetry::env::{CrashPolicy, FailureSpan, MemoryEnv};
use marquetry::{Database, ErrorKind};

use crate::Random;
use crate::crashes::{expect, expect_allowed, look, look_and_search};
use crate::verdict::{Verdict, guarded, told};
use crate::workload::{Run, open, settle};

/// Steps of a workload.
const STEPS: u64 = 16;
/// Steps after the failure.
const STEPS_AFTER: u64 = 5;

/// What an enumeration went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailureCount {
    /// Failures of an I/O.
    pub failures: u64,
    /// Those after which the database had to be opened again.
    pub not_ready: u64,
    /// Those that nobody was told of, because nothing was lost by them.
    pub harmless: u64,
}

impl FailureCount {
    /// Adds what another enumeration went through.
    pub fn add(&mut self, other: FailureCount) {
        self.failures += other.failures;
        self.not_ready += other.not_ready;
        self.harmless += other.harmless;
    }
}

/// Fails the workload of `seed` at every I/O, or at I/O `only`.
///
/// # Errors
/// The first loss, and how to play it again.
pub fn enumerate(seed: u64, only: Option<u64>) -> Verdict<FailureCount> {
    let whole = MemoryEnv::simulated(seed);
    told("the workload fails by itself", Run::new(&whole, seed).go_on(STEPS))?;
    let mut count = FailureCount::default();
    for io in (1..=whole.io_count()).filter(|io| only.is_none_or(|only| only == *io)) {
        for kind in [Io::Other, Io::StorageFull] {
            for span in [FailureSpan::Once, FailureSpan::Forever] {
                let env = MemoryEnv::simulated(seed);
                env.fail_at(io, kind, span);
                guarded(|| fail(&env, seed, &mut count)).map_err(|loss| {
                    format!(
                        "{kind:?} at I/O {io} of {}, {span:?}: {loss}\nreplay with: \
                         cargo run -p marquetry-tests --release --bin soak -- --seed {seed} --fail-at {io}",
                        whole.io_count()
                    )
                })?;
            }
        }
    }
    Ok(count)
}

fn fail(env: &MemoryEnv, seed: u64, count: &mut FailureCount) -> Verdict {
    let mut random = Random::new(seed);
    let mut run = Run::new(env, seed);
    let outcome = run.go_on(STEPS);
    count.failures += 1;
    count.harmless += u64::from(outcome.is_ok());
    let refused = outcome.as_ref().err().map(|error| error.kind());
    if !matches!(refused, None | Some(ErrorKind::Unavailable | ErrorKind::Indeterminate)) {
        return Err(format!("the failure is told as {outcome:?}"));
    }
    if let Some(database) = &run.database {
        expect(run.world(), &look_and_search(database, &mut random)?, "while the disk fails")?;
        // Searching may have written to the disk as well.
        let state = State::of(database);
        if state == State::Ready && refused == Some(ErrorKind::Indeterminate) {
            return Err("a commit has an unknown outcome and all seems well".to_owned());
        }
        count.not_ready += u64::from(state != State::Ready);
        env.clear_faults();
        go_on(&mut run, state)?;
    }
    if let Some(database) = &run.database {
        // A reader never sees what was not acknowledged.
        expect(run.world(), &look(database)?, "after the failure")?;
    }
    env.clear_faults();
    recover(&env.crash(CrashPolicy::Random), &run, &mut random)
}

/// What a database says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    LogFailed,
    CheckpointFailed,
}

impl State {
    fn of(database: &Database) -> Self {
        match (database.failure(), database.stats().keyspace.failure) {
            (None, _) => State::Ready,
            (Some(_), Some(_)) => State::LogFailed,
            (Some(_), None) => State::CheckpointFailed,
        }
    }
}

/// What may be done with the database that failed, once the cause is mended.
fn go_on(run: &mut Run, state: State) -> Verdict {
    if let (true, Some(database)) = (state != State::Ready, &run.database) {
        // Asked for again and again, a checkpoint is refused and takes nothing from what is read.
        for _ in 0..2 {
            if database.checkpoint().is_ok() {
                return Err("something was folded after a failure".to_owned());
            }
        }
    }
    match (state, &run.database) {
        (State::Ready, _) => told("going on without the failure", run.go_on(STEPS_AFTER)),
        (State::CheckpointFailed, _) => told("a commit while the checkpoint is stuck", run.commit_one()),
        (State::LogFailed, None) => Ok(()),
        (State::LogFailed, Some(database)) => match Run::one_more(database, &mut run.world().clone()) {
            Ok(()) => Err("a commit was acknowledged after the log failed".to_owned()),
            Err(error) if error.kind() == ErrorKind::Unavailable => Ok(()),
            Err(error) => Err(format!("a commit after the log failed is refused as {error:?}")),
        },
    }
}

fn recover(env: &MemoryEnv, run: &Run, random: &mut Random) -> Verdict {
    let database = told("opening after the failure", open(env))?;
    let found = look_and_search(&database, random)?;
    expect_allowed(run.last(), &found)?;
    told("maintenance", settle(&database, env))?;
    told("a check", database.check())?;
    let mut world = found;
    told("one more commit", Run::one_more(&database, &mut world))?;
    expect(&world, &look(&database)?, "after one more commit")
}
