//! What a watch has done by others: it is made out what would be done, and a failover is begun.
//!
//! A failover is a process of its own, so that it goes on when the watch is stopped or killed.

use super::{
    case::{Fired, Ready},
    memory::Place,
};
use crate::{
    cli::{
        asked::{REPO_ENV, Which},
        cmd::report,
        home::Home,
        prepared::{Keeping, look},
        ui::Ui,
    },
    engine::Stop,
    model::run::DeclaredBy,
};
use anyhow::Context;
use nix::{sys::signal::kill, unistd::Pid};
use std::{
    env, fs,
    os::unix::{fs::OpenOptionsExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

/// Makes out what would be done now.
///
/// # Errors
///
/// In one line, why nobody knows.
pub(super) async fn prepare(which: &Which, home: &Home, ui: &Ui) -> Result<Ready, String> {
    let scratch = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let work = scratch.path().join("work");
    let prepared = look(which, Keeping::default(), home, &work, &Stop::default(), ui).await;
    let prepared = prepared.map_err(|error| error.summary())?;
    prepared.refused().map_err(|error| error.summary())?;
    let (commit, digest) = (prepared.checkout.commit.clone(), prepared.assembled.digest.clone());
    Ok(Ready { commit, digest })
}

/// Begins a failover that was decided, and returns its process.
///
/// Twice does no harm: a run has one folder, and the second process finds it there.
///
/// # Errors
///
/// It cannot be started.
pub(super) fn fire(
    fired: &Fired,
    which: &Which,
    rto: Option<&str>,
    place: &Place,
) -> anyhow::Result<std::process::Child> {
    let program = env::current_exe().context("failed to find drctl itself")?;
    let log = place.log(fired.run.as_str());
    let open = || fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&log);
    let cannot = || format!("failed to open `{}`", log.display());
    let (out, err) = (open().with_context(cannot)?, open().with_context(cannot)?);
    let by = match fired.by {
        DeclaredBy::Approval => "approval",
        _ => "policy",
    };
    let mut command = Command::new(program);
    command
        .args(["failover", "--yes", "--region", &which.region])
        // Not an argument, which everybody can read: it may hold a password.
        .env(REPO_ENV, &which.repo)
        .args(["--ref", &fired.ready.commit, "--expect-plan", &fired.ready.digest])
        .args(["--as-run", fired.run.as_str(), "--decided-by", by])
        .args(["--outage-at", &fired.began.wall.to_string()])
        .args(["--detected-at", &fired.detected.wall.to_string()])
        .arg("--runbook")
        .arg(&which.runbook)
        .args(
            which
                .replace
                .iter()
                .flat_map(|(old, new)| ["--replace".into(), format!("{old}={new}")]),
        )
        .args(which.offline.then_some("--offline"));
    let pairs = [
        ("--primary", which.primary.as_deref()),
        ("--workspace", which.workspace.as_deref()),
        ("--terraform", which.terraform.as_deref()),
        ("--rto", rto),
    ];
    for (flag, value) in pairs {
        command.args(value.into_iter().flat_map(|value| [flag, value]));
    }
    if let Some(stack) = &which.stack {
        command.arg("--stack").arg(stack);
    }
    command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        // A signal at the terminal of the watch is not meant for it.
        .process_group(0)
        .spawn()
        .context("failed to start the failover")
}

/// How far a failover is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing of it was ever there.
    NotBegun,
    /// It goes on.
    Running,
    /// It is over: how, in a sentence.
    Over(String),
}

/// How often it is tried to start a failover that leaves nothing behind.
const LAUNCHES: u32 = 3;

/// Looks how far a failover is, by what it left on the disk and by its process.
pub(super) fn progress(fired: &Fired, home: &Home, place: &Place) -> Progress {
    if is_alive(fired) {
        return Progress::Running;
    }
    let folder = home.run(&fired.run);
    let journal = folder.journal();
    if !journal.exists() {
        // A folder means that it was the one that began, and ended at once.
        return if folder.exists() || fired.launches >= LAUNCHES {
            let said = tail(&place.log(fired.run.as_str()));
            let last = said.lines().rev().find(|line| line.starts_with("error:"));
            Progress::Over(format!("it ended at once: {}", last.unwrap_or("see its log")))
        } else {
            Progress::NotBegun
        };
    }
    match tail(&journal).contains("\"event\":\"run_finished\"") {
        false => Progress::Over("it was killed before its end".to_owned()),
        true => Progress::Over(match report::read(&folder) {
            Ok(report) => format!("{}: {}", report.summary.word(), report.headline()),
            Err(error) => error.summary(),
        }),
    }
}

/// The last lines of a journal, which can be long.
fn tail(path: &Path) -> String {
    use std::io::{Read, Seek, SeekFrom};
    let read = || {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(4 << 10)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map(|_| bytes)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// Whether the arguments of a process, each ended by a zero byte, are those of a run.
fn is_of(line: &[u8], run: &str) -> bool {
    let arguments: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    arguments.windows(2).any(|pair| pair == [b"--as-run", run.as_bytes()])
}

/// Whether the process of a failover lives. It is known by the name of the run among its arguments, since
/// its number can be that of another by now, or was not written down.
fn is_alive(fired: &Fired) -> bool {
    let Ok(processes) = fs::read_dir("/proc") else {
        return fired.pid.is_some_and(|pid| kill(Pid::from_raw(pid), None).is_ok());
    };
    processes.flatten().any(|process| {
        let is_process =
            process.file_name().to_str().is_some_and(|name| name.parse::<u32>().is_ok());
        let line = || fs::read(process.path().join("cmdline")).unwrap_or_default();
        // One that is dead and not yet waited for has no arguments any more.
        is_process && is_of(&line(), fired.run.as_str())
    })
}
