//! What `drctl forecast` costs, against Terraform's plan of the same resources, in one run.

use super::{DRCTL, repository, row, run, verdict};
use std::{
    fmt::Write,
    fs,
    process::Command,
    time::{Duration, Instant},
};

/// How many resources there are.
const RESOURCES: usize = 1_000;

/// A thousand resources that need each other, and ten thousand recoveries drawn of them.
pub(crate) fn thousand() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), &[("main", &code())]);
    let times = dir.path().join("times.json");
    // What is built in takes no time, and would not be drawn.
    fs::write(
        &times,
        r#"{"resources": {"terraform_data": {"create": {"p50": "30s", "p90": "60s", "n": 0, "source": "estimate"}}}}"#,
    )
    .unwrap();
    let stack = repo.join("main");
    let terraform = |args: &[&str]| {
        let mut command = Command::new("terraform");
        run(command.args(args).current_dir(&stack).env("CHECKPOINT_DISABLE", "1"));
    };
    terraform(&["init", "-input=false"]);
    let plan = median(3, || terraform(&["plan", "-input=false", "-lock=false"]));
    let drawn = |draws: &str| {
        let mut command = Command::new(DRCTL);
        command.arg("forecast").arg(&repo).args(["--draws", draws, "--rto", "10h", "--json"]);
        command.arg("--catalogue").arg(&times).env("DRCTL_HOME", dir.path().join("home"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["rests_on"]["instances"], RESOURCES);
    };
    let one = median(5, || drawn("1"));
    let all = median(5, || drawn("10000"));
    let ratio = all.as_secs_f64() / plan.as_secs_f64();
    let goal = format!("at most 1.0, {}", verdict(ratio <= 1.0));
    row("forecast: 1,000, 10,000 draws, plan", plan, all, &goal);
    row("forecast: 1,000, 1 draw, plan", plan, one, "");
    let draws = all.saturating_sub(one);
    println!(
        "{:<34} {:>9} {:>8.3}s {:>7}  under 1 s, {}",
        "forecast: the draws alone",
        "",
        draws.as_secs_f64(),
        "",
        verdict(draws < Duration::from_secs(1))
    );
}

/// Resources in groups of ten, each of which needs one of the group before it.
fn code() -> String {
    let mut text = String::new();
    for n in 0..RESOURCES {
        let _ = match n.checked_sub(10) {
            None => writeln!(text, "resource \"terraform_data\" \"r{n}\" {{}}"),
            Some(before) => {
                writeln!(
                    text,
                    "resource \"terraform_data\" \"r{n}\" {{\n  input = terraform_data.r{before}.id\n}}"
                )
            }
        };
    }
    text
}

fn median(rounds: usize, mut run: impl FnMut()) -> Duration {
    let mut all: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    all.sort();
    all[rounds / 2]
}
