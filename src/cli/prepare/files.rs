//! Folders that are linked, copied and made private.

use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::Path,
};

/// Copies a folder, made private, without following links out of it; those are copied as links. What
/// `left_out` says of the names right inside it stays behind.
pub(super) fn copy(from: &Path, to: &Path, left_out: &[&str]) -> io::Result<()> {
    walk(from, to, left_out, &|from, to| fs::copy(from, to).map(drop))
}

/// The same, with files that share their content with the old ones: nothing large is copied, unless the
/// two are on different disks.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    walk(from, to, &[], &|from, to| {
        fs::hard_link(from, to).or_else(|_| fs::copy(from, to).map(drop))
    })
}

fn walk(
    from: &Path,
    to: &Path,
    left_out: &[&str],
    put: &dyn Fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if left_out.iter().any(|out| name == *out) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&from, &to, &[], put)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&from)?, &to)?;
        } else {
            put(&from, &to)?;
        }
    }
    Ok(())
}

/// Takes everything in a folder from everybody but its owner: 0700 for folders and programs, 0600 for
/// all other files.
pub(super) fn make_private(dir: &Path) -> io::Result<()> {
    fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            make_private(&entry.path())?;
        } else if kind.is_file() {
            let mode = entry.metadata()?.permissions().mode();
            let mode = if mode & 0o100 == 0 { 0o600 } else { 0o700 };
            fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}
