//! Whether a cloud answers in one of its regions.

use super::{HttpTarget, HttpTargetError, Seen, Why, http::Clients};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout_at},
};

/// What is an answer: a cloud that refuses, sends on or finds nothing is there. One that says that
/// it fails (500 and above) is not.
const ANSWERS: std::ops::RangeInclusive<u16> = 100..=499;

/// A cloud whose regions can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon Web Services: `ec2`, `sts` and `dynamodb`, each at `SERVICE.REGION.SUFFIX`, with the
    /// suffix of the region's partition.
    ///
    /// Sources: <https://docs.aws.amazon.com/general/latest/gr/rande.html>,
    /// <https://docs.amazonaws.cn/en_us/general/latest/gr/rande.html>, and for the suffixes
    /// <https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json>.
    Aws,
    /// Google Cloud: `secretmanager`, `cloudkms` and `cloudbuild`, each at
    /// `SERVICE.REGION.rep.googleapis.com`. Names such as `REGION-run.googleapis.com` would be
    /// answered by a front end near the asker, whatever becomes of the region.
    ///
    /// Source: <https://cloud.google.com/vpc/docs/regional-service-endpoints>. Not every region has
    /// each of them, and one that is not there counts as one that does not answer.
    Google,
    /// Microsoft Azure: the intake of metrics at `REGION.monitoring.azure.com`, and AI services at
    /// `REGION.api.cognitive.microsoft.com`; in China `REGION.monitoring.azure.cn` alone, for the US
    /// Government `REGION.monitoring.azure.us` alone.
    ///
    /// Sources: <https://learn.microsoft.com/azure/azure-monitor/essentials/metrics-store-custom-rest-api>,
    /// <https://learn.microsoft.com/azure/ai-services/speech-service/rest-speech-to-text>. Azure
    /// Resource Manager has one address for the whole world, which says nothing of a region.
    Azure,
}

/// The interfaces of a cloud in one region: up unless more than half of them do not answer.
///
/// What was tried against the real clouds: nothing. The addresses are those of their documentation;
/// an `endpoint` takes their place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RegionTarget {
    region: String,
    services: BTreeMap<String, HttpTarget>,
}

/// Why a region cannot be asked.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RegionTargetError {
    /// Its name could not stand in the name of a host.
    #[error("`{0}` is not a region such as `ap-northeast-2`")]
    Region(String),
    /// The address is none.
    #[error(transparent)]
    Endpoint(#[from] HttpTargetError),
}

impl Cloud {
    /// The services that are asked, and the form of their addresses.
    fn endpoints(self, region: &str) -> (&'static [&'static str], String) {
        match self {
            Self::Aws => {
                let suffix = aws_suffix(region);
                (&["ec2", "sts", "dynamodb"], format!("https://{{service}}.{{region}}.{suffix}/"))
            }
            Self::Google => (
                &["secretmanager", "cloudkms", "cloudbuild"],
                "https://{service}.{region}.rep.googleapis.com/".to_owned(),
            ),
            Self::Azure => {
                let services: &[_] = match azure_suffix(region) {
                    "com" => &["monitoring.azure.com", "api.cognitive.microsoft.com"],
                    "cn" => &["monitoring.azure.cn"],
                    _ => &["monitoring.azure.us"],
                };
                (services, "https://{region}.{service}/".to_owned())
            }
        }
    }
}

/// The suffix of the partition that a region of AWS is in.
fn aws_suffix(region: &str) -> &'static str {
    const BY_PREFIX: [(&str, &str); 7] = [
        ("cn-", "amazonaws.com.cn"),
        ("us-gov-", "amazonaws.com"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("us-iso-", "c2s.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("eusc-", "amazonaws.eu"),
    ];
    let found = BY_PREFIX.iter().find(|(prefix, _)| region.starts_with(prefix));
    found.map_or("amazonaws.com", |(_, suffix)| suffix)
}

/// The last part of the names of an Azure region's hosts.
fn azure_suffix(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("china") => "cn",
        _ if region.starts_with("usgov") || region.starts_with("usdod") => "us",
        _ => "com",
    }
}

