//! `drctl prepare`, and failovers that start from what it prepared.

use crate::support::{Env, Output};
use serde_json::Value;
use std::{
    fs,
    io::Read,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

const REGION: [&str; 2] = ["--region", "ap-northeast-2"];

/// A stack with a module from another repository, one that needs its output, one that needs nothing,
/// and a probe. Each stack counts in `site/NAME` how often it was made.
fn shop(env: &Env) {
    let site = env.root().join("site").display().to_string();
    fs::create_dir_all(&site).unwrap();
    let modules = env.root().join("modules");
    fs::create_dir_all(&modules).unwrap();
    fs::write(modules.join("main.tf"), "output \"id\" { value = \"m-1\" }\n").unwrap();
    git(&modules, &["init", "-q", "-b", "main"]);
    git(&modules, &["add", "."]);
    git(&modules, &["commit", "-q", "-m", "one"]);
    let made = |name: &str, more: &str| {
        format!(
            "{more}\nresource \"terraform_data\" \"{name}\" {{\n  provisioner \"local-exec\" {{\n    command = \"test ! -e {site}/broken-{name} && echo made >> {site}/{name}\"\n  }}\n}}\n"
        )
    };
    let module = format!("module \"m\" {{\n  source = \"git::file://{}\"\n}}\n", modules.display());
    let runbook = format!(
        "service \"shop\" {{\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}}\nstack \"network\" {{\n  path = \"network\"\n}}\nstack \"data\" {{\n  path      = \"data\"\n  variables = {{ subnet = stack.network.outputs.subnet }}\n}}\nstack \"mail\" {{\n  path = \"mail\"\n}}\nprobe \"command\" \"front\" {{\n  run      = [\"test\", \"-e\", \"{site}/data\"]\n  interval = \"50ms\"\n}}\n"
    );
    env.commit(&[
        ("drctl.hcl", &runbook),
        (
            "network/main.tf",
            &made("network", &format!("{module}output \"subnet\" {{ value = module.m.id }}")),
        ),
        ("data/main.tf", &made("data", "variable \"subnet\" {}")),
        ("mail/main.tf", &made("mail", "variable \"size\" { default = 1 }")),
        ("mail/terraform.tfvars", "size = 2\n"),
    ]);
}

fn git(dir: &Path, args: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
        .args(args)
        .current_dir(dir)
        .status()
        .unwrap();
    assert!(done.success());
}

fn made(env: &Env, stack: &str) -> usize {
    let text = fs::read_to_string(env.root().join("site").join(stack)).unwrap_or_default();
    text.lines().count()
}

fn prepare(env: &Env, more: &[&str]) -> Output {
    env.run(&[&["prepare"], &REGION[..], more].concat())
}

fn prepared(env: &Env) {
    let output = prepare(env, &[]);
    assert_eq!(output.code, Some(0), "{output}");
}

/// The one shelf of bundles.
fn shelf(env: &Env) -> PathBuf {
    fs::read_dir(env.home().join("prepared")).unwrap().next().unwrap().unwrap().path()
}

/// The newest bundle.
fn bundle(env: &Env) -> PathBuf {
    shelf(env).join("current").canonicalize().unwrap()
}

/// Changes what the newest bundle says of itself.
fn rewrite(env: &Env, change: impl Fn(&mut Value)) {
    let path = bundle(env).join("bundle.json");
    let mut said: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut said);
    fs::write(&path, said.to_string()).unwrap();
}

/// The reasons of a check, each after its kind.
fn reasons(output: &Output) -> Vec<(String, String)> {
    let said: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output}"));
    let all = said["reasons"].as_array().unwrap().iter();
    all.map(|r| (r["kind"].as_str().unwrap().into(), r["what"].as_str().unwrap().into())).collect()
}

fn kinds(env: &Env) -> Vec<String> {
    let output = prepare(env, &["--check", "--json"]);
    let kinds: Vec<_> = reasons(&output).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(output.code, Some(i32::from(!kinds.is_empty())), "{output}");
    kinds
}

