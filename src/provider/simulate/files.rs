//! Files that providers write: small ones, and only into the scratch copy.

use base64::{Engine, engine::general_purpose::STANDARD};
use md5::Md5;
use serde_json::{Map, Value as Json, json};
use sha2::{Digest, Sha256, Sha512};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// Where files may be written.
#[derive(Clone, Debug)]
pub struct Files {
    root: PathBuf,
    working: PathBuf,
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error("`{}` is outside of the scratch copy", path.display())]
    Outside { path: PathBuf },
    #[error("failed to write `{}`", path.display())]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Files {
    /// Allows files anywhere in `root`, a scratch copy. Relative paths count from `working`, the
    /// folder in it in which Terraform runs.
    pub fn within(root: impl Into<PathBuf>, working: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), working: working.into() }
    }

    /// Writes a file, with the folders that it needs.
    pub(super) fn write(&self, path: &str, content: &[u8]) -> Result<(), FileError> {
        let path = self.confined(path)?;
        let failed = |source| FileError::Write { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        // A link is replaced, never followed: it may lead out.
        if path.is_symlink() {
            fs::remove_file(&path).map_err(failed)?;
        }
        fs::write(&path, content).map_err(failed)
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &str) -> Result<(), FileError> {
        let path = self.confined(path)?;
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(FileError::Write { path, source })
            }
            _ => Ok(()),
        }
    }

    /// Returns where `path` leads, if that is in the root: neither `..` nor a link leads out of it.
    fn confined(&self, path: &str) -> Result<PathBuf, FileError> {
        let outside = |path: &Path| FileError::Outside { path: path.to_owned() };
        let wanted = normal(&self.working.join(path));
        let name = wanted.file_name().ok_or_else(|| outside(&wanted))?;
        let folder = wanted.parent().ok_or_else(|| outside(&wanted))?;
        let root = self.root.canonicalize().map_err(|_| outside(&wanted))?;
        // What is not there yet cannot be a link.
        let there = folder.ancestors().find(|folder| folder.exists());
        let there = there.ok_or_else(|| outside(&wanted))?;
        let real = there.canonicalize().map_err(|_| outside(&wanted))?;
        if !real.starts_with(&root) {
            return Err(outside(&wanted));
        }
        let rest = folder.strip_prefix(there).map_err(|_| outside(&wanted))?;
        Ok(real.join(rest).join(name))
    }
}

/// Takes `.` and `..` out of a path without looking.
fn normal(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}

/// What a provider that writes files is about to write.
pub(super) struct Written<'a> {
    /// Where.
    pub(super) path: &'a str,
    /// What.
    pub(super) content: Vec<u8>,
    /// What the names of its checksums begin with.
    prefix: &'static str,
}

/// An archive without entries: the end of a zip's directory, as its format has it
/// (`APPNOTE.TXT` of PKWARE, section 4.3.16).
const EMPTY_ZIP: [u8; 22] =
    [b'P', b'K', 5, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl<'a> Written<'a> {
    /// Returns what a type writes for these arguments, if it writes anything.
    pub(super) fn by(kind: &str, arguments: &'a Map<String, Json>) -> Option<Self> {
        let text = |name| arguments.get(name).and_then(Json::as_str);
        match kind {
            "archive_file" => Some(Self {
                path: text("output_path")?,
                content: EMPTY_ZIP.to_vec(),
                prefix: "output_",
            }),
            "local_file" | "local_sensitive_file" => {
                let decoded = || STANDARD.decode(text("content_base64")?).ok();
                let plain = text("content").or_else(|| text("sensitive_content"));
                let content = plain.map(|text| text.as_bytes().to_vec()).or_else(decoded);
                let content = content.unwrap_or_default();
                Some(Self { path: text("filename")?, content, prefix: "content_" })
            }
            _ => None,
        }
    }

    /// Returns a computed attribute of it: a checksum or a size.
    pub(super) fn attribute(&self, name: &str) -> Option<Json> {
        let content = &self.content;
        Some(match name.strip_prefix(self.prefix)? {
            "md5" => hex(&Md5::digest(content)).into(),
            "sha256" => hex(&Sha256::digest(content)).into(),
            "sha512" => hex(&Sha512::digest(content)).into(),
            "base64sha256" => STANDARD.encode(Sha256::digest(content)).into(),
            "base64sha512" => STANDARD.encode(Sha512::digest(content)).into(),
            "size" => json!(content.len()),
            _ => return None,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    crate::model::text::hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_in_the_scratch_copy() {
        let scratch = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        let working = scratch.path().join("stack");
        fs::create_dir(&working).unwrap();
        let files = Files::within(scratch.path(), &working);

        files.write("build/a.zip", b"a").unwrap();
        assert_eq!(fs::read(working.join("build/a.zip")).unwrap(), b"a");
        files.write("../b", b"b").unwrap();
        assert!(scratch.path().join("b").exists());
        files.remove("../b").unwrap();
        files.remove("../b").unwrap();
        assert!(!scratch.path().join("b").exists());

        std::os::unix::fs::symlink(outside.path(), working.join("link")).unwrap();
        let absolute = outside.path().join("c").display().to_string();
        for path in ["../../c", "link/c", &absolute, "link/deep/c", "..", "/"] {
            let error = files.write(path, b"c").unwrap_err();
            assert!(matches!(error, FileError::Outside { .. }), "{path}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let scratch = tempfile::tempdir().unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::os::unix::fs::symlink(outside.path(), scratch.path().join("out")).unwrap();
        Files::within(scratch.path(), scratch.path()).write("out", b"x").unwrap();
        assert_eq!(fs::read(outside.path()).unwrap(), b"");
        assert_eq!(fs::read(scratch.path().join("out")).unwrap(), b"x");
    }

    #[test]
    fn checksums_are_those_of_what_is_written() {
        let arguments = json!({"filename": "a", "content": "abc"});
        let written = Written::by("local_file", arguments.as_object().unwrap()).unwrap();
        assert_eq!(
            written.attribute("content_md5"),
            Some(json!("900150983cd24fb0d6963f7d28e17f72"))
        );
        assert_eq!(written.attribute("id"), None);
    }
}
