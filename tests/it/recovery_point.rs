//! How old the data is, told in every way that a runbook knows.

use crate::support::Env;
use serde_json::Value;
use std::fs::{self, File, FileTimes};

/// A service whose stores each tell their recovery point in another way.
fn stores(env: &Env, points: &str) {
    let runbook = format!(
        "service \"shop\" {{\n  rto = \"30m\"\n  rpo = \"1h\"\n  primary = \"eu-west-1\"\n}}\n\
         stack \"data\" {{\n  path = \"data\"\n}}\n\
         probe \"command\" \"front\" {{\n  run = [\"true\"]\n  interval = \"10ms\"\n  up_after = 1\n}}\n{points}"
    );
    // What a data source of a real provider would say, such as `snapshot_create_time`.
    let data = "resource \"terraform_data\" \"db\" {\n  input = { newest = \"2026-03-14T02:50:07Z\", lag = 42 }\n}\n\
        output \"newest\" {\n  value = terraform_data.db.output.newest\n}\n\
        output \"lag\" {\n  value = terraform_data.db.output.lag\n}\n";
    env.commit(&[("drctl.hcl", runbook.as_str()), ("data/main.tf", data)]);
}

const OUTAGE: [&str; 2] = ["--outage-at", "2026-03-14T02:59:07Z"];

fn points(env: &Env) -> Value {
    let report = env.run(&["report", "--json"]).stdout;
    serde_json::from_str::<Value>(&report).unwrap()["recovery_points"].take()
}

#[test]
fn programs_files_outputs_and_lags_tell_it() {
    let env = Env::new();
    let backups = env.root().join("backups");
    fs::create_dir(&backups).unwrap();
    let time: jiff::Timestamp = "2026-03-14T02:49:07Z".parse().unwrap();
    File::create(backups.join("orders.dump"))
        .unwrap()
        .set_times(FileTimes::new().set_modified(time.into()))
        .unwrap();
    stores(
        &env,
        &format!(
            "recovery_point \"program\" {{\n  run = [\"echo\", \"2026-03-14 02:58:07+00\"]\n}}\n\
             recovery_point \"file\" {{\n  file = \"{}\"\n}}\n\
             recovery_point \"output\" {{\n  time = stack.data.outputs.newest\n}}\n\
             recovery_point \"replica\" {{\n  behind = stack.data.outputs.lag\n}}\n",
            backups.display()
        ),
    );
    let output = env.failover(&OUTAGE);
    assert_eq!(output.code, Some(1), "the outage is long ago, so the RTO is missed: {output}");
    let found = points(&env);
    let ms = |store: &str| found[store]["before_outage_ms"].as_i64();
    assert_eq!(
        [ms("program"), ms("file"), ms("output"), ms("replica")],
        [Some(60_000), Some(600_000), Some(540_000), Some(42_000)]
    );
}

#[test]
fn what_nobody_can_tell_is_unproven_and_never_met() {
    let env = Env::new();
    stores(
        &env,
        "recovery_point \"good\" {\n  behind = \"5s\"\n}\n\
         recovery_point \"future\" {\n  time = \"2199-01-01T00:00:00Z\"\n}\n\
         recovery_point \"gone\" {\n  file = \"/nowhere/backups\"\n}\n",
    );
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    let found = points(&env);
    let cause = |store: &str| found[store]["cause"].as_str().unwrap_or_default().to_owned();
    insta::assert_snapshot!([cause("future"), cause("gone")].join("\n"), @r"
    2199-01-01T00:00:00Z is still to come, so no data can be of that time. Compare the clocks, and see that the time has its offset
    failed to look at `/nowhere/backups`: No such file or directory (os error 2). See that the backups are there, and that this user may read the folder
    ");
}

#[test]
fn a_recovery_point_is_told_in_one_way() {
    let env = Env::new();
    stores(
        &env,
        "recovery_point \"none\" {\n}\n\
         recovery_point \"both\" {\n  time = region\n  behind = \"5s\"\n}\n\
         recovery_point \"here\" {\n  file = \"backup/orders.csv\"\n}\n",
    );
    let output = env.run(&["plan", "--region", "ap-northeast-2"]);
    assert_eq!(output.code, Some(2));
    insta::assert_snapshot!(output.stderr, @r"
    error: the runbook has 3 mistake(s):
      drctl.hcl:14:1: `recovery_point` does not say how the time of the newest data is told
        Give one of `run` (a program prints it), `file` (a file has it), `time` (an output is it) or `behind` (a replica's lag)
      drctl.hcl:16:1: `recovery_point` takes one of `time`, `behind`, not several
        Give one of `run` (a program prints it), `file` (a file has it), `time` (an output is it) or `behind` (a replica's lag)
      drctl.hcl:21:10: `file` must be an absolute path: a file of the repository has the time of its checkout
    ");
}
