//! The first two files of a data directory: who has it open, and which program may read it.
//!
//! ```text
//!   LOCK      empty; locked while a process has the database open
//!   FORMAT    "marquetry"  format version:u32  crc32c:u32        (17 bytes, little end first)
//! ```
//!
//! The format version covers the directory as a whole; every file inside has a version of its own as well.
//!
//! A directory that is being built from a backup has `FORMAT.new` first and gets `FORMAT` last: until then it is
//! refused by whoever opens it, and whoever builds again clears it.

use std::io;
use std::path::{Path, PathBuf};

use crate::env::{Env, FileLock, OpenMode};
use crate::error::{Error, Result};
use crate::kv::checkpoint::{CHECKPOINT_FILE, CHECKPOINT_NEW_FILE};

/// Version of the layout of a data directory.
pub(crate) const DIRECTORY_FORMAT: u32 = 1;
const DIRECTORY_MAGIC: &[u8; 9] = b"marquetry";
const SIZE: usize = DIRECTORY_MAGIC.len() + 8;
/// The file before it has its name.
const FRESH_FILE: &str = "FORMAT.new";
/// What a restore may have left besides.
const BUILT_FILES: [&str; 2] = [CHECKPOINT_FILE, CHECKPOINT_NEW_FILE];
const BUILT_FOLDERS: [&str; 3] = ["log", "blobs", "search"];

/// Locks the directory for this process and checks that this program may read it; creates both when missing.
pub(crate) fn claim(env: &dyn Env, directory: &Path) -> Result<Box<dyn FileLock>> {
    create_directory(env, directory)
        .map_err(|error| Error::io(format_args!("creating {}", directory.display()), error))?;
    let lock = env.lock(&directory.join("LOCK")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::unavailable(format!(
            "the database in {} is open in another process; stop that one, or reach it over its server",
            directory.display()
        )),
        _ => Error::io(format_args!("locking {}", directory.display()), error),
    })?;
    let path = directory.join("FORMAT");
    let read = |error| Error::io(format_args!("reading {}", path.display()), error);
    match env.exists(&path).map_err(read)? {
        true => {
            let file = env.open(&path, OpenMode::Read).map_err(read)?;
            let mut bytes = [0; SIZE];
            file.read_exact_at(0, &mut bytes).map_err(read)?;
            verify(&bytes, &path)?;
        }
        false => {
            refuse_foreign(env, directory)?;
            write(env, directory).map_err(|error| Error::io(format_args!("writing {}", path.display()), error))?;
        }
    }
    Ok(lock)
}

fn verify(bytes: &[u8; SIZE], path: &Path) -> Result<()> {
    let (body, checksum) = bytes.split_at(SIZE - 4);
    let (magic, version) = body.split_at(DIRECTORY_MAGIC.len());
    if magic != DIRECTORY_MAGIC || crc32c::crc32c(body).to_le_bytes() != checksum {
        return Err(Error::corrupt(format!(
            "{} is damaged at offset 0 or is no Marquetry file; restore from a backup",
            path.display()
        )));
    }
    let version = u32::from_le_bytes(version.try_into().expect("four bytes stand between magic and checksum"));
    if version > DIRECTORY_FORMAT {
        return Err(Error::unsupported(format!(
            "{} says format {version}, this program reads up to {DIRECTORY_FORMAT}; use a newer program",
            path.display()
        )));
    }
    Ok(())
}

/// A directory with other people's files in it is more likely a mistake than a place for a database.
fn refuse_foreign(env: &dyn Env, directory: &Path) -> Result<()> {
    let names =
        env.list(directory).map_err(|error| Error::io(format_args!("listing {}", directory.display()), error))?;
    match names.iter().find(|name| !matches!(name.as_str(), "LOCK" | FRESH_FILE | "lost+found")) {
        Some(_) if is_half_built(&names) => {
            Err(Error::invalid(format!("a restore into {} was not finished; run it again", directory.display())))
        }
        Some(name) => Err(Error::invalid(format!(
            "{} holds {name:?} and no database; name an empty or new directory",
            directory.display()
        ))),
        None => Ok(()),
    }
}

