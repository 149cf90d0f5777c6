//! The mixes of the Yahoo! Cloud Serving Benchmark.
//!
//! | | reads | updates | inserts | scans | read, change, write | which records |
//! |---|---|---|---|---|---|---|
//! | A | 50 % | 50 % | | | | hot by rank |
//! | B | 95 % | 5 % | | | | hot by rank |
//! | C | 100 % | | | | | hot by rank |
//! | D | 95 % | | 5 % | | | the newest are the hottest |
//! | E | | | 5 % | 95 %, up to 100 entries | | hot by rank |
//! | F | 50 % | | | | 50 % | hot by rank |
//!
//! As there, keys of neighbouring records are far apart, and the hot ones are spread over all records. An update writes a
//! whole record.

use std::sync::atomic::{AtomicU64, Ordering};

use marquetry_benches::store::{Order, Safety};
use marquetry_benches::{Outcome, Standings};

use super::stores::{key_of, spread};
use super::{Bench, clients_of, survives};
use crate::arguments::Arguments;
use crate::clients::{Client, together};
use crate::peer::{Peer, PeerKind};
use crate::zipf::Zipf;

const MIXES: [char; 6] = ['A', 'B', 'C', 'D', 'E', 'F'];
const SCAN_LENGTH_MAX: u64 = 100;

/// What the clients of one store share.
struct Records {
    zipf: Zipf,
    /// How many the store held before the first insert.
    loaded: u64,
    /// How many there are or are being inserted.
    count: AtomicU64,
    value_size_bytes: usize,
}

impl Records {
    fn hot(&self, client: &mut Client<'_>) -> u64 {
        spread(self.zipf.draw(&mut client.random)) % self.loaded
    }

    fn new_one(&self, client: &mut Client<'_>) -> u64 {
        let newest = self.count.load(Ordering::Relaxed) - 1;
        newest - self.zipf.draw(&mut client.random).min(newest)
    }

    fn read(&self, client: &mut Client<'_>, record: u64, is_there: bool) -> Outcome<()> {
        let size_bytes = client.session.get(&key_of(record))?;
        assert!(size_bytes == Some(self.value_size_bytes) || !is_there, "record {record} is there");
        Ok(())
    }

    fn put(client: &mut Client<'_>, record: u64) -> Outcome<()> {
        client.put(&key_of(record))
    }

    fn insert(&self, client: &mut Client<'_>) -> Outcome<()> {
        let record = self.count.fetch_add(1, Ordering::Relaxed);
        Records::put(client, record)
    }

    fn change(client: &mut Client<'_>, record: u64) -> Outcome<()> {
        let value = client.value.renewed();
        client.session.update(&key_of(record), &|old| {
            let mut new = old.to_vec();
            let end = new.len().min(100);
            new[..end].copy_from_slice(&value[..end]);
            new
        })
    }

    fn operation(&self, mix: char, client: &mut Client<'_>) -> Outcome<()> {
        let draw = client.random.below(100);
        match mix {
            'A' | 'B' | 'C' | 'F' => {
                let record = self.hot(client);
                match (mix, draw) {
                    ('A', 50..) | ('B', 95..) => Records::put(client, record),
                    ('F', 50..) => Records::change(client, record),
                    _ => self.read(client, record, true),
                }
            }
            _ if draw >= 95 => self.insert(client),
            'D' => {
                let record = self.new_one(client);
                // The newest may still be on their way.
                self.read(client, record, record < self.loaded)
            }
            _ => {
                let length = 1 + client.random.below(SCAN_LENGTH_MAX);
                let from = key_of(self.hot(client));
                client.session.scan(&from, Order::Forward, length as usize)?;
                Ok(())
            }
        }
    }
}

pub(super) fn ycsb(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let options = format!("{}, {}", bench.turns(), bench.size());
    let stores = bench.stores()?;
    let records: Vec<(PeerKind, Records)> =
        stores.peers.iter().map(|(kind, _)| (*kind, new_records(arguments))).collect();
    let of = |kind| &records.iter().find(|(known, _)| *known == kind).expect("every store has records").1;
    for safety in [Safety::Process, Safety::Power] {
        let mut all = Vec::new();
        for clients in arguments.clients.iter().copied() {
            let mut columns = Vec::new();
            for mix in MIXES {
                let measure = |kind, peer: &dyn Peer, seed| {
                    let shift = arguments.shift(safety, clients, seed);
                    together(peer, shift, &|client: &mut Client<'_>| of(kind).operation(mix, client))
                };
                columns.push(stores.contest("operation", safety, &measure).hold(arguments.rounds)?);
            }
            let title = format!("YCSB, {}, {}", survives(safety), clients_of(clients));
            bench.report.add(&title, &matrix(&columns), &options)?;
            all.push((clients, columns));
        }
        let title = format!("YCSB, geometric means over A to F, {}", survives(safety));
        bench.report.add(&title, &means(&all), &options)?;
        stores.settle()?;
    }
    Ok(())
}

fn new_records(arguments: &Arguments) -> Records {
    Records {
        zipf: Zipf::new(arguments.records),
        loaded: arguments.records,
        count: AtomicU64::new(arguments.records),
        value_size_bytes: arguments.value_size_bytes,
    }
}

/// One line for each store, one column for each mix, and the geometric mean of the ratios.
fn matrix(columns: &[Standings]) -> String {
    let mut table = String::from("| operations per second");
    MIXES.iter().for_each(|mix| table += &format!(" | {mix}"));
    table += " | marquetry is |\n|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for row in 0..columns[0].standings.len() {
        table += &format!("| {}", columns[0].standings[row].name);
        for column in columns {
            table += &format!(" | {:.0}", 1e6 / column.standings[row].median_us);
        }
        let ratio = geometric_mean(columns.iter().map(|column| column.standings[row].ratio));
        table += &format!(" | {ratio:.2} x as fast |\n");
    }
    table
}

/// One line for each store; for each number of clients and for all of them how many operations it does per second, and
/// how many times as many the first one does.
fn means(all: &[(usize, Vec<Standings>)]) -> String {
    let mut table = String::from("| operations per second (marquetry is so many times as fast)");
    all.iter().for_each(|(clients, _)| table += &format!(" | {}", clients_of(*clients)));
    table += &format!(" | over all |\n|---|{}\n", "---:|".repeat(all.len() + 1));
    for row in 0..all[0].1[0].standings.len() {
        table += &format!("| {}", all[0].1[0].standings[row].name);
        let cell = |columns: &[&Standings]| {
            let standings = || columns.iter().map(|column| &column.standings[row]);
            let rate = geometric_mean(standings().map(|standing| 1e6 / standing.median_us));
            let ratio = geometric_mean(standings().map(|standing| standing.ratio));
            format!(" | {rate:.0} ({ratio:.2} x)")
        };
        for (_, columns) in all {
            table += &cell(&columns.iter().collect::<Vec<_>>());
        }
        table += &cell(&all.iter().flat_map(|(_, columns)| columns).collect::<Vec<_>>());
        table += " |\n";
    }
    table
}

fn geometric_mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    (values.map(f64::ln).sum::<f64>() / count).exp()
}
