//! The files of a folder, read and put together.

use super::{
    Backend, CallTarget, Module, ModuleCall, Output, Provider, RequiredProvider, Resource,
    ResourceMode, Variable, is_configuration, is_override, overrides,
};
use crate::config::{
    body::{Attribute, Block, Body},
    expression::Expr,
    file::{Judge, SourceFile, Unparsed},
    inside,
};
use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

/// A folder that cannot be listed.
#[derive(Debug, thiserror::Error)]
#[error("failed to list `{}`", folder.display())]
pub struct ModuleError {
    /// The folder.
    pub folder: PathBuf,
    #[source]
    source: io::Error,
}

impl ModuleError {
    pub(in crate::config) fn new(folder: &Path, source: io::Error) -> Self {
        Self { folder: folder.to_owned(), source }
    }

    /// Returns what to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(format!("Run `ls -ld {}` to see who may read it", self.folder.display()))
    }
}

impl Module {
    /// Reads the module in the folder `dir` of the repository at `root`; `.` or nothing is the
    /// root itself. A folder without configuration is an empty module.
    ///
    /// # Errors
    ///
    /// [`ModuleError`] when the folder cannot be listed. A file that cannot be read or understood
    /// is no error: it is in [`Module::unparsed`].
    pub fn read(root: &Path, dir: &Path, judge: Option<&dyn Judge>) -> Result<Self, ModuleError> {
        let dir = within(Path::new(""), dir).unwrap_or_else(|| dir.to_owned());
        let folder = root.join(&dir);
        let error = |source| ModuleError::new(&folder, source);
        let inside = fs::canonicalize(root).map_err(error)?;
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(error)? {
            let name = entry.map_err(error)?.file_name();
            if is_configuration(&name.to_string_lossy()) && !folder.join(&name).is_dir() {
                names.push(name);
            }
        }
        names.sort();
        let mut module = Self { dir, ..Self::default() };
        for name in names {
            match read_file(&inside, &folder, &module.dir.join(name), judge) {
                Ok(file) => module.files.push(file),
                Err(unparsed) => module.unparsed.push(unparsed),
            }
        }
        module.declare();
        Ok(module)
    }

    /// Adds what the module's test files say: a `run` block asserts, as a check does, or it
    /// calls another module.
    ///
    /// A file that cannot be read or understood is left to `terraform test`, which says what is
    /// wrong with it.
    pub fn read_tests(&mut self, root: &Path) {
        let Ok(inside) = fs::canonicalize(root) else { return };
        for below in ["", "tests"] {
            let dir = self.dir.join(below);
            let folder = root.join(&dir);
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            let mut names: Vec<_> =
                entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
            names.sort();
            for name in names {
                let Some(stem) = name.strip_suffix(".tftest.hcl") else { continue };
                let Ok(file) = read_file(&inside, &folder, &dir.join(&name), None) else {
                    continue;
                };
                // What Terraform calls the file where it lists the modules that are called.
                let key = match below {
                    "" => format!("test.{stem}"),
                    below => format!("test.{below}.{stem}"),
                };
                for run in file.body().clone().into_blocks() {
                    self.add_test_run(run, &key);
                }
            }
        }
    }

    fn add_test_run(&mut self, block: Block, file: &str) {
        if block.kind() != "run" {
            return;
        }
        let Some(module) = block.body().blocks_of("module").next() else {
            self.checks.push(block);
            return;
        };
        let variables = block.body().blocks_of("variables");
        let arguments = variables.flat_map(|given| given.body().attributes()).cloned().collect();
        let name = format!("{file}.{}", label(&block, 0));
        self.calls.push(ModuleCall { name, arguments, ..call(&self.dir, module.clone()) });
    }

