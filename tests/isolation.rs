//! A black-box check of isolation by a checker that nobody here wrote: transactions append to lists and read them, and from
//! what they saw it infers who must have come before whom. A cycle is an anomaly.
//!
//! The witness check in `serializability` knows the versions and sees phantoms; this one knows nothing, and so shares no
//! mistake with the engine. That it finds what there is to find is shown by snapshot isolation, which allows write
//! skew and must be caught at it. `tests/support/lists.rs` says what is done; `soak --isolation` does it for as long as one likes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use adya::Valid;
use adya::history::OpType;
use marquetry::{Database, Isolation};
use marquetry_server::{Server, Settings};
use marquetry_tests::lists::{Crowd, History, Recorder, Step, elements, history};
use marquetry_tests::{Random, seed};
use serde_json::json;

const CROWD: Crowd = Crowd { processes: 6, transactions: 2_500, lists: 6, transactions_per_lists: 300 };

fn database() -> Database {
    marquetry_tests::lists::database(marquetry::Settings::default()).unwrap()
}

fn assert_allowed(history: &History, model: &str, context: &str) {
    let report = history.verdict(model);
    assert_eq!(report.valid, Valid::True, "{context} is not {model}: {:#?}", report.anomalies);
}

#[test]
fn serializable_transactions_have_one_order_that_keeps_real_time() {
    let seed = seed("isolation");
    let history = history(&database(), Isolation::Serializable, &CROWD, seed).unwrap();
    assert_allowed(&history, "strict-serializable", &format!("seed {seed}"));
}

#[test]
fn snapshot_isolation_shows_write_skew_and_nothing_worse() {
    let seed = seed("isolation");
    let crowd = Crowd { transactions: 200, ..CROWD };
    let mut has_skew = false;
    for round in 0..50 {
        let history = history(&database(), Isolation::Snapshot, &crowd, seed.wrapping_add(round)).unwrap();
        assert_allowed(&history, "snapshot-isolation", &format!("seed {seed}, round {round}"));
        let strict = history.verdict("serializable");
        assert!(strict.anomaly_types.iter().all(|kind| kind.starts_with("G2")), "{:?}", strict.anomaly_types);
        has_skew |= strict.valid == Valid::False;
        if has_skew && round >= 3 {
            return;
        }
    }
    panic!("fifty rounds of snapshot isolation without a write skew: the check sees nothing, seed {seed}");
}

async fn run_remotely(tx: &marquetry_client::Transaction, steps: &mut [Step]) -> marquetry_client::Result<()> {
    for step in steps {
        let (Step::Read(list, _) | Step::Append(list, _)) = step;
        let id = list.to_string();
        let found = tx.documents().get("documents", &id).await?;
        let mut found = found.map_or(Vec::new(), |document| elements(&document["elements"]));
        match step {
            Step::Read(_, seen) => *seen = Some(found),
            Step::Append(_, element) => {
                found.push(*element);
                tx.documents().replace("documents", &id, json!({ "elements": found })).await?;
            }
        }
    }
    Ok(())
}

async fn work_remotely(client: &marquetry_client::Client, recorder: &Recorder, process: u64, random: &mut Random) {
    let mut steps = recorder.plan(random);
    recorder.tell(OpType::Invoke, process, &steps);
    let tx = client.begin().await.unwrap();
    let outcome = match run_remotely(&tx, &mut steps).await {
        Ok(()) => tx.commit().await.map(drop),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => recorder.tell(OpType::Ok, process, &steps),
        Err(error) if error.kind() == marquetry_client::ErrorKind::Conflict => {
            recorder.tell(OpType::Fail, process, &steps);
        }
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn transactions_over_several_requests_are_as_serializable() {
    let seed = seed("isolation");
    let server = Server::start(database(), Settings::local()).await.unwrap();
    let client = marquetry_client::Client::connect(&server.url()).unwrap();
    let recorder = Recorder::new(&CROWD);
    let process = async |process: u64| {
        let mut random = Random::new(seed.wrapping_add(process << 32));
        for _ in 0..80 {
            work_remotely(&client, &recorder, process, &mut random).await;
        }
    };
    tokio::join!(process(0), process(1), process(2), process(3), process(4), process(5));
    assert_allowed(&recorder.finish(), "strict-serializable", &format!("seed {seed}"));
}
