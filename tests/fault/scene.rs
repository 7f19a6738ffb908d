//! Where a worker breaks things: a repository, a cloud with the primary in it, and a backend.

use crate::{
    backend::Backend,
    check,
    cloud::{SimCloud, Thing, Weather},
    processes,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

pub(crate) const FALLBACK: &str = "ap-northeast-2";
pub(crate) const STACKS: [&str; 3] = ["network", "data", "mail"];

/// How long one drctl may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longer than any call of the cloud takes.
const SETTLED: Duration = Duration::from_millis(60);

/// Who keeps the states of the fallback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum States {
    /// drctl itself.
    Own,
    /// A declared `http` backend.
    Declared,
}

/// A service, the cloud that it runs in, and its primary. One case at a time happens in it.
pub(crate) struct Scene {
    root: PathBuf,
    states: States,
    drctl: PathBuf,
    pub(crate) cloud: SimCloud,
    pub(crate) backend: Backend,
    /// What a person would confirm.
    digest: String,
    cases: u32,
}

/// One failover with all that is done about it, in a home of its own.
pub(crate) struct Case {
    pub(crate) home: PathBuf,
    pub(crate) dir: PathBuf,
    outputs: u32,
}

/// A drctl that runs.
pub(crate) struct Running {
    pub(crate) child: Child,
    /// Where its standard output and error go, both.
    pub(crate) output: PathBuf,
    until: Instant,
}

/// How it ended.
pub(crate) struct Ended {
    pub(crate) status: Option<ExitStatus>,
    pub(crate) output: PathBuf,
}

impl Ended {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status?.code()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }
}

impl Scene {
    /// Makes the repository in `root`, brings the primary up with the bare Terraform, and looks at
    /// the plan.
    pub(crate) fn new(root: &Path, states: States, drctl: &Path) -> io::Result<Self> {
        let backend = Backend::start()?;
        fs::create_dir_all(root.join("primary"))?;
        let repo = root.join("repo");
        write(&repo, root, states, backend.port)?;
        commit(&repo)?;
        let cloud = SimCloud::start(
            &repo,
            &STACKS,
            &root.join("cloud"),
            Weather { latency_ms: 30, ..Weather::default() },
        );
        let (digest, cases) = (String::new(), 0);
        let (root, drctl) = (root.to_owned(), drctl.to_owned());
        let mut scene = Self { root, states, drctl, cloud, backend, digest, cases };
        scene.raise_primary()?;
        scene.digest = scene.plan()?;
        Ok(scene)
    }

    fn repo(&self) -> PathBuf {
        self.root.join("repo")
    }

    /// Where the command of the runbook writes.
    fn traffic(&self) -> PathBuf {
        self.root.join("traffic")
    }

    /// Returns how often the command was run to its end.
    pub(crate) fn cuts(&self) -> usize {
        fs::read_to_string(self.traffic()).unwrap_or_default().lines().count()
    }

    /// Applies every stack in the primary by hand.
    fn raise_primary(&self) -> io::Result<()> {
        let copy = self.root.join("by-hand");
        succeed(Command::new("cp").arg("-r").arg(self.repo()).arg(&copy))?;
        for stack in STACKS {
            let terraform = |args: &[&str]| {
                let mut command = Command::new(self.cloud.terraform());
                command.args(args).current_dir(copy.join(stack)).env("CHECKPOINT_DISABLE", "1");
                succeed(&mut command)
            };
            terraform(&["init", "-input=false"])?;
            let subnet = "-var=subnet=subnet-1";
            let given = if stack == "data" { vec![subnet] } else { Vec::new() };
            terraform(&[&["apply", "-input=false", "-auto-approve"], &given[..]].concat())?;
        }
        fs::remove_dir_all(copy)
    }

