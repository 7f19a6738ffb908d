//! The names that an expression of a module may use, and their values.

use super::{
    expression::Frame,
    number::Number,
    types::Type,
    value::{Unknown, Value},
};
use crate::config::{
    body::Body,
    expression::Expr,
    module::{CallTarget, Module, ModuleCall, Resource},
    repository::Repository,
};
use std::{
    cell::{OnceCell, RefCell},
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    rc::Rc,
};

/// A block with more instances than this is looked at once, for all of them.
const INSTANCES: usize = 64;
/// How deep modules may call each other.
const NESTED: usize = 24;
/// A file with more bytes than this is not read by an expression.
const FILE: usize = 1 << 20;

/// What finds the modules of a repository.
pub trait Modules {
    /// Returns the module in a folder, named from the root of the repository.
    fn module(&self, dir: &Path) -> Option<&Module>;

    /// Returns the bytes of a file that an expression reads, named from the root of the
    /// repository; nothing by default. More than 1 MiB are as good as none.
    ///
    /// Never called with a path that leads out of the repository by `..`; symbolic links are for
    /// the implementation to refuse.
    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let _ = path;
        None
    }
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
    instance: Option<Rc<Instance>>,
}

/// What all scopes of a root module have in common.
pub(super) struct Shared<'m> {
    modules: &'m dyn Modules,
    workspace: Option<String>,
    facts: &'m dyn Facts,
    pub(super) cost: super::cost::Cost,
    files: RefCell<HashMap<PathBuf, Option<Rc<[u8]>>>>,
}

struct Inner<'m> {
    module: &'m Module,
    address: String,
    /// How many calls deep it is.
    level: usize,
    shared: Rc<Shared<'m>>,
    source: Source<'m>,
    values: RefCell<HashMap<Name, State>>,
    calls: RefCell<HashMap<String, Rc<Called<'m>>>>,
    /// Where each local value stands; the first of a name counts.
    locals: OnceCell<HashMap<&'m str, &'m Expr>>,
}

/// Where the variables of a module get their values from.
enum Source<'m> {
    Inputs(BTreeMap<String, Value>),
    Call { parent: Scope<'m>, call: &'m ModuleCall },
}

