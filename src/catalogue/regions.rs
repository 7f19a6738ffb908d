//! Which regions there are, and what is known of each: `regions.json`, read once.

use serde::Deserialize;
use std::{collections::BTreeMap, fmt, sync::LazyLock};

/// A cloud whose regions drctl knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Google,
    /// Microsoft Azure.
    Azure,
}

impl fmt::Display for Cloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Aws => "AWS",
            Self::Google => "Google Cloud",
            Self::Azure => "Azure",
        })
    }
}

/// A region as its cloud names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// Its name, such as `ap-northeast-2`.
    pub name: String,
    /// Whose it is.
    pub cloud: Cloud,
    /// The part of the cloud that shares accounts and control planes, such as `aws-cn`.
    pub partition: String,
    /// Its availability zones, empty when it has none, `None` when unknown.
    ///
    /// Names of AWS zones are those that a new account commonly sees: AWS deals
    /// the letters out account by account, and only the ids mean one place.
    pub zones: Option<Vec<String>>,
    /// The last parts of the AWS ids of its zones, where they are not 1, 2, 3 and so on.
    zone_numbers: Option<String>,
}

impl Region {
    /// Returns the short form that AWS uses in ids: `apne1` for `ap-northeast-1`.
    ///
    /// `None` for a region of another cloud.
    pub fn short(&self) -> Option<String> {
        if self.cloud != Cloud::Aws {
            return None;
        }
        let (place, number) = self.name.rsplit_once('-')?;
        let mut parts = place.split('-');
        let mut short = parts.next()?.to_owned();
        for part in parts {
            // Compound directions are two letters: `northeast` is `ne`.
            let split = ["north", "south"]
                .into_iter()
                .find_map(|start| Some((start, part.strip_prefix(start)?)));
            let (first, second) = split.unwrap_or((part, ""));
            short.extend(first.chars().take(1).chain(second.chars().take(1)));
        }
        Some(short + number)
    }

    /// Returns the AWS ids of its zones, such as `apne1-az4`; `None` when unknown.
    pub fn zone_ids(&self) -> Option<Vec<String>> {
        let short = self.short()?;
        let count = self.zones.as_ref()?.len();
        let ids = match &self.zone_numbers {
            Some(numbers) => numbers.chars().map(|n| format!("{short}-az{n}")).collect(),
            None => (1..=count).map(|n| format!("{short}-az{n}")).collect(),
        };
        Some(ids)
    }
}

/// Every region that drctl knows.
///
/// The lists are of 2025 and clouds grow: a name that is not here is not wrong
/// for certain, so a runbook that declares a region makes it known.
pub struct Regions {
    all: Vec<Region>,
    places: BTreeMap<String, usize>,
    facts: BTreeMap<String, Fact>,
    missing: BTreeMap<String, Missing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "comment")]
    _comment: String,
    #[serde(rename = "sources")]
    _sources: Vec<String>,
    #[serde(rename = "as_of")]
    _as_of: String,
    clouds: Vec<CloudEntry>,
    facts: BTreeMap<String, Fact>,
    missing: BTreeMap<String, Missing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloudEntry {
    cloud: Cloud,
    partition: String,
    regions: Vec<String>,
    /// The last characters of the zones' names, region by region.
    #[serde(default)]
    zones: BTreeMap<String, String>,
    #[serde(default)]
    zone_ids: BTreeMap<String, String>,
}

/// Something that differs from region to region, such as the hosted zone of load balancers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fact {
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader of the file, and a test"))]
    source: String,
    values: BTreeMap<String, String>,
}

/// Where something is not offered. A region of the cloud that is not listed offers it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Missing {
    cloud: Cloud,
    regions: Vec<String>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reader of the file, and a test"))]
    source: String,
}

static KNOWN: LazyLock<Regions> = LazyLock::new(|| {
    let file: File =
        serde_json::from_str(include_str!("regions.json")).expect("a test reads this file");
    let all: Vec<_> = file
        .clouds
        .into_iter()
        .flat_map(|CloudEntry { cloud, partition, regions, zones, zone_ids }| {
            regions.into_iter().map(move |name| Region {
                zones: zones.get(&name).map(|last| zone_names(cloud, &name, last)),
                zone_numbers: zone_ids.get(&name).cloned(),
                cloud,
                partition: partition.clone(),
                name,
            })
        })
        .collect();
    let places = all.iter().enumerate().map(|(place, region)| (region.name.clone(), place));
    Regions { places: places.collect(), all, facts: file.facts, missing: file.missing }
});

fn zone_names(cloud: Cloud, region: &str, last: &str) -> Vec<String> {
    let name = |c| match cloud {
        Cloud::Aws => format!("{region}{c}"),
        Cloud::Google => format!("{region}-{c}"),
        Cloud::Azure => format!("{c}"),
    };
    last.chars().map(name).collect()
}

