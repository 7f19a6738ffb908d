//! Is the service there? Asking it, over HTTP, TCP or DNS or through a command, from here or from
//! elsewhere; and whether a cloud's region answers.
//!
//! "Down" is an answer and not an error: every way to be down has its word in
//! [`Why`]. Each question is asked anew, over a new connection and with a new
//! answer from DNS, since that is what changes while a service moves.

mod certificate;
mod command;
mod dns;
mod elsewhere;
mod http;
mod recovery_point;
mod region;
#[cfg(any(test, feature = "test-fakes"))]
mod scripted;
mod tcp;
mod verify;

pub use crate::program::Program as CommandTarget;
pub use dns::{DnsKind, DnsTarget, DnsTargetError};
pub use elsewhere::{Ask, ElsewhereTarget, Told};
pub use http::{HttpTarget, HttpTargetError};
pub use recovery_point::{RecoveryPointError, recovery_point, time_of_data, time_of_file};
pub use region::{Cloud, RegionTarget, RegionTargetError};
#[cfg(any(test, feature = "test-fakes"))]
pub use scripted::ScriptedProber;
pub use tcp::TcpTarget;
pub use verify::{Probe, ProbeReport, Verification, until_up};

use crate::model::chain;
use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, io, time::Duration};
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout},
};

/// Whom to ask, and what to expect.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A request over HTTP or HTTPS.
    Http(HttpTarget),
    /// A connection over TCP that is made and closed.
    Tcp(TcpTarget),
    /// A name in the DNS.
    Dns(DnsTarget),
    /// The interfaces of a cloud in one region.
    Region(RegionTarget),
    /// A program that exits with 0.
    Command(CommandTarget),
    /// Any of these, asked by a drctl elsewhere.
    Elsewhere(ElsewhereTarget),
}

/// What a probe saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The one word for it.
    pub why: Why,
    /// The same in one line, for people.
    pub detail: String,
    /// How long the answer took.
    pub took: Duration,
    /// When the certificate ends that was served, if one was.
    pub certificate_ends: Option<Timestamp>,
    /// What somebody should see to, and is no reason to count the service as down.
    pub warning: Option<String>,
}

impl Answer {
    /// Makes an answer that warns of nothing.
    pub fn new(why: Why, detail: impl Into<String>, took: Duration) -> Self {
        Self { why, detail: detail.into(), took, certificate_ends: None, warning: None }
    }

    /// Returns true when the service answered as it should.
    pub fn is_up(&self) -> bool {
        self.why == Why::Ok
    }

    /// Returns the detail, and what it warns of.
    pub fn summary(&self) -> String {
        match &self.warning {
            Some(warning) => format!("{}; {warning}", self.detail),
            None => self.detail.clone(),
        }
    }
}

/// Why a service counts as up, which is [`Why::Ok`], or as down, which is all else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It answered as it should.
    Ok,
    /// Nobody listens there, or a server of the DNS refuses to be asked.
    Refused,
    /// There is no way there.
    Unreachable,
    /// It did not answer in time, or not to the end.
    Timeout,
    /// Its name has no address.
    Resolve,
    /// A server of the DNS said that it failed.
    Servfail,
    /// No trusted encrypted connection could be made.
    Tls,
    /// The certificate that was served is no longer good.
    Expired,
    /// The connection broke off, or the other side speaks another protocol.
    Broken,
    /// It answered with a status that was not expected.
    Status,
    /// It answered without the text, the address or the name that was expected.
    Content,
    /// It sent the question on and on.
    Redirects,
    /// The command exited with another code than 0.
    Exit,
    /// The command was killed by a signal that was not ours.
    Killed,
    /// The command could not be started.
    #[serde(rename = "not found")]
    NotFound,
    /// Whoever was to ask elsewhere did not: nothing is known of the service itself.
    Via,
}

impl Why {
    /// Every one that there is.
    pub const ALL: [Self; 16] = [
        Self::Ok,
        Self::Refused,
        Self::Unreachable,
        Self::Timeout,
        Self::Resolve,
        Self::Servfail,
        Self::Tls,
        Self::Expired,
        Self::Broken,
        Self::Status,
        Self::Content,
        Self::Redirects,
        Self::Exit,
        Self::Killed,
        Self::NotFound,
        Self::Via,
    ];

