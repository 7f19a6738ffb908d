//! Which regions there are: `regions.json`, read once.

use serde::Deserialize;
use std::{fmt, sync::LazyLock};

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
}

/// Every region that drctl knows.
///
/// The lists are of 2025 and clouds grow: a name that is not here is not wrong
/// for certain, so a runbook that declares a region makes it known.
pub struct Regions {
    all: Vec<Region>,
}

#[derive(Deserialize)]
struct File {
    clouds: Vec<CloudEntry>,
}

#[derive(Deserialize)]
struct CloudEntry {
    cloud: Cloud,
    partition: String,
    regions: Vec<String>,
}

static KNOWN: LazyLock<Regions> = LazyLock::new(|| {
    let file: File =
        serde_json::from_str(include_str!("regions.json")).expect("a test reads this file");
    let all = file
        .clouds
        .into_iter()
        .flat_map(|entry| {
            entry.regions.into_iter().map(move |name| Region {
                name,
                cloud: entry.cloud,
                partition: entry.partition.clone(),
            })
        })
        .collect();
    Regions { all }
});

impl Regions {
    /// Returns the regions that come with drctl.
    pub fn known() -> &'static Self {
        &KNOWN
    }

    /// Returns the region called `name`.
    pub fn find(&self, name: &str) -> Option<&Region> {
        self.all.iter().find(|region| region.name == name)
    }

    /// Returns the names of all regions, cloud by cloud.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|region| region.name.as_str())
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
}
