//! What a soak went through, and the file that remembers it.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use marquetry_tests::crashes::CrashCount;
use marquetry_tests::damage::DamageCounts;
use marquetry_tests::failures::FailureCount;

/// Counts of one soak.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    first_seed: u64,
    pub(crate) next_seed: u64,
    pub(crate) crashes: CrashCount,
    pub(crate) failures: FailureCount,
    pub(crate) damage: DamageCounts,
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
            damage: DamageCounts::default(),
            losses: 0,
            begun: Instant::now(),
        }
    }

    /// Adds a row to `tests/RESULTS.md`.
    pub(crate) fn append(&self) -> io::Result<()> {
        let CrashCount { workloads, points, second, .. } = self.crashes;
        append_row(
            "| seeds | workloads |",
            &format!(
                "| {}..{} | {workloads} | {points} | {second} | {} | {} | {} | {} | {} |",
                self.first_seed,
                self.next_seed,
                self.failures.failures,
                self.damage.total().trials(),
                self.losses,
                self.begun.elapsed().as_secs() / 60,
                machine("1 thread"),
            ),
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
            self.damage.total(),
            self.losses,
        )
    }
}

/// Adds a row to the table of `tests/RESULTS.md` whose head begins with `head`.
pub(crate) fn append_row(head: &str, row: &str) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
    let text = fs::read_to_string(&path)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let start = lines.iter().position(|line| line.starts_with(head));
    let start = start.ok_or_else(|| io::Error::other(format!("no table begins with {head:?}")))?;
    let size = lines[start..].iter().position(|line| !line.starts_with('|')).unwrap_or(lines.len() - start);
    lines.insert(start + size, row);
    fs::write(&path, lines.join("\n") + "\n")
}

/// The machine in a few words, and how it was used.
pub(crate) fn machine(threads: &str) -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let (processors, memory) = (text("/proc/cpuinfo"), text("/proc/meminfo"));
    let field = |text: &str, name: &str| -> Option<String> {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let model = field(&processors, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let kib = field(&memory, "MemTotal").and_then(|size| size.split(' ').next()?.parse::<u64>().ok());
    let gib = kib.map_or_else(|| "?".to_owned(), |kib| format!("{:.0}", kib as f64 / 1_048_576.0));
    format!("{threads}, {model}, {gib} GiB, Linux {}", text("/proc/sys/kernel/osrelease").trim())
}
