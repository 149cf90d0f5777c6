//! What one log record holds: a group of commits, each a list of key writes.
//!
//! ```text
//!   record = format:u8  first version:varint  commits:varint  commit*
//!   commit = writes:varint  write*
//!   write  = key length:varint  key  ( 0 | 1 + value length:varint  value )        0 removes the key
//! ```
//!
//! Records are self-contained key writes, never statements: recovery, replicas and followers apply them blindly.

use bytes::Bytes;

use super::memtable::Change;
use super::version::Version;
use crate::encoding::varint;
use crate::error::{Error, Result};

/// The layout of the records that this program writes.
pub(crate) const RECORD_FORMAT: u8 = 1;
/// Room for this many writes is made at once, for most commits have fewer.
const WRITES_EXPECTED: usize = 64;

/// The bytes of one commit, ready to be put into a record.
pub(crate) fn encode_commit<'a>(
    changes: impl ExactSizeIterator<Item = (&'a Bytes, &'a Option<Bytes>)> + Clone,
) -> Bytes {
    let sizes = changes.clone().map(|(key, value)| key.len() + value.as_ref().map_or(0, Bytes::len) + 8);
    let mut out = Vec::with_capacity(sizes.sum::<usize>() + 4);
    varint::write(&mut out, changes.len() as u64);
    for (key, value) in changes {
        varint::write_bytes(&mut out, key);
        match value {
            None => out.push(0),
            Some(value) => {
                varint::write(&mut out, value.len() as u64 + 1);
                out.extend_from_slice(value);
            }
        }
    }
    out.into()
}

/// The changes of an encoded commit, as slices of it.
pub(crate) fn decode_commit(encoded: &Bytes) -> Result<Vec<Change>> {
    decode_changes(encoded, &mut &encoded[..])
}

/// One record of the commits `first`, `first + 1`, ...
pub(crate) fn encode_record(first: Version, commits: &[Bytes], out: &mut Vec<u8>) {
    out.clear();
    out.push(RECORD_FORMAT);
    varint::write(out, first.number());
    varint::write(out, commits.len() as u64);
    for commit in commits {
        out.extend_from_slice(commit);
    }
}

/// The commits of a record, in order.
pub(crate) fn decode_record(record: &Bytes) -> Result<Vec<(Version, Vec<Change>)>> {
    let mut input = &record[..];
    let Some((&format, rest)) = input.split_first() else {
        return Err(Error::corrupt("a log record is empty"));
    };
    if format != RECORD_FORMAT {
        return Err(Error::unsupported(format!(
            "a log record has format {format}, this program reads format {RECORD_FORMAT}; open it with a newer program"
        )));
    }
    input = rest;
    let mut version = Version::new(varint::read(&mut input)?);
    let count = varint::read(&mut input)?;
    let mut commits = Vec::new();
    for _ in 0..count {
        commits.push((version, decode_changes(record, &mut input)?));
        version = version.next();
    }
    if !input.is_empty() {
        return Err(Error::corrupt("a log record is longer than its commits"));
    }
    Ok(commits)
}

fn decode_changes(record: &Bytes, input: &mut &[u8]) -> Result<Vec<Change>> {
    let writes = varint::read(input)?;
    // Memory is not taken on the word of a number that may be made up.
    let mut changes = Vec::with_capacity(usize::try_from(writes).unwrap_or(usize::MAX).min(WRITES_EXPECTED));
    for _ in 0..writes {
        let key = record.slice_ref(varint::read_bytes(input)?);
        let value = match varint::read(input)? {
            0 => None,
            length => {
                let length = usize::try_from(length - 1).ok().filter(|length| *length <= input.len());
                let length = length.ok_or_else(|| Error::corrupt("a log record's value reaches past its end"))?;
                let (value, rest) = input.split_at(length);
                *input = rest;
                Some(record.slice_ref(value))
            }
        };
        changes.push((key, value));
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_and_every_cut_is_refused() {
        let changes = vec![
            (Bytes::from("key"), Some(Bytes::from("value"))),
            (Bytes::from("gone"), None),
            (Bytes::new(), Some(Bytes::new())),
        ];
        let mut out = Vec::new();
        let encode = |changes: &[Change]| encode_commit(changes.iter().map(|(key, value)| (key, value)));
        assert_eq!(decode_commit(&encode(&changes)).unwrap(), changes);
        encode_record(Version::new(41), &[encode(&changes), encode(&[])], &mut out);
        let decoded = decode_record(&Bytes::from(out.clone())).unwrap();
        assert_eq!(decoded, vec![(Version::new(41), changes), (Version::new(42), Vec::new())]);
        for length in 0..out.len() {
            assert!(decode_record(&Bytes::copy_from_slice(&out[..length])).is_err());
        }
    }
}
