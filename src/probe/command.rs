//! A program that is asked: exit code 0 means up.

use super::{Seen, Why};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
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
    io::{AsyncRead, AsyncReadExt},
    process::{Child, Command},
    time::timeout,
};

/// How much of each output is kept, in bytes. The rest is read and dropped.
const OUTPUT_LIMIT: usize = 64 << 10;
/// How long is waited for output once the program has ended: something that it
/// left behind, in a session of its own, may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(1);

/// A program to run.
///
/// It inherits drctl's environment without `DRCTL_*` and `TF_HTTP_*`, has nothing
/// on its standard input, and a process group of its own, which is killed when its
/// time is up and when the program has ended: a question leaves nothing behind.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandTarget {
    /// The program and its arguments. A program with a `/` is looked for from `dir`.
    pub argv: Vec<String>,
    /// The folder that it runs in.
    pub dir: PathBuf,
    /// What is added to its environment.
    pub env: BTreeMap<String, String>,
}

impl fmt::Debug for CommandTarget {
    /// Shows the names in the environment and not their values, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandTarget")
            .field("argv", &self.argv)
            .field("dir", &self.dir)
            .field("env", &self.env.keys())
            .finish()
    }
}

/// How a program ended and what it said.
pub(super) struct Ended {
    status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    stderr: Vec<u8>,
}

impl CommandTarget {
    pub(super) async fn ask(&self) -> Seen {
        match self.run().await {
            Ok(ended) => ended.seen(),
            Err(seen) => seen,
        }
    }

    /// Runs the program to its end. Dropped before, it kills the whole group.
    pub(super) async fn run(&self) -> Result<Ended, Seen> {
        let mut child = self.spawn()?;
        let group = Group::of(&child);
        let mut stdout = Vec::new();
        let mut stderr = Vec::new();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let status = {
            let drained = async { tokio::join!(keep(out, &mut stdout), keep(err, &mut stderr)) };
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
        match status {
            Ok(status) => Ok(Ended { status, stdout, stderr }),
            Err(error) => Err(Seen::new(Why::Broken, error.to_string())),
        }
    }

    fn spawn(&self) -> Result<Child, Seen> {
        let Some((program, args)) = self.argv.split_first() else {
            return Err(Seen::new(Why::NotFound, "no command is given"));
        };
        let path = if program.contains('/') { self.dir.join(program) } else { program.into() };
        let spawned = Command::new(path)
            .args(args)
            .current_dir(&self.dir)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| is_inherited(name)))
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        spawned.map_err(|error| Seen::new(Why::NotFound, format!("`{program}`: {error}")))
    }
}

impl Ended {
    pub(super) fn seen(&self) -> Seen {
        let (why, end) = match (self.status.code(), self.status.signal()) {
            (Some(0), _) => (Why::Ok, "exit code 0".to_owned()),
            (Some(code), _) => (Why::Exit, format!("exit code {code}")),
            (None, signal) => (Why::Killed, format!("killed by signal {}", signal.unwrap_or(0))),
        };
        match self.last_line() {
            Some(line) => Seen::new(why, format!("{end}: {line}")),
            None => Seen::new(why, end),
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

/// Returns true for what a command may know of drctl's environment: not drctl's own
/// settings, nor the address and password of a state that is kept somewhere.
fn is_inherited(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    !name.starts_with("DRCTL_") && !name.starts_with("TF_HTTP_")
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

    #[test]
    fn drctls_own_settings_are_not_inherited() {
        let kept = |name: &str| is_inherited(&OsString::from(name));
        assert!(kept("PATH") && kept("AWS_PROFILE") && kept("TF_VAR_a"));
        assert!(!kept("DRCTL_TOKEN") && !kept("TF_HTTP_PASSWORD"));
    }

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let env = [("TOKEN".to_owned(), "hunter2".to_owned())].into();
        let target = CommandTarget { argv: vec!["true".into()], dir: ".".into(), env };
        let shown = format!("{target:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }
}
