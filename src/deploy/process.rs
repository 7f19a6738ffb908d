//! Running a command step: started, watched, and stopped with care.

use super::{command::CommandStep, error::DeployError, tail::LastLines};
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::{
        fs::{OpenOptionsExt, PermissionsExt},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// How often a stopped group is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Where a program's output goes: files that are 0600 and grow while it runs.
///
/// Files and not pipes, so that a program lives on when drctl is killed, and so that
/// something it leaves running in the background, with its output still open, is
/// not waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logs {
    /// Its standard output.
    pub stdout: PathBuf,
    /// Its standard error.
    pub stderr: PathBuf,
}

/// Runs a step to its end.
///
/// The program gets a process group of its own, so that a Ctrl-C at the terminal
/// reaches drctl alone, which then decides. When `stop` is cancelled or the step's
/// limit has passed, the whole group gets one SIGTERM: SIGINT would not reach what
/// a shell script started in the background, since shells make that ignore it. What
/// is left of the group after the grace is killed. What a program leaves running
/// after it ended well is left alone.
///
/// It is stopped through `stop`, and not by dropping the future: then it runs on.
///
/// # Errors
///
/// [`DeployError`] for everything short of exit code 0.
pub async fn run(
    step: &CommandStep,
    logs: &Logs,
    stop: &CancellationToken,
) -> Result<(), DeployError> {
    let program = || step.program().to_owned();
    if stop.is_cancelled() {
        return Err(DeployError::Stopped { program: program(), log: None });
    }
    let mut child = spawn(step, logs)?;
    let ended = tokio::select! {
        // What has ended by itself was not stopped.
        biased;
        ended = timeout(step.limit, child.wait()) => ended,
        () = stop.cancelled() => {
            end_group(&mut child, step.grace).await;
            return Err(DeployError::Stopped { program: program(), log: Some(logs.last_words().0) });
        }
    };
    let Ok(ended) = ended else {
        end_group(&mut child, step.grace).await;
        let (log, said) = logs.last_words();
        return Err(DeployError::TimedOut { program: program(), limit: step.limit, log, said });
    };
    let status = ended.map_err(|source| DeployError::Wait { program: program(), source })?;
    judge(step, logs, status)
}

fn spawn(step: &CommandStep, logs: &Logs) -> Result<Child, DeployError> {
    if step.program().is_empty() {
        return Err(DeployError::Empty);
    }
    if !step.dir.is_dir() {
        return Err(DeployError::NoFolder { dir: step.dir.clone() });
    }
    Command::new(step.path())
        .args(step.args())
        .current_dir(&step.dir)
        .env_clear()
        .envs(step.env(std::env::vars_os()))
        .stdin(Stdio::null())
        .stdout(create(&logs.stdout)?)
        .stderr(create(&logs.stderr)?)
        .process_group(0)
        .spawn()
        .map_err(|source| not_started(step, source))
}

pub(super) fn create(path: &Path) -> Result<File, DeployError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    // An older log may be there, open to others.
    let private = opened.and_then(|file| {
        file.set_permissions(Permissions::from_mode(0o600))?;
        Ok(file)
    });
    private.map_err(|source| DeployError::Log { path: path.to_owned(), source })
}

fn not_started(step: &CommandStep, source: io::Error) -> DeployError {
    let program = step.program().to_owned();
    match source.kind() {
        io::ErrorKind::NotFound
            if program.contains('/') && fs::exists(step.path()).unwrap_or(false) =>
        {
            DeployError::NoInterpreter { program }
        }
        io::ErrorKind::NotFound => DeployError::NotFound { program },
        io::ErrorKind::PermissionDenied => DeployError::NotExecutable { program },
        _ => DeployError::Start { program, source },
    }
}

fn judge(step: &CommandStep, logs: &Logs, status: ExitStatus) -> Result<(), DeployError> {
    if status.success() {
        return Ok(());
    }
    let program = step.program().to_owned();
    let (log, said) = logs.last_words();
    Err(match (status.code(), status.signal()) {
        (Some(code), _) => DeployError::Failed { program, code, log, said },
        (None, signal) => DeployError::Killed { program, signal: signal.unwrap_or(0), log, said },
    })
}

