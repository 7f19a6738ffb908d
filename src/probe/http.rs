//! A request over HTTP.

use super::{Seen, Why, certificate};
use jiff::Timestamp;
use reqwest::{
    Client, Method, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CACHE_CONTROL, HeaderMap, HeaderName, HeaderValue},
    redirect::Policy,
    tls::TlsInfo,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap, error::Error, io, iter, ops::RangeInclusive, sync::Arc, time::Duration,
};
use tokio::net::lookup_host;

/// How many redirects are followed; what `curl` calls too many is 50, browsers stop at 20.
const REDIRECTS: usize = 10;
/// How much of a body is read, in bytes.
const BODY_LIMIT: usize = 1 << 20;

/// How OpenSSL says X509_V_ERR_CERT_HAS_EXPIRED, which has a code that is not handed on to here:
/// <https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/>.
const EXPIRED: &str = "certificate has expired";

/// A request, and what its answer must be.
///
/// The body is read, up to 1 MiB, also when no text is expected in it: a service
/// that breaks off in the middle of its answer is not up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct HttpTarget {
    url: Url,
    method: Method,
    headers: HeaderMap,
    /// The statuses that mean "up". Redirects are followed, unless one of these is
    /// itself a redirect (3xx): then the first answer counts.
    pub expect_status: RangeInclusive<u16>,
    /// A text that the body must contain.
    pub expect_body: Option<String>,
    /// For how long its certificate must still be good; sooner is a warning, and not down.
    pub certificate: Option<Duration>,
}

/// An [`HttpTarget`] on its way to where it is asked. It holds secrets.
#[derive(Serialize, Deserialize)]
struct Written {
    url: String,
    method: String,
    headers: BTreeMap<String, String>,
    expect_status: (u16, u16),
    expect_body: Option<String>,
    certificate_secs: Option<u64>,
}

impl From<HttpTarget> for Written {
    fn from(target: HttpTarget) -> Self {
        // A value was made of a string.
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = target.headers.iter();
        Self {
            headers: headers.map(|(name, value)| (name.to_string(), text(value))).collect(),
            url: target.url.into(),
            method: target.method.to_string(),
            expect_status: target.expect_status.into_inner(),
            expect_body: target.expect_body,
            certificate_secs: target.certificate.map(|good_for| good_for.as_secs()),
        }
    }
}

impl TryFrom<Written> for HttpTarget {
    type Error = HttpTargetError;

    fn try_from(written: Written) -> Result<Self, HttpTargetError> {
        let target = Self::get(&written.url)?.with_method(&written.method)?;
        let target = written
            .headers
            .iter()
            .try_fold(target, |target, (name, value)| target.with_header(name, value))?;
        let (first, last) = written.expect_status;
        Ok(Self {
            expect_status: first..=last,
            expect_body: written.expect_body,
            certificate: written.certificate_secs.map(Duration::from_secs),
            ..target
        })
    }
}

/// Why something cannot be asked over HTTP.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HttpTargetError {
    /// The address is none.
    #[error("`{0}` is not an address such as `https://shop.example.com/health`")]
    Url(String),
    /// The method is none.
    #[error("`{0}` is not a method such as `GET`")]
    Method(String),
    /// The header's name is none.
    #[error("`{0}` is not the name of a header")]
    HeaderName(String),
    /// The header's value has characters that a header cannot have. It may be a secret.
    #[error("the value of the header `{0}` cannot be sent")]
    HeaderValue(String),
}

impl HttpTarget {
    /// Makes a `GET` of an address that is answered with a status from 200 to 299.
    ///
    /// # Errors
    ///
    /// [`HttpTargetError::Url`] when it is no address of `http` or `https`.
    pub fn get(url: &str) -> Result<Self, HttpTargetError> {
        let parsed = Url::parse(url).ok();
        let url = parsed
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| HttpTargetError::Url(url.to_owned()))?;
        Ok(Self {
            url,
            method: Method::GET,
            // What a cache remembers of the service is not the service.
            headers: HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-cache"))]),
            expect_status: 200..=299,
            expect_body: None,
            certificate: None,
        })
    }

    /// Asks with another method, such as `HEAD`.
    ///
    /// # Errors
    ///
    /// [`HttpTargetError::Method`] when it is none.
    pub fn with_method(mut self, method: &str) -> Result<Self, HttpTargetError> {
        let parsed = Method::from_bytes(method.as_bytes());
        self.method = parsed.map_err(|_| HttpTargetError::Method(method.to_owned()))?;
        Ok(self)
    }

    /// Sends a header. Its value is treated as a secret: it is never shown.
    ///
    /// # Errors
    ///
    /// [`HttpTargetError`] when its name or its value cannot be sent.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, HttpTargetError> {
        let key =
            HeaderName::try_from(name).map_err(|_| HttpTargetError::HeaderName(name.to_owned()))?;
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| HttpTargetError::HeaderValue(name.to_owned()))?;
        value.set_sensitive(true);
        self.headers.insert(key, value);
        Ok(self)
    }

    /// Returns the path of the address.
    pub fn path(&self) -> &str {
        self.url.path()
    }

    /// Returns the address.
    #[cfg(test)]
    pub(super) fn address(&self) -> &str {
        self.url.as_str()
    }

    fn follows_redirects(&self) -> bool {
        let (first, last) = (*self.expect_status.start(), *self.expect_status.end());
        last < 300 || first > 399
    }
}

