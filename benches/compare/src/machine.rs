//! When something was measured, and how much of the machine others had meanwhile.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use marquetry_benches::Outcome;
use time::OffsetDateTime;

const IDLE_FOR: Duration = Duration::from_millis(50);
const IDLE_WAIT_MAX: Duration = Duration::from_secs(2);

/// The clock of the processors' work, at one moment: hundredths of seconds since the machine began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Of all processors together.
    passed: u64,
    busy: u64,
    /// By this process and those that it started.
    ours: u64,
}

impl Moment {
    pub(crate) fn now() -> Outcome<Self> {
        let told = fs::read_to_string("/proc/stat")?;
        let line = told.lines().next().ok_or("the system tells nothing of its processors")?;
        // User, nice, system, idle, waiting, interrupts, soft interrupts, stolen by other machines.
        let spent: Vec<u64> = line.split_whitespace().skip(1).take(8).filter_map(|word| word.parse().ok()).collect();
        let passed = spent.iter().sum();
        let idle: u64 = spent.iter().skip(3).take(2).sum();
        Ok(Moment { passed, busy: passed - idle, ours: spent_by_us() })
    }

    /// The share of the processors that others had since `before`, the system's own threads among them, in percent;
    /// `None` when too little time has passed to tell.
    pub(crate) fn others_since(self, before: Moment) -> Option<u64> {
        let passed = self.passed.saturating_sub(before.passed);
        let busy = self.busy.saturating_sub(before.busy);
        let others = busy.saturating_sub(self.ours.saturating_sub(before.ours));
        (passed >= 100).then(|| others * 100 / passed)
    }
}

/// Waits until this process and those that it started have next to nothing to do, but not for ever.
pub(crate) fn wait_until_idle() {
    let started = Instant::now();
    let mut before = spent_by_us();
    while started.elapsed() < IDLE_WAIT_MAX {
        std::thread::sleep(IDLE_FOR);
        let spent = spent_by_us();
        if spent <= before + 1 {
            break;
        }
        before = spent;
    }
}

/// The hour of this moment, without seconds.
pub(crate) fn date() -> String {
    let now = OffsetDateTime::now_utc();
    format!("{} {:02}:{:02}", now.date(), now.hour(), now.minute())
}

pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

struct Process {
    parent: u32,
    spent: u64,
}

fn spent_by_us() -> u64 {
    let processes: HashMap<u32, Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, process(id)?)))
        .collect();
    let is_ours = |mut id: u32| {
        while id != std::process::id() {
            match processes.get(&id) {
                Some(process) if process.parent != id => id = process.parent,
                _ => return false,
            }
        }
        true
    };
    processes.iter().filter(|(id, _)| is_ours(**id)).map(|(_, process)| process.spent).sum()
}

fn process(id: u32) -> Option<Process> {
    let told = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before may hold anything, blanks as well.
    let words: Vec<&str> = told.rsplit_once(')')?.1.split_whitespace().collect();
    // In user and system code, and the same of those that it started and that have ended.
    let spent = words.get(11..15)?.iter().filter_map(|word| word.parse::<u64>().ok()).sum();
    Some(Process { parent: words.get(1)?.parse().ok()?, spent })
}
