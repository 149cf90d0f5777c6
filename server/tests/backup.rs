//! Backups through the server and the command line: streamed, incremental, restored, refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use marquetry::backup::{BackupOptions, BackupReceiver};
use marquetry::blob::PutOptions;
use marquetry::env::MemoryEnv;
use marquetry::table::{Column, ColumnType, Row, ScanRequest, TableDefinition};
use marquetry::{Database, backup};
use marquetry_server::Limits;
use marquetry_shop::Shop;
use marquetry_shop::drive::{self, Plan};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use support::process::{code, kill, marquetry, run, said, serve, terminate};

/// Rows from `first` on, and an object of a megabyte.
fn fill(database: &Database, first: i64) {
    let object: Vec<u8> =
        (0..1_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8 ^ first as u8).collect();
    let filled = database.transact(|tx| {
        for id in first..first + 3_000 {
            let row = Row::new().set("id", id).set("text", format!("the row number {id}, which has some length"));
            tx.tables().insert("rows", row)?;
        }
        tx.blobs().put("objects", &format!("object{first}"), &object[..], &PutOptions::default())
    });
    filled.unwrap();
}

fn furnish(database: &Database) {
    let rows = TableDefinition::new()
        .column(Column::new("id", ColumnType::Int8))
        .column(Column::new("text", ColumnType::Text))
        .primary_key(["id"]);
    let furnished = database.transact(|tx| {
        tx.tables().create("rows", &rows)?;
        tx.blobs().create_bucket("objects")
    });
    furnished.unwrap();
    fill(database, 0);
}

/// A data directory with rows and an object.
fn data(directory: &Path) -> PathBuf {
    let data = directory.join("data");
    let database = Database::open(&data).unwrap();
    furnish(&database);
    database.close().unwrap();
    data
}

