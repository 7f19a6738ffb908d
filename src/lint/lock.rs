//! The dependency lock file, `.terraform.lock.hcl`.

use crate::config::file::SourceFile;
use std::{collections::BTreeMap, path::Path};

/// What a lock file says.
#[derive(Debug, Default)]
pub(crate) struct Lock {
    /// Checksums by the address of the provider.
    providers: BTreeMap<String, Vec<String>>,
}

impl Lock {
    /// Reads a lock file; one that cannot be understood says nothing.
    pub(crate) fn read(path: &Path, text: &str) -> Self {
        let Ok(file) = SourceFile::parse(path, text.as_bytes(), None) else {
            return Self::default();
        };
        let providers = file.body().blocks_of("provider").filter_map(|block| {
            let hashes = block.body().expr("hashes").and_then(|hashes| hashes.strings().ok());
            Some((block.label(0)?.to_owned(), hashes.unwrap_or_default()))
        });
        Self { providers: providers.collect() }
    }

    /// Whether it says nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// Whether it has the provider of a source, with or without its host.
    pub(crate) fn has(&self, source: &str) -> bool {
        self.providers.keys().any(|known| {
            let known = known.to_lowercase();
            let source = source.to_lowercase();
            known == source || known.ends_with(&format!("/{source}"))
        })
    }

    /// Returns the providers that can be checked on one platform only.
    ///
    /// A checksum that begins with `zh:` is of a package as the registry has it, and all platforms
    /// are listed; one with `h1:` is of the contents for one platform: "Dependency Lock File" in
    /// the documentation of the Terraform language.
    pub(crate) fn bound_to_one_platform(&self) -> impl Iterator<Item = &str> {
        self.providers
            .iter()
            .filter(|(_, hashes)| hashes.len() == 1 && hashes[0].starts_with("h1:"))
            .map(|(provider, _)| provider.as_str())
    }
}