    /// Fills in everything that the files declare.
    fn declare(&mut self) {
        let blocks = |file: &SourceFile| file.body().clone().into_blocks();
        let (over, plain): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|file| is_override(file.path()));
        let mut declared: Vec<Block> = plain.into_iter().flat_map(blocks).collect();
        for file in over {
            overrides::merge(&mut declared, blocks(file));
        }
        for block in declared {
            self.add(block);
        }
    }

    fn add(&mut self, block: Block) {
        let labels = block.labels().len();
        match (block.kind(), labels) {
            ("terraform", 0) => self.settings(&block),
            ("locals", 0) => self.locals.extend(block.body().attributes().iter().cloned()),
            ("variable", 1) => self.variables.push(variable(block)),
            ("output", 1) => self.outputs.push(output(block)),
            ("provider", 1) => self.providers.push(provider(block)),
            ("resource", 2) => self.resources.push(resource(ResourceMode::Managed, block)),
            ("data", 2) => self.resources.push(resource(ResourceMode::Data, block)),
            ("ephemeral", 2) => self.resources.push(resource(ResourceMode::Ephemeral, block)),
            ("module", 1) => self.calls.push(call(&self.dir, block)),
            ("moved", 0) => self.moved.push(block),
            ("import", 0) => self.imports.push(block),
            ("check", 1) => self.checks.push(block),
            ("removed", 0) => self.removed.push(block),
            _ => self.others.push(block),
        }
    }

    fn settings(&mut self, block: &Block) {
        self.required_version.extend(block.body().expr("required_version").cloned());
        for nested in block.body().blocks() {
            match nested.kind() {
                "backend" => {
                    let kind = label(nested, 0);
                    self.backend.get_or_insert_with(|| Backend { kind, block: nested.clone() });
                }
                "cloud" => {
                    self.cloud.get_or_insert_with(|| nested.clone());
                }
                "required_providers" => {
                    self.required_providers.extend(nested.body().attributes().iter().map(required));
                }
                _ => {}
            }
        }
    }
}

fn read_file(
    root: &Path,
    folder: &Path,
    path: &Path,
    judge: Option<&dyn Judge>,
) -> Result<SourceFile, Unparsed> {
    let full = folder.join(path.file_name().unwrap_or_default());
    let unreadable =
        |error: io::Error| Unparsed::unreadable(path, format!("cannot be read: {error}"));
    let real = fs::canonicalize(&full).map_err(unreadable)?;
    let text = inside::read(root, &real).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Unparsed::unreadable(path, error.to_string()),
        _ => unreadable(error),
    })?;
    SourceFile::parse(path, &text, judge)
}

