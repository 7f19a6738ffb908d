//! From flags to a watch that runs.

use super::{
    Watchman,
    memory::{Memory, Place},
    outcome::{Outcome, Signs, Since, not_up},
    page::{Pages, Snapshot},
    people::People,
    say, work,
};
use crate::{
    cli::{
        asked::Which,
        error::{CliError, OrExit},
        exit::Exit,
        home::Home,
        prepared::{Keeping, decide, fetch, read_runbook},
        ui::Ui,
    },
    engine::{Programs, Stop, question},
    model::run::RunId,
    outage::{Clock, Judge, Kept, Rules, SystemClock, Watched, watch},
    probe::{Prober, RealProber},
    runbook::{Asks, Role, Runbook, Watch},
    web::Server,
};
use anyhow::{Context, anyhow};
use nix::{errno::Errno, sys::signal::kill, unistd::Pid};
use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    sync::Arc,
};
use tokio::sync::mpsc;

/// What a watch is to be like.
pub(in crate::cli) struct Wanted {
    /// Which service; its region may be empty, and is then the runbook's.
    pub(in crate::cli) which: Which,
    /// The recovery time objective, where the runbook does not say.
    pub(in crate::cli) rto: Option<String>,
    /// Where metrics and health are asked, if anywhere.
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Whether what happens is printed as JSON, too.
    pub(in crate::cli) json: bool,
    /// Whether it ends with the failover that it begins.
    pub(in crate::cli) until_over: bool,
    /// Whether a failover that goes on is stopped with it, and waited for.
    pub(in crate::cli) wait_for_failover: bool,
    /// What is changed of the policy of the runbook.
    pub(in crate::cli) policy: fn(&mut Watch),
}

/// A watch that is ready to begin.
pub(in crate::cli) struct Watching {
    clock: Arc<dyn Clock>,
    prober: Arc<dyn Prober>,
    watched: Vec<Watched>,
    judge: Judge,
    watchman: Watchman,
    stop: Stop,
    server: Option<Server>,
    wait_for_failover: bool,
    _claim: File,
}