    /// Returns the one word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Resolve => "resolve",
            Self::Servfail => "servfail",
            Self::Tls => "tls",
            Self::Expired => "expired",
            Self::Broken => "broken",
            Self::Status => "status",
            Self::Content => "content",
            Self::Redirects => "redirects",
            Self::Exit => "exit",
            Self::Killed => "killed",
            Self::NotFound => "not found",
            Self::Via => "via",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Asks. The real one is [`RealProber`]; a scripted one stands in for it in tests.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Asks once, and has an answer after `limit` at the latest.
    async fn ask(&self, target: &Target, limit: Duration) -> Answer;
}

/// Asks the network, and runs commands.
#[derive(Default)]
pub struct RealProber {
    http: OnceCell<http::Clients>,
}

impl RealProber {
    /// Gets ready for HTTP, which reads the system's trusted certificates and takes a
    /// tenth of a second. The first question over HTTP does it otherwise.
    pub async fn warm(&self) {
        let _ = self.clients().await;
    }

    async fn clients(&self) -> Result<&http::Clients, Seen> {
        let clients = || async {
            let made = tokio::task::spawn_blocking(http::Clients::new).await;
            made.map_err(|broken| broken.to_string())?.map_err(|error| chain(&error).join(": "))
        };
        self.http.get_or_try_init(clients).await.map_err(|why: String| Seen::new(Why::Tls, why))
    }
}

#[async_trait]
impl Prober for RealProber {
    async fn ask(&self, target: &Target, limit: Duration) -> Answer {
        let began = Instant::now();
        let asked = async {
            match target {
                Target::Http(target) => match self.clients().await {
                    Ok(clients) => clients.ask(target).await,
                    Err(seen) => seen,
                },
                Target::Tcp(target) => target.ask().await,
                Target::Dns(target) => target.ask(limit).await,
                Target::Region(target) => match self.clients().await {
                    Ok(clients) => target.ask(clients, began, limit).await,
                    Err(seen) => seen,
                },
                Target::Command(target) => command::ask(target).await,
                Target::Elsewhere(target) => target.ask(limit).await,
            }
        };
        let seen = match target {
            // These say themselves whom they waited for in vain.
            Target::Region(_) | Target::Elsewhere(_) => asked.await,
            _ => timeout(limit, asked).await.unwrap_or_else(|_| Seen::timeout(limit)),
        };
        let Seen { why, detail, certificate_ends, warning } = seen;
        Answer { why, detail, took: began.elapsed(), certificate_ends, warning }
    }
}

/// An answer whose time is not taken yet.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    why: Why,
    detail: String,
    certificate_ends: Option<Timestamp>,
    warning: Option<String>,
}

impl Seen {
    fn new(why: Why, detail: impl AsRef<str>) -> Self {
        let detail = one_line(detail.as_ref());
        Self { why, detail, certificate_ends: None, warning: None }
    }

    fn timeout(limit: Duration) -> Self {
        Self::new(Why::Timeout, format!("no answer within {limit:?}"))
    }

    /// What a failed connection over TCP says of the service.
    fn of_io(error: &io::Error) -> Self {
        use io::ErrorKind as K;
        let why = match error.kind() {
            K::ConnectionRefused => Why::Refused,
            K::HostUnreachable
            | K::NetworkUnreachable
            | K::NetworkDown
            | K::AddrNotAvailable
            // A firewall that says no.
            | K::PermissionDenied => Why::Unreachable,
            K::TimedOut => Why::Timeout,
            _ => Why::Broken,
        };
        Self::new(why, error.to_string())
    }
}

/// Longest detail, in characters.
const DETAIL_LIMIT: usize = 200;

/// Makes one short line without control characters of whatever a service or a command said.
fn one_line(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(DETAIL_LIMIT) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_there_is_told_from_nobody_there() {
        let why = |kind: io::ErrorKind| Seen::of_io(&kind.into()).why;
        assert_eq!(why(io::ErrorKind::ConnectionRefused), Why::Refused);
        assert_eq!(why(io::ErrorKind::HostUnreachable), Why::Unreachable);
        assert_eq!(why(io::ErrorKind::NetworkUnreachable), Why::Unreachable);
        assert_eq!(why(io::ErrorKind::TimedOut), Why::Timeout);
        assert_eq!(why(io::ErrorKind::ConnectionReset), Why::Broken);
    }

    #[test]
    fn a_word_is_written_as_it_is_shown() {
        for why in Why::ALL {
            assert_eq!(serde_json::json!(why), serde_json::json!(why.to_string()));
        }
    }

    #[test]
    fn a_detail_is_one_short_line() {
        assert_eq!(one_line("a\r\n\tb \u{1b}c"), "a b c");
        assert_eq!(one_line(&"é".repeat(500)).chars().count(), DETAIL_LIMIT + 1);
    }
}
