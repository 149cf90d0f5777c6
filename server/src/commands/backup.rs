//! `marquetry backup`: everything of a directory or a server, into a target on this machine.
//!
//! ```text
//!   DIR --> Database ----------------------------------------> target
//!   URL --> request: what the target has --> server --pieces--> target
//! ```

use std::io::{self, Read};
use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use futures_util::{Stream, StreamExt};
use indicatif::ProgressBar;
use marquetry::backup::{BackupOptions, BackupReceiver, BackupReport};
use tokio::sync::mpsc;

use super::place::{Credential, Place, open_existing};
use super::progress::{bytes_bar, show};
use super::{blocking, print_json, runtime};
use crate::failure::Failure;

/// Chunks that wait between the network and the disk.
const WAITING_CHUNKS: usize = 8;

const EXAMPLES: &str = "\
Examples:
  marquetry backup http://127.0.0.1:7400 /backups/shop
  marquetry backup https://shop.example /backups/shop --token-file /etc/marquetry.token --keep 30
  marquetry backup ./marquetry-data /backups/shop
  marquetry check /backups/shop
  marquetry restore /backups/shop ./marquetry-data

The target is a directory on this machine: a new one, an empty one, or one with backups. The first backup writes
everything, each later one what changed, and each can be restored by itself. A server goes on working meanwhile; what
comes is one version of all tables, documents, blobs, caches, search indexes and queues. Backups share what did not
change between them: check the target from time to time, and keep more than one when the data matter.
Standard output gets the report as JSON. Exit code 3: the database or the newest backup of the target is damaged, and
the message names the file and where in it.";

/// Back up everything, as it is at one moment, into a directory of backups.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Backup {
    /// A data directory that no server has open, or the URL of a server
    #[arg(value_name = "DIR|URL")]
    place: Place,

    /// The directory of backups to write to
    #[arg(value_name = "TARGET")]
    target: PathBuf,

    /// How many backups to keep, this one included; older ones are removed once it is complete [default: all]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    #[command(flatten)]
    credential: Credential,
}

impl Backup {
    /// Backs up, and prints the report.
    ///
    /// # Errors
    /// The place cannot be opened or read, or the target not be written.
    pub fn run(self) -> Result<(), Failure> {
        let keep = self.keep.map(|count| count as usize);
        let options = BackupOptions { keep, ..BackupOptions::default() };
        let bar = bytes_bar();
        let outcome = runtime()?.block_on(async {
            match &self.place {
                Place::Directory(path) => of_directory(path.clone(), self.target, options, bar.clone()).await,
                Place::Url(_) => {
                    let opened = self.place.open(&self.credential).await?;
                    of_server(&opened.client, self.target, options, bar.clone()).await
                }
            }
        });
        bar.finish_and_clear();
        print_json(&outcome?)
    }
}

async fn of_directory(
    path: PathBuf,
    target: PathBuf,
    options: BackupOptions,
    bar: ProgressBar,
) -> Result<BackupReport, Failure> {
    let database = open_existing(path).await?;
    blocking(move || {
        let outcome = database.backup(target, &options, &mut |progress| show(&bar, progress));
        let closed = database.close();
        outcome.and_then(|report| closed.map(|()| report))
    })
    .await
}

async fn of_server(
    client: &marquetry_client::Client,
    target: PathBuf,
    options: BackupOptions,
    bar: ProgressBar,
) -> Result<BackupReport, Failure> {
    let begun = blocking(move || {
        let receiver = BackupReceiver::open(target, &options)?;
        receiver.request().map(|request| (receiver, request))
    });
    let (receiver, request) = begun.await?;
    let stream = client.backup(request).await?;
    let (arrived, arriving) = mpsc::channel(WAITING_CHUNKS);
    let forward = forward(stream, arrived);
    let receive = blocking(move || {
        receiver.receive(Arriving { chunks: arriving, chunk: Bytes::new() }, &mut |progress| show(&bar, progress))
    });
    tokio::join!(forward, receive).1
}

/// Hands what the server sends to the thread that writes, until that has enough or fails.
async fn forward(
    mut stream: impl Stream<Item = marquetry_client::Result<Bytes>> + Unpin,
    arrived: mpsc::Sender<io::Result<Bytes>>,
) {
    while let Some(chunk) = stream.next().await {
        if arrived.send(chunk.map_err(io::Error::other)).await.is_err() {
            return;
        }
    }
}

/// What a server sends, to read on a thread of its own.
struct Arriving {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.chunks.blocking_recv() {
                Some(chunk) => self.chunk = chunk?,
                None => return Ok(0),
            }
        }
        let length = self.chunk.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.chunk.split_to(length));
        Ok(length)
    }
}
