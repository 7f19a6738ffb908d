//! What the files of one folder declare together.

mod overrides;
mod read;

pub use read::ModuleError;
pub use read::within;

use super::{
    body::{Attribute, Block, Body},
    expression::Expr,
    file::{SourceFile, Unparsed},
};
use crate::model::finding::Place;
use std::path::{Path, PathBuf};

/// A Terraform module: the `.tf` and `.tf.json` files of one folder, override files merged in.
///
/// Everything is in the order of the files' names, and of the text in each. A name that is declared
/// twice, which Terraform refuses, is there twice; the lookups return the first.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The folder, from the root of the repository; empty for the root itself.
    pub dir: PathBuf,
    /// The files that were understood, as they are, before any merging.
    pub files: Vec<SourceFile>,
    /// The files that were not, and whose declarations are therefore missing here.
    pub unparsed: Vec<Unparsed>,
    /// Input variables.
    pub variables: Vec<Variable>,
    /// Entries of the `locals` blocks.
    pub locals: Vec<Attribute>,
    /// Outputs.
    pub outputs: Vec<Output>,
    /// Resources, data sources and ephemeral resources.
    pub resources: Vec<Resource>,
    /// Provider configurations.
    pub providers: Vec<Provider>,
    /// Where the state is kept, if it says so.
    pub backend: Option<Backend>,
    /// The `cloud` block.
    pub cloud: Option<Block>,
    /// Providers that it names as required.
    pub required_providers: Vec<RequiredProvider>,
    /// Every `required_version`; all of them hold.
    pub required_version: Vec<Expr>,
    /// Calls of other modules.
    pub calls: Vec<ModuleCall>,
    /// `moved` blocks.
    pub moved: Vec<Block>,
    /// `import` blocks.
    pub imports: Vec<Block>,
    /// `check` blocks.
    pub checks: Vec<Block>,
    /// `removed` blocks.
    pub removed: Vec<Block>,
    /// Blocks that drctl does not know.
    pub others: Vec<Block>,
}

/// A `variable` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its type constraint.
    pub kind: Option<Expr>,
    /// Its default; a variable without one must be set.
    pub default: Option<Expr>,
    /// Whether its value is hidden. False unless it says so.
    pub sensitive: bool,
    /// Whether it can be `null`. True unless it says otherwise.
    pub nullable: bool,
    /// The whole block.
    pub block: Block,
}

/// An `output` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Option<Expr>,
    /// Whether its value is hidden. False unless it says so.
    pub sensitive: bool,
    /// The whole block.
    pub block: Block,
}

/// What a [`Resource`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResourceMode {
    /// `resource`.
    Managed,
    /// `data`.
    Data,
    /// `ephemeral`.
    Ephemeral,
}

/// A `resource`, `data` or `ephemeral` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Which of the three.
    pub mode: ResourceMode,
    /// Its type, such as `aws_db_instance`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The `provider` argument.
    pub provider: Option<Expr>,
    /// The whole block.
    pub block: Block,
}

/// A `provider` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its local name, such as `aws`.
    pub name: String,
    /// Its alias; the default configuration has none.
    pub alias: Option<String>,
    /// The `region` argument.
    pub region: Option<Expr>,
    /// The whole block.
    pub block: Block,
}

/// A `backend` block.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// Its type, such as `s3`.
    pub kind: String,
    /// The whole block.
    pub block: Block,
}

/// An entry of a `required_providers` block.
#[derive(Clone, Debug, PartialEq)]
pub struct RequiredProvider {
    /// Its local name.
    pub name: String,
    /// Its source address, if it is a literal.
    pub source: Option<String>,
    /// Its version constraint, if it is a literal.
    pub version: Option<String>,
    /// The whole entry.
    pub entry: Attribute,
}

/// A `module` block.
#[derive(Clone, Debug, PartialEq)]
pub struct ModuleCall {
    /// Its name.
    pub name: String,
    /// Where the module comes from, as it is written.
    pub source: Option<Expr>,
    /// Where that leads.
    pub target: CallTarget,
    /// The `version` argument.
    pub version: Option<Expr>,
    /// The `providers` argument.
    pub providers: Option<Expr>,
    /// What is passed to the module's variables.
    pub arguments: Vec<Attribute>,
    /// The whole block.
    pub block: Block,
}

