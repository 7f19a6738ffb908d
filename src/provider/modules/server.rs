//! The registry's server: it listens on the loopback interface for as long as a rehearsal lasts.

use super::{
    address::PUBLIC,
    answer::{Missing, PREFIX, Served, answer},
    error::ModulesError,
    shelf::Shelf,
    wanted::Wanted,
};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    fmt::Write,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{self, Path},
    pin::pin,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU32},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A running registry. When it is dropped it stops as [`ModuleRegistry::stop`] does, without
/// waiting.
#[derive(Debug)]
pub struct ModuleRegistry {
    /// Where it listens: a free port of 127.0.0.1.
    pub address: SocketAddr,
    served: Arc<Served>,
    stop: DropGuard,
    listening: JoinHandle<()>,
}

impl ModuleRegistry {
    /// Begins to serve the modules in `dir`, on the runtime that this is called on.
    ///
    /// Every download is copied into a new folder in `copies`, which is made if it is not there.
    /// Terraform links to the copies, so they must stay until the last command on a module that
    /// was fetched here; nothing here removes them.
    ///
    /// `wanted` is what the rehearsed repository calls. What the modules in `dir` call in turn is
    /// found now.
    ///
    /// # Errors
    ///
    /// [`ModulesError::Folder`] when there is no such folder, and others when `copies` cannot be
    /// made or there is no port. A module that is missing is no error: see
    /// [`ModuleRegistry::missing`].
    pub async fn start(
        dir: &Path,
        copies: &Path,
        mut wanted: Wanted,
    ) -> Result<Self, ModulesError> {
        let shelf = Shelf::open(dir)?;
        let write = |source| ModulesError::Write { path: copies.to_owned(), source };
        let copies = path::absolute(copies).map_err(write)?;
        fs::create_dir_all(&copies).map_err(write)?;
        let follow = tokio::task::spawn_blocking(move || {
            wanted.follow(&shelf);
            (shelf, wanted)
        });
        let (shelf, wanted) = follow.await.map_err(|source| ModulesError::Worker { source })?;

        let listen = |source| ModulesError::Listen { source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (made, missing) = (AtomicU32::new(0), Mutex::default());
        let served = Arc::new(Served { shelf, wanted, copies, made, missing });
        let stop = CancellationToken::new();
        let listening = tokio::spawn(accept(listener, Arc::clone(&served), stop.clone()));
        Ok(Self { address, served, stop: stop.drop_guard(), listening })
    }

    /// Returns the text of a CLI configuration file, for `TF_CLI_CONFIG_FILE`, that sends Terraform
    /// here: for the public registry and for every other that a call names.
    ///
    /// It takes the place of the user's own CLI configuration, with its credentials and mirrors. It
    /// names no service for providers, so one that is not simulated fails at once, by name.
    pub fn cli_config(&self) -> String {
        let mut hosts = self.served.wanted.hosts();
        hosts.insert(PUBLIC);
        let mut config = String::new();
        for host in hosts {
            // Writing to a `String` cannot fail.
            let _ = writeln!(
                config,
                "host \"{host}\" {{\n  services = {{ \"modules.v1\" = \"http://{}{PREFIX}\" }}\n}}",
                self.address
            );
        }
        config
    }

    /// Returns the modules that were asked for so far and not served, each once, oldest first.
    pub fn missing(&self) -> Vec<Missing> {
        self.served.missing.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops: takes no new connection, lets the requests in flight end, for at most `grace`, and
    /// returns true when all of them did.
    pub async fn stop(self, grace: Duration) -> bool {
        let mut listening = self.listening;
        drop(self.stop);
        let ended = timeout(grace, &mut listening).await;
        listening.abort();
        ended.is_ok()
    }
}

/// Takes connections until told to stop, and ends when the last of them has.
async fn accept(listener: TcpListener, served: Arc<Served>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    connections.spawn(serve(stream, Arc::clone(&served), stop.clone()));
                }
                Err(error) => {
                    // Too many open files, most likely: some may be closed in a moment.
                    tracing::warn!(%error, "failed to take a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve(stream: TcpStream, served: Arc<Served>, stop: CancellationToken) {
    let service = service_fn(|request| {
        let served = Arc::clone(&served);
        async move { Ok::<_, Infallible>(answer(served, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke off");
    }
}
