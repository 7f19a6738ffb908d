//! A name in the DNS, looked up anew each time.

use super::{Seen, Why, one_line};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
};
use serde::{Deserialize, Serialize};
use std::{net::IpAddr, str::FromStr, time::Duration};
use tokio::{net::lookup_host, time::timeout};

/// The port of the DNS (RFC 1035, section 4.2).
const PORT: u16 = 53;
/// How often a server is asked that does not answer.
const ATTEMPTS: usize = 2;
/// What is said of a name that does not exist.
const NO_NAME: &str = "(NXDOMAIN)";

/// A name that must have an address.
///
/// It is asked as it stands: the hosts file, the system's search domains and all caches but the
/// servers' own are left out. The addresses of IPv4 are asked for first, and those of IPv6 where
/// there are none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsTarget {
    host: String,
    expect: Option<String>,
    server: Option<String>,
}

/// What kind of records is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DnsKind {
    /// Addresses of IPv4.
    A,
    /// Addresses of IPv6.
    Aaaa,
    /// The name that an alias leads to.
    Cname,
}

/// Why something cannot be looked up.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DnsTargetError {
    /// The name is none.
    #[error("`{0}` is not a name such as `shop.example.com`")]
    Name(String),
    /// The server is none.
    #[error("`{0}` is not a server such as `10.0.0.2` or `ns1.example.com:53`")]
    Server(String),
}

impl DnsTarget {
    /// Makes a question for any address of a name, asked of the system's servers.
    ///
    /// # Errors
    ///
    /// [`DnsTargetError::Name`] when it is no name.
    pub fn new(host: &str) -> Result<Self, DnsTargetError> {
        name(host)?;
        Ok(Self { host: host.to_owned(), expect: None, server: None })
    }

    /// Expects an address, or the name that an alias leads to, among the answers.
    ///
    /// # Errors
    ///
    /// [`DnsTargetError::Name`] when it is neither.
    pub fn expecting(mut self, expect: &str) -> Result<Self, DnsTargetError> {
        if expect.parse::<IpAddr>().is_err() {
            name(expect)?;
        }
        self.expect = Some(expect.to_owned());
        Ok(self)
    }

    /// Asks one server, `host` or `host:port`, and not those of the system.
    ///
    /// # Errors
    ///
    /// [`DnsTargetError::Server`] when it is none.
    pub fn asking(mut self, server: &str) -> Result<Self, DnsTargetError> {
        host_and_port(server).ok_or_else(|| DnsTargetError::Server(server.to_owned()))?;
        self.server = Some(server.to_owned());
        Ok(self)
    }

    /// Returns the name that is looked up.
    pub fn host(&self) -> &str {
        &self.host
    }

    pub(super) async fn ask(&self, limit: Duration) -> Seen {
        let asked = self.found(self.kinds(), limit).await;
        asked.map_or_else(|seen| seen, |found| self.judge(found))
    }

    /// Asks once for the records of one kind, and returns what they hold: addresses, or the name
    /// that an alias leads to. None at all is an answer, too.
    ///
    /// # Errors
    ///
    /// Why there is no answer, in one line, after `limit` at the latest.
    pub async fn records(&self, kind: DnsKind, limit: Duration) -> Result<Vec<String>, String> {
        let kinds = [match kind {
            DnsKind::A => RecordType::A,
            DnsKind::Aaaa => RecordType::AAAA,
            DnsKind::Cname => RecordType::CNAME,
        }];
        let asked = timeout(limit, self.found(&kinds, limit)).await;
        match asked.unwrap_or_else(|_| Err(Seen::timeout(limit))) {
            Ok(found) => Ok(found.iter().filter(|f| f.is_of(kind)).map(Found::to_string).collect()),
            // There is no such name.
            Err(seen) if seen.why == Why::Resolve && seen.detail.ends_with(NO_NAME) => Ok(vec![]),
            Err(seen) => Err(format!("{}: {}", seen.why, seen.detail)),
        }
    }