/// What a module call comes to.
pub(super) enum Called<'m> {
    /// A module that cannot be looked into.
    Elsewhere,
    /// One instance.
    One(Scope<'m>),
    /// The instances of `count`.
    Count(Vec<Scope<'m>>),
    /// The instances of `for_each`.
    Each(Vec<(String, Scope<'m>)>),
    /// It is not known which instances there are; one scope stands for each.
    Any(Scope<'m>, Unknown),
}

/// What `each` and `count` are.
pub(super) enum Instance {
    Each { key: Value, value: Value },
    Count(Value),
    Any,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Name {
    Variable(String),
    Local(String),
    Output(String),
}

enum State {
    /// It is being evaluated.
    Open,
    /// There was no room for it in the question of this number.
    Limited(u64),
    Done(Value),
}

/// The instances of a block.
enum Instances {
    Single,
    Known(Vec<(String, Instance)>),
    Unknown(Unknown),
}

impl<'m> Scope<'m> {
    /// Returns the scope of a root module.
    pub fn root(module: &'m Module, modules: &'m dyn Modules, inputs: Inputs<'m>) -> Self {
        let shared = Shared {
            modules,
            workspace: inputs.workspace,
            facts: inputs.facts,
            cost: super::cost::Cost::default(),
            files: RefCell::default(),
        };
        Self::new(module, String::new(), 0, Rc::new(shared), Source::Inputs(inputs.variables))
    }

    fn new(
        module: &'m Module,
        address: String,
        level: usize,
        shared: Rc<Shared<'m>>,
        source: Source<'m>,
    ) -> Self {
        let inner = Inner {
            module,
            address,
            level,
            shared,
            source,
            values: RefCell::default(),
            calls: RefCell::default(),
            locals: OnceCell::new(),
        };
        Self { inner: Rc::new(inner), instance: None }
    }

    /// Returns the module.
    pub fn module(&self) -> &'m Module {
        self.inner.module
    }

    /// Returns its address, such as `module.a["x"].module.b`; empty for the root. A call whose
    /// instances are not known has no key there.
    pub fn address(&self) -> &str {
        &self.inner.address
    }

    /// Returns the call by which it is reached; the root has none.
    pub fn call(&self) -> Option<&'m ModuleCall> {
        match &self.inner.source {
            Source::Inputs(_) => None,
            Source::Call { call, .. } => Some(call),
        }
    }

    /// Returns the scope of the module that calls this one; the root has none.
    pub fn parent(&self) -> Option<&Self> {
        match &self.inner.source {
            Source::Inputs(_) => None,
            Source::Call { parent, .. } => Some(parent),
        }
    }

    /// Returns the scopes of the local modules that this one calls, one for each instance of a call
    /// where the instances are known and few, and otherwise one for the call.
    pub fn children(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for call in &self.module().calls {
            match &*self.called(call) {
                Called::Elsewhere => {}
                Called::One(scope) | Called::Any(scope, _) => all.push(scope.clone()),
                Called::Count(scopes) => all.extend(scopes.iter().cloned()),
                Called::Each(scopes) => all.extend(scopes.iter().map(|(_, scope)| scope.clone())),
            }
        }
        all
    }

    /// Returns a scope for each instance that `count` or `for_each` of a block makes, where they
    /// are known and few, and otherwise one in which `each` and `count` are unknown. No scope when
    /// it makes none.
    pub fn instances(&self, body: &Body) -> Vec<Self> {
        match self.instances_of(body) {
            Instances::Single => vec![self.clone()],
            Instances::Unknown(_) => vec![self.within(Instance::Any)],
            Instances::Known(all) => all.into_iter().map(|(_, one)| self.within(one)).collect(),
        }
    }

    /// Forgets the modules that it calls, and those that they call.
    ///
    /// A module and the one that calls it hold on to each other, so a root that is not released
    /// stays in memory as long as the program.
    pub fn release(&self) {
        let calls = std::mem::take(&mut *self.inner.calls.borrow_mut());
        for called in calls.into_values() {
            match &*called {
                Called::Elsewhere => {}
                Called::One(scope) | Called::Any(scope, _) => scope.release(),
                Called::Count(scopes) => scopes.iter().for_each(Self::release),
                Called::Each(scopes) => scopes.iter().for_each(|(_, scope)| scope.release()),
            }
        }
    }

    /// The same without `each` and `count`.
    fn outside(&self) -> Self {
        Self { inner: self.inner.clone(), instance: None }
    }

    fn within(&self, instance: Instance) -> Self {
        Self { inner: self.inner.clone(), instance: Some(Rc::new(instance)) }
    }

    fn instances_of(&self, body: &Body) -> Instances {
        if let Some(count) = body.expr("count") {
            return match super::convert::number(&self.value(count)) {
                Err(why) => Instances::Unknown(why),
                Ok(count) => match count.as_usize().filter(|count| *count <= INSTANCES) {
                    None => Instances::Unknown(Unknown::Limit),
                    Some(count) => Instances::Known(
                        (0..count)
                            .map(|at| (format!("[{at}]"), Instance::Count(at.into())))
                            .collect(),
                    ),
                },
            };
        }
        let Some(for_each) = body.expr("for_each") else { return Instances::Single };
        let key_of = |key: &str| format!("[{}]", serde_json::Value::from(key));
        match self.value(for_each) {
            Value::Unknown(why) => Instances::Unknown(why),
            Value::Map(entries) if entries.len() <= INSTANCES => Instances::Known(
                entries
                    .iter()
                    .map(|(key, value)| {
                        let each =
                            Instance::Each { key: key.as_str().into(), value: value.clone() };
                        (key_of(key), each)
                    })
                    .collect(),
            ),
            Value::Set(items) if items.len() <= INSTANCES => {
                let each = |item: &Value| {
                    let key = item.text()?;
                    Some((key_of(key), Instance::Each { key: item.clone(), value: item.clone() }))
                };
                match items.iter().map(each).collect() {
                    Some(all) => Instances::Known(all),
                    None => Instances::Unknown(Unknown::Instance),
                }
            }
            Value::Map(_) | Value::Set(_) => Instances::Unknown(Unknown::Limit),
            _ => Instances::Unknown(Unknown::invalid("`for_each` needs a map or a set of strings")),
        }
    }

    /// Returns how many instances a block has, if it says so and that is known.
    pub(super) fn count_of(&self, body: &Body) -> Option<usize> {
        match self.instances_of(body) {
            Instances::Known(all) => Some(all.len()),
            Instances::Single | Instances::Unknown(_) => None,
        }
    }

    /// Returns what an expression of this module comes to.
    pub fn value(&self, expr: &Expr) -> Value {
        let cost = &self.inner.shared.cost;
        cost.enter(|| Frame::new(self, expr.text()).eval(expr.node()))
    }

    /// Returns what a variable of the module is.
    pub fn variable(&self, name: &str) -> Value {
        let Some(variable) = self.module().variable(name) else {
            return Value::invalid(format!("there is no variable `{name}`"));
        };
        self.cached(Name::Variable(name.to_owned()), || {
            let given = match &self.inner.source {
                Source::Inputs(values) => values.get(name).cloned(),
                Source::Call { parent, call } => call
                    .arguments
                    .iter()
                    .find(|argument| argument.name() == name)
                    .map(|argument| parent.value(argument.expr())),
            };
            let default = || variable.default.as_ref().map(|default| self.value(default));
            let given = match given {
                Some(Value::Null) if !variable.nullable => default(),
                Some(given) => Some(given),
                None => default(),
            };
            match given {
                None => Value::Unknown(Unknown::Variable(name.into())),
                Some(value) => match &variable.kind {
                    None => value,
                    Some(kind) => Type::read(kind.node()).convert(self, &value),
                },
            }
        })
    }

    /// Returns what a local value of the module is.
    pub fn local(&self, name: &str) -> Value {
        let locals = self.inner.locals.get_or_init(|| {
            let mut all = HashMap::new();
            for local in &self.module().locals {
                all.entry(local.name()).or_insert_with(|| local.expr());
            }
            all
        });
        let Some(expr) = locals.get(name) else {
            return Value::invalid(format!("there is no local value `{name}`"));
        };
        self.cached(Name::Local(name.to_owned()), || self.outside().value(expr))
    }

    /// Returns what an output of the module is.
    pub fn output(&self, name: &str) -> Value {
        let Some(output) = self.module().output(name) else {
            return Value::invalid(format!("there is no output `{name}`"));
        };
        self.cached(Name::Output(name.to_owned()), || match &output.value {
            Some(expr) => self.outside().value(expr),
            None => Value::invalid(format!("output `{name}` has no value")),
        })
    }

    fn cached(&self, name: Name, make: impl FnOnce() -> Value) -> Value {
        let cost = &self.inner.shared.cost;
        // What names of a module come to does not rest on the block that they are used in.
        match self.inner.values.borrow().get(&name) {
            Some(State::Done(value)) => return value.clone(),
            Some(State::Open) => return Value::invalid("it refers to itself"),
            Some(State::Limited(question)) if *question == cost.question() => return cost.limit(),
            Some(State::Limited(_)) | None => {}
        }
        self.inner.values.borrow_mut().insert(name.clone(), State::Open);
        let limits = cost.limits();
        let value = cost.bounded(make());
        let state = if cost.limits() == limits {
            State::Done(value.clone())
        } else {
            // From another place there may be room for it.
            State::Limited(cost.question())
        };
        self.inner.values.borrow_mut().insert(name, state);
        value
    }

    pub(super) fn called(&self, call: &'m ModuleCall) -> Rc<Called<'m>> {
        if let Some(known) = self.inner.calls.borrow().get(&call.name) {
            return known.clone();
        }
        let made = Rc::new(self.call_up(call));
        self.inner.calls.borrow_mut().insert(call.name.clone(), made.clone());
        made
    }

    fn call_up(&self, call: &'m ModuleCall) -> Called<'m> {
        let CallTarget::Local(dir) = &call.target else { return Called::Elsewhere };
        let Some(module) = self.inner.shared.modules.module(dir) else { return Called::Elsewhere };
        if self.inner.level >= NESTED {
            return Called::Elsewhere;
        }
        let outside = self.outside();
        let scope = |key: &str, instance: Option<Instance>| {
            let dot = if self.address().is_empty() { "" } else { "." };
            let address = format!("{}{dot}module.{}{key}", self.address(), call.name);
            let parent = match instance {
                Some(instance) => outside.within(instance),
                None => outside.clone(),
            };
            let source = Source::Call { parent, call };
            Self::new(module, address, self.inner.level + 1, self.inner.shared.clone(), source)
        };
        match outside.instances_of(call.body()) {
            Instances::Single => Called::One(scope("", None)),
            Instances::Unknown(why) => Called::Any(scope("", Some(Instance::Any)), why),
            Instances::Known(all) if call.body().expr("count").is_some() => {
                Called::Count(all.into_iter().map(|(key, one)| scope(&key, Some(one))).collect())
            }
            Instances::Known(all) => {
                let named = |(shown, one): (String, Instance)| {
                    let key = match &one {
                        Instance::Each { key, .. } => key.text().unwrap_or_default().to_owned(),
                        Instance::Count(_) | Instance::Any => String::new(),
                    };
                    (key, scope(&shown, Some(one)))
                };
                Called::Each(all.into_iter().map(named).collect())
            }
        }
    }

    pub(super) fn instance(&self) -> Option<&Instance> {
        self.instance.as_deref()
    }

    pub(super) fn cost(&self) -> &super::cost::Cost {
        &self.inner.shared.cost
    }

    pub(super) fn workspace(&self) -> Option<&str> {
        self.inner.shared.workspace.as_deref()
    }

    pub(super) fn fact(&self, resource: &Resource, path: &[String]) -> Option<Value> {
        self.inner.shared.facts.attribute(self.address(), resource, path)
    }

    /// Returns the folder of the root module.
    pub(super) fn root_dir(&self) -> &'m Path {
        match self.parent() {
            Some(parent) => parent.root_dir(),
            None => &self.module().dir,
        }
    }

    /// Returns the bytes of a file, named from the root of the repository.
    pub(super) fn read(&self, path: &Path) -> Option<Rc<[u8]>> {
        let shared = &self.inner.shared;
        if let Some(known) = shared.files.borrow().get(path) {
            return known.clone();
        }
        let read = shared.modules.read(path).filter(|bytes| bytes.len() <= FILE).map(Rc::from);
        shared.files.borrow_mut().insert(path.to_owned(), read.clone());
        read
    }
}

impl From<&Number> for Value {
    fn from(number: &Number) -> Self {
        Self::Number(number.clone())
    }
}
