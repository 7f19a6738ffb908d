//! What the names of a module refer to.

use super::{
    convert,
    expression::Frame,
    operators::Kind,
    scope::{Called, Instance, Scope},
    value::{Unknown, Value},
};
use crate::config::{
    module::{ModuleCall, Resource, ResourceMode},
    syntax::{
        BinaryOperator, Decorated, Element, Expression, Traversal, TraversalOperator, UnaryOperator,
    },
};
use std::collections::BTreeMap;

type Steps<'e> = &'e [Decorated<TraversalOperator>];

impl<'m> Frame<'_, 'm> {
    /// Returns what a name with steps behind it refers to.
    pub(super) fn reference(&self, root: &str, steps: Steps<'_>) -> Value {
        if let Some(value) = self.lookup(root) {
            return self.walk(value.clone(), steps);
        }
        if self.closed {
            self.scope.cost().refuse();
            return Value::invalid(format!("there is no `{root}`"));
        }
        let name = steps.first().and_then(name_of);
        let rest = || &steps[1..];
        match (root, name.as_deref()) {
            ("var", Some(name)) => self.walk(self.own(self.scope.variable(name)), rest()),
            ("local", Some(name)) => self.walk(self.own(self.scope.local(name)), rest()),
            ("path", Some(name)) => self.walk(self.path(name), rest()),
            ("terraform", Some("workspace")) => match self.scope.workspace() {
                Some(workspace) => self.walk(workspace.into(), rest()),
                None => unknown(root, steps),
            },
            ("each" | "count", Some(name)) => self.walk(self.instance(root, name), rest()),
            ("module", Some(name)) => match self.scope.module().call(name) {
                Some(call) => self.module(call, steps),
                None => self.missing(root, steps),
            },
            ("data" | "ephemeral", Some(kind)) => {
                let mode =
                    if root == "data" { ResourceMode::Data } else { ResourceMode::Ephemeral };
                match steps.get(1).and_then(name_of) {
                    Some(name) => self.resource(mode, kind, &name, root, steps, 2),
                    None => unknown(root, steps),
                }
            }
            ("self" | "var" | "local" | "path" | "terraform" | "module", _) => unknown(root, steps),
            (kind, Some(name)) => self.resource(ResourceMode::Managed, kind, name, root, steps, 1),
            (_, None) => unknown(root, steps),
        }
    }

    /// Notes when what a name stands for is itself an error, which no `try` saves from.
    fn own(&self, value: Value) -> Value {
        if matches!(value, Value::Unknown(Unknown::Invalid(_))) {
            self.scope.cost().refuse();
        }
        value
    }

    fn missing(&self, root: &str, steps: Steps<'_>) -> Value {
        self.scope.cost().refuse();
        Value::invalid(format!("there is no `{}`", shown(root, steps)))
    }

    fn path(&self, name: &str) -> Value {
        let (module, root) = (&self.scope.module().dir, self.scope.root_dir());
        let steps = match name {
            "module" => {
                module.strip_prefix(root).ok().map(|inside| inside.to_owned()).or_else(|| {
                    // From the root module upwards to where both stand.
                    let up = root.ancestors().take_while(|up| !module.starts_with(up)).count();
                    let shared = root.ancestors().nth(up)?;
                    let down = module.strip_prefix(shared).ok()?;
                    Some(std::iter::repeat_n("..", up).collect::<std::path::PathBuf>().join(down))
                })
            }
            "root" => Some(std::path::PathBuf::new()),
            "cwd" => return Value::Unknown(Unknown::Reference("path.cwd".into())),
            _ => return self.missing("path", &[]),
        };
        match steps.and_then(|steps| steps.into_os_string().into_string().ok()) {
            Some(steps) if steps.is_empty() => ".".into(),
            Some(steps) => steps.into(),
            None => Value::Unknown(Unknown::Reference(format!("path.{name}").into())),
        }
    }

    fn instance(&self, root: &str, name: &str) -> Value {
        match (self.scope.instance(), root, name) {
            (Some(Instance::Each { key, .. }), "each", "key") => key.clone(),
            (Some(Instance::Each { value, .. }), "each", "value") => value.clone(),
            (Some(Instance::Count(at)), "count", "index") => at.clone(),
            _ => Value::Unknown(Unknown::Instance),
        }
    }

    fn module(&self, call: &'m ModuleCall, steps: Steps<'_>) -> Value {
        let name = |at: usize| steps.get(at).and_then(name_of);
        let rest = |at: usize| steps.get(at..).unwrap_or_default();
        match &*self.scope.called(call) {
            Called::Elsewhere => unknown("module", steps),
            Called::Any(_, why) => Value::Unknown(why.clone()),
            Called::One(scope) => match name(1) {
                Some(output) => self.walk(self.own(scope.output(&output)), rest(2)),
                None => self.walk(outputs(scope), rest(1)),
            },
            Called::Count(scopes) => self
                .instances(steps, |key| scopes.get(convert::number(key).ok()?.as_usize()?))
                .unwrap_or_else(|| self.walk(Value::list(scopes.iter().map(outputs)), rest(1))),
            Called::Each(scopes) => self
                .instances(steps, |key| {
                    let key = key.text()?;
                    scopes.iter().find(|(known, _)| known == key).map(|(_, scope)| scope)
                })
                .unwrap_or_else(|| {
                    let all = scopes.iter().map(|(key, scope)| (key.clone(), outputs(scope)));
                    self.walk(Value::map(all), rest(1))
                }),
        }
    }

    /// `module.x[KEY].OUTPUT`, without making what the other outputs come to.
    fn instances<'s>(
        &self,
        steps: Steps<'_>,
        find: impl Fn(&Value) -> Option<&'s Scope<'m>>,
    ) -> Option<Value>
    where
        'm: 's,
    {
        let key = match steps.get(1)?.value() {
            TraversalOperator::Index(index) => self.eval(index),
            _ => return None,
        };
        let output = steps.get(2).and_then(name_of)?;
        Some(self.walk(self.own(find(&key)?.output(&output)), &steps[3..]))
    }

    /// `TYPE.NAME.ATTRIBUTE`; `at` is where the steps behind the name begin.
    fn resource(
        &self,
        mode: ResourceMode,
        kind: &str,
        name: &str,
        root: &str,
        steps: Steps<'_>,
        at: usize,
    ) -> Value {
        let Some(resource) = self.scope.module().resource(mode, kind, name) else {
            return self.missing(root, steps);
        };
        let body = resource.body();
        let mut at = at;
        if body.attribute("count").is_some() || body.attribute("for_each").is_some() {
            // Only of an instance that there is for certain is anything said.
            let index = match steps.get(at).map(Decorated::value) {
                Some(TraversalOperator::Index(Expression::Number(index))) => {
                    index.value().as_u64().and_then(|index| usize::try_from(index).ok())
                }
                _ => None,
            };
            let known = index.zip(self.scope.count_of(body)).is_some_and(|(at, all)| at < all);
            if !known || mode == ResourceMode::Managed || body.attribute("count").is_none() {
                return unknown(root, steps);
            }
            at += 1;
        }
        let path: Vec<String> = steps[at..].iter().map_while(name_of).collect();
        if let (ResourceMode::Managed, Some(attribute)) = (mode, path.first())
            && let Some(value) = self.written(resource, attribute)
        {
            return self.walk(value, &steps[at + 1..]);
        }
        for length in (1..=path.len()).rev() {
            if let Some(value) = self.scope.fact(resource, &path[..length]) {
                return self.walk(value, &steps[at + length..]);
            }
        }
        unknown(root, steps)
    }

    /// Returns an attribute as its argument says it, if the provider is sure to leave it so.
    fn written(&self, resource: &Resource, attribute: &str) -> Option<Value> {
        const META: [&str; 4] = ["depends_on", "lifecycle", "provider", "provisioner"];
        let expr = resource.body().expr(attribute).filter(|_| !META.contains(&attribute))?;
        let value = self.scope.value(expr);
        // A number or a boolean in quotes may be either; JSON is written anew by providers, and
        // a list may be a set. What is empty or null counts as not set.
        let stays = |value: &Value| match value {
            Value::String(text) => {
                let other = convert::number(value).is_ok()
                    || convert::boolean(value).is_ok()
                    || text.trim_start().starts_with(['{', '[']);
                !other && !text.is_empty()
            }
            Value::Partial(pieces) => !pieces.first().is_some_and(|piece| match piece {
                super::value::Piece::Text(text) => text.trim_start().starts_with(['{', '[']),
                super::value::Piece::Unknown(_) => false,
            }),
            Value::Bool(_) | Value::Number(_) => true,
            _ => false,
        };
        let kept = match &value {
            Value::Map(entries) => entries.values().all(|value| {
                matches!(value, Value::String(_) | Value::Partial(_) | Value::Unknown(_))
            }),
            plain => stays(plain),
        };
        kept.then_some(value)
    }

    /// Returns what an expression will be, as far as its syntax tells.
    pub(super) fn kind_of(&self, node: &Expression, depth: usize) -> Kind {
        if depth == 0 {
            return Kind::Any;
        }
        match node {
            Expression::Null(_) => Kind::Null,
            Expression::Bool(_) => Kind::Bool,
            Expression::Number(_) => Kind::Number,
            Expression::String(_) | Expression::HeredocTemplate(_) => Kind::String,
            Expression::Array(_) => Kind::List,
            Expression::Object(_) => Kind::Map,
            Expression::StringTemplate(template) => match template.as_single_element() {
                Some(Element::Interpolation(inner)) => self.kind_of(&inner.expr, depth - 1),
                _ => Kind::String,
            },
            Expression::Parenthesis(inner) => self.kind_of(inner.inner(), depth - 1),
            Expression::Conditional(inner) => {
                let kind = |node| self.kind_of(node, depth - 1);
                match (kind(&inner.true_expr), kind(&inner.false_expr)) {
                    (Kind::Null, other) | (other, Kind::Null) => other,
                    (one, other) if one == other => one,
                    _ => Kind::Any,
                }
            }
            Expression::UnaryOp(operation) => match operation.operator.value() {
                UnaryOperator::Neg => Kind::Number,
                UnaryOperator::Not => Kind::Bool,
            },
            Expression::BinaryOp(operation) => match operation.operator.value() {
                BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Mul
                | BinaryOperator::Div
                | BinaryOperator::Mod => Kind::Number,
                _ => Kind::Bool,
            },
            Expression::ForExpr(inner) if inner.key_expr.is_none() => Kind::List,
            Expression::ForExpr(_) => Kind::Map,
            Expression::FuncCall(call) if !call.name.is_namespaced() => {
                super::functions::kind(call.name.name.as_str())
            }
            Expression::Traversal(traversal) => self.kind_of_path(traversal, depth),
            Expression::FuncCall(_) | Expression::Variable(_) => Kind::Any,
        }
    }

    fn kind_of_path(&self, traversal: &Traversal, depth: usize) -> Kind {
        let steps = traversal.operators.as_slice();
        let splat = |step: &Decorated<TraversalOperator>| {
            matches!(
                step.value(),
                TraversalOperator::FullSplat(_) | TraversalOperator::AttrSplat(_)
            )
        };
        if let Some(last) = steps.iter().rposition(splat) {
            let indexed =
                steps[last..].iter().any(|s| matches!(s.value(), TraversalOperator::Index(_)));
            return if indexed { Kind::Any } else { Kind::List };
        }
        let Expression::Variable(root) = &traversal.expr else { return Kind::Any };
        let [step] = steps else { return Kind::Any };
        let Some(name) = name_of(step).filter(|_| self.lookup(root).is_none() && !self.closed)
        else {
            return Kind::Any;
        };
        let module = self.scope.module();
        match root.as_str() {
            "var" => match module.variable(&name).and_then(|variable| variable.kind.as_ref()) {
                Some(kind) => super::types::Type::read(kind.node()).kind(),
                None => Kind::Any,
            },
            "local" => module.local(&name).map_or(Kind::Any, |expr| {
                Frame::new(self.scope, expr.text()).kind_of(expr.node(), depth - 1)
            }),
            _ => Kind::Any,
        }
    }
}

/// Returns all outputs of a module as an object.
fn outputs(scope: &Scope<'_>) -> Value {
    let outputs = scope.module().outputs.iter();
    let all: BTreeMap<String, Value> =
        outputs.map(|output| (output.name.clone(), scope.output(&output.name))).collect();
    Value::map(all)
}

fn unknown(root: &str, steps: Steps<'_>) -> Value {
    Value::Unknown(Unknown::Reference(shown(root, steps).into()))
}

fn shown(root: &str, steps: Steps<'_>) -> String {
    let mut path = root.to_owned();
    for name in steps.iter().map_while(name_of) {
        path.push('.');
        path.push_str(&name);
    }
    path
}

/// Returns the name of a step `.name` or `["name"]`.
fn name_of(step: &Decorated<TraversalOperator>) -> Option<String> {
    match step.value() {
        TraversalOperator::GetAttr(name) => Some(name.to_string()),
        TraversalOperator::Index(Expression::String(name)) => Some(name.value().clone()),
        _ => None,
    }
}
