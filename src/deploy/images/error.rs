//! Images that cannot be had.

use super::registry::Answer;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Images that cannot be had.
#[derive(Debug)]
pub enum ImagesError {
    /// Some are missing, or their registries do not answer.
    NotThere {
        /// What was said of each, by the image's name; only of those that cannot be had.
        images: BTreeMap<String, Answer>,
        /// The fallback region.
        region: String,
    },
    /// One could not be copied.
    Copy {
        /// From where.
        from: String,
        /// To where.
        to: String,
        /// What failed, with what the registry said.
        cause: String,
    },
}

impl ImagesError {
    /// Returns what is wrong with what registries said of images, when something is.
    pub(super) fn of(answers: BTreeMap<String, Answer>, region: &str) -> Option<Self> {
        let wrong = |answer: &Answer| {
            matches!(answer, Answer::Missing { .. } | Answer::Down { .. } | Answer::NoName { .. })
        };
        let images: BTreeMap<_, _> =
            answers.into_iter().filter(|(_, answer)| wrong(answer)).collect();
        let region = region.to_owned();
        if images.is_empty() { None } else { Some(Self::NotThere { images, region }) }
    }

    /// Returns what to do now, in one sentence that starts with a verb.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotThere { images, region } => {
                let all = |wanted: fn(&Answer) -> bool| images.values().any(wanted);
                let off = "say `check_images = false` in the step if it is there by other means";
                Some(if all(|a| matches!(a, Answer::Missing { .. })) {
                    format!(
                        "Push what is missing, or copy it from the name in the repository: `drctl images --region {region} --copy`; {off}"
                    )
                } else if all(|a| matches!(a, Answer::Down { .. })) {
                    format!(
                        "Start the registry, or name another with `--replace OLD=NEW` or the region's `replace`; {off}"
                    )
                } else {
                    "Correct the image's name: HOST[:PORT]/NAME[:TAG][@DIGEST]".to_owned()
                })
            }
            Self::Copy { .. } => Some(
                "Look whether the registry can be written to from here: `docker login REGISTRY`"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for ImagesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let images = match self {
            Self::NotThere { images, .. } => images,
            Self::Copy { from, to, cause } => {
                return write!(f, "`{from}` could not be copied to `{to}`: {cause}");
            }
        };
        let mut said = Vec::new();
        let mut missing = BTreeMap::<&str, Vec<&str>>::new();
        let mut down = BTreeMap::<&str, (Vec<&str>, BTreeSet<&str>)>::new();
        for (image, answer) in images {
            match answer {
                Answer::Missing { registry } => missing.entry(registry).or_default().push(image),
                Answer::Down { registry, cause } => {
                    let (images, causes) = down.entry(registry).or_default();
                    images.push(image);
                    causes.insert(cause);
                }
                Answer::NoName { cause } => {
                    said.push(format!("`{image}` is no name of an image: {cause}"));
                }
                Answer::There { .. } | Answer::Untold { .. } => {}
            }
        }
        for (registry, images) in missing {
            said.push(format!("the registry `{registry}` does not have {}", list(&images)));
        }
        for (registry, (images, causes)) in down {
            let causes: Vec<&str> = causes.into_iter().collect();
            let (causes, images) = (causes.join("; "), list(&images));
            said.push(format!(
                "the registry `{registry}`, which should have {images}, does not answer: {causes}"
            ));
        }
        f.write_str(&said.join("\n"))
    }
}

impl std::error::Error for ImagesError {}

fn list(images: &[&str]) -> String {
    let quoted: Vec<String> = images.iter().map(|image| format!("`{image}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_and_registry_is_named() {
        let answers = [
            ("r/a:1", Answer::Missing { registry: "r".into() }),
            ("r/b:1", Answer::Missing { registry: "r".into() }),
            ("s/c", Answer::Down { registry: "s".into(), cause: "connection refused".into() }),
            ("s/d", Answer::Untold { cause: "it may not be read".into() }),
            ("s/e", Answer::There { digest: "sha256:12".into() }),
            ("S", Answer::NoName { cause: "invalid reference format".into() }),
        ]
        .map(|(image, answer)| (image.to_owned(), answer));
        let error = ImagesError::of(answers.into(), "seoul").unwrap();
        insta::assert_snapshot!(format!("{error}\n{}", error.hint().unwrap()), @r"
        `S` is no name of an image: invalid reference format
        the registry `r` does not have `r/a:1`, `r/b:1`
        the registry `s`, which should have `s/c`, does not answer: connection refused
        Push what is missing, or copy it from the name in the repository: `drctl images --region seoul --copy`; say `check_images = false` in the step if it is there by other means
        ");
        let fine = [("s/d".to_owned(), Answer::Untold { cause: "odd".into() })];
        assert!(ImagesError::of(fine.into(), "seoul").is_none());
    }
}