/// Makes a watch ready: the runbook is read, probes are made, and what is remembered is taken up.
///
/// # Errors
///
/// There is nothing that could be watched, or it is watched already.
pub(in crate::cli) async fn start(
    wanted: Wanted,
    home: &Home,
    stop: &Stop,
    ui: &Ui,
) -> Result<Watching, CliError> {
    let mut which = wanted.which;
    let scratch = home.watches();
    fs::create_dir_all(&scratch)
        .with_context(|| format!("failed to make `{}`", scratch.display()))
        .or_exit(Exit::Failed)?;
    remove_stale(&scratch);
    // Programs of probes run in it for as long as it is watched.
    let checkout_dir = tempfile::Builder::new()
        .prefix(&format!("{CHECKOUT}{}-", std::process::id()))
        .tempdir_in(&scratch)
        .context("failed to make a folder for the checkout")
        .or_exit(Exit::Failed)?;
    let work = checkout_dir.path().join("work");
    let (checkout, detected) = fetch(&which, home, &work, stop, ui).await?;
    if which.region.is_empty() {
        which.region = region(&checkout.dir, &which)?;
    }
    let prepared = decide(&which, checkout, detected, Keeping::default()).await?;
    let runbook = &prepared.runbook;
    let known = prepared.assembled.recovery.known.clone();
    let recovery = &prepared.assembled.recovery;
    let programs = Programs { dir: &recovery.root, env: &recovery.env };
    let mut watched = Vec::new();
    for probe in &runbook.probes {
        match question(probe, &known, programs) {
            Ok(made) => watched.push(Watched { probe: made, role: probe.role }),
            Err((name, why)) => {
                ui.say(&format!("note: `{name}` is not watched, since nothing is known of stacks before a recovery: {why}\n"));
            }
        }
    }
    check(&watched)?;
    say_what_is_missing(runbook, &watched, ui);

    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let place = Place::make(home, &prepared.service, &which.region)?;
    let claim = place.claim(match wanted.until_over {
        false => "Stop that one first, or set `DRCTL_HOME` to a folder of its own",
        true => "Stop that one first: each of the two would fail the service over",
    })?;
    let mut policy = runbook.watch.clone();
    (wanted.policy)(&mut policy);
    let rules = Rules::from(&policy);
    let questions = watched.iter().map(Watched::question).collect();
    let (judge, memory) = match place.load()? {
        None => {
            let judge = Judge::new(rules, questions);
            let kept: Kept = judge.keep(&*clock);
            (judge, Memory::new(&prepared.service, &which.region, kept))
        }
        Some(memory) => {
            let judge = Judge::resume(rules, questions, memory.judge.clone(), &*clock);
            (judge, memory)
        }
    };
    let key = place.key().context("failed to make a key for links").or_exit(Exit::Failed)?;
    let people = People::start(&runbook.notify, &known, programs, &place, *ui)?;
    let pages = Arc::new(Pages::new(place.clone(), Snapshot::default()));
    let server = match wanted.listen {
        None => None,
        Some(address) => Some(
            Server::start(address, Arc::clone(&pages) as Arc<_>)
                .await
                .with_context(|| format!("failed to listen at {address}"))
                .or_exit(Exit::Failed)
                .map_err(|error| {
                    error.hint("Give another address with `--listen`, or `--listen none`")
                })?,
        ),
    };
    raise_open_files();
    let prober = Arc::new(RealProber::default());
    if watched.iter().any(|each| matches!(each.probe.target, crate::probe::Target::Http(_))) {
        prober.warm().await;
    }
    let since = Since::now(memory.fired.as_ref());
    let watchman = Watchman {
        clock: Arc::clone(&clock),
        policy,
        primary: known.primary.clone(),
        rto: wanted.rto,
        home: home.clone(),
        place,
        key,
        memory,
        people,
        pages,
        ui: *ui,
        json: wanted.json,
        preparing: None,
        prepared: mpsc::unbounded_channel(),
        kept_at: 0,
        kept_version: u64::MAX,
        followed_at: 0,
        outages: 0,
        detection_ms: None,
        forgetful: None,
        children: Vec::new(),
        until_over: wanted.until_over,
        since,
        which,
        _checkout: checkout_dir,
    };
    let stop = stop.clone();
    let wait_for_failover = wanted.wait_for_failover;
    Ok(Watching {
        clock,
        prober,
        watched,
        judge,
        watchman,
        stop,
        server,
        wait_for_failover,
        _claim: claim,
    })
}

/// What the folder of a checkout begins with, before the process that it is of.
const CHECKOUT: &str = ".work-";

