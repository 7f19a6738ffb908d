//! What a resumed run, and a sweep, take over from the processes before them.

use std::{fs, io, path::Path};

/// What Terraform leaves in the folder of a stack that the next one needs: a state that could not be
/// saved, and which versions of providers made what is in it.
const CARRIED: [&str; 2] = ["errored.tfstate", ".terraform.lock.hcl"];

/// Moves what Terraform left below `from` to the same place below `to`, where that folder is.
pub(super) fn carry(from: &Path, to: &Path) -> io::Result<()> {
    let mut open = vec![from.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir)? {
            let (entry, is_dir) = entry.and_then(|e| e.file_type().map(|t| (e, t.is_dir())))?;
            let name = entry.file_name();
            if is_dir && name != ".git" && name != ".terraform" {
                open.push(entry.path());
            }
            let wanted = CARRIED.iter().any(|wanted| name == *wanted);
            let inside = dir.strip_prefix(from).unwrap_or(&dir);
            if wanted && !is_dir && to.join(inside).is_dir() {
                fs::rename(entry.path(), to.join(inside).join(&name))?;
            }
        }
    }
    Ok(())
}

/// Returns a number that no log of the run begins with, nor any behind it.
pub(super) fn next_log(logs: &Path) -> u32 {
    let names = fs::read_dir(logs).into_iter().flatten().flatten();
    let numbers = names.filter_map(|entry| log_number(entry.file_name().to_str()?));
    numbers.max().map_or(0, |last| last + 1)
}

/// Returns the number that the name of a log begins with.
pub(super) fn log_number(name: &str) -> Option<u32> {
    name.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_that_could_not_be_saved_and_lock_files_go_along() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("work.1"), dir.path().join("work"));
        for (name, there) in [("a", true), ("b/c", true), ("gone", false), (".git", true)] {
            fs::create_dir_all(from.join(name)).unwrap();
            fs::write(from.join(name).join("errored.tfstate"), name).unwrap();
            fs::write(from.join(name).join("main.tf"), "").unwrap();
            if there {
                fs::create_dir_all(to.join(name)).unwrap();
            }
        }
        fs::write(from.join(".terraform.lock.hcl"), "versions").unwrap();
        carry(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("b/c/errored.tfstate")).unwrap(), "b/c");
        assert!(to.join(".terraform.lock.hcl").exists() && to.join("a/errored.tfstate").exists());
        assert!(!from.join("a/errored.tfstate").exists(), "it is moved, so that it is pushed once");
        assert!(from.join("gone/errored.tfstate").exists(), "nothing is lost");
        assert!(!to.join("a/main.tf").exists() && !to.join(".git/errored.tfstate").exists());
    }

    #[test]
    fn logs_of_a_sweep_follow_those_before() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(next_log(dir.path()), 0);
        for name in ["000-a-init.out", "017-a-apply.out", "notes.txt"] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        assert_eq!(next_log(dir.path()), 18);
    }
}
