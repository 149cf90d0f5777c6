//! Crashes, failing I/Os, damage and threads in each other's way for as long as told; see `--help`.

mod arguments;
mod bit_rot;
mod isolation;
mod results;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use marquetry_tests::verdict::silence_redb;
use marquetry_tests::{crashes, damage, failures};

use arguments::{Arguments, Replay};
use results::Tally;

/// How often progress is told.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(30);
/// One workload in so many has all its I/Os fail, too.
const FAILURES_ONE_IN: u64 = 16;
/// One workload in so many leaves files that are damaged, this often in each way and each kind.
const DAMAGE_ONE_IN: u64 = 4;
const DAMAGE_TIMES: u64 = 100;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    silence_redb();
    if let Some(replay) = arguments.replay {
        return exit_code(play_again(arguments.seed, replay));
    }
    if let Some(transactions) = arguments.isolation {
        return exit_code(isolation::soak(arguments.seed, transactions));
    }
    if let Some(times) = arguments.flips {
        return exit_code(bit_rot::soak(arguments.seed, times));
    }
    let mut tally = Tally::new(arguments.seed);
    let outcome = soak(&arguments, &mut tally);
    tally.losses = u64::from(outcome.is_err());
    println!("{tally}");
    if let Err(error) = tally.append() {
        eprintln!("tests/RESULTS.md could not be written: {error}");
    }
    exit_code(outcome)
}

fn exit_code(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(loss) => {
            eprintln!("LOSS {loss}");
            ExitCode::FAILURE
        }
    }
}

fn play_again(seed: u64, replay: Replay) -> Result<(), String> {
    match replay {
        Replay::Crash(io) => println!("{:?}, 0 losses", crashes::enumerate(seed, Some(io))?),
        Replay::Failure(io) => println!("{:?}, 0 losses", failures::enumerate(seed, Some(io))?),
        Replay::Damage(times) => println!("{:#?}, 0 losses", damage::enumerate(seed, times)?),
    }
    Ok(())
}

/// One seed after the other, until the time or the number of points is used up.
fn soak(arguments: &Arguments, tally: &mut Tally) -> Result<(), String> {
    let mut told = tally.begun;
    while tally.begun.elapsed() < arguments.time && tally.crashes.points < arguments.points {
        let seed = tally.next_seed;
        tally.crashes.add(crashes::enumerate(seed, None)?);
        if seed.is_multiple_of(FAILURES_ONE_IN) {
            tally.failures.add(failures::enumerate(seed, None)?);
        }
        if seed.is_multiple_of(DAMAGE_ONE_IN) {
            tally.damage.add(&damage::enumerate(seed, DAMAGE_TIMES)?);
        }
        tally.next_seed = seed.wrapping_add(1);
        if told.elapsed() >= PROGRESS_INTERVAL {
            told = Instant::now();
            println!("{tally}");
        }
    }
    Ok(())
}
