//! The kinds of work at which the stores are compared.
//!
//! ```text
//!   load          many entries, in order and not              space          on disk and in memory
//!   reads, scans  from settled stores
//!   puts          single puts, durable and not synced, by each number of clients
//!   batches       100 puts in one commit                      ycsb           the mixes A to F
//!   counter       everybody adds to one key                   short-lived    put, look for it, remove it
//!   long-reader   hot writers beside a view that is held      open           after a kill
//!   sustained     random puts for long: how long is the longest, how much memory do they take
//!   growth        the same figures from a hundred thousand rows to fifty million
//! ```
//!
//! Those that want many records share stores that are loaded once, and come in the order of [`Workload::ALL`] therefore; the
//! others open stores of their own in a fresh directory. Each takes its tables to the report.

mod child;
mod growth;
mod kill;
mod load;
mod reading;
mod space;
mod stores;
mod sustained;
mod writing;
mod ycsb;

use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::rc::Rc;

use marquetry_benches::store::Safety;
use marquetry_benches::{Outcome, Standings};

use crate::arguments::Arguments;
use crate::chart;
use crate::peer::PeerKind;
use crate::report::Report;

use self::stores::{Shelf, Stores};

/// Which kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    Load,
    Space,
    Reads,
    Scans,
    Puts,
    Batches,
    Ycsb,
    Counter,
    ShortLived,
    LongReader,
    Open,
    Sustained,
    Growth,
}

impl Workload {
    pub(crate) const ALL: &'static [Workload] = &[
        Workload::Load,
        Workload::Space,
        Workload::Reads,
        Workload::Scans,
        Workload::Puts,
        Workload::Batches,
        Workload::Ycsb,
        Workload::Counter,
        Workload::ShortLived,
        Workload::LongReader,
        Workload::Open,
        Workload::Sustained,
        Workload::Growth,
    ];

    fn name(self) -> &'static str {
        match self {
            Workload::Load => "load",
            Workload::Reads => "reads",
            Workload::Scans => "scans",
            Workload::Puts => "puts",
            Workload::Batches => "batches",
            Workload::Ycsb => "ycsb",
            Workload::Counter => "counter",
            Workload::ShortLived => "short-lived",
            Workload::LongReader => "long-reader",
            Workload::Open => "open",
            Workload::Space => "space",
            Workload::Sustained => "sustained",
            Workload::Growth => "growth",
        }
    }

    pub(crate) fn named(name: &str) -> Outcome<Self> {
        let known = Workload::ALL.iter().find(|workload| workload.name() == name);
        known.copied().ok_or_else(|| "there is no such workload".into())
    }

    fn run(self, bench: &Bench<'_>) -> Outcome<()> {
        match self {
            Workload::Load => load::load(bench),
            Workload::Reads => reading::reads(bench),
            Workload::Scans => reading::scans(bench),
            Workload::Puts => writing::puts(bench),
            Workload::Batches => writing::batches(bench),
            Workload::Ycsb => ycsb::ycsb(bench),
            Workload::Counter => writing::counter(bench),
            Workload::ShortLived => writing::short_lived(bench),
            Workload::LongReader => writing::long_reader(bench),
            Workload::Open => kill::open(bench),
            Workload::Space => space::space(bench),
            Workload::Sustained => sustained::sustained(bench),
            Workload::Growth => growth::growth(bench),
        }
    }
}

/// Everything that the command line asks for.
pub(crate) fn run_all(arguments: &Arguments) -> Outcome<()> {
    let mut arguments = arguments.clone();
    arguments.peers.retain(|kind| kind.is_installed());
    let bench = Bench::new(&arguments)?;
    for workload in Workload::ALL.iter().filter(|workload| arguments.workloads.contains(workload)) {
        let started = std::time::Instant::now();
        workload.run(&bench)?;
        eprintln!("\n{} took {:.0} s", workload.name(), started.elapsed().as_secs_f64());
        // After each, so that what was measured is told when a later one fails.
        bench.draw()?;
    }
    Ok(())
}

/// What a process does that one of the workloads started.
pub(crate) fn play(role: &str, directory: &Path, arguments: &Arguments) -> Outcome<()> {
    let (part, peer) = role.rsplit_once('-').ok_or("a role is a part and a peer")?;
    let peer = PeerKind::named(peer)?;
    match part.split_once(':') {
        None if part == "load" => stores::load_one(peer, directory, arguments),
        None if part == "fill" => kill::fill(peer, directory, arguments),
        None if part == "reopen" => growth::reopen(peer, directory, arguments),
        Some(("sustained", safety)) => sustained::put_for_long(safety, peer, directory, arguments),
        Some(("grow", rows)) => growth::grow(rows, peer, directory, arguments),
        _ => space::measure(part, peer, directory, arguments),
    }
}

/// What the workloads of one run share.
struct Bench<'a> {
    arguments: &'a Arguments,
    report: Report,
    /// Those of the shelf, once somebody wanted them in this process; dropped before it.
    open: RefCell<Option<Rc<Stores>>>,
    shelf: OnceCell<Shelf>,
}

impl<'a> Bench<'a> {
    fn new(arguments: &'a Arguments) -> Outcome<Self> {
        let report = Report::new(arguments.into.clone())?;
        Ok(Bench { arguments, report, shelf: OnceCell::new(), open: RefCell::new(None) })
    }

    /// The stores with all records, closed; the first workload that asks for them loads them.
    fn shelf(&self) -> Outcome<&Shelf> {
        drop(self.open.take());
        if self.shelf.get().is_none() {
            // Nobody else fills the cell: a run has one thread.
            let _ = self.shelf.set(Shelf::load(self.arguments)?);
        }
        Ok(self.shelf.get().expect("it was filled above"))
    }

    /// The same stores, open.
    fn stores(&self) -> Outcome<Rc<Stores>> {
        if let Some(stores) = &*self.open.borrow() {
            return Ok(Rc::clone(stores));
        }
        let stores = Rc::new(Stores::of(self.shelf()?, self.arguments)?);
        self.open.replace(Some(Rc::clone(&stores)));
        Ok(stores)
    }

    /// Tells a contest.
    fn tell(&self, title: &str, standings: &Standings, options: &str) -> Outcome<()> {
        self.report.add(title, &standings.to_string(), options)
    }

    /// How the stores are furnished, for the lines below the tables.
    fn size(&self) -> String {
        self.size_of(self.arguments.records)
    }

    fn size_of(&self, records: u64) -> String {
        let Arguments { value_size_bytes, memory_size_bytes, .. } = self.arguments;
        format!("{records} records of {value_size_bytes} B, {} MiB for each store", memory_size_bytes >> 20)
    }

    /// How long each has a turn.
    fn turns(&self) -> String {
        let Arguments { rounds, span, .. } = self.arguments;
        format!("{rounds} rounds of {} ms", span.as_millis())
    }

    fn draw(&self) -> Outcome<()> {
        match self.report.tables()? {
            Some((tables, directory)) => chart::draw_all(&tables, &directory.join("charts")),
            None => Ok(()),
        }
    }
}

fn survives(safety: Safety) -> &'static str {
    match safety {
        Safety::Power => "durable",
        Safety::Process => "not synced",
    }
}

/// "1 client" or "4 clients".
fn clients_of(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
