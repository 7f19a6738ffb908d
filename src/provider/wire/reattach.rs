//! Where Terraform finds providers that are already running: `TF_REATTACH_PROVIDERS`.
//!
//! Terraform made this for debugging providers
//! ([documentation](https://developer.hashicorp.com/terraform/plugin/debugging)). A provider that is
//! named in it is not looked up, downloaded, checked against a version constraint or written to the
//! lock file, so `init` needs no network and the user's files stay as they are.

use super::{
    grpc,
    service::{Connect, Instance},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    env, fs, io,
    os::unix::{fs::PermissionsExt, net::SocketAddr},
    path::{Path, PathBuf},
    process,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{net::UnixListener, task::JoinSet, time};
use tokio_util::sync::CancellationToken;

/// The environment variable that [`Providers::reattach`] is for.
pub const VARIABLE: &str = "TF_REATTACH_PROVIDERS";

/// How long calls that are under way may go on once we stop.
const GRACE: Duration = Duration::from_secs(2);

/// How long to wait when no connection can be taken, such as for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(20);

/// Why providers could not be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// There is no folder for their sockets.
    #[error("failed to create a folder for provider sockets in `{}`", parent.display())]
    Folder {
        /// Where it was to be.
        parent: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The operating system allows about 100 bytes for the path of a socket.
    #[error("`{}` is too long for the path of a socket", path.display())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// A socket could not be made.
    #[error("failed to listen on `{}`", path.display())]
    Listen {
        /// Its path.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl ServeError {
    /// What to do now.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } | Self::TooLong { .. } => {
                Some("Set `TMPDIR` to a short path that can be written to, such as `/tmp`".into())
            }
            Self::Listen { .. } => None,
        }
    }
}

/// Providers that are being served. Dropping this stops them at once; see [`Providers::stop`].
#[derive(Debug)]
pub struct Providers {
    sockets: BTreeMap<String, PathBuf>,
    stop: CancellationToken,
    listeners: JoinSet<()>,
    /// Removed, with the sockets, when dropped.
    _folder: TempDir,
}

impl Providers {
    /// Serves each provider by its full address, such as `registry.terraform.io/hashicorp/aws`.
    ///
    /// Each has a socket of its own, since no message says for which provider it is. Terraform looks
    /// for a registry if an address is missing, so all are needed: required and implied ones, and
    /// those that only a function call or the state mentions.
    ///
    /// Connections are taken by tasks of the runtime that this is awaited on.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if a socket cannot be made.
    pub async fn serve(providers: BTreeMap<String, Connect>) -> Result<Self, ServeError> {
        // The user's own folder for temporary files is often long, on macOS always.
        match Self::serve_in(&env::temp_dir(), providers.clone()) {
            Err(ServeError::TooLong { .. }) => Self::serve_in(Path::new("/tmp"), providers),
            served => served,
        }
    }

    fn serve_in(parent: &Path, providers: BTreeMap<String, Connect>) -> Result<Self, ServeError> {
        let folder = tempfile::Builder::new()
            .prefix("drctl-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent)
            .map_err(|source| ServeError::Folder { parent: parent.to_owned(), source })?;
        let stop = CancellationToken::new();
        let mut sockets = BTreeMap::new();
        let mut listeners = JoinSet::new();
        for (index, (address, connect)) in providers.into_iter().enumerate() {
            let path = folder.path().join(index.to_string());
            if SocketAddr::from_pathname(&path).is_err() {
                return Err(ServeError::TooLong { path });
            }
            let listener = UnixListener::bind(&path)
                .map_err(|source| ServeError::Listen { path: path.clone(), source })?;
            listeners.spawn(listen(listener, connect, stop.clone()));
            sockets.insert(address, path);
        }
        Ok(Self { sockets, stop, listeners, _folder: folder })
    }

    /// Returns what [`VARIABLE`] is to be for Terraform to use these providers.
    pub fn reattach(&self) -> String {
        let attachments: BTreeMap<_, _> =
            self.sockets.iter().map(|(address, path)| (address, Attachment::to(path))).collect();
        serde_json::to_string(&attachments).expect("strings and numbers are always JSON")
    }

    /// Stops taking calls, lets those under way end for up to two seconds, and removes the sockets.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.listeners.join_next().await.is_some() {}
    }
}

