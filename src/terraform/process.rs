//! The real Terraform: spawned, followed through its log files, and stopped with care.
//!
//! Standard output is a file, never a pipe: when the reader of a pipe dies,
//! Terraform dies of SIGPIPE with its state half written. With a file, an apply
//! outlives the drctl that started it, and finishes.

use crate::terraform::{
    Cause, Diagnostic, Finished, InFlight, Invocation, LogFiles, Release, Terraform,
    TerraformError, UiMessage,
    cause::recognise,
    create_private,
    heard::{Deaf, Heard, Listen},
    invocation::Action,
    tail::Tail,
};
use async_trait::async_trait;
use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// How often the log is looked at. What is measured comes from Terraform's own
/// timestamps, so this only decides how fresh the progress display is.
const LOOK: Duration = Duration::from_millis(25);

/// The largest document that is read into memory, in bytes.
const LARGEST_DOCUMENT: u64 = 1 << 30;

/// How much of standard error is searched for why a command failed, in bytes.
const SEARCHED: u64 = 64 << 10;

/// The `terraform` or `tofu` binary.
#[derive(Clone, Debug)]
pub struct TerraformBinary {
    /// Where it is.
    pub path: PathBuf,
    /// What it is; decides which flags it gets.
    pub release: Release,
    /// How long it may take to stop once it was interrupted, before it is killed.
    /// Killed, it forgets what it was making, so this is long; `None` is for ever.
    pub grace: Option<Duration>,
}

#[async_trait]
impl Terraform for TerraformBinary {
    async fn run(
        &self,
        call: &Invocation,
        log: &LogFiles,
        on: &mut (dyn FnMut(UiMessage) + Send),
        stop: &CancellationToken,
    ) -> Result<Finished, TerraformError> {
        let stdout = create_log(&log.stdout)?;
        // A second opening has a place in the file of its own.
        let tail = File::open(&log.stdout).map_err(|source| log_error(&log.stdout, source))?;
        let mut heard = Heard::new(Tail::new(tail), on);

        let ended = self.attend(call, stdout, log, stop, &mut heard).await?;
        let finished = ended.verdict(call, log, &heard)?;
        match heard.broken {
            Some(source) => Err(log_error(&log.stdout, source)),
            None => Ok(finished),
        }
    }

    async fn read(
        &self,
        call: &Invocation,
        log: &LogFiles,
        stop: &CancellationToken,
    ) -> Result<Vec<u8>, TerraformError> {
        let stdout = create_log(&log.stdout)?;
        // From here on the document is on the disk without a name, and gone with the process.
        fs::remove_file(&log.stdout).map_err(|source| log_error(&log.stdout, source))?;
        let document = stdout.try_clone().map_err(|source| log_error(&log.stdout, source))?;

        let ended = self.attend(call, stdout, log, stop, &mut Deaf).await?;
        let printed = read_document(call, &document);
        match (&call.action, ended.status.code(), printed) {
            // A `validate` that finds errors exits with 1, and has printed what it found.
            (Action::Validate, Some(1), Ok(found)) if !found.is_empty() => Ok(found),
            (_, _, printed) => ended.verdict(call, log, &Deaf).and(printed),
        }
    }
}

impl TerraformBinary {
    /// Starts the command and stays with it until it ends.
    async fn attend(
        &self,
        call: &Invocation,
        stdout: File,
        log: &LogFiles,
        stop: &CancellationToken,
        heard: &mut impl Listen,
    ) -> Result<Ended, TerraformError> {
        let command = call.action.command();
        if stop.is_cancelled() {
            return Err(TerraformError::Interrupted { command, in_flight: vec![], killed: false });
        }
        let stderr = create_log(&log.stderr)?;
        let mut child = self.spawn(call, stdout, stderr, log)?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let limit = call.limit.map(|limit| Instant::now() + limit);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);

        let mut stopped = None;
        let mut kill_at = None;
        let mut killed = false;
        let status = loop {
            let why = tokio::select! {
                biased;
                status = child.wait() => break status,
                () = stop.cancelled(), if stopped.is_none() => Why::Asked,
                () = at(limit), if stopped.is_none() => Why::Limit,
                () = at(kill_at), if !killed => {
                    killed = true;
                    send(group, Signal::SIGKILL);
                    continue;
                }
                _ = look.tick() => {
                    heard.look();
                    continue;
                }
            };
            stopped = Some((why, heard.interrupted()));
            // Once and never again: a second interrupt makes Terraform leave at once,
            // and forget what it is making.
            send(group, Signal::SIGINT);
            kill_at = self.grace.map(|grace| Instant::now() + grace);
        };
        let status = status.map_err(|source| TerraformError::Wait { command, source })?;
        heard.end();
        Ok(Ended { status, stopped, killed })
    }

    fn spawn(
        &self,
        call: &Invocation,
        stdout: File,
        stderr: File,
        log: &LogFiles,
    ) -> Result<Child, TerraformError> {
        if !call.dir.is_dir() {
            return Err(TerraformError::NoFolder { dir: call.dir.clone() });
        }
        // The lock goes with the open file, so it lasts as long as Terraform holds it:
        // see `LogFiles::in_use`.
        stdout.lock().map_err(|source| log_error(&log.stdout, source))?;
        if let Action::Plan { out, .. } = &call.action {
            // Terraform leaves the mode of a file that is there, and its own would be 0644.
            match create_private(&call.dir.join(out)) {
                Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(TerraformError::PlanFile { path: out.clone(), source });
                }
                _ => {}
            }
        }
        let stdin = match &call.action {
            Action::Fmt { text } => Stdio::from(file_of(text).map_err(|source| {
                let path = std::env::temp_dir();
                TerraformError::Log { path, source }
            })?),
            _ => Stdio::null(),
        };
        tracing::debug!(dir = %call.dir.display(), args = ?call.args(&self.release), "terraform");
        Command::new(&self.path)
            .args(call.args(&self.release))
            .current_dir(&call.dir)
            .env_clear()
            .envs(call.env(std::env::vars_os()))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            // Its own group: at a terminal Ctrl-C goes to the whole foreground group, and
            // with ours after it that would be the second interrupt.
            .process_group(0)
            .spawn()
            .map_err(|source| TerraformError::Start { binary: self.path.clone(), source })
    }
}

