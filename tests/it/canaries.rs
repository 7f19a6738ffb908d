//! Secrets are planted wherever one can come from, and looked for in all that runs leave behind, print, and
//! show of themselves in `/proc`.

use crate::{
    source::{Http, Mood},
    support::{Env, Output},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// Where a secret may be, and nowhere else: part of the path below drctl's home, and why.
const MAY_HOLD: &[(&str, &str)] = &[
    ("/state/", "the states that Terraform keeps with drctl"),
    ("/work", "the repository as it is committed, while its run is not over"),
    ("/mirrors/", "the repository as it is committed"),
    ("-run.err", "what a program of the runbook printed of its own"),
    ("-apply.out", "what a program that Terraform runs printed of its own"),
];

const RUNBOOK: &str = r#"
service "shop" {
  rto     = "30m"
  primary = "ap-northeast-1"
}

region "ap-northeast-2" {
  var_files = ["dr.tfvars"]
}

stack "network" {
  path = "network"
}

stack "web" {
  path      = "web"
  variables = { password = stack.network.outputs.secret }
}

command "cutover" {
  needs = ["web"]
  run   = ["./bin/cut"]
  env   = { PASSWORD = stack.network.outputs.secret }
}

probe "command" "front" {
  run      = ["./bin/healthy", stack.network.outputs.id]
  interval = "50ms"
}
"#;

const NETWORK: &str = r#"
variable "db_password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "db" {
  input = var.db_password
  provisioner "local-exec" {
    command     = "true"
    environment = { PASSWORD = var.db_password }
  }
}

output "id" {
  value = terraform_data.db.id
}

output "secret" {
  value     = "${var.db_password}-of-output"
  sensitive = true
}

output "more" {
  value     = { list = ["${var.db_password}-in-list"] }
  sensitive = true
}
"#;

const WEB: &str = r#"
variable "password" {
  type      = string
  sensitive = true
}

resource "terraform_data" "web" {
  input = var.password
  provisioner "local-exec" {
    command     = "test ! -e 'SITE/broken-web' || { echo \"no login with $PASSWORD\" >&2; exit 3; }"
    environment = { PASSWORD = var.password }
  }
}
"#;

const CUT: &str = "#!/bin/sh
test ! -e 'SITE/broken-cutover' || {
  echo \"no login with $PASSWORD as $AWS_SECRET_ACCESS_KEY\" >&2
  exit 3
}
";

struct Shop {
    env: Env,
    /// What every secret begins with.
    canary: String,
    /// Command lines of others that held a secret.
    seen: Arc<Mutex<BTreeSet<String>>>,
    printed: String,
}

impl Shop {
    fn new() -> Self {
        let env = Env::new();
        // Of this test alone, whatever else runs on the machine.
        let canary = format!("c4n4ry{}", fastrand::u64(..));
        let site = env.root().join("site");
        for folder in [&site, &env.root().join("tmp")] {
            fs::create_dir(folder).unwrap();
        }
        let site = site.display().to_string();
        env.commit(&[
            ("drctl.hcl", RUNBOOK),
            ("dr.tfvars", &format!("db_password = \"{canary}-of-file\"\n")),
            ("network/main.tf", NETWORK),
            ("web/main.tf", &WEB.replace("SITE", &site)),
            ("bin/cut", &CUT.replace("SITE", &site)),
            ("bin/healthy", "#!/bin/sh\necho fine\n"),
        ]);
        Self { env, canary, seen: Arc::default(), printed: String::new() }
    }

    fn site(&self, name: &str) -> PathBuf {
        self.env.root().join("site").join(name)
    }

    /// Runs drctl to its end with secrets in its environment, and looks at every process meanwhile.
    fn run(&mut self, args: &[&str]) -> Output {
        let mut command = self.env.command(args);
        for name in ["AWS_SECRET_ACCESS_KEY", "TF_VAR_db_password", "TF_TOKEN_app_terraform_io"] {
            command.env(name, format!("{}-of-{name}", self.canary));
        }
        command.env("TMPDIR", self.env.root().join("tmp"));
        let child = command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let line = [&[env!("CARGO_BIN_EXE_drctl")], args].concat().join("\0") + "\0";
        let watch = Watch::begin(
            child.id(),
            line.into_bytes(),
            self.canary.clone(),
            Arc::clone(&self.seen),
        );
        let output = self.env.output(child.wait_with_output().unwrap());
        drop(watch);
        self.printed += &format!("$ drctl {}\n{output}\n", args.join(" "));
        output
    }

    fn failover(&mut self, more: &[&str]) -> Output {
        let own = |arg: &&&str| !arg.starts_with("--write");
        let args = self.env.failover_args(&more.iter().filter(own).copied().collect::<Vec<_>>());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let written: Vec<&str> = more.iter().filter(|arg| !own(arg)).copied().collect();
        self.run(&[args, written].concat())
    }

