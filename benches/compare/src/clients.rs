//! Threads that work side by side for a while.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use marquetry_benches::store::Safety;
use marquetry_benches::{Outcome, Random};

use crate::peer::{Peer, Session};
use crate::value::Value;

/// Who works and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shift {
    pub(crate) clients: usize,
    pub(crate) safety: Safety,
    pub(crate) span: Duration,
    pub(crate) seed: u64,
    pub(crate) value_size_bytes: usize,
}

/// What one client has at hand.
pub(crate) struct Client<'a> {
    pub(crate) session: Box<dyn Session + 'a>,
    pub(crate) random: Random,
    /// From zero on, different for each.
    pub(crate) number: usize,
    /// Operations that it has done.
    pub(crate) done: u64,
    pub(crate) value: Value,
}

impl Client<'_> {
    /// One transaction that puts a new value.
    pub(crate) fn put(&mut self, key: &[u8]) -> Outcome<()> {
        self.session.write(&[(key, Some(self.value.renewed()))])
    }
}

/// Microseconds per operation when all clients of `shift` repeat `operation` on `peer`.
pub(crate) fn together(
    peer: &dyn Peer,
    shift: Shift,
    operation: &(dyn Fn(&mut Client<'_>) -> Outcome<()> + Sync),
) -> Outcome<f64> {
    let barrier = Barrier::new(shift.clients);
    let works: Vec<Outcome<(u64, Duration)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..shift.clients)
            .map(|number| {
                let barrier = &barrier;
                scope.spawn(move || work(peer, shift, number, barrier, operation))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a client does not panic")).collect()
    });
    let (mut done, mut longest) = (0, Duration::ZERO);
    for work in works {
        let (count, took) = work?;
        done += count;
        longest = longest.max(took);
    }
    Ok(longest.as_secs_f64() * 1e6 / done.max(1) as f64)
}

fn work(
    peer: &dyn Peer,
    shift: Shift,
    number: usize,
    barrier: &Barrier,
    operation: &(dyn Fn(&mut Client<'_>) -> Outcome<()> + Sync),
) -> Outcome<(u64, Duration)> {
    let session = peer.session(shift.safety, shift.clients);
    // Also a client that failed comes to the barrier, or the others would wait for it without end.
    barrier.wait();
    let random = Random::new(shift.seed * 1_000 + number as u64);
    let mut client = Client { session: session?, random, number, done: 0, value: Value::new(shift.value_size_bytes) };
    let started = Instant::now();
    while started.elapsed() < shift.span {
        operation(&mut client)?;
        client.done += 1;
    }
    Ok((client.done, started.elapsed()))
}