/// Asks a child's whole group to end, waits, and kills what is left.
async fn end_group(child: &mut Child, grace: Duration) {
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) else {
        return;
    };
    let deadline = Instant::now() + grace;
    // An error here and below means that nobody is left in the group.
    let _ = killpg(group, Signal::SIGTERM);
    let _ = timeout(grace, child.wait()).await;
    // Its children may still be clearing up.
    while Instant::now() < deadline && is_alive(group) {
        sleep(LOOK).await;
    }
    let _ = killpg(group, Signal::SIGKILL);
    if let Err(error) = child.wait().await {
        tracing::warn!(%error, "failed to wait for a stopped program");
    }
}

fn is_alive(group: Pid) -> bool {
    killpg(group, None) != Err(Errno::ESRCH)
}

impl Logs {
    /// Returns the log that a person should read: the standard error, or the standard
    /// output when nothing is there; and its last lines.
    pub(super) fn last_words(&self) -> (PathBuf, Option<LastLines>) {
        match LastLines::of_log(&self.stderr) {
            Some(said) => (self.stderr.clone(), Some(said)),
            None => (self.stdout.clone(), LastLines::of_log(&self.stdout)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chain;
    use tempfile::TempDir;

    /// Longer than any test waits.
    const LONG: Duration = Duration::from_secs(120);

    struct Bench {
        dir: TempDir,
        step: CommandStep,
        logs: Logs,
        stop: CancellationToken,
    }

    impl Bench {
        fn new(argv: &[&str]) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let step = CommandStep {
                argv: argv.iter().map(ToString::to_string).collect(),
                dir: dir.path().to_owned(),
                env: [("DRCTL_REGION".to_owned(), "ap-northeast-2".to_owned())].into(),
                limit: LONG,
                grace: LONG,
            };
            let logs =
                Logs { stdout: dir.path().join("out.log"), stderr: dir.path().join("err.log") };
            Self { dir, step, logs, stop: CancellationToken::new() }
        }

        fn sh(script: &str) -> Self {
            Self::new(&["sh", "-c", script])
        }

        async fn run(&self) -> Result<(), DeployError> {
            run(&self.step, &self.logs, &self.stop).await
        }

        async fn fail(&self) -> DeployError {
            self.run().await.expect_err("it should fail")
        }

        fn file(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        /// Cancels `stop` once the program has made the file `ready`.
        fn stop_when_ready(&self) {
            let (ready, stop) = (self.file("ready"), self.stop.clone());
            tokio::spawn(async move {
                while !ready.exists() {
                    sleep(Duration::from_millis(5)).await;
                }
                stop.cancel();
            });
        }
    }

    #[tokio::test]
    async fn output_goes_to_private_logs_and_nothing_comes_in() {
        let bench = Bench::sh("cat; echo to $DRCTL_REGION; echo careful >&2");
        fs::write(&bench.logs.stdout, "older and longer than what comes now").unwrap();
        fs::set_permissions(&bench.logs.stdout, Permissions::from_mode(0o644)).unwrap();
        bench.run().await.unwrap();
        assert_eq!(fs::read_to_string(&bench.logs.stdout).unwrap(), "to ap-northeast-2\n");
        assert_eq!(fs::read_to_string(&bench.logs.stderr).unwrap(), "careful\n");
        for log in [&bench.logs.stdout, &bench.logs.stderr] {
            assert_eq!(fs::metadata(log).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[tokio::test]
    async fn a_failure_shows_the_last_lines() {
        let error = Bench::sh("echo fine; echo one >&2; echo two >&2; exit 3").fail().await;
        assert_eq!(chain(&error), ["`sh` failed with exit code 3", "one\ntwo"]);
        assert!(matches!(error, DeployError::Failed { log, .. } if log.ends_with("err.log")));

        let error = Bench::sh("echo only here; exit 1").fail().await;
        assert!(matches!(error, DeployError::Failed { log, .. } if log.ends_with("out.log")));
    }

    #[tokio::test]
    async fn what_cannot_start_says_why() {
        let missing = Bench::new(&["./bin/missing"]).fail().await;
        let unknown = Bench::new(&["drctl-has-no-such-program"]).fail().await;
        let empty = Bench::new(&[]).fail().await;

        let plain = Bench::new(&["./plain"]);
        fs::write(plain.file("plain"), "#!/bin/sh\n").unwrap();
        let plain = plain.fail().await;

        let windows = Bench::new(&["./script"]);
        fs::write(windows.file("script"), "#!/bin/sh\r\n").unwrap();
        fs::set_permissions(windows.file("script"), Permissions::from_mode(0o755)).unwrap();
        let windows = windows.fail().await;

        let mut nowhere = Bench::new(&["true"]);
        nowhere.step.dir = "/nowhere/at/all".into();
        let nowhere = nowhere.fail().await;

        let said = [missing, unknown, empty, plain, windows, nowhere]
            .map(|error| format!("{error}\n  {}", error.hint().unwrap()));
        insta::assert_snapshot!(said.join("\n"), @r"
        `./bin/missing` was not found
          Check that `./bin/missing` is committed: `git ls-files ./bin/missing`
        `drctl-has-no-such-program` was not found
          Install `drctl-has-no-such-program`, or put it on the PATH: `command -v drctl-has-no-such-program`
        the step has no command
          Give the step a `run` with at least a program
        `./plain` is not executable
          Make it executable: `git update-index --chmod=+x ./plain`
        the interpreter in the first line of `./script` was not found
          Look at the first line of `./script` for a missing program or Windows line ends: `head -1 ./script | od -c`
        the folder `/nowhere/at/all` is not there
          Check the step's folder against the commit that is recovered
        ");
    }

    #[tokio::test]
    async fn a_background_child_that_holds_the_output_is_not_waited_for() {
        let bench = Bench::sh("sleep 100 & echo $! > pid");
        tokio::time::timeout(LONG / 4, bench.run()).await.unwrap().unwrap();
        let pid = fs::read_to_string(bench.file("pid")).unwrap().trim().parse().unwrap();
        // Left alone, since the step ended well; ended here.
        nix::sys::signal::kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    }

    #[tokio::test]
    async fn a_program_is_asked_once_and_may_clear_up() {
        let script =
            "trap 'echo asked >> log; exit 0' TERM; touch ready; while :; do sleep 0.02; done";
        let bench = Bench::sh(script);
        bench.stop_when_ready();
        let error = bench.fail().await;
        assert!(matches!(error, DeployError::Stopped { .. }), "{error}");
        assert_eq!(fs::read_to_string(bench.file("log")).unwrap(), "asked\n");
    }

    #[tokio::test]
    async fn the_whole_group_is_killed_after_the_grace() {
        let script =
            "trap '' TERM; sh -c 'echo $$ > child; touch ready; sleep 100' & wait; sleep 100";
        let mut bench = Bench::sh(script);
        bench.step.grace = Duration::from_millis(100);
        bench.stop_when_ready();
        bench.fail().await;
        let pid: i32 = fs::read_to_string(bench.file("child")).unwrap().trim().parse().unwrap();
        // A killed orphan ends when it next gets to run, and is gone once it is reaped, neither
        // of which is ours to do.
        let gone = || {
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            state.is_empty() || state.contains(") Z ")
        };
        tokio::time::timeout(LONG / 4, async {
            while !gone() {
                tokio::time::sleep(LOOK).await;
            }
        })
        .await
        .unwrap();
    }

    #[tokio::test]
    async fn a_program_that_takes_too_long_is_stopped() {
        let mut bench = Bench::sh("echo waiting for the load balancer; sleep 100");
        bench.step.limit = Duration::from_millis(300);
        let error = bench.fail().await;
        assert_eq!(chain(&error)[0], "`sh` did not end within 0.3s");
    }

    #[tokio::test]
    async fn a_program_killed_by_somebody_else_is_told_apart() {
        let error = Bench::sh("kill -9 $$").fail().await;
        assert_eq!(error.to_string(), "`sh` was killed by signal 9");
    }

    #[tokio::test]
    async fn nothing_starts_after_stop() {
        let bench = Bench::sh("touch started");
        bench.stop.cancel();
        assert!(matches!(bench.fail().await, DeployError::Stopped { log: None, .. }));
        assert!(!bench.file("started").exists());
    }
}
