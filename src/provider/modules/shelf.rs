//! The folder of modules, and how a module is found in it.

use super::{address::Address, error::ModulesError, version::Version};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

/// A folder of modules: see [`super`] for how it is laid out.
#[derive(Clone, Debug)]
pub(super) struct Shelf {
    /// Without symbolic links.
    dir: PathBuf,
}

/// What there is of a module. The folders are free of symbolic links and inside the shelf.
#[derive(Debug)]
pub(super) enum Stock {
    /// A folder a version.
    Versions(BTreeMap<Version, PathBuf>),
    /// One folder for every version.
    Any(PathBuf),
}

impl Shelf {
    pub(super) fn open(dir: &Path) -> Result<Self, ModulesError> {
        let open = |source| ModulesError::Folder { dir: dir.to_owned(), source };
        let real = fs::canonicalize(dir).map_err(open)?;
        // Listing it now tells a file, or a folder that is closed to us, from an empty one.
        fs::read_dir(&real).map_err(open)?;
        Ok(Self { dir: real })
    }

    pub(super) fn find(&self, address: &Address) -> Result<Stock, ModulesError> {
        let Address { namespace, name, provider } = address;
        let named = self.dir.join(namespace).join(name).join(provider);
        if let Some(named) = self.inside(address, named)? {
            let versions = self.versions(address, &named)?;
            if !versions.is_empty() {
                return Ok(Stock::Versions(versions));
            }
            if is_package(&named) {
                return Ok(Stock::Any(named));
            }
        }
        let repository = address.repository();
        for checkout in [format!("{namespace}+{repository}"), repository] {
            if let Some(checkout) = self.inside(address, self.dir.join(checkout))?
                && is_package(&checkout)
            {
                return Ok(Stock::Any(checkout));
            }
        }
        Err(ModulesError::NotFound {
            module: address.to_string(),
            repository: address.repository(),
            dir: self.dir.clone(),
        })
    }

    /// Returns the folders in `named` that are named as versions.
    fn versions(
        &self,
        address: &Address,
        named: &Path,
    ) -> Result<BTreeMap<Version, PathBuf>, ModulesError> {
        let read = |source| ModulesError::Read { path: named.to_owned(), source };
        let mut versions = BTreeMap::new();
        for entry in fs::read_dir(named).map_err(read)? {
            let name = entry.map_err(read)?.file_name();
            let Some(version) = name.to_str().and_then(Version::parse) else { continue };
            if let Some(folder) = self.inside(address, named.join(&name))? {
                versions.insert(version, folder);
            }
        }
        Ok(versions)
    }

    /// Returns where a path really leads, if there is a folder, and refuses one outside.
    fn inside(&self, address: &Address, path: PathBuf) -> Result<Option<PathBuf>, ModulesError> {
        let real = match fs::canonicalize(&path) {
            Ok(real) => real,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(source) => return Err(ModulesError::Read { path, source }),
        };
        if !real.starts_with(&self.dir) {
            return Err(ModulesError::Outside { module: address.to_string(), path });
        }
        Ok(real.is_dir().then_some(real))
    }
}

impl Stock {
    /// Returns every folder of the module.
    pub(super) fn packages(&self) -> Vec<&Path> {
        match self {
            Self::Versions(versions) => versions.values().map(PathBuf::as_path).collect(),
            Self::Any(folder) => vec![folder],
        }
    }

    /// Returns the folder of a version.
    pub(super) fn package(&self, version: &Version) -> Option<&Path> {
        match self {
            Self::Versions(versions) => versions.get(version).map(PathBuf::as_path),
            Self::Any(folder) => Some(folder),
        }
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Whether a folder holds a module, or `modules/`: some packages hold nothing else.
fn is_package(folder: &Path) -> bool {
    let is_configuration = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.ends_with(".tf") || name.ends_with(".tf.json")
    };
    folder.join("modules").is_dir()
        || fs::read_dir(folder)
            .is_ok_and(|entries| entries.filter_map(Result::ok).any(is_configuration))
}
