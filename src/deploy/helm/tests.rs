//! What is done with a Helm that says and does what a test wants.

use super::{release::sample, *};
use crate::{
    deploy::{
        DeployError, Deployment, Job, News, Tell,
        kubernetes::{Access, Cluster},
    },
    model::{chain, step::Phase},
};
use async_trait::async_trait;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Mutex, atomic::AtomicU32},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Answers from files, and does what files say: `after-VERB` becomes what is listed, `said-VERB` is what
/// it says on standard error, `code-VERB` its exit code.
const HELM: &str = r#"#!/bin/sh
cd "$BENCH" || exit 99
[ "$1" = --kube-context ] && shift 2
echo "$*" >> asked
case $1 in
  version) echo v3.17.2+gcc0bbbd ;;
  list) cat list 2> /dev/null || echo '[]' ;;
  history) cat history ;;
  status) echo '{}' ;;
  *)
    [ ! -e "after-$1" ] || mv "after-$1" list
    cat "said-$1" >&2 2> /dev/null
    exit "$(cat "code-$1" 2> /dev/null || echo 0)"
    ;;
esac
"#;

const SECRET: &str = "s3cr3t-canary";

struct Bench {
    dir: TempDir,
    env: BTreeMap<String, String>,
    next_log: AtomicU32,
    stop: CancellationToken,
    told: Told,
    memory: PathBuf,
}

#[derive(Default)]
struct Told {
    notes: Mutex<Vec<String>>,
    /// Stops the run at the first note.
    stop: Option<CancellationToken>,
}

#[async_trait]
impl Tell for Told {
    async fn begins(&self, _phase: Phase) -> Result<(), DeployError> {
        Ok(())
    }

    fn ends(&self, _phase: Phase, _ok: bool) {}

    fn say(&self, news: News) {
        if let News::Note(note) = news {
            self.notes.lock().unwrap().push(note);
            self.stop.iter().for_each(CancellationToken::cancel);
        }
    }
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        for name in ["bin", "scratch", "logs"] {
            fs::create_dir(path(name)).unwrap();
        }
        fs::write(path("bin/helm"), HELM).unwrap();
        fs::set_permissions(path("bin/helm"), fs::Permissions::from_mode(0o755)).unwrap();
        let ours = std::env::var("PATH").unwrap();
        let env = [
            ("PATH".to_owned(), format!("{}:{ours}", path("bin").display())),
            ("BENCH".to_owned(), dir.path().display().to_string()),
        ];
        let memory = path("memory.json");
        let bench = Self {
            env: env.into(),
            next_log: AtomicU32::new(0),
            stop: CancellationToken::new(),
            told: Told::default(),
            memory,
            dir,
        };
        bench.write("scratch/prepared.json", r#"{"chart":"./charts/web","rendered":true}"#);
        bench
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        fs::write(self.dir.path().join(name), text).unwrap();
        self
    }

    /// What `helm list` says: one revision.
    fn list(&self, name: &str, number: u64, status: &str) -> &Self {
        let all = json!([{ "revision": number.to_string(), "status": status }]);
        self.write(name, &all.to_string())
    }

    /// What `helm history` says: all of an hour ago.
    fn history(&self, all: &[(u64, &str)]) -> &Self {
        let hour = std::time::Duration::from_secs(3600);
        self.history_at(all, jiff::Timestamp::now() - hour)
    }

    fn history_at(&self, all: &[(u64, &str)], at: jiff::Timestamp) -> &Self {
        let revision = |(number, status): &(u64, &str)| json!({ "revision": number, "status": status, "updated": at.to_string() });
        let all: Vec<_> = all.iter().map(revision).collect();
        self.write("history", &json!(all).to_string())
    }

    fn release(&self) -> HelmRelease {
        let access = Access::Context { name: Some("seoul".into()), file: None };
        let cluster = Some(Cluster { name: "seoul".into(), access });
        let values = json!({ "password": SECRET }).as_object().unwrap().clone();
        HelmRelease { name: "web".into(), cluster, values, ..sample() }
    }

