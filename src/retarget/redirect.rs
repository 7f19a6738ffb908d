//! Points a root module at another region, without a change to the user's files.
//!
//! A variable that carries the region is set. Where a provider block names the
//! region itself, an override file beside it says otherwise: Terraform merges
//! `zz_drctl_override.tf.json` last, attribute by attribute, so credentials and
//! all else in the block stay. The backend is replaced as a whole.

use crate::{
    catalogue::{Cloud, Regions},
    config::{
        expression::Expr,
        file::SourceFile,
        module::{CallTarget, Module, ModuleCall, Provider},
        repository::Repository,
    },
    model::finding::Place,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Terraform merges override files in the order of their names; one that sorts behind
/// this is refused, since it would win over it.
pub const OVERRIDE_FILE: &str = "zz_drctl_override.tf.json";

/// What points a stack at another region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redirection {
    /// Variables of the root module that carry the region, and what they are set to.
    pub variables: BTreeMap<String, String>,
    /// The override file of each folder, by the folder's path in the repository.
    pub overrides: BTreeMap<PathBuf, Value>,
    /// What Terraform gets in its environment, at plan and at apply: a saved plan
    /// does not hold what a provider took from there.
    pub env: BTreeMap<String, String>,
    /// What stays where it is, and other things worth knowing.
    pub notes: Vec<String>,
}

/// Why a stack cannot be pointed at another region.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RetargetError {
    /// An override file of the repository that would win over drctl's.
    #[error("`{}` sorts behind `{OVERRIDE_FILE}`, so that it could undo what drctl overrides", file.display())]
    LaterOverride {
        /// Which.
        file: PathBuf,
    },
    /// An alias whose region cannot be read from the code.
    #[error(
        "{place}: whether the provider `{provider}` lies in the primary region cannot be told from `{region}`"
    )]
    Unclear {
        /// The provider with its alias.
        provider: String,
        /// How its region is written.
        region: String,
        /// Where.
        place: Place,
    },
}

impl RetargetError {
    /// Returns what to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::LaterOverride { .. } => Some("Rename the file so that it sorts before".into()),
            Self::Unclear { .. } => Some(
                "Write the region of the alias as a variable with a default, or as a literal"
                    .into(),
            ),
        }
    }
}

/// Decides how `root` is pointed at `region`.
///
/// `given` names the variables that the runbook sets itself; they are left alone.
/// `backend` is the backend that its state is kept in, as JSON syntax has it.
///
/// # Errors
///
/// [`RetargetError`] when a provider's region can be neither moved nor left for certain.
pub fn redirect(
    root: &Module,
    repository: &Repository,
    region: &str,
    primary: Option<&str>,
    given: &[&str],
    backend: &Value,
) -> Result<Redirection, RetargetError> {
    let mut made = Redirection { env: environment(region), ..Redirection::default() };
    let backend = json!({ "terraform": { "backend": backend } });
    made.overrides.insert(root.dir.clone(), backend);
    let own = own_region(root);
    let primary = primary.or(own.as_deref());
    Redirector { region, primary, given, root: &root.dir, made: &mut made }
        .all(root, repository)?;
    Ok(made)
}

/// What the providers of the region's cloud read where their configuration says nothing.
fn environment(region: &str) -> BTreeMap<String, String> {
    let names: &[&str] = match Regions::known().find(region).map(|r| r.cloud) {
        Some(Cloud::Aws) => &["AWS_REGION", "AWS_DEFAULT_REGION"],
        Some(Cloud::Google) => &["GOOGLE_REGION", "CLOUDSDK_COMPUTE_REGION"],
        Some(Cloud::Azure) => &[],
        None => &["AWS_REGION", "AWS_DEFAULT_REGION", "GOOGLE_REGION", "CLOUDSDK_COMPUTE_REGION"],
    };
    names.iter().map(|name| ((*name).to_owned(), region.to_owned())).collect()
}

/// A redirection in the making.
struct Redirector<'a> {
    region: &'a str,
    primary: Option<&'a str>,
    given: &'a [&'a str],
    root: &'a Path,
    made: &'a mut Redirection,
}

/// What to do with one provider block.
enum Move {
    /// It follows by itself.
    Follows,
    /// Its region is overridden.
    Override,
    /// It stays in the region that is named.
    Stays(String),
}

