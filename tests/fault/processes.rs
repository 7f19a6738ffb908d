//! The processes of one case: drctl, and all that descends from it.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

/// A living process of a case.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) id: i32,
    pub(crate) name: String,
}

impl Process {
    pub(crate) fn is_terraform(&self) -> bool {
        self.name == "terraform"
    }
}

/// Returns the living processes that work for a drctl whose home is `home`, drctl among them.
///
/// They have its home in their environment, or work below it.
pub(crate) fn of(home: &Path) -> Vec<Process> {
    let mark = format!("DRCTL_HOME={}", home.display()).into_bytes();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| {
        let id: i32 = entry.file_name().to_str()?.parse().ok()?;
        // A zombie has none.
        let environment = fs::read(entry.path().join("environ")).ok()?;
        // Terraform is not told where drctl's home is, and works inside it.
        let inside =
            || fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(home));
        let told = environment.split(|byte| *byte == 0).any(|v| v == mark);
        (told || inside()).then_some(())?;
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        Some(Process { id, name: name.trim().to_owned() })
    })
    .collect()
}

/// Sends a signal. One that has gone by itself is fine.
pub(crate) fn signal(id: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(id), signal);
}

/// Kills everything that works for `home`, until nothing does.
pub(crate) fn kill_all(home: &Path) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(10) {
        let left = of(home);
        if left.is_empty() {
            return;
        }
        left.iter().for_each(|process| signal(process.id, Signal::SIGKILL));
        sleep(Duration::from_millis(2));
    }
}

/// Returns what still works for `home` after `patience`.
pub(crate) fn left_after(home: &Path, patience: Duration) -> Vec<Process> {
    let began = Instant::now();
    loop {
        let left = of(home);
        if left.is_empty() || began.elapsed() >= patience {
            return left;
        }
        sleep(Duration::from_millis(50));
    }
}
