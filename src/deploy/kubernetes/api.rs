//! The API of a cluster, spoken to through one `kubectl proxy`: kubectl proves who asks, and what is
//! asked costs no process of its own.

use super::{Reach, error::KubernetesError};
use crate::deploy::{CommandStep, DeployError, LastLines, deployment::Job};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::{
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    net::UnixStream,
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep, timeout},
};

/// Ends the program that it is given when its standard input ends, so that nothing is left of it when
/// drctl is killed.
const KEEPER: &str = r#"exec 3<&0; "$@" </dev/null 3<&- & p=$!; { cat <&3 >/dev/null; kill $p 2>/dev/null; } & wait $p"#;

/// How long the proxy may take to start.
const START: Duration = Duration::from_secs(20);

/// How long a question may take before the API server counts as silent.
const SILENT: Duration = Duration::from_secs(5);

/// How long a change may take: admission webhooks have up to 30 s each.
const CHANGE: Duration = Duration::from_secs(90);

/// How much of an answer is read, in bytes.
const MOST: usize = 64 << 20;

/// The API of a cluster.
pub(super) struct Api {
    reach: Reach,
    socket: PathBuf,
    /// Held, since the proxy ends when it is closed.
    _keeper: (Child, ChildStdin),
    /// Of its own and not `job.scratch`, since the path of a socket has at most 107 bytes.
    _folder: TempDir,
}

/// What the API server answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// The status of HTTP.
    pub(super) code: u16,
    /// The object that it sent, or its text.
    pub(super) body: Value,
}

impl Answer {
    /// Returns true when it did as it was asked.
    pub(super) fn is_ok(&self) -> bool {
        self.code < 300
    }

    /// Returns what the server says in words.
    pub(super) fn message(&self) -> String {
        let said = self.body["message"].as_str().or(self.body.as_str());
        said.map_or_else(|| format!("status {}", self.code), |said| said.trim().to_owned())
    }
}

impl Api {
    /// Starts the proxy, and returns once it listens. Nothing is asked of the cluster yet.
    ///
    /// # Errors
    ///
    /// [`DeployError`] when kubectl is not there or does not start it.
    pub(super) async fn open(job: &Job<'_>, reach: &Reach) -> Result<Self, DeployError> {
        let folder = tempfile::Builder::new()
            .prefix("drctl-")
            .tempdir()
            .map_err(|source| DeployError::Log { path: std::env::temp_dir(), source })?;
        let socket = folder.path().join("api");
        let unix = format!("--unix-socket={}", socket.display());
        let step = job.command(reach.kubectl(&["proxy", &unix]), START);
        let logs = job.logs("proxy");
        let mut child = spawn(&step, &logs.stdout, &logs.stderr)?;
        let Some(stdin) = child.stdin.take() else {
            return Err(DeployError::Start {
                program: "kubectl".into(),
                source: io::Error::other("no pipe"),
            });
        };
        let deadline = Instant::now() + START;
        loop {
            if UnixStream::connect(&socket).await.is_ok() {
                let _keeper = (child, stdin);
                return Ok(Self { reach: reach.clone(), socket, _keeper, _folder: folder });
            }
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || Instant::now() > deadline {
                let said = LastLines::of_log(&logs.stderr);
                return Err(match ended.and_then(|status| status.code()) {
                    // What the shell says when there is no such program.
                    Some(127) => KubernetesError::NoKubectl.into(),
                    Some(code) => DeployError::Failed {
                        program: "kubectl".into(),
                        code,
                        log: logs.stderr,
                        said,
                    },
                    None => DeployError::TimedOut {
                        program: "kubectl".into(),
                        limit: START,
                        log: logs.stderr,
                        said,
                    },
                });
            }
            sleep(Duration::from_millis(3)).await;
        }
    }

    /// Asks for what is at `path`.
    ///
    /// # Errors
    ///
    /// [`KubernetesError::Unreachable`] when the API server does not answer within 5 s.
    pub(super) async fn get(&self, path: &str) -> Result<Answer, KubernetesError> {
        let answer = timeout(SILENT, self.send(Method::GET, path, None)).await;
        answer.unwrap_or_else(|_| Err(self.silent()))
    }