/// Asks over HTTP/1.1, each time over a new connection.
///
/// Proxies named in the environment are not used: the question goes the way that
/// the service's users go.
#[derive(Clone)]
pub(super) struct Clients {
    following: Client,
    staying: Client,
}

impl Clients {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = |policy| {
            Client::builder()
                .user_agent(concat!("drctl/", env!("CARGO_PKG_VERSION")))
                .no_proxy()
                .tls_info(true)
                // A connection that is kept open would still lead to the old region.
                .pool_max_idle_per_host(0)
                .dns_resolver(Arc::new(FreshDns))
                .redirect(policy)
                .build()
        };
        Ok(Self {
            following: client(Policy::limited(REDIRECTS))?,
            staying: client(Policy::none())?,
        })
    }

    pub(super) async fn ask(&self, target: &HttpTarget) -> Seen {
        let client = if target.follows_redirects() { &self.following } else { &self.staying };
        let request = client
            .request(target.method.clone(), target.url.clone())
            .headers(target.headers.clone());
        match request.send().await {
            Ok(response) => {
                let ends = served(&response).and_then(certificate::ends);
                let warn = |good_for| certificate::warning(ends, good_for, Timestamp::now());
                let warning = target.certificate.and_then(warn);
                let judged = judge(target, response).await;
                Seen { certificate_ends: ends, warning, ..judged }
            }
            Err(error) => of_error(error),
        }
    }
}

/// The certificate that was served, as its DER.
fn served(response: &Response) -> Option<&[u8]> {
    response.extensions().get::<TlsInfo>()?.peer_certificate()
}

async fn judge(target: &HttpTarget, mut response: Response) -> Seen {
    let status = response.status();
    let expected = &target.expect_status;
    if !expected.contains(&status.as_u16()) {
        let (first, last) = (expected.start(), expected.end());
        let wanted = if first == last { first.to_string() } else { format!("{first}-{last}") };
        return Seen::new(Why::Status, format!("{status}, not {wanted}"));
    }
    let mut body = Vec::new();
    while body.len() < BODY_LIMIT {
        match response.chunk().await {
            Ok(Some(piece)) => body.extend_from_slice(&piece),
            Ok(None) => break,
            Err(error) => return of_error(error),
        }
    }
    match &target.expect_body {
        Some(text) if !String::from_utf8_lossy(&body).contains(text) => {
            Seen::new(Why::Content, format!("{status}, but without `{text}` in the body"))
        }
        _ => Seen::new(Why::Ok, status.to_string()),
    }
}

fn of_error(error: reqwest::Error) -> Seen {
    // The address may hold a password.
    let error = error.without_url();
    if error.is_redirect() {
        return Seen::new(Why::Redirects, format!("more than {REDIRECTS} redirects"));
    }
    let causes = || iter::successors(error.source(), |cause| (*cause).source());
    if let Some(NoAddress(cause)) = causes().find_map(|cause| cause.downcast_ref()) {
        return Seen::new(Why::Resolve, cause.to_string());
    }
    let innermost = causes().last().map_or_else(|| error.to_string(), ToString::to_string);
    let io = causes().find_map(|cause| cause.downcast_ref::<io::Error>()).map(Seen::of_io);
    match io {
        Some(seen) if seen.why != Why::Broken => seen,
        // Neither DNS nor TCP, and no question was asked yet: the handshake. Below it lies
        // OpenSSL's own error, which lacks the reason for which a certificate was refused.
        _ if error.is_connect() => {
            let detail = causes().nth(1).map_or(innermost, ToString::to_string);
            let why = if detail.contains(EXPIRED) { Why::Expired } else { Why::Tls };
            Seen::new(why, detail)
        }
        _ => Seen::new(Why::Broken, innermost),
    }
}

/// Asks the system's resolver each time, and lets its failures be told from others.
struct FreshDns;

#[derive(Debug, thiserror::Error)]
#[error("the name has no address")]
struct NoAddress(#[source] io::Error);

impl Resolve for FreshDns {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by the caller.
            let found = lookup_host((name.as_str().to_owned(), 0)).await.map_err(NoAddress)?;
            Ok(Box::new(found) as Addrs)
        })
    }
}
