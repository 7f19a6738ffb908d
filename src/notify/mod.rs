//! Tells people: messages, the channels that carry them, and an outbox that forgets none.
//!
//! An address of a channel is a secret, since whoever knows it can speak in drctl's name: it is
//! never part of an error, and never written into the outbox.

mod courier;
mod outbox;
mod run;
mod slack;

pub use courier::{Courier, Deliver, LIMIT, NotifyError};
pub use outbox::{MOST_PENDING, Note, Outbox, OutboxError};
pub use run::{Clock, GIVE_UP_AFTER, run};

use crate::program::Program;
use jiff::Timestamp;
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// What people are told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What tells it from any other: it is the same each time the message is delivered, so that a
    /// receiver can drop what it has already.
    pub id: String,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// The service.
    pub service: String,
    /// The one word for what it tells of, such as `outage`, for programs.
    pub kind: String,
    /// The same in one line.
    pub title: String,
    /// What happened and what can be done, in a few lines.
    pub text: String,
    /// What is known, by name.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
    /// Where to go on from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// How somebody is told.
#[derive(Clone)]
pub enum Channel {
    /// The message is posted as JSON, in the form `drctl/notice/v1`.
    ///
    /// The header `Drctl-Id` has the message's id. With a key, `Drctl-Signature` has `sha256=` and
    /// the HMAC-SHA256 of the body (RFC 2104) in hexadecimal digits.
    Webhook {
        /// Where it is posted.
        url: Address,
        /// What signs the body.
        key: Option<String>,
    },
    /// The message is posted in the form of Slack's incoming webhooks, which others take, too.
    Slack {
        /// Where it is posted.
        url: Address,
    },
    /// A program gets the JSON of a webhook on its standard input.
    Command(Program),
}

/// An address that is a secret.
#[derive(Clone)]
pub struct Address(Url);

/// The text is no address of `http` or `https`; it is not repeated, since it may be a secret.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is not an address such as `https://hooks.example.com/…`")]
pub struct AddressError;

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    ///
    /// [`AddressError`] when it is none of `http` or `https`.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        let url = Url::parse(text.trim()).map_err(|_| AddressError)?;
        match matches!(url.scheme(), "http" | "https") && url.has_host() {
            true => Ok(Self(url)),
            false => Err(AddressError),
        }
    }
}

impl fmt::Debug for Address {
    /// Shows the host alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}/…", self.0.scheme(), self.0.host_str().unwrap_or_default())
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Webhook { url, key } => {
                let signed = key.is_some();
                f.debug_struct("Webhook").field("url", url).field("signed", &signed).finish()
            }
            Self::Slack { url } => f.debug_struct("Slack").field("url", url).finish(),
            Self::Command(program) => f.debug_tuple("Command").field(program).finish(),
        }
    }
}

/// A message as a webhook and a command get it.
#[derive(Serialize)]
struct Notice<'a> {
    schema: &'static str,
    #[serde(flatten)]
    message: &'a Message,
}

impl<'a> Notice<'a> {
    fn of(message: &'a Message) -> Self {
        Self { schema: "drctl/notice/v1", message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_shown() {
        let url = Address::new("https://hooks.example.com/T0/hunter2").unwrap();
        let channel = Channel::Webhook { url, key: Some("k3y".to_owned()) };
        let shown = format!("{channel:?}");
        assert_eq!(shown, "Webhook { url: https://hooks.example.com/…, signed: true }");
        for wrong in ["hunter2", "ftp://hunter2/", "http://"] {
            let error = Address::new(wrong).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