fn report(output: &Output) -> Value {
    assert_eq!(code(output), 0, "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn number(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("{name} of {report}"))
}

#[test]
fn a_server_is_backed_up_and_restored_by_the_command_line() {
    let directory = tempfile::tempdir().unwrap();
    let data = data(directory.path());
    let token = directory.path().join("token");
    std::fs::write(&token, "a-token-of-some-length\n").unwrap();
    let (child, address) = serve(&data, &["--token-file", token.to_str().unwrap()]);
    let (url, target) = (format!("http://{address}"), directory.path().join("target"));
    let (target, token) = (target.to_str().unwrap(), token.to_str().unwrap());
    let refused = run(&["backup", &url, target]);
    assert!(code(&refused) == 1 && said(&refused).contains("token"), "{}", said(&refused));
    let first = report(&run(&["backup", &url, target, "--token-file", token]));
    assert!(number(&first, "size_bytes") > 1_000_000, "{first}");
    let second = report(&run(&["backup", &url, target, "--token-file", token]));
    assert_eq!((number(&second, "pieces_written"), number(&second, "based_on")), (0, 1), "{second}");
    assert_eq!(terminate(child), 0);

    // A stopped directory goes on where the server left off.
    let third = report(&run(&["backup", data.to_str().unwrap(), target, "--keep", "2"]));
    assert_eq!((number(&third, "pieces_written"), number(&third, "removed")), (0, 1), "{third}");
    let listed = report(&run(&["check", target]));
    let numbers: Vec<u64> = listed.as_array().unwrap().iter().map(|one| number(one, "number")).collect();
    assert_eq!(numbers, [2, 3]);

    let restored = directory.path().join("restored");
    let made = report(&run(&["restore", target, restored.to_str().unwrap(), "--backup", "2"]));
    assert_eq!(number(&made, "version"), number(&second, "version"));
    assert_eq!(code(&run(&["check", restored.to_str().unwrap()])), 0);
    let again = run(&["restore", target, restored.to_str().unwrap()]);
    assert!(code(&again) == 1 && said(&again).contains("empty or new"), "{}", said(&again));
    let (database, original) = (Database::open(&restored).unwrap(), Database::open(&data).unwrap());
    let object = |database: &Database| {
        let reader = database.read(|snapshot| snapshot.blobs().get("objects", "object0")).unwrap();
        reader.unwrap().into_bytes().unwrap()
    };
    assert!(object(&database) == object(&original));
    fill(&database, 10_000);
}

#[test]
fn damaged_and_missing_backups_have_their_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let data = data(directory.path());
    let (target, restored) = (directory.path().join("target"), directory.path().join("restored"));
    report(&run(&["backup", data.to_str().unwrap(), target.to_str().unwrap()]));
    let pieces = std::fs::read_dir(target.join("pieces")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&pieces).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 16;
    std::fs::write(&pieces, bytes).unwrap();
    for arguments in
        [vec!["check", target.to_str().unwrap()], vec!["restore", target.to_str().unwrap(), restored.to_str().unwrap()]]
    {
        let output = run(&arguments);
        assert_eq!(code(&output), 3, "{}", said(&output));
        let name = pieces.file_name().unwrap().to_str().unwrap();
        assert!(said(&output).contains(name) && said(&output).contains("offset"), "{}", said(&output));
    }
    let half = run(&["check", restored.to_str().unwrap()]);
    assert!(code(&half) == 1 && said(&half).contains("run it again"), "{}", said(&half));
    let nothing = run(&["restore", data.to_str().unwrap(), directory.path().join("x").to_str().unwrap()]);
    assert!(code(&nothing) == 1 && said(&nothing).contains("no backups"), "{}", said(&nothing));
    let missing = run(&["backup", "/nowhere/data", target.to_str().unwrap()]);
    assert_eq!(code(&missing), 1, "{}", said(&missing));
    assert_eq!(code(&run(&["backup", data.to_str().unwrap(), target.to_str().unwrap(), "--keep", "0"])), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_is_one_version_while_others_write() {
    let running = support::start().await;
    furnish(&running.database);
    let machine = Arc::new(MemoryEnv::new());
    let options = BackupOptions::default();
    let receiver = BackupReceiver::open_on(machine.clone(), "/target".as_ref(), &options).unwrap();
    let mut stream = running.client().backup(receiver.request().unwrap()).await.unwrap();
    let version = running.database.version();
    let mut bytes = Vec::new();
    let mut written = 0;
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
        if written < 3 {
            written += 1;
            fill(&running.database, written * 100_000);
        }
    }
    assert!(running.database.version() > version);
    let report = receiver.receive(&bytes[..], &mut |_| {}).unwrap();
    assert_eq!(report.version, version);
    backup::restore_on(machine.clone(), "/target".as_ref(), None, "/restored".as_ref(), &mut |_| {}).unwrap();
    let restored = Database::open_on(machine, "/restored".as_ref(), marquetry::Settings::default()).unwrap();
    restored.check().unwrap();
    let rows = restored.read(|snapshot| snapshot.tables().count("rows", &ScanRequest::primary_key())).unwrap();
    assert_eq!(rows, 3_000);
}

#[tokio::test]
async fn what_is_no_request_for_a_backup_is_refused() {
    let running = support::start_limited(Limits { backups_max: 1, ..Limits::default() }).await;
    furnish(&running.database);
    (1..30).for_each(|more| fill(&running.database, more * 10_000));
    let post = |body: Vec<u8>| running.request(Method::POST, "/v1/backup").body(body);
    for body in [vec![], vec![0; 44], vec![7; 1000]] {
        let answer = post(body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{}", answer.text().await.unwrap());
    }
    let machine = Arc::new(MemoryEnv::new());
    let receiver = BackupReceiver::open_on(machine, "/target".as_ref(), &BackupOptions::default()).unwrap();
    let request = receiver.request().unwrap();
    let open = running.client().begin().await.unwrap();
    let inside = post(request.clone()).header("marquetry-transaction", "any").send().await.unwrap();
    assert_eq!(inside.status(), StatusCode::BAD_REQUEST);
    open.rollback().await.unwrap();
    // One that is not read to its end is under way.
    let unread = post(request.clone()).send().await.unwrap();
    assert_eq!(unread.status(), StatusCode::OK);
    let second = post(request.clone()).send().await.unwrap();
    assert_eq!(second.status(), StatusCode::SERVICE_UNAVAILABLE, "{}", second.text().await.unwrap());
    drop(unread);
    for _ in 0..200 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if post(request.clone()).send().await.unwrap().status() == StatusCode::OK {
            return;
        }
    }
    panic!("a backup that was given up is under way for ever");
}

/// Runs a command and kills it after `millis`, unless it ends before.
fn run_and_kill(arguments: &[&str], millis: u64) {
    let quiet = std::process::Stdio::null;
    let child = marquetry(arguments).stdout(quiet()).stderr(quiet()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(millis));
    kill(child);
}

#[test]
fn killed_backups_and_restores_are_made_good_by_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let data = data(directory.path());
    let place = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (target, data) = (place("target"), data.to_str().unwrap().to_owned());
    for round in 0..8_u64 {
        {
            let database = Database::open(&data).unwrap();
            (1..6).for_each(|more| fill(&database, (round as i64 * 10 + more) * 10_000));
            database.close().unwrap();
        }
        run_and_kill(&["backup", &data, &target], 3 + round * 17 % 60);
        let check = run(&["check", &target]);
        assert!(code(&check) == 0 || said(&check).contains("no "), "round {round}: {}", said(&check));
        let check = run(&["check", &data]);
        assert_eq!(code(&check), 0, "round {round}: {}", said(&check));
        let made = report(&run(&["backup", &data, &target]));
        let restored = place(&format!("restored{round}"));
        run_and_kill(&["restore", &target, &restored], 3 + round * 23 % 90);
        let again = run(&["restore", &target, &restored]);
        // The first one may have been quick enough.
        assert!(code(&again) == 0 || said(&again).contains("holds a database"), "round {round}: {}", said(&again));
        let check = run(&["check", &restored]);
        assert_eq!(code(&check), 0, "round {round}: {}", said(&check));
        let stats = report(&run(&["stats", &restored]));
        let version = stats["database"]["keyspace"]["visible_version"].as_u64().unwrap();
        assert!(version >= number(&made, "version"), "round {round}: {stats}");
        std::fs::remove_dir_all(&restored).unwrap();
    }
    assert_eq!(code(&run(&["check", &target])), 0);
}

