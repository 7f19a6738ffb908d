//! Where drctl keeps what it must remember: runs, mirrors and a small cache.

use super::{
    error::{CliError, OrExit},
    exit::Exit,
};
use crate::model::run::RunId;
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::{
    env, fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

/// The folder that holds everything: `DRCTL_HOME`, else `$XDG_STATE_HOME/drctl`,
/// else `~/.local/state/drctl`.
#[derive(Clone, Debug)]
pub(super) struct Home {
    root: PathBuf,
}

impl Home {
    /// Finds the folder; it need not be there yet.
    ///
    /// # Errors
    ///
    /// Neither `DRCTL_HOME` nor `HOME` is set.
    pub(super) fn find() -> Result<Self, CliError> {
        let from = |name: &str| env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        from("DRCTL_HOME")
            .or_else(|| from("XDG_STATE_HOME").map(|dir| dir.join("drctl")))
            .or_else(|| from("HOME").map(|dir| dir.join(".local/state/drctl")))
            .and_then(|root| std::path::absolute(root).ok())
            .map(|root| Self { root })
            .ok_or_else(|| {
                CliError::new(Exit::Usage, anyhow!("there is no folder to keep runs in"))
                    .hint("Set `DRCTL_HOME` to a folder that survives a restart")
            })
    }

    /// Takes `root` for the folder, whatever the environment says.
    pub(super) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the folder itself.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where repositories are mirrored.
    pub(super) fn mirrors(&self) -> PathBuf {
        self.root.join("mirrors")
    }

    /// Returns where what was prepared before an outage is.
    pub(super) fn prepared(&self) -> PathBuf {
        self.root.join("prepared")
    }

    /// Returns where what watches remember is.
    pub(super) fn watches(&self) -> PathBuf {
        self.root.join("watch")
    }

    /// Returns where the watch over a service that falls back to a region remembers.
    pub(super) fn watch(&self, service: &str, region: &str) -> PathBuf {
        // A name may be anything; a folder's may not.
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        let clean =
            |text: &str| text.chars().map(|c| if plain(c) { c } else { '-' }).collect::<String>();
        self.watches().join(format!("{}--{}", clean(service), clean(region)))
    }

    /// Returns where the history of runs is.
    pub(super) fn history(&self) -> PathBuf {
        self.root.join(crate::store::FILE_NAME)
    }

    /// Returns where the locks of drills are.
    pub(super) fn locks(&self) -> PathBuf {
        self.root.join("locks")
    }

    /// Returns where what can be learnt again is kept.
    pub(super) fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Returns the folder of `run`, which may not be there.
    pub(super) fn run(&self, run: &RunId) -> RunFolder {
        RunFolder { id: run.clone(), root: self.root.join("runs").join(run.as_str()) }
    }

    /// Makes the folder of a run that began at `began_at`.
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub(super) fn new_run(&self, began_at: Timestamp) -> Result<RunFolder, CliError> {
        let folder = self.run(&self.name_run(began_at)?);
        folder.create()?;
        Ok(folder)
    }

    /// Names a run that begins at `began_at`.
    ///
    /// The name is above those of the runs that are there already, since names sort in the order
    /// of their runs: also when one second saw more than one begin.
    ///
    /// # Errors
    ///
    /// The system gives no random numbers.
    pub(super) fn name_run(&self, began_at: Timestamp) -> Result<RunId, CliError> {
        let mut random = [0; 2];
        getrandom::fill(&mut random)
            .map_err(|e| anyhow!("the system gives no random numbers: {e}"))
            .or_exit(Exit::Failed)?;
        let random = u16::from_be_bytes(random);
        let second = RunId::new(began_at, 0);
        let second = second.as_str().trim_end_matches('0');
        // Where they cannot be read no folder can be made either, which has an error of its own.
        let runs = self.runs().unwrap_or_default();
        let newest = runs.iter().rfind(|run| run.as_str().starts_with(second));
        let salt = match newest.and_then(|run| u16::from_str_radix(run.salt(), 16).ok()) {
            // In small steps, since more may follow.
            Some(taken) => taken.saturating_add(1 + random % ((u16::MAX - taken) / 8).max(1)),
            None => random,
        };
        Ok(RunId::new(began_at, salt))
    }

    /// Returns every run that has a folder, the oldest first.
    ///
    /// # Errors
    ///
    /// The folder of runs is there and cannot be read.
    pub(super) fn runs(&self) -> Result<Vec<RunId>, CliError> {
        let dir = self.root.join("runs");
        let entries = match fs::read_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries
                .with_context(|| format!("failed to read `{}`", dir.display()))
                .or_exit(Exit::Failed)?,
        };
        let mut runs: Vec<RunId> =
            entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok()).collect();
        runs.sort();
        Ok(runs)
    }

    /// Returns the one run that `name` means: `latest`, a whole name, or the start of one.
    ///
    /// # Errors
    ///
    /// There is no such run, or more than one.
    pub(super) fn find_run(&self, name: &str) -> Result<RunId, CliError> {
        self.find_among(self.runs()?, name)
    }

    /// The same among `runs`, the oldest first.
    ///
    /// # Errors
    ///
    /// There is no such run, or more than one.
    pub(super) fn find_among(&self, runs: Vec<RunId>, name: &str) -> Result<RunId, CliError> {
        let see = "See `drctl runs` for the runs that there are";
        if name == "latest" {
            return runs.last().cloned().ok_or_else(|| {
                let error = anyhow!("there is no run in `{}` yet", self.root.display());
                CliError::new(Exit::Usage, error).hint(see)
            });
        }
        let mut matching = runs.iter().filter(|run| run.as_str().starts_with(name));
        match (matching.next(), matching.next()) {
            (Some(run), None) => Ok(run.clone()),
            (None, _) => {
                Err(CliError::new(Exit::Usage, anyhow!("there is no run `{name}`")).hint(see))
            }
            (Some(_), Some(_)) => {
                let error = anyhow!("more than one run begins with `{name}`");
                Err(CliError::new(Exit::Usage, error).hint(see))
            }
        }
    }
}