/// The phases that a step of the newest run went through.
fn phases(env: &Env, step: &str) -> Vec<String> {
    let begun = env
        .journal()
        .into_iter()
        .filter(|event| event["event"] == "phase_started" && event["step"] == step);
    begun.map(|event| event["phase"].as_str().unwrap().to_owned()).collect()
}

fn notes(env: &Env) -> String {
    let journal = env.journal();
    let notes = journal.iter().filter(|event| event["event"] == "noted");
    notes.map(|event| event["message"].as_str().unwrap().to_owned() + "\n").collect()
}

/// What ran, as the logs of the newest run are named after it.
fn ran(env: &Env) -> Vec<String> {
    let runs = fs::read_dir(env.home().join("runs")).unwrap();
    let newest = runs.map(|run| run.unwrap().path()).max().unwrap();
    let logs = fs::read_dir(newest.join("logs")).unwrap().map(|log| log.unwrap().file_name());
    let names = logs.filter_map(|name| name.to_str()?.strip_suffix(".err").map(str::to_owned));
    let mut names: Vec<_> = names.map(|name| name[4..].to_owned()).collect();
    names.sort();
    names
}

fn starts_from_it(env: &Env) -> bool {
    env.journal().iter().any(|event| event["event"] == "started_prepared")
}

#[test]
fn what_is_prepared_is_said() {
    let env = Env::new();
    shop(&env);
    insta::assert_snapshot!(prepare(&env, &[]), @r"
    --- stdout
    Prepared `shop` for ap-northeast-2 in [TIME]
      repository  $ENV/repo
      commit      [COMMIT]
      runs        Terraform [VERSION]
      good for    [TIME]
      kept in     $ENV/home/prepared/repo--ap-northeast-2-[SHORT]
      forecast    0s at the median, 0s at the 90th percentile; the RTO is met in 100 of 100

    Stacks
      data: initialised, not planned
      mail: initialised, planned, 1 resource(s), accepted by the gate
      network: initialised, planned, 1 resource(s), accepted by the gate, 1 module(s) kept

    Not prepared
      data: plan: its inputs need outputs of other stacks: subnet

    Digest [DIGEST]
    --- exit 0
    ");
    insta::assert_snapshot!(prepare(&env, &["--check"]), @r"
    --- stdout
    fresh: what is prepared of `shop` for ap-northeast-2 is [TIME] old
    --- exit 0
    ");
    assert!(!env.root().join("site/network").exists(), "nothing is made");
    let said: Value = serde_json::from_str(&prepare(&env, &["--json"]).stdout).unwrap();
    assert_eq!(said["schema"], "drctl/prepared/v1");
    assert_eq!(said["stacks"]["network"]["modules"], 1);
    let plan = &said["stacks"]["network"]["plan"];
    assert_eq!(plan["answer"]["refusals"], serde_json::json!([]));
    assert_eq!(plan["actions"]["create"], 1);
    for digest in ["sha256", "shown"] {
        assert_eq!(plan[digest].as_str().unwrap().len(), 64, "{plan:#}");
    }
    assert_eq!(said["stacks"]["data"]["plan"], Value::Null, "{said:#}");
}

#[test]
fn a_failover_starts_from_it_without_init_and_without_a_plan() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    fs::remove_dir_all(env.root().join("modules")).unwrap();
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(["network", "data", "mail"].map(|stack| made(&env, stack)), [1, 1, 1]);
    assert!(output.stdout.contains("3 stack(s) initialised, 2 planned"), "{output}");
    assert!(output.stderr.contains("3 stacks initialised, 2 planned"), "{output}");
    assert_eq!(
        ran(&env),
        ["data-apply", "data-plan", "data-show", "mail-apply", "network-apply"],
        "init of nothing, plan of what could not be planned before"
    );
    assert_eq!(phases(&env, "network"), ["init", "gate", "apply"]);
    let journal = env.journal();
    let of = |step: &str, kind: &str| {
        journal.iter().find(|event| event["event"] == kind && event["step"] == step).cloned()
    };
    let plan = of("network", "plan_made").unwrap();
    let said: Value =
        serde_json::from_slice(&fs::read(bundle(&env).join("bundle.json")).unwrap()).unwrap();
    assert_eq!(plan["digest"], said["stacks"]["network"]["plan"]["shown"]);
    assert!(of("network", "gate_answered").is_some(), "what the gate said is told again");
    let report: Value = serde_json::from_str(&env.run(&["report", "--json"]).stdout).unwrap();
    assert_eq!(report["prepared"]["planned"], serde_json::json!(["mail", "network"]));
    assert_eq!(report["verdicts"]["rto"]["is"], "met", "{report:#}");
}

#[test]
fn a_failover_of_its_very_commit_starts_from_it_as_a_watch_begins_one() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    let commit = env.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let output = env.failover(&["--ref", &commit]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(starts_from_it(&env));
}

#[test]
fn nothing_else_is_taken_or_it_is_ignored_when_that_is_asked() {
    let env = Env::new();
    shop(&env);
    insta::assert_snapshot!(env.run(&[&["failover", "--prepared", "only", "--dry-run"], &REGION[..]].concat()), @r"
    --- stderr
    error: nothing is prepared for this repository, reference and region
      hint: Prepare it with `drctl prepare` and the same flags, or leave `--prepared` out
    --- exit 2
    ");
    insta::assert_snapshot!(prepare(&env, &["--check"]), @r"
    --- stderr
    error: nothing is prepared for this repository, reference and region
      hint: Prepare it: `drctl prepare` with the same flags
    --- exit 1
    ");
    prepared(&env);
    let output = env.failover(&["--prepared", "ignore"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!starts_from_it(&env));
    assert_eq!(phases(&env, "network"), ["init", "plan", "gate", "apply"]);
}

#[test]
fn with_everything_cut_at_once_the_service_comes_back_from_what_was_prepared() {
    let env = Env::new();
    shop(&env);
    // The primary's state is kept in the primary, which will be silent.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = silent.local_addr().unwrap();
    let backend = format!(
        "terraform {{\n  backend \"http\" {{\n    address = \"http://{dead}/state\"\n  }}\n}}\n"
    );
    env.commit(&[("network/backend.tf", &backend), ("data/backend.tf", &backend)]);
    let (mut daemon, url) = serve(&env);
    let at = ["--repo", &url];
    let output = prepare(&env, &at);
    assert_eq!(output.code, Some(0), "{output}");
    let dry = env.run(&[&["failover", "--dry-run", "--json"], &REGION[..], &at].concat());
    let plan: Value = serde_json::from_str(&dry.stdout).unwrap_or_else(|_| panic!("{dry}"));
    let digest = plan["digest"].as_str().unwrap();

    // The origin takes connections and says nothing, the module's repository is gone, and providers
    // would come from a mirror that nobody serves.
    let port = url.rsplit(':').next().unwrap().split('/').next().unwrap().to_owned();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    let origin = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    fs::remove_dir_all(env.root().join("modules")).unwrap();
    fs::remove_dir_all(env.repo().join(".git")).unwrap();
    let config = env.root().join("terraform.rc");
    let text = format!(
        "provider_installation {{\n  network_mirror {{\n    url = \"https://{dead}/\"\n  }}\n}}\n"
    );
    fs::write(&config, text).unwrap();
    let failover = [&["failover", "--yes", "--expect-plan", digest], &REGION[..], &at].concat();
    let output = env.command(&failover).env("TF_CLI_CONFIG_FILE", &config).output().unwrap();
    let output = env.output(output);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(["network", "data", "mail"].map(|stack| made(&env, stack)), [1, 1, 1]);
    assert!(starts_from_it(&env));
    assert!(notes(&env).contains("the origin could not be used"), "{output}");
    silent.set_nonblocking(true).unwrap();
    assert!(silent.accept().is_err(), "nobody asked the primary, nor a mirror of providers");
    drop(origin);
}

/// Serves the repository as a git server does.
fn serve(env: &Env) -> (std::process::Child, String) {
    let path = Command::new("git").arg("--exec-path").output().unwrap().stdout;
    let program = Path::new(String::from_utf8(path).unwrap().trim()).join("git-daemon");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = Command::new(program)
        .args(["--listen=127.0.0.1", "--reuseaddr", "--export-all"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", env.root().display()))
        .stderr(Stdio::null())
        .spawn()
        .expect("these tests need `git-daemon` in git's exec path");
    let began = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "git-daemon does not listen");
        sleep(Duration::from_millis(5));
    }
    (daemon, format!("git://127.0.0.1:{port}/repo"))
}

#[test]
fn what_makes_it_stale_is_said_a_line_each() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    assert_eq!(kinds(&env), [] as [&str; 0]);
    let text = fs::read(bundle(&env).join("bundle.json")).unwrap();
    for (kind, key, value) in [
        ("age", "made_at", "2026-01-01T00:00:00Z"),
        ("drctl", "drctl", "0.0.1"),
        ("catalogue", "catalogue", "00"),
        ("platform", "platform", "plan9_mips"),
    ] {
        rewrite(&env, |said| said[key] = value.into());
        let found = kinds(&env);
        // The folders of providers are named after the platform.
        assert_eq!(found.first().map(String::as_str), Some(kind));
        fs::write(bundle(&env).join("bundle.json"), &text).unwrap();
    }
    rewrite(&env, |said| said["terraform"]["version"]["minor"] = 1.into());
    assert_eq!(kinds(&env), ["terraform"]);
    fs::write(bundle(&env).join("bundle.json"), &text).unwrap();

    let changed = [&["prepare", "--check"], &REGION[..]].concat();
    let output = env.command(&changed).env("AWS_PROFILE", "other").output().unwrap();
    let output = env.output(output);
    assert!(output.stdout.contains("the environment has changed: AWS_PROFILE"), "{output}");
    let output = env.command(&changed).env("AWS_SESSION_TOKEN", "new").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "credentials change by themselves");

    let ago = jiff::Timestamp::now() - Duration::from_secs(2 * 3600);
    rewrite(&env, |said| said["made_at"] = ago.to_string().into());
    assert_eq!(prepare(&env, &["--check", "--max-age", "3h"]).code, Some(0));
    assert_eq!(prepare(&env, &["--check", "--max-age", "1h"]).code, Some(1));
    fs::write(bundle(&env).join("bundle.json"), &text).unwrap();

    let runbook = fs::read_to_string(env.repo().join("drctl.hcl")).unwrap();
    env.commit(&[
        ("drctl.hcl", &runbook.replace("30m", "40m")),
        ("mail/terraform.tfvars", "size = 3\n"),
        ("network/.terraform.lock.hcl", "# none\n"),
    ]);
    assert_eq!(kinds(&env), ["commit", "runbook", "variables", "lock_file"]);
    insta::assert_snapshot!(prepare(&env, &["--check"]), @r"
    --- stdout
    stale: what is prepared of `shop` for ap-northeast-2 is [TIME] old
      the origin has moved on, from [SHORT] to [SHORT]
      the runbook `drctl.hcl` has changed
      the file of variables `mail/terraform.tfvars` has changed
      the lock file `network/.terraform.lock.hcl` has changed
    --- exit 1
    ");
    let again = prepare(&env, &["--if-stale"]);
    assert!(again.stdout.starts_with("Prepared `shop`"), "{again}");
    let fresh = prepare(&env, &["--if-stale"]);
    assert!(fresh.stdout.starts_with("fresh:"), "{fresh}");
}

#[test]
fn drift_and_a_state_that_was_written_are_found() {
    let env = Env::new();
    let (states, input) = (env.root().join("states"), env.root().join("input"));
    fs::create_dir(&states).unwrap();
    fs::write(&input, "one").unwrap();
    let runbook = format!(
        "service \"s\" {{\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}}\nregion \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{}/${{stack}}.tfstate\"\n  }}\n}}\nstack \"a\" {{\n  path = \".\"\n}}\n",
        states.display()
    );
    let code = format!(
        "resource \"terraform_data\" \"a\" {{\n  input = file(\"{}\")\n}}\n",
        input.display()
    );
    env.commit(&[("drctl.hcl", &runbook), ("main.tf", &code)]);
    prepared(&env);
    assert_eq!(prepare(&env, &["--check", "--refresh"]).code, Some(0));
    fs::write(&input, "two").unwrap();
    assert_eq!(prepare(&env, &["--check"]).code, Some(0), "that is seen by who looks");
    insta::assert_snapshot!(prepare(&env, &["--check", "--refresh"]), @r"
    --- stdout
    stale: what is prepared of `s` for ap-northeast-2 is [TIME] old
      `a` would be planned otherwise now
    --- exit 1
    ");

    fs::write(&input, "one").unwrap();
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert!(starts_from_it(&env));
    let found = reasons(&prepare(&env, &["--check", "--json"]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].0, "state");
}

#[test]
fn a_plan_that_terraform_finds_stale_is_made_anew() {
    let env = Env::new();
    let states = env.root().join("states");
    fs::create_dir(&states).unwrap();
    let runbook = format!(
        "service \"s\" {{\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}}\nregion \"ap-northeast-2\" {{\n  state \"local\" {{\n    path = \"{}/${{stack}}.tfstate\"\n  }}\n}}\nstack \"a\" {{\n  path = \".\"\n}}\n",
        states.display()
    );
    env.commit(&[("drctl.hcl", &runbook), ("main.tf", "resource \"terraform_data\" \"a\" {}\n")]);
    prepared(&env);
    let empty = r#"{"version":4,"terraform_version":"1.11.4","serial":3,"lineage":"other","outputs":{},"resources":[],"check_results":null}"#;
    fs::write(states.join("a.tfstate"), empty).unwrap();
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(6), "{output}");
    assert!(notes(&env).contains("Saved plan is stale"), "{}", notes(&env));
    assert_eq!(phases(&env, "a"), ["init", "gate", "apply", "plan", "gate", "apply", "output"]);
}

#[test]
fn a_plan_of_which_a_byte_was_changed_is_made_anew() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    let plan = bundle(&env).join("plans/mail.tfplan");
    let mut bytes = fs::read(&plan).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&plan, bytes).unwrap();
    assert_eq!(kinds(&env), ["bundle"]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(notes(&env).contains("the file is not what was saved"), "{}", notes(&env));
    assert_eq!(phases(&env, "mail"), ["init", "plan", "gate", "apply"]);
    assert_eq!(phases(&env, "network"), ["init", "gate", "apply"]);
}

#[test]
fn a_bundle_that_cannot_be_read_is_not_used() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    fs::write(bundle(&env).join("bundle.json"), "{").unwrap();
    let only = env.run(&[&["failover", "--prepared", "only", "--dry-run"], &REGION[..]].concat());
    assert_eq!(only.code, Some(3), "{only}");
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!starts_from_it(&env));
    assert!(notes(&env).contains("what is prepared is not used"), "{}", notes(&env));
    // A stack of which a part is missing is initialised after all.
    prepared(&env);
    fs::remove_dir_all(bundle(&env).join("stacks/network/terraform/modules")).unwrap();
    fs::write(bundle(&env).join("plans/network.tfplan"), "").unwrap();
    let output = env.failover(&["--again"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(phases(&env, "network"), ["init", "plan", "init", "plan", "gate", "apply"]);
}

#[test]
fn an_origin_that_has_moved_on_is_followed_unless_only_the_bundle_will_do() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    env.commit(&[("README", "new\n")]);
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!starts_from_it(&env));
    assert!(notes(&env).contains("the origin has moved on"), "{}", notes(&env));
    let output = env.failover(&["--prepared", "only", "--again"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(starts_from_it(&env));
}

#[test]
fn an_old_bundle_gives_its_init_and_not_its_plans() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    rewrite(&env, |said| said["made_at"] = "2026-01-01T00:00:00Z".into());
    let output = env.failover(&[]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(starts_from_it(&env));
    assert!(notes(&env).contains("is used, but for its plans"), "{}", notes(&env));
    assert_eq!(phases(&env, "mail"), ["init", "plan", "gate", "apply"]);
    assert!(!ran(&env).iter().any(|ran| ran.ends_with("-init")), "{:?}", ran(&env));
}

#[test]
fn a_run_that_started_from_it_and_failed_goes_on_without_registries() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    fs::remove_dir_all(env.root().join("modules")).unwrap();
    let broken = env.root().join("site/broken-network");
    fs::write(&broken, "").unwrap();
    let failed = env.failover(&[]);
    assert_eq!(failed.code, Some(3), "{failed}");
    fs::remove_file(&broken).unwrap();
    // The bundle is not needed either.
    fs::remove_dir_all(env.home().join("prepared")).unwrap();
    let refused = env.run(&["resume", "--yes"]);
    assert_eq!(refused.code, Some(4), "{refused}");
    let text = format!("{}{}", refused.stdout, refused.stderr);
    let digest = text.split("--accept-changes ").nth(1).unwrap_or_else(|| panic!("{refused}"));
    let output = env.run(&["resume", "--yes", "--accept-changes", &digest[..12]]);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(["network", "data", "mail"].map(|stack| made(&env, stack)), [1, 1, 1]);
    assert!(!ran(&env).iter().any(|ran| ran.ends_with("-init")), "{:?}", ran(&env));
}

#[test]
fn what_is_kept_is_for_its_owner_alone() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    let mut open = vec![env.home().join("prepared")];
    let mut files = 0;
    while let Some(path) = open.pop() {
        let meta = path.symlink_metadata().unwrap();
        if meta.is_symlink() {
            continue;
        }
        let mode = meta.permissions().mode() & 0o777;
        if meta.is_dir() {
            assert_eq!(mode, 0o700, "{}", path.display());
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            files += 1;
            assert_eq!(mode & 0o077, 0, "{mode:o} {}", path.display());
        }
    }
    assert!(files > 10);
}

