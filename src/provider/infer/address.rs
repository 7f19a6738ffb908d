//! The full name of a provider.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A provider's address, such as `registry.terraform.io/hashicorp/aws`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderAddress {
    /// The registry's host, such as `registry.terraform.io`.
    pub hostname: String,
    /// Who publishes it, such as `hashicorp`.
    pub namespace: String,
    /// Its type, such as `aws`.
    pub kind: String,
}

/// A text that is no provider's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a provider's address")]
pub struct AddressError {
    /// The text.
    pub text: String,
}

impl AddressError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("Write it as `hashicorp/aws` or `registry.terraform.io/hashicorp/aws`".to_owned())
    }
}

impl ProviderAddress {
    /// Where an address without a host is looked for, as the Terraform documentation's page
    /// "Provider Requirements" says.
    pub const DEFAULT_HOST: &str = "registry.terraform.io";

    /// Returns the provider that is built into Terraform: `terraform_data`, `terraform_remote_state`.
    pub fn builtin() -> Self {
        Self::new("terraform.io", "builtin", "terraform")
    }

    /// Returns the provider that a local name means which no `required_providers` entry explains.
    pub fn implied(name: &str) -> Self {
        if name == "terraform" {
            return Self::builtin();
        }
        Self::new(Self::DEFAULT_HOST, "hashicorp", name)
    }

    /// Reads the `source` of a `required_providers` entry: `TYPE`, `NAMESPACE/TYPE` or
    /// `HOST/NAMESPACE/TYPE`. Case counts for nothing.
    ///
    /// # Errors
    ///
    /// [`AddressError`] when it has no parts, an empty one, or more than three.
    pub fn from_source(source: &str) -> Result<Self, AddressError> {
        let error = || AddressError { text: source.to_owned() };
        let plain = |part: &str| {
            !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control())
        };
        let parts: Vec<&str> = source.split('/').collect();
        if !parts.iter().all(|part| plain(part)) {
            return Err(error());
        }
        match parts[..] {
            [kind] => Ok(Self::implied(&kind.to_lowercase())),
            [namespace, kind] => Ok(Self::new(Self::DEFAULT_HOST, namespace, kind)),
            [hostname, namespace, kind] => Ok(Self::new(hostname, namespace, kind)),
            _ => Err(error()),
        }
    }

    fn new(hostname: &str, namespace: &str, kind: &str) -> Self {
        Self {
            hostname: hostname.to_lowercase(),
            namespace: namespace.to_lowercase(),
            kind: kind.to_lowercase(),
        }
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.hostname, self.namespace, self.kind)
    }
}

impl TryFrom<String> for ProviderAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::from_source(&text)
    }
}

impl From<ProviderAddress> for String {
    fn from(address: ProviderAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_source_is_read() {
        let full = |source| ProviderAddress::from_source(source).unwrap().to_string();
        assert_eq!(full("aws"), "registry.terraform.io/hashicorp/aws");
        assert_eq!(full("DataDog/datadog"), "registry.terraform.io/datadog/datadog");
        assert_eq!(full("example.com/acme/weird"), "example.com/acme/weird");
        assert_eq!(full("terraform.io/builtin/terraform"), "terraform.io/builtin/terraform");
        assert_eq!(full("terraform"), "terraform.io/builtin/terraform");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "a//b", "a/b/c/d", "a b", "/aws"] {
            let error = ProviderAddress::from_source(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is not a provider's address"));
        }
    }
}