/// The folder of one run: 0700, since it holds state.
#[derive(Clone, Debug)]
pub(super) struct RunFolder {
    id: RunId,
    root: PathBuf,
}

impl RunFolder {
    /// Makes the folder.
    ///
    /// # Errors
    ///
    /// It is there already, or cannot be made.
    pub(super) fn create(&self) -> Result<(), CliError> {
        let parent = self.root.parent().unwrap_or(&self.root);
        let mut builder = fs::DirBuilder::new();
        builder.mode(0o700).recursive(true);
        builder
            .create(parent)
            .and_then(|()| builder.recursive(false).create(&self.root))
            .with_context(|| format!("failed to make the run's folder `{}`", self.root.display()))
            .or_exit(Exit::Failed)
            .map_err(|error| {
                error
                    .hint("Set `DRCTL_HOME` to a folder that can be written, with room on its disk")
            })
    }

    /// Returns true when there is such a folder.
    pub(super) fn exists(&self) -> bool {
        self.root.is_dir()
    }

    /// Returns the run's name.
    pub(super) fn id(&self) -> &RunId {
        &self.id
    }

    /// Returns the folder of drctl that it is in.
    pub(super) fn home(&self) -> Home {
        let root = self.root.parent().and_then(Path::parent).unwrap_or(&self.root);
        Home::at(root.to_owned())
    }

    /// Returns the journal's path.
    pub(super) fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// Returns where the repository is checked out.
    pub(super) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    /// Returns where saved plans and inputs are, which hold secrets; removed on success.
    pub(super) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// Returns where it is written down what a failover was asked.
    pub(super) fn asked(&self) -> PathBuf {
        self.root.join("asked.json")
    }

    /// Returns where it is written down for which stacks no `init` is needed.
    pub(super) fn prepared(&self) -> PathBuf {
        self.root.join("prepared.json")
    }

    /// Returns where steps remember what stood before them.
    pub(super) fn deploy(&self) -> PathBuf {
        self.root.join("deploy")
    }

    /// Returns where the output of every process is kept.
    pub(super) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Returns where the simulated cloud of a rehearsal is kept.
    pub(super) fn cloud(&self) -> PathBuf {
        self.root.join("cloud.json")
    }

    /// Returns where a drill keeps what is needed to sweep up after it.
    pub(super) fn drill(&self) -> PathBuf {
        self.root.join("drill.json")
    }

    /// Returns where drctl keeps the state of stacks that have no backend of their own.
    pub(super) fn state(&self) -> PathBuf {
        self.root.join("state")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_one_second_sort_in_the_order_in_which_they_began() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::at(dir.path().to_owned());
        let second: Timestamp = "2026-03-14T02:59:07.25Z".parse().unwrap();
        let later: Timestamp = "2026-03-14T02:59:08Z".parse().unwrap();
        home.new_run(later).unwrap();
        home.run(&RunId::new(second, 0xd837)).create().unwrap();
        let mut made = vec![RunId::new(second, 0xd837)];
        made.extend((0..20).map(|_| home.new_run(second).unwrap().id().clone()));
        assert!(made.is_sorted(), "{made:?}");
        assert_eq!(home.runs().unwrap()[..21], made);
    }
}
