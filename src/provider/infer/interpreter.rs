//! Abstract interpretation: what every expression of every module may denote.
//!
//! Reading and writing leave their marks on the [`Graph`]; what is bound to a name (a local value,
//! a variable, an output) is evaluated once in each instance of a module.

use super::{
    budget::{Budget, MAX_LENGTH},
    graph::{Graph, Id, Root},
    kinds::Kinds,
    shape::{Kind, Mode},
    tree::{Instance, Repeated},
    value::{Parts, Value},
};
use crate::{
    config::{body::Body, expression::Expr, module::ModuleCall, text::SourceText},
    model::finding::Place,
};
use std::collections::{BTreeMap, HashMap, HashSet};

pub(super) struct Interpreter<'m> {
    pub(super) tree: &'m [Instance<'m>],
    pub(super) graph: Graph,
    pub(super) budget: Budget,
    known: HashMap<(usize, Named, &'m str), Value>,
    /// What is being evaluated: who refers to itself gets what is unknown.
    open: HashSet<(usize, Named, &'m str)>,
}

/// What a module binds to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Named {
    Local,
    Variable,
    Output,
}

/// Where an expression is evaluated: the instance of a module, and the names that are bound there
/// besides those of the module.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) instance: usize,
    pub(super) bound: Option<&'a Bound<'a>>,
}

/// A name that is bound: `each`, `count`, `self`, a `for` variable, an iterator.
pub(super) struct Bound<'a> {
    pub(super) name: &'a str,
    pub(super) value: Value,
    pub(super) outer: Option<&'a Bound<'a>>,
}

/// A scope, and the text in which the expression stands.
#[derive(Clone, Copy)]
pub(super) struct At<'a> {
    pub(super) scope: Scope<'a>,
    pub(super) text: &'a SourceText,
}

impl<'a> Scope<'a> {
    pub(super) fn module(instance: usize) -> Self {
        Self { instance, bound: None }
    }

    pub(super) fn bind(self, name: &'a str, value: Value) -> Bound<'a> {
        Bound { name, value, outer: self.bound }
    }

    pub(super) fn with<'b>(self, bound: &'b Bound<'b>) -> Scope<'b>
    where
        'a: 'b,
    {
        Scope { instance: self.instance, bound: Some(bound) }
    }

    pub(super) fn lookup(self, name: &str) -> Option<Value> {
        let mut bound = self.bound;
        while let Some(inner) = bound {
            if inner.name == name {
                return Some(inner.value.clone());
            }
            bound = inner.outer;
        }
        None
    }
}

impl<'m> Interpreter<'m> {
    pub(super) fn new(tree: &'m [Instance<'m>], graph: Graph, budget: Budget) -> Self {
        Self { tree, graph, budget, known: HashMap::new(), open: HashSet::new() }
    }

    pub(super) fn eval(&mut self, expr: &Expr, scope: Scope<'_>) -> Value {
        self.expression(expr.node(), At { scope, text: expr.text() })
    }

    /// Returns what a name of a module means.
    pub(super) fn named(&mut self, instance: usize, kind: Named, name: &str) -> Value {
        let tree = self.tree;
        let declared = &tree[instance];
        let bound = match kind {
            Named::Local => {
                declared.locals.get_key_value(name).map(|(name, expr)| (*name, Some(*expr)))
            }
            Named::Output => {
                declared.outputs.get_key_value(name).map(|(name, expr)| (*name, *expr))
            }
            Named::Variable => {
                declared.variables.get_key_value(name).map(|(name, _)| (*name, None))
            }
        };
        let Some((name, expr)) = bound else { return Value::default() };
        let key = (instance, kind, name);
        if let Some(value) = self.known.get(&key) {
            return value.clone();
        }
        if !self.open.insert(key) {
            return Value::default();
        }
        let value = match (kind, expr) {
            (Named::Variable, _) => self.variable(instance, name),
            (_, Some(expr)) => self.eval(expr, Scope::module(instance)),
            (_, None) => Value::default(),
        };
        self.open.remove(&key);
        self.known.insert(key, value.clone());
        value
    }

    /// Returns what a variable may hold: what the call passes, and what its type and default say.
    fn variable(&mut self, instance: usize, name: &str) -> Value {
        let Instance { variables, caller, .. } = &self.tree[instance];
        let Some(variable) = variables.get(name) else { return Value::default() };
        let mut value = caller.map(|from| self.argument(from, name)).unwrap_or_default();
        let unset = value.is_unknown() || value.kinds() == Kinds::of(Kind::Null);
        if unset && let Some(default) = &variable.default {
            let default = self.eval(default, Scope::module(instance));
            value = value.join(&default, &mut self.budget);
        }
        match &variable.kind {
            Some(kind) => self.constrain(&value, kind),
            None => value,
        }
    }

