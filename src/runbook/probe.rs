//! What the service is asked, and what is asked besides it.

use super::{Mistake, Site, reader::Reader};
use crate::config::{body::Block, expression::Expr};
use std::time::Duration;

/// How often a probe asks, how long an answer may take, and how many in a row count.
const INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(2);
const IN_A_ROW: u32 = 3;

/// A question.
#[derive(Clone, Debug)]
pub struct Probe {
    /// Its name.
    pub name: String,
    /// What it asks.
    pub asks: Asks,
    /// What its answer says something of.
    pub role: Role,
    /// True when it is asked before traffic is moved, false when only after that; told by what it
    /// asks when absent.
    pub before_cutover: Option<bool>,
    /// The command that asks it elsewhere, such as `["ssh", "bastion"]`; from here when absent.
    pub via: Option<Expr>,
    /// From one question to the next.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How many good answers in a row mean that the service is up.
    pub up_after: u32,
    /// How many bad answers in a row mean that the service is down.
    pub down_after: u32,
}

/// What the answer of a probe says something of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The service: it is asked while watching, and at the end of a recovery.
    Service,
    /// The primary region.
    Primary,
    /// The fallback region, into which nothing is rebuilt while it is down.
    Fallback,
    /// Somebody whom an outage of the service does not touch: when they are down, too, it is drctl
    /// that is cut off.
    Witness,
}

impl Role {
    /// Returns the word for it in a runbook.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Primary => "primary",
            Self::Fallback => "fallback",
            Self::Witness => "witness",
        }
    }
}

/// What a probe asks.
#[derive(Clone, Debug)]
pub enum Asks {
    /// An HTTP or HTTPS address.
    Http {
        /// The address.
        url: Expr,
        /// The status that is a good answer; any from 200 to 299 when absent.
        status: Option<u16>,
        /// What the body must hold.
        contains: Option<Expr>,
        /// For how long its certificate must still be good, before it is warned of.
        certificate: Option<Duration>,
    },
    /// A TCP port: `host:port`.
    Tcp(Expr),
    /// A name in the DNS.
    Dns {
        /// The name.
        host: Expr,
        /// The address, or the name, that must be among the answers; any answer when absent.
        expect: Option<Expr>,
        /// The server that is asked, `host` or `host:port`; those of the system when absent.
        server: Option<Expr>,
    },
    /// The interfaces of a cloud in one region.
    Region {
        /// Whose.
        cloud: Cloud,
        /// The region; the primary or the fallback, by the probe's role, when absent.
        region: Option<Expr>,
        /// Its address instead of the cloud's own.
        endpoint: Option<Expr>,
    },
    /// A program that exits with 0.
    Command(Expr),
    /// A Kubernetes object that is ready.
    Kubernetes {
        /// Which, such as `deployment/web`.
        object: Expr,
        /// Its namespace; that of the context when absent.
        namespace: Option<Expr>,
        /// The cluster that it is in, by name; the only one when absent.
        on: Option<String>,
        /// That cluster.
        cluster: Option<Box<Site>>,
    },
}

impl Asks {
    /// Returns the word for it in a runbook.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Tcp(_) => "tcp",
            Self::Dns { .. } => "dns",
            Self::Region { .. } => "region",
            Self::Command(_) => "command",
            Self::Kubernetes { .. } => "kubernetes",
        }
    }

    /// Returns the expressions whose values others can see.
    pub(super) fn open_exprs(&self) -> Vec<&Expr> {
        match self {
            // What its cluster is reached by is looked at with the cluster.
            Self::Kubernetes { object, namespace, .. } => {
                [Some(object), namespace.as_ref()].into_iter().flatten().collect()
            }
            others => others.exprs(),
        }
    }

    /// Returns every expression in it.
    pub fn exprs(&self) -> Vec<&Expr> {
        match self {
            Self::Http { url, contains, .. } => {
                [Some(url), contains.as_ref()].into_iter().flatten().collect()
            }
            Self::Tcp(expr) | Self::Command(expr) => vec![expr],
            Self::Dns { host, expect, server } => {
                [Some(host), expect.as_ref(), server.as_ref()].into_iter().flatten().collect()
            }
            Self::Region { region, endpoint, .. } => {
                [region, endpoint].into_iter().flatten().collect()
            }
            Self::Kubernetes { object, namespace, cluster, .. } => {
                let own = [Some(object), namespace.as_ref()].into_iter().flatten();
                own.chain(cluster.iter().flat_map(|cluster| cluster.exprs())).collect()
            }
        }
    }
}

/// A cloud whose regions can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Google,
    /// Microsoft Azure.
    Azure,
}

