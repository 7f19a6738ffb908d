//! What speaks against a kill: an outage, or whatever may be one.

use super::declared::Declared;
use crate::{
    chaos::Guard,
    cli::{home::Home, watch::outages},
    engine::{Programs, program_env, question},
    model::{
        event::EventKind,
        run::{RunId, RunKind},
    },
    observe::journal::JournalReader,
    probe::{Probe, Prober, RealProber},
    runbook::Role,
};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

/// For how long a run that has not ended counts as running. A crashed one does, too: what it was to
/// mend may still be broken.
const RUNS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What speaks against a kill, and what could not be asked.
pub(super) struct Guards {
    pub(super) all: Vec<Box<dyn Guard>>,
    pub(super) notes: Vec<String>,
}

impl Guards {
    /// Takes all that is known to tell an outage.
    pub(super) fn of(declared: &Declared) -> Self {
        let runs = Runs { home: declared.home.clone(), service: declared.known.service.clone() };
        let (probes, notes) = probes(declared);
        let watched =
            Watched { home: declared.home.clone(), service: declared.known.service.clone() };
        Self { all: vec![Box::new(runs), Box::new(watched), Box::new(probes)], notes }
    }
}

/// A failover or a drill of the service that has not ended.
struct Runs {
    home: Home,
    service: String,
}

#[async_trait]
impl Guard for Runs {
    async fn objection(&self) -> Option<String> {
        let since = RunId::new(Timestamp::now() - RUNS_FOR, 0);
        let runs = match self.home.runs() {
            Ok(runs) => runs,
            Err(error) => {
                return Some(format!(
                    "whether a failover runs cannot be told: {}",
                    error.summary()
                ));
            }
        };
        let recent = runs.iter().rev().take_while(|run| **run >= since);
        recent
            .filter_map(|run| self.running(run).map(|kind| (run, kind)))
            .next()
            .map(|(run, kind)| format!("the {} {run} has not ended", kind.word()))
    }
}

impl Runs {
    /// Returns what a run is that is real, of the service as far as that is known, and has not ended.
    fn running(&self, run: &RunId) -> Option<RunKind> {
        let journal = JournalReader::open(&self.home.run(run).journal()).ok()?;
        let mut kind = None;
        for event in journal.flatten() {
            match event.kind {
                EventKind::RunStarted { run_kind: RunKind::Rehearsal, .. }
                | EventKind::RunFinished { .. } => return None,
                EventKind::RunStarted { run_kind, .. } => kind = Some(run_kind),
                EventKind::RunPlanned { service, .. } if service != self.service => return None,
                _ => {}
            }
        }
        kind
    }
}

/// What `drctl watch` knows of the service.
struct Watched {
    home: Home,
    service: String,
}

#[async_trait]
impl Guard for Watched {
    async fn objection(&self) -> Option<String> {
        outages(&self.home)
            .into_iter()
            .find(|(service, _)| *service == self.service)
            .map(|(_, outage)| format!("`drctl watch` sees the outage {outage}"))
    }
}

/// The probes of the service, each asked once.
struct Probes {
    probes: Vec<Probe>,
    prober: RealProber,
}

#[async_trait]
impl Guard for Probes {
    async fn objection(&self) -> Option<String> {
        for probe in &self.probes {
            let answer = self.prober.ask(&probe.target, probe.timeout).await;
            if !answer.is_up() {
                return Some(format!(
                    "the probe `{}` is down: {}: {}",
                    probe.name, answer.why, answer.detail
                ));
            }
        }
        None
    }
}

fn probes(declared: &Declared) -> (Probes, Vec<String>) {
    let env = program_env(&declared.known);
    let programs = Programs { dir: &declared.top, env: &env };
    let of_service = declared.runbook.probes.iter().filter(|probe| probe.role == Role::Service);
    let (mut probes, mut notes) = (Vec::new(), Vec::new());
    for probe in of_service {
        match question(probe, &declared.known, programs) {
            Ok(probe) => probes.push(probe),
            Err((name, why)) => notes.push(format!("the probe `{name}` is not asked: {why}")),
        }
    }
    (Probes { probes, prober: RealProber::default() }, notes)
}
