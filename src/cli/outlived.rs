//! Programs that outlived the drctl that had started them.
//!
//! They write to files and not to drctl, so that they go on when it is killed. Each leads a process
//! group of its own and works in the work copy of its run, which is how it is found
//! (`/proc/PID/cwd`, proc(5)); Terraform also holds a lock on its log.

use crate::{
    cli::{
        error::CliError,
        execute::{STATE_GRACE, from_state},
        exit::Exit,
        home::RunFolder,
        ui::Ui,
    },
    engine::Stop,
    state::{StateServer, StateStore},
    terraform::{LogFiles, group_of},
};
use anyhow::anyhow;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::{Pid, getpgrp},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(100);

/// What every Terraform of drctl has in its environment.
const OF_TERRAFORM: &[u8] = b"TF_HTTP_PASSWORD=";

/// What every program of a runbook has in its environment.
const OF_RUNBOOK: &[u8] = b"DRCTL_SERVICE=";

/// Asks what still runs in the work copies of a run to end, once, and waits until it has. The state
/// that Terraform has to save meanwhile is taken in.
///
/// # Errors
///
/// Something still runs after the grace, or the wait was interrupted.
pub(super) async fn end(
    folder: &RunFolder,
    grace: Duration,
    stop: &Stop,
    ui: &Ui,
) -> Result<(), CliError> {
    let none = BTreeSet::new();
    if groups(folder, &none).is_empty() && still_written(folder, &none).is_empty() {
        return Ok(());
    }
    let store = Arc::new(StateStore::open(folder.state()).map_err(from_state)?);
    let server = StateServer::start(store, folder.id().clone()).await.map_err(from_state)?;
    end_all_but(&none, folder, grace, stop, ui).await?;
    server.stop(STATE_GRACE).await;
    Ok(())
}

/// Asks what still runs in the work copies of a run to end, but for the process groups `spared`.
///
/// # Errors
///
/// As [`end`].
pub(super) async fn end_all_but(
    spared: &BTreeSet<i32>,
    folder: &RunFolder,
    grace: Duration,
    stop: &Stop,
    ui: &Ui,
) -> Result<(), CliError> {
    let began = Instant::now();
    let mut asked: BTreeSet<i32> = BTreeSet::new();
    loop {
        let groups = groups(folder, spared);
        for (group, signal) in &groups {
            if !asked.insert(*group) {
                continue;
            }
            if was_interrupted(*group) {
                ui.say(&format!(
                    "process group {group} of the run {} still runs, and was interrupted before: wait\n",
                    folder.id()
                ));
            } else {
                ui.say(&format!(
                    "process group {group} of the run {} still runs: {signal}, then wait\n",
                    folder.id()
                ));
                // Gone by itself is fine.
                let _ = killpg(Pid::from_raw(*group), *signal);
            }
        }
        let writing = still_written(folder, spared);
        if groups.is_empty() && writing.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= grace {
            let who: Vec<String> = groups.keys().map(ToString::to_string).chain(writing).collect();
            let error =
                anyhow!("programs of the run {} still run: {}", folder.id(), who.join(", "));
            return Err(CliError::new(Exit::Failed, error).hint("End them and try again: as long as they run, they may make things that no state knows of"));
        }
        tokio::select! {
            () = sleep(LOOK) => {}
            () = stop.token().cancelled() => {
                let error = anyhow!("interrupted while what still runs was waited for: nothing was done");
                return Err(CliError::new(Exit::Interrupted, error));
            }
        }
    }
}

/// A process that outlived drctl.
pub(super) struct Process {
    /// Its process group.
    pub(super) group: i32,
    /// Where it works.
    pub(super) dir: PathBuf,
}

/// Returns the process whose standard output is the file `log`.
pub(super) fn writer_of(log: &Path) -> Option<Process> {
    let id = |path: &Path| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let wanted = id(log)?;
    let all = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let mut writers = all.filter(|process| id(&process.join("fd/1")) == Some(wanted));
    writers.find_map(|process| {
        Some(Process { group: group_of(&process)?, dir: fs::read_link(process.join("cwd")).ok()? })
    })
}

/// Returns the process groups of drctl's that have a member in a work copy of the run and are not
/// `spared`, each with what asks it to end.
///
/// Terraform ends on SIGINT, which its plugins leave to it; for a program of the runbook SIGTERM is
/// the one that also reaches what a shell started in the background.
fn groups(folder: &RunFolder, spared: &BTreeSet<i32>) -> BTreeMap<i32, Signal> {
    let mut groups = BTreeMap::new();
    let work = folder.work();
    // Work copies lie beside each other.
    let of_run = work.parent().unwrap_or(&work);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let process = entry.path();
        let inside = fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(of_run));
        let Some(group) = inside.then(|| group_of(&process)).flatten() else { continue };
        if group == getpgrp().as_raw() || spared.contains(&group) {
            continue;
        }
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        let has = |name: &[u8]| environment.split(|byte| *byte == 0).any(|v| v.starts_with(name));
        let signal = match () {
            () if has(OF_TERRAFORM) => Signal::SIGINT,
            () if has(OF_RUNBOOK) => Signal::SIGTERM,
            // Somebody who looks around there.
            () => continue,
        };
        groups.insert(group, signal);
    }
    groups
}

/// Returns true for a Terraform that the drctl which started it interrupted before it died: a second
/// time would make Terraform forget what it is making. Its standard output is its log.
fn was_interrupted(group: i32) -> bool {
    let stdout = fs::read_link(format!("/proc/{group}/fd/1"));
    stdout.is_ok_and(|stdout| {
        LogFiles { stderr: stdout.with_extension("err"), stdout }.was_interrupted()
    })
}

/// Returns the logs of a run that a Terraform still writes which is not of a group that is `spared`.
fn still_written(folder: &RunFolder, spared: &BTreeSet<i32>) -> Vec<String> {
    let logs = fs::read_dir(folder.logs()).into_iter().flatten().flatten();
    let outputs =
        logs.map(|log| log.path()).filter(|log| log.extension().is_some_and(|e| e == "out"));
    outputs
        .filter(|stdout| {
            let log = LogFiles { stdout: stdout.clone(), stderr: stdout.with_extension("err") };
            let is_spared = || writer_of(stdout).is_some_and(|p| spared.contains(&p.group));
            log.in_use().unwrap_or(false) && !is_spared()
        })
        .map(|log| log.display().to_string())
        .collect()
}
