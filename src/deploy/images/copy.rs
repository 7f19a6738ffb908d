//! Images copied from registry to registry.

use super::{error::ImagesError, parse, registry::Registries};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, future::BoxFuture, stream};
use oci_client::{
    Reference,
    client::LayerDescriptor,
    errors::OciDistributionError,
    manifest::{
        IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
        OCI_IMAGE_MEDIA_TYPE,
    },
};
use serde::Deserialize;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How many blobs of an image are copied at once.
const AT_ONCE: usize = 4;

/// The manifests that are copied: of one platform, and lists of such, in both their spellings.
const MANIFESTS: &[&str] = &[
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
];

/// How far a copy is, in bytes. It can be read while it goes on.
#[derive(Debug, Default)]
pub struct Copied {
    /// What had to be copied so far: what the target has already is not counted.
    pub needed: AtomicU64,
    /// What was copied of it.
    pub done: AtomicU64,
}

/// What a manifest names; one of a list names manifests, one of an image blobs.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    media_type: Option<String>,
    #[serde(default)]
    manifests: Vec<Part>,
    config: Option<Part>,
    #[serde(default)]
    layers: Vec<Part>,
}

#[derive(Clone, Deserialize)]
struct Part {
    digest: String,
    size: u64,
    /// Where it is had from instead, if registries are not to keep it.
    urls: Option<Vec<String>>,
}

/// Copies an image from its registry to another, or to another name: for every platform, by digest, and
/// without what is there already. Returns its digest.
///
/// # Errors
///
/// [`ImagesError::Copy`] with what failed.
pub async fn copy(from: &str, to: &str, copied: &Arc<Copied>) -> Result<String, ImagesError> {
    let failed =
        |cause: String| ImagesError::Copy { from: from.to_owned(), to: to.to_owned(), cause };
    let (source, target) = (parse(from).map_err(failed)?, parse(to).map_err(failed)?);
    let registries = Registries::of([&source, &target].into_iter()).await;
    let registries = registries.map_err(|error| failed(words(&error)))?;
    let copying = Copying { registries, copied: Arc::clone(copied) };
    copying
        .manifest(source, target)
        .await
        .map_err(|(what, error)| failed(format!("{what}: {}", words(&error))))
}

/// What failed, and why.
type Failed = (String, OciDistributionError);

struct Copying {
    registries: Registries,
    copied: Arc<Copied>,
}

impl Copying {
    /// Copies a manifest with all that it names, which comes first, since registries insist on it.
    fn manifest(&self, from: Reference, to: Reference) -> BoxFuture<'_, Result<String, Failed>> {
        Box::pin(async move {
            let client = &self.registries.client;
            let at = |what: String| move |error| (what, error);
            let reading = || at(format!("its manifest cannot be read at `{}`", from.registry()));
            let auth = self.registries.auth(&from);
            let pulled = client.pull_manifest_raw(&from, &auth, MANIFESTS).await;
            let (body, digest) = pulled.map_err(reading())?;
            let manifest: Manifest =
                serde_json::from_slice(&body).map_err(|error| reading()(error.into()))?;
            for part in &manifest.manifests {
                let there = by_digest(&to, &part.digest);
                let auth = self.registries.auth(&to);
                if client.fetch_manifest_digest(&there, &auth).await.is_err() {
                    let source = from.clone_with_digest(part.digest.clone());
                    self.manifest(source, there).await?;
                }
            }
            let mut blobs = Vec::new();
            for part in manifest.config.iter().chain(&manifest.layers) {
                if part.urls.as_ref().is_none_or(Vec::is_empty) {
                    blobs.push(self.blob(&from, &to, part.clone()));
                }
            }
            stream::iter(blobs).buffer_unordered(AT_ONCE).try_collect::<()>().await?;
            let kind = manifest.media_type.as_deref().unwrap_or(match manifest.config {
                Some(_) => OCI_IMAGE_MEDIA_TYPE,
                None => OCI_IMAGE_INDEX_MEDIA_TYPE,
            });
            let writing = || at(format!("its manifest cannot be written to `{}`", to.registry()));
            let kind = kind.parse().map_err(|_| {
                writing()(OciDistributionError::UnsupportedMediaTypeError(kind.to_owned()))
            })?;
            client.push_manifest_raw(&to, body, kind).await.map_err(writing())?;
            Ok(digest)
        })
    }

    /// Copies a blob, unless it is there.
    async fn blob(&self, from: &Reference, to: &Reference, part: Part) -> Result<(), Failed> {
        let client = &self.registries.client;
        let failed = |verb: &str, registry: &str| {
            let what = format!("`{}` cannot be {verb} `{registry}`", part.digest);
            move |error| (what, error)
        };
        let there = client.blob_exists(to, &part.digest).await;
        if there.map_err(failed("looked for at", to.registry()))? {
            return Ok(());
        }
        // A registry may do it by itself, and else answers that it would take an upload.
        if from.registry() == to.registry()
            && client.mount_blob(to, from, &part.digest).await.is_ok()
        {
            return Ok(());
        }
        self.copied.needed.fetch_add(part.size, Ordering::Relaxed);
        let layer = LayerDescriptor { digest: &part.digest, urls: &None };
        let bytes = client.pull_blob_stream(from, &layer).await;
        let bytes = bytes.map_err(failed("read from", from.registry()))?;
        let copied = Arc::clone(&self.copied);
        let counted = bytes.map_err(OciDistributionError::from).inspect_ok(move |bytes: &Bytes| {
            copied.done.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        });
        let pushed = client.push_blob_stream(to, counted, &part.digest, Some(part.size)).await;
        pushed.map(drop).map_err(failed("written to", to.registry()))
    }
}

/// The manifest of a digest in the repository of `image`.
fn by_digest(image: &Reference, digest: &str) -> Reference {
    // As a tag, since the address is the same, and the client takes a registry that does not say where
    // it put what it was given, as that of AWS, for one that was given a tag.
    let (registry, repository) = (image.registry().to_owned(), image.repository().to_owned());
    Reference::with_tag(registry, repository, digest.to_owned())
}

fn words(error: &OciDistributionError) -> String {
    match error {
        OciDistributionError::RequestError(error) => {
            crate::model::chain(error).pop().unwrap_or_default()
        }
        OciDistributionError::UnauthorizedError { .. } => {
            "it may not be used with the credentials in Docker's configuration".to_owned()
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let said: Vec<&str> = envelope.errors.iter().map(|e| e.message.as_str()).collect();
            format!("the registry says: {}", said.join("; "))
        }
        OciDistributionError::ServerError { code, .. } => format!("the registry says {code}"),
        error => error.to_string(),
    }
}
