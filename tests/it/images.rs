//! `drctl images` against registries on loopback.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use crate::support::Env;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const MISSING: &str = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#;

/// Bytes, and their type before them.
type Kept = (String, Vec<u8>);

/// A registry that keeps everything in memory: what the OCI distribution specification asks of one that
/// is pulled from and pushed to.
#[derive(Clone)]
struct Registry {
    host: String,
    /// What is kept, by the end of the address, such as `web/manifests/1`.
    kept: Arc<Mutex<BTreeMap<String, Kept>>>,
    /// Every request that changed something.
    written: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let registry = Self { host, kept: Arc::default(), written: Arc::default() };
        let served = registry.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let registry = served.clone();
                thread::spawn(move || registry.serve(stream.unwrap()));
            }
        });
        registry
    }

    fn keep(&self, path: &str, kind: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let (place, _) = path.rsplit_once('/').unwrap();
        let mut kept = self.kept.lock().unwrap();
        kept.insert(path.to_owned(), (kind.to_owned(), bytes.to_vec()));
        kept.insert(format!("{place}/{digest}"), (kind.to_owned(), bytes.to_vec()));
        digest
    }

    /// Keeps an image for two platforms, which share a layer.
    fn push_index(&self, name: &str, tag: &str) -> String {
        let layer = self.keep(&format!("{name}/blobs/layer"), "", b"a layer");
        let mut manifests = Vec::new();
        for platform in ["amd64", "arm64"] {
            let config = self.keep(&format!("{name}/blobs/c"), "", platform.as_bytes());
            let manifest = serde_json::json!({
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 5},
                "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer, "size": 7}],
            });
            let bytes = manifest.to_string();
            let digest = self.keep(&format!("{name}/manifests/m"), MANIFEST, bytes.as_bytes());
            manifests.push(serde_json::json!({
                "mediaType": MANIFEST, "digest": digest, "size": bytes.len(),
                "platform": {"os": "linux", "architecture": platform},
            }));
        }
        let index =
            serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.keep(&format!("{name}/manifests/{tag}"), INDEX, index.to_string().as_bytes())
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 {
                    return;
                }
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            let header = |name: &str| {
                let found = lines.iter().filter_map(|line| line.split_once(": "));
                found.clone().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.to_owned())
            };
            let length = header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut first = lines[0].split(' ');
            let (method, path) = (first.next().unwrap(), first.next().unwrap());
            let kind = header("content-type").unwrap_or_default();
            let (status, headers, answer) = self.answer(method, path, &kind, body);
            let length = answer.len();
            let answer = if method == "HEAD" { Vec::new() } else { answer };
            let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        }
    }

    fn answer(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Vec<u8>,
    ) -> (&'static str, String, Vec<u8>) {
        let path = path.trim_start_matches("/v2/");
        let note = |what: &str| self.written.lock().unwrap().push(what.to_owned());
        match method {
            "GET" | "HEAD" => match self.kept.lock().unwrap().get(path) {
                Some((kind, bytes)) => {
                    let digest = digest(bytes);
                    let headers =
                        format!("docker-content-digest: {digest}\r\ncontent-type: {kind}\r\n");
                    ("200 OK", headers, bytes.clone())
                }
                None if path.is_empty() => ("200 OK", String::new(), Vec::new()),
                None => ("404 Not Found", String::new(), MISSING.into()),
            },
            "POST" => {
                let name = path.split("/blobs/").next().unwrap();
                ("202 Accepted", format!("location: /v2/{name}/uploads/1\r\n"), Vec::new())
            }
            "PUT" if path.contains("/uploads/") => {
                let name = path.split("/uploads/").next().unwrap();
                let digest = self.keep(&format!("{name}/blobs/x"), "", &body);
                note(&format!("blob of {} bytes", body.len()));
                assert!(
                    path.ends_with(&format!("digest={}", digest.replace(':', "%3A"))),
                    "{path}"
                );
                ("201 Created", format!("location: /v2/{name}/blobs/{digest}\r\n"), Vec::new())
            }
            "PUT" => {
                self.keep(path, kind, &body);
                note(kind);
                // As that of AWS, it does not say where.
                ("201 Created", String::new(), Vec::new())
            }
            _ => ("405 Method Not Allowed", String::new(), Vec::new()),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A service of three containers, whose images are in Tokyo as the repository has them.
fn shop(tokyo: &Registry, seoul: &Registry) -> Env {
    let runbook = format!(
        r#"
service "shop" {{
  rto     = "30m"
  primary = "ap-northeast-1"
}}

region "ap-northeast-2" {{
  replace = {{ "{}" = "{}" }}
}}

docker "seoul" {{}}

container "web" {{
  image = "{0}/shop/web:1"
}}

container "worker" {{
  image = "{0}/shop/web:1"
}}

container "cache" {{
  image = "{0}/cache"
}}
"#,
        tokyo.host, seoul.host
    );
    Env::with(&[("drctl.hcl", &runbook)])
}

const ARGS: [&str; 3] = ["images", "--region", "ap-northeast-2"];

#[test]
fn images_are_looked_for_and_copied_for_every_platform_and_only_once() {
    let (tokyo, seoul) = (Registry::start(), Registry::start());
    let env = shop(&tokyo, &seoul);
    let web = tokyo.push_index("shop/web", "1");
    let seen = |more: &[&str]| {
        let output = env.run(&[&ARGS, more].concat()).to_string();
        output.replace(&tokyo.host, "TOKYO").replace(&seoul.host, "SEOUL").replace(&web, "WEB")
    };

    seoul.keep("cache/manifests/latest", MANIFEST, b"{}");
    insta::assert_snapshot!(seen(&[]), @r"
    --- stdout
    there     SEOUL/cache
              for cache
              in the repository TOKYO/cache
              sha256:[DIGEST]
    missing   SEOUL/shop/web:1
              for web, worker
              in the repository TOKYO/shop/web:1
              `SEOUL` does not have it
    --- exit 1
    ");
    insta::assert_snapshot!(seen(&["--copy"]), @r"
    --- stdout
    there     SEOUL/cache
              for cache
              in the repository TOKYO/cache
              sha256:[DIGEST]
    copied    SEOUL/shop/web:1
              for web, worker
              in the repository TOKYO/shop/web:1
              sha256:[DIGEST]
    --- exit 0
    ");
    let written = || {
        let mut written = seoul.written.lock().unwrap().clone();
        // Blobs come in any order.
        written.sort();
        written
    };
    let first = written();
    insta::assert_snapshot!(first.join("\n"), @r"
    application/vnd.oci.image.index.v1+json
    application/vnd.oci.image.manifest.v1+json
    application/vnd.oci.image.manifest.v1+json
    blob of 5 bytes
    blob of 5 bytes
    blob of 7 bytes
    ");
    let copied = |path: &str| seoul.kept.lock().unwrap().get(path).cloned();
    assert_eq!(copied("shop/web/manifests/1").unwrap().0, INDEX);

    assert!(seen(&["--copy"]).ends_with("exit 0"));
    assert_eq!(written(), first, "what is there is not copied again");
}

#[test]
fn a_registry_that_is_down_is_told_and_nothing_is_copied_from_it() {
    let (tokyo, mut seoul) = (Registry::start(), Registry::start());
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    seoul.host = free.local_addr().unwrap().to_string();
    drop(free);
    let env = shop(&tokyo, &seoul);
    let output = env.run(&[&ARGS[..], &["--copy"]].concat()).to_string();
    let output = output.replace(&tokyo.host, "TOKYO").replace(&seoul.host, "SEOUL");
    insta::assert_snapshot!(output, @r"
    --- stdout
    down      SEOUL/cache
              for cache
              in the repository TOKYO/cache
              `SEOUL` does not answer: Connection refused (os error 111)
    down      SEOUL/shop/web:1
              for web, worker
              in the repository TOKYO/shop/web:1
              `SEOUL` does not answer: Connection refused (os error 111)
    --- exit 1
    ");
}