/// Whether the names in a directory are those of a restore that was not finished, or of nothing.
fn is_half_built(names: &[String]) -> bool {
    let is_known = |name: &String| BUILT_FOLDERS.contains(&name.as_str()) || BUILT_FILES.contains(&name.as_str());
    names.iter().any(|name| name == FRESH_FILE)
        && names.iter().all(|name| is_known(name) || matches!(name.as_str(), "LOCK" | FRESH_FILE | "lost+found"))
}

/// A data directory that is being built; it becomes one with [`Building::finish`].
#[derive(Debug)]
pub(crate) struct Building {
    directory: PathBuf,
    _lock: Box<dyn FileLock>,
}

/// Locks a directory without a database, cleared of what an earlier building left; creates it when missing.
pub(crate) fn begin_building(env: &dyn Env, directory: &Path) -> Result<Building> {
    let failed = |error| Error::io(format_args!("restoring into {}", directory.display()), error);
    create_directory(env, directory).map_err(failed)?;
    let names = env.list(directory).map_err(failed)?;
    if names.iter().any(|name| name == "FORMAT") {
        return Err(Error::invalid(format!(
            "{} holds a database, and a restore writes over none; name an empty or new directory",
            directory.display()
        )));
    }
    if !is_half_built(&names) {
        refuse_foreign(env, directory)?;
    }
    let lock = env.lock(&directory.join("LOCK")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::unavailable(format!(
            "another process works on {}; wait for it, or name another directory",
            directory.display()
        )),
        _ => failed(error),
    })?;
    clear(env, directory, &names).map_err(failed)?;
    write_fresh(env, directory).and_then(|_| env.sync_dir(directory)).map_err(failed)?;
    Ok(Building { directory: directory.to_owned(), _lock: lock })
}

fn clear(env: &dyn Env, directory: &Path, names: &[String]) -> io::Result<()> {
    for name in names.iter().filter(|name| BUILT_FILES.contains(&name.as_str())) {
        env.remove(&directory.join(name))?;
    }
    for folder in names.iter().filter(|name| BUILT_FOLDERS.contains(&name.as_str())) {
        let folder = directory.join(folder);
        for file in env.list(&folder)? {
            env.remove(&folder.join(file))?;
        }
        env.sync_dir(&folder)?;
    }
    Ok(())
}

impl Building {
    /// Makes the directory a database, durably; everything in it is synced.
    pub(crate) fn finish(self, env: &dyn Env) -> Result<()> {
        let directory = &self.directory;
        // The names of all files and folders are durable before the one that makes them count.
        let finished = env.sync_dir(directory).and_then(|()| publish(env, directory));
        finished.map_err(|error| Error::io(format_args!("restoring into {}", directory.display()), error))
    }
}

fn write(env: &dyn Env, directory: &Path) -> io::Result<()> {
    write_fresh(env, directory)?;
    publish(env, directory)
}

fn write_fresh(env: &dyn Env, directory: &Path) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.extend_from_slice(DIRECTORY_MAGIC);
    bytes.extend_from_slice(&DIRECTORY_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    let file = env.open(&directory.join(FRESH_FILE), OpenMode::Create)?;
    file.set_size(0)?;
    file.write_all_at(0, &bytes)?;
    file.sync_data()
}

fn publish(env: &dyn Env, directory: &Path) -> io::Result<()> {
    env.rename(&directory.join(FRESH_FILE), &directory.join("FORMAT"))?;
    env.sync_dir(directory)
}

/// Creates a directory and makes its name, and those of the directories created above it, durable.
///
/// The name of a directory that is there already is synced as well: whoever created it may have died before doing so.
pub(crate) fn create_directory(env: &dyn Env, directory: &Path) -> io::Result<()> {
    let is_missing = |path: &Path| !path.as_os_str().is_empty() && !env.exists(path).unwrap_or(false);
    let missing = directory.ancestors().take_while(|ancestor| is_missing(ancestor)).count();
    env.create_dir(directory)?;
    for created in directory.ancestors().take(missing.max(1)) {
        match created.parent() {
            Some(parent) if parent.as_os_str().is_empty() => env.sync_dir(Path::new("."))?,
            Some(parent) => env.sync_dir(parent)?,
            None => {}
        }
    }
    Ok(())
}
