//! Every way in which traffic is not moved by a zone of Route 53.

use crate::{deploy::error::DeployError, model::time::Pretty};
use std::{error::Error, fmt, time::Duration};

/// Every way in which traffic is not moved by a zone of Route 53.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The AWS command line is not there.
    #[error("`aws` was not found: Route 53 is asked through the AWS command line")]
    NoAws,
    /// There is no such zone, for these credentials.
    #[error("there is no hosted zone `{zone}`")]
    NoZone {
        /// Its identity.
        zone: String,
        /// What Route 53 said.
        #[source]
        source: Box<DeployError>,
    },
    /// Route 53 did not do what it was asked for.
    #[error("Route 53 did not answer `{what}`")]
    Asked {
        /// The command of `aws route53`.
        what: &'static str,
        /// How that failed.
        #[source]
        source: Box<DeployError>,
    },
    /// The answer is not what it should be.
    #[error("`aws route53 {what}` printed something else than expected: {why}")]
    Unreadable {
        /// The command of `aws route53`.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The name is not one of the zone.
    #[error("`{record}` is not in the zone `{name}`")]
    NotInZone {
        /// The name of the record.
        record: String,
        /// The name of the zone.
        name: String,
    },
    /// Nobody outside of its networks can ask the zone.
    #[error("the name servers of the private zone `{zone}` cannot be asked from here")]
    Private {
        /// Its identity.
        zone: String,
    },
    /// The zone names no server.
    #[error("Route 53 names no server for the zone `{zone}`")]
    NoServers {
        /// Its identity.
        zone: String,
    },
    /// There are no records of the wanted sort.
    #[error("`{record}` has no {sort} records")]
    NoRecords {
        /// The name of the records.
        record: String,
        /// Of which sort, such as `weighted`.
        sort: &'static str,
    },
    /// There is no record with a set identifier that the runbook names.
    #[error("`{record}` has no {sort} record `{id}`")]
    NoSuchRecord {
        /// The name of the records.
        record: String,
        /// Of which sort.
        sort: &'static str,
        /// The set identifier.
        id: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No record would be left with a weight, which leads to all alike.
    #[error(
        "every {kind} record of `{record}` would have the weight 0, and so lead to all of them alike"
    )]
    NoWeight {
        /// The name of the records.
        record: String,
        /// Their type.
        kind: String,
    },
    /// A plain record cannot stand beside records with set identifiers.
    #[error(
        "`{record}` has records with set identifiers ({}), and no plain record can stand beside them",
        list(ids)
    )]
    NotPlain {
        /// The name of the records.
        record: String,
        /// Their set identifiers.
        ids: Vec<String>,
    },
    /// Route 53 has not told all its servers in time.
    #[error("Route 53 has not brought the change to all its servers within {}", Pretty(*limit))]
    NotSpread {
        /// How long that was waited for.
        limit: Duration,
    },
    /// Servers do not answer what the records say.
    #[error("`{record}` does not lead to {} everywhere after {}", list(wanted), Pretty(*limit))]
    NotAnswered {
        /// The name.
        record: String,
        /// Where it should lead.
        wanted: Vec<String>,
        /// How long that was waited for.
        limit: Duration,
        /// What the servers say.
        #[source]
        said: Answers,
    },
    /// What is to be put back was changed by somebody else.
    #[error("somebody else has changed {} since, which is left as it is", list(what))]
    ChangedSince {
        /// The records.
        what: Vec<String>,
    },
}

/// Names in backticks, with commas.
fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// What servers answered, each in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(pub Vec<String>);

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl Error for Answers {}

impl DnsError {
    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoAws => "Install the AWS command line: https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html".to_owned(),
            Self::NoZone { .. } => {
                "Look for the zone's identity, in the account of these credentials: `aws route53 list-hosted-zones`".to_owned()
            }
            Self::Asked { source, .. } => return asked_hint(source),
            Self::Unreadable { .. } => {
                "Look at the version of `aws`, and at what stands before it on the PATH: `aws --version`".to_owned()
            }
            Self::NotInZone { .. } => "Set `record` to the whole name, and `zone` to the zone that holds it".to_owned(),
            Self::Private { .. } | Self::NoServers { .. } => {
                "Set `server` to one that answers for it here, or `resolve = false` to trust Route 53 alone".to_owned()
            }
            Self::NoRecords { record, .. } => format!(
                "Look at its records, and choose `weights`, `failover` or `values` by these: `aws route53 list-resource-record-sets --hosted-zone-id … --start-record-name {record} --max-items 10`"
            ),
            Self::NoSuchRecord { known, .. } => format!("Name one of these set identifiers: {}", list(known)),
            Self::NoWeight { .. } => "Give a weight above 0 to the record of the fallback".to_owned(),
            Self::NotPlain { .. } => "Use `weights` or `failover` in place of `values`".to_owned(),
            Self::NotSpread { .. } => {
                "Look at the health of Route 53, and give the step a longer `limit`: the change is made and spreads".to_owned()
            }
            Self::NotAnswered { record, .. } => format!(
                "Ask the servers: `dig @SERVER {record}`; a health check that fails keeps a record from being answered, and `resolve = false` trusts Route 53 alone"
            ),
            Self::ChangedSince { .. } => "Look at who changed it, and put it back by hand where that is still wanted".to_owned(),
        })
    }
}

/// What to do about a question that failed, by what `aws` says of it.
fn asked_hint(error: &DeployError) -> Option<String> {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["credentials", "security token", "ExpiredToken", "InvalidClientTokenId"]) {
        Some("Give `aws` credentials that are good now: `aws sts get-caller-identity`".to_owned())
    } else if has(&["AccessDenied", "not authorized"]) {
        Some("Allow route53:GetHostedZone, ListResourceRecordSets, ChangeResourceRecordSets and GetChange on the zone".to_owned())
    } else if has(&["Could not connect", "Connect timeout", "EndpointConnectionError"]) {
        Some(
            "Look whether Route 53 can be reached from here: its control plane is in us-east-1"
                .to_owned(),
        )
    } else {
        error.hint()
    }
}
