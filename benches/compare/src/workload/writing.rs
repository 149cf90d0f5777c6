//! Commits: alone, together, in batches, of one key, of keys that are gone again, and beside a long reader.

use marquetry_benches::store::{Order, RawFile, Safety, commit_rate};
use marquetry_benches::{Data, Outcome, scratch_directory};

use super::stores::{SMALL, Stores, key_of};
use super::{Bench, clients_of, middle, survives};
use crate::arguments::Arguments;
use crate::clients::{Client, together};
use crate::peer::{Change, Peer};

const BATCH: usize = 100;
/// Keys of a client that are alive at once.
const ALIVE: u64 = 8;
const HOT_KEYS: u64 = 1_000;
/// Where the values are not what matters.
const SHORT_VALUE_SIZE_BYTES: usize = 100;

/// One put per commit, over records that are there.
pub(super) fn puts(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let stores = bench.stores()?;
    let data = Data { count: 0, value_size_bytes: arguments.value_size_bytes };
    let raw = scratch_directory()?;
    let (growing, zeroed) = (RawFile::growing(raw.path())?, RawFile::zeroed(raw.path())?);
    for safety in [Safety::Power, Safety::Process] {
        for clients in arguments.clients.iter().copied() {
            let put = |client: &mut Client<'_>| {
                let key = key_of(client.random.below(arguments.records));
                client.put(&key)
            };
            let measure = |_, peer: &dyn Peer, turn| together(peer, arguments.shift(safety, clients, turn), &put);
            let mut contest = stores.contest("commit of one put", safety, &measure);
            if clients == 1 {
                let (growing, zeroed) = (&growing, &zeroed);
                let appended = |file| move || commit_rate(file, safety, 1, &data, arguments.span, 1);
                let names = match safety {
                    Safety::Power => ["append + fdatasync, file grows", "append + fdatasync, over zeros"],
                    Safety::Process => ["append, file grows", "append, over zeros"],
                };
                contest = contest.entrant(names[0], appended(growing)).entrant(names[1], appended(zeroed));
            }
            let title = format!("Single puts, {}, {}", survives(safety), clients_of(clients));
            bench.tell(&title, &contest.hold(arguments.rounds)?, &format!("{}, {}", bench.turns(), bench.size()))?;
        }
        stores.settle()?;
    }
    Ok(())
}

/// A hundred puts per commit.
pub(super) fn batches(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let stores = bench.stores()?;
    for safety in [Safety::Power, Safety::Process] {
        let batch = |client: &mut Client<'_>| {
            let keys: Vec<_> = (0..BATCH).map(|_| key_of(client.random.below(arguments.records))).collect();
            let value = client.value.renewed();
            let changes: Vec<Change<'_>> = keys.iter().map(|key| (&key[..], Some(value))).collect();
            client.session.write(&changes)
        };
        let measure = |_, peer: &dyn Peer, turn| together(peer, arguments.shift(safety, 1, turn), &batch);
        let title = format!("Commits of {BATCH} puts, {}, 1 client", survives(safety));
        let contest = stores.contest("commit of 100 puts", safety, &measure);
        bench.tell(&title, &contest.hold(arguments.rounds)?, &format!("{}, {}", bench.turns(), bench.size()))?;
        stores.settle()?;
    }
    Ok(())
}

/// Everybody adds one to the same key.
pub(super) fn counter(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = bench.arguments;
    let stores = Stores::small(arguments)?;
    let add_one = |old: &[u8]| {
        let count = old.try_into().map_or(0, u64::from_le_bytes);
        (count + 1).to_le_bytes().to_vec()
    };
    for safety in [Safety::Power, Safety::Process] {
        for clients in arguments.clients.iter().copied() {
            let add = |client: &mut Client<'_>| client.session.update(b"counter", &add_one);
            let measure = |_, peer: &dyn Peer, turn| together(peer, arguments.shift(safety, clients, turn), &add);
            let title = format!("One hot counter, {}, {}", survives(safety), clients_of(clients));
            let contest = stores.contest("addition", safety, &measure);
            bench.tell(
                &title,
                &contest.hold(arguments.rounds)?,
                &format!("{}, {}", bench.turns(), bench.size_of(SMALL)),
            )?;
        }
    }
    Ok(())
}

/// Keys that are put, found by a scan and removed soon after, as a queue has them.
pub(super) fn short_lived(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = &Arguments { value_size_bytes: SHORT_VALUE_SIZE_BYTES, ..bench.arguments.clone() };
    let stores = Stores::small(arguments)?;
    for clients in arguments.clients.iter().copied() {
        let live = |turn: u64| {
            move |client: &mut Client<'_>| {
                let mine = client.number as u8;
                let key = |number: u64| {
                    let mut key = *b"queue  -------- --------";
                    key[6] = mine;
                    key[7..15].copy_from_slice(&turn.to_be_bytes());
                    key[16..].copy_from_slice(&number.to_be_bytes());
                    key
                };
                let number = client.done;
                client.put(&key(number))?;
                let Some(oldest) = number.checked_sub(ALIVE - 1) else { return Ok(()) };
                let alive = client.session.scan(&key(0), Order::Forward, 1)?;
                assert_eq!(alive, 1, "what was put is found");
                client.session.write(&[(&key(oldest), None)])
            }
        };
        let safety = Safety::Process;
        let measure = |_, peer: &dyn Peer, turn| together(peer, arguments.shift(safety, clients, turn), &live(turn));
        let title = format!("Short-lived keys, not synced, {}", clients_of(clients));
        let contest = stores.contest("put, look for the oldest, remove it", safety, &measure);
        bench.tell(
            &title,
            &contest.hold(arguments.rounds)?,
            &format!("{}, values of {SHORT_VALUE_SIZE_BYTES} B", bench.turns()),
        )?;
    }
    Ok(())
}

/// Writers of a thousand hot keys, alone and beside a view that is held all the while.
pub(super) fn long_reader(bench: &Bench<'_>) -> Outcome<()> {
    let arguments = &Arguments { value_size_bytes: SHORT_VALUE_SIZE_BYTES, ..bench.arguments.clone() };
    let stores = Stores::small(arguments)?;
    let clients = arguments.clients.iter().copied().max().unwrap_or(1).min(4);
    let safety = Safety::Process;
    let put = |client: &mut Client<'_>| {
        let key = key_of(client.random.below(HOT_KEYS));
        client.put(&key)
    };
    let mut table =
        "| commit of one put | alone | beside a long reader | it takes |\n|---|---:|---:|---:|\n".to_owned();
    for (kind, peer) in &stores.peers {
        let mut alone = Vec::new();
        let mut beside = Vec::new();
        for turn in 0..arguments.rounds as u64 {
            alone.push(together(&**peer, arguments.shift(safety, clients, turn), &put)?);
            let held = peer.hold()?;
            beside.push(together(&**peer, arguments.shift(safety, clients, turn), &put)?);
            drop(held);
        }
        let ratios: Vec<f64> = alone.iter().zip(&beside).map(|(alone, beside)| beside / alone).collect();
        let (alone, beside, ratio) = (middle(alone), middle(beside), middle(ratios));
        table += &format!("| {} | {alone:.2} us | {beside:.2} us | {ratio:.2} x |\n", kind.title(safety));
    }
    let title = format!("Hot keys beside a long reader, not synced, {}", clients_of(clients));
    bench.report.add(
        &title,
        &table,
        &format!("{}, {HOT_KEYS} keys, values of {SHORT_VALUE_SIZE_BYTES} B", bench.turns()),
    )
}
