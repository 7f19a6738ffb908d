//! Calls of functions.

use super::{
    functions::{Gives, Want, function},
    graph::{Id, Root},
    interpreter::{At, Interpreter},
    kinds::Kinds,
    shape::Kind,
    value::{Parts, Value},
};
use crate::config::syntax::FuncCall;

/// How deep `flatten` looks.
const MAX_FLATTEN: usize = 8;

impl Interpreter<'_> {
    pub(super) fn call(&mut self, node: &FuncCall, at: At<'_>) -> Value {
        let arguments: Vec<Value> =
            node.args.iter().map(|argument| self.expression(argument, at)).collect();
        let name = node.name.name.as_str();
        let namespace: Vec<&str> = node.name.namespace.iter().map(|part| part.as_str()).collect();
        match namespace[..] {
            [] | ["core"] => self.core(name, arguments, node.args.expand_final()),
            ["provider", provider] => {
                let count = (!node.args.expand_final()).then_some(arguments.len());
                for argument in &arguments {
                    self.read_all(argument);
                }
                let provider = self.tree[at.scope.instance].provider(provider);
                let calls =
                    self.graph.calls.entry((provider.clone(), name.to_owned())).or_default();
                calls.extend(count);
                let root = Root::Function(provider, name.to_owned());
                Value::node(self.graph.root(root))
            }
            _ => Value::default(),
        }
    }

    fn core(&mut self, name: &str, mut arguments: Vec<Value>, expand: bool) -> Value {
        // `f(list...)` is a call with the elements.
        if expand && let Some(list) = arguments.pop() {
            self.used(&list, Kind::List);
            arguments.push(self.element(&list));
        }
        let Some(function) = function(name) else {
            for argument in &arguments {
                self.read_all(argument);
            }
            return Value::default().from(&arguments);
        };
        for (index, argument) in arguments.iter().enumerate() {
            self.wanted(argument, function.want(index));
        }
        let result = self.result(function.gives, &arguments);
        // What is passed on keeps its own marks.
        match function.gives {
            Gives::Is(_) | Gives::Of(..) | Gives::Unknown => result.from(&arguments),
            _ => result,
        }
    }

    fn wanted(&mut self, value: &Value, want: Want) {
        match want {
            Want::Any => self.read_all(value),
            Want::Is(kind) => self.used(value, kind),
            Want::ListOf(kind) => {
                self.used(value, Kind::List);
                let element = self.element(value);
                self.used(&element, kind);
            }
            Want::Countable => self.collection(value),
            Want::One => {
                self.used(value, Kind::List);
                for id in value.nodes() {
                    self.graph.node_mut(id).one = true;
                }
            }
            Want::Same => self.read(value),
        }
    }

    fn result(&mut self, gives: Gives, arguments: &[Value]) -> Value {
        let unknown = Value::default();
        let first = arguments.first().unwrap_or(&unknown);
        match gives {
            Gives::Is(kind) => Value::kind(kind),
            Gives::Of(kind, of) => Value::of(kind, Value::kind(of)),
            Gives::Unknown => Value::default(),
            Gives::AnyArgument => Value::join_all(arguments, &mut self.budget),
            Gives::Elements(kind) => Value::of(kind, self.elements_of(arguments)),
            Gives::FirstElements => Value::of(Kind::List, self.element(first)),
            Gives::FirstElement => {
                self.at_least(first, 1);
                self.element(first)
            }
            Gives::Slice => {
                if let Some(end) = arguments.get(2).and_then(Value::constant_number) {
                    self.at_least(first, end);
                }
                Value::of(Kind::List, self.element(first))
            }
            Gives::Decoded => {
                let decoded: Vec<Id> = first.nodes().collect();
                let decoded = decoded.into_iter().map(|id| self.graph.decoded(id)).collect();
                Value::new(Parts { nodes: decoded, ..Parts::default() })
            }
            Gives::Entry => {
                let found = match arguments.get(1).and_then(Value::constant_text) {
                    Some(name) => self.get(first, &name),
                    None => {
                        self.used(first, Kind::Map);
                        self.element(first)
                    }
                };
                found.join(arguments.get(2).unwrap_or(&unknown), &mut self.budget)
            }
            Gives::Merged => Value::join_all(arguments, &mut self.budget),
            Gives::Converted(kind) => {
                let others = [Kind::List, Kind::Set, Kind::Map, Kind::Object];
                let kinds = others.into_iter().fold(first.kinds(), Kinds::without);
                first.as_kinds(kinds.with(Kinds::of(kind)))
            }
            Gives::Flat => {
                let element = self.element(first);
                Value::of(Kind::List, self.flat(&element, 0))
            }
            Gives::Zipped => {
                let element = arguments.get(1).map(|values| self.element(values));
                Value::of(Kind::Map, element.unwrap_or_default())
            }
            Gives::Product => {
                let element = self.elements_of(arguments);
                Value::of(Kind::List, Value::of(Kind::List, element))
            }
            Gives::Chunks => Value::of(Kind::List, Value::of(Kind::List, self.element(first))),
        }
    }

    fn elements_of(&mut self, lists: &[Value]) -> Value {
        let elements: Vec<Value> = lists.iter().map(|list| self.element(list)).collect();
        Value::join_all(&elements, &mut self.budget)
    }

    /// Takes lists apart until there are none.
    fn flat(&mut self, value: &Value, depth: usize) -> Value {
        let Some(parts) = value.parts() else { return Value::default() };
        if depth == MAX_FLATTEN || !self.budget.spend(1 + parts.nodes.len()) {
            return value.clone();
        }
        let nodes = parts.nodes.iter().map(|id| {
            let node = self.graph.node(*id);
            let is_list = node.element.is_some()
                || node.used_as.has(Kind::List)
                || node.written.kinds().has(Kind::List);
            if is_list && node.children.is_empty() { self.graph.element(*id) } else { *id }
        });
        let is_list = parts.kinds.has(Kind::List) || parts.kinds.has(Kind::Set);
        let flat = Value::new(Parts {
            nodes: nodes.collect(),
            kinds: parts.kinds.without(Kind::List).without(Kind::Set),
            fields: parts.fields.clone(),
            element: if is_list { Value::default() } else { parts.element.clone() },
            ..Parts::default()
        });
        if !is_list {
            return flat;
        }
        let element = self.flat(&parts.element, depth + 1);
        flat.join(&element, &mut self.budget)
    }
}
