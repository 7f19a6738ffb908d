//! A file that is understood, as one of a root module that can call one more: every expression is
//! evaluated, and the root is looked at as `drctl validate` does.
#![no_main]

mod walk;

use drctl::{
    config::{
        body::Body,
        eval::{Facts, Inputs, Scope, Value},
        file::SourceFile,
        module::Resource,
        repository::Survey,
    },
    lint::{self, Options},
};
use libfuzzer_sys::fuzz_target;
use std::{collections::BTreeMap, fs, path::Path, sync::LazyLock};
use tempfile::TempDir;

/// The module that `source = "./m"` leads to.
const MODULE: &str = "variable \"v\" { default = null }\noutput \"o\" { value = var.v }\n";

static CHECKOUT: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder");
    fs::create_dir(dir.path().join("m")).expect("a folder");
    fs::write(dir.path().join("m/main.tf"), MODULE).expect("a file");
    dir
});

fuzz_target!(|data: &[u8]| {
    let (name, bytes) = walk::named(data);
    if SourceFile::parse(name, bytes, None).is_err() {
        return;
    }
    let checkout = CHECKOUT.path();
    let file = checkout.join(name);
    fs::write(&file, bytes).expect("a file");
    looked_at(checkout);
    fs::remove_file(file).expect("it was written");
});

fn looked_at(checkout: &Path) {
    let survey = Survey::read(checkout, None).expect("the folder can be listed");
    let options = Options { fallback: Some("ap-northeast-2"), all: true, ..Options::default() };
    let report = lint::validate(&survey, &options).expect("the folder can be listed");
    for finding in &report.findings {
        let _ = format!("{finding:?}");
    }
    let modules = survey.reach(&[Path::new("")]).expect("the folder can be listed");
    let Some(root) = drctl::config::eval::Modules::module(&modules, Path::new("")) else { return };
    let inputs = Inputs { variables: BTreeMap::new(), workspace: None, facts: &Nothing };
    let root = Scope::root(root, &modules, inputs);
    scope(&root, 0);
    root.release();
}

/// Evaluates everything in a module and in the modules that it calls.
fn scope(scope: &Scope<'_>, depth: usize) {
    let module = scope.module();
    for variable in &module.variables {
        let _ = format!("{:?}", scope.variable(&variable.name));
    }
    for local in &module.locals {
        let _ = format!("{:?}", scope.local(local.name()));
    }
    for output in &module.outputs {
        let _ = format!("{:?}", scope.output(&output.name));
    }
    let resources = module.resources.iter().map(|resource| &resource.block);
    for block in resources.chain(module.calls.iter().map(|call| &call.block)) {
        for instance in scope.instances(block.body()) {
            body(&instance, block.body());
        }
    }
    // A module that calls itself is refused by Terraform; here it may only be slow.
    if depth < 3 {
        for child in scope.children() {
            self::scope(&child, depth + 1);
        }
    }
}

fn body(scope: &Scope<'_>, body: &Body) {
    for attribute in body.attributes() {
        let _ = format!("{:?}", scope.value(attribute.expr()));
    }
    for block in body.blocks() {
        self::body(scope, block.body());
    }
}

/// Nothing is known besides the code.
struct Nothing;

impl Facts for Nothing {
    fn attribute(&self, _: &str, _: &Resource, _: &[String]) -> Option<Value> {
        None
    }
}
