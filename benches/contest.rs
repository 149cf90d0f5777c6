//! Several entrants, measured in turns, told as one table.

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
    pub fn run(mut self) -> Outcome<()> {
        if !is_wanted(&self.title) {
            return Ok(());
        }
        let rounds = std::env::var("MARQUETRY_BENCH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
        let count = self.entrants.len();
        for round in 0..rounds {
            for turn in 0..count {
                let entrant = &mut self.entrants[(round + turn) % count];
                let micros = (entrant.measure)()?;
                entrant.micros.push(micros);
            }
        }
        self.print();
        Ok(())
    }

    fn print(&self) {
        let operation = self.operation;
        println!("\n### {}\n", self.title);
        println!("| {operation} | median | fastest | per second | marquetry is |");
        println!("|---|---:|---:|---:|---:|");
        let subject = &self.entrants[0];
        for entrant in &self.entrants {
            let ratios = subject.micros.iter().zip(&entrant.micros).map(|(subject, peer)| peer / subject).collect();
            let typical = median(entrant.micros.clone());
            let fastest = entrant.micros.iter().copied().fold(f64::INFINITY, f64::min);
            println!(
                "| {} | {} | {} | {:.0} | {} |",
                entrant.name,
                time(typical),
                time(fastest),
                1e6 / typical,
                times_as_fast(median(ratios))
            );
        }
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
