//! Kill -9 during checkouts: every order is whole in all six models or absent in all, and nothing acknowledged is missing.
//!
//! ```text
//!   round:  serve -> clients check out, a worker ships -> kill -9 at a random moment
//!           check the directory -> serve -> compare everything with what the clients were told
//! ```

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use marquetry_client::Client;
use support::orders::{Told, furnish, ship_the_rest, traffic, verify};
use support::process::{code, kill, run, said, serve};

const ROUNDS: u64 = 200;

/// From one client to many, so that commits come alone as well as in groups.
const CLIENTS: [u64; 4] = [4, 1, 16, 64];

fn check(data: &Path) {
    let output = run(&["check", data.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
}

fn start(data: &Path) -> (Child, Client) {
    let (child, address) = serve(data, &[]);
    (child, Client::connect(&format!("http://{address}")).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_whole_or_absent_whenever_the_server_is_killed() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let (mut child, mut client) = start(&data);
    furnish(&client).await.unwrap();
    let told = Arc::new(Told::default());
    let begun = Instant::now();
    for round in 0..ROUNDS {
        let mut tasks = traffic(&client, &told, CLIENTS[round as usize % CLIENTS.len()]);
        let random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        let pause = Duration::from_micros(u64::from(random) % 150_000 + 2_000);
        tokio::time::sleep(pause).await;
        kill(child);
        while tasks.join_next().await.is_some() {}
        check(&data);
        (child, client) = start(&data);
        verify(&client, &told).await;
        if round % 20 == 19 {
            let (ordered, shipped) = (told.ordered.lock().len(), told.shipped.lock().len());
            println!(
                "round {}: {ordered} orders and {shipped} shipments acknowledged, {:?}",
                round + 1,
                begun.elapsed()
            );
        }
    }
    ship_the_rest(&client, &told).await;
    verify(&client, &told).await;
    assert!(told.ordered.lock().len() as u64 > ROUNDS, "too few orders to show anything");
    kill(child);
    check(&data);
}
