//! What drctl costs over the bare Terraform, as ratios measured in one run.
//!
//! Every row does the same work twice: `terraform init && plan && apply` by hand
//! with Terraform's local state, and `drctl failover` on a repository that holds
//! the same files. The two take turns, and medians are compared. What `forecast`
//! and `validate` cost stands beside what other programs take to look at the same files, and what
//! a report costs beside what it takes to read its journal. What watching a thousand probes costs stands alone.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, and may panic")]

#[path = "../cloud/mod.rs"]
mod cloud;
mod forecast;
mod report;
mod speed;
mod tree;
mod validate;
mod watch;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const DRCTL: &str = env!("CARGO_BIN_EXE_drctl");

fn main() {
    watch::serve_if_asked();
    // `cargo bench` passes `--bench`; anything else names the rows to run.
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let rows: [(&str, fn()); 18] = [
        ("version", speed::version),
        ("prepared", speed::prepared),
        ("makespan", speed::makespan),
        ("parallelism", speed::parallelism),
        ("state", speed::state),
        ("ten-thousand", speed::ten_thousand),
        ("one", || overhead("one", 1, 7, Duration::from_millis(150), 1.0)),
        ("hundred", || overhead("hundred", 100, 5, Duration::from_millis(50), 1.05)),
        ("four", four_stacks),
        ("thousand", thousand),
        ("simulated-hundred", || simulated("simulated-hundred", 100, 3)),
        ("simulated-thousand", || simulated("simulated-thousand", 1_000, 1)),
        ("inference", inference),
        ("forecast", forecast::thousand),
        ("validate", validate::thousand),
        ("validate-large", validate::large),
        ("report", report::formats),
        ("watch", watch::thousand),
    ];
    println!("{:<34} {:>9} {:>9} {:>7}  goal", "case", "bare", "drctl", "ratio");
    for (name, run) in rows {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            run();
        }
    }
}

/// `count` builtin resources in one stack.
fn overhead(name: &str, count: usize, rounds: usize, plus: Duration, times: f64) {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), &[("main", &resources(count))]);
    let (bare, drctl) = medians(rounds, || bare(&repo, "main"), || failover(&repo, dir.path()).0);
    let goal = bare.mul_f64(times) + plus;
    row(
        &format!("{name}: {count} resource(s), one stack"),
        bare,
        drctl,
        &format!("at most {:.2}s, {}", goal.as_secs_f64(), verdict(drctl <= goal)),
    );
}

/// Four independent stacks that each wait three seconds.
fn four_stacks() {
    let dir = tempfile::tempdir().unwrap();
    let slow = "resource \"terraform_data\" \"slow\" {\n  provisioner \"local-exec\" {\n    command = \"sleep 3\"\n  }\n}\n";
    let names = ["a", "b", "c", "d"];
    let repo = repository(dir.path(), &names.map(|name| (name, slow)));
    let (one, four) = medians(3, || bare(&repo, "a"), || failover(&repo, dir.path()).0);
    let ratio = four.as_secs_f64() / one.as_secs_f64();
    row(
        "four: 4 stacks against the longest",
        one,
        four,
        &format!("at most 1.2, {}", verdict(ratio <= 1.2)),
    );
}

/// A thousand resources, and drctl's own memory meanwhile.
fn thousand() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), &[("main", &resources(1_000))]);
    let mut peak = 0;
    let (bare, drctl) = medians(
        3,
        || bare(&repo, "main"),
        || {
            let (took, kib) = failover(&repo, dir.path());
            peak = peak.max(kib);
            took
        },
    );
    let ratio = drctl.as_secs_f64() / bare.as_secs_f64();
    row(
        "thousand: 1,000 resources",
        bare,
        drctl,
        &format!("at most 0.5, {}", verdict(ratio <= 0.5)),
    );
    println!(
        "{:<34} {:>9} {:>6} MB {:>7}  under 64 MB, {}",
        "thousand: memory of drctl",
        "",
        peak / 1024,
        "",
        verdict(peak < 64 * 1024)
    );
}

/// The same number of resources, builtin and of a simulated provider; state served by drctl in both.
fn simulated(name: &str, count: usize, rounds: usize) {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let builtin = repository(one.path(), &[("main", &resources(count))]);
    let things = format!(
        "provider \"aws\" {{}}\nresource \"aws_vpc\" \"r\" {{\n  count = {count}\n  cidr_block = \"10.0.0.0/16\"\n  tags = {{ n = count.index }}\n}}\n"
    );
    let cloud = repository(two.path(), &[("main", &things)]);
    let mut peak = 0;
    let (builtin, simulated) = medians(
        rounds,
        || failover(&builtin, one.path()).0,
        || {
            let (took, kib) = rehearse(&cloud, two.path());
            peak = peak.max(kib);
            took
        },
    );
    let ratio = simulated.as_secs_f64() / builtin.as_secs_f64();
    let goal = format!("at most 1.5, {}", verdict(ratio <= 1.5));
    row(&format!("{name} against builtin"), builtin, simulated, &goal);
    println!(
        "{:<34} {:>9} {:>6} MB {:>7}  under 64 MB, {}",
        format!("{name}: memory of drctl"),
        "",
        peak / 1024,
        "",
        verdict(peak < 64 * 1024)
    );
}

