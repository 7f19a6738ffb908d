//! The files that drctl adds to the work copy: overrides of what a module declares, and
//! declarations of its own.

use crate::config::{file::SourceFile, module::Module};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Terraform merges override files in the order of their names; one that sorts behind
/// this is refused, since it would win over it.
pub const OVERRIDE_FILE: &str = "zz_drctl_override.tf.json";

/// What an override cannot do, declaring something new, is done in a file of this name.
pub(super) const EXTRA_FILE: &str = "zz_drctl.tf.json";

/// What is added to the folders of a work copy, each named from its root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Overrides(BTreeMap<PathBuf, Value>);

impl Overrides {
    /// Returns what is added to a folder.
    pub fn of(&self, dir: &Path) -> &Value {
        self.0.get(dir).unwrap_or(&Value::Null)
    }

    /// Returns what is added, folder by folder.
    pub fn folders(&self) -> impl Iterator<Item = (&Path, &Value)> {
        self.0.iter().map(|(dir, value)| (dir.as_path(), value))
    }

    /// Whether nothing is added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sets the value at the end of a path of blocks, labels and at last an argument.
    pub fn set(&mut self, dir: &Path, path: &[&str], value: Value) {
        let mut at = self.0.entry(dir.to_owned()).or_insert_with(|| json!({}));
        for step in path {
            at = &mut at[*step];
        }
        *at = value;
    }

    /// Whether the value at the end of a path is set.
    pub(super) fn has(&self, dir: &Path, path: &[&str]) -> bool {
        path.iter().try_fold(self.of(dir), |at, step| at.get(step)).is_some()
    }

    /// Sets an argument of a provider configuration.
    ///
    /// Configurations of one provider are a list, and each with an alias names it.
    pub(super) fn set_provider(
        &mut self,
        dir: &Path,
        provider: &str,
        alias: Option<&str>,
        argument: &str,
        value: Value,
    ) {
        let file = self.0.entry(dir.to_owned()).or_insert_with(|| json!({}));
        let blocks = &mut file["provider"][provider];
        if blocks.is_null() {
            *blocks = json!([]);
        }
        let Some(blocks) = blocks.as_array_mut() else { return };
        let known = blocks.iter().position(|block| block["alias"].as_str() == alias);
        let at = known.unwrap_or_else(|| {
            blocks.push(alias.map_or_else(|| json!({}), |alias| json!({ "alias": alias })));
            blocks.len() - 1
        });
        blocks[at][argument] = value;
    }

    /// Writes the files, each called `name`, below `root`. `text` has the last word on each.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write(
        &self,
        root: &Path,
        name: &str,
        text: impl Fn(String) -> String,
    ) -> io::Result<()> {
        for (dir, value) in &self.0 {
            put(&root.join(dir), name, &text(format!("{value:#}\n")))?;
        }
        Ok(())
    }
}

/// Adds to the override file in `dir`, which need not be there yet. Where both speak of the same
/// argument, what is added wins.
///
/// # Errors
///
/// The file cannot be read or written, or is no JSON object.
pub fn add_override(dir: &Path, more: &Value) -> io::Result<()> {
    let file = dir.join(OVERRIDE_FILE);
    let is_ours = fs::symlink_metadata(&file).is_ok_and(|there| there.is_file());
    let mut all: Map<String, Value> = match fs::read(&file) {
        Ok(_) if !is_ours => Map::new(),
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error),
    };
    merge(&mut all, more);
    put(dir, OVERRIDE_FILE, &format!("{:#}\n", Value::Object(all)))
}

/// Writes a file in the place of what is there: a link of the repository may lead anywhere, and is not
/// followed.
fn put(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.persist(dir.join(name))?;
    Ok(())
}

fn merge(all: &mut Map<String, Value>, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        match all.get_mut(name) {
            Some(Value::Object(known)) if value.is_object() => merge(known, value),
            _ => {
                all.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Returns the first file of a module that is merged after ours, or that ours would overwrite.
pub(super) fn in_the_way(module: &Module) -> Option<PathBuf> {
    let files = module.files.iter().map(SourceFile::path);
    let all = files.chain(module.unparsed.iter().map(|unparsed| unparsed.file.as_path()));
    all.filter(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        stem.ends_with("_override.tf") && *name >= *OVERRIDE_FILE || *name == *EXTRA_FILE
    })
    .map(Path::to_owned)
    .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_is_added_beside_what_is_there() {
        let dir = tempfile::tempdir().unwrap();
        add_override(dir.path(), &json!({"resource": {"a": {"x": {"count": 0}}}})).unwrap();
        let more = json!({"resource": {"a": {"x": {"count": 1, "provisioner": []}}, "b": {}}});
        add_override(dir.path(), &more).unwrap();
        let text = fs::read_to_string(dir.path().join(OVERRIDE_FILE)).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({"resource": {"a": {"x": {"count": 1, "provisioner": []}}, "b": {}}})
        );
    }

    #[test]
    fn each_configuration_of_a_provider_has_one_entry() {
        let mut made = Overrides::default();
        let dir = Path::new("");
        made.set_provider(dir, "aws", None, "region", "a".into());
        made.set_provider(dir, "aws", Some("dr"), "region", "b".into());
        made.set_provider(dir, "aws", None, "profile", "p".into());
        assert_eq!(
            *made.of(dir),
            json!({"provider": {"aws": [{"region": "a", "profile": "p"}, {"alias": "dr", "region": "b"}]}})
        );
    }
}
