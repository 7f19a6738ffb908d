//! Checkouts from real git servers: over HTTP, over the git protocol, and when they fail.

#![expect(clippy::unwrap_used, reason = "a helper that cannot go on fails the test")]

use drctl::source::{
    Checkout, FetchedFrom, Origin, PATIENCE, Progress, Request, SourceError, Warning, checkout,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A folder with repositories to serve, mirrors and work copies.
struct Place {
    dir: TempDir,
    copies: usize,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), copies: 0 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs git without the settings of whoever runs the tests.
    fn git(&self, repo: &str, args: &[&str]) -> String {
        let output = git_command(self.dir.path())
            .current_dir(self.path(repo))
            .args(args)
            .output()
            .expect("these tests need `git` on the PATH");
        assert!(output.status.success(), "git {args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Makes a repository with one commit on `main`; returns that commit.
    fn repo(&self, name: &str) -> String {
        fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "-q", "-b", "main"]);
        self.commit(name, "main.tf", "# one\n")
    }

    fn commit(&self, repo: &str, file: &str, text: &str) -> String {
        let path = self.path(repo).join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self.git(repo, &["add", "-A"]);
        self.git(repo, &["commit", "-q", "-m", file]);
        self.git(repo, &["rev-parse", "HEAD"])
    }

    fn request(&mut self, origin: &str, reference: Option<&str>) -> Request {
        self.copies += 1;
        Request {
            origin: Origin::parse(origin).unwrap(),
            reference: reference.map(str::to_owned),
            dest: self.path(&format!("copies/{}", self.copies)),
            mirrors: self.path("mirrors"),
            offline: false,
            patience: PATIENCE,
        }
    }

    fn checkout(&mut self, origin: &str, reference: Option<&str>) -> Result<Checkout, SourceError> {
        run(&self.request(origin, reference))
    }
}

fn run(request: &Request) -> Result<Checkout, SourceError> {
    checkout(request, &AtomicBool::new(false), &mut |_| {})
}

fn git_command(home: &Path) -> Command {
    let mut command = Command::new("git");
    command.env("HOME", home).env("GIT_CONFIG_NOSYSTEM", "1");
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_COUNT", "2");
    command.env("GIT_CONFIG_KEY_0", "protocol.file.allow").env("GIT_CONFIG_VALUE_0", "always");
    command.env("GIT_CONFIG_KEY_1", "commit.gpgsign").env("GIT_CONFIG_VALUE_1", "false");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@t.invalid");
    }
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Words of an error and its causes, with what differs from run to run cut out.
fn words(error: &SourceError, cut: &[&str]) -> String {
    let mut words = drctl::model::chain(error).join("\n");
    words.push_str(&format!("\nhint: {}", error.hint().unwrap_or_default()));
    cut.iter().fold(words, |words, cut| words.replace(cut, "…"))
}