impl Redirector<'_> {
    fn all(&mut self, root: &Module, repository: &Repository) -> Result<(), RetargetError> {
        self.regional_variables(root);
        let modules = reached(root, repository);
        for module in &modules {
            no_later_override(module)?;
            for provider in &module.providers {
                self.provider(module, provider)?;
            }
        }
        self.absent_provider(root, &modules);
        Ok(())
    }

    /// Sets the variables that say the region in so many words.
    fn regional_variables(&mut self, root: &Module) {
        for variable in &root.variables {
            let default = variable.default.as_ref().and_then(Expr::literal_string);
            let is_primary = default.is_some() && default.as_deref() == self.primary;
            let is_named_so =
                variable.name == "region" && (default.is_none() || self.primary.is_none());
            if is_primary || is_named_so {
                self.set(&variable.name);
            }
        }
    }

    fn set(&mut self, variable: &str) {
        if !self.given.contains(&variable) {
            self.made.variables.insert(variable.to_owned(), self.region.to_owned());
        }
    }

    fn provider(&mut self, module: &Module, provider: &Provider) -> Result<(), RetargetError> {
        let name = provider
            .alias
            .as_ref()
            .map_or_else(|| provider.name.clone(), |alias| format!("{}.{alias}", provider.name));
        match self.decide(module, provider, &name)? {
            Move::Follows => {}
            Move::Stays(region) => {
                self.made.notes.push(format!("the provider `{name}` stays in {region}"));
            }
            Move::Override => {
                let mut block = Map::new();
                if let Some(alias) = &provider.alias {
                    block.insert("alias".into(), alias.as_str().into());
                }
                block.insert("region".into(), self.region.into());
                self.override_provider(&module.dir, &provider.name, block.into());
            }
        }
        Ok(())
    }

    fn decide(
        &mut self,
        module: &Module,
        provider: &Provider,
        name: &str,
    ) -> Result<Move, RetargetError> {
        let Some(expr) = provider.region.as_ref() else {
            // Without a region of its own it takes the environment's; saying it is safer.
            return Ok(if takes_a_region(&provider.name) { Move::Override } else { Move::Follows });
        };
        let in_root = module.dir == self.root;
        let variable = expr.variable_name();
        // What the runbook sets itself is the user's word.
        if in_root && variable.as_deref().is_some_and(|v| self.given.contains(&v)) {
            return Ok(Move::Follows);
        }
        let literal = literal(module, expr);
        let elsewhere = literal
            .as_deref()
            .filter(|l| self.primary.is_some_and(|primary| *l != primary) && *l != self.region);
        match (elsewhere, variable) {
            (Some(elsewhere), _) => Ok(Move::Stays(elsewhere.to_owned())),
            // A variable of the root follows the region; one of a child is fed from there or not.
            (None, Some(variable)) if in_root => {
                self.set(&variable);
                Ok(Move::Follows)
            }
            (None, _) if literal.is_some() || provider.alias.is_none() => Ok(Move::Override),
            // An alias of a child takes what its caller says, and the caller is pointed there.
            (None, Some(_)) => Ok(Move::Follows),
            (None, _) => Err(RetargetError::Unclear {
                provider: name.to_owned(),
                region: expr.source().to_owned(),
                place: expr.place(),
            }),
        }
    }

    /// A provider that is used without any block takes its region from an empty one that is implied.
    fn absent_provider(&mut self, root: &Module, modules: &[&Module]) {
        let used: BTreeSet<&str> = modules
            .iter()
            .flat_map(|module| &module.resources)
            .filter_map(|resource| resource.kind.split('_').next())
            .filter(|provider| takes_a_region(provider))
            .collect();
        for provider in used {
            let declared = |p: &Provider| p.name == provider && p.alias.is_none();
            if !root.providers.iter().any(declared) {
                let block = json!({ "region": self.region });
                self.override_provider(&root.dir.clone(), provider, block);
            }
        }
    }

    fn override_provider(&mut self, dir: &Path, provider: &str, block: Value) {
        let file = self.made.overrides.entry(dir.to_owned()).or_insert_with(|| json!({}));
        let blocks = &mut file["provider"][provider];
        match blocks {
            Value::Array(blocks) => blocks.push(block),
            _ => *blocks = json!([block]),
        }
    }
}

/// Returns the string that an expression is, as far as the module itself says: a literal, a
/// variable's default, or a local value that is one of these.
fn literal(module: &Module, expr: &Expr) -> Option<String> {
    let default =
        |expr: &Expr| module.variable(&expr.variable_name()?)?.default.as_ref()?.literal_string();
    let direct = |expr: &Expr| expr.literal_string().or_else(|| default(expr));
    direct(expr).or_else(|| match expr.traversal()?.as_slice() {
        [root, name] if root == "local" => direct(module.local(name)?),
        _ => None,
    })
}

