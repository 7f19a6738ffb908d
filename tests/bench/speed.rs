//! How fast a recovery is against what it must take, on a simulated cloud with real latencies.

use crate::{
    DRCTL,
    cloud::{SimCloud, Weather},
    commit, digest_of, median, medians, repository, resources, row, run,
    validate::attended,
    verdict,
};
use drctl::{
    model::{run::RunId, step::StepId},
    state::{StateServer, StateStore},
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

/// Stacks that do not need each other, and the resources of each.
const STACKS: usize = 10;
const RESOURCES: usize = 100;

/// How long the process takes to say its version, from nothing.
pub(crate) fn version() {
    let say = |program: &str, word: &str| {
        let start = Instant::now();
        run(Command::new(program).arg(word));
        start.elapsed()
    };
    let (terraform, drctl) =
        medians(21, || say("terraform", "version"), || say(DRCTL, "--version"));
    let goal = format!("under 10 ms, {}", verdict(drctl < Duration::from_millis(10)));
    println!(
        "{:<34} {:>7.1}ms {:>7.1}ms {:>7.2}  {goal}",
        "version: against terraform's own",
        1e3 * terraform.as_secs_f64(),
        1e3 * drctl.as_secs_f64(),
        drctl.as_secs_f64() / terraform.as_secs_f64(),
    );
}

/// `terraform apply` of a thousand resources, with the state in a file and kept by drctl.
pub(crate) fn state() {
    let text = resources(1_000);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (local, kept) = medians(
        3,
        || apply(&text, "", &[]),
        || {
            let folder = tempfile::tempdir().unwrap();
            let store = Arc::new(StateStore::open(folder.path()).unwrap());
            let server = runtime
                .block_on(StateServer::start(store, RunId::new(jiff::Timestamp::now(), 1)))
                .unwrap();
            let env = server.backend_env(&StepId::new("main")).unwrap();
            let took = apply(&text, "terraform {\n  backend \"http\" {}\n}\n", &env);
            assert!(runtime.block_on(server.stop(Duration::from_secs(5))));
            took
        },
    );
    let ratio = kept.as_secs_f64() / local.as_secs_f64();
    row("state: apply of 1,000, kept", local, kept, &at_most(0.3, ratio));
}

/// `terraform apply` alone of a saved plan.
fn apply(text: &str, backend: &str, env: &[(String, String)]) -> Duration {
    let copy = tempfile::tempdir().unwrap();
    fs::write(copy.path().join("main.tf"), format!("{backend}{text}")).unwrap();
    let terraform = |args: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(args).current_dir(copy.path()).env("CHECKPOINT_DISABLE", "1");
        run(command.envs(env.iter().map(|(name, value)| (name, value))));
    };
    terraform(&["init", "-input=false"]);
    terraform(&["plan", "-input=false", "-out=plan"]);
    let start = Instant::now();
    terraform(&["apply", "-input=false", "plan"]);
    start.elapsed()
}

/// Memory of drctl at ten times as many resources as in `thousand`.
pub(crate) fn ten_thousand() {
    let dir = tempfile::tempdir().unwrap();
    let repo = repository(dir.path(), &[("main", &resources(10_000))]);
    let (took, kib) = crate::failover(&repo, dir.path());
    println!(
        "{:<34} {:>9} {:>6} MB {:>7}  under 128 MB, {} (in {:.0}s)",
        "ten-thousand: memory of drctl",
        "",
        kib / 1024,
        "",
        verdict(kib < 128 * 1024),
        took.as_secs_f64()
    );
}

/// A service on a cloud that takes its time.
struct Service {
    repo: PathBuf,
    cloud: SimCloud,
}

impl Service {
    /// Commits `stacks`, each with what it needs and its code, and makes a cloud for them.
    fn new(dir: &Path, stacks: &[(String, Vec<&str>, String)], latency_ms: u64) -> Self {
        let repo = dir.join("repo");
        let mut runbook =
            "service \"bench\" {\n  rto = \"10m\"\n  primary = \"ap-northeast-1\"\n}\n".to_owned();
        for (name, needs, text) in stacks {
            fs::create_dir_all(repo.join(name)).unwrap();
            fs::write(repo.join(name).join("main.tf"), text).unwrap();
            let _ = write!(
                runbook,
                "\nstack \"{name}\" {{\n  path = \"{name}\"\n  needs = {needs:?}\n}}\n"
            );
        }
        fs::write(repo.join("drctl.hcl"), runbook).unwrap();
        commit(&repo);
        let folders: Vec<&str> = stacks.iter().map(|(name, ..)| name.as_str()).collect();
        let at = dir.join("cloud");
        fs::create_dir(&at).unwrap();
        let cloud =
            SimCloud::start(&repo, &folders, &at, Weather { latency_ms, ..Weather::default() });
        Self { repo, cloud }
    }

    fn drctl(&self, home: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(DRCTL);
        command.args(args).arg("--repo").arg(&self.repo).args(["--region", "ap-northeast-2"]);
        command.arg("--terraform").arg(self.cloud.terraform()).env("DRCTL_HOME", home);
        command
    }

