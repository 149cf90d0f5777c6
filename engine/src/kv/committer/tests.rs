//! The path of a commit over a log that fails.

use super::*;
use crate::ErrorKind;
use crate::kv::record::encode_commit;
use crate::log::Record;

/// Takes nothing: every write fails.
#[derive(Debug)]
struct FullDisk;

impl Log for FullDisk {
    fn append(&self, _at: Position, _record: &[u8]) -> Result<(), LogError> {
        Err(LogError::Indeterminate(Error::indeterminate("no space is left")))
    }

    fn sync(&self) -> Result<Position, LogError> {
        Ok(Position::START)
    }

    fn note_durable(&self) -> Result<(), LogError> {
        Ok(())
    }

    fn read(&self, _from: Position) -> Result<Box<dyn Iterator<Item = Result<Record>> + Send + '_>> {
        Ok(Box::new(std::iter::empty()))
    }

    fn tail(&self) -> Position {
        Position::START
    }

    fn wait(&self, _after: Position, _timeout: Duration) -> Result<Position> {
        Ok(Position::START)
    }

    fn trim(&self, _before: Position) -> Result<()> {
        Ok(())
    }

    fn size_bytes(&self) -> u64 {
        0
    }

    fn check(&self) -> Result<u64> {
        Ok(0)
    }
}

fn buffered(key: &'static str) -> Proposal {
    let changes: Arc<[Change]> = Arc::from(vec![(Bytes::from(key), Some(Bytes::from("value")))]);
    let encoded = encode_commit(changes.iter().map(|(key, value)| (key, value)));
    Proposal {
        read_version: Version::ZERO,
        reads: ReadSet::default(),
        compared: changes.clone(),
        changes,
        encoded,
        notes: Notes::default(),
        durability: Durability::Buffered,
        in_turn: false,
        owner: Owner::new(0),
    }
}

/// Two commits were accepted, the first one's writer took both to the log and failed; the second one's finds nothing
/// left to write.
#[test]
fn a_commit_whose_record_another_failed_to_write_is_not_acknowledged() {
    let statistics = Arc::new(Statistics::default());
    let table = Arc::new(Memtable::default());
    let committer = Committer::new(Arc::new(FullDisk), table, Version::ZERO, Position::START, 0, statistics);
    for key in ["first", "second"] {
        committer.enter(&mut buffered(key)).unwrap().unwrap();
    }
    for _ in 0..2 {
        assert_eq!(committer.write_out().unwrap_err().kind(), ErrorKind::Indeterminate);
        assert_eq!(committer.sync_out().unwrap_err().kind(), ErrorKind::Indeterminate);
        assert_eq!(committer.visible(), Version::ZERO);
    }
    assert_eq!(committer.commit(buffered("third"), Duration::ZERO).unwrap_err().kind(), ErrorKind::Unavailable);
}
