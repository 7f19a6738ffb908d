//! What an expression of a module comes to, as far as its files alone can tell.
//!
//! A value is known when it rests on literals, defaults and files of variables, local values, the
//! workspace and functions. What rests on a resource, a data source, a module's output or anything
//! else is not known, and that is an answer.

use super::{
    body::Attribute,
    eval::{self, Facts, Inputs, Modules, Scope, Unknown},
    expression::Expr,
    file::SourceFile,
    inside,
    module::{Module, ModuleCall, Resource},
};
use serde_json::Value;
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::Path,
};

/// The name of the workspace that there is when nobody selects one.
pub const DEFAULT_WORKSPACE: &str = "default";

/// A module with values for its variables.
#[derive(Clone)]
pub struct Knowledge<'m> {
    module: &'m Module,
    /// Values from outside; `None` is a value that is set and not known.
    variables: BTreeMap<String, Option<Value>>,
    workspace: String,
    /// What evaluates, from when it is first asked.
    scope: OnceCell<Scope<'m>>,
}

/// That nothing is known but what stands in the module.
struct Nothing;

impl Modules for Nothing {
    fn module(&self, _: &Path) -> Option<&Module> {
        None
    }
}

impl Facts for Nothing {
    fn attribute(&self, _: &str, _: &Resource, _: &[String]) -> Option<eval::Value> {
        None
    }
}

impl fmt::Debug for Knowledge<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Knowledge")
            .field("module", &self.module.dir)
            .field("variables", &self.variables)
            .field("workspace", &self.workspace)
            .finish_non_exhaustive()
    }
}

impl<'m> Knowledge<'m> {
    /// What is known of a module whose variables are set to `variables`, and else have their defaults.
    pub fn new(
        module: &'m Module,
        variables: BTreeMap<String, Option<Value>>,
        workspace: &str,
    ) -> Self {
        Self { module, variables, workspace: workspace.to_owned(), scope: OnceCell::new() }
    }

    /// What is known of `called` when this module calls it.
    pub fn of_call<'c>(&self, call: &ModuleCall, called: &'c Module) -> Knowledge<'c> {
        let argument =
            |argument: &Attribute| (argument.name().to_owned(), self.value(argument.expr()));
        // Each instance has another value for what rests on `each` or `count`, which is unknown anyhow.
        let variables = call.arguments.iter().map(argument).collect();
        Knowledge::new(called, variables, &self.workspace)
    }

    /// The same in another workspace.
    #[must_use]
    pub fn in_workspace(self, workspace: &str) -> Self {
        Self { workspace: workspace.to_owned(), scope: OnceCell::new(), ..self }
    }

    /// The module.
    pub fn module(&self) -> &'m Module {
        self.module
    }

    /// Returns what an expression comes to, if that is known.
    pub fn value(&self, expr: &Expr) -> Option<Value> {
        let elsewhere = |path: &[String]| match path {
            [root, ..] if root == "var" || root == "local" => false,
            [root, name, ..] => !(root == "terraform" && name == "workspace"),
            _ => true,
        };
        if self.rests_on(expr, &elsewhere) {
            return None;
        }
        self.scope().value(expr).to_json()
    }

    fn scope(&self) -> &Scope<'m> {
        self.scope.get_or_init(|| {
            let value = |(name, value): (&String, &Option<Value>)| {
                let unknown = || Unknown::Variable(name.as_str().into()).into();
                (name.clone(), value.as_ref().map_or_else(unknown, eval::Value::from_json))
            };
            let variables = self.variables.iter().map(value).collect();
            let workspace = Some(self.workspace.clone());
            Scope::root(self.module, &Nothing, Inputs { variables, workspace, facts: &Nothing })
        })
    }

    /// Returns the string that an expression comes to, if it is one and known.
    pub fn text(&self, expr: &Expr) -> Option<String> {
        match self.value(expr)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// Returns what a variable is set to, if that is known.
    pub fn variable(&self, name: &str) -> Option<Value> {
        match self.variables.get(name) {
            Some(value) => value.clone(),
            None => {
                self.module.variable(name)?.default.as_ref()?;
                self.scope().variable(name).to_json()
            }
        }
    }

    /// Whether an expression rests, also through local values, on something that `found` names.
    pub fn rests_on(&self, expr: &Expr, found: &dyn Fn(&[String]) -> bool) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![expr];
        while let Some(expr) = open.pop() {
            for reference in expr.references() {
                if found(&reference.path) {
                    return true;
                }
                let [root, name, ..] = reference.path.as_slice() else { continue };
                // Each is looked at once, so that a circle ends.
                if root == "local" && seen.insert(name.clone()) {
                    open.extend(self.module.local(name));
                }
            }
        }
        false
    }
}

