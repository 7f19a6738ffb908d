//! A Helm that outlived the drctl that started it.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{fs, path::Path, time::Duration};
use tokio::time::{Instant, sleep};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long it may take to end.
const GRACE: Duration = Duration::from_secs(30);

/// Asks the Helm that was given the file `values` to end, waits, and kills it after that; returns
/// whether there was one. It tells Helm apart from all others, since each run has a file of its own.
///
/// Only where the machine has `/proc`: elsewhere there is none to be found.
pub(super) async fn end(values: &Path) -> bool {
    let found = of(values);
    let all = |signal| {
        for &pid in &found {
            // An error means that it has ended.
            let _ = kill(pid, signal);
        }
    };
    all(Some(Signal::SIGTERM));
    let deadline = Instant::now() + GRACE;
    while !of(values).is_empty() {
        if Instant::now() > deadline {
            all(Some(Signal::SIGKILL));
            break;
        }
        sleep(LOOK).await;
    }
    !found.is_empty()
}

fn of(values: &Path) -> Vec<Pid> {
    let wanted = values.as_os_str().as_encoded_bytes();
    let has = |dir: &Path| {
        let line = fs::read(dir.join("cmdline")).unwrap_or_default();
        line.split(|&byte| byte == 0).any(|argument| argument == wanted)
    };
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            has(&entry.path()).then(|| Pid::from_raw(pid))
        })
        .collect()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::process::Command;

    #[tokio::test]
    async fn what_was_given_the_file_is_ended_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let values = dir.path().join("values.json");
        assert!(!end(&values).await);
        let script = ["-c", "while :; do sleep 0.05; done", "helm", "--values"];
        let start = |file: &Path| Command::new("sh").args(script).arg(file).spawn().unwrap();
        let (mut ours, mut other) = (start(&values), start(&dir.path().join("other.json")));
        // The process must have become `sh` before its arguments can be seen.
        while of(&values).is_empty() {
            sleep(LOOK).await;
        }
        let reaped = std::thread::spawn(move || ours.wait().unwrap());
        assert!(end(&values).await);
        assert!(!reaped.join().unwrap().success());
        assert!(other.try_wait().unwrap().is_none());
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