/// The next backup of the target `/target` on `machine`, of a server that is asked over the network; its number.
async fn back_up(running: &support::Running, machine: &Arc<MemoryEnv>) -> u64 {
    let receiver = BackupReceiver::open_on(machine.clone(), "/target".as_ref(), &BackupOptions::default()).unwrap();
    let mut stream = running.client().backup(receiver.request().unwrap()).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    receiver.receive(&bytes[..], &mut |_| {}).unwrap().number
}

fn restored(machine: &Arc<MemoryEnv>, number: u64) -> Shop {
    let directory = format!("/restored{number}");
    let directory = Path::new(&directory);
    backup::restore_on(machine.clone(), "/target".as_ref(), Some(number), directory, &mut |_| {}).unwrap();
    let database = Database::open_on(machine.clone(), directory, marquetry::Settings::default()).unwrap();
    database.check().unwrap();
    Shop::from(database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_shop_that_sells_meanwhile_is_whole_in_every_backup() {
    let running = support::start().await;
    let shop = Shop::open(&running.server.url()).unwrap();
    shop.load().await.unwrap();
    let machine = Arc::new(MemoryEnv::new());
    let selling = tokio::spawn({
        let shop = shop.clone();
        async move { drive::run(&shop, Plan { orders: 400, clients: 4, workers: 2 }, || ()).await.unwrap() }
    });
    let mut newest = 0;
    while !selling.is_finished() {
        newest = back_up(&running, &machine).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let run = selling.await.unwrap();
    for number in (1..=newest).step_by(1 + newest as usize / 6) {
        let audit = restored(&machine, number).audit().await.unwrap();
        assert!(audit.is_clean(), "backup {number} of {newest}: {:?}", audit.contradictions);
    }
    let last = restored(&machine, back_up(&running, &machine).await);
    let audit = last.audit().await.unwrap();
    assert!(audit.is_clean() && audit.missing(&run.placed).is_empty(), "{:?}", audit.contradictions);
    drive::run(&last, Plan { orders: 20, clients: 2, workers: 1 }, || ()).await.unwrap();
    let audit = last.audit().await.unwrap();
    assert!(audit.is_clean() && audit.orders >= 420, "{:?}", audit.contradictions);
}