    /// Every file that holds a secret, below drctl's home and the folder for temporary files.
    fn held(&self) -> Vec<String> {
        let mut held = Vec::new();
        for folder in [self.env.home(), self.env.root().join("tmp")] {
            walk(&folder, &mut |path, is_dir| {
                if !is_dir && contains(&fs::read(path).unwrap_or_default(), &self.canary) {
                    held.push(path.strip_prefix(self.env.root()).unwrap().display().to_string());
                }
            });
        }
        held
    }

    /// Every folder that is not 0700 and every file that is not 0600.
    fn open(&self) -> Vec<String> {
        let mut open = Vec::new();
        let home = self.env.home();
        walk(&home, &mut |path, is_dir| {
            let below = path.strip_prefix(&home).unwrap().display().to_string();
            // As git has them, in a folder that nobody else can enter.
            let of_git = below.contains("/work") || below.starts_with("mirrors/");
            let mode = fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
            if !of_git && mode != if is_dir { 0o700 } else { 0o600 } {
                open.push(format!("{below} {mode:o}"));
            }
        });
        open
    }

    fn keeps_its_secrets(&self) {
        assert!(!self.printed.contains(&self.canary), "printed:\n{}", self.printed);
        assert_eq!(*self.seen.lock().unwrap(), BTreeSet::new(), "in arguments");
        let wrong: Vec<String> = self
            .held()
            .into_iter()
            .filter(|file| !MAY_HOLD.iter().any(|(part, _)| file.contains(part)))
            .collect();
        assert_eq!(wrong, [""; 0], "in files");
        assert_eq!(self.open(), [""; 0], "open to others");
        assert_eq!(fs::read_dir(self.env.root().join("tmp")).unwrap().count(), 0, "left in /tmp");
    }

    /// Asks everything that tells of a run, in every format.
    fn tells(&mut self) {
        for format in ["text", "json", "markdown", "html", "junit", "openmetrics", "otlp"] {
            let told = self.run(&["report", "--format", format]);
            assert!(!told.stdout.is_empty(), "{told}");
        }
        for args in [&["runs"][..], &["trend"], &["availability"], &["-vv", "report"]] {
            let _ = self.run(args);
        }
    }
}

fn contains(bytes: &[u8], canary: &str) -> bool {
    let encoded = STANDARD.encode(canary);
    // The last characters also depend on what follows.
    let encoded = &encoded[..encoded.len() - 4];
    [canary.as_bytes(), encoded.as_bytes()]
        .iter()
        .any(|wanted| bytes.windows(wanted.len()).any(|window| window == *wanted))
}

fn walk(folder: &Path, look: &mut impl FnMut(&Path, bool)) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_symlink() {
            continue;
        }
        look(&entry.path(), kind.is_dir());
        if kind.is_dir() {
            walk(&entry.path(), look);
        }
    }
}

/// Looks at the arguments of every process, again and again.
struct Watch {
    over: Arc<AtomicBool>,
    looking: Option<JoinHandle<()>>,
}

impl Watch {
    /// Leaves out `drctl`, whose arguments are the user's own, also where a child has them between its
    /// fork and its exec.
    fn begin(
        drctl: u32,
        own_line: Vec<u8>,
        canary: String,
        seen: Arc<Mutex<BTreeSet<String>>>,
    ) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let looking = thread::spawn(move || {
            while !until.load(Ordering::Relaxed) {
                for process in fs::read_dir("/proc").unwrap().flatten() {
                    let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
                    let own = process.file_name() == *drctl.to_string();
                    if !own && line != own_line && contains(&line, &canary) {
                        let line = String::from_utf8_lossy(&line).replace('\0', " ");
                        seen.lock().unwrap().insert(line);
                    }
                }
                thread::sleep(Duration::from_millis(2));
            }
        });
        Self { over, looking: Some(looking) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.looking.take().unwrap().join().unwrap();
    }
}

#[test]
fn a_failover_that_comes_to_its_end_keeps_its_secrets() {
    let mut shop = Shop::new();
    let files: Vec<String> = ["html", "json", "junit"]
        .map(|format| {
            format!("--write={format}={}", shop.env.home().join(format!("r.{format}")).display())
        })
        .into();
    fs::create_dir(shop.env.home()).unwrap();
    fs::set_permissions(shop.env.home(), fs::Permissions::from_mode(0o700)).unwrap();
    let mut more = vec!["--json", "-vv"];
    more.extend(files.iter().map(String::as_str));
    let output = shop.failover(&more);
    assert_eq!(output.code, Some(0), "{output}");
    for file in &files {
        // What the user has written somewhere is as open as the user's other files.
        let path = file.rsplit_once('=').unwrap().1;
        assert!(!contains(&fs::read(path).unwrap(), &shop.canary));
        fs::remove_file(path).unwrap();
    }
    shop.tells();
    shop.keeps_its_secrets();
    let held = shop.held();
    assert!(held.iter().any(|file| file.contains("/state/")), "it was planted: {held:?}");
    assert!(!held.iter().any(|file| file.contains("/work/")), "{held:?}");
}