    fn job(
        &self,
        act: impl AsyncFnOnce(HelmRelease, &Job<'_>) -> Result<(), DeployError>,
    ) -> Result<(), DeployError> {
        let (root, scratch, logs) =
            (self.dir.path(), self.dir.path().join("scratch"), self.dir.path().join("logs"));
        let job = Job {
            step: "web",
            service: "shop",
            run: "run",
            region: "ap-northeast-2",
            root,
            env: &self.env,
            scratch: &scratch,
            memory: &self.memory,
            logs: &logs,
            next_log: &self.next_log,
            stop: &self.stop,
            tell: &self.told,
        };
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(act(self.release(), &job))
    }

    fn bring_up(&self) -> Result<(), DeployError> {
        self.job(async |release, job| release.bring_up(job).await)
    }

    fn take_back(&self) -> Result<(), DeployError> {
        self.job(async |release, job| release.take_back(job).await)
    }

    /// What Helm was asked for that changes something, without the options.
    fn changes(&self) -> String {
        let asked = fs::read_to_string(self.dir.path().join("asked")).unwrap_or_default();
        let changes = asked.lines().filter(|line| {
            !["list", "history", "status"].iter().any(|word| line.starts_with(word))
        });
        let short = changes.map(|line| line.split(" --namespace").next().unwrap_or_default());
        short.collect::<Vec<_>>().join("; ")
    }

    fn notes(&self) -> String {
        self.told.notes.lock().unwrap().join("; ")
    }

    fn memory(&self) -> String {
        let text = fs::read_to_string(&self.memory).unwrap();
        let memory: serde_json::Value = serde_json::from_str(&text).unwrap();
        format!("before {}, newest {}", memory["before"], memory["newest"])
    }

    fn remembers(&self, before: Option<u64>, newest: u64) -> &Self {
        let memory = json!({ "before": before, "newest": newest });
        self.write("memory.json", &memory.to_string())
    }
}

#[test]
fn what_stood_there_is_remembered_before_anything_is_changed() {
    let bench = Bench::new();
    bench.bring_up().unwrap();
    assert_eq!(bench.changes(), "upgrade --install web ./charts/web");
    assert_eq!(bench.memory(), "before null, newest 0");

    let bench = Bench::new();
    bench.list("list", 3, "deployed").bring_up().unwrap();
    assert_eq!(bench.memory(), "before 3, newest 3");

    let bench = Bench::new();
    bench.list("list", 4, "failed").history(&[(3, "deployed"), (4, "failed")]).bring_up().unwrap();
    assert_eq!(bench.memory(), "before 3, newest 4");
    assert_eq!(bench.changes(), "upgrade --install web ./charts/web");
    // Whoever goes on with the run remembers the same.
    bench.list("list", 5, "deployed").bring_up().unwrap();
    assert_eq!(bench.memory(), "before 3, newest 4");
}

#[test]
fn an_upgrade_that_fails_is_rolled_back_and_says_so() {
    let bench = Bench::new();
    bench.list("list", 3, "deployed").list("after-upgrade", 4, "failed");
    bench.write("code-upgrade", "1").write("said-upgrade", "Error: no luck\n");
    let error = bench.bring_up().unwrap_err();
    insta::assert_snapshot!(chain(&error).join("\n"), @r"
    the release `web` did not come up; it is back at revision 3
    `helm` failed with exit code 1
    Error: no luck
    ");
    assert_eq!(bench.changes(), "upgrade --install web ./charts/web; rollback web 3");
}

#[test]
fn an_installation_that_fails_is_left_to_be_looked_at() {
    let bench = Bench::new();
    bench.list("after-upgrade", 1, "failed").write("code-upgrade", "1");
    let error = bench.bring_up().unwrap_err();
    insta::assert_snapshot!(chain(&error)[0], @"the release `web` did not come up; it was left as it is, since no revision of it was ever up");
    assert_eq!(bench.changes(), "upgrade --install web ./charts/web");
}

#[test]
fn what_helm_refuses_changes_nothing_and_quotes_no_value() {
    let bench = Bench::new();
    bench.list("list", 3, "deployed").write("code-upgrade", "1");
    bench.write("said-upgrade", &format!("Error: the password \"{SECRET}\" is bad\n"));
    let error = bench.bring_up().unwrap_err();
    insta::assert_snapshot!(chain(&error).join("\n"), @r#"
    the release `web` did not come up; nothing was changed
    `helm` failed with exit code 1
    Error: the password "[hidden]" is bad
    "#);
    for folder in ["logs", "scratch"] {
        for file in fs::read_dir(bench.dir.path().join(folder)).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            assert!(!text.contains(SECRET), "{}: {text}", path.display());
        }
    }
}

#[test]
fn what_an_earlier_attempt_of_the_run_left_locked_is_repaired_at_once() {
    let bench = Bench::new();
    let now = jiff::Timestamp::now();
    bench.remembers(Some(3), 3).history_at(&[(3, "deployed"), (4, "pending-upgrade")], now);
    bench.list("list", 4, "pending-upgrade").list("after-rollback", 5, "deployed");
    bench.bring_up().unwrap();
    assert_eq!(bench.changes(), "rollback web 3; upgrade --install web ./charts/web");
    insta::assert_snapshot!(bench.notes(), @"the release `web` is `pending-upgrade`, left by a Helm that was killed: it is put back to revision 3 first");
}

#[test]
fn what_somebody_left_locked_long_ago_is_repaired() {
    let bench = Bench::new();
    bench.list("list", 1, "pending-install").history(&[(1, "pending-install")]);
    bench.write("after-uninstall", "[]");
    bench.bring_up().unwrap();
    assert_eq!(bench.changes(), "uninstall web --wait; upgrade --install web ./charts/web");
    assert_eq!(bench.memory(), "before null, newest 0");
}

#[test]
fn what_somebody_may_be_working_on_is_left_alone() {
    let mut bench = Bench::new();
    bench.told.stop = Some(bench.stop.clone());
    let now = jiff::Timestamp::now();
    bench.list("list", 1, "pending-install").history_at(&[(1, "pending-install")], now);
    let error = bench.bring_up().unwrap_err();
    assert!(matches!(error, DeployError::Stopped { .. }), "{error}");
    insta::assert_snapshot!(bench.notes(), @"the release `web` is `pending-install`, since less than a minute: somebody may be at it");
    assert_eq!(bench.changes(), "");
}

#[test]
fn what_stays_locked_is_repaired_once_and_then_told() {
    let bench = Bench::new();
    bench.list("list", 2, "unknown").history(&[(1, "superseded"), (2, "unknown")]);
    let error = bench.bring_up().unwrap_err();
    insta::assert_snapshot!(error, @"the release `web` is still `unknown` after it was repaired");
    assert_eq!(bench.changes(), "rollback web 1");
}

#[test]
fn what_the_run_did_is_taken_back() {
    // Nothing was done.
    let bench = Bench::new();
    bench.take_back().unwrap();
    bench.remembers(Some(3), 3).list("list", 3, "deployed").take_back().unwrap();
    assert_eq!(bench.changes(), "");
    assert!(!bench.memory.exists());

    let bench = Bench::new();
    bench.remembers(None, 0).list("list", 1, "deployed").history(&[(1, "deployed")]);
    bench.take_back().unwrap();
    assert_eq!(bench.changes(), "uninstall web --wait");

    let bench = Bench::new();
    bench.remembers(Some(3), 3).list("list", 4, "deployed").take_back().unwrap();
    assert_eq!(bench.changes(), "rollback web 3");
    assert!(!bench.memory.exists());
}

#[test]
fn what_could_not_be_taken_back_stays_remembered() {
    let bench = Bench::new();
    bench.remembers(Some(3), 3).list("list", 4, "deployed").write("code-rollback", "1");
    bench.take_back().unwrap_err();
    assert!(bench.memory.exists());
}