/// Returns the region of the root's own provider: where nobody said which region is the
/// primary, it is the one to leave, and an alias in any other stays.
fn own_region(root: &Module) -> Option<String> {
    let own = root.providers.iter().find(|p| p.alias.is_none() && takes_a_region(&p.name))?;
    literal(root, own.region.as_ref()?)
}

/// Refuses an override file that is merged after ours.
fn no_later_override(module: &Module) -> Result<(), RetargetError> {
    let files = module.files.iter().map(SourceFile::path);
    for file in files.chain(module.unparsed.iter().map(|unparsed| unparsed.file.as_path())) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(".json").unwrap_or(&name);
        if stem.ends_with("_override.tf") && *name > *OVERRIDE_FILE {
            return Err(RetargetError::LaterOverride { file: file.to_owned() });
        }
    }
    Ok(())
}

/// Providers whose configuration takes a `region`.
fn takes_a_region(provider: &str) -> bool {
    matches!(provider, "aws" | "google" | "google-beta")
}

/// The module and every local one that it calls, each once.
fn reached<'r>(root: &'r Module, repository: &'r Repository) -> Vec<&'r Module> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(module) = found.get(at).copied() {
        for called in module.calls.iter().filter_map(|call| called_module(call, repository)) {
            if !found.iter().any(|known| known.dir == called.dir) {
                found.push(called);
            }
        }
        at += 1;
    }
    found
}

fn called_module<'r>(call: &ModuleCall, repository: &'r Repository) -> Option<&'r Module> {
    match &call.target {
        CallTarget::Local(dir) => repository.module(dir),
        CallTarget::Outside
        | CallTarget::Missing(_)
        | CallTarget::Remote(_)
        | CallTarget::Unknown => None,
    }
}

impl Redirection {
    /// Writes the override files into the work copy at `root`.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        for (dir, text) in &self.overrides {
            fs::write(root.join(dir).join(OVERRIDE_FILE), format!("{text:#}\n"))?;
        }
        Ok(())
    }
}

