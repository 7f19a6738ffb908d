//! The history of runs: what is kept, and what is learnt from it.

use crate::support::Env;
use serde_json::{Value, json};
use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::Stdio,
};

const OLD_RUN: &str = "20260314-025907-4f1c";

fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

/// Puts a journal where a run has it.
fn journal(env: &Env, run: &str, text: &str) -> PathBuf {
    let folder = env.home().join("runs").join(run);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("journal.jsonl"), text).unwrap();
    folder
}

/// A record of the run by hand that began on the `day` of April, with `changes`.
fn record(day: u32, changes: &Value) -> String {
    let text = fixture("history/v1.jsonl");
    let mut record: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    record["run"] = format!("202604{day:02}-030000-0001").into();
    record["began_at"] = format!("2026-04-{day:02}T03:00:00Z").into();
    for (key, value) in changes.as_object().unwrap() {
        record[key] = value.clone();
    }
    format!("{record}\n")
}

/// A rehearsal on the `day` whose execution took so many seconds.
fn rehearsal(day: u32, secs: u64) -> String {
    let changes = json!({"kind": "rehearsal", "time_scale": 100, "seed": 1,
        "outage": {"before_ms": 0, "known_by": "assumed"},
        "execution_ms": secs * 1_000, "recovery_time_ms": secs * 1_000 + 5_000});
    record(day, &changes)
}

