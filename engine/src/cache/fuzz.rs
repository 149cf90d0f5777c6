//! What caches store, for any bytes.

use bytes::Bytes;

use super::keys;
use super::stored_entry::{Origin, StoredEntry};
use crate::catalog::ObjectId;
use crate::env::Timestamp;
use crate::fuzzing::{Choices, assert_damage, reads_again};
use crate::kv::Version;

/// Entries and their keys come back, places in the order of expiry are in that order; other bytes are read or refused.
pub fn cache_records(input: &[u8]) {
    let decode = |bytes: &[u8]| StoredEntry::decode(&Bytes::copy_from_slice(bytes));
    reads_again(input, decode, |entry| entry.encode().to_vec());
    let verdicts = [keys::entry_of(input).map(drop), keys::expiry_of(input).map(drop)];
    verdicts.iter().filter_map(|verdict| verdict.as_ref().err()).for_each(assert_damage);
    let mut choices = Choices::new(input);
    let entry = StoredEntry {
        version: choices.number(),
        expires_at: choices.truth().then(|| Timestamp::from_micros((choices.number() >> 1).max(1) as i64)),
        origin: choices
            .truth()
            .then(|| Origin { incarnation: choices.number().max(1), loaded_at: Version::new(choices.number()) }),
        value: Bytes::copy_from_slice(choices.bytes(60)),
    };
    assert_eq!(decode(&entry.encode()).expect("what was written is read"), entry);
    let namespace = ObjectId::new(choices.number());
    let mut place = || (Timestamp::from_micros(choices.number() as i64), choices.bytes(6));
    let (a, b) = (place(), place());
    let (a_key, b_key) = (keys::expiry(namespace, a.0, a.1), keys::expiry(namespace, b.0, b.1));
    assert_eq!(a_key.cmp(&b_key), a.cmp(&b));
    assert_eq!(keys::expiry_of(&a_key).expect("a key is read"), (namespace, a.0, a.1));
    assert_eq!(keys::entry_of(&keys::entry(namespace, a.1)).expect("a key is read"), (namespace, a.1));
}