    async fn found(&self, kinds: &[RecordType], limit: Duration) -> Result<Vec<Found>, Seen> {
        let name = name(&self.host).map_err(|error| Seen::new(Why::Resolve, error.to_string()))?;
        let resolver = self.resolver(limit).await?;
        for kind in kinds {
            match resolver.lookup(name.clone(), *kind).await {
                Ok(lookup) => {
                    return Ok(lookup.answers().iter().filter_map(|r| shown(&r.data)).collect());
                }
                Err(error) if has_none(&error) => {}
                Err(error) => return Err(of_error(&self.host, &error)),
            }
        }
        Ok(Vec::new())
    }

    /// The kinds of records that can hold what is expected.
    fn kinds(&self) -> &'static [RecordType] {
        match self.expect.as_ref().and_then(|expect| expect.parse().ok()) {
            Some(IpAddr::V4(_)) => &[RecordType::A],
            Some(IpAddr::V6(_)) => &[RecordType::AAAA],
            None => &[RecordType::A, RecordType::AAAA],
        }
    }

    fn judge(&self, found: Vec<Found>) -> Seen {
        if found.is_empty() {
            return Seen::new(Why::Resolve, format!("`{}` has no address", self.host));
        }
        let all = found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        match &self.expect {
            Some(expect) if !found.iter().any(|found| found.is(expect)) => {
                Seen::new(Why::Content, format!("{all}, not {expect}"))
            }
            _ => Seen::new(Why::Ok, all),
        }
    }

    /// Makes a resolver that knows nothing yet.
    async fn resolver(&self, limit: Duration) -> Result<TokioResolver, Seen> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = match &self.server {
            Some(server) => {
                TokioResolver::builder_with_config(configuration(server).await?, provider)
            }
            None => TokioResolver::builder(provider).map_err(|error| {
                Seen::new(Why::Resolve, format!("the system names no server: {error}"))
            })?,
        };
        let options: &mut ResolverOpts = builder.options_mut();
        options.cache_size = 0;
        options.use_hosts_file = ResolveHosts::Never;
        options.timeout = limit;
        options.attempts = ATTEMPTS;
        builder.build().map_err(|error| Seen::new(Why::Broken, error.to_string()))
    }
}

/// One thing that a server answered with.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Address(IpAddr),
    Alias(String),
}

impl Found {
    fn is_of(&self, kind: DnsKind) -> bool {
        match self {
            Self::Address(IpAddr::V4(_)) => kind == DnsKind::A,
            Self::Address(IpAddr::V6(_)) => kind == DnsKind::Aaaa,
            Self::Alias(_) => kind == DnsKind::Cname,
        }
    }

    fn is(&self, expect: &str) -> bool {
        match self {
            Self::Address(address) => expect.parse() == Ok(*address),
            Self::Alias(name) => name.eq_ignore_ascii_case(expect.trim_end_matches('.')),
        }
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Alias(name) => name.fmt(f),
        }
    }
}

fn shown(data: &RData) -> Option<Found> {
    match data {
        RData::A(address) => Some(Found::Address(address.0.into())),
        RData::AAAA(address) => Some(Found::Address(address.0.into())),
        RData::CNAME(name) => {
            Some(Found::Alias(name.0.to_ascii().trim_end_matches('.').to_owned()))
        }
        _ => None,
    }
}

/// Returns true when the name is there, and has nothing of the kind that was asked for.
fn has_none(error: &NetError) -> bool {
    matches!(
        error,
        NetError::Dns(DnsError::NoRecordsFound(none)) if none.response_code == ResponseCode::NoError
    )
}

/// What a failed look-up says.
fn of_error(host: &str, error: &NetError) -> Seen {
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => none.response_code,
        NetError::Dns(DnsError::ResponseCode(code)) => *code,
        NetError::Timeout => return Seen::new(Why::Timeout, "no server answered"),
        NetError::Io(error) => return Seen::of_io(error),
        error => return Seen::new(Why::Broken, error.to_string()),
    };
    match code {
        ResponseCode::NXDomain => {
            Seen::new(Why::Resolve, format!("there is no `{host}` {NO_NAME}"))
        }
        ResponseCode::ServFail => Seen::new(Why::Servfail, "the server failed (SERVFAIL)"),
        ResponseCode::Refused => Seen::new(Why::Refused, "the server refuses to answer (REFUSED)"),
        other => Seen::new(Why::Broken, format!("the server answered: {other}")),
    }
}

