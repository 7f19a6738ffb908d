//! A program that is given something to read, heard out, and killed with all its children.

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, ChildStdin, Command},
    time::timeout,
};

/// How much of each output is kept, in bytes. The rest is read and dropped.
const OUTPUT_LIMIT: usize = 64 << 10;
/// How long is waited for output once the program has ended: something that it
/// left behind, in a session of its own, may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(1);

/// A program to run.
///
/// It inherits drctl's environment without `DRCTL_*` and `TF_HTTP_*`, and has a process group of its
/// own, which is killed when its time is up and when the program has ended: nothing is left behind.
/// Where it is written down to be run elsewhere, its folder is left out: it is the one it lands in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// The program and its arguments. A program with a `/` is looked for from `dir`.
    pub argv: Vec<String>,
    /// The folder that it runs in.
    #[serde(skip, default = "here")]
    pub dir: PathBuf,
    /// What is added to its environment.
    pub env: BTreeMap<String, String>,
}

fn here() -> PathBuf {
    PathBuf::from(".")
}

impl fmt::Debug for Program {
    /// Shows the names in the environment and not their values, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("argv", &self.argv)
            .field("dir", &self.dir)
            .field("env", &self.env.keys())
            .finish()
    }
}

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no word in it.
    #[error("no command is given")]
    Empty,
    /// It could not be started.
    #[error("`{program}`: {source}")]
    NotStarted {
        /// What was to be started.
        program: String,
        /// Why it was not.
        source: io::Error,
    },
    /// Its end was not told.
    #[error("failed to wait for it: {0}")]
    Wait(io::Error),
}

/// How a program ended and what it said.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub status: ExitStatus,
    /// The first 64 KiB of its standard output.
    pub stdout: Vec<u8>,
    /// The first 64 KiB of its standard error.
    pub stderr: Vec<u8>,
}

impl Program {
    /// Runs the program to its end, with `input` to read. Dropped before, it kills the whole group.
    ///
    /// A program that does not read all of its input has not failed for that.
    ///
    /// # Errors
    ///
    /// [`ProgramError`] when it cannot be started or waited for; how it ended is no error.
    pub async fn run(&self, input: &[u8]) -> Result<Ended, ProgramError> {
        let mut child = self.spawn(!input.is_empty())?;
        let group = Group::of(&child);
        let mut stdout = Vec::new();
        let mut stderr = Vec::new();
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let status = {
            let drained = async {
                tokio::join!(
                    feed(pipes.0, input),
                    keep(pipes.1, &mut stdout),
                    keep(pipes.2, &mut stderr)
                )
            };
            tokio::pin!(drained);
            tokio::select! {
                biased;
                status = child.wait() => {
                    drop(group);
                    // Whatever holds a pipe now has left the group. What was said is enough.
                    let _ = timeout(DRAIN, drained).await;
                    status
                }
                _ = &mut drained => {
                    let status = child.wait().await;
                    drop(group);
                    status
                }
            }
        };
        Ok(Ended { status: status.map_err(ProgramError::Wait)?, stdout, stderr })
    }

    fn spawn(&self, reads: bool) -> Result<Child, ProgramError> {
        let (program, args) = self.argv.split_first().ok_or(ProgramError::Empty)?;
        let path = if program.contains('/') { self.dir.join(program) } else { program.into() };
        Command::new(path)
            .args(args)
            .current_dir(&self.dir)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_inherited(name)))
            .envs(&self.env)
            .stdin(if reads { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| ProgramError::NotStarted { program: program.clone(), source })
    }
}

impl Ended {
    /// Returns how it ended, and the last thing that it said.
    pub fn summary(&self) -> String {
        let end = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("killed by signal {}", signal.unwrap_or(0)),
        };
        match self.last_line() {
            Some(line) => format!("{end}: {line}"),
            None => end,
        }
    }

    /// Returns the last thing said, on the standard error rather than the standard output.
    fn last_line(&self) -> Option<String> {
        [&self.stderr, &self.stdout].into_iter().find_map(|output| {
            let text = String::from_utf8_lossy(output);
            text.lines().rev().find(|line| !line.trim().is_empty()).map(str::to_owned)
        })
    }
}

/// Returns true for what a program may know of drctl's environment: not drctl's own
/// settings, nor the address and password of a state that is kept somewhere.
fn is_inherited(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with("DRCTL_") && !name.starts_with("TF_HTTP_")
}

/// Writes all of it, and closes the pipe.
async fn feed(into: Option<ChildStdin>, input: &[u8]) -> io::Result<()> {
    let Some(mut into) = into else { return Ok(()) };
    into.write_all(input).await?;
    into.shutdown().await
}

/// Reads to the end, and keeps the beginning.
async fn keep(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> io::Result<()> {
    let Some(mut from) = from else { return Ok(()) };
    let mut piece = [0; 4096];
    loop {
        let length = from.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        let room = OUTPUT_LIMIT - into.len();
        into.extend_from_slice(&piece[..length.min(room)]);
    }
}

/// A process group that is killed when this is dropped.
struct Group(Option<Pid>);

impl Group {
    /// Returns the group that a child leads.
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // An error means that nobody is left in it.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Program {
        let argv = ["sh", "-c", script].map(str::to_owned).into();
        Program { argv, dir: ".".into(), env: BTreeMap::new() }
    }

    #[test]
    fn drctls_own_settings_are_not_inherited() {
        let kept = |name: &str| is_inherited(&OsString::from(name));
        assert!(kept("PATH") && kept("AWS_PROFILE") && kept("TF_VAR_a"));
        assert!(!kept("DRCTL_TOKEN") && !kept("TF_HTTP_PASSWORD"));
    }

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let env = [("TOKEN".to_owned(), "hunter2".to_owned())].into();
        let shown = format!("{:?}", Program { env, ..sh("true") });
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_what_is_not_read_is_no_failure() {
        let long = vec![b'x'; 1 << 20];
        let counted = sh("wc -c").run(&long).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&counted.stdout).trim(), "1048576");
        assert!(sh("exit 0").run(&long).await.unwrap().status.success());
        assert_eq!(sh("cat").run(b"").await.unwrap().stdout, b"");
    }
}
