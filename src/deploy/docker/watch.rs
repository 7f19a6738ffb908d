//! Waiting until containers are up, or will not get up.

use super::{
    ASK, DockerError, Engine, Question,
    fault::Fault,
    inspected::{self, Inspected, Verdict},
};
use crate::{
    deploy::{DeployError, Job, LastLines, News, run},
    model::deploy::{ObjectProgress, ObjectState},
};
use std::{collections::BTreeMap, path::PathBuf, time::Duration};
use tokio::time::{Instant, sleep};

/// How often containers are looked at that were just started.
const SOON: Duration = Duration::from_millis(100);
/// How often they are looked at later, and while they are being started: looking takes its share of the
/// machine, too.
const LATER: Duration = Duration::from_secs(1);
/// When that changes.
const AT_FIRST: Duration = Duration::from_secs(15);

/// How often in a row an engine may not answer while it is waited for.
const UNHEARD: u32 = 5;

/// Which containers are watched.
#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    /// One, by its identity.
    One { id: &'a str, object: &'a str },
    /// Those of some services of a compose project.
    Services { project: &'a str, services: &'a [String] },
}

/// Watches containers and tells how they are.
pub(super) struct Watch<'a> {
    engine: &'a Engine,
    job: &'a Job<'a>,
    which: Which<'a>,
    list: Question,
    look: Question,
    began: Instant,
    /// The containers, once no more are made.
    ids: Option<Vec<String>>,
    seen: BTreeMap<String, Seen>,
}

/// What was seen of a container.
#[derive(Default)]
struct Seen {
    /// How often its engine had started it when it was seen first.
    starts: u64,
    /// When it was seen first since it was started, and when that was by the engine's clock.
    since: Option<(String, Instant)>,
    told: Option<Verdict>,
}

/// What a look at containers came to.
#[derive(Default)]
struct Looked {
    ready: usize,
    waiting: Vec<String>,
    /// The first one in trouble.
    troubled: Option<String>,
    faults: Vec<(String, String, Fault)>,
}

impl<'a> Watch<'a> {
    pub(super) fn new(engine: &'a Engine, job: &'a Job<'a>, which: Which<'a>) -> Self {
        Self {
            engine,
            job,
            which,
            list: Question::new(job, "list"),
            look: Question::new(job, "look"),
            began: Instant::now(),
            ids: None,
            seen: BTreeMap::new(),
        }
    }

    /// Waits until all are ready.
    pub(super) async fn until_ready(&mut self, limit: Duration) -> Result<(), DeployError> {
        let mut unheard = 0;
        self.began = Instant::now();
        loop {
            let looked = match self.look(false).await {
                Ok(looked) => {
                    unheard = 0;
                    looked
                }
                Err(error @ DeployError::Stopped { .. }) => return Err(error),
                Err(error) => {
                    // One of them may be gone.
                    self.ids = None;
                    unheard += 1;
                    if unheard >= UNHEARD {
                        return Err(self.engine.unreached(error));
                    }
                    sleep(LATER).await;
                    continue;
                }
            };
            if !looked.faults.is_empty() {
                return Err(self.fault(looked.faults).await);
            }
            if looked.waiting.is_empty() && looked.ready > 0 {
                return Ok(());
            }
            if self.began.elapsed() >= limit {
                let said = match &looked.troubled {
                    Some(id) => self.said(id).await.1,
                    None => None,
                };
                let waiting = looked.waiting;
                return Err(DockerError::NotReady { waiting, limit, said }.into());
            }
            let pause = if self.began.elapsed() < AT_FIRST { SOON } else { LATER };
            sleep(pause).await;
        }
    }

    /// Looks on while they are still being started; returns when one of them loops.
    pub(super) async fn while_starting(&mut self) -> DeployError {
        loop {
            sleep(LATER).await;
            // What cannot be seen now is no reason to stop what starts them.
            let Ok(looked) = self.look(true).await else { continue };
            let loops = |(_, _, fault): &(_, _, Fault)| matches!(fault, Fault::Loops { .. });
            let faults: Vec<_> = looked.faults.into_iter().filter(loops).collect();
            if !faults.is_empty() {
                return self.fault(faults).await;
            }
        }
    }

    /// Looks once more after it failed to start them, and returns what is wrong with them, if that
    /// can be told.
    pub(super) async fn after_failure(&mut self) -> Option<DeployError> {
        let looked = self.look(false).await.ok()?;
        if looked.faults.is_empty() { None } else { Some(self.fault(looked.faults).await) }
    }

