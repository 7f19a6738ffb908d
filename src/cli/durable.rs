//! Files that are on the disk when they are said to be.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};
use tempfile::NamedTempFile;

/// Writes a file whole or not at all, for its owner alone. When this returns, it is on the disk.
///
/// # Errors
///
/// It cannot be written; then what was there before still is.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (file, dir) = written(path, bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    // The name is on the disk, too.
    File::open(dir)?.sync_all()
}

/// The same, unless there is such a file already: then nothing is done, and false returned.
///
/// # Errors
///
/// It cannot be written.
pub(super) fn create(path: &Path, bytes: &[u8]) -> io::Result<bool> {
    let (file, dir) = written(path, bytes)?;
    match file.persist_noclobber(path) {
        Ok(_) => File::open(dir)?.sync_all().map(|()| true),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error),
    }
}

fn written<'a>(path: &'a Path, bytes: &[u8]) -> io::Result<(NamedTempFile, &'a Path)> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok((file, dir))
}
