//! How a cluster is reached.

use super::error::KubernetesError;
use crate::deploy::{deployment::Job, error::DeployError};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{
    fmt,
    fs::OpenOptions,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The first line of what holds a certificate in PEM.
const PEM: &str = "-----BEGIN CERTIFICATE-----";

/// A Kubernetes cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its name in the runbook.
    pub name: String,
    /// How it is reached.
    pub access: Access,
}

/// How a cluster is reached. Never by what the machine happens to point at.
#[derive(Clone)]
pub enum Access {
    /// By a whole kubeconfig.
    Kubeconfig {
        /// A text, or an object as the text would be read. Secret.
        config: Value,
        /// The context in it; its own current one when absent.
        context: Option<String>,
    },
    /// By a context of a kubeconfig file, or of those of the machine when none is given.
    Context {
        /// The context; the file's own current one when absent, which takes a file.
        name: Option<String>,
        /// The file, from the root of the repository or absolute.
        file: Option<PathBuf>,
    },
    /// By an address and what proves who asks.
    Server {
        /// Its address, such as `https://…`; without a scheme, it is one of HTTPS.
        server: String,
        /// The certificate of its authority, as base64 of PEM, which is how clouds give it, or PEM.
        ca: Option<String>,
        /// A token. Secret.
        token: Option<String>,
        /// A program that prints an `ExecCredential`, such as `aws eks get-token …`.
        credentials: Vec<String>,
    },
}

impl fmt::Debug for Access {
    /// Shows no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeconfig { context, .. } => {
                f.debug_struct("Kubeconfig").field("context", context).finish_non_exhaustive()
            }
            Self::Context { name, file } => {
                f.debug_struct("Context").field("name", name).field("file", file).finish()
            }
            Self::Server { server, .. } => {
                f.debug_struct("Server").field("server", server).finish_non_exhaustive()
            }
        }
    }
}

/// What programs are told to reach a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::deploy) struct Reach {
    /// The cluster's name in the runbook.
    pub(in crate::deploy) cluster: String,
    /// The kubeconfig file; those of the machine when absent.
    pub(in crate::deploy) kubeconfig: Option<PathBuf>,
    /// The context.
    pub(in crate::deploy) context: Option<String>,
}

impl Reach {
    /// Returns `kubectl` with what makes it speak to the cluster, and `rest`.
    pub(in crate::deploy) fn kubectl(&self, rest: &[&str]) -> Vec<String> {
        self.program("kubectl", "--context", rest)
    }

    /// Returns `helm` with what makes it speak to the cluster, and `rest`.
    pub(in crate::deploy) fn helm(&self, rest: &[&str]) -> Vec<String> {
        self.program("helm", "--kube-context", rest)
    }

    fn program(&self, program: &str, context: &str, rest: &[&str]) -> Vec<String> {
        let mut argv = vec![program.to_owned()];
        if let Some(file) = &self.kubeconfig {
            argv.extend(["--kubeconfig".to_owned(), file.display().to_string()]);
        }
        if let Some(name) = &self.context {
            argv.extend([context.to_owned(), name.clone()]);
        }
        argv.extend(rest.iter().map(|&arg| arg.to_owned()));
        argv
    }
}

impl Cluster {
    /// Writes what is secret into a file of `job.scratch` that is 0600, and returns how the cluster
    /// is reached.
    ///
    /// # Errors
    ///
    /// [`DeployError`] when the certificate is none, or the file cannot be written.
    pub(in crate::deploy) fn open(&self, job: &Job<'_>) -> Result<Reach, DeployError> {
        let reach = self.reach(job.scratch, job.root);
        let Some(text) = self.text(job.root)? else { return Ok(reach) };
        if let Some(path) = &reach.kubeconfig {
            write_private(path, &text)
                .map_err(|source| DeployError::Log { path: path.clone(), source })?;
        }
        Ok(reach)
    }

    /// Returns the kubeconfig that drctl writes for it; `None` where there is one.
    ///
    /// # Errors
    ///
    /// The certificate is none.
    pub(super) fn text(&self, root: &Path) -> Result<Option<String>, KubernetesError> {
        Ok(Some(match &self.access {
            Access::Context { .. } => return Ok(None),
            Access::Kubeconfig { config: Value::String(text), .. } => text.clone(),
            Access::Kubeconfig { config, .. } => config.to_string(),
            Access::Server { server, ca, token, credentials } => {
                let ca = ca.as_deref().map(|ca| self.authority(ca)).transpose()?;
                let user = user(token.as_deref(), credentials, root);
                config(server, ca.as_deref(), &user).to_string()
            }
        }))
    }

    /// Returns how the cluster will be reached, for a dry run: nothing is written.
    pub(in crate::deploy) fn planned(&self) -> Reach {
        self.reach(Path::new("…"), Path::new(""))
    }

