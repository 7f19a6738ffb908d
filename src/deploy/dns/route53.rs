//! Route 53, asked through the AWS command line.

use super::{
    change::{Change, batch},
    error::DnsError,
    record::{RecordSet, canonical},
};
use crate::deploy::{deployment::Job, error::DeployError};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, error::Error, fs, time::Duration};

/// How long one question may take. Chosen: the command line asks again by itself a few times.
const LIMIT: Duration = Duration::from_secs(60);
/// How many record sets are asked for, in one question: Route 53 gives 300 at most
/// (`ListResourceRecordSets`), and holds 100 of one name and type (its quotas).
const MOST: &str = "300";
/// Where the command line asks when the fallback is no region of AWS: Route 53 has one address a
/// partition, whatever the region.
const REGION: &str = "us-east-1";

/// A zone, and how it is asked.
pub(super) struct Zone<'a> {
    /// What it is asked with.
    pub(super) job: &'a Job<'a>,
    /// Its identity, such as `Z0123456789ABCDEFGHIJ`.
    pub(super) id: &'a str,
    /// The fallback region.
    pub(super) region: &'a str,
    /// Where Route 53 is, when that is not AWS.
    pub(super) endpoint: Option<&'a str>,
}

/// What a zone says of itself.
#[derive(Debug)]
pub(super) struct About {
    /// Its name.
    pub(super) name: String,
    /// True when only some networks can ask it.
    pub(super) private: bool,
    /// Its name servers.
    pub(super) servers: Vec<String>,
}

/// How far a change is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeInfo {
    /// Its identity.
    pub(super) id: String,
    status: String,
}

impl ChangeInfo {
    /// Returns true when all servers of Route 53 have it.
    pub(super) fn is_everywhere(&self) -> bool {
        self.status == "INSYNC"
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Changed {
    change_info: ChangeInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    resource_record_sets: Vec<RecordSet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Got {
    hosted_zone: HostedZone,
    #[serde(default)]
    delegation_set: DelegationSet,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostedZone {
    name: String,
    #[serde(default)]
    config: ZoneConfig,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ZoneConfig {
    private_zone: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct DelegationSet {
    name_servers: Vec<String>,
}

impl Zone<'_> {
    /// Asks what the zone is.
    pub(super) async fn about(&self) -> Result<About, DeployError> {
        let got: Got = self.ask("get-hosted-zone", get_zone(self.id)).await?;
        Ok(About {
            name: canonical(&got.hosted_zone.name),
            private: got.hosted_zone.config.private_zone,
            servers: got.delegation_set.name_servers,
        })
    }

    /// Asks for the record sets of a name; others may follow them.
    pub(super) async fn records(&self, record: &str) -> Result<Vec<RecordSet>, DeployError> {
        let listed: Listed = self.ask("list-resource-record-sets", list(self.id, record)).await?;
        Ok(listed.resource_record_sets)
    }

    /// Changes record sets, all or none.
    pub(super) async fn change(&self, changes: &[Change]) -> Result<ChangeInfo, DeployError> {
        let path = self.job.scratch.join("change-batch.json");
        let text = batch(changes, &format!("drctl {}", self.job.run)).to_string();
        fs::write(&path, text).map_err(|source| DeployError::Log { path: path.clone(), source })?;
        let words = change(self.id, &path.display().to_string());
        let changed: Changed = self.ask("change-resource-record-sets", words).await?;
        Ok(changed.change_info)
    }

    /// Asks how far a change is.
    pub(super) async fn progress(&self, id: &str) -> Result<ChangeInfo, DeployError> {
        let changed: Changed = self.ask("get-change", get_change(id)).await?;
        Ok(changed.change_info)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        what: &'static str,
        words: Vec<String>,
    ) -> Result<T, DeployError> {
        // No pager waits for a key: older command lines know no flag for that.
        let mut env: BTreeMap<String, String> = self.job.env.clone();
        env.insert("AWS_PAGER".to_owned(), String::new());
        let job = Job { env: &env, ..*self.job };
        let argv = argv(words, self.region, self.endpoint);
        let text = match job.ask(what, argv, LIMIT).await {
            Ok(text) => text,
            Err(DeployError::NotFound { .. }) => return Err(DnsError::NoAws.into()),
            Err(stopped @ (DeployError::Stopped { .. } | DeployError::Forgotten)) => {
                return Err(stopped);
            }
            Err(error) => return Err(self.why(what, error).into()),
        };
        serde_json::from_str(&text)
            .map_err(|error| DnsError::Unreadable { what, why: error.to_string() }.into())
    }

    fn why(&self, what: &'static str, error: DeployError) -> DnsError {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        let source = Box::new(error);
        if said.contains("NoSuchHostedZone") {
            DnsError::NoZone { zone: self.id.to_owned(), source }
        } else {
            DnsError::Asked { what, source }
        }
    }
}

fn words(all: &[&str]) -> Vec<String> {
    all.iter().map(|word| (*word).to_owned()).collect()
}

/// The words that ask what a zone is.
pub(super) fn get_zone(zone: &str) -> Vec<String> {
    words(&["get-hosted-zone", "--id", zone])
}

/// The words that ask for the record sets of a name.
pub(super) fn list(zone: &str, record: &str) -> Vec<String> {
    words(&[
        "list-resource-record-sets",
        "--hosted-zone-id",
        zone,
        "--start-record-name",
        record,
        "--max-items",
        MOST,
    ])
}

/// The words that make the changes of a file.
pub(super) fn change(zone: &str, file: &str) -> Vec<String> {
    let batch = format!("file://{file}");
    words(&["change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", &batch])
}

/// The words that ask how far a change is.
pub(super) fn get_change(id: &str) -> Vec<String> {
    words(&["get-change", "--id", id])
}

/// The whole command.
pub(super) fn argv(words: Vec<String>, region: &str, endpoint: Option<&str>) -> Vec<String> {
    let region = if is_of_aws(region) { region } else { REGION };
    let mut argv = vec!["aws".to_owned(), "route53".to_owned()];
    argv.extend(words);
    argv.extend(["--region", region, "--output", "json"].map(str::to_owned));
    argv.extend(endpoint.into_iter().flat_map(|url| ["--endpoint-url".to_owned(), url.to_owned()]));
    argv
}

/// Whether a region is spelt as those of AWS are: `ap-northeast-2`, `us-gov-west-1`.
fn is_of_aws(region: &str) -> bool {
    let mut parts = region.split('-').rev();
    let number = parts.next().is_some_and(|last| last.parse::<u8>().is_ok());
    let names: Vec<&str> = parts.collect();
    let spelt = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
    number && names.len() >= 2 && names.iter().all(spelt) && names[names.len() - 1].len() == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_chooses_the_partition_only() {
        for region in ["ap-northeast-2", "us-gov-west-1", "cn-north-1"] {
            assert!(is_of_aws(region), "{region}");
        }
        for other in ["seoul", "koreacentral", "europe-west3", "-1", "a--1", ""] {
            assert!(!is_of_aws(other), "{other}");
        }
    }
}