/// How Terraform's plugin library reads a running plugin
/// ([source](https://github.com/hashicorp/go-plugin/blob/main/client.go)).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment<'a> {
    protocol: &'static str,
    protocol_version: u8,
    /// Has to be alive, and is not signalled thanks to `test`.
    pid: u32,
    /// Without this, Terraform kills the process when it is done, and takes the protocol to be 5.
    test: bool,
    addr: Addr<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Addr<'a> {
    network: &'static str,
    string: &'a Path,
}

impl<'a> Attachment<'a> {
    fn to(path: &'a Path) -> Self {
        Self {
            protocol: "grpc",
            protocol_version: 6,
            pid: process::id(),
            test: true,
            addr: Addr { network: "unix", string: path },
        }
    }
}

/// Takes connections until `stop`, and then waits for those that are open.
async fn listen(listener: UnixListener, connect: Connect, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    connections.spawn(grpc::serve(stream, Instance(connect()), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to take a provider connection");
                    time::sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let ended = time::timeout(GRACE, async { while connections.join_next().await.is_some() {} });
    if ended.await.is_err() {
        tracing::debug!(open = connections.len(), "provider connections were cut");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::wire::{
        message::GetProviderSchemaResponse,
        service::{Answer, Service},
    };
    use std::sync::Arc;
    use tokio::net::UnixStream;

    struct Bare;

    #[async_trait::async_trait]
    impl Service for Bare {
        async fn get_provider_schema(&self) -> Answer<GetProviderSchemaResponse> {
            Ok(GetProviderSchemaResponse::default())
        }
    }

    fn providers() -> BTreeMap<String, Connect> {
        let connect: Connect = Arc::new(|| Arc::new(Bare));
        ["registry.terraform.io/hashicorp/aws", "example.com/acme/thing"]
            .map(|address| (address.to_owned(), Arc::clone(&connect)))
            .into()
    }

    #[tokio::test]
    async fn terraform_is_told_where_each_provider_listens() {
        let served = Providers::serve(providers()).await.unwrap();
        let folder = served._folder.path().to_str().unwrap();
        let text = served
            .reattach()
            .replace(folder, "/FOLDER")
            .replace(&format!("\"Pid\":{}", process::id()), "\"Pid\":1");
        insta::assert_snapshot!(text, @r#"{"example.com/acme/thing":{"Protocol":"grpc","ProtocolVersion":6,"Pid":1,"Test":true,"Addr":{"Network":"unix","String":"/FOLDER/0"}},"registry.terraform.io/hashicorp/aws":{"Protocol":"grpc","ProtocolVersion":6,"Pid":1,"Test":true,"Addr":{"Network":"unix","String":"/FOLDER/1"}}}"#);
    }

    #[tokio::test]
    async fn sockets_are_private_and_are_gone_once_stopped() {
        let served = Providers::serve(providers()).await.unwrap();
        let folder = served._folder.path().to_owned();
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        // A connection that never says a word holds up the stop for the grace and no longer.
        let idle = UnixStream::connect(folder.join("0")).await.unwrap();
        served.stop().await;
        assert!(!folder.exists());
        drop(idle);
    }

    #[tokio::test]
    async fn a_path_that_no_socket_can_have_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(100));
        fs::create_dir(&long).unwrap();
        let error = Providers::serve_in(&long, providers()).unwrap_err();
        assert!(matches!(&error, ServeError::TooLong { path } if path.starts_with(&long)));
        assert!(error.hint().unwrap().contains("TMPDIR"));
        // The folder for the sockets does not stay behind.
        assert_eq!(fs::read_dir(&long).unwrap().count(), 0);
    }
}
