//! An origin on a server: a conversation on a thread of its own, under a watch.
//!
//! libgit2 blocks for as long as the system lets it, so the thread is left to
//! itself when the server is silent or the caller has had enough: it stops at
//! its next callback, and its result is not waited for.

use super::{
    FetchedFrom, Found, Origin, Progress, Request, SourceError, Watch,
    credentials::Credentials,
    error::{self, GitMessage},
    local::by_short_id,
    mirror::{self, Mirror},
    origin::Site,
    reference::{Reference, Refs, Wanted},
};
use git2::{
    AutotagOption, Direction, FetchOptions, Oid, ProxyOptions, RemoteCallbacks, Repository,
};
use std::{
    cell::RefCell,
    panic,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

/// How often the caller is asked whether to go on.
const TICK: Duration = Duration::from_millis(50);
/// How often progress is told at most.
const TELL_EVERY: Duration = Duration::from_millis(20);
/// What libgit2 takes for "all of the history, also where the mirror has been cut".
const UNSHALLOW: i32 = i32::MAX;

/// Fetches what a request asks for into the mirror.
pub(super) fn fetch(
    request: &Request,
    token_site: Option<&Site>,
    mirror: &Mirror,
    watch: &mut Watch<'_>,
) -> Result<Found, SourceError> {
    let origin = request.origin.to_string();
    (watch.progress)(Progress::Asking { origin: origin.clone() });
    let (tell, told) = mpsc::channel();
    let left = Arc::new(AtomicBool::new(false));
    let conversation = Conversation {
        name: origin.clone(),
        origin: request.origin.clone(),
        token_site: token_site.cloned(),
        asked: request.reference.clone(),
        mirror: mirror.clone(),
        left: Arc::clone(&left),
        tell,
    };
    let thread = thread::Builder::new()
        .name("git".into())
        .spawn(move || conversation.hold())
        .map_err(error::io("start a thread for", mirror.dir()))?;

    let mut heard = Instant::now();
    loop {
        match told.recv_timeout(TICK) {
            Ok(progress) => {
                heard = Instant::now();
                if let Some(progress) = progress {
                    (watch.progress)(progress);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let commit = thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic))?;
                return Ok(Found { commit, from: FetchedFrom::Origin, uncommitted: false });
            }
        }
        let silent = heard.elapsed() > request.patience;
        if silent || watch.go_on().is_err() {
            left.store(true, Ordering::Relaxed);
            watch.go_on()?;
            let source = GitMessage::silent_for(request.patience);
            return Err(SourceError::Unreachable { origin, source });
        }
    }
}

/// Everything that the thread needs, owned, since it may outlive the caller.
struct Conversation {
    /// The origin, without credentials.
    name: String,
    origin: Origin,
    token_site: Option<Site>,
    asked: Option<String>,
    mirror: Mirror,
    /// True when the caller has gone.
    left: Arc<AtomicBool>,
    /// Progress, or nothing for a mere sign of life.
    tell: Sender<Option<Progress>>,
}

/// How much of the history is asked for.
#[derive(Clone, Copy, PartialEq)]
enum Depth {
    One,
    All,
}

impl Conversation {
    fn hold(self) -> Result<Oid, SourceError> {
        let (repo, _lock) = self.mirror.prepare(|| self.go_on())?;
        let refs = self.announced(&repo)?;
        match refs.find(self.asked.as_deref(), &self.name)? {
            Wanted::Reference(reference) => {
                self.fetch_reference(&repo, &reference)?;
                self.record(&repo, std::slice::from_ref(&reference), &refs, false)?;
                mirror::peel(&repo, reference.target).map_err(error::local("read", repo.path()))
            }
            Wanted::Commit(id) => self.fetch_commit(&repo, id, &refs),
            Wanted::Short(id) => {
                self.fetch_all(&repo, &refs)?;
                by_short_id(&repo, &id, &refs, &self.name)
            }
        }
    }

    fn go_on(&self) -> Result<(), SourceError> {
        if self.left.load(Ordering::Relaxed) { Err(SourceError::Cancelled) } else { Ok(()) }
    }

    fn fetch_reference(&self, repo: &Repository, reference: &Reference) -> Result<(), SourceError> {
        if mirror::peel(repo, reference.target).is_ok() {
            return Ok(());
        }
        let to = if reference.name == "HEAD" { "refs/drctl/head" } else { &reference.name };
        self.download(repo, &[format!("+{}:{to}", reference.name)], depth_for(repo))
    }

    /// Fetches a commit that the mirror lacks: as the tip of a reference, by its
    /// id where the server allows that, and else with all of the history.
    fn fetch_commit(&self, repo: &Repository, id: Oid, refs: &Refs) -> Result<Oid, SourceError> {
        if let Some(tip) = refs.all.iter().find(|reference| reference.commit() == id) {
            self.fetch_reference(repo, tip)?;
            self.record(repo, std::slice::from_ref(tip), refs, false)?;
            return Ok(id);
        }
        let pin = format!("refs/drctl/pins/{id}");
        let by_id = self.download(repo, &[format!("+{id}:{pin}")], depth_for(repo));
        if by_id.is_ok() && repo.find_commit(id).is_ok() {
            // Named, so that later fetches build on it.
            let pin = Reference { name: pin, target: id, peeled: None };
            self.record(repo, &[pin], refs, false)?;
            return Ok(id);
        }
        self.go_on()?;
        self.fetch_all(repo, refs)?;
        let unknown = |_| refs.unknown(&id.to_string(), &self.name);
        repo.find_commit(id).map(|commit| commit.id()).map_err(unknown)
    }