    pub(super) fn reach(&self, scratch: &Path, root: &Path) -> Reach {
        let own = || Some(scratch.join(format!("{}.kubeconfig", self.name)));
        let (kubeconfig, context) = match &self.access {
            Access::Kubeconfig { context, .. } => (own(), context.clone()),
            Access::Server { .. } => (own(), None),
            Access::Context { name, file } => {
                (file.as_ref().map(|file| root.join(file)), name.clone())
            }
        };
        Reach { cluster: self.name.clone(), kubeconfig, context }
    }

    /// The certificate of an authority as a kubeconfig has it: base64 of PEM.
    fn authority(&self, ca: &str) -> Result<String, KubernetesError> {
        if ca.trim_start().starts_with("-----BEGIN") {
            return Ok(BASE64_STANDARD.encode(ca));
        }
        let packed: String = ca.split_whitespace().collect();
        let pem = BASE64_STANDARD.decode(&packed).ok().and_then(|pem| String::from_utf8(pem).ok());
        match pem {
            Some(pem) if pem.contains(PEM) => Ok(packed),
            _ => Err(KubernetesError::NoCertificate { cluster: self.name.clone() }),
        }
    }
}

fn user(token: Option<&str>, credentials: &[String], root: &Path) -> Value {
    let Some((program, args)) = credentials.split_first() else {
        return json!({ "token": token });
    };
    // A name is left to PATH; a path would be taken from the folder of the kubeconfig.
    let command = match program.contains('/') {
        true => root.join(program).display().to_string(),
        false => program.clone(),
    };
    // Every kubectl since 1.11 knows this version, and every cloud's program speaks it:
    // https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    json!({ "exec": {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": command,
        "args": args,
        "interactiveMode": "Never",
    } })
}

/// A kubeconfig as JSON, which every reader of YAML reads.
fn config(server: &str, ca: Option<&str>, user: &Value) -> Value {
    let server = match server.contains("://") {
        true => server.to_owned(),
        false => format!("https://{server}"),
    };
    let mut cluster = json!({ "server": server });
    if let Some(ca) = ca {
        cluster["certificate-authority-data"] = ca.into();
    }
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "drctl", "cluster": cluster }],
        "users": [{ "name": "drctl", "user": user }],
        "contexts": [{ "name": "drctl", "context": { "cluster": "drctl", "user": "drctl" } }],
        "current-context": "drctl",
    })
}

/// Writes a file that nobody else may read.
pub(super) fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(access: Access) -> Cluster {
        Cluster { name: "seoul".into(), access }
    }

    #[test]
    fn programs_are_told_the_file_and_the_context() {
        let named = Access::Context { name: Some("dr".into()), file: Some("kube/config".into()) };
        let reach = cluster(named).reach(Path::new("/scratch"), Path::new("/root"));
        let kubectl = reach.kubectl(&["get", "nodes"]).join(" ");
        assert_eq!(kubectl, "kubectl --kubeconfig /root/kube/config --context dr get nodes");
        let helm = reach.helm(&["list"]).join(" ");
        assert_eq!(helm, "helm --kubeconfig /root/kube/config --kube-context dr list");

        let whole = Access::Kubeconfig { config: json!({}), context: None };
        let reach = cluster(whole).reach(Path::new("/scratch"), Path::new("/root"));
        assert_eq!(reach.kubectl(&[]).join(" "), "kubectl --kubeconfig /scratch/seoul.kubeconfig");
    }

    #[test]
    fn an_address_becomes_a_kubeconfig() {
        let argv = ["./bin/token", "--cluster", "shop"].map(str::to_owned);
        let user = user(None, &argv, Path::new("/root"));
        assert_eq!(user["exec"]["command"], "/root/./bin/token");
        assert_eq!(user["exec"]["args"], json!(["--cluster", "shop"]));
        let made = config("34.1.2.3", Some("UEVN"), &user);
        assert_eq!(made["clusters"][0]["cluster"]["server"], "https://34.1.2.3");
        assert_eq!(made["clusters"][0]["cluster"]["certificate-authority-data"], "UEVN");
        assert_eq!(made["users"][0]["user"], user);
    }

    #[test]
    fn a_certificate_is_taken_as_pem_and_as_base64_of_it() {
        let seoul = cluster(Access::Context { name: None, file: None });
        let pem = format!("{PEM}\nMIIB\n-----END CERTIFICATE-----\n");
        let packed = BASE64_STANDARD.encode(&pem);
        assert_eq!(seoul.authority(&pem).unwrap(), packed);
        let (first, second) = packed.split_at(20);
        assert_eq!(seoul.authority(&format!("{first}\n{second}\n")).unwrap(), packed);
        let error = seoul.authority("/etc/ca.pem").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the `ca` of the cluster `seoul` is neither a certificate in PEM nor base64 of one"
        );
    }

    #[test]
    fn no_secret_is_shown() {
        let access = Access::Server {
            server: "https://seoul".into(),
            ca: None,
            token: Some("hunter2".into()),
            credentials: vec![],
        };
        let shown = format!("{:?}", cluster(access));
        assert!(shown.contains("https://seoul") && !shown.contains("hunter2"), "{shown}");
    }
}