    /// Asks for a text, such as a log; `None` when there is none.
    ///
    /// # Errors
    ///
    /// As [`Api::get`].
    pub(super) async fn text(&self, path: &str) -> Result<Option<String>, KubernetesError> {
        let answer = timeout(SILENT, self.ask(Method::GET, path, None)).await;
        let (code, bytes) = answer.unwrap_or_else(|_| Err(self.silent()))?;
        Ok((code == 200).then(|| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns how the cluster is reached.
    pub(super) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Says that the cluster does not let drctl in.
    pub(super) fn unauthorized(&self, answer: &Answer) -> KubernetesError {
        KubernetesError::Unauthorized {
            cluster: self.reach.cluster.clone(),
            cause: answer.message(),
            check: self.reach.kubectl(&["auth", "can-i", "--list"]).join(" "),
        }
    }

    /// Applies an object for drctl on the side of the server; with `force`, also what others own of it.
    ///
    /// # Errors
    ///
    /// [`KubernetesError::Unreachable`] when the API server does not answer.
    pub(super) async fn apply(
        &self,
        path: &str,
        object: &Value,
        force: bool,
    ) -> Result<Answer, KubernetesError> {
        let path = format!("{path}?fieldManager=drctl&force={force}");
        // JSON is YAML, too.
        let body = ("application/apply-patch+yaml", object.to_string());
        self.change(Method::PATCH, &path, Some(body)).await
    }

    /// Puts an object in the place of what is there.
    ///
    /// # Errors
    ///
    /// [`KubernetesError::Unreachable`] when the API server does not answer.
    pub(super) async fn put(&self, path: &str, object: &Value) -> Result<Answer, KubernetesError> {
        let path = format!("{path}?fieldManager=drctl");
        self.change(Method::PUT, &path, Some(("application/json", object.to_string()))).await
    }

    /// Begins to delete an object and all that it owns.
    ///
    /// # Errors
    ///
    /// [`KubernetesError::Unreachable`] when the API server does not answer.
    pub(super) async fn delete(&self, path: &str) -> Result<Answer, KubernetesError> {
        self.change(Method::DELETE, &format!("{path}?propagationPolicy=Foreground"), None).await
    }

    /// A change may take long, and the server is asked meanwhile whether it is there.
    async fn change(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
    ) -> Result<Answer, KubernetesError> {
        let alive = async {
            loop {
                sleep(SILENT).await;
                if let Err(error) = self.get("/version").await {
                    return error;
                }
            }
        };
        tokio::select! {
            answer = timeout(CHANGE, self.send(method, path, body)) => {
                answer.unwrap_or_else(|_| Err(self.silent()))
            }
            error = alive => Err(error),
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
    ) -> Result<Answer, KubernetesError> {
        let (code, bytes) = self.ask(method, path, body).await?;
        let text = || String::from_utf8_lossy(&bytes).trim().to_owned();
        match serde_json::from_slice(&bytes) {
            Ok(body) => Ok(Answer { code, body }),
            // The API server answers in JSON; in plain text, the proxy says that it does not.
            Err(_) if code >= 500 => Err(self.unreachable(text())),
            Err(_) => Ok(Answer { code, body: text().into() }),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<(&str, String)>,
    ) -> Result<(u16, Bytes), KubernetesError> {
        let failed =
            |error: String| self.unreachable(format!("kubectl's proxy broke off: {error}"));
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| failed(e.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|e| failed(e.to_string()))?;
        let connection = tokio::spawn(connection);
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, "localhost");
        let mut text = String::new();
        if let Some((kind, body)) = body {
            request = request.header(header::CONTENT_TYPE, kind);
            text = body;
        }
        let request = request
            .body(Full::new(Bytes::from(text)))
            .map_err(|error| failed(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(|e| failed(e.to_string()))?;
        let code = response.status().as_u16();
        let body = Limited::new(response.into_body(), MOST).collect().await;
        let bytes = body.map_err(|error| failed(error.to_string()))?.to_bytes();
        connection.abort();
        Ok((code, bytes))
    }

    fn silent(&self) -> KubernetesError {
        self.unreachable(format!("no answer within {} s", SILENT.as_secs()))
    }

    fn unreachable(&self, cause: String) -> KubernetesError {
        let check = self.reach.kubectl(&["get", "--raw", "/readyz"]).join(" ");
        KubernetesError::Unreachable { cluster: self.reach.cluster.clone(), cause, check }
    }
}

fn spawn(step: &CommandStep, stdout: &Path, stderr: &Path) -> Result<Child, DeployError> {
    let log = |path: &Path| {
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
        file.map_err(|source| DeployError::Log { path: path.to_owned(), source })
    };
    Command::new("sh")
        .args(["-c", KEEPER, "sh"])
        .args(&step.argv)
        .current_dir(&step.dir)
        .env_clear()
        .envs(step.env(std::env::vars_os()))
        .stdin(Stdio::piped())
        .stdout(log(stdout)?)
        .stderr(log(stderr)?)
        // A Ctrl-C at the terminal reaches drctl alone.
        .process_group(0)
        .spawn()
        .map_err(|source| DeployError::Start { program: "sh".into(), source })
}

/// Writes a name so that it can stand in an address.
pub(super) fn escaped(name: &str) -> String {
    let mut written = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                written.push(char::from(byte));
            }
            other => written.push_str(&format!("%{other:02X}")),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("system:web-1.a_b"), "system%3Aweb-1.a_b");
        assert_eq!(escaped("app=web,tier"), "app%3Dweb%2Ctier");
    }
}