/// Returns a path below the root without `.` and `..`; `None` when it leaves the root.
pub fn within(base: &Path, path: &Path) -> Option<PathBuf> {
    let mut inside = base.to_owned();
    for component in path.components() {
        match component {
            Component::Normal(name) => inside.push(name),
            Component::CurDir => {}
            Component::ParentDir => {
                if !inside.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}

fn label(block: &Block, index: usize) -> String {
    block.label(index).unwrap_or_default().to_owned()
}

/// Returns a flag, which old configurations quote.
fn flag(body: &Body, name: &str, default: bool) -> bool {
    let expr = body.expr(name);
    let quoted = || expr?.literal_string()?.parse().ok();
    expr.and_then(|expr| expr.boolean().ok()).or_else(quoted).unwrap_or(default)
}

fn variable(block: Block) -> Variable {
    let body = block.body();
    Variable {
        name: label(&block, 0),
        kind: body.expr("type").cloned(),
        default: body.expr("default").cloned(),
        sensitive: flag(body, "sensitive", false),
        nullable: flag(body, "nullable", true),
        block,
    }
}

fn output(block: Block) -> Output {
    let body = block.body();
    Output {
        name: label(&block, 0),
        value: body.expr("value").cloned(),
        sensitive: flag(body, "sensitive", false),
        block,
    }
}

fn provider(block: Block) -> Provider {
    let body = block.body();
    Provider {
        name: label(&block, 0),
        alias: body.expr("alias").and_then(Expr::literal_string),
        region: body.expr("region").cloned(),
        block,
    }
}

fn resource(mode: ResourceMode, block: Block) -> Resource {
    Resource {
        mode,
        kind: label(&block, 0),
        name: label(&block, 1),
        provider: block.body().expr("provider").cloned(),
        block,
    }
}

fn required(entry: &Attribute) -> RequiredProvider {
    // Before 0.13 an entry was only the version.
    let parts = entry.expr().object().unwrap_or_default();
    let part = |name| parts.iter().find(|part| part.name() == name)?.expr().literal_string();
    RequiredProvider {
        name: entry.name().to_owned(),
        source: part("source"),
        version: part("version").or_else(|| entry.expr().literal_string()),
        entry: entry.clone(),
    }
}

fn call(dir: &Path, block: Block) -> ModuleCall {
    /// Arguments of the call itself, and not of the module's variables.
    const OWN: [&str; 6] = ["source", "version", "providers", "count", "for_each", "depends_on"];
    let body = block.body();
    let arguments = body.attributes().iter().filter(|argument| !OWN.contains(&argument.name()));
    ModuleCall {
        name: label(&block, 0),
        source: body.expr("source").cloned(),
        target: target(dir, body.expr("source")),
        version: body.expr("version").cloned(),
        providers: body.expr("providers").cloned(),
        arguments: arguments.cloned().collect(),
        block,
    }
}

fn target(dir: &Path, source: Option<&Expr>) -> CallTarget {
    let Some(source) = source.and_then(Expr::literal_string) else { return CallTarget::Unknown };
    let local = ["./", "../"].iter().any(|start| source.starts_with(start));
    if local || source == "." || source == ".." {
        within(dir, Path::new(&source)).map_or(CallTarget::Outside, CallTarget::Local)
    } else if Path::new(&source).is_absolute() {
        CallTarget::Outside
    } else {
        CallTarget::Remote(source)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::file::Fault;

    /// Writes files into a new folder.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    pub(in crate::config::module) fn read(files: &[(&str, &str)]) -> Module {
        Module::read(folder(files).path(), Path::new(""), None).unwrap()
    }

    pub(in crate::config::module) fn source(expr: Option<&Expr>) -> &str {
        expr.map_or("-", Expr::source)
    }

    #[test]
    fn everything_that_a_module_declares_is_found() {
        let module = read(&[(
            "main.tf",
            r#"
            terraform {
              required_version = "~> 1.9"
              required_providers {
                aws  = { source = "hashicorp/aws", version = ">= 5" }
                null = "~> 3.0"
              }
              backend "s3" {
                region = "eu-west-1"
              }
            }
            provider "aws" {
              region = var.region
            }
            provider "aws" {
              alias  = "west"
              region = "us-west-2"
            }
            variable "region" {
              type      = string
              default   = "eu-west-1"
              sensitive = "true"
              nullable  = false
            }
            variable "none" {}
            locals {
              a = var.region
            }
            output "o" {
              value     = local.a
              sensitive = true
            }
            resource "aws_vpc" "main" {
              provider = aws.west
            }
            data "aws_ami" "base" {}
            ephemeral "random_password" "p" {}
            module "net" {
              source    = "../net"
              version   = "1"
              providers = { aws = aws.west }
              count     = 2
              cidr      = "10.0.0.0/16"
            }
            moved {
              from = a.b
              to   = a.c
            }
            import {
              to = a.c
              id = "1"
            }
            check "c" {}
            removed {
              from = a.d
            }
            something "new" {}
            "#,
        )]);

        let region = module.variable("region").unwrap();
        assert_eq!(
            (source(region.kind.as_ref()), region.sensitive, region.nullable),
            ("string", true, false)
        );
        assert_eq!(region.default.as_ref().unwrap().literal_string().unwrap(), "eu-west-1");
        assert_eq!(region.place().to_string(), "main.tf:19:13");
        let none = module.variable("none").unwrap();
        assert_eq!((&none.default, none.sensitive, none.nullable), (&None, false, true));

        assert_eq!(module.local("a").unwrap().variable_name().unwrap(), "region");
        let output = module.output("o").unwrap();
        assert_eq!((source(output.value.as_ref()), output.sensitive), ("local.a", true));
        assert_eq!(module.backend.as_ref().unwrap().kind, "s3");
        assert_eq!(source(module.required_version.first()), "\"~> 1.9\"");
        let required: Vec<_> = module
            .required_providers
            .iter()
            .map(|r| (r.name.as_str(), r.source.as_deref(), r.version.as_deref()))
            .collect();
        assert_eq!(
            required,
            [("aws", Some("hashicorp/aws"), Some(">= 5")), ("null", None, Some("~> 3.0"))]
        );

        let main = module.provider("aws", None).unwrap();
        assert_eq!(main.region.as_ref().unwrap().variable_name().unwrap(), "region");
        let west = module.provider("aws", Some("west")).unwrap();
        assert_eq!(west.region.as_ref().unwrap().literal_string().unwrap(), "us-west-2");

        let addresses: Vec<_> = module.resources.iter().map(Resource::address).collect();
        assert_eq!(addresses, ["aws_vpc.main", "data.aws_ami.base", "ephemeral.random_password.p"]);
        assert_eq!(module.resources[0].provider_name(), ("aws".into(), Some("west".into())));
        assert_eq!(module.resources[2].provider_name(), ("random".into(), None));

        let call = module.call("net").unwrap();
        assert_eq!(call.target, CallTarget::Outside);
        assert_eq!(call.arguments.iter().map(Attribute::name).collect::<Vec<_>>(), ["cidr"]);
        let kept =
            [&module.moved, &module.imports, &module.checks, &module.removed, &module.others];
        assert_eq!(kept.map(Vec::len), [1; 5]);
    }

    #[test]
    fn a_file_that_is_not_understood_is_told_and_spoils_no_other() {
        let module = read(&[
            ("a.tf", "a = ["),
            ("b.tf", "variable \"v\" {}"),
            ("c.tf.json", "{}"),
            ("d.tf~", "="),
        ]);
        assert!(module.variable("v").is_some());
        assert_eq!(module.files.len(), 2);
        let [unparsed] = module.unparsed.as_slice() else { panic!() };
        assert_eq!((unparsed.file.as_path(), unparsed.fault), (Path::new("a.tf"), Fault::Unjudged));
        insta::assert_snapshot!(unparsed, @"a.tf:1:5: this is not closed");
    }

    #[test]
    fn a_link_out_of_the_repository_is_not_read() {
        let outside = folder(&[("secret.tf", "variable \"secret\" {}")]);
        let inside = folder(&[("m/main.tf", ""), ("shared.tf", "variable \"shared\" {}")]);
        let link = |to: &Path, name: &str| {
            std::os::unix::fs::symlink(to, inside.path().join("m").join(name)).unwrap();
        };
        link(&outside.path().join("secret.tf"), "secret.tf");
        link(Path::new("../shared.tf"), "shared.tf");
        link(Path::new("nowhere.tf"), "broken.tf");
        let module = Module::read(inside.path(), Path::new("./m"), None).unwrap();
        assert!(module.variable("secret").is_none());
        assert_eq!(module.variable("shared").unwrap().place().file, Path::new("m/shared.tf"));
        let told: Vec<_> =
            module.unparsed.iter().map(|u| (u.file.to_str().unwrap(), u.fault)).collect();
        assert_eq!(told, [("m/broken.tf", Fault::Unreadable), ("m/secret.tf", Fault::Unreadable)]);
    }

    #[test]
    fn both_syntaxes_give_equal_modules() {
        let hcl = read(&[(
            "main.tf",
            "variable \"r\" {\n  default = \"x\"\n}\nlocals {\n  a = [var.r, 1]\n}\nmodule \"m\" {\n  source = \"./m\"\n  r      = var.r\n}\nresource \"a_b\" \"c\" {\n  tags = { n = \"${var.r}-x\" }\n}\n",
        )]);
        let json = read(&[(
            "main.tf.json",
            r#"{
              "variable": {"r": {"default": "x"}},
              "locals": {"a": ["${var.r}", 1]},
              "module": {"m": {"source": "./m", "r": "${var.r}"}},
              "resource": {"a_b": {"c": {"tags": {"n": "${var.r}-x"}}}}
            }"#,
        )]);
        assert_eq!(hcl.variables, json.variables);
        assert_eq!(hcl.locals, json.locals);
        assert_eq!(hcl.calls, json.calls);
        assert_eq!(hcl.resources, json.resources);
    }

    #[test]
    fn sources_of_calls_lead_where_terraform_looks() {
        let from = |dir: &str, source: &str| {
            let text = format!("source = {source}\n");
            let file = SourceFile::parse("x.tf", text.as_bytes(), None).unwrap();
            target(Path::new(dir), file.body().expr("source"))
        };
        assert_eq!(from("a/b", "\"../c\""), CallTarget::Local("a/c".into()));
        assert_eq!(from("a", "\"../\""), CallTarget::Local("".into()));
        assert_eq!(from("a", "\"./x/../y/\""), CallTarget::Local("a/y".into()));
        assert_eq!(from("a", "\"../../x\""), CallTarget::Outside);
        assert_eq!(from("a", "\"/etc\""), CallTarget::Outside);
        assert_eq!(from("a", "\"hashicorp/x/aws\""), CallTarget::Remote("hashicorp/x/aws".into()));
        assert_eq!(from("a", "var.x"), CallTarget::Unknown);
        assert_eq!(target(Path::new("a"), None), CallTarget::Unknown);
    }
}
