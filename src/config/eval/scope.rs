//! The names that an expression of a module may use, and their values.

use super::value::Value;
use crate::config::{
    body::Body,
    expression::Expr,
    module::{Module, Resource},
    repository::Repository,
};
use std::{collections::BTreeMap, path::Path, rc::Rc};

/// What finds the modules of a repository.
pub trait Modules {
    /// Returns the module in a folder, named from the root of the repository.
    fn module(&self, dir: &Path) -> Option<&Module>;
}

impl Modules for Repository {
    fn module(&self, dir: &Path) -> Option<&Module> {
        Self::module(self, dir)
    }
}

/// What is known of resources and data sources besides what the code says.
pub trait Facts {
    /// Returns the value of an attribute, such as `name` of `data.aws_region.current`.
    ///
    /// `module` is the address of the module that the resource stands in; empty for the root.
    fn attribute(&self, module: &str, resource: &Resource, path: &[String]) -> Option<Value>;
}

/// What a root module is told from outside.
pub struct Inputs<'m> {
    /// Values for its variables; the others have their defaults.
    pub variables: BTreeMap<String, Value>,
    /// The selected workspace; `None` when that is not known.
    pub workspace: Option<String>,
    /// What is known besides.
    pub facts: &'m dyn Facts,
}

/// A module as one call reaches it. Cheap to clone.
#[derive(Clone)]
pub struct Scope<'m> {
    inner: Rc<Inner<'m>>,
}

struct Inner<'m> {
    module: &'m Module,
    address: String,
}

impl<'m> Scope<'m> {
    /// Returns the scope of a root module.
    pub fn root(module: &'m Module, modules: &'m dyn Modules, inputs: Inputs<'m>) -> Self {
        let _ = (modules, inputs);
        Self { inner: Rc::new(Inner { module, address: String::new() }) }
    }

    /// Returns the module.
    pub fn module(&self) -> &'m Module {
        self.inner.module
    }

    /// Returns its address, such as `module.a.module.b`; empty for the root.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// Returns the call that reaches it; `None` for the root.
    pub fn call(&self) -> Option<&'m crate::config::module::ModuleCall> {
        None
    }

    /// Returns the scopes of the local modules that this one calls, one for each instance of a call
    /// where the instances are known and few, and otherwise one for the call.
    pub fn children(&self) -> Vec<Self> {
        Vec::new()
    }

    /// Returns a scope for each instance that `count` or `for_each` of a block makes, where they
    /// are known and few, and otherwise one in which `each` and `count` are unknown. No scope when
    /// it makes none.
    pub fn instances(&self, body: &Body) -> Vec<Self> {
        let _ = body;
        vec![self.clone()]
    }

    /// Returns what an expression of this module comes to.
    pub fn value(&self, expr: &Expr) -> Value {
        let _ = expr;
        Value::Null
    }

    /// Returns what a variable of the module is.
    pub fn variable(&self, name: &str) -> Value {
        let _ = name;
        Value::Null
    }

    /// Returns what a local value of the module is.
    pub fn local(&self, name: &str) -> Value {
        let _ = name;
        Value::Null
    }

    /// Returns what an output of the module is.
    pub fn output(&self, name: &str) -> Value {
        let _ = name;
        Value::Null
    }
}