/// Where the source of a module call leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallTarget {
    /// To a folder of this repository, named from its root.
    Local(PathBuf),
    /// To a path outside the repository, which is not followed.
    Outside,
    /// To a local path where there is no module.
    Missing(PathBuf),
    /// To a registry, a git repository or another address, as it is written.
    Remote(String),
    /// It is not a literal, or there is none.
    Unknown,
}

impl Module {
    /// Returns the variable of a name. `variable(n)?.default.as_ref()?.literal()` is its default,
    /// if that is a literal.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|variable| variable.name == name)
    }

    /// Returns the local value of a name.
    pub fn local(&self, name: &str) -> Option<&Expr> {
        self.locals.iter().find(|local| local.name() == name).map(Attribute::expr)
    }

    /// Returns the output of a name.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }

    /// Returns the module call of a name.
    pub fn call(&self, name: &str) -> Option<&ModuleCall> {
        self.calls.iter().find(|call| call.name == name)
    }

    /// Returns a provider configuration; the default one has no alias.
    pub fn provider(&self, name: &str, alias: Option<&str>) -> Option<&Provider> {
        self.providers.iter().find(|known| known.name == name && known.alias.as_deref() == alias)
    }

    /// Returns the resource of a mode, type and name.
    pub fn resource(&self, mode: ResourceMode, kind: &str, name: &str) -> Option<&Resource> {
        self.resources.iter().find(|r| r.mode == mode && r.kind == kind && r.name == name)
    }
}

impl Resource {
    /// Returns its address in its module, such as `data.aws_ami.base`.
    pub fn address(&self) -> String {
        let mode = match self.mode {
            ResourceMode::Managed => "",
            ResourceMode::Data => "data.",
            ResourceMode::Ephemeral => "ephemeral.",
        };
        format!("{mode}{}.{}", self.kind, self.name)
    }

    /// Returns the provider configuration that it uses as its block is named, such as `aws.edge`.
    pub fn provider_key(&self) -> String {
        let (name, alias) = self.provider_name();
        key(&name, alias.as_deref())
    }

    /// Returns the local name and the alias of the provider configuration that it uses.
    pub fn provider_name(&self) -> (String, Option<String>) {
        let written = self.provider.as_ref().and_then(|provider| {
            // Old configurations quote it.
            let literal = || provider.literal_string().map(|text| split(&text));
            provider.traversal().or_else(literal)
        });
        let mut path = written.unwrap_or_default().into_iter();
        let implied = || self.kind.split('_').next().unwrap_or_default().to_owned();
        (path.next().unwrap_or_else(implied), path.next())
    }
}

impl Provider {
    /// Returns its name with its alias, such as `aws` or `aws.edge`.
    pub fn key(&self) -> String {
        key(&self.name, self.alias.as_deref())
    }
}

fn key(name: &str, alias: Option<&str>) -> String {
    alias.map_or_else(|| name.to_owned(), |alias| format!("{name}.{alias}"))
}

fn split(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

/// Implements what every declaration can say about its block.
macro_rules! declared {
    ($($declaration:ty),+) => {$(
        impl $declaration {
            /// Returns where it is declared.
            pub fn place(&self) -> Place {
                self.block.place()
            }

            /// Returns what it says.
            pub fn body(&self) -> &Body {
                self.block.body()
            }
        }
    )+};
}

declared!(Variable, Output, Resource, Provider, Backend, ModuleCall);

/// Whether Terraform reads a file of this name.
pub(super) fn is_configuration(name: &str) -> bool {
    let ignored = name.starts_with('.')
        || name.ends_with('~')
        || (name.starts_with('#') && name.ends_with('#'));
    !ignored && stem(name).is_some()
}

/// Whether a file of this name is merged over the others.
fn is_override(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    stem(&name).is_some_and(|stem| stem == "override" || stem.ends_with("_override"))
}

fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(".tf").or_else(|| name.strip_suffix(".tf.json"))
}
