//! Isolation for as long as one likes: one batch of transactions after the other, each on fresh keys, checked while the
//! next one runs.
//!
//! A seed gives a batch: which checker, which isolation, how many threads over how few keys, and what each transaction
//! does. In which order the threads come is the machine's affair, so a batch that fails leaves its history in a file.

use std::fmt;
use std::fs;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use adya::Valid;
use marquetry::{Isolation, Settings};
use marquetry_tests::verdict::{Verdict, told};
use marquetry_tests::{Random, lists, witness};

use crate::PROGRESS_INTERVAL;
use crate::results::{append_row, machine};

/// Transactions that the threads of a batch begin, half of which conflict over lists. More of them make neither checker
/// better, and need memory.
const OVER_LISTS_PER_BATCH: u64 = 48_000;
const BY_WITNESS_PER_BATCH: u64 = 24_000;
/// One batch in so many runs at snapshot isolation, and is checked for what that promises.
const SNAPSHOT_ONE_IN: u64 = 8;
/// Memory of a database, so little that it folds within a batch.
const MEMORY_SIZE_BYTES: usize = 16 * 1024 * 1024;

/// What threads did and saw.
enum Batch {
    Lists(lists::History),
    Witness(Vec<witness::Committed>),
}

/// Counts of what was checked.
#[derive(Debug, Clone)]
struct Tally {
    first_seed: u64,
    next_seed: u64,
    lists: u64,
    witness: u64,
    snapshot: u64,
    skews: u64,
    begun: Instant,
}

/// Runs batches from `seed` on until `transactions` have been checked.
///
/// # Errors
/// The first anomaly, and where its history is.
pub(crate) fn soak(seed: u64, transactions: u64) -> Verdict {
    let tally =
        Tally { first_seed: seed, next_seed: seed, lists: 0, witness: 0, snapshot: 0, skews: 0, begun: Instant::now() };
    let (give, take) = sync_channel(1);
    let checker = thread::spawn(move || check_all(tally, transactions, &take));
    for seed in seed.. {
        let made = make(seed);
        let is_broken = made.is_err();
        // The checker takes no more once it has enough or has found something.
        if give.send((seed, made)).is_err() || is_broken {
            break;
        }
    }
    drop(give);
    let (tally, outcome) = checker.join().map_err(|_| "the checker panicked".to_owned())?;
    println!("{tally}");
    if let Err(error) = tally.append(outcome.is_err()) {
        eprintln!("tests/RESULTS.md could not be written: {error}");
    }
    outcome
}

fn isolation_of(seed: u64) -> Isolation {
    if (seed / 2).is_multiple_of(SNAPSHOT_ONE_IN) { Isolation::Snapshot } else { Isolation::Serializable }
}

fn make(seed: u64) -> Verdict<Batch> {
    let mut random = Random::new(seed);
    let processes = 2 + random.below(7);
    let isolation = isolation_of(seed);
    if seed.is_multiple_of(2) {
        let lists = 3 + random.below(22) as u32;
        let transactions_per_lists = u64::from(lists) * (15 + random.below(30));
        let transactions = OVER_LISTS_PER_BATCH / processes;
        let crowd = lists::Crowd { processes, transactions, lists, transactions_per_lists };
        let settings = Settings { memory_size_bytes: MEMORY_SIZE_BYTES, ..Settings::default() };
        let database = told("opening", lists::database(settings))?;
        return told("a transaction", lists::history(&database, isolation, &crowd, seed)).map(Batch::Lists);
    }
    let transactions = BY_WITNESS_PER_BATCH / processes;
    let crowd = witness::Crowd { processes, transactions, keys: 12 + random.below(88) };
    told("a transaction", witness::history(isolation, &crowd, seed)).map(Batch::Witness)
}

type Made = (u64, Verdict<Batch>);

fn check_all(mut tally: Tally, transactions: u64, batches: &Receiver<Made>) -> (Tally, Verdict) {
    let mut told = tally.begun;
    for (seed, batch) in batches {
        let outcome = batch.and_then(|batch| tally.check(seed, batch)).map_err(|loss| {
            format!("{loss}\nthe like again with: cargo run -p marquetry-tests --release --bin soak -- --isolation 1 --seed {seed}")
        });
        tally.next_seed = seed.wrapping_add(1);
        if outcome.is_err() || tally.checked() >= transactions {
            return (tally, outcome);
        }
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            println!("{tally}");
        }
    }
    (tally, Ok(()))
}

impl Tally {
    fn checked(&self) -> u64 {
        self.lists + self.witness
    }

    fn check(&mut self, seed: u64, batch: Batch) -> Verdict {
        let isolation = isolation_of(seed);
        let committed = match batch {
            Batch::Lists(history) => {
                check_lists(seed, &history, isolation)?;
                self.lists += history.committed();
                history.committed()
            }
            Batch::Witness(mut history) => {
                self.skews += check_witness(seed, &mut history, isolation)?;
                self.witness += history.len() as u64;
                history.len() as u64
            }
        };
        self.snapshot += if isolation == Isolation::Snapshot { committed } else { 0 };
        Ok(())
    }

    /// Adds a row to `tests/RESULTS.md`.
    fn append(&self, is_lost: bool) -> std::io::Result<()> {
        let Tally { first_seed, next_seed, lists, witness, snapshot, skews, .. } = self;
        let (minutes, machine) = (self.begun.elapsed().as_secs() / 60, machine("8 threads and fewer"));
        append_row(
            "| seeds | transactions checked |",
            &format!(
                "| {first_seed}..{next_seed} | {} | {lists} | {witness} | {snapshot} | {skews} | {} | {minutes} | {machine} |",
                self.checked(),
                u64::from(is_lost),
            ),
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.begun.elapsed().max(Duration::from_millis(1)).as_secs_f64();
        write!(
            f,
            "{seconds:.0} s, seeds {}..{}: {} transactions checked ({:.0}/s), {} over lists, {} by witness; {} of them at \
             snapshot isolation, which skewed {} reads",
            self.first_seed,
            self.next_seed,
            self.checked(),
            self.checked() as f64 / seconds,
            self.lists,
            self.witness,
            self.snapshot,
            self.skews,
        )
    }
}

fn check_lists(seed: u64, history: &lists::History, isolation: Isolation) -> Verdict {
    let model = match isolation {
        Isolation::Serializable => "strict-serializable",
        Isolation::Snapshot => "snapshot-isolation",
        Isolation::ReadCommitted => "read-committed",
    };
    let report = history.verdict(model);
    if report.valid == Valid::True {
        return Ok(());
    }
    let place = keep(seed, &history.lines())?;
    Err(format!("seed {seed} is not {model}: {:?}; its history is in {place}", report.anomaly_types))
}

fn check_witness(seed: u64, history: &mut [witness::Committed], isolation: Isolation) -> Verdict<u64> {
    let outcome = match witness::verify(history, isolation) {
        Ok(anomalies) if isolation == Isolation::Serializable && anomalies > 0 => {
            Err(format!("{anomalies} reads were overwritten before their transactions committed"))
        }
        outcome => outcome,
    };
    outcome.or_else(|loss| {
        let lines: String = history.iter().map(|committed| format!("{committed:?}\n")).collect();
        Err(format!("seed {seed}: {loss}; its history is in {}", keep(seed, &lines)?))
    })
}

/// Writes a history to a file, and says where.
fn keep(seed: u64, lines: &str) -> Verdict<String> {
    let path = std::env::temp_dir().join(format!("marquetry-isolation-{seed}.history"));
    fs::write(&path, lines).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path.display().to_string())
}
