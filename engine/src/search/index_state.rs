//! What is kept open of one index between searches.
//!
//! ```text
//!   rounds    held by whoever writes segments: one round, build or merge of an index at a time
//!   head      the newest layout, and from which version on it can stand for a reader
//!   recent    older layouts that old snapshots asked for
//!   overlay   waiting changes that searches have indexed in memory
//! ```
//!
//! **When the head can stand for a reader at S.** The head knows its base B, the newest version that was read to write
//! its segments, and the markers that its last rounds consumed, with the versions D of the commits that deleted them.
//! If B <= S, then every key changed after the head read it has a marker that S sees and the head has not consumed:
//! those keys are taken from the overlay, all others the head has as S sees them. If S is older than B, the head may
//! hold what S must not see; then S reads the layout of its own version from the keyspace.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::build::Build;
use super::files::SegmentFiles;
use super::layout::{Layout, LayoutRow, SegmentRow, open_segment};
use super::overlay::Overlay;
use super::pending::MarkerSet;
use super::schema::IndexSchema;
use super::segment::Segment;
use crate::catalog::ObjectId;
use crate::error::Result;
use crate::kv::{Keyspace, Reader, Snapshot, Version};

/// Layouts of older versions kept open.
const RECENT_LAYOUTS_MAX: usize = 4;

/// The newest layout that this process knows.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) number: u64,
    /// Nothing that was read after this version went into the segments.
    pub(super) base: Version,
    /// `None` while the index is not built.
    pub(super) layout: Option<Arc<Layout>>,
    /// The markers that rounds consumed, with the versions that see them deleted.
    pub(super) consumed: Vec<(Version, Arc<MarkerSet>)>,
    /// Whether a commit of another layout is under way.
    pub(super) is_being_replaced: bool,
}

/// Where indexes live.
pub(super) struct Place<'a> {
    pub(super) keyspace: &'a Arc<Keyspace>,
    pub(super) files: &'a SegmentFiles,
}

impl Head {
    /// The markers that a reader at `version` sees although the head has their changes.
    pub(super) fn consumed_after(&self, version: Version) -> Vec<Arc<MarkerSet>> {
        let later = self.consumed.iter().filter(|(deleted, _)| *deleted > version);
        later.map(|(_, markers)| markers.clone()).collect()
    }
}

/// What a reader finds its version of an index in.
pub(super) enum Base {
    /// These segments, and what waits except the consumed markers.
    Layout(Arc<Layout>, Vec<Arc<MarkerSet>>),
    /// No segments yet.
    Unbuilt,
    /// The index was created in the reader's own transaction.
    Own,
}

/// One index.
pub(super) struct IndexState {
    pub(super) id: ObjectId,
    pub(super) schema: IndexSchema,
    /// Held while segments are written; inside is the build that is under way.
    pub(super) rounds: Mutex<Option<Build>>,
    head: Mutex<Option<Head>>,
    recent: Mutex<VecDeque<Arc<Layout>>>,
    open: Mutex<HashMap<u64, Weak<Segment>>>,
    pub(super) overlay: Mutex<Overlay>,
    /// When changes were first seen waiting, on the monotonic clock.
    pub(super) waiting_since: Mutex<Option<Duration>>,
}

impl IndexState {
    pub(super) fn new(id: ObjectId, schema: IndexSchema) -> Self {
        IndexState {
            id,
            schema,
            rounds: Mutex::default(),
            head: Mutex::default(),
            recent: Mutex::default(),
            open: Mutex::default(),
            overlay: Mutex::default(),
            waiting_since: Mutex::default(),
        }
    }

    /// The head, if it can stand for a reader of `snapshot`.
    ///
    /// # Errors
    /// `Corrupt` or `NotFound` when segments are damaged.
    pub(super) fn head_at(&self, snapshot: &Snapshot, place: &Place<'_>) -> Result<Option<Head>> {
        let mut head = self.head.lock();
        let Some(known) = head.as_mut() else {
            let loaded = self.load_head(snapshot, place)?;
            let is_usable = loaded.base <= snapshot.version();
            return Ok(Some(head.insert(loaded).clone()).filter(|_| is_usable));
        };
        let is_new_enough = known.base <= snapshot.version();
        if is_new_enough && !known.is_being_replaced {
            return Ok(Some(known.clone()));
        }
        let Some(row) = LayoutRow::read(snapshot, self.id)? else { return Ok(None) };
        if row.number == known.number {
            known.base = known.base.min(snapshot.version());
            return Ok(Some(known.clone()));
        }
        Ok(Some(known.clone()).filter(|known| is_new_enough && row.number < known.number))
    }

