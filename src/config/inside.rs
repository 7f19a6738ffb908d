//! Files of a repository, read with care: whoever wrote it may not be trusted.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

/// The largest file that is read, in bytes. The syntax tree of a file takes about twenty times its size,
/// and the largest that people keep are generated ones of some megabytes.
pub const LARGEST: u64 = 32 << 20;

/// Reads a file of the repository at `root`.
///
/// # Errors
///
/// It cannot be read; it is a symbolic link that leads out of the repository, no ordinary file (a pipe
/// would be waited for, and a device may have no end), or larger than [`LARGEST`].
pub fn read(root: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let refused = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    let real = fs::canonicalize(root.join(path))?;
    if !real.starts_with(fs::canonicalize(root)?) {
        return refused("this is a symbolic link that leads out of the repository");
    }
    if !fs::metadata(&real)?.is_file() {
        return refused("this is no ordinary file");
    }
    let mut text = Vec::new();
    File::open(&real)?.take(LARGEST + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LARGEST {
        return refused("this is larger than 32 MiB");
    }
    Ok(text)
}

/// As [`read`], for text.
///
/// # Errors
///
/// As [`read`], and when it is not UTF-8.
pub fn read_text(root: &Path, path: &Path) -> io::Result<String> {
    String::from_utf8(read(root, path)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_ordinary_files_of_the_repository_are_read() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        fs::write(outside.path().join("secret"), "s").unwrap();
        fs::write(path("plain"), "p").unwrap();
        symlink("plain", path("link")).unwrap();
        symlink(outside.path().join("secret"), path("out")).unwrap();
        symlink(outside.path(), path("folder")).unwrap();
        symlink("/dev/zero", path("endless")).unwrap();
        // Sparse: it takes no room on the disk.
        File::create(path("huge")).unwrap().set_len(5 << 30).unwrap();
        let read = |name: &str| match read_text(root.path(), Path::new(name)) {
            Ok(text) => format!("{name}: {text}"),
            Err(error) => format!("{name}: {error}"),
        };
        let said =
            ["plain", "link", "out", "folder/secret", "endless", "huge", ".", "../x"].map(read);
        insta::assert_snapshot!(said.join("\n"), @r"
        plain: p
        link: p
        out: this is a symbolic link that leads out of the repository
        folder/secret: this is a symbolic link that leads out of the repository
        endless: this is a symbolic link that leads out of the repository
        huge: this is larger than 32 MiB
        .: this is no ordinary file
        ../x: this is a symbolic link that leads out of the repository
        ");
    }
}
