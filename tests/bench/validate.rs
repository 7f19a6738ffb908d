//! What `drctl validate` costs, against Terraform's own `validate` and two linters, in one run.

use super::{DRCTL, commit, row, run, tree, verdict};
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What a program took; of several runs, the median of each.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// With its children, to a hundredth of a second.
    cpu: Duration,
    /// Peak of resident memory, in KiB, without its children.
    pub(crate) peak: u64,
}

/// A thousand files, and one root among them that Terraform can validate without a provider.
pub(crate) fn thousand() {
    let dir = tempfile::tempdir().unwrap();
    let size = tree::write(dir.path(), 1_000) as f64 / 1e6;
    commit(dir.path());
    one_root(dir.path());

    let whole = measured(3, || drctl(dir.path(), dir.path()));
    alone(&format!("validate: 1,000 files, {size:.1} MB"), whole, Duration::from_millis(500), 200);
    match linters() {
        Err(why) => println!("SKIP checkov and trivy: {why}"),
        Ok([checkov, trivy]) => {
            // Neither may ask the network, nor has to.
            let args =
                ["--framework", "terraform", "--quiet", "--compact", "--skip-download", "-d"];
            let theirs = measured(1, || linter(&checkov, &args, dir.path()));
            against("validate: 1,000 files, checkov", theirs, whole, 0.05);
            let args = ["config", "--skip-check-update", "--timeout", "60m"];
            let theirs = measured(1, || linter(&trivy, &args, dir.path()));
            against("validate: 1,000 files, trivy", theirs, whole, 0.1);
        }
    }
}

/// The root that Terraform can validate, too: as a part of the checkout, all of which drctl looks at
/// to tell what is applied, and as a checkout of its own.
fn one_root(checkout: &Path) {
    let root = checkout.join(tree::BUILTIN);
    let alone = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&root).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), alone.path().join(entry.file_name())).unwrap();
    }
    commit(alone.path());
    run(Command::new("terraform")
        .args(["init", "-input=false"])
        .current_dir(&root)
        .env("CHECKPOINT_DISABLE", "1"));
    let terraform = measured(5, || {
        let mut command = Command::new("terraform");
        command.arg("validate").current_dir(&root).env("CHECKPOINT_DISABLE", "1");
        command
    });
    for (name, place) in [("alone", alone.path()), ("of 40", &root)] {
        let ours = measured(5, || drctl(place, checkout));
        let ratio = ours.wall.as_secs_f64() / terraform.wall.as_secs_f64();
        let goal = format!("at most 1.0, {}", verdict(ratio <= 1.0));
        row(&format!("validate: a root {name}, terraform"), terraform.wall, ours.wall, &goal);
        row(&format!("validate: a root {name}, its CPU"), terraform.cpu, ours.cpu, "");
    }
}

/// As much as there is in all public live roots that drctl was ever tried on.
pub(crate) fn large() {
    let dir = tempfile::tempdir().unwrap();
    let size = tree::write(dir.path(), 13_000) as f64 / 1e6;
    commit(dir.path());
    let whole = measured(1, || drctl(dir.path(), dir.path()));
    alone(&format!("validate: 13,000 files, {size:.1} MB"), whole, Duration::from_secs(10), 150);
}

/// Prints a ratio of CPU, which counts, and one of wall, which tells what a person waits.
fn against(case: &str, theirs: Cost, ours: Cost, most: f64) {
    let ratio = ours.cpu.as_secs_f64() / theirs.cpu.as_secs_f64();
    let goal =
        format!("at most {most}, {} ({:.0} times less)", verdict(ratio <= most), 1.0 / ratio);
    row(&format!("{case}, CPU"), theirs.cpu, ours.cpu, &goal);
    row(&format!("{case}, wall"), theirs.wall, ours.wall, "");
}

/// Prints what has no baseline.
fn alone(case: &str, cost: Cost, cpu: Duration, megabytes: u64) {
    let goal = format!("under {} s of CPU, {}", cpu.as_secs_f64(), verdict(cost.cpu < cpu));
    println!("{case}, CPU {:>16.2}s  {goal}", cost.cpu.as_secs_f64());
    println!("{case}, wall {:>15.2}s", cost.wall.as_secs_f64());
    let goal = format!("under {megabytes} MB, {}", verdict(cost.peak < megabytes * 1_024));
    println!("{case}, memory {:>10} MB  {goal}", cost.peak / 1_024);
}

/// Runs a program some times.
pub(crate) fn measured(rounds: usize, command: impl Fn() -> Command) -> Cost {
    let costs: Vec<Cost> = (0..rounds).map(|_| cost(command())).collect();
    let median = |of: fn(&Cost) -> Duration| {
        let mut all: Vec<Duration> = costs.iter().map(of).collect();
        all.sort();
        all[rounds / 2]
    };
    Cost {
        wall: median(|cost| cost.wall),
        cpu: median(|cost| cost.cpu),
        peak: costs.iter().map(|cost| cost.peak).max().unwrap(),
    }
}

/// Runs a program that may find something, but not fail.
fn cost(mut command: Command) -> Cost {
    let before = cpu_of_children();
    let (wall, peak, code) = attended(&mut command);
    assert!(matches!(code, Some(0 | 1)), "{command:?} exited with {code:?}");
    Cost { wall, cpu: cpu_of_children() - before, peak }
}

/// Runs a program to its end, and shows nothing of it: what it took, its peak of resident memory in KiB, its exit code.
pub(crate) fn attended(command: &mut Command) -> (Duration, u64, Option<i32>) {
    let start = Instant::now();
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_millis(2));
    }
    let wall = start.elapsed();
    (wall, peak, child.wait().unwrap().code())
}

/// The CPU time of every child that has ended so far, user and system.
fn cpu_of_children() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap();
    // The name of the program stands in brackets and may have spaces; the state comes next.
    let after = text.rsplit(')').next().unwrap();
    let ticks: u64 =
        after.split_whitespace().skip(13).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
    Duration::from_millis(10 * ticks)
}

fn drctl(path: &Path, dir: &Path) -> Command {
    let mut command = Command::new(DRCTL);
    command.arg("validate").arg(path).args(["--region", "ap-northeast-2"]);
    command.env("DRCTL_HOME", dir.join(".home"));
    command
}

fn linter(program: &str, args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(args).arg(dir);
    command
}

/// Returns where checkov and trivy are, or why they are not.
fn linters() -> Result<[String; 2], String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testbed/linters.sh");
    let done = Command::new(script).arg("--there").output().map_err(|error| error.to_string())?;
    if !done.status.success() {
        return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
    }
    let printed = String::from_utf8_lossy(&done.stdout);
    let paths: Vec<String> = printed.lines().map(str::to_owned).collect();
    paths.try_into().map_err(|paths| format!("linters.sh printed {paths:?}"))
}