    fn plan(&self) -> io::Result<String> {
        let case = Case { home: self.root.join("plan"), dir: self.root.join("plan"), outputs: 0 };
        let output = self
            .command(
                &case,
                &[
                    "failover",
                    "--region",
                    FALLBACK,
                    "--terraform",
                    &self.terraform(),
                    "--dry-run",
                    "--json",
                ],
            )
            .output()?;
        let plan: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
            let said = String::from_utf8_lossy(&output.stderr);
            io::Error::other(format!("no plan: {error}\n{said}"))
        })?;
        let digest = plan["digest"].as_str().unwrap_or_default().to_owned();
        fs::remove_dir_all(&case.home)?;
        Ok(digest)
    }

    fn terraform(&self) -> String {
        self.cloud.terraform().display().to_string()
    }

    /// Begins a case: nothing of the fallback stands.
    pub(crate) fn case(&mut self) -> io::Result<Case> {
        self.cases += 1;
        self.cloud.answer_if_crashed();
        // What was asked for at the very end of the last case is ready by then.
        sleep(SETTLED);
        self.cloud.remove_all(FALLBACK);
        sleep(SETTLED);
        assert_eq!(self.made(), [], "nothing of the last case stands");
        self.backend.set_gone(false);
        self.backend.clear();
        let _ = fs::remove_file(self.traffic());
        let dir = self.root.join(format!("case-{}", self.cases));
        fs::create_dir_all(&dir)?;
        Ok(Case { home: dir.join("home"), dir, outputs: 0 })
    }

    /// drctl as a case runs it.
    pub(crate) fn command(&self, case: &Case, args: &[&str]) -> Command {
        let mut command = Command::new(&self.drctl);
        command
            .args(args)
            .current_dir(self.repo())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.root)
            .env("DRCTL_HOME", &case.home)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::null());
        command
    }

    /// Starts a failover.
    pub(crate) fn failover(&self, case: &mut Case) -> io::Result<Running> {
        let terraform = self.terraform();
        let args = [
            "failover",
            "--region",
            FALLBACK,
            "--terraform",
            &terraform,
            "--yes",
            "--expect-plan",
            &self.digest,
        ];
        self.spawn(case, &args)
    }

    /// Starts a resumption with what a person answered.
    pub(crate) fn resume(&self, case: &mut Case, answers: &[&str]) -> io::Result<Running> {
        self.spawn(case, &[&["resume", "--yes", "--grace", "60s"], answers].concat())
    }

    pub(crate) fn spawn(&self, case: &mut Case, args: &[&str]) -> io::Result<Running> {
        case.outputs += 1;
        let output = case.dir.join(format!("{}.out", case.outputs));
        let file = File::create(&output)?;
        let mut command = self.command(case, args);
        command.stdout(file.try_clone()?).stderr(file);
        Ok(Running { child: command.spawn()?, output, until: Instant::now() + PATIENCE })
    }

    /// Returns what drctl reports of the newest run, as JSON.
    pub(crate) fn report(&self, case: &Case) -> String {
        let output = self.command(case, &["report", "--json"]).output();
        output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
    }

    /// Returns what the cloud has in the fallback.
    pub(crate) fn made(&self) -> Vec<Thing> {
        self.cloud.things().into_iter().filter(|thing| thing.region == FALLBACK).collect()
    }

    /// Returns all that must not change: the primary's states, and what stands in it.
    pub(crate) fn primary(&self) -> io::Result<check::Primary> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.root.join("primary"))? {
            let path = entry?.path();
            files.insert(path.clone(), fs::read(path)?);
        }
        let stands = self.cloud.things().into_iter().filter(|thing| thing.region != FALLBACK);
        Ok((files, stands.collect()))
    }

    /// Returns the state of each stack of the fallback that has one.
    pub(crate) fn states(&self, case: &Case) -> BTreeMap<String, Value> {
        let read = |stack: &&str| {
            let text = match self.states {
                States::Declared => self.backend.state(&format!("/{stack}"))?,
                States::Own => {
                    let store = drctl::state::StateStore::open(case.run()?.join("state")).ok()?;
                    store.latest(&drctl::model::step::StepId::new(*stack)).ok()??
                }
            };
            Some(((*stack).to_owned(), serde_json::from_slice(&text).ok()?))
        };
        STACKS.iter().filter_map(read).collect()
    }

    /// Returns the stack and the id of everything that the states hold.
    pub(crate) fn known(&self, case: &Case) -> BTreeSet<(String, String)> {
        let states = self.states(case);
        let ids = |(stack, state): (&String, &Value)| {
            let stack = stack.clone();
            check::ids(state).into_keys().map(move |id| (stack.clone(), id))
        };
        states.iter().flat_map(ids).collect()
    }

    /// Returns the locks that are held.
    pub(crate) fn locks(&self, case: &Case) -> Vec<String> {
        if self.states == States::Declared {
            return self.backend.locked();
        }
        let Some(run) = case.run() else { return Vec::new() };
        let lock = |stack: &&str| run.join("state").join(stack).join("lock.json").exists();
        STACKS.iter().filter(|stack| lock(stack)).map(|stack| (*stack).to_owned()).collect()
    }
}