fn name(text: &str) -> Result<Name, DnsTargetError> {
    let wrong = || DnsTargetError::Name(one_line(text));
    // An address is no name, although it is spelt like one.
    if text.is_empty() || text.parse::<IpAddr>().is_ok() || text.contains(char::is_whitespace) {
        return Err(wrong());
    }
    let mut name = Name::from_str(text).map_err(|_| wrong())?;
    name.set_fqdn(true);
    Ok(name)
}

/// Reads `host`, `host:port`, `::1` or `[::1]:53`.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let fits =
        |host: &str| !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '/');
    if text.parse::<IpAddr>().is_ok() {
        return Some((text.to_owned(), PORT));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok().filter(|port| *port > 0)?),
        None => (text, PORT),
    };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    fits(host).then(|| (host.to_owned(), port))
}

/// Makes the configuration of one server, whose own name is looked up by the system.
async fn configuration(server: &str) -> Result<ResolverConfig, Seen> {
    let wrong = || Seen::new(Why::Resolve, format!("`{server}` is no server"));
    let found = lookup_host(host_and_port(server).ok_or_else(wrong)?).await;
    let found = found
        .map_err(|error| Seen::new(Why::Resolve, format!("the server `{server}`: {error}")))?;
    let servers = found.map(|address| {
        let with_port = |mut connection: ConnectionConfig| {
            connection.port = address.port();
            connection
        };
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(with_port);
        NameServerConfig::new(address.ip(), true, connections.into())
    });
    Ok(ResolverConfig::from_parts(None, vec![], servers.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_port_or_that_of_the_dns() {
        let read = |text| host_and_port(text).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(read("10.0.0.2").as_deref(), Some("10.0.0.2 53"));
        assert_eq!(read("ns1.example.com:5353").as_deref(), Some("ns1.example.com 5353"));
        assert_eq!(read("::1").as_deref(), Some("::1 53"));
        assert_eq!(read("[::1]:5353").as_deref(), Some("::1 5353"));
        for wrong in ["", ":53", "a:b", "a:0", "https://dns.example.com/"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_cannot_be_looked_up_is_known_before() {
        let target = || DnsTarget::new("shop.example.com").unwrap();
        let long = "a".repeat(64);
        let said = [
            DnsTarget::new("").unwrap_err(),
            DnsTarget::new("10.0.0.1").unwrap_err(),
            DnsTarget::new("a b").unwrap_err(),
            DnsTarget::new(&long).unwrap_err(),
            target().expecting("not a name").unwrap_err(),
            target().asking("tcp://x").unwrap_err(),
        ];
        let said = said.map(|error| error.to_string()).join("\n").replace(&long, "LONG");
        insta::assert_snapshot!(said, @r"
        `` is not a name such as `shop.example.com`
        `10.0.0.1` is not a name such as `shop.example.com`
        `a b` is not a name such as `shop.example.com`
        `LONG` is not a name such as `shop.example.com`
        `not a name` is not a name such as `shop.example.com`
        `tcp://x` is not a server such as `10.0.0.2` or `ns1.example.com:53`
        ");
    }

    #[test]
    fn what_is_expected_is_an_address_or_an_alias() {
        let found = || {
            vec![
                Found::Alias("lb.example.net".to_owned()),
                Found::Address("192.0.2.7".parse().unwrap()),
            ]
        };
        let target = || DnsTarget::new("shop.example.com").unwrap();
        for good in ["192.0.2.7", "LB.example.net."] {
            assert_eq!(target().expecting(good).unwrap().judge(found()).why, Why::Ok, "{good}");
        }
        let other = target().expecting("192.0.2.8").unwrap().judge(found());
        assert_eq!(
            (other.why, other.detail.as_str()),
            (Why::Content, "lb.example.net, 192.0.2.7, not 192.0.2.8")
        );
    }
}