    /// A first failover, which was prepared for or not; preparing is not timed.
    fn failover(&self, is_prepared: bool) -> Duration {
        let home = tempfile::tempdir().unwrap();
        let how = if is_prepared { "only" } else { "ignore" };
        if is_prepared {
            let made = self.drctl(home.path(), &["prepare"]).output().unwrap();
            let said = String::from_utf8_lossy(&made.stdout);
            assert!(made.status.success(), "what cannot be prepared is not measured: {said}");
        }
        let dry = ["failover", "--prepared", how, "--dry-run", "--json"];
        let digest = digest_of(&mut self.drctl(home.path(), &dry));
        let yes = ["failover", "--prepared", how, "--yes", "--expect-plan", &digest];
        let (took, _, code) = attended(&mut self.drctl(home.path(), &yes));
        assert_eq!(code, Some(6), "nothing asks the service, so that nothing is proven");
        took
    }

    /// `terraform init`, `plan` and `apply` of each stack by hand, one after the other.
    fn by_hand(&self, stacks: &[(String, Vec<&str>, String)]) -> Duration {
        let copies = tempfile::tempdir().unwrap();
        let start = Instant::now();
        for (name, _, text) in stacks {
            // The wrapper knows the stack by its folder.
            let copy = copies.path().join(name);
            fs::create_dir(&copy).unwrap();
            fs::write(copy.join("main.tf"), text).unwrap();
            for args in [
                &["init", "-input=false"][..],
                &["plan", "-input=false", "-out=plan"],
                &["apply", "-input=false", "plan"],
            ] {
                run(Command::new(self.cloud.terraform())
                    .args(args)
                    .current_dir(&copy)
                    .env("AWS_REGION", "ap-northeast-2")
                    .env("CHECKPOINT_DISABLE", "1"));
            }
        }
        start.elapsed()
    }
}

fn at_most(goal: f64, ratio: f64) -> String {
    format!("at most {goal}, {}", verdict(ratio <= goal))
}

/// Ten stacks that do not need each other.
fn side_by_side() -> Vec<(String, Vec<&'static str>, String)> {
    (0..STACKS).map(|n| (format!("stack{n}"), Vec::new(), things("aws_vpc", RESOURCES))).collect()
}

/// Resources of a provider that has to be asked.
fn things(kind: &str, count: usize) -> String {
    format!(
        "provider \"aws\" {{\n  region = \"ap-northeast-1\"\n}}\nresource \"{kind}\" \"r\" {{\n  count = {count}\n  cidr_block = \"10.0.0.0/16\"\n  tags = {{ Name = \"r${{count.index}}\" }}\n}}\n"
    )
}

/// A failover that was prepared for, and one that was not, against `terraform` by hand.
pub(crate) fn prepared() {
    let dir = tempfile::tempdir().unwrap();
    let stacks = side_by_side();
    let service = Service::new(dir.path(), &stacks, 100);
    let (hand, ready) = medians(3, || service.by_hand(&stacks), || service.failover(true));
    let unready = median(3, || service.failover(false));
    let ratio = ready.as_secs_f64() / hand.as_secs_f64();
    row("prepared: 10 stacks of 100, 100 ms", hand, ready, &at_most(0.65, ratio));
    row("the same, not prepared", hand, unready, "");
}

/// Three stages of three resources that follow each other, two seconds each.
pub(crate) fn makespan() {
    const LATENCY: Duration = Duration::from_secs(2);
    let dir = tempfile::tempdir().unwrap();
    let chain = |stack: &str| {
        let mut text = "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n".to_owned();
        for n in 0..3 {
            let after = if n == 0 {
                String::new()
            } else {
                format!("  depends_on = [aws_vpc.r{}]\n", n - 1)
            };
            let _ = write!(
                text,
                "resource \"aws_vpc\" \"r{n}\" {{\n  cidr_block = \"10.0.0.0/16\"\n  tags = {{ Name = \"{stack}{n}\" }}\n{after}}}\n"
            );
        }
        text
    };
    let stack = |name: &str, needs: Vec<&'static str>| (name.to_owned(), needs, chain(name));
    let stacks = [
        stack("network", vec![]),
        stack("data", vec!["network"]),
        stack("cluster", vec!["network"]),
        stack("app", vec!["data", "cluster"]),
    ];
    let service = Service::new(dir.path(), &stacks, LATENCY.as_millis() as u64);
    let path = 9 * LATENCY;
    let took = median(3, || service.failover(false));
    let ratio = took.as_secs_f64() / path.as_secs_f64();
    row("makespan: 9 x 2 s in 3 stages", path, took, &at_most(1.1, ratio));
}

/// A stack of a provider that bears more than Terraform's own ten at once.
pub(crate) fn parallelism() {
    let text = things("aws_vpc", RESOURCES);
    let stack = |more: &str| {
        let dir = tempfile::tempdir().unwrap();
        let stacks = [("main".to_owned(), vec![], text.clone())];
        let service = Service::new(dir.path(), &stacks, 1_000);
        if !more.is_empty() {
            let path = service.repo.join("drctl.hcl");
            let runbook = fs::read_to_string(&path).unwrap();
            fs::write(path, runbook.replace("  needs", &format!("  {more}\n  needs"))).unwrap();
            commit(&service.repo);
        }
        (dir, service)
    };
    let ((_ten, ten), (_borne, borne)) = (stack("parallelism = 10"), stack(""));
    let (default, borne) = medians(3, || ten.failover(false), || borne.failover(false));
    row("parallelism: 100 of 1 s, as borne", default, borne, "bare: Terraform's own 10");
}