impl Case {
    /// The folder of its newest run.
    pub(crate) fn run(&self) -> Option<PathBuf> {
        let runs = fs::read_dir(self.home.join("runs")).ok()?;
        runs.flatten().map(|entry| entry.path()).max()
    }

    pub(crate) fn journal(&self) -> Option<PathBuf> {
        Some(self.run()?.join("journal.jsonl"))
    }

    /// Removes all that it left on the disk.
    pub(crate) fn remove(self) -> io::Result<()> {
        fs::remove_dir_all(self.dir)
    }

    /// The whole lines of the journal.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = self.journal().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        let whole = text.split_inclusive(|byte| *byte == b'\n').filter(|l| l.ends_with(b"\n"));
        whole.filter_map(|line| serde_json::from_slice(line).ok()).collect()
    }

    /// How many whole lines the journal has: cheap, since it is asked a thousand times a second.
    pub(crate) fn length(&self) -> usize {
        let text = self.journal().and_then(|path| fs::read(path).ok()).unwrap_or_default();
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    /// All that drctl said in it.
    pub(crate) fn said(&self) -> String {
        let outputs = (1..=self.outputs).map(|n| self.dir.join(format!("{n}.out")));
        outputs
            .filter_map(|path| fs::read(path).ok())
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .collect()
    }
}

impl Running {
    pub(crate) fn id(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(i32::MAX)
    }

    /// Gives it more time than usual.
    pub(crate) fn patient(self, time: Duration) -> Self {
        Self { until: Instant::now() + time, ..self }
    }

    /// Tells whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Waits for its end; one that takes too long is killed, and has no status.
    pub(crate) fn wait(mut self, case: &Case) -> Ended {
        while Instant::now() < self.until {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Ended { status: Some(status), output: self.output };
            }
            sleep(Duration::from_millis(5));
        }
        processes::kill_all(&case.home);
        let _ = self.child.wait();
        Ended { status: None, output: self.output }
    }
}

