//! The PostgreSQL front by bytes: what a client of good will sends in unusual order, and what nobody of good will sends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use marquetry_server::Limits;
use support::postgres::{bind, execute, message, parse, query, start, start_limited, startup, sync};

const VERSION_3_0: u32 = 3 << 16;

/// Numbers and bytes that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn bytes(&mut self, count_max: usize) -> Vec<u8> {
        (0..self.below(count_max)).map(|_| self.next() as u8).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_that_is_not_there_is_refused_in_a_byte() {
    let running = start().await;
    let mut wire = running.wire();
    for code in [80_877_103u32, 80_877_104] {
        wire.send(&[&8u32.to_be_bytes()[..], &code.to_be_bytes()].concat());
        assert_eq!(wire.read_byte(), Some(b'N'));
    }
    wire.send(&startup(VERSION_3_0, &[("user", "anybody")]));
    let told = wire.until_ready();
    assert_eq!(told.first().map(|message| message.kind), Some('R'));
    let statuses: Vec<_> = told.iter().filter(|message| message.kind == 'S').collect();
    for name in ["server_version", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes"] {
        assert!(statuses.iter().any(|status| status.body.starts_with(name.as_bytes())), "{name} of {statuses:?}");
    }
    assert_eq!(told.iter().find(|message| message.kind == 'K').unwrap().body.len(), 8);
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_negotiated_and_others_refused() {
    let running = start().await;
    let mut newest = running.wire();
    newest.send(&startup(VERSION_3_0 + 2, &[("user", "a")]));
    assert_eq!(newest.until_ready().iter().find(|message| message.kind == 'K').unwrap().body.len(), 36);
    let mut future = running.wire();
    future.send(&startup(VERSION_3_0 + 9999, &[("user", "a"), ("_pq_.magic", "on")]));
    let told = future.until_ready();
    let wanted = [&(VERSION_3_0 + 2).to_be_bytes()[..], &1u32.to_be_bytes(), b"_pq_.magic\0"].concat();
    assert_eq!((told[0].kind, told[0].body.clone()), ('v', wanted));
    let mut past = running.wire();
    past.send(&startup(2 << 16, &[("user", "a")]));
    assert_eq!(past.until_closed()[0].code(), "0A000");
    let mut nobody = running.wire();
    nobody.send(&startup(VERSION_3_0, &[]));
    assert_eq!(nobody.until_closed()[0].code(), "28000");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_is_answered_once_and_skips_to_its_sync_after_a_failure() {
    let running = start().await;
    let mut wire = running.started_wire();
    let one = [parse("", "SELECT 1"), bind(), message(b'D', b"P\0"), execute(0)].concat();
    assert_eq!(wire.kinds(&[one.clone(), one.clone(), sync()].concat()), "12TDC12TDCZ");
    let failing = [parse("", "SELECT 1/0"), bind(), execute(0)].concat();
    assert_eq!(wire.kinds(&[one.clone(), failing, one.clone(), sync()].concat()), "12TDC12EZ");
    assert_eq!(wire.kinds(&[parse("", ""), bind(), message(b'D', b"P\0"), execute(0), sync()].concat()), "12nIZ");
    assert_eq!(wire.kinds(&[parse("", "SELECT 1; SELECT 2"), sync()].concat()), "EZ");
    assert_eq!(wire.kinds(&[execute(0), sync()].concat()), "EZ");
    assert_eq!(wire.kinds(&[message(b'D', b"Snowhere\0"), sync()].concat()), "EZ");
    assert_eq!(wire.kinds(&[message(b'C', b"Snowhere\0"), sync()].concat()), "3Z");
    assert_eq!(wire.kinds(&query("SELECT 1; SELECT 2")), "TDCTDCZ");
    assert_eq!(wire.kinds(&query("")), "IZ");
    assert_eq!(wire.kinds(&sync()), "Z");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flush_sends_what_is_there() {
    let running = start().await;
    let mut wire = running.started_wire();
    wire.send(&[parse("", "SELECT 1"), message(b'H', b"")].concat());
    assert_eq!(wire.read().unwrap().kind, '1');
    wire.send(&[bind(), execute(0), message(b'H', b"")].concat());
    assert_eq!([wire.read().unwrap().kind, wire.read().unwrap().kind, wire.read().unwrap().kind], ['2', 'D', 'C']);
    assert_eq!(wire.kinds(&sync()), "Z");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_outside_of_a_transaction_ends_with_its_sync() {
    let running = start().await;
    let mut wire = running.started_wire();
    let begin = [parse("", "SELECT * FROM generate_series(1, 5)"), bind(), execute(2)].concat();
    assert_eq!(wire.kinds(&[begin, execute(2), execute(2), sync()].concat()), "12DDsDDsDCZ");
    assert_eq!(wire.kinds(&[execute(2), sync()].concat()), "EZ");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_malformed_costs_an_error_and_what_is_no_message_the_connection() {
    let running = start().await;
    for (bytes, wanted) in [
        (message(b'Q', b"SELECT 1"), "08P01"),
        (message(b'Q', b"\xff\0"), "22021"),
        (message(b'P', b"\0SELECT 1\0\xff\xff"), "08P01"),
        (message(b'B', b"\0\0\0\0\0\x01\0\0\0\x05abc\0\0"), "08P01"),
        (message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xf0\0\0"), "08P01"),
        (message(b'D', b"X\0"), "08P01"),
        (message(b'E', b"\0"), "08P01"),
        (message(b'S', b"x"), "08P01"),
        (message(b'F', b"\0\0\0\0"), "0A000"),
        (message(b'p', b"\0"), "08P01"),
    ] {
        let mut wire = running.started_wire();
        wire.send(&[bytes.clone(), sync()].concat());
        let told = wire.until_ready();
        assert_eq!(told[0].code(), wanted, "{bytes:?}: {told:?}");
        // A statement that is malformed is answered by itself, and so is its Sync.
        while told.len() == 2
            && matches!(bytes[0], b'Q' | b'S')
            && wire.read().is_some_and(|message| message.kind != 'Z')
        {}
        assert_eq!(wire.kinds(&query("SELECT 1")), "TDCZ", "{bytes:?}");
    }
    for bytes in
        [&b"Q\0\0\0\0"[..], b"Q\0\0\0\x03", b"Q\xff\xff\xff\xff", b"S\0\x10\0\0", b"\0\0\0\0\0", b"GET / HTTP/1.1\r\n"]
    {
        let mut wire = running.started_wire();
        wire.send(bytes);
        let told = wire.until_closed();
        assert_eq!(told.last().and_then(|message| message.field('S')), Some("FATAL".to_owned()), "{bytes:?}: {told:?}");
    }
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn startups_that_nobody_means_are_refused_before_they_cost_anything() {
    let running = start().await;
    let ssl = [&8u32.to_be_bytes()[..], &80_877_103u32.to_be_bytes()].concat();
    for bytes in [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        vec![0; 8],
        vec![0xFF; 64],
        [&7u32.to_be_bytes()[..], &[0; 3]].concat(),
        [&20_000u32.to_be_bytes()[..], &VERSION_3_0.to_be_bytes()].concat(),
        [&12u32.to_be_bytes()[..], &VERSION_3_0.to_be_bytes(), b"user"].concat(),
        [&9u32.to_be_bytes()[..], &80_877_103u32.to_be_bytes(), b"x"].concat(),
        startup(VERSION_3_0, &[("user", "a"), ("replication", "database")]),
        startup(VERSION_3_0, &[("user", "a"), ("options", "-p 5432")]),
        startup(VERSION_3_0, &[("user", "a"), ("nonsense", "1")]),
        vec![0x16, 3, 1, 0, 5],
    ] {
        let mut wire = running.wire();
        wire.send(&bytes);
        let told = wire.until_closed();
        assert!(told.iter().any(|message| message.kind == 'E'), "{bytes:?}: {told:?}");
    }
    for cut in 0..ssl.len() {
        let mut wire = running.wire();
        wire.send(&ssl[..cut]);
        wire.close_writing();
        assert!(wire.until_closed().is_empty());
    }
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_refused_by_its_length() {
    let running = start_limited(Limits { postgres_message_size_max_bytes: 10_000, ..Limits::default() }).await;
    let mut wire = running.started_wire();
    wire.send(b"Q\0\0\x27\x11");
    assert_eq!(wire.until_closed()[0].code(), "08P01");
    let mut wire = running.started_wire();
    let long = format!("SELECT 1 --{}", "x".repeat(9_900));
    assert_eq!(wire.kinds(&query(&long)), "TDCZ");
    running.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing_behind() {
    let running = start().await;
    let whole = [parse("s", "SELECT $1::int4"), bind(), execute(1), query("SELECT 1"), sync()].concat();
    for cut in 0..whole.len() {
        let mut wire = running.started_wire();
        wire.send(&whole[..cut]);
    }
    let mut wire = running.started_wire();
    assert_eq!(wire.kinds(&query("SELECT 1")), "TDCZ");
    running.server.stop().await;
}

/// `SEED=n cargo test -p marquetry-server --test postgres_bytes floods` replays one.
#[tokio::test(flavor = "multi_thread")]
async fn floods_of_random_messages_never_take_the_server_down() {
    let running = start().await;
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    println!("SEED={seed}");
    let mut random = Random(seed);
    for _ in 0..200 {
        let mut wire = running.started_wire();
        for _ in 0..random.below(20) {
            let kind = b"QPBDCEHSdcfXpF"[random.below(14)];
            let mut body = random.bytes(40);
            if random.below(2) == 0 {
                body.insert(0, 0);
                body.push(0);
            }
            wire.send(&message(kind, &body));
        }
        if random.below(2) == 0 {
            wire.send(&random.bytes(64));
        }
        wire.close_writing();
        let _ = wire.until_closed();
    }
    let mut wire = running.started_wire();
    assert_eq!(wire.kinds(&query("SELECT 1")), "TDCZ");
    running.server.stop().await;
}
