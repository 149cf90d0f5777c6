//! A crash at every I/O of a workload, and again inside each recovery.
//!
//! ```text
//!   one run of the workload       forks: f1  f2  f3 ... fn        the disk at every I/O
//!                                         |
//!                     kept, lost, at random, torn ... each a disk, all different
//!                                         |
//!   recovery, once                forks: r1  r2 ... rm            found = what was acknowledged, or that and the commit under way
//!                                         |
//!                        a second crash at some of them          found again; after the first recovery answered, the same
//! ```
//!
//! A point is one crash that was recovered from and compared over all models. Where nothing is pending, all policies leave
//! the same disk, which counts once. Every second point is searched as well, which costs as much as all else together; every
//! third goes on: maintenance, a check of everything, another search, the newest backup restored, one more commit.

use marquetry::Database;
use marquetry::env::{CrashPolicy, DiskFork, MemoryEnv};

use crate::Random;
use crate::verdict::{Verdict, guarded, told};
use crate::workload::{Moment, Run, open, restored, settle};
use crate::world::{World, compare_search, observe};

/// Steps of a workload.
const STEPS: u64 = 24;
/// Second crashes tried in each recovery, on average.
const SECOND_CRASHES: u64 = 2;

/// What an enumeration went through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CrashCount {
    /// Workloads run.
    pub workloads: u64,
    /// I/Os of the workloads.
    pub ios: u64,
    /// Crashes, second ones included.
    pub points: u64,
    /// Crashes inside a recovery.
    pub second: u64,
}

impl CrashCount {
    /// Adds what another enumeration went through.
    pub fn add(&mut self, other: CrashCount) {
        self.workloads += other.workloads;
        self.ios += other.ios;
        self.points += other.points;
        self.second += other.second;
    }
}

/// The ways in which a disk is left by a crash at `fork`, each with its number among those of the same policy.
fn outcomes(fork: &DiskFork) -> &'static [(CrashPolicy, u64)] {
    const ALL: [(CrashPolicy, u64); 6] = [
        (CrashPolicy::KeepNone, 0),
        (CrashPolicy::KeepAll, 0),
        (CrashPolicy::Random, 0),
        (CrashPolicy::Random, 1),
        (CrashPolicy::Torn, 0),
        (CrashPolicy::Torn, 1),
    ];
    if fork.is_settled() { &ALL[..1] } else { &ALL }
}

/// Crashes the workload of `seed` at every I/O, or at I/O `only`.
///
/// # Errors
/// The first loss, and how to play it again.
pub fn enumerate(seed: u64, only: Option<u64>) -> Verdict<CrashCount> {
    let env = MemoryEnv::simulated(seed);
    env.keep_forks();
    let mut run = Run::new(&env, seed);
    told("the workload fails without a crash", run.go_on(STEPS))?;
    run.database = None;
    let forks = env.take_forks();
    let mut count = CrashCount { workloads: 1, ios: forks.len() as u64, ..CrashCount::default() };
    for fork in forks.iter().filter(|fork| only.is_none_or(|only| only == fork.io_number())) {
        let moment = run.moment_of(fork.io_number());
        let mut random = Random::new(seed ^ fork.io_number().rotate_left(32));
        for (policy, choice) in outcomes(fork) {
            guarded(|| crash_twice(fork, moment, *policy, *choice, &mut random, &mut count)).map_err(|loss| {
                format!(
                    "crash at I/O {} of {}, {policy:?} {choice}: {loss}\nreplay with: \
                     cargo run -p marquetry-tests --release --bin soak -- --seed {seed} --crash-at {}",
                    fork.io_number(),
                    forks.len(),
                    fork.io_number(),
                )
            })?;
        }
    }
    Ok(count)
}

