//! A small server for HTTP: a question comes in, an answer goes out.
//!
//! What it answers is at hand; nothing waits in here. Whoever is slow or sends too much is cut off.

use http_body_util::{BodyExt, Full, Limited};
use hyper::{body::Bytes, header, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How many connections are served at once; others wait.
const CONNECTIONS: usize = 64;
/// How much of a body is taken, in bytes.
const BODY_LIMIT: usize = 64 << 10;
/// How long a connection may last.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// What follows the question mark; empty without one.
    pub query: String,
    /// The body, as text.
    pub body: String,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Response {
    /// An answer in plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", body: body.into() }
    }
}

/// Answers.
pub trait Handler: Send + Sync + 'static {
    /// Answers one question, without waiting for anything.
    fn answer(&self, request: &Request) -> Response;
}

/// A running server; it stops when it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    _stop: DropGuard,
}

impl Server {
    /// Begins to serve, on the runtime that this is called on.
    ///
    /// # Errors
    ///
    /// The address is taken, or not of this machine.
    pub async fn start(address: SocketAddr, handler: Arc<dyn Handler>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        tokio::spawn(accept(listener, handler, stop.clone()));
        Ok(Self { address, _stop: stop.drop_guard() })
    }
}

async fn accept(listener: TcpListener, handler: Arc<dyn Handler>, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropped at the end, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        tokio::select! {
            () = stop.cancelled() => return,
            taken = listener.accept() => match taken {
                Ok((stream, _)) => {
                    let handler = Arc::clone(&handler);
                    connections.spawn(async move {
                        let _ = timeout(PATIENCE, serve(stream, handler)).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "failed to take a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, handler: Arc<dyn Handler>) {
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(answer(handler, request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).keep_alive(false);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection broke off");
    }
}

async fn answer(
    handler: Arc<dyn Handler>,
    request: hyper::Request<hyper::body::Incoming>,
) -> hyper::Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => handler.answer(&Request {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        }),
        Err(_) => Response::text(413, "too much was sent\n"),
    };
    let built = hyper::Response::builder()
        .status(response.status)
        .header(header::CONTENT_TYPE, response.content_type)
        // What is answered holds secrets of a moment, and shows nothing of others.
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::X_FRAME_OPTIONS, "DENY")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        )
        .body(Full::new(Bytes::from(response.body)));
    built.unwrap_or_else(|_| hyper::Response::new(Full::new(Bytes::new())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    struct Echo;

    impl Handler for Echo {
        fn answer(&self, request: &Request) -> Response {
            let Request { method, path, query, body } = request;
            Response::text(200, format!("{method} {path} {query} {body}"))
        }
    }

    async fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text).await;
        text
    }

    #[tokio::test]
    async fn a_question_is_answered() {
        let server = Server::start(([127, 0, 0, 1], 0).into(), Arc::new(Echo)).await.unwrap();
        let text = ask(
            server.address,
            "POST /a/b?c=d HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nyes",
        )
        .await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("POST /a/b c=d yes"), "{text}");
    }

    #[tokio::test]
    async fn too_much_is_not_taken_and_garbage_is_no_question() {
        let server = Server::start(([127, 0, 0, 1], 0).into(), Arc::new(Echo)).await.unwrap();
        let body = "x".repeat(BODY_LIMIT + 1);
        let much =
            format!("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        assert!(ask(server.address, &much).await.starts_with("HTTP/1.1 413"));
        assert!(
            ask(server.address, "\u{16}\u{3}\u{1} hello\r\n\r\n").await.starts_with("HTTP/1.1 400")
        );
        // It goes on serving.
        assert!(
            ask(server.address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .starts_with("HTTP/1.1 200")
        );
    }
}
