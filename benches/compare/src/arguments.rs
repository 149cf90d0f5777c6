//! What to run, how large and how long.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use marquetry_benches::Outcome;
use marquetry_benches::store::Safety;

use crate::clients::Shift;
use crate::peer::{PeerKind, Room};
use crate::workload::Workload;

const HELP: &str = "\
Compares Marquetry's keyspace with other stores.

  --records N           records that a store holds before it is measured          [1000000]
  --value-bytes N       size of a value                                           [1000]
  --memory-mib N        memory for caches and buffers of each store in total      [256]
  --clients A,B,..      numbers of threads                                        [1,4,16,64]
  --rounds N            turns of each store                                       [3]
  --span-ms N           length of a turn                                          [300]
  --sustained-s N       length of Marquetry's turn of the workload `sustained`    [600]
  --sustained-peers-s N the same of the others, and of durable puts               [20]
  --log-mib N           what an open after a kill finds                           [64]
  --growth-rows A,B,..  sizes of the workload `growth`     [100000,1000000,10000000,50000000]
  --growth-peer-rows N  the largest of them for the others                        [10000000]
  --peers A,B,..        of: marquetry redb sqlite fjall rocksdb postgres          [all that there are]
  --workloads A,B,..    of: load space reads scans puts batches ycsb counter
                        short-lived long-reader open sustained growth             [all]
  --into FILE           puts the tables into the file, in place of older ones of the same title,
                        and draws the charts beside it

MARQUETRY_BENCH_DIR names the directory for the stores' files; it must lie on a disk.
RocksDB is built in with `--features rocksdb`. PostgreSQL takes part where it is installed; when run by root, the
directory has to be one that the user `postgres` can reach.
";

/// The command line.
#[derive(Debug, Clone)]
pub(crate) struct Arguments {
    pub(crate) records: u64,
    pub(crate) value_size_bytes: usize,
    pub(crate) memory_size_bytes: usize,
    pub(crate) clients: Vec<usize>,
    pub(crate) rounds: usize,
    pub(crate) span: Duration,
    pub(crate) sustained: Duration,
    pub(crate) sustained_peers: Duration,
    pub(crate) log_size_bytes: u64,
    pub(crate) growth_rows: Vec<u64>,
    pub(crate) growth_peer_rows: u64,
    pub(crate) peers: Vec<PeerKind>,
    pub(crate) workloads: Vec<Workload>,
    pub(crate) into: Option<PathBuf>,
}

impl Arguments {
    /// The command line of this process; `None` when it asked for help, which it got.
    pub(crate) fn read() -> Outcome<Option<Self>> {
        let mut arguments = Arguments {
            records: 1_000_000,
            value_size_bytes: 1_000,
            memory_size_bytes: 256 << 20,
            clients: vec![1, 4, 16, 64],
            rounds: 3,
            span: Duration::from_millis(300),
            sustained: Duration::from_secs(600),
            sustained_peers: Duration::from_secs(20),
            log_size_bytes: 64 << 20,
            growth_rows: vec![100_000, 1_000_000, 10_000_000, 50_000_000],
            growth_peer_rows: 10_000_000,
            peers: PeerKind::ALL.to_vec(),
            workloads: Workload::ALL.to_vec(),
            into: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            if word == "--help" || word == "-h" {
                print!("{HELP}");
                return Ok(None);
            }
            let value = words.next().ok_or_else(|| format!("{word} wants a value; --help lists everything"))?;
            arguments.set(&word, &value).map_err(|error| format!("{word} {value}: {error}"))?;
        }
        Ok(Some(arguments))
    }

    /// What each store gets.
    pub(crate) fn room(&self) -> Room {
        Room { memory_size_bytes: self.memory_size_bytes, value_size_bytes: self.value_size_bytes }
    }

    /// A turn.
    pub(crate) fn shift(&self, safety: Safety, clients: usize, seed: u64) -> Shift {
        Shift { clients, safety, span: self.span, seed, value_size_bytes: self.value_size_bytes }
    }

    fn set(&mut self, word: &str, value: &str) -> Outcome<()> {
        match word {
            "--records" => self.records = above_zero(value)?,
            "--value-bytes" => self.value_size_bytes = above_zero(value)?,
            "--memory-mib" => self.memory_size_bytes = above_zero::<usize>(value)? << 20,
            "--clients" => self.clients = list(value, above_zero)?,
            "--rounds" => self.rounds = above_zero(value)?,
            "--span-ms" => self.span = Duration::from_millis(above_zero(value)?),
            "--sustained-s" => self.sustained = Duration::from_secs(above_zero(value)?),
            "--sustained-peers-s" => self.sustained_peers = Duration::from_secs(above_zero(value)?),
            "--growth-rows" => self.growth_rows = list(value, above_zero)?,
            "--growth-peer-rows" => self.growth_peer_rows = above_zero(value)?,
            "--log-mib" => self.log_size_bytes = above_zero::<u64>(value)? << 20,
            "--peers" => self.peers = list(value, PeerKind::named)?,
            "--workloads" => self.workloads = list(value, Workload::named)?,
            "--into" => self.into = Some(PathBuf::from(value)),
            _ => return Err("there is no such option; --help lists them".into()),
        }
        Ok(())
    }
}

fn above_zero<T: FromStr + Default + PartialOrd>(text: &str) -> Outcome<T> {
    text.parse().ok().filter(|number| *number > T::default()).ok_or_else(|| "not a number above zero".into())
}

fn list<T>(text: &str, item: impl Fn(&str) -> Outcome<T>) -> Outcome<Vec<T>> {
    text.split(',').map(item).collect()
}
