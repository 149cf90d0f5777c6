//! The files of segments: written once, synced, named by a commit, checked when they are opened, removed later.
//!
//! ```text
//!   search/<number>.search    what a segment consists of, one part behind the other; most segments are this one file
//!   search/<number>.<part>    a part that grew over 1 MiB: idx, pos, term, fast, fieldnorm or store
//!
//!   SegmentSink --tantivy writes parts--> finish(): all synced, the directory synced --> Component per part
//!   Component { name, where, size, checksum } goes into the layout, in the keyspace  --> SegmentFiles::read checks it
//! ```
//!
//! The checksums stand in the keyspace, not beside the bytes: a file that is damaged, cut, old, or another's does not
//! fit. They are compared when a segment is first opened after a start, over every byte; what rots later while the
//! database stays open is found by the next start or check.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tantivy::directory::OwnedBytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::env::{Env, FileBytes, OpenMode};
use crate::error::{Error, Result};
use crate::format_file::create_directory;

/// The directory of segment files, in the data directory.
pub(super) const SEARCH_DIRECTORY: &str = "search";
/// What the name of the file with the small parts of a segment ends with.
pub(super) const SEGMENT_PACK_SUFFIX: &str = "search";

/// A part of a segment, as the layout names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Component {
    pub(super) name: String,
    /// Whether it has a file of its own.
    pub(super) is_apart: bool,
    /// Where it begins in its file.
    pub(super) offset: u64,
    pub(super) size_bytes: u64,
    /// XXH3 of its bytes, seeded with nothing.
    pub(super) checksum: u64,
}

/// The directory of the segment files of a database.
#[derive(Debug)]
pub(super) struct SegmentFiles {
    pub(super) env: Arc<dyn Env>,
    directory: PathBuf,
    is_created: Mutex<bool>,
}

impl SegmentFiles {
    pub(super) fn new(env: Arc<dyn Env>, database: &Path) -> Self {
        SegmentFiles { env, directory: database.join(SEARCH_DIRECTORY), is_created: Mutex::new(false) }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn path(&self, number: u64, suffix: &str) -> PathBuf {
        self.directory.join(format!("{number:020}.{suffix}"))
    }

    /// Makes the directory when it is missing.
    pub(super) fn create(&self) -> io::Result<()> {
        let mut is_created = self.is_created.lock();
        if !*is_created {
            create_directory(&*self.env, &self.directory)?;
            *is_created = true;
        }
        Ok(())
    }

    pub(super) fn sync_names(&self) -> io::Result<()> {
        self.env.sync_dir(&self.directory)
    }

    /// The numbers and names of all segment files.
    fn names(&self) -> io::Result<Vec<(u64, String)>> {
        let names = match self.env.list(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            names => names?,
        };
        let numbered = names.into_iter().filter_map(|name| {
            let (number, _) = name.split_once('.')?;
            let is_number = number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit());
            Some((number.parse().ok().filter(|_| is_number)?, name))
        });
        Ok(numbered.collect())
    }

    /// Removes the files of every segment that `is_wanted` does not want; how many.
    pub(super) fn sweep(&self, is_wanted: impl Fn(u64) -> bool) -> Result<usize> {
        let failed = |error| Error::io(format_args!("removing files in {}", self.directory.display()), error);
        let unwanted = self.names().map_err(failed)?.into_iter().filter(|(number, _)| !is_wanted(*number));
        let mut removed = 0;
        for (_, name) in unwanted {
            match self.env.remove(&self.directory.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => removed += 1,
            }
        }
        Ok(removed)
    }

    /// The parts of segment `number`, checked to be the bytes that were written.
    ///
    /// # Errors
    /// `Corrupt` or `NotFound` naming the file when they are not.
    pub(super) fn read(&self, number: u64, components: &[Component]) -> Result<HashMap<String, OwnedBytes>> {
        let mut pack: Option<OwnedBytes> = None;
        let mut parts = HashMap::new();
        for component in components {
            let file = match (component.is_apart, &pack) {
                (true, _) => self.map(number, &component.name)?,
                (false, Some(pack)) => pack.clone(),
                (false, None) => pack.insert(self.map(number, SEGMENT_PACK_SUFFIX)?).clone(),
            };
            let part = component.cut(&file).filter(|part| xxh3_64(part) == component.checksum).ok_or_else(|| {
                let suffix = if component.is_apart { &component.name } else { SEGMENT_PACK_SUFFIX };
                Error::corrupt(format!(
                    "{} of the search segment in {} is not what was written at offset {}; the index is built again",
                    component.name,
                    self.path(number, suffix).display(),
                    component.offset
                ))
            })?;
            parts.insert(component.name.clone(), part);
        }
        Ok(parts)
    }

    fn map(&self, number: u64, suffix: &str) -> Result<OwnedBytes> {
        let path = self.path(number, suffix);
        let bytes = self.env.open(&path, OpenMode::Read).and_then(|file| file.bytes());
        match bytes {
            Ok(FileBytes::Mapped(map)) => Ok(OwnedBytes::new(map)),
            Ok(FileBytes::Copied(bytes)) => Ok(OwnedBytes::new(bytes)),
            Err(error) => Err(Error::io(format_args!("opening {}", path.display()), error)),
        }
    }
}

impl Component {
    fn cut(&self, file: &OwnedBytes) -> Option<OwnedBytes> {
        let start = usize::try_from(self.offset).ok()?;
        let end = start.checked_add(usize::try_from(self.size_bytes).ok()?)?;
        (end <= file.len()).then(|| file.slice(start..end))
    }
}

/// Writes the small parts of a segment one behind the other into its one file, synced, and says where they are.
pub(super) fn write_pack(
    files: &SegmentFiles,
    number: u64,
    parts: &BTreeMap<String, OwnedBytes>,
) -> io::Result<Vec<Component>> {
    let mut pack = Vec::with_capacity(parts.values().map(|part| part.len()).sum());
    let mut components = Vec::with_capacity(parts.len());
    for (name, part) in parts {
        components.push(Component {
            name: name.clone(),
            is_apart: false,
            offset: pack.len() as u64,
            size_bytes: part.len() as u64,
            checksum: xxh3_64(part),
        });
        pack.extend_from_slice(part);
    }
    let file = files.env.open(&files.path(number, SEGMENT_PACK_SUFFIX), OpenMode::Create)?;
    // A number may have been lost in a crash and handed out again, and its file left.
    if file.size_bytes()? > 0 {
        file.set_size(0)?;
    }
    file.write_all_at(0, &pack)?;
    file.sync_data()?;
    Ok(components)
}
