//! gRPC as far as calls with one message each way need it: HTTP/2 without encryption.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, combinators::WithTrailers};
use hyper::{
    HeaderMap, Request, Response,
    body::Body,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use std::{
    convert::Infallible,
    error::Error,
    fmt::Write,
    future::{Future, Ready, ready},
    sync::Arc,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

/// The largest message, in bytes: a bound for what a broken peer can make us keep in memory, far
/// beyond any schema or state of one resource.
pub const MAX_MESSAGE: usize = 256 << 20;

/// Before each message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// How much Terraform may send before it waits for us, in bytes. Schemas and states of some
/// resources are larger than HTTP/2's 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Why a call has no answer, as numbered by
/// [gRPC](https://github.com/grpc/grpc/blob/master/doc/statuscodes.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The message makes no sense.
    InvalidArgument = 3,
    /// The message asks for something that there is not.
    NotFound = 5,
    /// The message is too large.
    ResourceExhausted = 8,
    /// The call is not one of ours. Terraform goes on without an optional one.
    Unimplemented = 12,
    /// We failed.
    Internal = 13,
}

/// Why a call has no answer. Shown to the user by Terraform, as a failure of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Status {
    /// The kind of failure.
    pub code: Code,
    /// What happened.
    pub message: String,
}

impl Status {
    /// Returns a failure with a message.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// Returns a failure with what `error` and everything that caused it say.
    pub fn because(code: Code, error: &(dyn Error + 'static)) -> Self {
        Self::new(code, crate::model::chain(error).join(": "))
    }
}

/// A message, encoded as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply(Bytes);

impl Reply {
    /// Encodes `message` once, in place.
    ///
    /// # Errors
    ///
    /// [`Code::ResourceExhausted`] if it is larger than [`MAX_MESSAGE`].
    pub fn new(message: &impl Message) -> Result<Self, Status> {
        let len = message.encoded_len();
        let too_large = || Status::new(Code::ResourceExhausted, format!("{len} bytes to answer"));
        let prefix = u32::try_from(len).ok().filter(|_| len <= MAX_MESSAGE);
        let mut frame = BytesMut::with_capacity(PREFIX + len);
        frame.put_u8(0);
        frame.put_u32(prefix.ok_or_else(too_large)?);
        message.encode_raw(&mut frame);
        Ok(Self(frame.freeze()))
    }
}

/// Answers the calls of one connection.
pub trait Handler: Send + Sync + 'static {
    /// The gRPC service whose methods these are, such as `tfplugin6.Provider`.
    const SERVICE: &'static str;

    /// Answers a call of `method` with the message that came with it.
    fn call(
        &self,
        method: &str,
        message: Bytes,
    ) -> impl Future<Output = Result<Reply, Status>> + Send;
}

/// Serves one connection until the other side closes it, or until `stop`.
///
/// When stopped, calls that are under way are answered and no more are taken.
pub async fn serve<H: Handler>(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    handler: H,
    stop: CancellationToken,
) {
    let handler = Arc::new(handler);
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move { Ok::<_, Infallible>(respond(answer(&*handler, request).await)) }
    });
    let connection = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    let end = tokio::select! {
        end = connection.as_mut() => end,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = end {
        // Terraform drops connections without ceremony when it is done.
        tracing::debug!(%error, "a provider connection ended");
    }
}

async fn answer<H, B>(handler: &H, request: Request<B>) -> Result<Reply, Status>
where
    H: Handler,
    B: Body<Error: Error + Send + Sync + 'static>,
{
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    let own = path.strip_prefix('/').and_then(|path| path.strip_prefix(H::SERVICE));
    let Some(method) = own.and_then(|rest| rest.strip_prefix('/')) else {
        // Not read to its end: the plugin library opens streams here that never have one.
        return Err(Status::new(Code::Unimplemented, format!("there is no `{path}`")));
    };
    let frame = Limited::new(body, PREFIX + MAX_MESSAGE).collect().await.map_err(|error| {
        let large = error.is::<LengthLimitError>();
        let code = if large { Code::ResourceExhausted } else { Code::Internal };
        Status::new(code, format!("failed to read a call of `{method}`: {error}"))
    })?;
    handler.call(method, unframe(frame.to_bytes())?).await
}

/// Returns the one message in `frame`, without copying it.
fn unframe(mut frame: Bytes) -> Result<Bytes, Status> {
    if frame.len() < PREFIX {
        return Err(Status::new(Code::InvalidArgument, "the call has no message"));
    }
    if frame.get_u8() != 0 {
        return Err(Status::new(Code::Unimplemented, "compressed messages are not read"));
    }
    if frame.get_u32() as usize != frame.len() {
        return Err(Status::new(Code::InvalidArgument, "the call is not one whole message"));
    }
    Ok(frame)
}