#[test]
fn a_bundle_that_somebody_reads_stays_and_goes_when_nobody_does() {
    let env = Env::new();
    shop(&env);
    prepared(&env);
    let first = bundle(&env);
    let held = fs::File::open(first.join("in-use")).unwrap();
    held.lock_shared().unwrap();
    prepared(&env);
    let second = bundle(&env);
    assert_ne!(first, second);
    assert!(first.exists(), "it is read");
    drop(held);
    prepared(&env);
    assert!(!first.exists() && !second.exists(), "nobody reads them any more");
}

/// A Terraform that hangs when it plans while `site/hang` is there.
fn hanging(env: &Env) -> String {
    let path = env.root().join("hanging");
    let (site, terraform) = (env.root().join("site"), which("terraform"));
    let text = format!(
        "#!/bin/sh\nif [ \"$1\" = plan ] && [ -e {site}/hang ]; then touch {site}/hangs; exec sleep 600; fi\nexec {terraform} \"$@\"\n",
        site = site.display(),
        terraform = terraform.display(),
    );
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

fn which(name: &str) -> PathBuf {
    let path = std::env::var("PATH").unwrap();
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.exists()).unwrap()
}

#[test]
fn one_that_is_killed_in_the_middle_leaves_the_one_before() {
    let env = Env::new();
    shop(&env);
    let terraform = hanging(&env);
    let more = ["--terraform", &terraform];
    let output = prepare(&env, &more);
    assert_eq!(output.code, Some(0), "{output}");
    let before = bundle(&env);
    let site = env.root().join("site");
    fs::write(site.join("hang"), "").unwrap();
    let mut child = env.spawn(&[&["prepare"], &REGION[..], &more].concat());
    while !site.join("hangs").exists() {
        sleep(Duration::from_millis(10));
    }
    let second = prepare(&env, &more);
    assert_eq!(second.code, Some(3), "one at a time: {second}");
    child.kill().unwrap();
    child.wait().unwrap();
    let left = || {
        let names = fs::read_dir(shelf(&env)).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".making-")).count()
    };
    assert_eq!((bundle(&env), left()), (before.clone(), 1));
    fs::remove_file(site.join("hang")).unwrap();
    let output = env.failover(&more);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(starts_from_it(&env));
    let output = prepare(&env, &more);
    assert_eq!(output.code, Some(0), "{output}");
    assert_eq!(left(), 0, "what was half made is gone");
    assert!(bundle(&env) != before);
}