fn write(repo: &Path, root: &Path, states: States, port: u16) -> io::Result<()> {
    let declared = match states {
        States::Own => String::new(),
        States::Declared => format!(
            "region \"{FALLBACK}\" {{\n  state \"http\" {{\n    address        = \"http://127.0.0.1:{port}/${{stack}}\"\n    lock_address   = \"http://127.0.0.1:{port}/${{stack}}\"\n    unlock_address = \"http://127.0.0.1:{port}/${{stack}}\"\n    retry_max      = 1\n    retry_wait_min = 1\n    retry_wait_max = 1\n  }}\n}}\n"
        ),
    };
    let traffic = root.join("traffic").display().to_string();
    let runbook = format!(
        "service \"shop\" {{\n  rto     = \"30m\"\n  primary = \"ap-northeast-1\"\n}}\n{declared}\
         stack \"network\" {{\n  path = \"network\"\n}}\n\
         stack \"data\" {{\n  path      = \"data\"\n  variables = {{ subnet = stack.network.outputs.subnet }}\n}}\n\
         stack \"mail\" {{\n  path = \"mail\"\n}}\n\
         command \"cutover\" {{\n  needs = [\"data\"]\n  run   = [\"./bin/cut\", stack.data.outputs.queue]\n}}\n\
         probe \"command\" \"front\" {{\n  run      = [\"test\", \"-s\", \"{traffic}\"]\n  interval = \"20ms\"\n  up_after = 2\n}}\n"
    );
    let files = [
        ("drctl.hcl", runbook),
        (
            "network/main.tf",
            stack(
                root,
                "network",
                "resource \"aws_subnet\" \"network-a\" {\n  vpc_id     = aws_vpc.network-main.id\n  cidr_block = \"10.0.1.0/24\"\n  tags       = { Name = \"network-a\" }\n}\noutput \"subnet\" { value = aws_subnet.network-a.id }\n",
            ),
        ),
        (
            "data/main.tf",
            stack(
                root,
                "data",
                "variable \"subnet\" {}\nresource \"aws_network_interface\" \"data-db\" {\n  subnet_id   = var.subnet\n  description = \"db\"\n  tags        = { Name = \"data-db\" }\n}\n",
            ),
        ),
        ("mail/main.tf", stack(root, "mail", "")),
        ("bin/cut", format!("#!/bin/sh\nsleep 0.1\necho \"$1\" >>'{traffic}'\n")),
    ];
    for (name, text) in files {
        let path = repo.join(name);
        fs::create_dir_all(path.parent().unwrap_or(repo))?;
        fs::write(&path, text)?;
        if name.starts_with("bin/") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// Seven resources in three levels. A queue's name can be had once; of all others there could be two.
fn stack(root: &Path, name: &str, more: &str) -> String {
    let state = root.join("primary").join(name).display().to_string();
    format!(
        "terraform {{\n  backend \"local\" {{\n    path = \"{state}.tfstate\"\n  }}\n}}\n\
         provider \"aws\" {{\n  region = \"ap-northeast-1\"\n}}\n\
         resource \"aws_vpc\" \"{name}-main\" {{\n  cidr_block = \"10.0.0.0/16\"\n  tags       = {{ Name = \"{name}-main\" }}\n}}\n\
         resource \"aws_internet_gateway\" \"{name}-gate\" {{\n  vpc_id = aws_vpc.{name}-main.id\n  tags   = {{ Name = \"{name}-gate\" }}\n}}\n\
         resource \"aws_route_table\" \"{name}-routes\" {{\n  vpc_id = aws_vpc.{name}-main.id\n  tags   = {{ Name = \"{name}-routes\", gate = aws_internet_gateway.{name}-gate.id }}\n}}\n\
         resource \"aws_eip\" \"{name}-ip\" {{\n  tags = {{ Name = \"{name}-ip\" }}\n}}\n\
         resource \"aws_eip\" \"{name}-second\" {{\n  tags = {{ Name = \"{name}-second\", vpc = aws_vpc.{name}-main.id }}\n}}\n\
         resource \"aws_sqs_queue\" \"{name}-jobs\" {{\n  name = \"{name}-jobs\"\n}}\n\
         output \"queue\" {{ value = aws_sqs_queue.{name}-jobs.url }}\n{more}"
    )
}

fn commit(repo: &Path) -> io::Result<()> {
    let git = |args: &[&str]| {
        let as_nobody = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        succeed(
            Command::new("git")
                .args(as_nobody)
                .args(args)
                .current_dir(repo)
                .env("GIT_CONFIG_GLOBAL", "/dev/null"),
        )
    };
    git(&["init", "-q", "-b", "main"])?;
    git(&["add", "."])?;
    git(&["commit", "-q", "-m", "shop"])
}

fn succeed(command: &mut Command) -> io::Result<()> {
    let done = command.stdin(Stdio::null()).output()?;
    if done.status.success() {
        return Ok(());
    }
    let said = [done.stdout, done.stderr].concat();
    Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&said))))
}