    /// Returns what a call passes to a variable.
    fn argument(&mut self, (caller, call): (usize, &'m ModuleCall), name: &str) -> Value {
        let Some(argument) = call.arguments.iter().find(|argument| argument.name() == name) else {
            return Value::default();
        };
        let outside = Scope::module(caller);
        let repeated = self.repetition(call.body(), outside);
        match repeated {
            Some((name, value)) => {
                let bound = outside.bind(name, value);
                self.eval(argument.expr(), outside.with(&bound))
            }
            None => self.eval(argument.expr(), outside),
        }
    }

    /// Returns `each` or `count`, which a resource or a call with `for_each` or `count` binds.
    pub(super) fn repetition(
        &mut self,
        body: &Body,
        scope: Scope<'_>,
    ) -> Option<(&'static str, Value)> {
        if let Some(count) = body.expr("count") {
            let value = self.eval(count, scope);
            self.used(&value, Kind::Number);
            self.condition(&value, || count.place());
            let index = BTreeMap::from([("index".to_owned(), Value::kind(Kind::Number))]);
            return Some(("count", Value::object(index)));
        }
        let each = body.expr("for_each")?;
        let value = self.eval(each, scope);
        for id in value.nodes() {
            self.graph.node_mut(id).for_each = true;
        }
        self.condition(&value, || each.place());
        let (key, value) = self.entry(&value);
        let key = if key.is_unknown() { Value::kind(Kind::Text).from([&value]) } else { key };
        let entry = BTreeMap::from([("key".to_owned(), key), ("value".to_owned(), value)]);
        Some(("each", Value::object(entry)))
    }

    /// Returns what the resource of an address is: one, a list or a map of instances.
    pub(super) fn resource(
        &mut self,
        instance: usize,
        mode: Mode,
        kind: &str,
        name: &str,
    ) -> Option<Value> {
        let declared = self.tree[instance].resources.get(&(mode, kind, name))?;
        let root = Root::Type(declared.provider.clone(), mode, kind.to_owned());
        let value = Value::node(self.graph.root(root));
        Some(repeat(value, declared.repeated))
    }

    /// Returns the entries of a collection as `for` and `for_each` see them.
    pub(super) fn entry(&mut self, collection: &Value) -> (Value, Value) {
        self.collection(collection);
        let element = self.element(collection);
        let kinds = collection.kinds();
        let key = if kinds.has(Kind::Set) {
            element.clone()
        } else if kinds.has(Kind::Map) || kinds.has(Kind::Object) {
            Value::kind(Kind::Text).from([collection])
        } else if kinds.has(Kind::List) {
            Value::kind(Kind::Number)
        } else {
            Value::default().from([collection])
        };
        (key, element)
    }

    // What reading does.

    pub(super) fn read(&mut self, value: &Value) {
        self.budget.spend(1);
        for id in value.nodes() {
            self.graph.node_mut(id).read = true;
        }
    }

    /// Notes that all that a value consists of is read.
    pub(super) fn read_all(&mut self, value: &Value) {
        self.read(value);
        if !self.budget.spend(1) {
            return;
        }
        for (_, field) in value.fields() {
            self.read_all(field);
        }
        let element = value.element();
        if !element.is_unknown() {
            self.read_all(&element);
        }
    }

    /// Notes that a value is taken for something of a kind.
    pub(super) fn used(&mut self, value: &Value, kind: Kind) {
        self.read(value);
        for id in value.nodes() {
            let node = self.graph.node_mut(id);
            if !node.instance {
                node.used_as.add(kind);
            }
        }
    }

    /// Notes that a value has elements.
    pub(super) fn collection(&mut self, value: &Value) {
        self.read(value);
        for id in value.nodes() {
            self.graph.node_mut(id).collection = true;
        }
    }

    /// Notes that a list has a length.
    pub(super) fn at_least(&mut self, value: &Value, length: usize) {
        for id in value.nodes() {
            let node = self.graph.node_mut(id);
            node.at_least = node.at_least.max(length.min(MAX_LENGTH));
        }
    }

    /// Notes that a decision depends on a value.
    pub(super) fn condition(&mut self, value: &Value, place: impl FnOnce() -> Place) {
        self.read(value);
        let influences = value.influences();
        if influences.is_empty() {
            return;
        }
        let place = place();
        for id in influences {
            self.graph.in_condition(id, &place);
        }
    }

    // Steps into a value.

    /// Returns `value.name`.
    pub(super) fn get(&mut self, value: &Value, name: &str) -> Value {
        let mut found = match value.field(name) {
            Some(field) => field.clone(),
            None => value.element(),
        };
        if value.nodes().next().is_some() {
            let children: Vec<Id> = value.nodes().collect();
            let children = children.into_iter().map(|id| self.graph.child(id, name)).collect();
            found = self.nodes(children).join(&found, &mut self.budget);
        }
        found
    }

    /// Returns what any element of a value is.
    pub(super) fn element(&mut self, value: &Value) -> Value {
        let elements: Vec<Id> = value.nodes().collect();
        let elements = elements.into_iter().map(|id| self.graph.element(id)).collect();
        let mut found = self.nodes(elements).join(&value.element(), &mut self.budget);
        for (_, field) in value.fields() {
            found = found.join(field, &mut self.budget);
        }
        found
    }

    /// Returns what `[*]` runs over: what is no list stands for a list of itself.
    pub(super) fn splat(&mut self, value: &Value) -> Value {
        self.collection(value);
        let elements: Vec<Id> = value.nodes().collect();
        let elements = elements.into_iter().map(|id| self.graph.element(id)).collect();
        let mut found = self.nodes(elements).join(&value.element(), &mut self.budget);
        if value.fields().next().is_some() {
            let fields = value.fields().map(|(name, field)| (name.clone(), field.clone()));
            let itself = Value::object(fields.collect());
            found = found.join(&itself, &mut self.budget);
        }
        found
    }

    fn nodes(&mut self, ids: Vec<Id>) -> Value {
        if ids.is_empty() || !self.budget.spend(ids.len()) {
            return Value::default();
        }
        for id in &ids {
            self.graph.node_mut(*id).read = true;
        }
        Value::new(Parts { nodes: ids.into_iter().collect(), ..Parts::default() })
    }
}

/// Returns what stands for as many of a value as `count` or `for_each` make.
pub(super) fn repeat(value: Value, repeated: Repeated) -> Value {
    match repeated {
        Repeated::Once => value,
        Repeated::Count => Value::of(Kind::List, value),
        Repeated::ForEach => Value::of(Kind::Map, value),
    }
}
