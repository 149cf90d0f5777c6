//! A transaction goes on at a newer version.
//!
//! ```text
//!   version 5                  12                 17
//!   begin, read a, write b --> rebase --> ... --> rebase --> commit
//!              a and b unchanged by others   the same again    and again
//! ```
//!
//! - **K13** What the transaction rests on - what it was told to depend on and what it has written, or else all that it has
//!   read - is compared
//!   from one version to the next, without a gap. So a value that was worked out from an older one never replaces a newer one,
//!   whether its key was locked or not; locks only see to it that there is nothing to be found.
//!
//! Comparing looks at the commits in between. Where those are forgotten the values themselves are compared.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::super::committer::{self, Comparison};
use super::super::turns::Contended;
use super::super::version::Version;
use super::super::view::View;
use super::{Base, Isolation, Reader, State, Transaction};
use crate::error::{Error, Result};

impl Transaction {
    /// Goes on at the newest version: from now on what others have committed is read. Own writes, savepoints, notes and locks
    /// stay; scans that are open still show the old version.
    ///
    /// # Errors
    /// `Conflict` when something that the transaction rests on was changed by another; the transaction stays where it was.
    /// `Closed` when it has ended.
    pub fn rebase(&self) -> Result<Version> {
        let mut base = self.base.write();
        let (writer, view) = self.keyspace.writing_view()?;
        let version = view.version();
        // Under the lock of the base nobody reads at the old version after what was read has been compared.
        let state = self.state.lock();
        state.refuse_when_ended()?;
        if version > base.view.version() {
            self.compare(&state, &base.view, &view)?;
            *base = Base { view, _writer: Some(writer) };
        }
        Ok(version)
    }

    /// Sees to it that the commits since the version that is read are remembered when the transaction commits.
    pub(super) fn stay_comparable(&self) -> Result<()> {
        let version = self.version();
        match self.keyspace.committer.is_long_comparable(version) {
            true => Ok(()),
            false => self.rebase().map(drop),
        }
    }

    fn compare(&self, state: &State, old: &View, new: &View) -> Result<()> {
        // What a serializable transaction writes without having read it replaces whatever is there.
        let writes = (self.isolation != Isolation::Serializable).then_some(&*state.writes);
        if state.reads.is_empty() && writes.is_none_or(BTreeMap::is_empty) {
            return Ok(());
        }
        let is_written = |key: &[u8]| writes.is_some_and(|writes| writes.contains_key(key));
        let ranges = state.reads.ranges_in_the_end();
        let met = |key: &[u8]| match state.reads.has_point(key) || is_written(key) {
            true => Some(Contended::key(key)),
            false => ranges.met_by(key),
        };
        match self.keyspace.committer.compare(old.version(), new.version(), met) {
            Comparison::Unchanged => Ok(()),
            Comparison::Changed(version, contended) => Err(committer::conflict(version, Some(contended))),
            Comparison::Forgotten if ranges.is_empty() => {
                let written = writes.into_iter().flat_map(BTreeMap::keys);
                compare_values(state.reads.points().chain(written), old, new)
            }
            Comparison::Forgotten => Err(Error::conflict(
                "more was committed than can be compared with the ranges that this transaction read; run it again",
            )),
        }
    }
}

/// Compares what stands at each of `keys`.
fn compare_values<'a>(mut keys: impl Iterator<Item = &'a Bytes>, old: &View, new: &View) -> Result<()> {
    keys.try_for_each(|key| match old.get(key)? == new.get(key)? {
        true => Ok(()),
        false => Err(committer::conflict(new.version(), Some(Contended::key(key)))),
    })
}