/// A `git daemon`.
struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    fn serve(place: &Place) -> Self {
        // Not through `git daemon`, which would leave its child behind when it is killed.
        let exec_path = git_command(place.dir.path()).arg("--exec-path").output();
        let exec_path = exec_path.expect("these tests need `git` on the PATH").stdout;
        let program = Path::new(String::from_utf8(exec_path).unwrap().trim()).join("git-daemon");
        let port = free_port();
        let child = Command::new(program)
            .args(["--listen=127.0.0.1", "--reuseaddr", "--export-all"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", place.dir.path().display()))
            .envs(git_command(place.dir.path()).get_envs().filter_map(|(k, v)| Some((k, v?))))
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need `git-daemon` in git's exec path");
        let daemon = Self { child, port };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "git-daemon does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        daemon
    }

    fn url(&self, repo: &str) -> String {
        format!("git://127.0.0.1:{}/{repo}", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the HTTP server behaves at the moment.
#[derive(Clone)]
pub(crate) enum Mood {
    Serves,
    /// Asks for these credentials, in base64.
    Wants(String),
    Answers(&'static str),
    /// Takes the connection and says nothing.
    Silent,
}

/// A host for `git http-backend` that can be made to fail.
pub(crate) struct Http {
    port: u16,
    mood: Arc<Mutex<Mood>>,
    /// Authorization headers seen.
    seen: Arc<Mutex<Vec<String>>>,
}

impl Http {
    fn serve(place: &Place) -> Self {
        Self::at(place.dir.path())
    }

    /// Serves the repositories in a folder.
    pub(crate) fn at(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let http = Self {
            port,
            mood: Arc::new(Mutex::new(Mood::Serves)),
            seen: Arc::new(Mutex::new(Vec::new())),
        };
        let (mood, seen, root) = (http.mood.clone(), http.seen.clone(), root.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (mood, seen, root) = (mood.clone(), seen.clone(), root.clone());
                thread::spawn(move || {
                    let mood = mood.lock().unwrap().clone();
                    // A client that hangs up early is part of some tests.
                    let _ = answer(stream, &mood, &seen, &root);
                });
            }
        });
        http
    }

    pub(crate) fn url(&self, repo: &str) -> String {
        format!("http://127.0.0.1:{}/{repo}", self.port)
    }

    pub(crate) fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

fn answer(
    mut stream: TcpStream,
    mood: &Mood,
    seen: &Mutex<Vec<String>>,
    root: &Path,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let header = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v);
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body)?;

    let closing = "Connection: close\r\nContent-Length: 0\r\n\r\n";
    match mood {
        Mood::Serves => {}
        Mood::Answers(status) => return write!(stream, "HTTP/1.1 {status}\r\n{closing}"),
        Mood::Silent => {
            // Until the client has gone.
            return stream.read(&mut [0]).map(|_| ());
        }
        Mood::Wants(credentials) => {
            let given = header("authorization");
            if !given.is_empty() {
                seen.lock().unwrap().push(given.to_owned());
            }
            if given != format!("Basic {credentials}") {
                let wants = "WWW-Authenticate: Basic realm=\"git\"";
                return write!(stream, "HTTP/1.1 401 Unauthorized\r\n{wants}\r\n{closing}");
            }
        }
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = git_command(root)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = backend.stdin.take().unwrap();
    let feeder = thread::spawn(move || stdin.write_all(&body));
    let output = backend.wait_with_output()?.stdout;
    let _ = feeder.join();
    let end = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap_or(output.len());
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head.lines().find_map(|l| l.strip_prefix("Status: ")).unwrap_or("200 OK");
    let kept: Vec<_> = head.lines().filter(|l| !l.starts_with("Status")).collect();
    let body = output.get(end + 4..).unwrap_or_default();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        kept.join("\r\n"),
        body.len()
    )?;
    stream.write_all(body)
}

/// How many commits a mirror of `origin` holds, seen by git itself.
fn history(place: &Place, origin: &str, of: &str) -> usize {
    let mirror = Origin::parse(origin).unwrap().mirror(&place.path("mirrors"));
    let mirror = mirror.strip_prefix(place.dir.path()).unwrap().to_str().unwrap().to_owned();
    place.git(&mirror, &["fsck", "--full"]);
    place.git(&mirror, &["rev-list", "--count", of]).parse().unwrap()
}

#[test]
fn a_branch_is_fetched_one_commit_deep_from_every_kind_of_server() {
    let mut place = Place::new();
    place.repo("app");
    let second = place.commit("app", "main.tf", "# two\n");
    let (daemon, http) = (Daemon::serve(&place), Http::serve(&place));

    for url in [daemon.url("app"), http.url("app/.git")] {
        let first = place.checkout(&url, None).unwrap();
        assert_eq!((first.commit.as_str(), &first.from), (second.as_str(), &FetchedFrom::Origin));
        assert_eq!(fs::read_to_string(first.dir.join("main.tf")).unwrap(), "# two\n");
        assert_eq!(history(&place, &url, &second), 1, "{url}");
    }

    let third = place.commit("app", "more.tf", "# three\n");
    for url in [daemon.url("app"), http.url("app/.git")] {
        let next = place.checkout(&url, Some("main")).unwrap();
        assert_eq!(next.commit, third);
        assert!(next.dir.join("more.tf").exists());
        let copy = next.dir.strip_prefix(place.dir.path().canonicalize().unwrap()).unwrap();
        let copy = copy.to_str().unwrap();
        assert_eq!(place.git(copy, &["status", "--porcelain"]), "");
        assert_eq!(place.git(copy, &["rev-parse", "HEAD"]), third);
        assert_eq!(place.git(copy, &["remote", "get-url", "origin"]), url);
        assert_eq!(place.git(copy, &["log", "--format=%H"]).lines().next(), Some(third.as_str()));
    }
}

#[test]
fn a_commit_is_found_by_its_full_and_its_short_id() {
    let mut place = Place::new();
    let first = place.repo("app");
    let second = place.commit("app", "main.tf", "# two\n");
    let third = place.commit("app", "main.tf", "# three\n");
    let daemon = Daemon::serve(&place);
    let url = daemon.url("app");

    let tip = place.checkout(&url, Some(&third)).unwrap();
    assert_eq!((tip.commit, history(&place, &url, &third)), (third.clone(), 1));

    let old = place.checkout(&url, Some(&first)).unwrap();
    assert_eq!((old.commit, old.from), (first.clone(), FetchedFrom::Origin));
    let short = place.checkout(&url, Some(&second[..8])).unwrap();
    assert_eq!((short.commit, short.from), (second.clone(), FetchedFrom::Origin));

    let kept = place.checkout(&url, Some(&second)).unwrap();
    assert_eq!((kept.commit, kept.from), (second, FetchedFrom::Kept));
}

#[test]
fn a_server_that_gives_any_commit_gives_it_one_commit_deep() {
    let mut place = Place::new();
    place.repo("app");
    let second = place.commit("app", "main.tf", "# two\n");
    place.commit("app", "main.tf", "# three\n");
    place.git("app", &["config", "uploadpack.allowReachableSHA1InWant", "true"]);
    let daemon = Daemon::serve(&place);
    let url = daemon.url("app");

    let old = place.checkout(&url, Some(&second)).unwrap();

    assert_eq!((old.commit, history(&place, &url, &second)), (second, 1));
}

#[test]
fn an_annotated_tag_is_a_commit_and_a_tag_and_branch_of_one_name_are_refused() {
    let mut place = Place::new();
    let first = place.repo("app");
    place.git("app", &["tag", "-a", "v1", "-m", "v1"]);
    place.git("app", &["branch", "same"]);
    let second = place.commit("app", "main.tf", "# two\n");
    place.git("app", &["tag", "same"]);
    let daemon = Daemon::serve(&place);
    let url = daemon.url("app");

    assert_eq!(place.checkout(&url, Some("v1")).unwrap().commit, first);
    assert_eq!(place.checkout(&url, Some("refs/tags/same")).unwrap().commit, second);
    let said = ["same", "mian", "ffffffff", &"f".repeat(40)]
        .map(|asked| words(&place.checkout(&url, Some(asked)).unwrap_err(), &[&url]));
    insta::assert_snapshot!(said.join("\n\n"), @r"
    `same` is ambiguous in `…`
    hint: Give the full name: `refs/heads/same`, `refs/tags/same`

    `…` has no branch, tag or commit `mian`
    hint: Did you mean `main`?

    `…` has no branch, tag or commit `ffffffff`
    hint: Choose one of `main`, `same`, `v1`

    `…` has no branch, tag or commit `ffffffffffffffffffffffffffffffffffffffff`
    hint: Choose one of `main`, `same`, `v1`
    ");
}

#[test]
fn the_mirror_stands_in_for_a_server_that_went_away() {
    let mut place = Place::new();
    let commit = place.repo("app");
    let daemon = Daemon::serve(&place);
    let (url, port) = (daemon.url("app"), daemon.port.to_string());
    place.checkout(&url, None).unwrap();
    drop(daemon);

    for asked in [None, Some("main"), Some(&commit[..7])] {
        let found = place.checkout(&url, asked).unwrap();
        assert_eq!(found.commit, commit);
        let FetchedFrom::Mirror { age: Some(age), because } = found.from else {
            panic!("{asked:?}: {:?}", found.from)
        };
        assert!(age < Duration::from_secs(600), "{age:?}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(because.join("\n").replace(&port, "PORT"), @r"
            `git://127.0.0.1:PORT/app` could not be reached
            failed to connect to 127.0.0.1: Connection refused
            ");
        }
    }
    let lacks = place.checkout(&url, Some("other")).unwrap_err();
    let unknown = place.checkout(&format!("{url}2"), None).unwrap_err();
    let mut offline = place.request(&format!("{url}2"), None);
    offline.offline = true;
    let offline = run(&offline).unwrap_err();
    let said = [lacks, unknown, offline].map(|error| words(&error, &[&port]));
    insta::assert_snapshot!(said.join("\n\n"), @r"
    the local mirror of `git://127.0.0.1:…/app` has no branch, tag or commit `other`
    `git://127.0.0.1:…/app` could not be reached
    failed to connect to 127.0.0.1: Connection refused
    hint: Choose one that the mirror holds: `main`

    `git://127.0.0.1:…/app2` could not be reached
    failed to connect to 127.0.0.1: Connection refused
    hint: Check the network with `git ls-remote git://127.0.0.1:…/app2`; from the first successful run on, a local mirror stands in

    offline, and there is no local mirror of `git://127.0.0.1:…/app2`
    hint: Run it once online to make a mirror
    ");
}

#[test]
fn locks_of_a_run_that_was_killed_hold_up_no_later_one() {
    let mut place = Place::new();
    place.repo("a");
    let origin = place.path("a").display().to_string();
    place.checkout(&origin, None).unwrap();
    let mirrors = fs::read_dir(place.path("mirrors")).unwrap().map(|entry| entry.unwrap().path());
    let mirror = mirrors.into_iter().find(|path| path.is_dir()).unwrap();
    for lock in ["HEAD.lock", "config.lock", "packed-refs.lock", "refs/heads/main.lock"] {
        fs::create_dir_all(mirror.join(lock).parent().unwrap()).unwrap();
        fs::write(mirror.join(lock), "").unwrap();
    }
    let commit = place.commit("a", "more.tf", "# two\n");
    assert_eq!(place.checkout(&origin, None).unwrap().commit, commit);
}

#[test]
fn offline_asks_no_server() {
    let mut place = Place::new();
    let commit = place.repo("app");
    let http = Http::serve(&place);
    let url = http.url("app/.git");
    place.checkout(&url, None).unwrap();
    place.commit("app", "main.tf", "# two\n");

    let request = Request { offline: true, ..place.request(&url, None) };

    assert_eq!(run(&request).unwrap().commit, commit);
}

#[test]
fn a_host_in_trouble_is_not_an_answer_and_a_reference_that_is_not_there_is() {
    let mut place = Place::new();
    let commit = place.repo("app");
    let http = Http::serve(&place);
    let url = http.url("app/.git");
    place.checkout(&url, None).unwrap();

    let mut said = Vec::new();
    for status in ["503 Service Unavailable", "404 Not Found", "403 Forbidden", "401 Unauthorized"]
    {
        http.becomes(Mood::Answers(status));
        let stood_in = place.checkout(&url, None).unwrap();
        assert_eq!(stood_in.commit, commit);
        let error = place.checkout(&http.url("never-seen"), None).unwrap_err();
        said.push(words(&error, &[&http.port.to_string()]));
    }
    insta::assert_snapshot!(said.join("\n\n"), @r"
    `http://127.0.0.1:…/never-seen` could not be reached
    unexpected http status code: 503
    hint: Check the network with `git ls-remote http://127.0.0.1:…/never-seen`; from the first successful run on, a local mirror stands in

    the server has no repository `http://127.0.0.1:…/never-seen`
    unexpected http status code: 404
    hint: Check the address with `git ls-remote http://127.0.0.1:…/never-seen`

    `http://127.0.0.1:…/never-seen` refused access (there were no credentials to try)
    unexpected http status code: 403
    hint: Set `DRCTL_GIT_TOKEN` or a git credential helper, and check the address: hosts also refuse access to what does not exist

    `http://127.0.0.1:…/never-seen` refused access (there were no credentials to try)
    server requires authentication that we do not support
    hint: Set `DRCTL_GIT_TOKEN` or a git credential helper, and check the address: hosts also refuse access to what does not exist
    ");

    http.becomes(Mood::Serves);
    place.git("app", &["branch", "gone"]);
    place.checkout(&url, Some("gone")).unwrap();
    place.git("app", &["branch", "-D", "gone"]);
    let error = place.checkout(&url, Some("gone")).unwrap_err();
    assert!(matches!(error, SourceError::NoSuchReference { .. }), "{error:?}");
}

#[test]
fn credentials_in_the_url_are_used_once_and_recorded_nowhere() {
    let mut place = Place::new();
    let commit = place.repo("app");
    let http = Http::serve(&place);
    // user:s3cret
    http.becomes(Mood::Wants("dXNlcjpzM2NyZXQ=".to_owned()));
    let with = |login: &str| http.url("app/.git").replace("http://", &format!("http://{login}@"));

    assert_eq!(place.checkout(&with("user:s3cret"), None).unwrap().commit, commit);
    let kept = Command::new("grep").args(["-r", "s3cret"]).current_dir(place.dir.path()).output();
    assert_eq!(String::from_utf8(kept.unwrap().stdout).unwrap(), "");

    fs::remove_dir_all(place.path("mirrors")).unwrap();
    http.seen.lock().unwrap().clear();
    let error = place.checkout(&with("user:wr0ng"), None).unwrap_err();
    assert_eq!(http.seen.lock().unwrap().len(), 1);
    insta::assert_snapshot!(words(&error, &[&http.port.to_string()]), @r"
    `http://127.0.0.1:…/app/.git` refused access (tried the URL)
    no credentials were accepted
    hint: Set `DRCTL_GIT_TOKEN` or a git credential helper, and check the address: hosts also refuse access to what does not exist
    ");
}

#[test]
fn the_credential_helper_is_asked() {
    let mut place = Place::new();
    let commit = place.repo("app");
    let http = Http::serve(&place);
    let url = http.url("app/.git");
    place.checkout(&url, None).unwrap();
    let second = place.commit("app", "main.tf", "# two\n");
    http.becomes(Mood::Wants("dXNlcjpzM2NyZXQ=".to_owned()));
    let mirror = Origin::parse(&url).unwrap().mirror(&place.path("mirrors"));
    let helper = "!f() { echo username=user; echo password=s3cret; }; f";
    place.git(mirror.to_str().unwrap(), &["config", "credential.helper", helper]);

    let found = place.checkout(&url, None).unwrap();

    assert_ne!(commit, second);
    assert_eq!((found.commit, found.from), (second, FetchedFrom::Origin));
}

#[test]
fn a_silent_server_is_given_up_on() {
    let mut place = Place::new();
    place.repo("app");
    let http = Http::serve(&place);
    http.becomes(Mood::Silent);
    let patience = Duration::from_millis(300);

    let request = Request { patience, ..place.request(&http.url("app/.git"), None) };
    let error = run(&request).unwrap_err();

    insta::assert_snapshot!(words(&error, &[&http.port.to_string()]), @r"
    `http://127.0.0.1:…/app/.git` could not be reached
    no sign of life for 0.3 s
    hint: Check the network with `git ls-remote http://127.0.0.1:…/app/.git`; from the first successful run on, a local mirror stands in
    ");
}

#[test]
fn a_checkout_can_be_cancelled_while_a_server_is_silent() {
    let mut place = Place::new();
    place.repo("app");
    let http = Http::serve(&place);
    http.becomes(Mood::Silent);
    let request = place.request(&http.url("app/.git"), None);
    let cancel = AtomicBool::new(false);

    // The first thing that is told comes before the server is asked.
    let error = checkout(&request, &cancel, &mut |_| cancel.store(true, Ordering::Relaxed));

    assert!(matches!(error, Err(SourceError::Cancelled)), "{error:?}");
}

#[test]
fn a_checkout_that_is_cancelled_while_files_are_written_is_no_checkout() {
    let mut place = Place::new();
    place.repo("app");
    let origin = place.path("app").display().to_string();
    let request = place.request(&origin, None);
    let cancel = AtomicBool::new(false);

    let error = checkout(&request, &cancel, &mut |progress| {
        let writing = matches!(progress, Progress::Writing { .. });
        cancel.fetch_or(writing, Ordering::Relaxed);
    });

    assert!(matches!(error, Err(SourceError::Cancelled)), "{error:?}");
}

#[test]
fn progress_is_told_in_order() {
    let mut place = Place::new();
    place.repo("app");
    let daemon = Daemon::serve(&place);
    let url = daemon.url("app");
    let request = place.request(&url, None);

    let mut told = Vec::new();
    checkout(&request, &AtomicBool::new(false), &mut |progress| told.push(progress)).unwrap();

    assert_eq!(told.first(), Some(&Progress::Asking { origin: url }));
    assert!(told.iter().any(|p| matches!(p, Progress::Receiving { .. })), "{told:?}");
    assert_eq!(told.last(), Some(&Progress::Writing { done: 1, total: 1 }));
}

#[test]
fn submodules_come_along_at_their_commits() {
    let mut place = Place::new();
    place.repo("inner");
    place.repo("lib");
    place.git("lib", &["submodule", "--quiet", "add", "../inner", "deep/inner"]);
    place.git("lib", &["config", "-f", ".gitmodules", "submodule.deep/inner.url", "../inner"]);
    place.commit("lib", "lib.tf", "# lib\n");
    place.repo("app");
    place.git("app", &["submodule", "--quiet", "add", "../lib", "modules/lib"]);
    place.commit("app", "app.tf", "# app\n");
    place.commit("lib", "newer.tf", "# not in the app\n");
    let daemon = Daemon::serve(&place);

    for origin in [daemon.url("app"), place.path("app").display().to_string()] {
        let found = place.checkout(&origin, None).unwrap();
        let lib = found.dir.join("modules/lib");
        assert!(lib.join("lib.tf").exists(), "{origin}");
        assert!(!lib.join("newer.tf").exists());
        assert!(lib.join("deep/inner/main.tf").exists());
    }
}

#[test]
fn a_relative_submodule_of_a_clone_is_a_neighbour_of_what_was_cloned() {
    let mut place = Place::new();
    place.repo("lib");
    place.repo("app");
    place.git("app", &["submodule", "--quiet", "add", "../lib", "modules/lib"]);
    place.git("app", &["submodule", "--quiet", "add", "../lib", "modules/none"]);
    place.git("app", &["config", "-f", ".gitmodules", "submodule.modules/none.update", "none"]);
    place.commit("app", "app.tf", "");
    let daemon = Daemon::serve(&place);
    fs::create_dir(place.path("home")).unwrap();
    place.git("home", &["clone", "-q", &daemon.url("app"), "app"]);
    let origin = place.path("home/app").display().to_string();

    let found = place.checkout(&origin, None).unwrap();

    assert!(found.dir.join("modules/lib/main.tf").exists());
    let skipped = Warning::SubmoduleSkipped { path: "modules/none".into() };
    assert_eq!(found.warnings, [skipped]);
}

#[test]
fn a_submodule_that_fails_is_named_and_one_that_points_into_this_machine_is_refused() {
    let mut place = Place::new();
    place.repo("lib");
    place.repo("app");
    place.git("app", &["submodule", "--quiet", "add", "../lib", "modules/lib"]);
    let root = place.dir.path().display().to_string();
    let mut said = Vec::new();
    for url in ["../nowhere", &format!("{root}/lib"), "file:///etc"] {
        place.git("app", &["config", "-f", ".gitmodules", "submodule.modules/lib.url", url]);
        place.commit("app", "app.tf", url);
        let http = Http::serve(&place);
        let error = place.checkout(&http.url("app/.git"), None).unwrap_err();
        said.push(words(&error, &[&http.port.to_string(), &root]));
    }
    insta::assert_snapshot!(said.join("\n\n"), @r"
    failed to check out submodule `modules/lib`
    the server has no repository `http://127.0.0.1:…/app/nowhere`
    unexpected http status code: 404
    hint: Check the address with `git ls-remote http://127.0.0.1:…/app/nowhere`

    failed to check out submodule `modules/lib`
    its URL `…/lib` points into this machine, but its parent comes from elsewhere
    hint: Give the submodule a URL that others can reach

    failed to check out submodule `modules/lib`
    its URL `file:///etc` points into this machine, but its parent comes from elsewhere
    hint: Give the submodule a URL that others can reach
    ");
}

#[test]
fn a_branch_that_became_a_folder_of_branches_is_fetched() {
    let mut place = Place::new();
    place.repo("app");
    place.git("app", &["branch", "release"]);
    let daemon = Daemon::serve(&place);
    let url = daemon.url("app");
    place.checkout(&url, Some("release")).unwrap();

    place.git("app", &["branch", "-D", "release"]);
    place.git("app", &["branch", "release/2"]);
    let commit = place.commit("app", "main.tf", "# two\n");
    place.git("app", &["branch", "-f", "release/2"]);

    assert_eq!(place.checkout(&url, Some("release/2")).unwrap().commit, commit);
}

#[test]
fn a_detached_and_an_empty_origin() {
    let mut place = Place::new();
    let first = place.repo("app");
    place.commit("app", "main.tf", "# two\n");
    place.git("app", &["checkout", "-q", &first]);
    fs::create_dir(place.path("empty")).unwrap();
    place.git("empty", &["init", "-q"]);
    let daemon = Daemon::serve(&place);

    for origin in [daemon.url("app"), place.path("app").display().to_string()] {
        assert_eq!(place.checkout(&origin, None).unwrap().commit, first);
    }
    for origin in [daemon.url("empty"), place.path("empty").display().to_string()] {
        let error = place.checkout(&origin, None).unwrap_err();
        assert!(matches!(error, SourceError::EmptyRepository { .. }), "{error:?}");
    }
}

#[test]
fn lfs_pointers_and_links_that_lead_out_are_warned_of() {
    let mut place = Place::new();
    place.repo("app");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n";
    fs::write(place.path("app/.gitattributes"), "*.zip filter=lfs\n*.txt eol=crlf\n").unwrap();
    fs::write(place.path("app/a.txt"), "line\n").unwrap();
    std::os::unix::fs::symlink("../../etc", place.path("app/out")).unwrap();
    std::os::unix::fs::symlink("main.tf", place.path("app/in")).unwrap();
    place.commit("app", "lambda.zip", pointer);
    let origin = place.path("app").display().to_string();

    let found = place.checkout(&origin, None).unwrap();

    assert_eq!(
        found.warnings,
        [
            Warning::LinkLeadsOut { path: "out".into(), target: "../../etc".into() },
            Warning::LfsPointers { count: 1, example: "lambda.zip".into() },
        ]
    );
    assert_eq!(fs::read(found.dir.join("a.txt")).unwrap(), b"line\r\n");
}

#[test]
fn no_hook_of_the_repository_or_of_the_user_runs() {
    let mut place = Place::new();
    place.repo("app");
    let hook = place.path("app/.git/hooks/post-checkout");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\ntouch ran\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&hook, mode).unwrap();
    let origin = place.path("app").display().to_string();

    let found = place.checkout(&origin, None).unwrap();

    assert!(!found.dir.join("ran").exists());
    assert!(!found.dir.join(".git/hooks/post-checkout").exists());
}
