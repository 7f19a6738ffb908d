//! Which of the two products a binary is, and which release of it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The two programs that drctl can drive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Product {
    /// HashiCorp's Terraform.
    Terraform,
    /// OpenTofu, which split off from Terraform 1.6.
    OpenTofu,
}

impl Product {
    /// Returns the oldest release that drctl drives.
    ///
    /// Terraform 1.5 is the first whose plans say what they import
    /// (hashicorp/terraform, CHANGELOG 1.5.0); OpenTofu began with 1.6.
    pub const fn oldest(self) -> Version {
        match self {
            Self::Terraform => Version::new(1, 5, 0),
            Self::OpenTofu => Version::new(1, 6, 0),
        }
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Terraform => "Terraform",
            Self::OpenTofu => "OpenTofu",
        })
    }
}

/// A version: three numbers. What follows a dash is left out, so that a beta
/// counts as the release that it leads up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Version {
    /// Rises when something breaks.
    pub major: u64,
    /// Rises when something is added.
    pub minor: u64,
    /// Rises when something is mended.
    pub patch: u64,
}

impl Version {
    /// Returns a version.
    pub const fn new(major: u64, minor: u64, patch: u64) -> Self {
        Self { major, minor, patch }
    }

    /// Reads `1.11.4`, `v1.11.4` or `1.12.0-beta1`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let version = Self::new(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A release of one of the products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Which product.
    pub product: Product,
    /// Which version of it.
    pub version: Version,
}

impl Release {
    /// Reads what `terraform version` or `tofu version` prints.
    pub fn read(printed: &str) -> Option<Self> {
        printed.lines().find_map(|line| {
            let (name, version) = line.trim().split_once(' ')?;
            let product = match name {
                "Terraform" => Product::Terraform,
                "OpenTofu" => Product::OpenTofu,
                _ => return None,
            };
            Some(Self { product, version: Version::read(version)? })
        })
    }

    /// Tells whether it is at least the first version of `since` when it is
    /// Terraform, and the second when it is OpenTofu.
    pub fn is_at_least(&self, since: (Version, Version)) -> bool {
        match self.product {
            Product::Terraform => self.version >= since.0,
            Product::OpenTofu => self.version >= since.1,
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product, self.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_products_say_what_they_are() {
        for (printed, read) in [
            ("Terraform v1.11.4\non linux_amd64\n", Some("Terraform 1.11.4")),
            ("OpenTofu v1.10.0-beta1\non darwin_arm64\n", Some("OpenTofu 1.10.0")),
            ("a wrapper's banner\nTerraform v1.5.7\n", Some("Terraform 1.5.7")),
            ("Terraform v1.11\n", None),
            ("Terragrunt v0.50.0\n", None),
            ("", None),
        ] {
            let said = Release::read(printed).map(|release| release.to_string());
            assert_eq!(said.as_deref(), read, "{printed}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Version::read("1.11.4") > Version::read("1.9.8"));
        assert_eq!(Version::read("1.2.3.4"), None);
    }
}
