//! Reads and scans of stores that have come to rest.

use marquetry_benches::Outcome;
use marquetry_benches::store::{Order, Safety};

use super::{Loaded, clients_of, key_of, size_of, tell};
use crate::arguments::Arguments;
use crate::clients::{Client, Shift, together};
use crate::peer::Peer;
use crate::report::Report;

const SCANNED: usize = 100;

/// One read of a record that is there, each in a view of its own.
pub(super) fn reads(arguments: &Arguments, report: &Report) -> Outcome<()> {
    let stores = Loaded::new(arguments)?;
    for clients in arguments.clients.iter().copied() {
        let read = |client: &mut Client<'_>| {
            let key = key_of(client.random.below(arguments.records));
            let size_bytes = client.session.get(&key)?;
            assert_eq!(size_bytes, Some(arguments.value_size_bytes), "the record is there");
            Ok(())
        };
        let measure = |_, peer: &dyn Peer, seed| {
            together(peer, Shift { clients, safety: Safety::Process, span: arguments.span, seed }, &read)
        };
        let contest = stores.contest("read", Safety::Process, &measure);
        let title = format!("Point reads, {}, {}", clients_of(clients), size_of(arguments));
        tell(report, &title, &contest.hold(arguments.rounds)?)?;
    }
    Ok(())
}

/// A hundred entries from a random place, in both orders, and everything from one end.
pub(super) fn scans(arguments: &Arguments, report: &Report) -> Outcome<()> {
    let stores = Loaded::new(arguments)?;
    for (order, name) in [(Order::Forward, "forward"), (Order::Backward, "backward")] {
        let scan = |client: &mut Client<'_>| {
            let key = key_of(client.random.below(arguments.records));
            client.session.scan(&key, order, SCANNED)?;
            Ok(())
        };
        let measure = |_, peer: &dyn Peer, seed| {
            together(peer, Shift { clients: 1, safety: Safety::Process, span: arguments.span, seed }, &scan)
        };
        let contest = stores.contest("scan of 100", Safety::Process, &measure);
        let title = format!("Scans of {SCANNED} entries {name}, {}", size_of(arguments));
        tell(report, &title, &contest.hold(arguments.rounds)?)?;

        let from: &[u8] = if order == Order::Forward { b"" } else { b"\xff" };
        let everything = |_, peer: &dyn Peer, _| {
            let mut session = peer.session(Safety::Process, 1)?;
            let started = std::time::Instant::now();
            let count = session.scan(from, order, usize::MAX)?;
            assert_eq!(count as u64, arguments.records, "every record is there");
            Ok(started.elapsed().as_secs_f64() * 1e6 / count as f64)
        };
        let contest = stores.contest("entry", Safety::Process, &everything);
        let title = format!("Scan {name} over everything, {}", size_of(arguments));
        tell(report, &title, &contest.hold(arguments.rounds)?)?;
    }
    Ok(())
}
