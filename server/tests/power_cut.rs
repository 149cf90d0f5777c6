//! A power cut on a real file system: what was acknowledged is there when the disk comes back.
//!
//! ```text
//!   ext4 in a file, mounted  -->  serve, clients check out  -->  kill -9, and copy the file as it is at this moment
//!        ^                                                                            |
//!        '-- mount the copy, check, serve, compare with what the clients were told <--'
//! ```
//!
//! Killing the server alone loses nothing, since the system still holds what it wrote. The file under the file system
//! lacks all of it that was not synced, as a disk does whose power went away: files, lengths, renames. It takes a
//! superuser and loop devices; without them the test says so and shows nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use marquetry_client::Client;
use support::orders::{Told, furnish, ship_the_rest, traffic, verify};
use support::process::{code, kill, run, said, serve};

const ROUNDS: u64 = 20;
const CLIENTS: u64 = 8;
const DISK_SIZE_BYTES: u64 = 256 * 1024 * 1024;

/// Whether the command of the system did its work.
fn system(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// A file system in a file, mounted until it is dropped.
struct Disk {
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// A new, empty one; nothing where that cannot be done.
    fn make(directory: &Path) -> Option<Disk> {
        let image = directory.join("0.img");
        std::fs::File::create(&image).unwrap().set_len(DISK_SIZE_BYTES).unwrap();
        system("mkfs.ext4", &["-q", "-F", image.to_str().unwrap()]).then_some(())?;
        Disk::mount(image)
    }

    /// Nothing is written back by the clock within a round: the journal of the file system commits when asked to.
    fn mount(image: PathBuf) -> Option<Disk> {
        let mount = image.with_extension("mounted");
        std::fs::create_dir(&mount).unwrap();
        let options = ["-o", "loop,commit=300", image.to_str().unwrap(), mount.to_str().unwrap()];
        system("mount", &options).then_some(Disk { image, mount })
    }

    fn data(&self) -> PathBuf {
        self.mount.join("data")
    }

    /// The disk as it comes back after the power went away at this moment. That something does go away is shown by a
    /// file that was written and not synced.
    fn cut(self, round: u64) -> Disk {
        std::fs::write(self.mount.join("unsynced"), b"x").unwrap();
        let image = self.image.with_file_name(format!("{}.img", round + 1));
        assert!(system("cp", &["--sparse=always", self.image.to_str().unwrap(), image.to_str().unwrap()]));
        let before = self.image.clone();
        drop(self);
        std::fs::remove_file(before).unwrap();
        let disk = Disk::mount(image).expect("the copy can be mounted");
        assert_ne!(std::fs::read(disk.mount.join("unsynced")).unwrap_or_default(), b"x", "the cut loses nothing");
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if !system("umount", &[self.mount.to_str().unwrap()]) {
            system("umount", &["--lazy", self.mount.to_str().unwrap()]);
        }
    }
}

/// The server, killed when it is dropped.
struct Serving(Option<Child>);

impl Serving {
    fn start(data: &Path) -> (Serving, Client) {
        let (child, address) = serve(data, &[]);
        (Serving(Some(child)), Client::connect(&format!("http://{address}")).unwrap())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Some(child) = self.0.take() {
            kill(child);
        }
    }
}

fn check(data: &Path) {
    let output = run(&["check", data.to_str().unwrap()]);
    assert_eq!(code(&output), 0, "{}", said(&output));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_power_goes_away() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut disk) = Disk::make(directory.path()) else {
        println!("skipped: this needs a superuser, mkfs.ext4 and loop devices");
        return;
    };
    let told = Arc::new(Told::default());
    let (mut serving, mut client) = Serving::start(&disk.data());
    furnish(&client).await.unwrap();
    for round in 0..ROUNDS {
        let mut tasks = traffic(&client, &told, CLIENTS);
        let random = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
        tokio::time::sleep(Duration::from_micros(u64::from(random) % 250_000 + 20_000)).await;
        drop(serving);
        while tasks.join_next().await.is_some() {}
        disk = disk.cut(round);
        check(&disk.data());
        (serving, client) = Serving::start(&disk.data());
        verify(&client, &told).await;
    }
    ship_the_rest(&client, &told).await;
    verify(&client, &told).await;
    println!("{} orders acknowledged in {ROUNDS} rounds", told.ordered.lock().len());
    assert!(told.ordered.lock().len() as u64 > ROUNDS, "too few orders to show anything");
    drop(serving);
    check(&disk.data());
}