    async fn look(&mut self, starting: bool) -> Result<Looked, DeployError> {
        let found = self.containers(starting).await?;
        let mut looked = Looked::default();
        if let Which::One { id, object } = self.which
            && found.is_empty()
        {
            looked.faults.push((id.to_owned(), object.to_owned(), Fault::Gone));
        }
        let may_end = matches!(self.which, Which::Services { .. });
        for container in found {
            let Some(object) = self.object(&container) else { continue };
            let first = Seen { starts: container.restart_count, ..Seen::default() };
            let seen = self.seen.entry(container.id.clone()).or_insert(first);
            let running = seen.running(&container);
            let verdict = container.judge(running, seen.starts, may_end);
            // What ended before it is started again is no failure yet.
            let verdict = match verdict {
                Verdict::Failed(Fault::Ended { code, .. }) if starting => {
                    Verdict::Waiting(format!("it ended with exit code {code}"))
                }
                verdict => verdict,
            };
            if seen.told.as_ref() != Some(&verdict) {
                seen.told = Some(verdict.clone());
                self.job.tell.say(News::Object(verdict.told(&object)));
            }
            match verdict {
                Verdict::Ready(_) => looked.ready += 1,
                Verdict::Waiting(detail) => looked.waiting.push(format!("{object}: {detail}")),
                Verdict::Troubled(detail) => {
                    looked.waiting.push(format!("{object}: {detail}"));
                    looked.troubled.get_or_insert(container.id);
                }
                Verdict::Failed(fault) => looked.faults.push((container.id, object, fault)),
            }
        }
        Ok(looked)
    }

    async fn containers(&mut self, starting: bool) -> Result<Vec<Inspected>, DeployError> {
        let ids = match (self.which, self.ids.take()) {
            (Which::One { id, .. }, _) => vec![id.to_owned()],
            (Which::Services { .. }, Some(ids)) => ids,
            (Which::Services { project, .. }, None) => {
                let project = format!("label=com.docker.compose.project={project}");
                let once = "label=com.docker.compose.oneoff=False";
                let words = ["ps", "--all", "--no-trunc", "--quiet"].into_iter();
                let words = words.chain(["--filter", project.as_str(), "--filter", once]);
                let found = self.list.ask(self.job, self.engine.argv(words)).await?;
                found.split_whitespace().map(str::to_owned).collect()
            }
        };
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let words = ["inspect", "--type", "container"].into_iter();
        let argv = self.engine.argv(words.chain(ids.iter().map(String::as_str)));
        let found = match (self.look.ask(self.job, argv).await, self.which) {
            (Ok(text), _) => inspected::read(&text)?,
            // Its engine may have removed it once it had ended.
            (Err(error @ DeployError::Failed { .. }), Which::One { id, .. }) => {
                let left = self.engine.reach(self.job, &[&format!("id={id}")]).await?;
                return if left.is_empty() { Ok(Vec::new()) } else { Err(error) };
            }
            (Err(error), _) => return Err(error),
        };
        self.ids = (!starting).then_some(ids);
        Ok(found)
    }

    /// What a container is called, when it is one that is watched.
    fn object(&self, container: &Inspected) -> Option<String> {
        match self.which {
            Which::One { object, .. } => Some(object.to_owned()),
            Which::Services { services, .. } => {
                let service = container.label("com.docker.compose.service")?;
                services.iter().any(|known| known == service).then(|| {
                    let number = container.label("com.docker.compose.container-number");
                    match number.filter(|number| *number != "1") {
                        Some(number) => format!("service/{service}-{number}"),
                        None => format!("service/{service}"),
                    }
                })
            }
        }
    }

    /// Makes an error of what is wrong, with what the first container said last.
    async fn fault(&self, faults: Vec<(String, String, Fault)>) -> DeployError {
        let first = faults.first();
        let (log, said) = match first {
            Some((_, _, Fault::Gone)) | None => (None, None),
            Some((id, _, _)) => self.said(id).await,
        };
        let faults = faults.into_iter().map(|(_, object, fault)| (object, fault)).collect();
        DockerError::NotUp { faults, log, said }.into()
    }

    /// Returns what a container printed last, and the file that has more of it.
    async fn said(&self, id: &str) -> (Option<PathBuf>, Option<LastLines>) {
        let logs = self.job.logs("said");
        let argv = self.engine.argv(["logs", "--tail", "1000", id]);
        match run(&self.job.command(argv, ASK), &logs, self.job.stop).await {
            Ok(()) => {
                let (log, said) = logs.last_words();
                (Some(log), said)
            }
            Err(_) => (None, None),
        }
    }
}

impl Seen {
    /// For how long it was seen to run since it was started last.
    fn running(&mut self, container: &Inspected) -> Duration {
        if !container.runs() {
            self.since = None;
            return Duration::ZERO;
        }
        match &self.since {
            Some((at, since)) if at == container.started_at() => since.elapsed(),
            _ => {
                self.since = Some((container.started_at().to_owned(), Instant::now()));
                Duration::ZERO
            }
        }
    }
}

impl Verdict {
    fn told(&self, object: &str) -> ObjectState {
        let (state, detail) = match self {
            Self::Waiting(detail) => (ObjectProgress::Waiting, detail.clone()),
            Self::Troubled(detail) => (ObjectProgress::Troubled, detail.clone()),
            Self::Ready(detail) => (ObjectProgress::Ready, detail.clone()),
            Self::Failed(fault) => (ObjectProgress::Failed, fault.to_string()),
        };
        ObjectState { object: object.to_owned(), state, detail }
    }
}
