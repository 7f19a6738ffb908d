//! The modules that `terraform get` or `terraform init` installed.

use crate::config::{
    module::{CallTarget, Module, ModuleCall, ModuleError},
    repository::Repository,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Where Terraform writes what it installed, from the folder of the root module.
pub const MANIFEST: &str = ".terraform/modules/modules.json";

/// The content of `modules.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct ModuleManifest {
    /// In the order of the file.
    #[serde(rename = "Modules")]
    pub entries: Vec<ManifestEntry>,
}

/// A call of a module, and where its code lies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ManifestEntry {
    /// The names of the calls that lead to it, joined by dots; empty for the root module.
    #[serde(rename = "Key")]
    pub key: String,
    /// Its source, as Terraform normalised it.
    #[serde(rename = "Source", default)]
    pub source: String,
    /// Its folder, from the folder of the root module.
    #[serde(rename = "Dir")]
    pub dir: PathBuf,
}

/// A manifest, or a module that it names, that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("failed to read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        #[source]
        /// Why.
        source: io::Error,
    },
    /// It is not what Terraform writes.
    #[error("failed to understand `{}`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        #[source]
        /// Why.
        source: serde_json::Error,
    },
    /// A module's folder cannot be listed.
    #[error("failed to read the module that `module.{key}` calls")]
    Module {
        /// The entry's key.
        key: String,
        #[source]
        /// Why.
        source: ModuleError,
    },
}

impl ManifestError {
    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some("Run `terraform get` in the stack's folder to install its modules again".to_owned())
    }
}

impl ModuleManifest {
    /// Reads a `modules.json`.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Unreadable`] also when there is none, as for a root module that calls
    /// nothing; [`ManifestError::Malformed`] when it is not JSON of the known form.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let text = fs::read(path)
            .map_err(|source| ManifestError::Unreadable { path: path.to_owned(), source })?;
        serde_json::from_slice(&text)
            .map_err(|source| ManifestError::Malformed { path: path.to_owned(), source })
    }

    /// Reads every module that it names, each folder once. `stack` is the folder of the root
    /// module from the root of the `checkout`.
    ///
    /// # Errors
    ///
    /// [`ManifestError::Module`] when a folder cannot be listed.
    pub fn modules(
        &self,
        checkout: &Path,
        stack: &Path,
    ) -> Result<InstalledModules, ManifestError> {
        let mut installed = InstalledModules::default();
        for entry in self.entries.iter().filter(|entry| !entry.key.is_empty()) {
            let dir = normal(&stack.join(&entry.dir));
            if !installed.modules.contains_key(&dir) {
                // A folder outside the checkout is a root of its own.
                let module = if dir.is_absolute() || dir.starts_with("..") {
                    Module::read(&checkout.join(&dir), Path::new(""), None)
                } else {
                    Module::read(checkout, &dir, None)
                };
                let key = entry.key.clone();
                let module = module.map_err(|source| ManifestError::Module { key, source })?;
                installed.modules.insert(dir.clone(), module);
            }
            installed.folders.insert(entry.key.clone(), dir);
        }
        Ok(installed)
    }
}

/// Every module that is called, by the calls that lead to it.
#[derive(Debug, Default)]
pub struct InstalledModules {
    modules: BTreeMap<PathBuf, Module>,
    folders: BTreeMap<String, PathBuf>,
}

impl InstalledModules {
    /// Returns the module that a call means; `caller` is the key of the module in which it stands.
    pub fn resolve(&self, caller: &str, call: &ModuleCall) -> Option<&Module> {
        self.modules.get(self.folders.get(&key_of(caller, &call.name))?)
    }

    /// Returns every module with its folder, from the root of the checkout; one that lies outside of it
    /// begins with `..` or is absolute, and thinks that it is a root of its own.
    pub fn folders(&self) -> impl ExactSizeIterator<Item = (&Path, &Module)> {
        self.modules.iter().map(|(dir, module)| (dir.as_path(), module))
    }

    /// Returns every module.
    pub fn modules(&self) -> impl ExactSizeIterator<Item = &Module> {
        self.modules.values()
    }
}

/// Returns a resolver for what lies in the repository itself, when nothing was installed yet.
pub fn local_modules<'r>(
    repository: &'r Repository,
) -> impl Fn(&str, &ModuleCall) -> Option<&'r Module> {
    |_, call| match &call.target {
        CallTarget::Local(dir) => repository.module(dir),
        _ => None,
    }
}

/// Returns the key of the module that `call` means.
pub(super) fn key_of(caller: &str, call: &str) -> String {
    if caller.is_empty() { call.to_owned() } else { format!("{caller}.{call}") }
}

/// Takes `.` and `..` out of a path, as far as that can be done without looking.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(clean.components().next_back(), Some(Component::Normal(_))) =>
            {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_cleaned() {
        let clean = |path: &str| normal(Path::new(path)).display().to_string();
        assert_eq!(clean("stacks/a/../../modules/./b"), "modules/b");
        assert_eq!(clean("a/../../b"), "../b");
        assert_eq!(clean("./"), "");
    }

    #[test]
    fn installed_modules_are_found_by_their_calls() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("modules/net/main.tf", "module \"inner\" {\n  source = \"./inner\"\n}\n");
        write("modules/net/inner/main.tf", "output \"o\" {}\n");
        write("stacks/a/main.tf", "module \"net\" {\n  source = \"../../modules/net\"\n}\n");
        write(
            "stacks/a/.terraform/modules/modules.json",
            r#"{"Modules":[{"Key":"","Source":"","Dir":"."},
                {"Key":"net","Source":"../../modules/net","Dir":"../../modules/net"},
                {"Key":"net.inner","Source":"./inner","Version":"1.2.3","Dir":"../../modules/net/inner"}]}"#,
        );

        let manifest =
            ModuleManifest::read(&folder.path().join("stacks/a").join(MANIFEST)).unwrap();
        let installed = manifest.modules(folder.path(), Path::new("stacks/a")).unwrap();

        let root = Module::read(folder.path(), Path::new("stacks/a"), None).unwrap();
        let net = installed.resolve("", &root.calls[0]).unwrap();
        assert_eq!(net.dir, Path::new("modules/net"));
        let inner = installed.resolve("net", &net.calls[0]).unwrap();
        assert_eq!(inner.outputs[0].place().to_string(), "modules/net/inner/main.tf:1:1");
        assert!(installed.resolve("other", &net.calls[0]).is_none());
    }

    #[test]
    fn a_manifest_that_is_missing_or_broken_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("modules.json");
        let told = |path: &Path| {
            let error = ModuleManifest::read(path).unwrap_err();
            error.to_string().replace(&folder.path().display().to_string(), "FOLDER")
        };
        assert_eq!(told(&path), "failed to read `FOLDER/modules.json`");
        fs::write(&path, "{").unwrap();
        assert_eq!(told(&path), "failed to understand `FOLDER/modules.json`");
    }
}
