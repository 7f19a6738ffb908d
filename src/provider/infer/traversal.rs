//! References, and the steps behind them.

use super::{
    budget::MAX_LENGTH,
    interpreter::{At, Interpreter, Named, repeat},
    shape::{Kind, Mode},
    tree::Repeated,
    value::Value,
};
use crate::config::syntax::{Decorated, Expression, Traversal, TraversalOperator};
use std::collections::BTreeMap;

type Steps<'s> = &'s [Decorated<TraversalOperator>];

impl Interpreter<'_> {
    pub(super) fn traversal(&mut self, node: &Traversal, at: At<'_>) -> Value {
        let steps = &node.operators[..];
        let Expression::Variable(root) = &node.expr else {
            let value = self.expression(&node.expr, at);
            return self.steps(value, steps, at);
        };
        if let Some(value) = at.scope.lookup(root.as_str()) {
            return self.steps(value, steps, at);
        }
        let Some(first) = name_at(steps, 0) else { return self.search(steps, at) };
        let instance = at.scope.instance;
        match root.as_str() {
            "var" => {
                let value = self.named(instance, Named::Variable, &first);
                self.steps(value, &steps[1..], at)
            }
            "local" => {
                let value = self.named(instance, Named::Local, &first);
                self.steps(value, &steps[1..], at)
            }
            "module" => self.module(&first, &steps[1..], at),
            "data" => self.reference(Mode::Data, &first, &steps[1..], at),
            "ephemeral" => self.reference(Mode::Ephemeral, &first, &steps[1..], at),
            "path" | "terraform" => Value::kind(Kind::Text),
            "each" | "count" | "self" => self.search(steps, at),
            kind => self.reference(Mode::Managed, kind, steps, at),
        }
    }

    /// Returns what `TYPE.NAME…` means; `steps` begins with the name.
    fn reference(&mut self, mode: Mode, kind: &str, steps: Steps<'_>, at: At<'_>) -> Value {
        let found =
            name_at(steps, 0).and_then(|name| self.resource(at.scope.instance, mode, kind, &name));
        match found {
            Some(value) => self.steps(value, &steps[1..], at),
            None => self.search(steps, at),
        }
    }

    /// Returns what `module.NAME…` means; `steps` begins behind the name.
    fn module(&mut self, name: &str, steps: Steps<'_>, at: At<'_>) -> Value {
        let tree = self.tree;
        let caller = &tree[at.scope.instance];
        let (Some(child), Some(call)) = (caller.children.get(name), caller.module.call(name))
        else {
            return self.search(steps, at);
        };
        let repeated = Repeated::of(call.body());
        let behind = match repeated {
            Repeated::Once => 0,
            Repeated::Count | Repeated::ForEach => 1,
        };
        // Only the output that is meant is looked at, since others may depend on it.
        if let Some(output) = name_at(steps, behind) {
            let (before, after) = steps.split_at(behind);
            let all = matches!(
                before.first().map(|step| step.value()),
                Some(TraversalOperator::FullSplat(_) | TraversalOperator::AttrSplat(_))
            );
            self.search(before, at);
            let value = self.named(*child, Named::Output, &output);
            let value = self.steps(value, &after[1..], at);
            return if all { Value::of(Kind::List, value) } else { value };
        }
        let mut outputs = BTreeMap::new();
        for output in &tree[*child].module.outputs {
            outputs.insert(output.name.clone(), self.named(*child, Named::Output, &output.name));
        }
        self.steps(repeat(Value::object(outputs), repeated), steps, at)
    }

    /// Looks only at the indices of a reference that leads nowhere.
    fn search(&mut self, steps: Steps<'_>, at: At<'_>) -> Value {
        for step in steps {
            if let TraversalOperator::Index(index) = step.value() {
                let value = self.expression(index, at);
                self.read(&value);
            }
        }
        Value::default()
    }

    /// Goes the steps of a traversal from a value.
    pub(super) fn steps(&mut self, mut value: Value, steps: Steps<'_>, at: At<'_>) -> Value {
        for (index, step) in steps.iter().enumerate() {
            let rest = &steps[index + 1..];
            value = match step.value() {
                TraversalOperator::GetAttr(name) => self.get(&value, name.as_str()),
                TraversalOperator::LegacyIndex(number) => {
                    self.at_index(&value, usize::try_from(*number.value()).ok())
                }
                TraversalOperator::Index(node) => self.index(&value, node, at),
                TraversalOperator::FullSplat(_) => {
                    let element = self.splat(&value);
                    let element = self.steps(element, rest, at);
                    return Value::of(Kind::List, element);
                }
                // Only the names that follow belong to the elements: `a.*.id[0]` is `(a.*.id)[0]`.
                TraversalOperator::AttrSplat(_) => {
                    let names = rest
                        .iter()
                        .take_while(|step| matches!(step.value(), TraversalOperator::GetAttr(_)))
                        .count();
                    let element = self.splat(&value);
                    let element = self.steps(element, &rest[..names], at);
                    return self.steps(Value::of(Kind::List, element), &rest[names..], at);
                }
            };
        }
        value
    }

    fn index(&mut self, value: &Value, node: &Expression, at: At<'_>) -> Value {
        let index = self.expression(node, at);
        self.read(&index);
        if let Some(name) = index.constant_text() {
            return self.get(value, &name);
        }
        if index.constant_number().is_some() || index.kinds().has(Kind::Number) {
            return self.at_index(value, index.constant_number());
        }
        if index.kinds().text().is_some() {
            self.used(value, Kind::Map);
        } else {
            self.collection(value);
        }
        self.element(value)
    }

    fn at_index(&mut self, value: &Value, index: Option<usize>) -> Value {
        self.used(value, Kind::List);
        if let Some(index) = index.filter(|index| *index < MAX_LENGTH) {
            self.at_least(value, index + 1);
            for id in value.nodes() {
                let node = self.graph.node_mut(id);
                node.max_index = node.max_index.max(Some(index));
            }
        }
        self.element(value)
    }

    /// Follows a path such as one of `ignore_changes` from a value, so that all of it exists.
    pub(super) fn path(&mut self, value: &Value, node: &Expression, at: At<'_>) {
        match node {
            Expression::Variable(name) if name.as_str() != "all" => {
                self.exists(value, name.as_str());
            }
            Expression::Traversal(traversal) => {
                if let Expression::Variable(name) = &traversal.expr {
                    let start = self.exists(value, name.as_str());
                    self.steps(start, &traversal.operators, at);
                }
            }
            // Old configurations quote it.
            Expression::String(text) => {
                if let Some(name) = text.split(['.', '[']).next().filter(|name| *name != "all") {
                    self.exists(value, name);
                }
            }
            _ => {}
        }
    }

    /// Returns an attribute that must exist, without anybody reading it.
    fn exists(&mut self, value: &Value, name: &str) -> Value {
        let ids: Vec<_> = value.nodes().collect();
        let ids: Vec<_> = ids.into_iter().map(|id| self.graph.child(id, name)).collect();
        ids.first().map(|id| Value::node(*id)).unwrap_or_default()
    }
}

/// Returns the name that a step leads to, be it `.name` or `["name"]`.
fn name_at(steps: Steps<'_>, index: usize) -> Option<String> {
    match steps.get(index)?.value() {
        TraversalOperator::GetAttr(name) => Some(name.to_string()),
        TraversalOperator::Index(Expression::String(name)) => Some(name.value().clone()),
        _ => None,
    }
}