/// Returns the variables that Terraform reads by itself in the folder `dir` below `root`:
/// `terraform.tfvars`, then every `*.auto.tfvars`, of which the last wins. A file that cannot
/// be understood says nothing here; Terraform will refuse it.
pub fn automatic_variables(root: &Path, dir: &Path) -> Vec<Attribute> {
    let Ok(entries) = fs::read_dir(root.join(dir)) else { return Vec::new() };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let stem = name.strip_suffix(".json").unwrap_or(name);
            stem == "terraform.tfvars" || stem.ends_with(".auto.tfvars")
        })
        .collect();
    names.sort_by_key(|name| (!name.starts_with("terraform.tfvars"), name.clone()));
    let mut all: BTreeMap<String, Attribute> = BTreeMap::new();
    for name in names {
        all.extend(variables_of(root, &dir.join(name)));
    }
    all.into_values().collect()
}

/// Returns the variables that a file of variables sets, by name.
pub fn variables_of(root: &Path, file: &Path) -> Vec<(String, Attribute)> {
    let Ok(text) = inside::read(root, file) else { return Vec::new() };
    let Ok(parsed) = SourceFile::parse(file, &text, None) else { return Vec::new() };
    let named = |attribute: &Attribute| (attribute.name().to_owned(), attribute.clone());
    parsed.body().attributes().iter().map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(text: &str) -> Module {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("main.tf"), text).unwrap();
        Module::read(dir.path(), Path::new(""), None).unwrap()
    }

    #[test]
    fn what_rests_on_literals_is_known_and_the_rest_is_not() {
        let module = module(
            r#"
            variable "env" { default = "prod" }
            variable "given" {}
            locals {
              regions = { prod = "ap-northeast-1", dr = "ap-northeast-2" }
              circle  = local.circle
              here    = local.regions[var.env]
            }
            output "a" { value = local.here }
            output "b" { value = "${upper(var.given)}-${local.here}a" }
            output "c" { value = lookup(local.regions, terraform.workspace, "eu-west-1") }
            output "d" { value = aws_vpc.x.id }
            output "e" { value = local.circle }
            output "f" { value = var.env == "prod" ? local.regions["dr"] : "x" }
            "#,
        );
        let given = BTreeMap::from([("given".to_owned(), Some("x".into()))]);
        let known = Knowledge::new(&module, given, "dr");
        let value = |name: &str| known.text(module.output(name).unwrap().value.as_ref().unwrap());
        assert_eq!(value("a").as_deref(), Some("ap-northeast-1"));
        assert_eq!(value("b").as_deref(), Some("X-ap-northeast-1a"));
        assert_eq!(value("c").as_deref(), Some("ap-northeast-2"));
        assert_eq!((value("d"), value("e")), (None, None));
        assert_eq!(value("f").as_deref(), Some("ap-northeast-2"));
        let a = module.output("a").unwrap().value.as_ref().unwrap();
        assert!(known.rests_on(a, &|path| path == ["var", "env"]));
        assert!(!known.rests_on(a, &|path| path == ["var", "given"]));
    }

    #[test]
    fn a_called_module_knows_what_it_is_given() {
        let root = module(
            "locals {\n  here = \"eu-west-1\"\n}\nmodule \"m\" {\n  source = \"./m\"\n  region = local.here\n  vpc = aws_vpc.x.id\n}\n",
        );
        let called =
            module("variable \"region\" {}\nvariable \"vpc\" {\n  default = \"none\"\n}\n");
        let known = Knowledge::new(&root, BTreeMap::new(), DEFAULT_WORKSPACE);
        let inside = known.of_call(&root.calls[0], &called);
        assert_eq!(inside.variable("region"), Some("eu-west-1".into()));
        assert_eq!(inside.variable("vpc"), None, "it is set, to what is not known");
    }

    #[test]
    fn files_of_variables_are_read_in_the_order_of_terraform() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        write("terraform.tfvars", "a = 1\nb = 1\n");
        write("b.auto.tfvars.json", r#"{"b": 2, "zones": ["x"]}"#);
        write("other.tfvars", "a = 3\n");
        let read = automatic_variables(dir.path(), Path::new(""));
        let shown: Vec<_> =
            read.iter().map(|a| format!("{} {}", a.name(), a.expr().literal().unwrap())).collect();
        assert_eq!(shown, ["a 1", "b 2", "zones [\"x\"]"]);
    }
}
