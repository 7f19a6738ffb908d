//! The state server, asked by the real Terraform and by hand.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use drctl::{
    model::{run::RunId, step::StepId},
    state::{StateError, StateServer, StateStore},
};
use reqwest::{Client, Method, StatusCode};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
    time::sleep,
};

const LONG: Duration = Duration::from_secs(60);

/// A server over a fresh store, and a working folder for Terraform.
struct Bench {
    dir: TempDir,
    store: Arc<StateStore>,
    server: StateServer,
    stack: StepId,
    run: RunId,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        let store = Arc::new(StateStore::open(dir.path().join("states")).unwrap());
        let run: RunId = "20260314-025907-4f1c".parse().unwrap();
        let server = StateServer::start(Arc::clone(&store), run.clone()).await.unwrap();
        Self { dir, store, server, stack: StepId::new("network"), run }
    }

    /// Stops the server, does something, and starts another one over the same store.
    async fn after_the_server(self, act: impl FnOnce()) -> Self {
        assert!(self.server.stop(LONG).await);
        act();
        let server = StateServer::start(Arc::clone(&self.store), self.run.clone()).await.unwrap();
        Self { server, ..self }
    }

    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Writes a module whose backend is this server.
    fn module(&self, text: &str) {
        fs::write(self.work().join("main.tf"), text).unwrap();
        fs::write(self.work().join("backend.tf"), "terraform {\n  backend \"http\" {}\n}\n")
            .unwrap();
    }

    fn env(&self, name: &str) -> String {
        let env = self.server.backend_env(&self.stack).unwrap();
        env.into_iter().find(|(key, _)| key == name).expect(name).1
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("terraform");
        command
            .args(args)
            .current_dir(self.work())
            .env_remove("TF_CLI_CONFIG_FILE")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_CLI_ARGS", "-no-color")
            .env("TF_INPUT", "0")
            .envs(self.server.backend_env(&self.stack).unwrap())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    async fn terraform(&self, args: &[&str]) -> Output {
        self.command(args).output().await.expect("these tests need `terraform` on the PATH")
    }

    async fn terraform_ok(&self, args: &[&str]) {
        let output = self.terraform(args).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "terraform {args:?}: {said}");
    }

    /// Begins an apply, and returns once it holds the lock.
    async fn apply_that_holds_the_lock(&self) -> Child {
        let mut command = self.command(&["apply", "-auto-approve"]);
        // Nothing is to be gained by trying again on a server that was stopped on purpose.
        command.env("TF_HTTP_RETRY_MAX", "0");
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        while !self.work().join("busy").exists() {
            sleep(Duration::from_millis(10)).await;
        }
        child
    }

    async fn ask(&self, method: &str, query: &str, body: &str) -> (StatusCode, String) {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = client()
            .request(method, self.env("TF_HTTP_ADDRESS") + query)
            .basic_auth(self.env("TF_HTTP_USERNAME"), Some(self.env("TF_HTTP_PASSWORD")))
            .body(body.to_owned());
        read(request).await
    }

    fn versions(&self) -> usize {
        self.store.versions(&self.stack).unwrap().len()
    }
}

fn client() -> Client {
    Client::builder().no_proxy().build().unwrap()
}

async fn read(request: reqwest::RequestBuilder) -> (StatusCode, String) {
    let response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap().trim_end().to_owned())
}

fn state(serial: u64, lineage: &str) -> String {
    format!(r#"{{"version":4,"serial":{serial},"lineage":"{lineage}","resources":[]}}"#)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const THREE: &str = "resource \"terraform_data\" \"x\" {\n  count = 3\n}\n";

/// An apply that waits for somebody to write into the pipe `go`.
const WAITING: &str = r#"
resource "terraform_data" "x" {
  provisioner "local-exec" {
    command = "touch busy; cat go"
  }
}
"#;

#[tokio::test]
async fn a_saved_plan_is_applied_and_its_state_kept() {
    let bench = Bench::new().await;
    bench.module(THREE);
    bench.terraform_ok(&["init"]).await;
    bench.terraform_ok(&["plan", "-out=saved.tfplan"]).await;
    bench.terraform_ok(&["apply", "saved.tfplan"]).await;

    let kept = bench.store.latest(&bench.stack).unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&kept).matches("\"index_key\"").count(), 3);
    assert_eq!(bench.store.lock(&bench.stack).unwrap(), None);
    assert_eq!(bench.server.take_troubles(), []);
    let newest = bench.store.versions(&bench.stack).unwrap().pop().unwrap().path;
    assert_eq!(mode(&newest), 0o600);
    assert_eq!(mode(newest.parent().unwrap()), 0o700);
    assert_eq!(mode(&bench.dir.path().join("states")), 0o700);
    assert!(!bench.work().join("terraform.tfstate").exists());
}

