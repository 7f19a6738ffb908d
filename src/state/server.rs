//! The server: it listens on the loopback interface for as long as a run lasts.

use super::{
    auth::Credentials,
    endpoint::Endpoint,
    error::StateError,
    protocol::{PREFIX, Served, answer},
    store::StateStore,
};
use crate::model::{run::RunId, step::StepId};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    fs::File,
    mem,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// A request of Terraform's that could not be granted.
///
/// Terraform 1.11 tells its user the status code only, and of a lock nothing but
/// its name, beside a description of the lock it did *not* get. Whoever ran it must
/// add this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The stack whose state it was about.
    pub stack: StepId,
    /// The whole error chain, outermost first.
    pub cause: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What became of a server that came to no end of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// This one is reached as that was: its Terraform does not know the difference.
    StoodInFor,
    /// The machine has been started since, so that nothing of it is alive, and what was not synced
    /// is lost.
    Rebooted,
    /// Its port is another program's now: its Terraform, if it is alive, reaches no state.
    Unreachable,
}

/// A running server. When it is dropped it stops as [`StateServer::stop`] does,
/// without waiting.
pub struct StateServer {
    /// Where it listens: a free port of 127.0.0.1.
    pub address: SocketAddr,
    /// What became of the server before, when that came to no end of its own.
    pub before: Option<Before>,
    served: Arc<Served>,
    stop: DropGuard,
    listening: tokio::task::JoinHandle<()>,
}

impl StateServer {
    /// Begins to serve a store, on the runtime that this is called on.
    ///
    /// Stands in for a server that was killed, when there was one: with its port and its password,
    /// so that a Terraform which outlived it can go on. Otherwise the password is made anew.
    ///
    /// # Errors
    ///
    /// [`StateError::InUse`] when another drctl serves the same folder, and others
    /// when there is no port, no password, or no access to the folder.
    pub async fn start(store: Arc<StateStore>, run: RunId) -> Result<Self, StateError> {
        let claim = store.claim()?;
        store.tidy()?;
        let listen = |source| StateError::Listen { source };
        let (listener, credentials, before) = match Endpoint::left(&store) {
            None => (listen_anew().await?, Credentials::random()?, None),
            Some(left) => stand_in(left).await?,
        };
        let address = listener.local_addr().map_err(listen)?;
        Endpoint::new(address.port(), credentials.password()).keep(&store)?;
        let served = Arc::new(Served { store, run, credentials, troubles: Mutex::default() });
        let stop = CancellationToken::new();
        let listening = tokio::spawn(accept(listener, Arc::clone(&served), stop.clone(), claim));
        Ok(Self { address, before, served, stop: stop.drop_guard(), listening })
    }

    /// Returns the address of the state of `stack`, which another stack may read with the
    /// environment of its own.
    pub fn url(&self, stack: &StepId) -> String {
        format!("http://{}{PREFIX}{stack}", self.address)
    }

    /// Returns the environment in which Terraform finds the state of `stack` here,
    /// given a block `backend "http" {}`.
    ///
    /// It holds the password, and it must be given to every command that touches
    /// state. It also pins what an inherited variable could bend.
    ///
    /// # Errors
    ///
    /// [`StateError::Name`] when the stack's name cannot name a folder.
    pub fn backend_env(&self, stack: &StepId) -> Result<Vec<(String, String)>, StateError> {
        self.served.store.folder(stack)?;
        let address = self.url(stack);
        let credentials = &self.served.credentials;
        let env = [
            ("TF_HTTP_ADDRESS", address.as_str()),
            ("TF_HTTP_LOCK_ADDRESS", &address),
            ("TF_HTTP_UNLOCK_ADDRESS", &address),
            ("TF_HTTP_UPDATE_METHOD", "POST"),
            ("TF_HTTP_LOCK_METHOD", "LOCK"),
            ("TF_HTTP_UNLOCK_METHOD", "UNLOCK"),
            ("TF_HTTP_USERNAME", credentials.username()),
            ("TF_HTTP_PASSWORD", credentials.password()),
            // On loopback a server that does not answer was killed, and another one may stand in
            // for it: that is waited for, about ten minutes long, since to give up is to stop in
            // the middle. Seconds.
            ("TF_HTTP_RETRY_MAX", "120"),
            ("TF_HTTP_RETRY_WAIT_MIN", "1"),
            ("TF_HTTP_RETRY_WAIT_MAX", "5"),
        ];
        Ok(env.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    /// Returns what could not be granted since this was last called, oldest first.
    pub fn take_troubles(&self) -> Vec<Trouble> {
        let troubles = &self.served.troubles;
        mem::take(&mut troubles.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Stops: takes no new connection, lets the requests in flight end, for at most
    /// `grace`, and returns true when all of them did.
    pub async fn stop(self, grace: Duration) -> bool {
        let mut listening = self.listening;
        drop(self.stop);
        let ended = timeout(grace, &mut listening).await;
        listening.abort();
        Endpoint::forget(&self.served.store);
        ended.is_ok()
    }
}

async fn listen_anew() -> Result<TcpListener, StateError> {
    let listen = |source| StateError::Listen { source };
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(listen)
}

/// Listens where a killed server did, if that is possible and anybody may still ask.
async fn stand_in(
    left: Endpoint,
) -> Result<(TcpListener, Credentials, Option<Before>), StateError> {
    let before = if left.boot != Endpoint::new(0, "").boot {
        Before::Rebooted
    } else {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, left.port)).await {
            Ok(listener) => {
                let credentials = Credentials::of(left.password);
                return Ok((listener, credentials, Some(Before::StoodInFor)));
            }
            // Whoever has the port may have been told the password.
            Err(_) => Before::Unreachable,
        }
    };
    Ok((listen_anew().await?, Credentials::random()?, Some(before)))
}

/// Takes connections until told to stop, and ends when the last of them has.
/// The claim on the store is held until then.
async fn accept(listener: TcpListener, served: Arc<Served>, stop: CancellationToken, _claim: File) {
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
