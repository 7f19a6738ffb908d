//! Registries, and what they say of an image.

use super::credentials;
use crate::model::chain;
use futures_util::future::join_all;
use oci_client::{
    Client, Reference,
    client::{ClientConfig, ClientProtocol},
    errors::{OciDistributionError, OciErrorCode},
    secrets::RegistryAuth,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    net::IpAddr,
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// How long a registry may take to say whether it has an image.
const LIMIT: Duration = Duration::from_secs(10);

/// How long to wait before one that did not answer is asked once more.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// What a registry said of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is there.
    There {
        /// The digest of its manifest, such as `sha256:…`.
        digest: String,
    },
    /// It is not there.
    Missing {
        /// The registry's name.
        registry: String,
    },
    /// The registry does not answer.
    Down {
        /// Its name.
        registry: String,
        /// Why not, such as `connection refused`.
        cause: String,
    },
    /// It cannot be told: it may not be read, or the answer is odd.
    Untold {
        /// Why not.
        cause: String,
    },
    /// This is not the name of an image.
    NoName {
        /// Why not.
        cause: String,
    },
}

impl Answer {
    /// Returns the digest of the image when it is there.
    pub fn digest(&self) -> Option<&str> {
        match self {
            Self::There { digest } => Some(digest),
            _ => None,
        }
    }

    /// Returns why the image is not known to be there.
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::There { .. } => None,
            Self::Missing { registry } => Some(format!("`{registry}` does not have it")),
            Self::Down { registry, cause } => {
                Some(format!("`{registry}` does not answer: {cause}"))
            }
            Self::Untold { cause } => Some(cause.clone()),
            Self::NoName { cause } => Some(format!("this is no name of an image: {cause}")),
        }
    }
}

/// Registries, and who to be there.
pub(super) struct Registries {
    pub(super) client: Client,
    pub(super) auth: BTreeMap<String, RegistryAuth>,
}

impl Registries {
    /// Gets ready to ask the registries of `images`.
    ///
    /// # Errors
    ///
    /// No client can be made: TLS or a proxy is not set up as it must be.
    pub(super) async fn of<'i>(
        images: impl Iterator<Item = &'i Reference>,
    ) -> Result<Self, OciDistributionError> {
        let names: BTreeSet<&str> = images.map(Reference::registry).collect();
        let plain = names.iter().filter(|name| is_loopback(name)).map(ToString::to_string);
        let client = Client::try_from(config(plain.collect()))?;
        let known = names.into_iter().map(async |name| {
            let auth = credentials::of(name).await;
            (name.to_owned(), auth)
        });
        let auth: BTreeMap<_, _> = join_all(known).await.into_iter().collect();
        for (name, auth) in &auth {
            // It is the host that the client knows.
            let host = if name == "docker.io" { "index.docker.io" } else { name };
            client.store_auth_if_needed(host, auth).await;
        }
        Ok(Self { client, auth })
    }

    /// Returns who to be at the registry of an image.
    pub(super) fn auth(&self, image: &Reference) -> RegistryAuth {
        self.auth.get(image.registry()).cloned().unwrap_or(RegistryAuth::Anonymous)
    }

    /// Asks the registry of an image whether it has it; twice, when it does not answer at first.
    pub(super) async fn ask(&self, image: &Reference) -> Answer {
        match self.ask_once(image).await {
            Answer::Down { .. } => {
                sleep(AGAIN_AFTER).await;
                self.ask_once(image).await
            }
            answer => answer,
        }
    }

    async fn ask_once(&self, image: &Reference) -> Answer {
        let auth = self.auth(image);
        let asked = timeout(LIMIT, self.client.fetch_manifest_digest(image, &auth)).await;
        let registry = || image.registry().to_owned();
        match asked {
            Ok(Ok(digest)) => Answer::There { digest },
            Ok(Err(error)) => judge(registry(), auth != RegistryAuth::Anonymous, error),
            Err(_) => {
                let cause = format!("nothing came within {}s", LIMIT.as_secs());
                Answer::Down { registry: registry(), cause }
            }
        }
    }
}