    /// Called with the head locked: no round can finish meanwhile, so the newest layout stays the newest.
    fn load_head(&self, snapshot: &Snapshot, place: &Place<'_>) -> Result<Head> {
        let newest = place.keyspace.snapshot()?;
        // An index that is gone, or is not there yet, has nothing built.
        let row = LayoutRow::read(&newest, self.id)?.unwrap_or_else(|| LayoutRow::unbuilt(0));
        let is_same = LayoutRow::read(snapshot, self.id)?.is_some_and(|own| own.number == row.number);
        let base = if is_same { snapshot.version() } else { newest.version() };
        let (number, is_built) = (row.number, row.is_built);
        let layout = is_built.then(|| self.open_layout(row, &newest, place.files)).transpose()?;
        Ok(Head { number, base, layout, consumed: Vec::new(), is_being_replaced: false })
    }

    /// Where a reader of `snapshot` finds the index.
    ///
    /// # Errors
    /// As [`IndexState::head_at`].
    pub(super) fn base(&self, snapshot: &Snapshot, place: &Place<'_>) -> Result<Base> {
        let head = self.head_at(snapshot, place)?;
        if let Some(head) = &head
            && let Some(layout) = &head.layout
        {
            return Ok(Base::Layout(layout.clone(), head.consumed_after(snapshot.version())));
        }
        match LayoutRow::read(snapshot, self.id)? {
            None => Ok(Base::Own),
            Some(row) if row.is_built && head.is_none() => {
                Ok(Base::Layout(self.open_layout(row, snapshot, place.files)?, Vec::new()))
            }
            Some(_) => Ok(Base::Unbuilt),
        }
    }

    /// Says that the newest layout is about to be another, until [`IndexState::advance`] says which.
    ///
    /// In between, readers of the new version must not take the old head for the newest.
    pub(super) fn replace(&self) {
        if let Some(head) = self.head.lock().as_mut() {
            head.is_being_replaced = true;
        }
    }

    /// Says that the newest layout stays as it is.
    pub(super) fn keep(&self) {
        if let Some(head) = self.head.lock().as_mut() {
            head.is_being_replaced = false;
        }
    }

    fn open_layout(&self, row: LayoutRow, snapshot: &Snapshot, files: &SegmentFiles) -> Result<Arc<Layout>> {
        if let Some(known) = self.recent.lock().iter().find(|layout| layout.row.number == row.number) {
            return Ok(known.clone());
        }
        let layout = Layout::open(row, self.id, snapshot, |segment| self.segment(segment, files))?;
        let layout = Arc::new(layout);
        self.remember(layout.clone());
        Ok(layout)
    }

    fn remember(&self, layout: Arc<Layout>) {
        let mut recent = self.recent.lock();
        recent.push_back(layout);
        if recent.len() > RECENT_LAYOUTS_MAX {
            recent.pop_front();
        }
    }

    /// The segment that `row` names, opened and checked once for as long as somebody holds it.
    pub(super) fn segment(&self, row: &SegmentRow, files: &SegmentFiles) -> Result<Arc<Segment>> {
        if let Some(segment) = self.open.lock().get(&row.number).and_then(Weak::upgrade) {
            return Ok(segment);
        }
        let segment = open_segment(files, &self.schema, row)?;
        let mut open = self.open.lock();
        open.retain(|_, segment| segment.strong_count() > 0);
        open.insert(row.number, Arc::downgrade(&segment));
        Ok(segment)
    }

    /// Opens a segment that was just written, and says how many documents it has.
    pub(super) fn first_open(&self, row: &SegmentRow, files: &SegmentFiles) -> Result<(Arc<Segment>, u32)> {
        let segment = open_segment(files, &self.schema, row)?;
        self.open.lock().insert(row.number, Arc::downgrade(&segment));
        let documents = segment.documents();
        Ok((segment, documents))
    }

    /// Makes `head` the newest layout; `oldest` is the oldest version that anybody may read.
    pub(super) fn advance(&self, mut head: Head, oldest: Version) {
        head.consumed.retain(|(deleted, _)| *deleted > oldest);
        let replaced = self.head.lock().replace(head);
        if let Some(layout) = replaced.and_then(|head| head.layout) {
            self.remember(layout);
        }
    }

    /// Forgets all that was opened; it is read again when needed.
    pub(super) fn forget(&self) {
        *self.head.lock() = None;
        self.recent.lock().clear();
        self.open.lock().clear();
    }

    /// The newest layout, when one is open.
    pub(super) fn newest(&self) -> Option<Head> {
        self.head.lock().clone()
    }

    /// Lets go of what only old readers needed.
    pub(super) fn trim(&self, oldest: Version) {
        let mut head = self.head.lock();
        if let Some(head) = head.as_mut() {
            head.consumed.retain(|(deleted, _)| *deleted > oldest);
            if head.consumed.is_empty() && head.base <= oldest {
                self.recent.lock().clear();
            }
        }
    }
}

impl std::fmt::Debug for IndexState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "IndexState of {:?}", self.id)
    }
}
