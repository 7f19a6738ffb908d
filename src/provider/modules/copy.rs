//! A package, copied for one download.

use super::error::ModulesError;
use std::{fs, io, os::unix::fs::symlink, path::Path};

/// Folders that Terraform has no use for, and that may be large.
const LEFT_OUT: [&str; 2] = [".git", ".terraform"];

/// Copies the folder `package`, which has no symbolic link in its path, to the new folder `to`.
///
/// A symbolic link that leads nowhere is left out, and one that leads out of the package is refused.
pub(super) fn copy(module: &str, package: &Path, to: &Path) -> Result<(), ModulesError> {
    let mut open = vec![(package.to_owned(), to.to_owned())];
    while let Some((from, to)) = open.pop() {
        let read = |source| ModulesError::Read { path: from.clone(), source };
        fs::create_dir_all(&to).map_err(|source| write(&to, source))?;
        for entry in fs::read_dir(&from).map_err(read)? {
            let entry = entry.map_err(read)?;
            let (path, to) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type().map_err(read)?;
            if kind.is_symlink() {
                copy_link(module, package, &path, &to)?;
            } else if kind.is_file() {
                fs::copy(&path, &to).map_err(|source| write(&to, source))?;
            } else if kind.is_dir() && LEFT_OUT.iter().all(|name| entry.file_name() != *name) {
                open.push((path, to));
            }
        }
    }
    Ok(())
}

fn copy_link(module: &str, package: &Path, link: &Path, to: &Path) -> Result<(), ModulesError> {
    let read = |source| ModulesError::Read { path: link.to_owned(), source };
    let real = match fs::canonicalize(link) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(read(source)),
    };
    let target = fs::read_link(link).map_err(read)?;
    if !real.starts_with(package) || (real.is_dir() && target.is_absolute()) {
        let path = link.to_owned();
        return Err(ModulesError::Outside { module: module.to_owned(), path });
    }
    let done = if real.is_dir() { symlink(target, to) } else { fs::copy(real, to).map(|_| ()) };
    done.map_err(|source| write(to, source))
}

fn write(path: &Path, source: io::Error) -> ModulesError {
    ModulesError::Write { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_the_package_holds_and_no_history() {
        let dir = tempfile::tempdir().unwrap();
        let package = fs::canonicalize(dir.path()).unwrap().join("package");
        fs::create_dir_all(package.join("modules/x")).unwrap();
        fs::create_dir_all(package.join(".git")).unwrap();
        fs::write(package.join("modules/x/main.tf"), "x").unwrap();
        symlink("modules/x/main.tf", package.join("file")).unwrap();
        symlink("modules", package.join("folder")).unwrap();
        symlink("nowhere", package.join("dangling")).unwrap();

        let to = dir.path().join("copy");
        copy("a/b/c", &package, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("file")).unwrap(), "x");
        assert_eq!(fs::read_to_string(to.join("folder/x/main.tf")).unwrap(), "x");
        assert!(!to.join(".git").exists());
        assert!(fs::symlink_metadata(to.join("dangling")).is_err());

        fs::write(to.join("modules/x/main.tf"), "changed").unwrap();
        assert_eq!(fs::read_to_string(package.join("modules/x/main.tf")).unwrap(), "x");
    }

    #[test]
    fn a_link_out_of_the_package_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let package = fs::canonicalize(dir.path()).unwrap().join("package");
        fs::create_dir(&package).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        symlink("../secret", package.join("main.tf")).unwrap();

        let error = copy("a/b/c", &package, &dir.path().join("copy")).unwrap_err();
        assert!(matches!(error, ModulesError::Outside { .. }), "{error:?}");
        assert!(!dir.path().join("copy/main.tf").exists());
    }
}
