//! Where the benchmarks keep their files: on a disk whose syncs cost what syncs cost.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::Outcome;

/// A new directory on a real disk, removed when dropped.
///
/// # Errors
/// When it cannot be created, or lies in memory.
pub fn scratch_directory() -> Outcome<TempDir> {
    let base = match std::env::var_os("MARQUETRY_BENCH_DIR") {
        Some(path) => PathBuf::from(path),
        None => target_directory()?.join("bench-data"),
    };
    fs::create_dir_all(&base)?;
    let base = base.canonicalize()?;
    if lies_in_memory(&base) {
        return Err(
            format!("{} lies in memory; set MARQUETRY_BENCH_DIR to a directory on a disk", base.display()).into()
        );
    }
    Ok(tempfile::Builder::new().prefix("bench-").tempdir_in(base)?)
}

/// Copies the files below `from` to `to` and gets them to the disk, so that the system does not write them while others
/// are measured.
///
/// # Errors
/// Those of reading and writing them.
pub fn copy_all(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let copy = to.join(path.file_name().ok_or("an entry has a name")?);
        if path.is_dir() {
            copy_all(&path, &copy)?;
        } else {
            fs::copy(&path, &copy)?;
            fs::File::open(&copy)?.sync_all()?;
        }
    }
    Ok(())
}

/// The build directory that the running program lies in.
fn target_directory() -> Outcome<PathBuf> {
    let program = std::env::current_exe()?;
    let build = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    Ok(build.or(program.parent()).map_or_else(std::env::temp_dir, Path::to_owned))
}

fn lies_in_memory(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let kind = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(mounted, _)| path.starts_with(mounted))
        .max_by_key(|(mounted, _)| mounted.len())
        .map(|(_, kind)| kind);
    matches!(kind, Some("tmpfs" | "ramfs"))
}
