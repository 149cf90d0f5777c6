//! Several entrants, measured in turns, told as one table.

use std::fmt;

use crate::Outcome;

/// How often everybody has a turn, unless the environment says otherwise.
const ROUNDS: usize = 9;

type Measure<'a> = Box<dyn FnMut() -> Outcome<f64> + 'a>;

struct Entrant<'a> {
    name: String,
    measure: Measure<'a>,
    micros: Vec<f64>,
}

/// A table in the making; the first entrant is the subject, and the others are its peers.
pub struct Contest<'a> {
    title: String,
    operation: &'static str,
    entrants: Vec<Entrant<'a>>,
}

impl<'a> Contest<'a> {
    /// A contest over how long one `operation` takes.
    pub fn new(title: impl Into<String>, operation: &'static str) -> Self {
        Contest { title: title.into(), operation, entrants: Vec::new() }
    }

    /// Adds an entrant; each call of `measure` is one round and returns microseconds per operation.
    #[must_use]
    pub fn entrant(mut self, name: impl Into<String>, measure: impl FnMut() -> Outcome<f64> + 'a) -> Self {
        self.entrants.push(Entrant { name: name.into(), measure: Box::new(measure), micros: Vec::new() });
        self
    }

    /// Holds all rounds and prints the table, unless the command line asks for other titles.
    ///
    /// # Errors
    /// The first failure of an entrant.
    pub fn run(self) -> Outcome<()> {
        if !is_wanted(&self.title) {
            return Ok(());
        }
        let rounds = std::env::var("MARQUETRY_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
        let title = self.title.clone();
        print!("\n### {title}\n\n{}", self.hold(rounds)?);
        Ok(())
    }

    /// Holds that many rounds, each beginning with another entrant.
    ///
    /// # Errors
    /// The first failure of an entrant.
    pub fn hold(mut self, rounds: usize) -> Outcome<Standings> {
        let count = self.entrants.len();
        for round in 0..rounds {
            for turn in 0..count {
                let entrant = &mut self.entrants[(round + turn) % count];
                let micros = (entrant.measure)()?;
                entrant.micros.push(micros);
            }
        }
        Ok(Standings { operation: self.operation, standings: self.standings() })
    }

    fn standings(&self) -> Vec<Standing> {
        let Some(subject) = self.entrants.first() else { return Vec::new() };
        let standing = |entrant: &Entrant<'_>| Standing {
            name: entrant.name.clone(),
            median_us: median(entrant.micros.clone()),
            fastest_us: entrant.micros.iter().copied().fold(f64::INFINITY, f64::min),
            ratio: median(subject.micros.iter().zip(&entrant.micros).map(|(subject, peer)| peer / subject).collect()),
        };
        self.entrants.iter().map(standing).collect()
    }
}

/// How an entrant did.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Who it is.
    pub name: String,
    /// Microseconds per operation in the middle one of the rounds.
    pub median_us: f64,
    /// Microseconds per operation in the best round.
    pub fastest_us: f64,
    /// How many times the subject's time it took in the same round, in the middle one of the rounds.
    pub ratio: f64,
}

/// How everybody did; displays as a table without a title.
#[derive(Debug, Clone)]
pub struct Standings {
    operation: &'static str,
    /// In the order in which they entered, the subject first.
    pub standings: Vec<Standing>,
}

impl fmt::Display for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} | median | fastest | per second | marquetry is |", self.operation)?;
        writeln!(f, "|---|---:|---:|---:|---:|")?;
        for Standing { name, median_us, fastest_us, ratio } in &self.standings {
            let (median, fastest, rate) = (time(*median_us), time(*fastest_us), 1e6 / median_us);
            writeln!(f, "| {name} | {median} | {fastest} | {rate:.0} | {} |", times_as_fast(*ratio))?;
        }
        Ok(())
    }
}

/// Whether the command line asks for tables like this one: it has no words, or one of them is in the title.
pub fn is_wanted(title: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    words.peek().is_none() || words.any(|word| title.contains(&word))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn times_as_fast(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2} x as fast") } else { format!("{ratio:.0} x as fast") }
}

fn time(micros: f64) -> String {
    match micros {
        _ if micros < 10.0 => format!("{micros:.2} us"),
        _ if micros < 1_000.0 => format!("{micros:.0} us"),
        _ => format!("{:.1} ms", micros / 1_000.0),
    }
}
