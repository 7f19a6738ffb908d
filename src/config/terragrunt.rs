//! What a Terragrunt unit says literally: which module it runs, and with which inputs.
//!
//! Terragrunt writes the provider and the backend of a module, and both are what a recovery
//! replaces anyhow. What it computes (included files, other units' outputs, functions) is not
//! known here.

use super::{
    body::{Attribute, Block},
    file::SourceFile,
    inside,
    module::within,
};
use std::path::{Path, PathBuf};

/// The file that makes a folder a unit.
pub const TERRAGRUNT_FILE: &str = "terragrunt.hcl";

/// A folder with a `terragrunt.hcl`.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The file, from the root of the repository.
    pub file: PathBuf,
    /// The folder of the module that it runs, when that is named literally and inside the repository.
    pub module: Option<PathBuf>,
    /// The `source` as it is written.
    pub source: Option<Attribute>,
    /// Its inputs.
    pub inputs: Vec<Attribute>,
    /// Its `include` blocks, whose inputs are not among these.
    pub includes: Vec<Block>,
}

impl Unit {
    /// Reads the unit in the folder `dir` below `root`; `None` when there is none, or its file
    /// cannot be understood.
    pub fn read(root: &Path, dir: &Path) -> Option<Self> {
        let file = dir.join(TERRAGRUNT_FILE);
        let text = inside::read(root, &file).ok()?;
        let parsed = SourceFile::parse(&file, &text, None).ok()?;
        let body = parsed.body();
        let source =
            body.blocks_of("terraform").find_map(|block| block.body().attribute("source")).cloned();
        let module = source.as_ref().and_then(|source| {
            let text = source.expr().literal_string()?;
            // `//` says where the copied tree begins; the module is at the end of the path.
            let path = text.replace("//", "/");
            let local = path.starts_with("./") || path.starts_with("../");
            local.then(|| within(dir, Path::new(&path))).flatten()
        });
        let inputs = body.expr("inputs").and_then(|inputs| inputs.object().ok());
        Some(Self {
            file,
            module,
            source,
            inputs: inputs.unwrap_or_default(),
            includes: body.blocks_of("include").cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_unit_says_what_it_runs_and_with_what() {
        let dir = tempfile::tempdir().unwrap();
        let unit = dir.path().join("live/prod/vpc");
        fs::create_dir_all(&unit).unwrap();
        let text = "include \"root\" {\n  path = find_in_parent_folders()\n}\nterraform {\n  source = \"../../..//modules/vpc\"\n}\ninputs = {\n  cidr = \"10.0.0.0/16\"\n  id = dependency.x.outputs.id\n}\n";
        fs::write(unit.join("terragrunt.hcl"), text).unwrap();
        let read = Unit::read(dir.path(), Path::new("live/prod/vpc")).unwrap();
        assert_eq!(read.module.as_deref(), Some(Path::new("modules/vpc")));
        let inputs: Vec<_> = read.inputs.iter().map(|i| (i.name(), i.expr().literal())).collect();
        assert_eq!(inputs, [("cidr", Some("10.0.0.0/16".into())), ("id", None)]);
        assert_eq!(read.includes.len(), 1);
        assert!(Unit::read(dir.path(), Path::new("live")).is_none());
    }
}