/// Adds to the override file in `dir`, which need not be there yet.
///
/// # Errors
///
/// The file cannot be read or written, or is no JSON object.
pub fn add_override(dir: &Path, more: &Value) -> io::Result<()> {
    let file = dir.join(OVERRIDE_FILE);
    let mut all: Map<String, Value> = match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error),
    };
    all.extend(more.as_object().cloned().unwrap_or_default());
    fs::write(file, format!("{:#}\n", Value::Object(all)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKEND: &str = r#"{"http":{}}"#;

    /// Redirects the module in `root` of a repository of these files, away from `ap-northeast-1`.
    fn redirected(files: &[(&str, &str)], given: &[&str]) -> Result<Redirection, RetargetError> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let repository = Repository::read(dir.path(), None).unwrap();
        let root = repository.module(Path::new("root")).unwrap();
        let backend = serde_json::from_str(BACKEND).unwrap();
        redirect(root, &repository, "ap-northeast-2", Some("ap-northeast-1"), given, &backend)
    }

    fn root(text: &str) -> Redirection {
        redirected(&[("root/main.tf", text)], &[]).unwrap()
    }

    fn providers(made: &Redirection, dir: &str) -> String {
        made.overrides[Path::new(dir)]["provider"].to_string()
    }

    #[test]
    fn a_variable_that_reaches_the_provider_is_set() {
        let made = root("variable \"where\" {}\nprovider \"aws\" {\n  region = var.where\n}\n");
        assert_eq!(made.variables["where"], "ap-northeast-2");
        assert_eq!(providers(&made, "root"), "null", "the provider follows by itself");
        assert_eq!(made.env["AWS_REGION"], "ap-northeast-2");
    }

    #[test]
    fn a_variable_whose_default_is_the_primary_is_set_whatever_its_name() {
        let made = root(
            "variable \"home\" {\n  default = \"ap-northeast-1\"\n}\nvariable \"size\" {\n  default = 3\n}\n",
        );
        assert_eq!(made.variables.keys().collect::<Vec<_>>(), ["home"]);
    }

    #[test]
    fn what_the_runbook_sets_itself_is_left_alone() {
        let text = "variable \"region\" {}\nprovider \"aws\" {\n  region = var.region\n}\n";
        let made = redirected(&[("root/main.tf", text)], &["region"]).unwrap();
        assert!(made.variables.is_empty());
        assert_eq!(providers(&made, "root"), "null");
    }

    #[test]
    fn a_literal_in_the_primary_is_overridden_and_another_stays() {
        let made = root(
            "provider \"aws\" {\n  region = \"ap-northeast-1\"\n  profile = \"prod\"\n}\n\
             provider \"aws\" {\n  alias = \"twin\"\n  region = \"ap-northeast-1\"\n}\n\
             provider \"aws\" {\n  alias = \"edge\"\n  region = \"us-east-1\"\n}\n",
        );
        assert_eq!(
            providers(&made, "root"),
            r#"{"aws":[{"region":"ap-northeast-2"},{"alias":"twin","region":"ap-northeast-2"}]}"#
        );
        assert_eq!(made.notes, ["the provider `aws.edge` stays in us-east-1"]);
    }

    #[test]
    fn a_provider_without_a_region_or_without_a_block_is_told_one() {
        let made = root("provider \"aws\" {\n  profile = \"prod\"\n}\n");
        assert_eq!(providers(&made, "root"), r#"{"aws":[{"region":"ap-northeast-2"}]}"#);
        let made = root("resource \"aws_vpc\" \"main\" {}\nresource \"null_resource\" \"x\" {}\n");
        assert_eq!(providers(&made, "root"), r#"{"aws":[{"region":"ap-northeast-2"}]}"#);
    }

    #[test]
    fn a_provider_inside_a_local_module_is_overridden_beside_it() {
        let made = redirected(
            &[
                ("root/main.tf", "module \"old\" {\n  source = \"../modules/old\"\n}\n"),
                ("modules/old/main.tf", "provider \"aws\" {\n  region = \"ap-northeast-1\"\n}\n"),
            ],
            &[],
        )
        .unwrap();
        assert_eq!(providers(&made, "modules/old"), r#"{"aws":[{"region":"ap-northeast-2"}]}"#);
        assert!(made.overrides[Path::new("modules/old")].get("terraform").is_none());
    }

    #[test]
    fn an_alias_that_cannot_be_told_is_refused_with_its_place() {
        let text = "provider \"aws\" {\n  alias  = \"twin\"\n  region = local.regions[0]\n}\n";
        let error = redirected(&[("root/main.tf", text)], &[]).unwrap_err();
        insta::assert_snapshot!(error, @"root/main.tf:3:12: whether the provider `aws.twin` lies in the primary region cannot be told from `local.regions[0]`");
    }

    #[test]
    fn an_override_that_would_win_over_ours_is_refused() {
        let later = [("root/main.tf", ""), ("root/zzz_override.tf", "")];
        let error = redirected(&later, &[]).unwrap_err();
        assert_eq!(error, RetargetError::LaterOverride { file: "root/zzz_override.tf".into() });
        let earlier = [("root/main.tf", ""), ("root/a_override.tf", ""), ("root/override.tf", "")];
        assert!(redirected(&earlier, &[]).is_ok());
    }

    #[test]
    fn a_local_value_that_is_a_literal_is_read() {
        let made = root(
            "locals {\n  here = \"ap-northeast-1\"\n  edge = \"us-east-1\"\n}\n\
             provider \"aws\" {\n  region = local.here\n}\n\
             provider \"aws\" {\n  alias = \"edge\"\n  region = local.edge\n}\n",
        );
        assert_eq!(providers(&made, "root"), r#"{"aws":[{"region":"ap-northeast-2"}]}"#);
        assert_eq!(made.notes, ["the provider `aws.edge` stays in us-east-1"]);
    }

    #[test]
    fn where_nobody_names_the_primary_the_default_provider_does() {
        let text = "provider \"aws\" {\n  region = \"eu-west-1\"\n}\n\
                    provider \"aws\" {\n  alias = \"edge\"\n  region = \"us-east-1\"\n}\n";
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("main.tf"), text).unwrap();
        let repository = Repository::read(dir.path(), None).unwrap();
        let module = repository.module(Path::new("")).unwrap();
        let backend = serde_json::from_str(BACKEND).unwrap();
        let made = redirect(module, &repository, "eu-west-2", None, &[], &backend).unwrap();
        assert_eq!(providers(&made, ""), r#"{"aws":[{"region":"eu-west-2"}]}"#);
    }

    #[test]
    fn the_backend_of_the_root_is_replaced() {
        let made = root("terraform {\n  backend \"s3\" {\n    bucket = \"primary\"\n  }\n}\n");
        assert_eq!(
            made.overrides[Path::new("root")]["terraform"].to_string(),
            r#"{"backend":{"http":{}}}"#
        );
    }
}