fn write(env: &Env, name: &str, text: &str) -> String {
    let path = env.root().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Imports records, which must go well.
fn import(env: &Env, records: &[String]) {
    let file = write(env, "records.jsonl", &records.concat());
    let output = env.run(&["runs", "import", &file]);
    assert_eq!(output.code, Some(0), "{output}");
}

#[test]
fn a_journal_of_the_first_form_folds_to_the_same_times() {
    let env = Env::new();
    journal(&env, OLD_RUN, &fixture("journals/v1-recovered.jsonl"));
    let report = env.run(&["report", OLD_RUN, "--json"]);
    let told: Value = serde_json::from_str(&report.stdout).unwrap_or_else(|_| panic!("{report}"));
    let times = ["recovery_time_ms", "execution_ms", "recovery_point_ms"].map(|key| &told[key]);
    assert_eq!(times, [&json!(812_000), &json!(560_000), &json!(130_000)]);
    insta::assert_snapshot!(env.run(&["runs"]).stdout, @"20260314-025907-4f1c  met          shop to ap-northeast-2, recovered in 13m32.0s, 16m28.0s to spare");
}

#[test]
fn what_was_taken_in_outlives_its_folder_and_is_not_read_again() {
    let env = Env::new();
    let folder = journal(&env, OLD_RUN, &fixture("journals/v1-recovered.jsonl"));
    let before = env.run(&["runs"]).stdout;
    fs::write(folder.join("journal.jsonl"), "no journal any more\n").unwrap();
    assert_eq!(env.run(&["runs"]).stdout, before);

    fs::remove_dir_all(folder).unwrap();

    let gone = env.run(&["runs"]);
    assert_eq!(gone.stdout, before.replace(" to spare\n", " to spare (folder gone)\n"), "{gone}");
    let told: Value = serde_json::from_str(&env.run(&["runs", "--json"]).stdout).unwrap();
    assert_eq!(
        (&told["folder"], &told["rto_verdict"]["spare_ms"]),
        (&json!(false), &json!(988_000))
    );
    let db = fs::metadata(env.home().join("history.db")).unwrap();
    assert_eq!(db.mode() & 0o777, 0o600);
}

#[test]
fn a_run_that_goes_on_is_read_again_and_one_that_is_empty_is_no_error() {
    let env = Env::new();
    let text = fixture("journals/v1-recovered.jsonl");
    let half: String = text.lines().take(12).flat_map(|line| [line, "\n"]).collect();
    journal(&env, OLD_RUN, &half);
    journal(&env, "20260315-000000-0000", "");
    insta::assert_snapshot!(env.run(&["runs"]), @r"
    --- stdout
    [RUN]  unreadable   the journal `$ENV/home/runs/[RUN]/journal.jsonl` is empty
    [RUN]  unfinished   shop to ap-northeast-2, ran for [TIME]
    --- exit 0
    ");
    journal(&env, OLD_RUN, &text);
    let ended = env.run(&["runs"]);
    assert!(ended.stdout.contains("4f1c  met "), "{ended}");
}

#[test]
fn a_run_remembers_itself_and_a_report_knows_those_before_it() {
    let env = Env::with(&[("main.tf", "resource \"terraform_data\" \"this\" {}\n")]);
    for _ in 0..2 {
        assert_eq!(env.failover(&["--rto", "1h", "--again"]).code, Some(6));
    }
    let report = env.run(&["report", "--json"]);
    let told: Value = serde_json::from_str(&report.stdout).unwrap_or_else(|_| panic!("{report}"));
    assert_eq!(told["history"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(told["history"][0]["summary"], "unproven");
    fs::remove_dir_all(env.home().join("runs")).unwrap();
    let runs = env.run(&["runs"]);
    assert_eq!(runs.stdout.matches("(folder gone)").count(), 2, "{runs}");
}

#[test]
fn runs_are_filtered() {
    let env = Env::new();
    let elsewhere = json!({"region": "eu-west-1", "recovery_time_ms": null, "summary": "failed",
        "outcome": "failed", "out_for_ms": 2_000_000});
    import(&env, &[rehearsal(1, 500), record(2, &json!({})), record(3, &elsewhere)]);
    insta::assert_snapshot!(env.run(&["runs"]).stdout, @r"
    20260403-030000-0001  failed       shop to eu-west-1, ran for 33m20.0s, 3m20.0s over its RTO (folder gone)
    20260402-030000-0001  met          shop to ap-northeast-2, recovered in 13m32.0s, 16m28.0s to spare (folder gone)
    20260401-030000-0001  met          shop to ap-northeast-2, rehearsal: recovered in 8m25.0s, 21m35.0s to spare (folder gone)
    ");
    let count = |args: &[&str]| env.run(&[&["runs"], args].concat()).stdout.lines().count();
    assert_eq!(count(&["--kind", "rehearsal"]), 1);
    assert_eq!(count(&["--kind", "failover", "--region", "eu-west-1"]), 1);
    assert_eq!(count(&["--service", "shop", "--limit", "2"]), 2);
    insta::assert_snapshot!(env.run(&["runs", "--service", "billing"]), @r"
    --- stderr
    There is no such run in `$ENV/home` yet.
    --- exit 0
    ");
}

#[test]
fn an_export_is_an_import_elsewhere() {
    let env = Env::new();
    journal(&env, OLD_RUN, &fixture("journals/v1-recovered.jsonl"));
    import(&env, &[record(2, &json!({"weather": "rain"}))]);
    let export = env.run(&["runs", "export"]);
    assert_eq!((export.code, export.stdout.lines().count()), (Some(0), 2), "{export}");
    assert!(export.stdout.contains(r#""weather":"rain""#), "{export}");

    let other = Env::new();
    let file = write(&other, "runs.jsonl", &export.stdout);
    insta::assert_snapshot!(other.run(&["runs", "import", &file]), @r"
    --- stdout
    2 added
    --- exit 0
    ");
    insta::assert_snapshot!(other.run(&["runs", "import", &file]), @r"
    --- stdout
    2 there already
    --- exit 0
    ");
    assert_eq!(other.run(&["runs", "export"]).stdout, export.stdout);

    let changed = write(&other, "changed.jsonl", &record(2, &json!({"repo": "elsewhere"})));
    insta::assert_snapshot!(other.run(&["runs", "import", &changed]), @r"
    --- stdout
    1 kept as they were
    [RUN] is told otherwise, and was kept as it is
    --- stderr
    Add `--replace` to take the lines' word for runs that are told otherwise
    --- exit 1
    ");
    assert_eq!(other.run(&["runs", "export"]).stdout, export.stdout);
    insta::assert_snapshot!(other.run(&["runs", "import", "--replace", &changed]), @r"
    --- stdout
    1 replaced
    --- exit 0
    ");
    assert!(other.run(&["runs", "export"]).stdout.contains("elsewhere"));
}

#[test]
fn an_import_tells_every_bad_line_and_takes_none() {
    let env = Env::new();
    let newer = record(3, &json!({"schema": "drctl/run/v7"}));
    let path = record(4, &json!({"run": "../../etc"}));
    let text = [record(2, &json!({})), "\n{\"a\":\n".to_owned(), newer, path].concat();
    let file = write(&env, "bad.jsonl", &text);
    insta::assert_snapshot!(env.run(&["runs", "import", &file]), @r"
    --- stderr
    error: nothing was imported: 3 of 4 line(s) cannot be used
      line 3: it is not JSON: EOF while parsing a value at column 5
      line 4: it has the form `drctl/run/v7` of a newer drctl, and this one knows `drctl/run/v1`: import it with the newer one
      line 5: `../../etc` is not the name of a run, which looks like `[RUN]`
      hint: Mend or remove these lines, and import all of it again
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["runs"]), @r"
    --- stderr
    There is no run in `$ENV/home` yet.
    --- exit 0
    ");
    insta::assert_snapshot!(env.run(&["runs", "import", "nowhere.jsonl"]), @r"
    --- stderr
    error: failed to read `nowhere.jsonl`
      caused by: No such file or directory (os error 2)
    --- exit 2
    ");
}

#[test]
fn two_drctl_at_once_lose_nothing() {
    let env = Env::new();
    let files: Vec<String> = (0..4)
        .map(|part| {
            let days = (1..=7).map(|day| record(part * 7 + day, &json!({})));
            write(&env, &format!("{part}.jsonl"), &days.collect::<String>())
        })
        .collect();
    let children: Vec<_> = files.iter().map(|f| env.spawn(&["runs", "import", f])).collect();
    for child in children {
        let output = env.output(child.wait_with_output().unwrap());
        assert_eq!(output.code, Some(0), "{output}");
    }
    assert_eq!(env.run(&["runs", "export"]).stdout.lines().count(), 28);
}

#[test]
fn a_damaged_history_is_told_and_hides_no_journal() {
    let env = Env::new();
    journal(&env, OLD_RUN, &fixture("journals/v1-recovered.jsonl"));
    let damaged = "no database, and long enough to be taken for one at a glance ".repeat(99);
    fs::write(env.home().join("history.db"), damaged).unwrap();
    insta::assert_snapshot!(env.run(&["runs"]), @r"
    --- stdout
    [RUN]  met          shop to ap-northeast-2, recovered in [TIME], [TIME] to spare
    --- stderr
    note: shown from the journals alone
    error: the history `$ENV/home/history.db` is damaged
      caused by: file is not a database
      hint: Move it away with `mv $ENV/home/history.db $ENV/home/history.db.damaged`: the journals of the runs are the truth, and the next command makes it anew from them; runs whose folder was removed come back from an export with `drctl runs import`, and outages entered by hand must be entered again
    --- exit 0
    ");
    insta::assert_snapshot!(env.run(&["trend"]), @r"
    --- stderr
    error: the history `$ENV/home/history.db` is damaged
      caused by: file is not a database
      hint: Move it away with `mv $ENV/home/history.db $ENV/home/history.db.damaged`: the journals of the runs are the truth, and the next command makes it anew from them; runs whose folder was removed come back from an export with `drctl runs import`, and outages entered by hand must be entered again
    --- exit 3
    ");
    fs::remove_file(env.home().join("history.db")).unwrap();
    let anew = env.run(&["runs"]);
    assert!(anew.stdout.contains(OLD_RUN) && anew.stderr.is_empty(), "{anew}");
}

#[test]
fn a_home_that_cannot_be_written_can_be_read() {
    let env = Env::new();
    import(&env, &[record(2, &json!({}))]);
    journal(&env, OLD_RUN, &fixture("journals/v1-recovered.jsonl"));
    let drctl = env.root().join("drctl");
    fs::copy(env!("CARGO_BIN_EXE_drctl"), &drctl).unwrap();
    let db = env.home().join("history.db");
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(env.root(), 0o755);
    mode(&db, 0o444);
    mode(&env.home(), 0o555);
    let run = |args: &[&str]| {
        let mut command = env.command(args);
        let mut reader = std::process::Command::new(&drctl);
        reader.args(args).current_dir(env.root()).env_clear().stdin(Stdio::null());
        reader.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // Nothing keeps the superuser from writing, so it is somebody else who tries.
        if fs::metadata(env.root()).unwrap().uid() == 0 {
            reader.uid(65_534);
        }
        command = reader;
        env.output(command.output().unwrap())
    };
    let runs = run(&["runs"]);
    assert_eq!(runs.code, Some(0), "{runs}");
    assert_eq!(runs.stdout.lines().count(), 2, "{runs}");
    assert!(runs.stderr.starts_with("note: what the journals say is read"), "{runs}");
    let add =
        ["availability", "--service", "shop", "--add", "2026-01-01T00:00:00Z/2026-01-01T00:01:00Z"];
    insta::assert_snapshot!(run(&add), @r"
    --- stderr
    error: the history `$ENV/home/history.db` cannot be written
      caused by: attempt to write a readonly database
      hint: Do it as the user who owns `$ENV/home`, on a disk that can be written
    --- exit 3
    ");
    mode(&env.home(), 0o755);
}

#[test]
fn a_trend_fails_a_job_when_the_newest_run_is_slower() {
    let env = Env::new();
    insta::assert_snapshot!(env.run(&["trend"]), @r"
    --- stderr
    There is no such run in `$ENV/home` yet.
    --- exit 0
    ");
    import(&env, &[rehearsal(1, 500)]);
    let alone = env.run(&["trend"]);
    assert!(alone.code == Some(0) && alone.stdout.starts_with("ALONE"), "{alone}");
    import(&env, &[rehearsal(2, 510), rehearsal(3, 490), rehearsal(4, 505)]);
    assert_eq!(env.run(&["trend"]).code, Some(0));
    import(&env, &[rehearsal(5, 600)]);
    let slower = env.run(&["trend", "--kind", "rehearsal"]);
    assert_eq!(slower.code, Some(1), "{slower}");
    insta::assert_snapshot!(slower.stdout, @r"
    SLOWER  execution of the newest run is 10m00.0s, 1m37.5s above the median
      Note: compared by execution, from the declaration on: the start of an outage was not seen

    Rehearsals of shop to ap-northeast-2, by execution
      20260401-030000-0001    8m20.0s  ##################################################### |    !
      20260402-030000-0001    8m30.0s  ######################################################|    !
      20260403-030000-0001    8m10.0s  ####################################################  |    !
      20260404-030000-0001    8m25.0s  ######################################################|    !
      20260405-030000-0001   10m00.0s  ######################################################|####!####

      RTO             30m00.0s
      median |        8m22.5s of 4 run(s) before the newest
      spread          8m10.0s to 8m30.0s, robust standard deviation 7.4s (1.4826 x median absolute
                      deviation)
      limit !         9m12.7s: the median and 10%, or three deviations where they are more
    ");
    assert_eq!(env.run(&["trend", "--tolerance", "50%"]).code, Some(0));
    let last = env.run(&["trend", "--last", "1", "--json"]);
    let told: Value = serde_json::from_str(&last.stdout).unwrap();
    assert_eq!(told["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(told["verdict"], json!({"is": "slower", "by_ms": 95_000}));
    let failed = json!({"kind": "rehearsal", "time_scale": 100, "seed": 1, "summary": "failed",
        "outcome": "failed", "recovery_time_ms": null, "execution_ms": null});
    import(&env, &[record(6, &failed)]);
    let failed = env.run(&["trend"]);
    assert!(failed.code == Some(1) && failed.stdout.starts_with("NOT BACK"), "{failed}");
    assert_eq!(env.run(&["trend", "--tolerance", "10"]).code, Some(2));
}

#[test]
fn two_runs_are_compared_by_name_and_by_place() {
    let env = Env::new();
    let later = json!({"recovery_time_ms": 900_000, "execution_ms": 648_000});
    import(&env, &[record(1, &json!({})), rehearsal(2, 500), record(3, &later)]);
    let compared = env.run(&["compare", "latest", "previous"]);
    assert_eq!(compared.code, Some(0), "{compared}");
    insta::assert_snapshot!(compared.stdout.lines().take(12).collect::<Vec<_>>().join("\n"), @r"
    SLOWER  recovery time, by 1m28.0s

      earlier         20260401-030000-0001 met, failover of shop to ap-northeast-2
      later           20260403-030000-0001 met, failover of shop to ap-northeast-2
      commit          4f1c2d3e4f5a in both
      plan            9f86d081884c in both
      RTO             30m00.0s in both
      drctl           0.1.0 in both

    Times
                                                                  earlier      later  difference
      recovery time                                              13m32.0s   15m00.0s    +1m28.0s    +11%
    ");
    assert_eq!(env.run(&["compare", "previous", "20260403-0"]).stdout, compared.stdout);
    let told = env.run(&["compare", "20260402", "20260401", "--json"]);
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(told["earlier"]["kind"], "failover");
    assert_eq!(told["caveats"].as_array().map(Vec::len), Some(4), "{told}");
    insta::assert_snapshot!(env.run(&["compare", "20260402", "previous"]), @r"
    --- stderr
    error: there is no run like [RUN] before it
      hint: Like it is one of the same service, region and kind, with the same seed and time scale; name another to compare all the same
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["compare", "latest", "20260403"]), @r"
    --- stderr
    error: both names mean the run [RUN]
      hint: See `drctl runs` for the runs that there are
    --- exit 2
    ");
    insta::assert_snapshot!(env.run(&["compare", "latest", "2026040"]), @r"
    --- stderr
    error: more than one run begins with `2026040`
      hint: See `drctl runs` for the runs that there are
    --- exit 2
    ");
    assert_eq!(env.run(&["compare", "previous", "previous"]).code, Some(2));
}

const RUNBOOK: &str = "service \"shop\" {\n  rto = \"30m\"\n  availability = \"99.95%\"\n}\nstack \"only\" {\n  path = \".\"\n}\n";

#[test]
fn availability_is_held_against_the_objective_of_the_runbook() {
    let env = Env::with(&[("drctl.hcl", RUNBOOK), ("main.tf", "")]);
    let april = ["availability", "--until", "2026-05-01T00:00:00Z", "--window", "30d"];
    let nothing = env.run(&april);
    assert!(nothing.code == Some(6) && nothing.stdout.starts_with("UNKNOWN"), "{nothing}");
    import(&env, &[record(1, &json!({})), rehearsal(2, 500)]);
    let kept = env.run(&april);
    assert_eq!(kept.code, Some(0), "{kept}");
    insta::assert_snapshot!(kept.stdout, @r"
    KEPT  shop was up 99.9686% of the time; the objective is 99.95%

    Availability
      window          2026-04-01T00:00:00Z to 2026-05-01T00:00:00Z, 30 day(s)
      history         begins 2026-04-01T03:00:00Z
      downtime        13m32.0s
      nines           3.50
      outages         1
      mean recovery   13m32.0s over 1 outage(s)
      rehearsed       8m25.0s is the median of 1 rehearsal(s), which are no outages

    Error budget
      allowed         21m36.0s of downtime, by 99.95%
      used            13m32.0s
      left            8m04.0s
      burn            0.63, where 1 just spends it

    Outages
      2026-04-01T02:56:00Z    13m32.0s  20260401-030000-0001

    What this rests on
      - the history begins 2026-04-01T03:00:00Z; before that the service is taken for up, since nobody
        said otherwise
      - only real failovers and outages that were entered with `--add` count as outages
    ");

    let outage = "2026-04-20T10:00:00Z/2026-04-20T10:30:00+00:00";
    let spent = env.run(&[&april[..], &["--add", outage, "--note", "a broken deploy"]].concat());
    assert_eq!(
        (spent.code, spent.stderr.as_str()),
        (Some(1), "the outage of shop is entered\n"),
        "{spent}"
    );
    let again = env.run(&[&april[..], &["--add", outage, "--json"]].concat());
    assert_eq!(again.stderr, "the outage of shop was entered before\n");
    let told: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(told["budget"]["objective"], "99.95%");
    assert_eq!(told["budget"]["used_ms"], 812_000 + 1_800_000);
    assert_eq!(told["outages"][1]["notes"], json!(["a broken deploy"]));
    assert_eq!(env.run(&[&april[..], &["--objective", "99%"]].concat()).code, Some(0));
    let remove = [&april[..], &["--remove", outage]].concat();
    assert_eq!(env.run(&remove).code, Some(0));
    insta::assert_snapshot!(env.run(&remove), @r"
    --- stderr
    error: no such outage of shop was entered
      hint: Give both times as `drctl availability --json` shows them, under `entered`
    --- exit 2
    ");
}

#[test]
fn availability_asks_for_what_it_cannot_know() {
    let env = Env::new();
    insta::assert_snapshot!(env.run(&["availability"]), @r"
    --- stderr
    error: there is no service in the history yet, and no runbook here
      hint: Name one with `--service`
    --- exit 2
    ");
    import(&env, &[record(1, &json!({})), record(2, &json!({"service": "billing"}))]);
    insta::assert_snapshot!(env.run(&["availability"]), @r"
    --- stderr
    error: there is more than one service: `billing`, `shop`
      hint: Name one with `--service`
    --- exit 2
    ");
    let no_objective = env.run(&["availability", "--service", "shop"]);
    assert_eq!(no_objective.code, Some(6), "{no_objective}");
    assert!(no_objective.stderr.starts_with("Give `--objective"), "{no_objective}");
    let add = |interval: &str| env.run(&["availability", "--service", "shop", "--add", interval]);
    let future = add("2026-04-01T00:00:00Z/2999-04-01T00:00:00Z");
    insta::assert_snapshot!(future, @r"
    --- stderr
    error: the outage ends in the future, at 2999-04-01T00:00:00Z
      hint: Enter it once it is over
    --- exit 2
    ");
    for bad in [
        "2026-04-01T00:00:00Z",
        "2026-04-01/2026-04-02",
        "2026-04-02T00:00:00Z/2026-04-01T00:00:00Z",
    ] {
        assert_eq!(add(bad).code, Some(2), "{bad}");
    }
    assert!(!env.run(&["runs", "export"]).stdout.contains("2999"));
}
