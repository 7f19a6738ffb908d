//! What tests share: a hermetic place to run drctl in, and its output as one text.

pub(crate) mod events;
pub(crate) mod redact;
pub(crate) mod tls;

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

/// A folder of its own, with a home, a repository and nothing of the user's.
pub(crate) struct Env {
    dir: tempfile::TempDir,
    path: Option<String>,
}

/// What drctl printed and how it ended.
#[must_use = "compare the output with a snapshot, or look at its exit code"]
pub(crate) struct Output {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: Option<i32>,
    pub(crate) status: ExitStatus,
    root: PathBuf,
}

impl Env {
    /// Makes an empty one.
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), path: None }
    }

    /// Makes one whose repository holds `files`, committed.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let env = Self::new();
        env.commit(files);
        env
    }

    /// Makes `PATH` be just this folder.
    pub(crate) fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The folder that holds everything.
    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    /// The repository.
    pub(crate) fn repo(&self) -> PathBuf {
        self.root().join("repo")
    }

    /// drctl's own folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.root().join("home")
    }

    /// Writes `files` into the repository and commits them. A file in `bin/` can be executed.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) {
        let repo = self.repo();
        fs::create_dir_all(&repo).unwrap();
        for (name, text) in files {
            let path = repo.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            if name.starts_with("bin/") {
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        if !repo.join(".git").exists() {
            self.git(&["init", "-q", "-b", "main"]);
        }
        self.git(&["add", "."]);
        self.git(&["commit", "-q", "-m", "change"]);
    }

    /// Runs git in the repository, as nobody in particular and at a fixed time.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@localhost"])
            .args(args)
            .current_dir(self.repo())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
            .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
            .output()
            .expect("git is needed: install it (Debian: apt-get install git)");
        assert!(
            output.status.success(),
            "git {args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// drctl with `args`, in the repository if there is one.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drctl"));
        let dir = if self.repo().exists() { self.repo() } else { self.root().to_owned() };
        let path = self.path.clone().unwrap_or_else(|| std::env::var("PATH").unwrap());
        command
            .args(args)
            .current_dir(dir)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.root())
            .env("DRCTL_HOME", self.home())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::null());
        command
    }

    /// Runs drctl to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.output(self.command(args).output().unwrap())
    }

    /// Starts drctl and returns while it runs.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Fails over with whatever the plan's digest turns out to be, plus `more`.
    pub(crate) fn failover(&self, more: &[&str]) -> Output {
        self.run(&self.failover_args(more).iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// The arguments of [`Env::failover`].
    pub(crate) fn failover_args(&self, more: &[&str]) -> Vec<String> {
        let base = ["failover", "--region", "ap-northeast-2"];
        let all = base.iter().chain(more).filter(|arg| **arg != "--json").copied();
        let dry: Vec<&str> = all.chain(["--dry-run", "--json"]).collect();
        let dry = self.run(&dry);
        let plan: serde_json::Value =
            serde_json::from_str(&dry.stdout).unwrap_or_else(|_| panic!("{dry}"));
        let digest = plan["digest"].as_str().unwrap().to_owned();
        let yes = ["--yes", "--expect-plan", &digest];
        base.iter().chain(more).chain(&yes).map(|s| (*s).to_owned()).collect()
    }

    /// Wraps what a finished process left.
    pub(crate) fn output(&self, output: std::process::Output) -> Output {
        Output {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code(),
            status: output.status,
            root: self.root().to_owned(),
        }
    }

    /// Every event of the newest run, which keeps what the stream promises.
    pub(crate) fn journal(&self) -> Vec<serde_json::Value> {
        let runs = self.home().join("runs");
        let newest = fs::read_dir(&runs).unwrap().map(|e| e.unwrap().path()).max().unwrap();
        let text = fs::read_to_string(newest.join("journal.jsonl")).unwrap();
        let events: Vec<_> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        events::assert_guarantees(&events);
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| self.status.to_string(), |code| code.to_string());
        let mut text = String::new();
        for (name, part) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !part.is_empty() {
                text += &format!("--- {name}\n{}\n", part.trim_end());
            }
        }
        write!(f, "{}--- exit {code}", redact::all(&text, &self.root))
    }
}