#[test]
fn a_failover_that_fails_and_is_gone_on_with_keeps_its_secrets() {
    let mut shop = Shop::new();
    fs::write(shop.site("broken-web"), "").unwrap();
    fs::write(shop.site("broken-cutover"), "").unwrap();
    let output = shop.failover(&[]);
    assert_eq!(output.code, Some(3), "{output}");
    shop.tells();
    shop.keeps_its_secrets();
    fs::remove_file(shop.site("broken-web")).unwrap();
    let refused = shop.run(&["resume", "--yes"]);
    let text = format!("{}{}", refused.stdout, refused.stderr);
    let digest = text.split("--accept-changes ").nth(1).unwrap_or_else(|| panic!("{refused}"));
    let failed = shop.run(&["resume", "--yes", "--accept-changes", &digest[..12]]);
    assert_eq!(failed.code, Some(3), "{failed}");
    assert!(failed.stdout.contains("no login with"), "what it said is told: {failed}");
    shop.tells();
    shop.keeps_its_secrets();
    fs::remove_file(shop.site("broken-cutover")).unwrap();
    let failed = shop.run(&["resume", "--yes"]);
    assert_eq!(failed.code, Some(0), "{failed}");
    shop.tells();
    shop.keeps_its_secrets();
}

#[test]
fn a_drill_and_a_rehearsal_keep_their_secrets() {
    let mut shop = Shop::new();
    fs::write(shop.site("broken-cutover"), "").unwrap();
    let output = shop.run(&["-v", "drill", "--region", "ap-northeast-2", "--yes"]);
    assert_eq!(output.code, Some(0), "{output}");
    shop.tells();
    let output = shop.run(&["rehearse", "--region", "ap-northeast-2", "--time-scale", "1000"]);
    assert_ne!(output.code, Some(2), "{output}");
    shop.tells();
    for args in [
        &["validate"][..],
        &["plan", "--region", "ap-northeast-2"],
        &["plan", "--region", "ap-northeast-2", "--json"],
        &["forecast", "--region", "ap-northeast-2"],
        &["doctor"],
        &["failover", "--region", "ap-northeast-2", "--dry-run"],
    ] {
        let _ = shop.run(args);
    }
    shop.keeps_its_secrets();
}

#[test]
fn what_opens_the_repository_is_told_to_its_server_alone() {
    let mut shop = Shop::new();
    let http = Http::at(shop.env.root());
    let login = |password: &str| STANDARD.encode(format!("op:{password}"));
    // In the address.
    let password = format!("{}-of-url", shop.canary);
    http.becomes(Mood::Wants(login(&password)));
    let url = http.url("repo/.git");
    let with_login = url.replace("http://", &format!("http://op:{password}@"));
    let output = shop.failover(&["--repo", &with_login]);
    assert_eq!(output.code, Some(0), "{output}");
    // Of a helper.
    let password = format!("{}-of-helper", shop.canary);
    http.becomes(Mood::Wants(login(&password)));
    let secret = shop.env.root().join("login");
    fs::write(&secret, format!("username=op\npassword={password}\n")).unwrap();
    let config = format!("[credential]\n  helper = \"!cat '{}'; true\"\n", secret.display());
    fs::write(shop.env.root().join(".gitconfig"), config).unwrap();
    let dry = shop.run(&["failover", "--region", "ap-northeast-2", "--dry-run", "--repo", &url]);
    assert_eq!(dry.code, Some(0), "{dry}");
    // A wrong one is not told either.
    let wrong = url.replace("http://", &format!("http://op:{}-wrong@", shop.canary));
    http.becomes(Mood::Wants(login("another")));
    fs::remove_file(shop.env.root().join(".gitconfig")).unwrap();
    let home = shop.env.home().join("mirrors");
    fs::remove_dir_all(home).unwrap();
    let refused =
        shop.run(&["failover", "--region", "ap-northeast-2", "--dry-run", "--repo", &wrong]);
    assert_ne!(refused.code, Some(0), "{refused}");
    shop.tells();
    shop.printed = shop.printed.lines().filter(|line| !line.starts_with("$ drctl")).collect();
    shop.keeps_its_secrets();
}

#[test]
fn the_password_of_a_backend_is_not_told() {
    let mut shop = Shop::new();
    let state = format!(
        "  state \"http\" {{\n    address  = \"http://127.0.0.1:1/${{stack}}\"\n    username = \"op\"\n    password = \"{}-of-backend\"\n  }}\n}}\n",
        shop.canary
    );
    let runbook = RUNBOOK.replace(
        "  var_files = [\"dr.tfvars\"]\n}\n",
        &("  var_files = [\"dr.tfvars\"]\n".to_owned() + &state),
    );
    shop.env.commit(&[("drctl.hcl", &runbook)]);
    for args in [
        &["plan", "--region", "ap-northeast-2"][..],
        &["plan", "--region", "ap-northeast-2", "--json"],
        &["validate"],
    ] {
        let _ = shop.run(args);
    }
    let output = shop.failover(&["-vv"]);
    assert_eq!(output.code, Some(3), "{output}");
    shop.tells();
    shop.keeps_its_secrets();
}