/// How a process ended, and what drctl had to do with it.
struct Ended {
    status: ExitStatus,
    /// Why it was interrupted, and what was in flight at that time.
    stopped: Option<(Why, Vec<InFlight>)>,
    killed: bool,
}

#[derive(Clone, Copy)]
enum Why {
    Asked,
    Limit,
}

impl Ended {
    fn verdict(
        self,
        call: &Invocation,
        log: &LogFiles,
        heard: &impl Listen,
    ) -> Result<Finished, TerraformError> {
        let command = call.action.command();
        let is_plan = matches!(call.action, Action::Plan { .. });
        match self.status.code() {
            Some(0) => return Ok(Finished { has_changes: is_plan.then_some(false) }),
            Some(2) if is_plan => return Ok(Finished { has_changes: Some(true) }),
            _ => {}
        }
        let failed = failure(command, self.status.code().unwrap_or(-1), log, heard);
        // Whatever else happened, this must be told: it is the only trace of what was made.
        if failed.cause() == Some(Cause::StateNotSaved) {
            return Err(failed);
        }
        let killed = self.killed;
        Err(match (self.stopped, self.status.signal()) {
            (Some((why, in_flight)), _) => {
                let in_flight =
                    in_flight.into_iter().filter(|work| !heard.has_done(work)).collect();
                match (why, call.limit) {
                    (Why::Limit, Some(limit)) => {
                        TerraformError::TimedOut { command, limit, in_flight, killed }
                    }
                    _ => TerraformError::Interrupted { command, in_flight, killed },
                }
            }
            (None, Some(signal)) => {
                TerraformError::Killed { command, signal, in_flight: heard.in_flight() }
            }
            (None, None) => failed,
        })
    }
}

/// Makes the error of a command that failed by itself.
pub(super) fn failure(
    command: &'static str,
    code: i32,
    log: &LogFiles,
    heard: &impl Listen,
) -> TerraformError {
    let mut errors = heard.errors().to_vec();
    if errors.is_empty() {
        let mut text = Vec::new();
        // What cannot be read does not explain; the exit code still tells that it failed.
        let _ = File::open(&log.stderr).and_then(|f| f.take(SEARCHED).read_to_end(&mut text));
        errors.extend(Diagnostic::in_text(&String::from_utf8_lossy(&text)));
    }
    let (cause, at) = recognise(command, &errors);
    let more = errors.len().saturating_sub(1);
    let diagnostic = (at < errors.len()).then(|| Box::new(errors.swap_remove(at)));
    TerraformError::Failed { command, code, cause, diagnostic, more }
}

/// Waits until a time; for ever when there is none.
pub(super) async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

pub(super) fn send(group: Option<Pid>, signal: Signal) {
    // Without an id the process has already been waited for.
    let Some(group) = group else { return };
    match killpg(group, signal) {
        // It has just gone by itself.
        Ok(()) | Err(Errno::ESRCH) => {}
        Err(error) => tracing::warn!(%group, %signal, %error, "the signal was not sent"),
    }
}

fn create_log(path: &std::path::Path) -> Result<File, TerraformError> {
    create_private(path).map_err(|source| log_error(path, source))
}

pub(super) fn log_error(path: &std::path::Path, source: io::Error) -> TerraformError {
    TerraformError::Log { path: path.to_owned(), source }
}

/// Puts a text into a file without a name, to be read from its beginning.
fn file_of(text: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Reads a whole document, wherever the file's place is: Terraform shares it.
fn read_document(call: &Invocation, file: &File) -> Result<Vec<u8>, TerraformError> {
    let unreadable = |what| TerraformError::Unreadable { command: call.action.command(), what };
    let size = file.metadata().map_err(|error| unreadable(error.to_string()))?.len();
    if size > LARGEST_DOCUMENT {
        return Err(unreadable(format!("it has {size} bytes")));
    }
    let size = usize::try_from(size).map_err(|error| unreadable(error.to_string()))?;
    let mut printed = vec![0; size];
    file.read_exact_at(&mut printed, 0).map_err(|error| unreadable(error.to_string()))?;
    Ok(printed)
}
