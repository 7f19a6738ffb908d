//! Delivers one message over one channel, once.

use super::{Channel, Message, Notice, slack};
use crate::{model::text::hex, program::Program};
use async_trait::async_trait;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, HeaderName, RETRY_AFTER},
    redirect::Policy,
};
use sha2::Sha256;
use std::{error::Error, iter, time::Duration};
use tokio::{sync::OnceCell, task::spawn_blocking, time::timeout};

/// How long one delivery may take.
pub const LIMIT: Duration = Duration::from_secs(10);
/// The longest that a receiver can ask us to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

const ID: HeaderName = HeaderName::from_static("drctl-id");
const SIGNATURE: HeaderName = HeaderName::from_static("drctl-signature");

/// Why a message was not delivered. No address is part of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum NotifyError {
    /// The receiver answered with another status than one from 200 to 299.
    #[error("it answered with status {status}")]
    Status {
        /// The status.
        status: u16,
        /// How long it asks us to wait before the next attempt; at most an hour.
        retry_after: Option<Duration>,
    },
    /// There was no answer in time, or the program did not end.
    #[error("it took longer than {0:?}")]
    Late(Duration),
    /// There was no way there, or no answer that could be read.
    #[error("{0}")]
    Network(String),
    /// The program did not end well.
    #[error("{0}")]
    Command(String),
    /// The message cannot be sent at all.
    #[error("it cannot be sent: {0}")]
    Message(String),
}

impl NotifyError {
    /// Returns true when it may be different the next time: all but a receiver that refuses the
    /// message (a status from 300 to 499, without 408 and 429).
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            Self::Late(_) | Self::Network(_) | Self::Command(_) => true,
            Self::Message(_) => false,
        }
    }

    /// Returns how long the receiver asks us to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// Delivers. The real one is [`Courier`].
#[async_trait]
pub trait Deliver: Send + Sync {
    /// Delivers a message within `limit`.
    ///
    /// # Errors
    ///
    /// [`NotifyError`] tells whether to try again.
    async fn deliver(
        &self,
        channel: &Channel,
        message: &Message,
        limit: Duration,
    ) -> Result<(), NotifyError>;
}

/// Delivers over the network, and runs programs.
///
/// A proxy that the environment names is used. Redirects are not followed: a message that went
/// elsewhere is not delivered.
#[derive(Default)]
pub struct Courier {
    client: OnceCell<Client>,
}

#[async_trait]
impl Deliver for Courier {
    async fn deliver(
        &self,
        channel: &Channel,
        message: &Message,
        limit: Duration,
    ) -> Result<(), NotifyError> {
        let delivered = async {
            match channel {
                Channel::Webhook { url, key } => {
                    self.post(&url.0, body(message)?, message, key.as_deref()).await
                }
                Channel::Slack { url } => {
                    let body = slack::payload(message).to_string().into_bytes();
                    self.post(&url.0, body, message, None).await
                }
                Channel::Command(program) => run(program, &body(message)?).await,
            }
        };
        timeout(limit, delivered).await.unwrap_or(Err(NotifyError::Late(limit)))
    }
}

impl Courier {
    async fn post(
        &self,
        url: &Url,
        body: Vec<u8>,
        message: &Message,
        key: Option<&str>,
    ) -> Result<(), NotifyError> {
        let mut request = self
            .client()
            .await?
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ID, &message.id);
        if let Some(key) = key {
            request = request.header(SIGNATURE, signature(key, &body));
        }
        match request.body(body).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(refused(&response, Timestamp::now())),
            Err(error) if error.is_builder() => {
                Err(NotifyError::Message("its id cannot be a header".to_owned()))
            }
            Err(error) => Err(NotifyError::Network(cause(error))),
        }
    }

    async fn client(&self) -> Result<&Client, NotifyError> {
        let client = || async {
            // It reads the system's trusted certificates.
            let made = spawn_blocking(|| {
                Client::builder()
                    .user_agent(concat!("drctl/", env!("CARGO_PKG_VERSION")))
                    .redirect(Policy::none())
                    .build()
            });
            let made = made.await.map_err(|broken| NotifyError::Network(broken.to_string()))?;
            made.map_err(|error| NotifyError::Network(cause(error)))
        };
        self.client.get_or_try_init(client).await
    }
}

fn body(message: &Message) -> Result<Vec<u8>, NotifyError> {
    serde_json::to_vec(&Notice::of(message))
        .map_err(|error| NotifyError::Message(error.to_string()))
}

/// Signs a body: `sha256=` and its HMAC-SHA256 in hexadecimal digits.
fn signature(key: &str, body: &[u8]) -> String {
    // A key of any length is taken (RFC 2104).
    let signed = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map(|mac| mac.chain_update(body));
    format!("sha256={}", signed.map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default())
}

fn refused(response: &Response, now: Timestamp) -> NotifyError {
    let status: StatusCode = response.status();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|text| wait(text, now)).map(|wait| wait.min(LONGEST_WAIT));
    NotifyError::Status { status: status.as_u16(), retry_after }
}

/// Reads `Retry-After`: seconds, or a time (RFC 9110, section 10.2.3).
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Duration::try_from(at.duration_since(now)).unwrap_or_default())
}

/// The innermost cause, which knows nothing of the address.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let innermost = iter::successors(error.source(), |cause| (*cause).source()).last();
    innermost.map_or_else(|| error.to_string(), ToString::to_string)
}

async fn run(program: &Program, body: &[u8]) -> Result<(), NotifyError> {
    let name = program.argv.first().map_or("", String::as_str);
    match program.run(body).await {
        Ok(ended) if ended.status.success() => Ok(()),
        Ok(ended) => Err(NotifyError::Command(format!("`{name}`: {}", ended.summary()))),
        Err(error) => Err(NotifyError::Command(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_test_vector() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature("Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }

    #[test]
    fn how_long_to_wait_is_seconds_or_a_time() {
        let now: Timestamp = "2026-03-14T02:59:00Z".parse().unwrap();
        let seconds = |text| wait(text, now).map(|wait| wait.as_secs());
        assert_eq!(seconds("30"), Some(30));
        assert_eq!(seconds("Sat, 14 Mar 2026 03:00:00 GMT"), Some(60));
        assert_eq!(seconds("Sat, 14 Mar 2026 02:00:00 GMT"), Some(0));
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn what_a_receiver_refuses_is_not_sent_again() {
        let retryable = |status| NotifyError::Status { status, retry_after: None }.is_retryable();
        assert!([408, 429, 500, 503, 599].into_iter().all(retryable));
        assert!(![301, 400, 401, 403, 404, 410].into_iter().any(retryable));
        assert!(NotifyError::Late(LIMIT).is_retryable());
    }
}