    fn fetch_all(&self, repo: &Repository, refs: &Refs) -> Result<(), SourceError> {
        let prefixes = ["refs/heads/", "refs/tags/"];
        let specs = prefixes.map(|prefix| format!("+{prefix}*:{prefix}*"));
        self.download(repo, &specs, Depth::All)?;
        let wanted =
            |reference: &&Reference| prefixes.iter().any(|p| reference.name.starts_with(p));
        let seen: Vec<_> = refs.all.iter().filter(wanted).cloned().collect();
        self.record(repo, &seen, refs, true)
    }

    fn record(
        &self,
        repo: &Repository,
        seen: &[Reference],
        refs: &Refs,
        all: bool,
    ) -> Result<(), SourceError> {
        mirror::record(repo, seen, refs.head.as_ref(), all)
            .map_err(error::local("write", repo.path()))
    }

    /// Asks which references there are.
    fn announced(&self, repo: &Repository) -> Result<Refs, SourceError> {
        let credentials = self.credentials(repo)?;
        let list = || {
            let mut remote = repo.remote_anonymous(&self.name)?;
            let callbacks = self.callbacks(&credentials);
            let connection =
                remote.connect_auth(Direction::Fetch, Some(callbacks), Some(proxy()))?;
            Ok(Refs::announced(connection.list()?))
        };
        list().map_err(|error| self.failed(&error, &credentials))
    }

    fn download(
        &self,
        repo: &Repository,
        specs: &[String],
        depth: Depth,
    ) -> Result<(), SourceError> {
        let credentials = self.credentials(repo)?;
        let mut options = FetchOptions::new();
        options.remote_callbacks(self.callbacks(&credentials));
        options.proxy_options(proxy());
        options.download_tags(AutotagOption::None);
        match depth {
            Depth::One => drop(options.depth(1)),
            Depth::All if repo.is_shallow() => drop(options.depth(UNSHALLOW)),
            Depth::All => {}
        }
        let downloaded = repo
            .remote_anonymous(&self.name)
            .and_then(|mut remote| remote.download(specs, Some(&mut options)));
        drop(options);
        match downloaded {
            Err(error) if depth == Depth::One && error.message().contains("doesn't support") => {
                self.download(repo, specs, Depth::All)
            }
            other => other.map_err(|error| self.failed(&error, &credentials)),
        }
    }

    fn credentials(&self, repo: &Repository) -> Result<RefCell<Credentials>, SourceError> {
        let config = repo.config().map_err(error::local("read", repo.path()))?;
        Ok(RefCell::new(Credentials::new(&self.origin, self.token_site.as_ref(), config)))
    }

    fn callbacks<'a>(&'a self, credentials: &'a RefCell<Credentials>) -> RemoteCallbacks<'a> {
        let mut callbacks = RemoteCallbacks::new();
        callbacks.credentials(move |url, user, allowed| {
            credentials.borrow_mut().answer(url, user, allowed)
        });
        callbacks.sideband_progress(|_| self.say(None));
        let mut last = None::<Instant>;
        callbacks.transfer_progress(move |stats| {
            let whole = stats.received_objects() == stats.total_objects();
            if !whole && last.is_some_and(|last| last.elapsed() < TELL_EVERY) {
                return self.go_on().is_ok();
            }
            last = Some(Instant::now());
            self.say(Some(Progress::Receiving {
                received: stats.received_objects(),
                total: stats.total_objects(),
                bytes: stats.received_bytes(),
            }))
        });
        callbacks
    }

    /// Tells the caller something; false when it has gone.
    fn say(&self, progress: Option<Progress>) -> bool {
        self.tell.send(progress).is_ok() && self.go_on().is_ok()
    }

    fn failed(&self, error: &git2::Error, credentials: &RefCell<Credentials>) -> SourceError {
        match error::local("write", self.mirror.dir())(git2::Error::from_str(error.message())) {
            full @ SourceError::DiskFull { .. } => full,
            _ => error::remote(&self.name, error, credentials.borrow().refused()),
        }
    }
}

/// One commit deep, but for a mirror that already has a whole history to build on.
fn depth_for(repo: &Repository) -> Depth {
    let is_new = Refs::of(repo).is_ok_and(|refs| refs.all.is_empty());
    if is_new || repo.is_shallow() { Depth::One } else { Depth::All }
}

/// Proxies come from the user's git configuration and environment, as in git.
fn proxy<'a>() -> ProxyOptions<'a> {
    let mut proxy = ProxyOptions::new();
    proxy.auto();
    proxy
}
