//! The first two files of a data directory: who has it open, and which program may read it.
//!
//! ```text
//!   LOCK      empty; locked while a process has the database open
//!   FORMAT    "marquetry"  format version:u32  crc32c:u32        (17 bytes, little end first)
//! ```
//!
//! The format version covers the directory as a whole; every file inside has a version of its own as well.

use std::io;
use std::path::Path;

use crate::env::{Env, FileLock, OpenMode};
use crate::error::{Error, Result};

/// Version of the layout of a data directory.
pub(crate) const DIRECTORY_FORMAT: u32 = 1;
const DIRECTORY_MAGIC: &[u8; 9] = b"marquetry";
const SIZE: usize = DIRECTORY_MAGIC.len() + 8;

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
    match names.iter().find(|name| !matches!(name.as_str(), "LOCK" | "FORMAT.new" | "lost+found")) {
        Some(name) => Err(Error::invalid(format!(
            "{} holds {name:?} and no database; name an empty or new directory",
            directory.display()
        ))),
        None => Ok(()),
    }
}

fn write(env: &dyn Env, directory: &Path) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.extend_from_slice(DIRECTORY_MAGIC);
    bytes.extend_from_slice(&DIRECTORY_FORMAT.to_le_bytes());
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_le_bytes());
    let fresh = directory.join("FORMAT.new");
    let file = env.open(&fresh, OpenMode::Create)?;
    file.set_size(0)?;
    file.write_all_at(0, &bytes)?;
    file.sync_data()?;
    env.rename(&fresh, &directory.join("FORMAT"))?;
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
