//! The log by itself: appends, syncs, readers and trims at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use marquetry::env::{CrashPolicy, MemoryEnv};
use marquetry::limits::LOG_SEGMENT_SIZE_BYTES_MIN;
use marquetry::log::{LocalLog, Log, LogError, LogSettings, Position};
use marquetry_schedules::{choice, explore};
use shuttle::thread;

const LONG: Duration = Duration::from_secs(3_600);
const RECORDS: u64 = 6;

fn open(env: &MemoryEnv) -> LocalLog {
    let settings = LogSettings { segment_size_bytes: LOG_SEGMENT_SIZE_BYTES_MIN };
    LocalLog::open(Arc::new(env.clone()), Path::new("/log"), settings, Position::START).unwrap()
}

/// Each position is given once; what a sync returned is there after a power cut; readers and waiters see whole records.
#[test]
fn positions_are_dense_and_what_is_synced_is_kept() {
    explore("positions_are_dense", || {
        let env = MemoryEnv::simulated(1);
        let log = Arc::new(open(&env));
        let appenders: Vec<_> = (0..2_u8)
            .map(|number| {
                let (log, env) = (log.clone(), env.clone());
                thread::spawn(move || {
                    let mut mine = 0;
                    let mut at = log.tail().next();
                    while at.number() <= RECORDS {
                        // Three of these fill a segment.
                        match log.append(at, &[number; 300]) {
                            Ok(()) => {
                                (mine, at) = (mine + 1, at.next());
                                // What a frame says to be durable before it must be, or the rest is no torn end.
                                open(&env.fork().crash(CrashPolicy::Random, choice(8)));
                            }
                            Err(LogError::Taken { tail }) => at = tail.next(),
                            Err(error) => panic!("{error:?}"),
                        }
                    }
                    mine
                })
            })
            .collect();
        let syncer = {
            let (log, env) = (log.clone(), env.clone());
            thread::spawn(move || {
                for _ in 0..3 {
                    let synced = log.sync().unwrap();
                    for policy in [CrashPolicy::KeepNone, CrashPolicy::Random] {
                        let again = open(&env.fork().crash(policy, choice(8)));
                        assert!(again.tail() >= synced, "synced, and lost");
                    }
                }
            })
        };
        let tail = log.wait(Position::new(RECORDS - 1), LONG).unwrap();
        assert_eq!(tail, Position::new(RECORDS));
        let records: Vec<_> = log.read(Position::START).unwrap().map(|record| record.unwrap().0.number()).collect();
        assert_eq!(records, (1..=RECORDS).collect::<Vec<_>>());
        let appended: u64 = appenders.into_iter().map(|appender| appender.join().unwrap()).sum();
        assert_eq!(appended, RECORDS);
        syncer.join().unwrap();
        log.trim(Position::new(RECORDS)).unwrap();
        assert!(log.check().unwrap() > 0, "a trim takes whole segments before the position");
    });
}