#[tokio::test]
async fn where_the_state_is_stands_in_no_file_so_any_command_may_use_another_server() {
    let bench = Bench::new().await;
    bench.module(THREE);
    bench.terraform_ok(&["init"]).await;
    bench.terraform_ok(&["plan", "-out=saved.tfplan"]).await;
    let kept = fs::read_to_string(bench.work().join(".terraform/terraform.tfstate")).unwrap();
    assert!(!kept.contains(&bench.env("TF_HTTP_PASSWORD")));
    assert!(!kept.contains(&bench.server.address.to_string()));

    let later = bench.after_the_server(|| {}).await;
    later.terraform_ok(&["apply", "saved.tfplan"]).await;
    assert!(later.versions() > 0);
}

#[tokio::test]
async fn a_second_plan_is_refused_and_the_holder_is_known() {
    let bench = Bench::new().await;
    bench.module(WAITING);
    let go = bench.work().join("go");
    assert!(Command::new("mkfifo").arg(&go).status().await.unwrap().success());
    bench.terraform_ok(&["init"]).await;
    let apply = bench.apply_that_holds_the_lock().await;

    let output = bench.terraform(&["plan"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    let holder = bench.store.lock(&bench.stack).unwrap().unwrap();
    assert!(!output.status.success());
    assert!(said.contains("HTTP remote state already locked"), "{said}");
    assert!(said.contains(&holder.info.id), "{said}");
    assert_eq!((holder.info.operation.as_str(), &holder.run), ("OperationTypeApply", &bench.run));
    let trouble = bench.server.take_troubles().pop().unwrap();
    let (id, who) = (&holder.info.id, &holder.info.who);
    assert_eq!(
        trouble.cause,
        [format!(
            "the state is locked by {who}, which took the lock `{id}` in run {} for OperationTypeApply",
            bench.run
        )]
    );

    fs::write(&go, "go\n").unwrap();
    let applied = apply.wait_with_output().await.unwrap();
    assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    assert_eq!(bench.store.lock(&bench.stack).unwrap(), None);
}

#[tokio::test]
async fn a_terraform_that_outlives_its_server_loses_nothing() {
    let bench = Bench::new().await;
    bench.module(WAITING);
    let go = bench.work().join("go");
    assert!(Command::new("mkfifo").arg(&go).status().await.unwrap().success());
    bench.terraform_ok(&["init"]).await;
    let apply = bench.apply_that_holds_the_lock().await;

    let bench = bench.after_the_server(|| fs::write(&go, "go\n").unwrap()).await;
    assert!(!apply.wait_with_output().await.unwrap().status.success());
    assert_eq!(bench.versions(), 0);

    let late = bench.terraform(&["state", "push", "errored.tfstate"]).await;
    assert!(!late.status.success(), "the lock of the earlier run should be there");
    let holder = bench.store.break_lock(&bench.stack).unwrap().unwrap();
    assert_eq!(holder.info.operation, "OperationTypeApply");
    bench.terraform_ok(&["state", "push", "errored.tfstate"]).await;
    let kept = bench.store.latest(&bench.stack).unwrap().unwrap();
    assert!(String::from_utf8_lossy(&kept).contains("terraform_data"));
}

#[tokio::test]
async fn only_the_run_that_has_the_password_is_let_in() {
    let bench = Bench::new().await;
    let address = bench.env("TF_HTTP_ADDRESS");
    let (status, said) = read(client().get(&address).basic_auth("drctl", Some("guess"))).await;
    assert_eq!(
        (status, said.as_str()),
        (StatusCode::UNAUTHORIZED, "this is for drctl's own Terraform only")
    );
    let (status, _) = read(client().post(&address).body(state(1, "a"))).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(bench.versions(), 0);

    bench.module(THREE);
    let refused = bench.command(&["init"]).env("TF_HTTP_PASSWORD", "guess").output().await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("requires auth"), "{said}");
}

#[tokio::test]
async fn a_state_is_taken_in_order_and_only_whole() {
    let bench = Bench::new().await;
    let mut said = Vec::new();
    for (method, query, body) in [
        ("GET", "", String::new()),
        ("POST", "", state(3, "a")),
        ("POST", "", state(3, "a")),
        ("POST", "", state(2, "a")),
        ("POST", "", state(4, "b")),
        ("POST", "", "{\"version\":4".to_owned()),
        ("PUT", "", state(4, "a")),
        ("POST", "?ID=1-2-3", state(4, "a")),
        ("GET", "/..", String::new()),
        ("GET", "/deeper", String::new()),
        ("LOCK", "", "who".to_owned()),
        ("GET", "", String::new()),
        ("DELETE", "", String::new()),
        ("GET", "", String::new()),
    ] {
        let (status, words) = bench.ask(method, query, &body).await;
        said.push(format!("{method}{query}: {} {words}", status.as_u16()));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    GET: 404 there is no state yet
    POST: 200 kept
    POST: 200 kept
    POST: 409 the state's serial is 2, but 3 is kept already
    POST: 409 the state's lineage is `b`, but `a` is kept here
    POST: 409 what was sent is not a Terraform state: it is not a JSON object with `version`, `serial` and `lineage`: EOF while parsing an object at line 1 column 12
    PUT: 405 a state takes GET, POST, DELETE, LOCK, UNLOCK
    POST?ID=1-2-3: 409 the lock `1-2-3` is not held any more
    GET/..: 400 `` cannot name a folder of states
    GET/deeper: 400 `network/deeper` cannot name a folder of states
    LOCK: 400 what was sent does not describe a lock: expected value at line 1 column 1
    GET: 200 {"version":4,"serial":3,"lineage":"a","resources":[]}
    DELETE: 200 deleted
    GET: 404 there is no state yet
    "#);
    let endings: Vec<_> =
        bench.store.versions(&bench.stack).unwrap().iter().map(|version| version.deleted).collect();
    assert_eq!(endings, [false, true]);
}

#[tokio::test]
async fn a_body_must_match_its_digest() {
    let bench = Bench::new().await;
    let request = |digest: &str| {
        client()
            .post(bench.env("TF_HTTP_ADDRESS"))
            .basic_auth("drctl", Some(bench.env("TF_HTTP_PASSWORD")))
            .header("Content-MD5", digest)
            .body(state(1, "a"))
    };
    let (status, said) = read(request("1B2M2Y8AsgTpgAmY7PhCfg==")).await;
    assert_eq!(
        (status, said.as_str()),
        (StatusCode::BAD_REQUEST, "the body does not match its Content-MD5")
    );
    assert_eq!(bench.versions(), 0);
}

#[tokio::test]
async fn a_lock_keeps_others_out_until_it_is_given_back_or_broken() {
    let bench = Bench::new().await;
    let lock = |id: &str| format!(r#"{{"ID":"{id}","Operation":"apply","Who":"op@host"}}"#);
    let mut said = Vec::new();
    for (method, query, body) in [
        ("LOCK", "", lock("one")),
        ("LOCK", "", lock("one")),
        ("LOCK", "", lock("two")),
        ("POST", "", state(1, "a")),
        ("POST", "?ID=two", state(1, "a")),
        ("POST", "?ID=one", state(1, "a")),
        ("UNLOCK", "", lock("two")),
        ("UNLOCK", "", lock("one")),
        ("UNLOCK", "", lock("one")),
        ("LOCK", "", lock("three")),
        ("UNLOCK", "", String::new()),
        ("LOCK", "", lock("four")),
    ] {
        let (status, words) = bench.ask(method, query, &body).await;
        let id = words.split("\"ID\":").nth(1).and_then(|rest| rest.split(',').next());
        let told = id.map_or(words.clone(), |id| format!("held by {id}"));
        said.push(format!("{method}{query}: {} {told}", status.as_u16()));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    LOCK: 200 locked
    LOCK: 200 locked
    LOCK: 423 held by "one"
    POST: 423 held by "one"
    POST?ID=two: 423 held by "one"
    POST?ID=one: 200 kept
    UNLOCK: 423 held by "one"
    UNLOCK: 200 unlocked
    UNLOCK: 200 unlocked
    LOCK: 200 locked
    UNLOCK: 200 unlocked
    LOCK: 200 locked
    "#);
    assert_eq!(mode(&bench.dir.path().join("states/network/lock.json")), 0o600);
}

#[tokio::test]
async fn one_store_has_one_server() {
    let bench = Bench::new().await;
    let second = StateServer::start(Arc::clone(&bench.store), bench.run.clone()).await;
    assert!(matches!(second, Err(StateError::InUse { .. })));
    assert!(bench.server.stop(LONG).await);
    StateServer::start(Arc::clone(&bench.store), bench.run.clone()).await.unwrap();
}

/// Sends the head of a request and a part of its body, and leaves the connection open.
async fn half_sent(bench: &Bench, body: &str) -> TcpStream {
    let built = client()
        .post(bench.env("TF_HTTP_ADDRESS"))
        .basic_auth("drctl", Some(bench.env("TF_HTTP_PASSWORD")))
        .build()
        .unwrap();
    let authorization = built.headers()["authorization"].to_str().unwrap();
    let mut stream = TcpStream::connect(bench.server.address).await.unwrap();
    let head = format!(
        "POST /state/network HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\nContent-Length: {}\r\n\r\n{}",
        body.len(),
        &body[..5]
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server has it when it has made a file for it.
    let folder = bench.dir.path().join("states/network");
    while !fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some()) {
        sleep(Duration::from_millis(5)).await;
    }
    stream
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_server_stops() {
    let bench = Bench::new().await;
    let body = state(1, "a");
    let mut stream = half_sent(&bench, &body).await;
    let Bench { store, server, stack, dir: _dir, .. } = bench;
    let stopping = tokio::spawn(server.stop(LONG));
    tokio::task::yield_now().await;
    stream.write_all(&body.as_bytes()[5..]).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(stopping.await.unwrap());
    assert_eq!(store.latest(&stack).unwrap(), Some(body.into_bytes()));
}

#[tokio::test]
async fn a_request_that_stalls_does_not_hold_up_the_end() {
    let bench = Bench::new().await;
    let _stream = half_sent(&bench, &state(1, "a")).await;
    let Bench { store, server, stack, dir: _dir, .. } = bench;
    assert!(!server.stop(Duration::from_millis(50)).await);
    assert_eq!(store.versions(&stack).unwrap(), []);
}
