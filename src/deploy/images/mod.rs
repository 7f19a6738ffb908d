//! Images, and whether registries have them.

mod copy;
mod credentials;
mod error;
mod registry;

pub use copy::{Copied, copy};
pub use error::ImagesError;
pub use registry::Answer;

use super::{
    deployment::{Job, News},
    error::DeployError,
};
use crate::model::{deploy::ImageAnswer, text::replaced};
use futures_util::future::join_all;
use oci_client::Reference;
use registry::Registries;
use std::collections::{BTreeMap, BTreeSet};

/// An image that a step needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Image {
    /// Its name as the repository has it.
    pub written: String,
    /// Its name in the fallback, as it is pulled.
    pub name: String,
}

impl Image {
    /// Makes one whose name in the fallback is what `replace` makes of it.
    pub fn replaced(written: impl Into<String>, replace: &BTreeMap<String, String>) -> Self {
        let written = written.into();
        let name = replaced(&written, replace).unwrap_or_else(|| written.clone());
        Self { written, name }
    }

    /// Makes one of its name in the fallback: it was written as what `replace` makes that of.
    pub fn pulled(name: impl Into<String>, replace: &BTreeMap<String, String>) -> Self {
        let name = name.into();
        let back = replace.iter().map(|(old, new)| (new.clone(), old.clone())).collect();
        let written = replaced(&name, &back).unwrap_or_else(|| name.clone());
        Self { written, name }
    }
}

/// Asks the registry of each image whether it is there, all at once, and tells what they said.
///
/// An image that may not be read, or of which a registry says something odd, is told and is no error:
/// the engine or the cluster may have credentials of its own.
///
/// # Errors
///
/// [`ImagesError`] that names every image that is missing, or whose registry does not answer.
pub(super) async fn check(job: &Job<'_>, images: &[String]) -> Result<(), DeployError> {
    let images: BTreeSet<&str> = images.iter().map(String::as_str).collect();
    if images.is_empty() {
        return Ok(());
    }
    let answers = tokio::select! {
        answers = ask(images) => answers,
        () = job.stop.cancelled() => {
            let program = "the check of images".to_owned();
            return Err(DeployError::Stopped { program, log: None });
        }
    };
    let told = answers.iter().map(|(image, answer)| ImageAnswer {
        image: image.clone(),
        digest: answer.digest().map(str::to_owned),
        cause: answer.cause(),
    });
    job.tell.say(News::Images(told.collect()));
    ImagesError::of(answers, job.region).map_or(Ok(()), |error| Err(error.into()))
}

/// Asks the registry of each image whether it is there, all at once; returns what they said, in the
/// order of the images' names.
pub async fn ask<'i>(images: impl IntoIterator<Item = &'i str>) -> BTreeMap<String, Answer> {
    let images: BTreeSet<&str> = images.into_iter().collect();
    let parsed: Vec<(&str, Result<Reference, String>)> =
        images.into_iter().map(|image| (image, parse(image))).collect();
    let known = parsed.iter().filter_map(|(_, parsed)| parsed.as_ref().ok());
    let registries = Registries::of(known).await;
    let asked = parsed.iter().map(async |(image, parsed)| {
        let answer = match (parsed, &registries) {
            (Ok(reference), Ok(registries)) => registries.ask(reference).await,
            (Err(why), _) => Answer::NoName { cause: why.clone() },
            (Ok(reference), Err(why)) => {
                let registry = reference.registry().to_owned();
                Answer::Down { registry, cause: why.to_string() }
            }
        };
        ((*image).to_owned(), answer)
    });
    join_all(asked).await.into_iter().collect()
}

/// Reads the name of an image as Docker does: without a host it is one of Docker Hub's, without a tag
/// and a digest it is `latest`.
fn parse(image: &str) -> Result<Reference, String> {
    Reference::try_from(image).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_docker_reads_it() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let seen = |image: &str| {
            let r = parse(image).unwrap();
            let or_none = |part: Option<&str>| part.unwrap_or("-").to_owned();
            (r.registry().to_owned(), r.repository().to_owned(), or_none(r.tag()))
        };
        for (image, registry, repository, tag) in [
            ("web", "docker.io", "library/web", "latest"),
            ("acme/web:1.2", "docker.io", "acme/web", "1.2"),
            ("localhost/web", "localhost", "web", "latest"),
            ("127.0.0.1:5000/web:1", "127.0.0.1:5000", "web", "1"),
            ("eu.example.com/a/b/web", "eu.example.com", "a/b/web", "latest"),
        ] {
            let expected = (registry.to_owned(), repository.to_owned(), tag.to_owned());
            assert_eq!(seen(image), expected, "{image}");
        }
        let pinned = parse(&format!("eu.example.com:443/web:1@{digest}")).unwrap();
        assert_eq!((pinned.tag(), pinned.digest()), (Some("1"), Some(digest.as_str())));
        for wrong in ["", "Web", "web:", "web:a b", "web@sha256:12", "https://eu.example.com/web"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_stands_for_what_is_replaced_in_a_name() {
        let replace = [("eu.example.com/", "ap.example.com/")]
            .map(|(old, new)| (old.to_owned(), new.to_owned()))
            .into();
        let image = Image::replaced("eu.example.com/web:1", &replace);
        assert_eq!(image.name, "ap.example.com/web:1");
        assert_eq!(image.written, "eu.example.com/web:1");
        assert_eq!(Image::pulled("ap.example.com/web:1", &replace), image);
        let kept = Image::pulled("busybox", &replace);
        assert_eq!((kept.name.as_str(), kept.written.as_str()), ("busybox", "busybox"));
    }
}
