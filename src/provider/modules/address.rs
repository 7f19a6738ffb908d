//! Where a registry keeps a module, as module calls write it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The registry of a source that names none.
pub(super) const PUBLIC: &str = "registry.terraform.io";

/// Hosts that Terraform takes for git repositories, and never for registries.
const GIT_HOSTS: [&str; 2] = ["github.com", "bitbucket.org"];

/// What a module is called in a registry. Each part is letters, digits, `-` and `_`, so it can be
/// the name of a folder and cannot lead anywhere else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) provider: String,
}

/// The source of a call of a registry's module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    /// The registry's host, with its port if it has one.
    pub(super) host: String,
    pub(super) address: Address,
    /// The folder of the called module in its package; empty for the package itself.
    pub(super) dir: PathBuf,
}

impl Address {
    /// Returns the address of these parts, if all of them are names.
    pub(super) fn new(namespace: &str, name: &str, provider: &str) -> Option<Self> {
        let is_name = |part: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            !part.is_empty() && part.chars().all(plain)
        };
        [namespace, name, provider].into_iter().all(is_name).then(|| Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            provider: provider.to_owned(),
        })
    }

    /// Returns what its git repository is called, as the public registry demands it.
    pub(super) fn repository(&self) -> String {
        format!("terraform-{}-{}", self.provider, self.name)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.namespace, self.name, self.provider)
    }
}

impl Source {
    /// Reads the `source` of a module call; `None` when it is not of a registry.
    pub(super) fn parse(source: &str) -> Option<Self> {
        let (package, dir) = source.split_once("//").unwrap_or((source, ""));
        let (host, address) = match package.split('/').collect::<Vec<_>>()[..] {
            [namespace, name, provider] => (PUBLIC, Address::new(namespace, name, provider)?),
            [host, namespace, name, provider] if is_host(host) => {
                (host, Address::new(namespace, name, provider)?)
            }
            _ => return None,
        };
        Some(Self { host: host.to_ascii_lowercase(), address, dir: Path::new(dir).to_owned() })
    }
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    (name.contains('.') || name == "localhost")
        && name.chars().all(plain)
        && port.parse::<u16>().is_ok()
        && !GIT_HOSTS.contains(&name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(source: &str) -> String {
        Source::parse(source).map_or("-".to_owned(), |source| {
            format!("{} {} {}", source.host, source.address, source.dir.display())
        })
    }

    #[test]
    fn a_source_of_a_registry_is_told_from_any_other() {
        assert_eq!(read("hashicorp/consul/aws"), "registry.terraform.io hashicorp/consul/aws ");
        assert_eq!(read("a/b/c//modules/x"), "registry.terraform.io a/b/c modules/x");
        assert_eq!(read("App.Terraform.io/a/b/c"), "app.terraform.io a/b/c ");
        assert_eq!(read("localhost:8080/a/b/c"), "localhost:8080 a/b/c ");
        for other in [
            "github.com/hashicorp/example",
            "github.com/a/b/c",
            "git::https://example.com/vpc.git",
            "git@github.com:hashicorp/example.git",
            "https://example.com/vpc.zip",
            "s3::https://s3.amazonaws.com/bucket/vpc.zip",
            "a/b",
            "a/../c",
            "a//b",
        ] {
            assert_eq!(read(other), "-", "{other}");
        }
    }
}