/// A client of registries, those of `plain` over HTTP without TLS.
fn config(plain: Vec<String>) -> ClientConfig {
    let mut config = ClientConfig {
        protocol: ClientProtocol::HttpsExcept(plain),
        connect_timeout: Some(LIMIT),
        use_monolithic_push: true,
        user_agent: concat!("drctl/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    let set = |name: &str| {
        let found =
            [name.to_owned(), name.to_uppercase()].into_iter().find_map(|n| env::var(n).ok());
        found.filter(|value| !value.is_empty())
    };
    // As the engine does, nothing of this machine is asked for through a proxy.
    if let Some(proxy) = set("http_proxy") {
        let spared = set("no_proxy").unwrap_or_default();
        config.http_proxy = Some(proxy);
        config.https_proxy = set("https_proxy");
        config.no_proxy = Some(format!("{spared},localhost,127.0.0.0/8"));
    }
    config
}

/// Whether a registry is on this machine, so that Docker speaks HTTP with it:
/// <https://docs.docker.com/reference/cli/dockerd/#insecure-registries>.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn judge(registry: String, known: bool, error: OciDistributionError) -> Answer {
    let unread = || {
        let who =
            if known { "with the credentials" } else { "without credentials; there are none" };
        let cause = format!("it may not be read {who} in Docker's configuration of this machine");
        Answer::Untold { cause }
    };
    match error {
        OciDistributionError::RequestError(error) => {
            let error = error.without_url();
            match error.status() {
                Some(status) => of_status(registry, status.as_u16(), unread),
                // The innermost says what happened: the others, that it did.
                None => {
                    let cause = chain(&error).pop().unwrap_or_default();
                    Answer::Down { registry, cause }
                }
            }
        }
        OciDistributionError::ServerError { code, .. } => of_status(registry, code, unread),
        OciDistributionError::ImageManifestNotFoundError(_) => Answer::Missing { registry },
        OciDistributionError::UnauthorizedError { .. }
        | OciDistributionError::AuthenticationFailure(_) => unread(),
        OciDistributionError::RegistryError { envelope, .. } => {
            let any = |wanted: &[OciErrorCode]| {
                envelope.errors.iter().any(|error| wanted.contains(&error.code))
            };
            use OciErrorCode::{Denied, ManifestUnknown, NameUnknown, NotFound, Unauthorized};
            if any(&[ManifestUnknown, NameUnknown, NotFound]) {
                Answer::Missing { registry }
            } else if any(&[Unauthorized, Denied]) {
                unread()
            } else {
                let said: Vec<&str> = envelope.errors.iter().map(|e| e.message.as_str()).collect();
                Answer::Untold { cause: format!("the registry says: {}", said.join("; ")) }
            }
        }
        error => Answer::Untold { cause: format!("the registry's answer is odd: {error}") },
    }
}

fn of_status(registry: String, status: u16, unread: impl Fn() -> Answer) -> Answer {
    match status {
        404 => Answer::Missing { registry },
        401 | 403 => unread(),
        500.. => Answer::Down { registry, cause: format!("it says {status}") },
        _ => Answer::Untold { cause: format!("the registry's answer is odd: it says {status}") },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_client::errors::OciEnvelope;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (registry, plain) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:5000", true),
            ("127.8.0.1", true),
            ("10.0.0.1:5000", false),
            ("localhost.example.com", false),
            ("docker.io", false),
        ] {
            assert_eq!(is_loopback(registry), plain, "{registry}");
        }
    }

    #[test]
    fn what_a_registry_says_is_there_missing_down_or_untold() {
        let envelope = |code: &str| {
            let text = format!(r#"{{"errors":[{{"code":"{code}","message":"words"}}]}}"#);
            let envelope: OciEnvelope = serde_json::from_str(&text).unwrap();
            OciDistributionError::RegistryError { envelope, url: String::new() }
        };
        let status = |code: u16| OciDistributionError::ServerError {
            code,
            url: String::new(),
            message: String::new(),
        };
        let said = [
            envelope("MANIFEST_UNKNOWN"),
            envelope("NAME_UNKNOWN"),
            envelope("DENIED"),
            envelope("TOOMANYREQUESTS"),
            status(404),
            status(403),
            status(503),
            status(418),
            OciDistributionError::UnauthorizedError { url: String::new() },
            OciDistributionError::RegistryNoDigestError,
        ]
        .map(|error| judge("r.example.com".to_owned(), false, error).cause().unwrap());
        insta::assert_snapshot!(said.join("\n"), @r"
        `r.example.com` does not have it
        `r.example.com` does not have it
        it may not be read without credentials; there are none in Docker's configuration of this machine
        the registry says: words
        `r.example.com` does not have it
        it may not be read without credentials; there are none in Docker's configuration of this machine
        `r.example.com` does not answer: it says 503
        the registry's answer is odd: it says 418
        it may not be read without credentials; there are none in Docker's configuration of this machine
        the registry's answer is odd: Registry did not return a digest header
        ");
    }
}
