//! Reads and scans of stores that have come to rest.

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety};

use super::stores::key_of;
use super::{Bench, clients_of};
use crate::clients::{Client, together};
use crate::peer::Peer;

const SCANNED: usize = 100;

/// One read of a record that is there, each in a view of its own.
pub(super) fn reads(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let stores = bench.stores()?;
    for clients in arguments.clients.iter().copied() {
        let read = |client: &mut Client<'_>| {
            let key = key_of(client.random.below(arguments.records));
            let size_bytes = client.session.get(&key)?;
            assert_eq!(size_bytes, Some(arguments.value_size_bytes), "the record is there");
            Ok(())
        };
        let measure = |_, peer: &dyn Peer, seed| together(peer, arguments.shift(Safety::Process, clients, seed), &read);
        let contest = stores.contest("read", Safety::Process, &measure);
        let title = format!("Point reads, {}", clients_of(clients));
        bench.tell(&title, &contest.hold(arguments.rounds)?, &format!("{}, {}", bench.turns(), bench.size()))?;
    }
    Ok(())
}

/// A hundred entries from a random place, in both orders, and everything from one end.
pub(super) fn scans(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let stores = bench.stores()?;
    for (order, name) in [(Order::Forward, "forward"), (Order::Backward, "backward")] {
        let scan = |client: &mut Client<'_>| {
            let key = key_of(client.random.below(arguments.records));
            client.session.scan(&key, order, SCANNED)?;
            Ok(())
        };
        let measure = |_, peer: &dyn Peer, seed| together(peer, arguments.shift(Safety::Process, 1, seed), &scan);
        let contest = stores.contest("scan of 100", Safety::Process, &measure);
        let title = format!("Scans of {SCANNED} entries {name}");
        bench.tell(&title, &contest.hold(arguments.rounds)?, &format!("{}, {}", bench.turns(), bench.size()))?;

        let from: &[u8] = if order == Order::Forward { b"" } else { b"\xff" };
        let everything = |_, peer: &dyn Peer, _| {
            let mut session = peer.session(Safety::Process, 1)?;
            let started = std::time::Instant::now();
            let count = session.scan(from, order, usize::MAX)?;
            assert_eq!(count as u64, arguments.records, "every record is there");
            Ok(started.elapsed().as_secs_f64() * 1e6 / count as f64)
        };
        let contest = stores.contest("entry", Safety::Process, &everything);
        let title = format!("Scan {name} over everything");
        let options = format!("{} rounds, {}", arguments.rounds, bench.size());
        bench.tell(&title, &contest.hold(arguments.rounds)?, &options)?;
    }
    Ok(())
}