impl Regions {
    /// Returns the regions that come with drctl.
    pub fn known() -> &'static Self {
        &KNOWN
    }

    /// Returns the region called `name`.
    pub fn find(&self, name: &str) -> Option<&Region> {
        self.places.get(name).map(|place| &self.all[*place])
    }

    /// Returns the names of all regions, cloud by cloud.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|region| region.name.as_str())
    }

    /// Returns what `fact` is in a region, such as its `alb_zone_id`; `None` when unknown.
    pub fn fact(&self, fact: &str, region: &str) -> Option<&str> {
        self.facts.get(fact)?.values.get(region).map(String::as_str)
    }

    /// Whether a region offers `what`: a resource type, or a database class such as `db.m3`.
    ///
    /// `None` when the table does not have it: then nothing is known, either way.
    pub fn offers(&self, region: &str, what: &str) -> Option<bool> {
        let missing = self.missing.get(what)?;
        let region = self.find(region)?;
        (region.cloud == missing.cloud).then(|| !missing.regions.contains(&region.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_file_can_be_read_and_names_no_region_twice() {
        let names: Vec<_> = Regions::known().names().collect();
        let unique: BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), unique.len());
        assert!(names.len() > 100, "{}", names.len());
    }

    #[test]
    fn a_region_knows_its_cloud_and_partition() {
        let seoul = Regions::known().find("ap-northeast-2").unwrap();
        assert_eq!((seoul.cloud, seoul.partition.as_str()), (Cloud::Aws, "aws"));
        assert_eq!(Regions::known().find("asia-northeast3").unwrap().cloud, Cloud::Google);
        assert_eq!(Regions::known().find("koreacentral").unwrap().cloud, Cloud::Azure);
        assert_eq!(Regions::known().find("mars-1"), None);
    }

    #[test]
    fn zones_are_those_that_are_offered() {
        let zones = |region| Regions::known().find(region).unwrap().zones.clone();
        assert_eq!(
            zones("ca-central-1").unwrap(),
            ["ca-central-1a", "ca-central-1b", "ca-central-1d"]
        );
        assert_eq!(zones("us-east-1").unwrap().len(), 6);
        assert_eq!(
            zones("europe-west1").unwrap(),
            ["europe-west1-b", "europe-west1-c", "europe-west1-d"]
        );
        assert_eq!(zones("westeurope").unwrap(), ["1", "2", "3"]);
        assert_eq!(zones("northcentralus").unwrap(), Vec::<String>::new());
        assert_eq!(zones("chinaeast"), None);
    }

    #[test]
    fn aws_regions_have_a_short_form() {
        let short = |region| Regions::known().find(region).unwrap().short();
        for (region, expected) in [
            ("us-east-1", "use1"),
            ("ap-northeast-1", "apne1"),
            ("ap-southeast-4", "apse4"),
            ("ap-south-1", "aps1"),
            ("eu-central-1", "euc1"),
            ("us-gov-west-1", "usgw1"),
            ("cn-northwest-1", "cnnw1"),
            ("sa-east-1", "sae1"),
        ] {
            assert_eq!(short(region).as_deref(), Some(expected));
        }
        assert_eq!(short("us-central1"), None);
    }

    #[test]
    fn what_is_missing_is_known_and_the_rest_is_not() {
        let offers = |region, what| Regions::known().offers(region, what);
        assert_eq!(offers("ap-northeast-2", "db.m3"), Some(false));
        assert_eq!(offers("us-east-1", "db.m3"), Some(true));
        assert_eq!(offers("us-east-1", "db.z99"), None);
        assert_eq!(offers("us-central1", "db.m3"), None);
        assert_eq!(offers("mars-1", "db.m3"), None);
    }

    #[test]
    fn every_table_speaks_of_known_regions_and_has_a_source() {
        let regions = Regions::known();
        let file: File = serde_json::from_str(include_str!("regions.json")).unwrap();
        for entry in &file.clouds {
            for (name, last) in entry.zones.iter().chain(&entry.zone_ids) {
                assert!(entry.regions.contains(name), "{name}");
                assert!(last.is_ascii() && last.chars().is_sorted(), "{name}: {last}");
            }
            for (name, ids) in &entry.zone_ids {
                assert_eq!(ids.len(), entry.zones[name].len(), "{name}");
            }
        }
        for (name, fact) in &regions.facts {
            assert!(!fact.source.is_empty() && !fact.values.is_empty(), "{name}");
            assert!(fact.values.keys().all(|region| regions.find(region).is_some()), "{name}");
        }
        for (what, missing) in &regions.missing {
            assert!(!missing.source.is_empty() && !missing.regions.is_empty(), "{what}");
            for region in &missing.regions {
                let cloud = regions.find(region).map(|region| region.cloud);
                assert_eq!(cloud, Some(missing.cloud), "{what} in {region}");
            }
        }
    }
}
