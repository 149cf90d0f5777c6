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

use super::{Loaded, clients_of, filling, key_of, size_of, spread};
use crate::arguments::Arguments;
use crate::clients::{Client, Shift, together};
use crate::peer::PeerKind;
use crate::report::Report;
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
    value: Vec<u8>,
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
        assert!(size_bytes == Some(self.value.len()) || !is_there, "record {record} is there");
        Ok(())
    }

    fn put(&self, client: &mut Client<'_>, record: u64) -> Outcome<()> {
        client.session.write(&[(&key_of(record), Some(&self.value))])
    }

    fn insert(&self, client: &mut Client<'_>) -> Outcome<()> {
        let record = self.count.fetch_add(1, Ordering::Relaxed);
        self.put(client, record)
    }

    fn change(&self, client: &mut Client<'_>, record: u64) -> Outcome<()> {
        client.session.update(&key_of(record), &|old| {
            let mut new = old.to_vec();
            let end = new.len().min(100);
            new[..end].copy_from_slice(&self.value[..end]);
            new
        })
    }

    fn operation(&self, mix: char, client: &mut Client<'_>) -> Outcome<()> {
        let draw = client.random.below(100);
        match mix {
            'A' | 'B' | 'C' | 'F' => {
                let record = self.hot(client);
                match (mix, draw) {
                    ('A', 50..) | ('B', 95..) => self.put(client, record),
                    ('F', 50..) => self.change(client, record),
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

pub(super) fn ycsb(arguments: &Arguments, report: &Report) -> Outcome<()> {
    for safety in [Safety::Process, Safety::Power] {
        let stores = Loaded::new(arguments)?;
        let records: Vec<(PeerKind, Records)> =
            stores.peers.iter().map(|(kind, _)| (*kind, new_records(arguments))).collect();
        let of = |kind| &records.iter().find(|(known, _)| *known == kind).expect("every store has records").1;
        for clients in arguments.clients.iter().copied() {
            let mut columns = Vec::new();
            for mix in MIXES {
                let measure = |kind, peer: &dyn crate::peer::Peer, seed| {
                    let shift = Shift { clients, safety, span: arguments.span, seed };
                    together(peer, shift, &|client: &mut Client<'_>| of(kind).operation(mix, client))
                };
                columns.push(stores.contest("operation", safety, &measure).hold(arguments.rounds)?);
            }
            let survives = if safety == Safety::Power { "durable" } else { "not synced" };
            let title = format!("YCSB, {survives}, {}, {}", clients_of(clients), size_of(arguments));
            report.add(&title, &matrix(&columns))?;
        }
    }
    Ok(())
}

fn new_records(arguments: &Arguments) -> Records {
    Records {
        zipf: Zipf::new(arguments.records),
        loaded: arguments.records,
        count: AtomicU64::new(arguments.records),
        value: filling(arguments.value_size_bytes),
    }
}

/// One line for each store, one column for each mix, and the geometric mean of the ratios.
fn matrix(columns: &[Standings]) -> String {
    let mut table = String::from("| operations per second");
    MIXES.iter().for_each(|mix| table += &format!(" | {mix}"));
    table += " | marquetry is |\n|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for row in 0..columns[0].standings.len() {
        table += &format!("| {}", columns[0].standings[row].name);
        let mut logarithms = 0.0;
        for column in columns {
            let standing = &column.standings[row];
            table += &format!(" | {:.0}", 1e6 / standing.median_us);
            logarithms += standing.ratio.ln();
        }
        table += &format!(" | {:.2} x as fast |\n", (logarithms / columns.len() as f64).exp());
    }
    table
}