impl RegionTarget {
    /// Makes the question to a region of a cloud, or to what stands in for it: in `endpoint`,
    /// `{service}` and `{region}` stand for each service and the region.
    ///
    /// # Errors
    ///
    /// [`RegionTargetError`] when the region's name or the address is none.
    pub fn new(
        cloud: Cloud,
        region: &str,
        endpoint: Option<&str>,
    ) -> Result<Self, RegionTargetError> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if region.is_empty() || region.len() > 63 || !region.chars().all(fits) {
            return Err(RegionTargetError::Region(region.to_owned()));
        }
        let (services, own) = cloud.endpoints(region);
        let form = endpoint.unwrap_or(&own);
        // One address is asked once.
        let services = if form.contains("{service}") { services } else { &["endpoint"] };
        let target = |service: &str| -> Result<_, RegionTargetError> {
            let address = form.replace("{service}", service).replace("{region}", region);
            let mut target = HttpTarget::get(&address)?;
            target.expect_status = ANSWERS;
            Ok((service.to_owned(), target))
        };
        let services = services.iter().map(|service| target(service)).collect::<Result<_, _>>()?;
        Ok(Self { region: region.to_owned(), services })
    }

    /// Returns the region's name.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Asks all at once, until it is clear whether more than half do not answer.
    ///
    /// The limit counts from `began`.
    pub(super) async fn ask(&self, clients: &Clients, began: Instant, limit: Duration) -> Seen {
        let mut asking = JoinSet::new();
        for (service, target) in &self.services {
            let (clients, service, target) = (clients.clone(), service.clone(), target.clone());
            asking.spawn(async move {
                let asked = timeout_at(began + limit, clients.ask(&target)).await;
                (service, asked.unwrap_or_else(|_| Seen::timeout(limit)))
            });
        }
        let all = self.services.len();
        let (mut up, mut down) = (0, Vec::new());
        while let Some(asked) = asking.join_next().await {
            match asked {
                Ok((_, seen)) if seen.why == Why::Ok => up += 1,
                Ok(failed) => down.push(failed),
                Err(broken) => {
                    down.push((String::new(), Seen::new(Why::Broken, broken.to_string())))
                }
            }
            if up * 2 >= all {
                return Seen::new(Why::Ok, format!("{up} of {all} answered"));
            }
            if down.len() * 2 > all {
                break;
            }
        }
        of_failures(down)
    }
}

/// The word that most of them have, and what each saw.
fn of_failures(mut down: Vec<(String, Seen)>) -> Seen {
    down.sort_by(|a, b| a.0.cmp(&b.0));
    let count = |why: Why| down.iter().filter(|(_, seen)| seen.why == why).count();
    let words = down.iter().map(|(_, seen)| seen.why);
    // Of several with the same count, the first.
    let why = words.rev().max_by_key(|why| count(*why)).unwrap_or(Why::Broken);
    let each = down.iter().map(|(service, seen)| format!("{service}: {}", seen.detail));
    Seen::new(why, each.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(cloud: Cloud, region: &str, endpoint: Option<&str>) -> String {
        let target = RegionTarget::new(cloud, region, endpoint).unwrap();
        target.services.values().map(|t| t.address().to_owned()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn each_partition_has_its_suffix() {
        let all = [
            addresses(Cloud::Aws, "ap-northeast-2", None),
            addresses(Cloud::Aws, "cn-north-1", None),
            addresses(Cloud::Aws, "us-gov-west-1", None),
            addresses(Cloud::Google, "asia-northeast3", None),
            addresses(Cloud::Azure, "koreacentral", None),
            addresses(Cloud::Azure, "chinaeast2", None),
        ];
        insta::assert_snapshot!(all.join("\n"), @r"
        https://dynamodb.ap-northeast-2.amazonaws.com/
        https://ec2.ap-northeast-2.amazonaws.com/
        https://sts.ap-northeast-2.amazonaws.com/
        https://dynamodb.cn-north-1.amazonaws.com.cn/
        https://ec2.cn-north-1.amazonaws.com.cn/
        https://sts.cn-north-1.amazonaws.com.cn/
        https://dynamodb.us-gov-west-1.amazonaws.com/
        https://ec2.us-gov-west-1.amazonaws.com/
        https://sts.us-gov-west-1.amazonaws.com/
        https://cloudbuild.asia-northeast3.rep.googleapis.com/
        https://cloudkms.asia-northeast3.rep.googleapis.com/
        https://secretmanager.asia-northeast3.rep.googleapis.com/
        https://koreacentral.api.cognitive.microsoft.com/
        https://koreacentral.monitoring.azure.com/
        https://chinaeast2.monitoring.azure.cn/
        ");
    }

    #[test]
    fn an_endpoint_takes_the_place_of_the_clouds_own() {
        let one = addresses(Cloud::Aws, "us-east-1", Some("http://localhost:5000"));
        assert_eq!(one, "http://localhost:5000/");
        let each = addresses(Cloud::Aws, "us-east-1", Some("http://moto/{region}/{service}"));
        assert!(each.starts_with("http://moto/us-east-1/dynamodb\n"), "{each}");
        assert_eq!(each.lines().count(), 3);
    }

    #[test]
    fn what_cannot_be_asked_is_known_before() {
        let wrong = |region: &str, endpoint| {
            RegionTarget::new(Cloud::Aws, region, endpoint).unwrap_err().to_string()
        };
        let said = [
            wrong("", None),
            wrong("evil.example.com/", None),
            wrong("us-east-1", Some("localhost:5000")),
        ];
        insta::assert_snapshot!(said.join("\n"), @r"
        `` is not a region such as `ap-northeast-2`
        `evil.example.com/` is not a region such as `ap-northeast-2`
        `localhost:5000` is not an address such as `https://shop.example.com/health`
        ");
    }

    #[test]
    fn the_word_is_that_of_most() {
        let seen = |service: &str, why| (service.to_owned(), Seen::new(why, why.word()));
        let two = of_failures(vec![seen("sts", Why::Status), seen("ec2", Why::Timeout)]);
        assert_eq!((two.why, two.detail.as_str()), (Why::Timeout, "ec2: timeout; sts: status"));
        let three = of_failures(vec![
            seen("a", Why::Resolve),
            seen("b", Why::Status),
            seen("c", Why::Status),
        ]);
        assert_eq!(three.why, Why::Status);
    }
}