const KINDS: [&str; 6] = ["http", "tcp", "dns", "region", "command", "kubernetes"];

impl Probe {
    /// Returns true when what it asks depends on what was rebuilt: it speaks of the fallback region
    /// or of what a stack put out there.
    pub fn asks_what_was_rebuilt(&self) -> bool {
        self.reads("region") || self.asks_what_a_stack_made()
    }

    /// Returns true when it has to pass before traffic is moved: when it says so, else when it asks
    /// at what a stack made. One that is only told the region may ask where the traffic goes.
    pub fn is_asked_before_cutover(&self) -> bool {
        self.before_cutover.unwrap_or_else(|| self.asks_what_a_stack_made())
    }

    fn asks_what_a_stack_made(&self) -> bool {
        // The clusters of a runbook are those that steps bring something up on.
        matches!(self.asks, Asks::Kubernetes { .. }) || self.reads("stack")
    }

    fn reads(&self, root: &str) -> bool {
        let exprs = self.asks.exprs().into_iter();
        let mut references = exprs.flat_map(Expr::references);
        references.any(|reference| reference.path.first().is_some_and(|first| first == root))
    }

    /// Reads a `probe` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let kind = block.label(0).unwrap_or_default().to_owned();
        let own: &[&str] = match kind.as_str() {
            "http" => &["url", "status", "contains", "certificate"],
            "tcp" => &["address"],
            "dns" => &["host", "expect", "server"],
            "region" => &["cloud", "region", "endpoint"],
            "command" => &["run"],
            "kubernetes" => &["object", "namespace", "on"],
            // What it is meant to be is not known, so nothing in it is a mistake.
            _ => &[
                "url",
                "status",
                "contains",
                "certificate",
                "address",
                "host",
                "expect",
                "server",
                "cloud",
                "region",
                "endpoint",
                "run",
                "object",
                "namespace",
                "on",
            ],
        };
        let every =
            ["role", "before_cutover", "via", "interval", "timeout", "up_after", "down_after"];
        let known = [own, &every].concat();
        let mut reader = Reader::new(block, &known, &[], mistakes);
        let name = reader.labels(&["KIND", "NAME"])?[1].to_owned();
        let asks = match kind.as_str() {
            "http" => Asks::Http {
                url: reader.required("url")?.clone(),
                status: reader.number("status"),
                contains: reader.expr("contains").cloned(),
                certificate: reader.duration("certificate"),
            },
            "tcp" => Asks::Tcp(reader.required("address")?.clone()),
            "dns" => Asks::Dns {
                host: reader.required("host")?.clone(),
                expect: reader.expr("expect").cloned(),
                server: reader.expr("server").cloned(),
            },
            "region" => Asks::Region {
                cloud: cloud(&mut reader)?,
                region: reader.expr("region").cloned(),
                endpoint: reader.expr("endpoint").cloned(),
            },
            "command" => Asks::Command(reader.required("run")?.clone()),
            "kubernetes" => Asks::Kubernetes {
                object: reader.required("object")?.clone(),
                namespace: reader.expr("namespace").cloned(),
                on: reader.string("on").map(|(name, _)| name),
                cluster: None,
            },
            other => {
                let place = block.label_place(0).unwrap_or_else(|| block.place());
                let message = format!("there is no probe of kind `{other}`");
                reader.wrong(Mistake::new(place, message).instead_of(other, KINDS));
                return None;
            }
        };
        let usual = if kind == "region" { Role::Primary } else { Role::Service };
        Some(Self {
            name,
            asks,
            role: role(&mut reader, usual),
            before_cutover: reader.flag("before_cutover"),
            via: reader.expr("via").cloned(),
            interval: reader.duration("interval").unwrap_or(INTERVAL),
            timeout: reader.duration("timeout").unwrap_or(TIMEOUT),
            up_after: reader.number("up_after").unwrap_or(IN_A_ROW),
            down_after: reader.number("down_after").unwrap_or(IN_A_ROW),
        })
    }
}

fn cloud(reader: &mut Reader<'_>) -> Option<Cloud> {
    let known = [("aws", Cloud::Aws), ("google", Cloud::Google), ("azure", Cloud::Azure)];
    reader.required("cloud")?;
    reader.word("cloud", &known)
}

fn role(reader: &mut Reader<'_>, usual: Role) -> Role {
    let known = [
        ("service", Role::Service),
        ("primary", Role::Primary),
        ("fallback", Role::Fallback),
        ("witness", Role::Witness),
    ];
    reader.word("role", &known).unwrap_or(usual)
}
