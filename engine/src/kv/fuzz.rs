//! Log records for any bytes.

use bytes::Bytes;

use super::memtable::Change;
use super::record::{decode_commit, decode_record, encode_commit, encode_record};
use super::version::Version;
use crate::fuzzing::{Choices, assert_damage};

fn commit_of(changes: &[Change]) -> Bytes {
    encode_commit(changes.iter().map(|(key, value)| (key, value)))
}

fn record_of(first: Version, commits: &[Vec<Change>]) -> Bytes {
    let commits: Vec<Bytes> = commits.iter().map(|changes| commit_of(changes)).collect();
    let mut out = Vec::new();
    encode_record(first, &commits, &mut out);
    out.into()
}

fn change(choices: &mut Choices<'_>) -> Change {
    let key = Bytes::copy_from_slice(choices.bytes(8));
    let value = choices.truth().then(|| Bytes::copy_from_slice(choices.bytes(200)));
    (key, value)
}

/// Commits come back from the record that they were put into, and from no part of it; other bytes are read as commits
/// that come back, or refused.
pub fn commits(input: &[u8]) {
    let record = Bytes::copy_from_slice(input);
    match decode_record(&record) {
        Ok(commits) => {
            let first = commits.first().map_or(Version::ZERO, |(version, _)| *version);
            let changes: Vec<Vec<Change>> = commits.iter().map(|(_, changes)| changes.clone()).collect();
            let again = decode_record(&record_of(first, &changes)).expect("what was just written is read");
            assert_eq!(again, commits);
        }
        Err(error) => assert_damage(&error),
    }
    if let Err(error) = decode_commit(&record) {
        assert_damage(&error);
    }
    let mut choices = Choices::new(input);
    let first = Version::new(choices.number() >> 1);
    let commits: Vec<Vec<Change>> =
        (0..choices.below(4)).map(|_| (0..choices.below(5)).map(|_| change(&mut choices)).collect()).collect();
    let record = record_of(first, &commits);
    let back = decode_record(&record).expect("what was just written is read");
    assert_eq!(back.iter().map(|(_, changes)| changes).collect::<Vec<_>>(), commits.iter().collect::<Vec<_>>());
    assert!(back.iter().zip(0..).all(|((version, _), index)| version.number() == first.number() + index));
    let end = choices.below(record.len());
    assert!(decode_record(&record.slice(..end)).is_err(), "a record that was cut at {end} is read");
}