/// The schemas of a hundred types, inferred.
fn inference() {
    use drctl::{config::repository::Repository, provider::infer};
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..100)
        .map(|n| {
            format!(
                "resource \"aws_kind{n}\" \"this\" {{\n  name = \"x{n}\"\n  tags = merge(local.tags, {{ n = {n} }})\n  dynamic \"rule\" {{\n    for_each = [1, 2]\n    content {{\n      port = rule.value\n    }}\n  }}\n}}\noutput \"o{n}\" {{\n  value = aws_kind{n}.this.endpoint[0].address\n}}\n"
            )
        })
        .collect();
    fs::write(dir.path().join("main.tf"), format!("locals {{\n  tags = {{ a = 1 }}\n}}\n{text}"))
        .unwrap();
    let repository = Repository::read(dir.path(), None).unwrap();
    let root = repository.module(Path::new("")).unwrap();
    let start = Instant::now();
    let inferred = infer::infer(root, &infer::local_modules(&repository)).unwrap();
    let took = start.elapsed();
    assert_eq!(inferred.providers.values().map(|p| p.resources.len()).sum::<usize>(), 100);
    println!(
        "{:<34} {:>9} {:>8.3}s {:>7}  under 0.3s, {}",
        "inference: 100 types",
        "",
        took.as_secs_f64(),
        "",
        verdict(took < Duration::from_millis(300))
    );
}

fn resources(count: usize) -> String {
    format!("resource \"terraform_data\" \"r\" {{\n  count = {count}\n  input = count.index\n}}\n")
}

fn row(case: &str, bare: Duration, drctl: Duration, goal: &str) {
    let (bare, drctl) = (bare.as_secs_f64(), drctl.as_secs_f64());
    println!("{case:<34} {bare:>8.2}s {drctl:>8.2}s {:>7.2}  {goal}", drctl / bare);
}

fn verdict(good: bool) -> &'static str {
    if good { "kept" } else { "MISSED" }
}

/// Runs both by turns and returns the median of each.
fn medians(
    rounds: usize,
    mut bare: impl FnMut() -> Duration,
    mut drctl: impl FnMut() -> Duration,
) -> (Duration, Duration) {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        a.push(bare());
        b.push(drctl());
    }
    a.sort();
    b.sort();
    (a[rounds / 2], b[rounds / 2])
}

/// The median of some runs.
fn median(rounds: usize, mut one: impl FnMut() -> Duration) -> Duration {
    let mut all: Vec<Duration> = (0..rounds).map(|_| one()).collect();
    all.sort();
    all[rounds / 2]
}

/// Commits `stacks` and a runbook that names them.
fn repository(dir: &Path, stacks: &[(&str, &str)]) -> PathBuf {
    let repo = dir.join("repo");
    let mut runbook = String::from("service \"bench\" {\n  rto = \"10m\"\n}\n");
    for (name, text) in stacks {
        fs::create_dir_all(repo.join(name)).unwrap();
        fs::write(repo.join(name).join("main.tf"), text).unwrap();
        runbook += &format!("\nstack \"{name}\" {{\n  path = \"{name}\"\n}}\n");
    }
    fs::write(repo.join("drctl.hcl"), runbook).unwrap();
    commit(&repo);
    repo
}

fn commit(dir: &Path) {
    let git = |args: &[&str]| {
        let as_nobody = ["-c", "user.name=bench", "-c", "user.email=bench@localhost"];
        run(Command::new("git").args(as_nobody).args(args).current_dir(dir));
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-q", "-m", "bench"]);
}

fn run(command: &mut Command) {
    let done = command.stdin(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
}

/// `terraform init`, `plan` and `apply` by hand, in a fresh copy.
fn bare(repo: &Path, stack: &str) -> Duration {
    let copy = tempfile::tempdir().unwrap();
    fs::copy(repo.join(stack).join("main.tf"), copy.path().join("main.tf")).unwrap();
    let terraform = |args: &[&str]| {
        run(Command::new("terraform")
            .args(args)
            .current_dir(copy.path())
            .env("CHECKPOINT_DISABLE", "1"));
    };
    let start = Instant::now();
    terraform(&["init", "-input=false"]);
    terraform(&["plan", "-input=false", "-out=plan"]);
    terraform(&["apply", "-input=false", "plan"]);
    start.elapsed()
}

/// `drctl failover`; also its peak of resident memory, in KiB.
fn failover(repo: &Path, dir: &Path) -> (Duration, u64) {
    let args = ["failover", "--repo", repo.to_str().unwrap(), "--region", "ap-northeast-2"];
    let home = dir.join("home");
    let mut dry = Command::new(DRCTL);
    dry.args(args).args(["--dry-run", "--json"]).env("DRCTL_HOME", &home);
    let digest = digest_of(&mut dry);

    let mut command = Command::new(DRCTL);
    command.args(args).args(["--again", "--yes", "--expect-plan", &digest]);
    timed(command, &home)
}

/// The digest that a dry run prints.
fn digest_of(dry: &mut Command) -> String {
    let dry = dry.output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&dry.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&dry.stderr)));
    plan["digest"].as_str().unwrap().to_owned()
}

/// `drctl rehearse`, as fast as the cloud can be made, and without the removal.
fn rehearse(repo: &Path, dir: &Path) -> (Duration, u64) {
    let mut command = Command::new(DRCTL);
    command.args(["rehearse", "--repo", repo.to_str().unwrap(), "--region", "ap-northeast-2"]);
    command.args(["--time-scale", "100000", "--keep", "--no-second-plan"]);
    timed(command, &dir.join("home"))
}

/// Runs drctl; also its peak of resident memory, in KiB.
fn timed(mut command: Command, home: &Path) -> (Duration, u64) {
    let (took, peak, code) = validate::attended(command.env("DRCTL_HOME", home));
    // Without a probe nothing is proven; a cloud that is made this fast misses any objective,
    // since its scale also multiplies what Terraform itself takes.
    assert!(matches!(code, Some(0 | 1 | 6)), "drctl exited with {code:?}");
    (took, peak)
}
