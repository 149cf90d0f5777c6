//! What a soak went through, and the file that remembers it.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use marquetry_tests::crashes::CrashCount;
use marquetry_tests::damage::DamageCount;
use marquetry_tests::failures::FailureCount;

/// Counts of one soak.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    first_seed: u64,
    pub(crate) next_seed: u64,
    pub(crate) crashes: CrashCount,
    pub(crate) failures: FailureCount,
    pub(crate) damage: DamageCount,
    pub(crate) losses: u64,
    pub(crate) begun: Instant,
}

impl Tally {
    pub(crate) fn new(seed: u64) -> Self {
        Tally {
            first_seed: seed,
            next_seed: seed,
            crashes: CrashCount::default(),
            failures: FailureCount::default(),
            damage: DamageCount::default(),
            losses: 0,
            begun: Instant::now(),
        }
    }

    /// Adds a row to `tests/RESULTS.md`.
    pub(crate) fn append(&self) -> io::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        let CrashCount { workloads, points, second, .. } = self.crashes;
        writeln!(
            file,
            "| {}..{} | {workloads} | {points} | {second} | {} | {} | {} | {} | {} |",
            self.first_seed,
            self.next_seed,
            self.failures.failures,
            self.damage.trials,
            self.losses,
            self.begun.elapsed().as_secs() / 60,
            machine(),
        )
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        write!(
            f,
            "{seconds:.0} s, seeds {}..{}: {} crash points ({:.0}/s), {} of them inside recovery; {} failed I/Os; {:?}; {} losses",
            self.first_seed,
            self.next_seed,
            self.crashes.points,
            self.crashes.points as f64 / seconds,
            self.crashes.second,
            self.failures.failures,
            self.damage,
            self.losses,
        )
    }
}

/// The machine in a few words.
fn machine() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (text("/proc/cpuinfo"), text("/proc/meminfo"));
    let field = |text: &str, name: &str| -> Option<String> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field(&processors, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kib = field(&memory, "MemTotal").and_then(|size| size.split(' ').next()?.parse::<u64>().ok());
    let gib = kib.map_or_else(|| "?".to_owned(), |kib| format!("{:.0}", kib as f64 / 1_048_576.0));
    format!("1 thread, {model}, {gib} GiB, Linux {}", text("/proc/sys/kernel/osrelease").trim())
}