#[test]
fn it_is_kept_fresh_until_it_is_stopped_and_what_fails_is_told() {
    let env = Env::new();
    shop(&env);
    let (mut daemon, url) = serve(&env);
    let args = [&["prepare"], &REGION[..], &["--repo", &url, "--every", "50ms"]].concat();
    let mut child = env.spawn(&args);
    let mut stderr = child.stderr.take().unwrap();
    let mut said = String::new();
    let mut hear = |wanted: &str| {
        let mut byte = [0];
        while !said.contains(wanted) {
            assert_eq!(stderr.read(&mut byte).unwrap(), 1, "{said}");
            said.push(char::from(byte[0]));
        }
    };
    hear("Digest ");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    hear("error: the origin cannot be asked");
    let kept = bundle(&env);
    assert!(kept.join("bundle.json").exists(), "the one before stays");
    // It ends in its own way.
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).unwrap());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(bundle(&env), kept);
}

#[test]
fn a_unit_is_printed_that_names_no_region_of_ours() {
    let output = Env::new().run(&["prepare", "--unit"]);
    assert_eq!(output.code, Some(0), "{output}");
    for line in ["ExecStart=/usr/local/bin/drctl prepare", "OnUnitActiveSec=6h", "UMask=0077"] {
        assert!(output.stdout.contains(line), "{output}");
    }
}