fn crash_twice(
    fork: &DiskFork,
    moment: &Moment,
    policy: CrashPolicy,
    choice: u64,
    random: &mut Random,
    count: &mut CrashCount,
) -> Verdict {
    let env = fork.crash(policy, choice);
    env.keep_forks();
    let recovery = Recovery::of(&env, moment, random)?;
    count.points += 1;
    let forks = env.take_forks();
    let found = recovery.found.clone();
    // What the first recovery has shown to readers is there for good.
    let shown = Moment { acknowledged: found.into(), under_way: None, ..moment.clone() };
    let opened_at = recovery.opened_at;
    recovery.go_on()?;
    for fork in &forks {
        if random.below(forks.len() as u64) >= SECOND_CRASHES {
            continue;
        }
        let (policy, choice) = outcomes(fork)[random.below(outcomes(fork).len() as u64) as usize];
        let moment = if fork.io_number() > opened_at { &shown } else { moment };
        let again = Recovery::of(&fork.crash(policy, choice), moment, random).and_then(Recovery::go_on);
        again.map_err(|loss| {
            format!("then at I/O {} of {} of recovery, {policy:?} {choice}: {loss}", fork.io_number(), forks.len())
        })?;
        count.points += 1;
        count.second += 1;
    }
    Ok(())
}

/// A database that was opened after a crash, and what it holds.
struct Recovery {
    database: Database,
    found: World,
    /// I/Os until the database was open.
    opened_at: u64,
    /// Whether it is to go on after it was looked at.
    goes_on: bool,
}

impl Recovery {
    /// Opens and reads everything; one in two is searched, one in three does its maintenance, too, and is checked.
    fn of(env: &MemoryEnv, moment: &Moment, random: &mut Random) -> Verdict<Self> {
        let database = told("opening", open(env))?;
        let opened_at = env.io_count();
        let found = match random.one_in(2) {
            true => look_and_search(&database, random)?,
            false => look(&database)?,
        };
        expect_allowed(moment, &found)?;
        let goes_on = random.one_in(3);
        if goes_on {
            told("maintenance", settle(&database, env))?;
            told("a check", database.check())?;
            expect(&found, &look_and_search(&database, random)?, "after maintenance")?;
            restore(env, moment)?;
        }
        Ok(Recovery { database, found, opened_at, goes_on })
    }

    /// The next commit is as good as any.
    fn go_on(self) -> Verdict {
        if !self.goes_on {
            return Ok(());
        }
        let mut world = self.found;
        told("one more commit", Run::one_more(&self.database, &mut world))?;
        expect(&world, &look(&self.database)?, "after one more commit")
    }
}

/// The newest backup is what was acknowledged, or the one that was under way.
fn restore(env: &MemoryEnv, moment: &Moment) -> Verdict {
    let database = told("restoring", restored(env))?;
    let found = database.as_ref().map(look).transpose()?;
    if moment.allows_backup(found.as_ref()) {
        return Ok(());
    }
    Err(match (&moment.backup, found) {
        (Some(backup), Some(found)) => format!("the newest backup: {}", backup.difference(&found)),
        (Some(_), None) => "an acknowledged backup is gone".to_owned(),
        (None, _) => "there is a backup that nobody made".to_owned(),
    })
}

/// Everything that is there.
///
/// # Errors
/// Those of reading.
pub fn look(database: &Database) -> Verdict<World> {
    told("reading", database.snapshot().and_then(|snapshot| observe(&snapshot)))
}

/// Everything that is there, compared with what searches find.
///
/// # Errors
/// Those of reading, and what searches find wrongly.
pub fn look_and_search(database: &Database, random: &mut Random) -> Verdict<World> {
    let snapshot = told("reading", database.snapshot())?;
    let found = told("reading", observe(&snapshot))?;
    told("searching", compare_search(&snapshot, &found, random))?;
    Ok(found)
}

/// Whether `found` is `expected`.
///
/// # Errors
/// What differs.
pub fn expect(expected: &World, found: &World, when: &str) -> Verdict {
    if expected == found { Ok(()) } else { Err(format!("{when}: {}", expected.difference(found))) }
}

/// Whether `moment` allows what was found.
///
/// # Errors
/// What differs from what was acknowledged.
pub fn expect_allowed(moment: &Moment, found: &World) -> Verdict {
    if moment.allows(found) { Ok(()) } else { Err(moment.acknowledged.difference(found)) }
}