type Answer = WithTrailers<Full<Bytes>, Ready<Option<Result<HeaderMap, Infallible>>>>;

/// Returns the answer in HTTP, where the status always follows in the trailers.
fn respond(result: Result<Reply, Status>) -> Response<Answer> {
    let mut trailers = HeaderMap::with_capacity(2);
    let body = match result {
        Ok(Reply(frame)) => {
            trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from(0));
            frame
        }
        Err(Status { code, message }) => {
            trailers.insert(HeaderName::from_static("grpc-status"), HeaderValue::from(code as u16));
            let message = HeaderValue::try_from(percent_encoded(&message))
                .expect("what is percent-encoded is visible ASCII");
            trailers.insert(HeaderName::from_static("grpc-message"), message);
            Bytes::new()
        }
    };
    let mut response = Response::new(Full::new(body).with_trailers(ready(Some(Ok(trailers)))));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

/// Writes text as gRPC wants it in a header.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(byte.into()),
            _ => write!(encoded, "%{byte:02X}").expect("writing to a string never fails"),
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::wire::message::Diagnostic;
    use silent::Silent;

    /// Answers with the message that came, and fails on `Fail`.
    struct Echo;

    impl Handler for Echo {
        const SERVICE: &'static str = "test.Echo";

        async fn call(&self, method: &str, message: Bytes) -> Result<Reply, Status> {
            match method {
                "Fail" => Err(Status::new(Code::NotFound, "100% missing\n")),
                _ => Reply::new(&Diagnostic::decode(message).unwrap()),
            }
        }
    }

    /// Returns the frames and the trailers that come back.
    async fn call(path: &str, body: impl Into<Bytes>) -> (Bytes, HeaderMap) {
        let request = Request::builder().uri(path).body(Full::new(body.into())).unwrap();
        let response = respond(answer(&Echo, request).await);
        let collected = response.into_body().collect().await.unwrap();
        let trailers = collected.trailers().cloned().unwrap();
        (collected.to_bytes(), trailers)
    }

    fn framed(message: &Diagnostic) -> Bytes {
        Reply::new(message).unwrap().0
    }

    #[tokio::test]
    async fn a_message_comes_back_in_a_frame_with_status_zero() {
        let message = Diagnostic::error("summary", "detail");
        let (frame, trailers) = call("/test.Echo/Any", framed(&message)).await;
        let length = u8::try_from(message.encoded_len()).unwrap();
        assert_eq!(frame[..PREFIX], [0, 0, 0, 0, length]);
        assert_eq!(Diagnostic::decode(&frame[PREFIX..]).unwrap(), message);
        assert_eq!(trailers["grpc-status"], "0");
    }

    #[tokio::test]
    async fn an_empty_message_is_a_message() {
        let (frame, trailers) = call("/test.Echo/Any", framed(&Diagnostic::default())).await;
        assert_eq!(frame, Bytes::from_static(&[0; PREFIX]));
        assert_eq!(trailers["grpc-status"], "0");
    }

    #[tokio::test]
    async fn a_failure_is_told_in_the_trailers_and_escaped() {
        let (frame, trailers) = call("/test.Echo/Fail", framed(&Diagnostic::default())).await;
        assert!(frame.is_empty());
        assert_eq!(trailers["grpc-status"], "5");
        assert_eq!(trailers["grpc-message"], "100%25 missing%0A");
    }

    #[tokio::test]
    async fn another_service_is_unimplemented_without_waiting_for_its_stream() {
        let request =
            Request::builder().uri("/plugin.GRPCBroker/StartStream").body(Silent).unwrap();
        let status = answer(&Echo, request).await.unwrap_err();
        assert_eq!(status.code, Code::Unimplemented);
    }

    #[tokio::test]
    async fn what_is_not_one_plain_message_is_refused() {
        let whole = framed(&Diagnostic::error("a", "b"));
        for (body, code) in [
            (Bytes::new(), "3"),
            (whole.slice(..whole.len() - 1), "3"),
            ([&whole[..], &whole[..]].concat().into(), "3"),
            (Bytes::from_static(&[1, 0, 0, 0, 0]), "12"),
        ] {
            let (_, trailers) = call("/test.Echo/Any", body).await;
            assert_eq!(trailers["grpc-status"], code);
        }
    }

    /// A stream that is open and silent.
    mod silent {
        use super::*;
        use hyper::body::Frame;
        use std::{pin::Pin, task};

        pub(super) struct Silent;

        impl Body for Silent {
            type Data = Bytes;
            type Error = Infallible;

            fn poll_frame(
                self: Pin<&mut Self>,
                _: &mut task::Context<'_>,
            ) -> task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
                task::Poll::Pending
            }
        }
    }
}