/// A provider that is no program: `init` takes it all the same, and nobody can plan with it.
fn provider(env: &Env) -> PathBuf {
    let mirror = env.root().join("mirror");
    let platform = if cfg!(target_arch = "x86_64") { "linux_amd64" } else { "linux_arm64" };
    let dir = mirror.join("registry.terraform.io/acme/thing/1.2.3").join(platform);
    fs::create_dir_all(&dir).unwrap();
    let program = dir.join("terraform-provider-thing_v1.2.3");
    fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(dir.join("LICENSE"), "none\n").unwrap();
    let config = env.root().join("terraform.rc");
    let text = format!(
        "provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n",
        mirror.display()
    );
    fs::write(&config, text).unwrap();
    config
}

#[test]
fn providers_are_kept_once_as_the_lock_file_knows_them() {
    let env = Env::new();
    let config = provider(&env);
    let stack = "terraform {\n  required_providers {\n    thing = {\n      source = \"acme/thing\"\n    }\n  }\n}\nresource \"thing_one\" \"a\" {}\n";
    env.commit(&[
        ("drctl.hcl", "service \"s\" {\n  rto     = \"30m\"\n  primary = \"eu-west-1\"\n}\nstack \"a\" {\n  path = \"a\"\n}\nstack \"b\" {\n  path = \"b\"\n}\n"),
        ("a/main.tf", stack),
        ("b/main.tf", stack),
    ]);
    let args = [&["prepare", "--json"], &REGION[..]].concat();
    let run = || {
        let output = env.command(&args).env("TF_CLI_CONFIG_FILE", &config).output().unwrap();
        env.output(output)
    };
    let output = run();
    assert_eq!(output.code, Some(1), "no plan can be made with it: {output}");
    let said: Value = serde_json::from_str(&output.stdout).unwrap();
    let kept = &said["stacks"]["a"]["providers"][0];
    assert_eq!(kept["source"], "registry.terraform.io/acme/thing");
    assert_eq!(kept, &said["stacks"]["b"]["providers"][0]);
    let lock = fs::read_to_string(bundle(&env).join("stacks/a/lock.hcl")).unwrap();
    assert!(lock.contains(kept["hash"].as_str().unwrap()), "{lock}\n{kept}");
    let folder = |bundle: &Path| {
        let file = "providers/registry.terraform.io/acme/thing/1.2.3";
        let platform = fs::read_dir(bundle.join(file)).unwrap().next().unwrap().unwrap().path();
        fs::metadata(platform.join("LICENSE")).unwrap()
    };
    use std::os::unix::fs::MetadataExt;
    let first = folder(&bundle(&env)).ino();
    let _ = run();
    assert_eq!(
        folder(&bundle(&env)).ino(),
        first,
        "what is the same is shared with the one before"
    );
    let theirs = env.root().join("mirror/registry.terraform.io/acme/thing/1.2.3");
    let theirs = fs::read_dir(theirs).unwrap().next().unwrap().unwrap().path().join("LICENSE");
    assert_ne!(fs::metadata(theirs).unwrap().ino(), first, "somebody's own mirror is left alone");
}
