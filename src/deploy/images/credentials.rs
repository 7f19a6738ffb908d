//! Credentials for a registry, as `docker login` left them.

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential};
use oci_client::secrets::RegistryAuth;
use std::time::Duration;
use tokio::{task::spawn_blocking, time::timeout};

/// How long a credential helper may take; those of clouds ask a server.
const LIMIT: Duration = Duration::from_secs(10);

/// What Docker's configuration calls Docker Hub.
const HUB: &str = "https://index.docker.io/v1/";

/// Who an Azure registry takes an identity token from:
/// <https://learn.microsoft.com/azure/container-registry/container-registry-authentication>.
const TOKEN_USER: &str = "00000000-0000-0000-0000-000000000000";

/// Returns what Docker's configuration, or the helper that it names, has for a registry; nobody when
/// there is nothing. A helper that fails is no error: the image may be public.
pub(super) async fn of(registry: &str) -> RegistryAuth {
    let server = if registry == "docker.io" { HUB } else { registry }.to_owned();
    let found = timeout(LIMIT, spawn_blocking(move || get_credential(&server))).await;
    match found {
        Ok(Ok(Ok(DockerCredential::UsernamePassword(user, password)))) => {
            RegistryAuth::Basic(user, password)
        }
        Ok(Ok(Ok(DockerCredential::IdentityToken(token)))) => {
            RegistryAuth::Basic(TOKEN_USER.to_owned(), token)
        }
        Ok(Ok(Err(
            CredentialRetrievalError::NoCredentialConfigured
            | CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError,
        ))) => RegistryAuth::Anonymous,
        // What a helper prints may hold the secret.
        Ok(_) => {
            tracing::warn!(registry, "the credential helper of Docker failed");
            RegistryAuth::Anonymous
        }
        Err(_) => {
            tracing::warn!(registry, "the credential helper of Docker did not end in time");
            RegistryAuth::Anonymous
        }
    }
}