/// Removes checkouts of watches that were killed and could not remove them.
fn remove_stale(watches: &Path) {
    for entry in fs::read_dir(watches).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(CHECKOUT));
        let Some(pid) = rest.and_then(|rest| rest.split('-').next()?.parse().ok()) else {
            continue;
        };
        let is_alive = || kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH);
        // In a container the process that was killed may have had the same number.
        if std::process::id().try_into() == Ok(pid) || !is_alive() {
            // What cannot be removed is only in the way of the disk.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The fallback region that the runbook of a checkout names.
fn region(root: &Path, which: &Which) -> Result<String, CliError> {
    let name_it = "Name a file that is committed, from the root of the repository";
    let runbook = read_runbook(root, &which.runbook, None, name_it)?;
    let named = runbook.and_then(|runbook| runbook.fallback(None).map(str::to_owned));
    named.ok_or_else(|| {
        CliError::new(Exit::Usage, anyhow!("no region to fail over to is named"))
            .hint("Give `--region`, or write `watch { region = \"…\" }` into the runbook")
    })
}

fn check(watched: &[Watched]) -> Result<(), CliError> {
    if !watched.iter().any(|each| each.role == Role::Service) {
        let error = anyhow!(
            "there is nothing to watch: no probe of the service can be asked before a recovery"
        );
        return Err(CliError::new(Exit::Usage, error).hint(
            "Write one into the runbook: `probe \"http\" \"front\" { url = \"https://shop.example.com/health\" }`",
        ));
    }
    Ok(())
}

/// Says what makes the watch blind.
fn say_what_is_missing(runbook: &Runbook, watched: &[Watched], ui: &Ui) {
    let has = |role| watched.iter().any(|each| each.role == role);
    let mut notes = Vec::new();
    if !has(Role::Witness) {
        notes.push("no probe has `role = \"witness\"`, so an outage cannot be told from drctl's own line being cut");
    }
    if !has(Role::Primary) {
        notes.push("no probe asks the primary region (`probe \"region\" …`), so every outage counts as one of the service alone");
    }
    if !has(Role::Fallback) {
        notes.push("no probe asks the fallback region (`role = \"fallback\"`), so it is not known whether it is up");
    }
    if runbook.notify.is_empty() {
        notes.push("nobody is told of anything: the runbook has no `notify` block");
    }
    if matches!(watched, [one] if matches!(one.role, Role::Service)) {
        notes.push("one probe alone decides; two more would outvote one that is wrong");
    }
    let asks_command = |probe: &&crate::runbook::Probe| matches!(probe.asks, Asks::Command(_));
    if runbook.probes.iter().filter(asks_command).count() > 100 {
        notes.push("more than 100 probes run programs, which costs much");
    }
    notes.iter().for_each(|note| ui.say(&format!("note: {note}\n")));
}

/// Every question needs a connection, and many are open at once when nobody answers.
fn raise_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
    {
        // With fewer it works, too, until nobody answers.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536).max(soft), hard);
    }
}

impl Watching {
    /// Says what is watched.
    pub(in crate::cli) fn say(&self, ui: &Ui) {
        let of = |role| self.watched.iter().filter(|each| each.role == role).count();
        let Memory { service, region, .. } = &self.watchman.memory;
        ui.say(&format!(
            "{} watching {service}: {} probe(s) of the service, {} of the primary, {} of {region}, {} witness(es)\n",
            say::seconds(self.clock.wall()),
            of(Role::Service),
            of(Role::Primary),
            of(Role::Fallback),
            of(Role::Witness),
        ));
        if let Some(server) = &self.server {
            ui.say(&format!(
                "metrics at http://{0}/metrics, health at http://{0}/healthz\n",
                server.address
            ));
        }
        if let Some(case) = &self.watchman.memory.case {
            ui.say(&format!(
                "the outage {} goes on since {}\n",
                case.id,
                say::seconds(case.began.wall)
            ));
        }
    }

    /// Returns what can be waited for while it runs.
    pub(in crate::cli) fn signs(&self) -> Signs {
        self.watchman.since.signs.clone()
    }

    /// Returns the failover of an earlier watch that goes on, if one does.
    pub(in crate::cli) fn goes_on(&self) -> Option<RunId> {
        let Watchman { memory, home, place, .. } = &self.watchman;
        let fired = memory.fired.as_ref().filter(|fired| fired.ended.is_none())?;
        let runs = work::progress(fired, home, place) == work::Progress::Running;
        runs.then(|| fired.run.clone())
    }

    /// Watches until it is stopped.
    pub(in crate::cli) async fn run(mut self) -> Outcome {
        watch(
            self.prober,
            &*self.clock,
            &self.watched,
            &mut self.judge,
            &mut self.watchman,
            self.stop.token(),
        )
        .await;
        let mut watchman = self.watchman;
        // What was not settled yet is not lost.
        watchman.keep(&self.judge);
        if self.wait_for_failover {
            watchman.let_failover_end(&self.judge).await;
        }
        let outcome = watchman.since.outcome(&watchman.memory, not_up(&self.judge));
        watchman.people.stop().await;
        outcome
    }
}
