//! Whole recoveries on a clock that jumps, with a Terraform that replays.

use crate::support::events::assert_guarantees;
use async_trait::async_trait;
use drctl::{
    config::repository::Repository,
    engine::{Assembled, Ended, Run, Sources, Standing, Stop, Tools, assemble, execute},
    model::{
        event::{Event, EventKind, Sink},
        run::{Outage, OutageSource, RunId, RunKind, RunOutcome},
        step::{StepId, StepOutcome},
    },
    probe::ScriptedProber,
    runbook::Runbook,
    state::{StateServer, StateStore},
    terraform::{Action, Finished, Invocation, LogFiles, Terraform, TerraformError, UiMessage},
};
use std::{collections::BTreeMap, fs, io, path::Path, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const MINUTE: Duration = Duration::from_secs(60);

/// A Terraform whose applies take as long as they are told, by the name of the stack's folder.
#[derive(Default)]
struct Replay {
    takes: BTreeMap<&'static str, Duration>,
    fails: Vec<&'static str>,
}

impl Replay {
    fn stack(mut self, name: &'static str, takes: Duration) -> Self {
        self.takes.insert(name, takes);
        self
    }

    fn failing(mut self, name: &'static str) -> Self {
        self.fails.push(name);
        self
    }
}

#[async_trait]
impl Terraform for Replay {
    async fn run(
        &self,
        call: &Invocation,
        _: &LogFiles,
        on: &mut (dyn FnMut(UiMessage) + Send),
        stop: &CancellationToken,
    ) -> Result<Finished, TerraformError> {
        let name = call.dir.file_name().unwrap().to_str().unwrap();
        let Action::Apply { .. } = call.action else { return Ok(Finished { has_changes: None }) };
        let takes = self.takes.get(name).copied().expect("a stack that the test knows");
        tokio::select! {
            () = sleep(takes) => {}
            () = stop.cancelled() => {
                let in_flight = Vec::new();
                return Err(TerraformError::Interrupted { command: "apply", in_flight, killed: false });
            }
        }
        if self.fails.contains(&name) {
            let (signal, in_flight) = (9, Vec::new());
            return Err(TerraformError::Killed { command: "apply", signal, in_flight });
        }
        let hook =
            format!(r#"{{"resource":{{"addr":"terraform_data.{name}"}},"action":"create"}}"#);
        for (kind, at) in [("apply_start", "00:00:00.100Z"), ("apply_complete", "00:00:00.350Z")] {
            let line =
                format!(r#"{{"type":"{kind}","@timestamp":"2026-01-01T{at}","hook":{hook}}}"#);
            on(UiMessage::read(&line));
        }
        Ok(Finished { has_changes: None })
    }

    async fn read(
        &self,
        call: &Invocation,
        _: &LogFiles,
        _: &CancellationToken,
    ) -> Result<Vec<u8>, TerraformError> {
        // What `init` would have left for the gate to look at.
        let data = call.dir.join(".terraform");
        fs::create_dir_all(&data).unwrap();
        fs::write(data.join("terraform.tfstate"), r#"{"backend":{"type":"http"}}"#).unwrap();
        Ok(br#"{"format_version":"1.2","complete":true,"errored":false}"#.to_vec())
    }
}

/// What a recovery left.
struct Left {
    ended: Ended,
    events: Vec<Event>,
    took: Duration,
}

impl Left {
    fn outcomes(&self) -> BTreeMap<String, &StepOutcome> {
        let finished = self.events.iter().filter_map(|event| match &event.kind {
            EventKind::StepFinished { step, outcome } => Some((step.to_string(), outcome)),
            _ => None,
        });
        finished.collect()
    }
}

/// Stacks by name and needs, each in a folder of its own.
async fn recover(
    stacks: &[(&str, &[&str])],
    terraform: Replay,
    max_parallel: usize,
    stop_after: Option<Duration>,
    room: usize,
) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("work");
    let mut text = String::from("service \"shop\" {\n  rto = \"30m\"\n}\n");
    for (name, needs) in stacks {
        fs::create_dir_all(root.join(name)).unwrap();
        fs::write(root.join(name).join("main.tf"), "").unwrap();
        text += &format!("stack \"{name}\" {{\n  path = \"{name}\"\n  needs = {needs:?}\n}}\n");
    }
    let runbook = Runbook::read(Path::new("drctl.hcl"), text.as_bytes(), "ap-northeast-2").unwrap();
    let repository = Repository::read(&root, None).unwrap();
    let assembled = assemble(&Sources {
        runbook: &runbook,
        repository: &repository,
        root: &root,
        commit: "0000000000000000000000000000000000000000",
        region: "ap-northeast-2",
        primary: None,
        replace: &BTreeMap::new(),
        workspace: None,
        own_state: false,
        salt: None,
        units: &BTreeMap::new(),
    })
    .unwrap();
    let mut sink = Room { left: room, events: Vec::new() };
    let (ended, took) =
        go(&assembled, dir.path(), terraform, max_parallel, stop_after, &mut sink).await;
    if room == usize::MAX {
        assert_guarantees(&sink.events);
    }
    Left { ended, events: sink.events, took }
}

async fn go(
    assembled: &Assembled,
    dir: &Path,
    terraform: Replay,
    max_parallel: usize,
    stop_after: Option<Duration>,
    sink: &mut Room,
) -> (Ended, Duration) {
    let id: RunId = "20260101-000000-0000".parse().unwrap();
    let store = Arc::new(StateStore::open(dir.join("state")).unwrap());
    for name in ["scratch", "logs"] {
        fs::create_dir(dir.join(name)).unwrap();
    }
    let tools = Arc::new(Tools {
        terraform: Arc::new(terraform),
        server: StateServer::start(Arc::clone(&store), id.clone()).await.unwrap(),
        store,
        stop: Stop::default(),
        region: "ap-northeast-2".into(),
        again: false,
        accepted: Vec::new(),
        decisions: Default::default(),
        scratch: dir.join("scratch"),
        run: id.clone(),
        deploy: dir.join("deploy"),
        logs: dir.join("logs"),
        one_init: None,
        troubles: Default::default(),
        next_log: Default::default(),
        simulator: None,
        simulated_env: Default::default(),
    });
    let start = Instant::now();
    let started = EventKind::RunStarted {
        run: id,
        run_kind: RunKind::Failover,
        drctl: "0.0.0".into(),
        began_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        repo: "/shop".into(),
        region: "ap-northeast-2".into(),
        outage: Outage { before_ms: 0, known_by: OutageSource::Assumed, detected_before_ms: None },
    };
    let mut run = Run::begin(start, started, sink).unwrap();
    run.say(EventKind::RunPlanned {
        service: "shop".into(),
        primary: None,
        rto_ms: None,
        rpo_ms: None,
        max_parallel: None,
        digest: assembled.digest.clone(),
        steps: assembled.recovery.summaries(),
    });
    if let Some(after) = stop_after {
        let stop = tools.stop.clone();
        tokio::spawn(async move {
            sleep(after).await;
            stop.request("SIGTERM");
        });
    }
    let prober = Arc::new(ScriptedProber::default());
    let standing = Standing::nothing(&assembled.recovery);
    let (ended, _) =
        execute(&assembled.recovery, tools, max_parallel, prober, standing, &mut run).await;
    let _ = run.finish(RunOutcome::Unverified);
    (ended, start.elapsed())
}

/// A journal on a disk that has room for so many events.
struct Room {
    left: usize,
    events: Vec<Event>,
}

impl Sink for Room {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        self.left = self.left.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        self.events.push(event.clone());
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn independent_stacks_run_at_once_and_the_next_waits_for_the_slowest() {
    let terraform = Replay::default()
        .stack("data", 20 * MINUTE)
        .stack("network", 5 * MINUTE)
        .stack("app", 3 * MINUTE);
    let stacks: &[(&str, &[&str])] =
        &[("data", &[]), ("network", &[]), ("app", &["data", "network"])];
    let left = recover(stacks, terraform, 8, None, usize::MAX).await;
    assert_eq!((left.ended, left.took), (Ended::Done, 23 * MINUTE));
    let times: Vec<_> = left
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::ResourceFinished { address, took_ms, .. } => {
                Some((address.as_str(), *took_ms))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        times,
        [
            ("terraform_data.network", 250),
            ("terraform_data.data", 250),
            ("terraform_data.app", 250)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn no_more_stacks_than_allowed_run_at_once() {
    let terraform = Replay::default().stack("a", MINUTE).stack("b", MINUTE).stack("c", MINUTE);
    let stacks: &[(&str, &[&str])] = &[("a", &[]), ("b", &[]), ("c", &[])];
    assert_eq!(recover(stacks, terraform, 2, None, usize::MAX).await.took, 2 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_failed_stack_takes_only_what_needs_it() {
    let terraform =
        Replay::default().stack("data", MINUTE).failing("data").stack("mail", 2 * MINUTE);
    let stacks: &[(&str, &[&str])] =
        &[("data", &[]), ("app", &["data"]), ("dns", &["app"]), ("mail", &[])];
    let left = recover(stacks, terraform, 8, None, usize::MAX).await;
    assert_eq!(left.ended, Ended::Failed);
    let outcomes = left.outcomes();
    assert!(matches!(outcomes["data"], StepOutcome::Failed { .. }));
    assert_eq!(*outcomes["app"], StepOutcome::Skipped { blocked_by: StepId::new("data") });
    assert_eq!(*outcomes["dns"], StepOutcome::Skipped { blocked_by: StepId::new("app") });
    assert_eq!(*outcomes["mail"], StepOutcome::Done);
}

#[tokio::test(start_paused = true)]
async fn a_bug_in_one_step_is_told_and_loses_no_other() {
    // `Replay` panics on a stack that it was not told of.
    let stacks: &[(&str, &[&str])] = &[("unheard-of", &[]), ("mail", &[])];
    let left = recover(stacks, Replay::default().stack("mail", MINUTE), 8, None, usize::MAX).await;
    let outcomes = left.outcomes();
    assert!(matches!(outcomes["unheard-of"], StepOutcome::Failed { .. }));
    assert_eq!(*outcomes["mail"], StepOutcome::Done);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_lets_nothing_new_begin() {
    let terraform = Replay::default().stack("data", 20 * MINUTE);
    let stacks: &[(&str, &[&str])] = &[("data", &[]), ("app", &["data"])];
    let left = recover(stacks, terraform, 8, Some(5 * MINUTE), usize::MAX).await;
    assert_eq!((left.ended, left.took), (Ended::Interrupted, 5 * MINUTE));
    assert!(left.outcomes().values().all(|outcome| **outcome == StepOutcome::Interrupted));
    let told = EventKind::InterruptReceived { signal: "SIGTERM".into() };
    let at = left.events.iter().find(|event| event.kind == told).map(|event| event.elapsed_ms);
    assert_eq!(at, Some(300_000), "told when it came");
}

#[tokio::test(start_paused = true)]
async fn without_a_journal_nothing_new_is_begun_and_what_runs_may_end() {
    let terraform = Replay::default().stack("data", 20 * MINUTE).stack("app", MINUTE);
    let stacks: &[(&str, &[&str])] = &[("data", &[]), ("app", &["data"])];
    // Started, planned, two inits begun and ended, plan, gate with its two answers, apply begun.
    let left = recover(stacks, terraform, 8, None, 13).await;
    assert_eq!(left.took, 20 * MINUTE, "the apply of `data` ran to its end");
    assert_eq!(left.ended, Ended::Interrupted);
}
