//! The command line of the soak.

use std::time::Duration;

pub(crate) const HELP: &str = "\
Crashes the whole engine on a simulated disk at every I/O of one workload after the other, fails every I/O of some of them,
and damages the files of others.

    cargo run -p marquetry-tests --release --bin soak -- [--minutes N] [--points N] [--seed S]

    --minutes N      stop after N minutes (60)
    --points N       stop after N crash points (no limit)
    --seed S         the first seed; each workload takes the next one (1)

    --isolation N    instead of all that, check N transactions of threads that get in each other's way
    --flips N        instead of all that, flip N bits, misplace N blocks and put N old ones back in each kind of file

What it went through is appended to tests/RESULTS.md. A loss tells with which of these to replay it:

    --crash-at N     only the crashes at I/O N of the workload of the seed
    --fail-at N      only the failures of I/O N
    --damage N       only the damage, N times in each way to each kind of file";

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) time: Duration,
    pub(crate) points: u64,
    pub(crate) seed: u64,
    pub(crate) isolation: Option<u64>,
    pub(crate) flips: Option<u64>,
    pub(crate) replay: Option<Replay>,
}

/// One trial again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Replay {
    Crash(u64),
    Failure(u64),
    Damage(u64),
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Arguments {
            time: Duration::from_secs(3_600),
            points: u64::MAX,
            seed: 1,
            isolation: None,
            flips: None,
            replay: None,
        };
        while let Some(name) = words.next() {
            let value = words.next().ok_or_else(|| format!("{name} needs a number behind it"))?;
            let number = value.parse::<u64>().map_err(|_| format!("{value:?} behind {name} is no number"))?;
            match name.as_str() {
                "--minutes" => arguments.time = Duration::from_secs(number.saturating_mul(60)),
                "--points" => arguments.points = number,
                "--seed" => arguments.seed = number,
                "--isolation" => arguments.isolation = Some(number),
                "--flips" => arguments.flips = Some(number),
                "--crash-at" => arguments.replay = Some(Replay::Crash(number)),
                "--fail-at" => arguments.replay = Some(Replay::Failure(number)),
                "--damage" => arguments.replay = Some(Replay::Damage(number)),
                _ => return Err(format!("{name} is not known")),
            }
        }
        Ok(arguments)
    }
}
