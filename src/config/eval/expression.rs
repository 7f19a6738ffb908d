//! What each kind of expression comes to.

use super::{
    convert,
    number::Number,
    operators::{self, Kind},
    scope::Scope,
    value::{Unknown, Value},
};
use crate::config::{
    syntax::{
        Conditional, Decorated, Expression, ForExpr, FuncCall, Ident, Object, ObjectKey,
        UnaryOperator,
    },
    text::SourceText,
};
use std::{collections::BTreeMap, sync::Arc};

/// Where an expression is evaluated: a scope, and the names of the `for` around it.
#[derive(Clone, Copy)]
pub(super) struct Frame<'f, 'm> {
    pub(super) scope: &'f Scope<'m>,
    /// The file that the spans of the expression are of; a template that was read has none.
    pub(super) text: Option<&'f SourceText>,
    pub(super) bound: Option<&'f Binding<'f>>,
    /// Whether there are no names but the bound ones.
    pub(super) closed: bool,
}

/// A name and its value, and those that it stands within.
pub(super) struct Binding<'f> {
    pub(super) name: &'f str,
    pub(super) value: Value,
    pub(super) outer: Option<&'f Binding<'f>>,
}

impl<'f, 'm> Frame<'f, 'm> {
    pub(super) fn new(scope: &'f Scope<'m>, text: &'f SourceText) -> Self {
        Self { scope, text: Some(text), bound: None, closed: false }
    }

    /// The same with one more name.
    pub(super) fn with<'g>(&self, binding: &'g Binding<'g>) -> Frame<'g, 'm>
    where
        'f: 'g,
    {
        Frame { scope: self.scope, text: self.text, bound: Some(binding), closed: self.closed }
    }

    pub(super) fn lookup(&self, name: &str) -> Option<&'f Value> {
        let mut at = self.bound;
        while let Some(binding) = at {
            if binding.name == name {
                return Some(&binding.value);
            }
            at = binding.outer;
        }
        None
    }

    /// Returns what an expression comes to.
    pub(super) fn eval(&self, node: &Expression) -> Value {
        self.scope.cost().enter(|| match node {
            Expression::Null(_) => Value::Null,
            Expression::Bool(value) => Value::Bool(*value.value()),
            Expression::Number(number) => self.literal_number(number),
            Expression::String(text) => Value::string(text.value().as_str()),
            Expression::Array(array) => self.array(array.iter()),
            Expression::Object(object) => self.object(object),
            Expression::StringTemplate(template) => self.quoted(template),
            Expression::HeredocTemplate(heredoc) => self.heredoc(heredoc),
            Expression::Parenthesis(inner) => self.eval(inner.inner()),
            Expression::Variable(name) => self.reference(name, &[]),
            Expression::Conditional(conditional) => self.conditional(conditional),
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(operation) => {
                let value = self.eval(&operation.expr);
                match operation.operator.value() {
                    UnaryOperator::Neg => operators::negate(&value),
                    UnaryOperator::Not => operators::not(&value),
                }
            }
            Expression::BinaryOp(operation) => {
                let left = self.eval(&operation.lhs_expr);
                let right = self.eval(&operation.rhs_expr);
                operators::binary(*operation.operator.value(), &left, &right)
            }
            Expression::ForExpr(inner) => self.iteration(inner),
        })
    }

    fn literal_number(
        &self,
        number: &crate::config::syntax::Formatted<crate::config::syntax::Number>,
    ) -> Value {
        use crate::config::syntax::Span;
        let value = number.value();
        // The parser made a machine's number of it; the digits are in the text.
        let written = number.span().zip(self.text).map(|(span, text)| text.slice(&span));
        if let Some(exact) = written.and_then(Number::parse) {
            // What is not the same number is another part of the text.
            let same = value.as_f64().is_some_and(|float| exact.as_f64().total_cmp(&float).is_eq());
            return if same { Value::Number(exact) } else { self.scope.cost().limit() };
        }
        if written.is_some_and(|written| written.starts_with('-')) {
            // Of a negative zero the parser makes zero.
            return self.scope.cost().limit();
        }
        if let Some(whole) = value.as_u64().filter(|_| written.is_none()) {
            return Value::Number(Number::written(whole));
        }
        let Some(digits) = value.as_f64().map(|float| float.to_string()) else {
            return self.scope.cost().limit();
        };
        let few = digits.bytes().filter(u8::is_ascii_digit).count() <= 15;
        match Number::parse(&digits).filter(|_| few) {
            Some(number) => Value::Number(number),
            None => self.scope.cost().limit(),
        }
    }

    fn array<'e>(&self, items: impl Iterator<Item = &'e Expression>) -> Value {
        let mut made = Vec::new();
        for item in items {
            match self.eval(item) {
                wrong @ Value::Unknown(Unknown::Invalid(_)) => return wrong,
                value => made.push(value),
            }
        }
        self.scope.cost().bounded(Value::List(made.into()))
    }

    fn object(&self, object: &Object) -> Value {
        let mut entries = BTreeMap::new();
        for (key, value) in object {
            let key = match key {
                ObjectKey::Ident(name) => name.to_string(),
                // A name alone is a key; only in parentheses is it a reference.
                ObjectKey::Expression(Expression::Variable(name)) => name.to_string(),
                ObjectKey::Expression(node) => match self.key(node) {
                    Ok(key) => key,
                    Err(why) => return Value::Unknown(why),
                },
            };
            match self.eval(value.expr()) {
                wrong @ Value::Unknown(Unknown::Invalid(_)) => return wrong,
                value => entries.insert(key, value),
            };
        }
        self.scope.cost().bounded(Value::Map(Arc::new(entries)))
    }

    fn key(&self, node: &Expression) -> Result<String, Unknown> {
        match convert::text(&self.eval(node))? {
            Value::String(key) => Ok(key.as_ref().to_owned()),
            other => Err(convert::reason(&other)),
        }
    }

    fn conditional(&self, conditional: &Conditional) -> Value {
        let condition = convert::boolean(&self.eval(&conditional.cond_expr));
        let (yes, no) = (self.eval(&conditional.true_expr), self.eval(&conditional.false_expr));
        let condition = match condition {
            Ok(condition) => condition,
            Err(why) if why.is_invalid() => return Value::Unknown(why),
            Err(why) => {
                let same = yes == no && yes.is_known();
                return if same { yes } else { Value::Unknown(why) };
            }
        };
        let (chosen, other, other_node) = if condition {
            (yes, no, &conditional.false_expr)
        } else {
            (no, yes, &conditional.true_expr)
        };
        operators::choose(chosen, &other, || self.kind_of(other_node, 8))
    }

    pub(super) fn call(&self, call: &FuncCall) -> Value {
        let name = call.name.name.as_str();
        if call.name.is_namespaced() {
            let core = matches!(call.name.namespace.as_slice(), [one] if one.as_str() == "core");
            if !core {
                return Value::Unknown(Unknown::function(name));
            }
        }
        match name {
            "try" => return self.attempt(call),
            "can" => return self.possible(call),
            _ => {}
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            match self.eval(arg) {
                wrong @ Value::Unknown(Unknown::Invalid(_)) => return wrong,
                value => args.push(value),
            }
        }
        if call.args.expand_final() {
            match args.pop() {
                Some(Value::List(items) | Value::Set(items)) => args.extend(items.iter().cloned()),
                Some(Value::Unknown(why)) => return Value::Unknown(why),
                _ => return Value::invalid("only a list can be expanded"),
            }
        }
        let value = super::functions::call(self, name, &args);
        // A `null` has a type, which takes part in finding the one that all have in common.
        if matches!(name, "coalesce" | "merge") && !call.args.expand_final() {
            let kind = Kind::of(&value);
            let fits = |(node, arg): (&Expression, &Value)| {
                let other = || self.kind_of(node, 8);
                match name {
                    _ if !arg.is_null() => true,
                    "merge" => matches!(other(), Kind::Null | Kind::Map | Kind::Any),
                    _ => kind == Kind::String || other() == Kind::Null || other() == kind,
                }
            };
            if !call.args.iter().zip(&args).all(fits) {
                return Value::Unknown(Unknown::function(name));
            }
        }
        self.scope.cost().bounded(value)
    }

    /// Returns the first argument that is no error, if that is certain.
    fn attempt(&self, call: &FuncCall) -> Value {
        let cost = self.scope.cost();
        let mut last = Value::invalid("`try` has no arguments");
        for arg in &call.args {
            let refused = cost.refused();
            match self.eval(arg) {
                _ if cost.refused() != refused => {
                    // It is refused before `try` is asked.
                    return Value::Unknown(Unknown::function("try"));
                }
                wrong @ Value::Unknown(Unknown::Invalid(_)) => last = wrong,
                value => {
                    return match value.unknown() {
                        None => value,
                        Some(why) => Value::Unknown(why.clone()),
                    };
                }
            }
        }
        last
    }

    fn possible(&self, call: &FuncCall) -> Value {
        let Some(arg) = call.args.get(0).filter(|_| call.args.len() == 1) else {
            return Value::invalid("`can` takes one argument");
        };
        let refused = self.scope.cost().refused();
        let value = self.eval(arg);
        if self.scope.cost().refused() != refused {
            return Value::Unknown(Unknown::function("can"));
        }
        match value.unknown() {
            None => Value::Bool(true),
            Some(Unknown::Invalid(_)) if matches!(value, Value::Unknown(_)) => Value::Bool(false),
            Some(why) => Value::Unknown(why.clone()),
        }
    }

    fn iteration(&self, node: &ForExpr) -> Value {
        let collection = self.eval(&node.intro.collection_expr);
        let (key_name, value_name) = (node.intro.key_var.as_ref(), &node.intro.value_var);
        let made = match &node.key_expr {
            None => self.made_list(node, &collection, key_name, value_name),
            Some(key) => self.made_map(node, key, &collection, key_name, value_name),
        };
        match made {
            Ok(value) => self.scope.cost().bounded(value),
            Err(why) => Value::Unknown(why),
        }
    }

    fn made_list(
        &self,
        node: &ForExpr,
        collection: &Value,
        key_name: Option<&Decorated<Ident>>,
        value_name: &Decorated<Ident>,
    ) -> Result<Value, Unknown> {
        let mut made = Vec::new();
        for (key, value) in elements(collection)? {
            self.bind(key_name, value_name, key, value, |frame| {
                if frame.kept(node)? {
                    made.push(certain(frame.eval(&node.value_expr))?);
                }
                Ok(())
            })?;
        }
        Ok(Value::List(made.into()))
    }

    fn made_map(
        &self,
        node: &ForExpr,
        key_node: &Expression,
        collection: &Value,
        key_name: Option<&Decorated<Ident>>,
        value_name: &Decorated<Ident>,
    ) -> Result<Value, Unknown> {
        let mut made: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for (key, value) in elements(collection)? {
            self.bind(key_name, value_name, key, value, |frame| {
                if !frame.kept(node)? {
                    return Ok(());
                }
                let key = frame.key(key_node)?;
                let value = certain(frame.eval(&node.value_expr))?;
                let group = made.entry(key).or_default();
                if !node.grouping && !group.is_empty() {
                    return Err(Unknown::invalid("two elements have the same key"));
                }
                group.push(value);
                Ok(())
            })?;
        }
        let entries = made.into_iter().map(|(key, group)| {
            let value = if node.grouping {
                Value::List(group.into())
            } else {
                group.into_iter().next().unwrap_or(Value::Null)
            };
            (key, value)
        });
        Ok(Value::map(entries))
    }

    fn kept(&self, node: &ForExpr) -> Result<bool, Unknown> {
        node.cond.as_ref().map_or(Ok(true), |cond| convert::boolean(&self.eval(&cond.expr)))
    }

    /// Runs `body` with the variables of a `for`.
    pub(super) fn bind<T>(
        &self,
        key_name: Option<&Decorated<Ident>>,
        value_name: &Decorated<Ident>,
        key: Value,
        value: Value,
        body: impl FnOnce(&Frame<'_, 'm>) -> T,
    ) -> T {
        match key_name {
            None => {
                let value = Binding { name: value_name.as_str(), value, outer: self.bound };
                body(&self.with(&value))
            }
            Some(key_name) => {
                let key = Binding { name: key_name.as_str(), value: key, outer: self.bound };
                let value = Binding { name: value_name.as_str(), value, outer: Some(&key) };
                body(&self.with(&value))
            }
        }
    }
}

/// Lets everything through but what Terraform refuses.
pub(super) fn certain(value: Value) -> Result<Value, Unknown> {
    match value {
        Value::Unknown(why) if why.is_invalid() => Err(why),
        value => Ok(value),
    }
}

/// Returns the elements of a collection with their keys, in the order of a `for`.
pub(super) fn elements(collection: &Value) -> Result<Vec<(Value, Value)>, Unknown> {
    Ok(match collection {
        Value::List(items) => {
            items.iter().enumerate().map(|(at, item)| (at.into(), item.clone())).collect()
        }
        Value::Set(items) => items.iter().map(|item| (item.clone(), item.clone())).collect(),
        Value::Map(entries) => {
            entries.iter().map(|(key, value)| (key.as_str().into(), value.clone())).collect()
        }
        Value::Unknown(why) => return Err(why.clone()),
        Value::Partial(_) => return Err(Unknown::invalid("a string has no elements")),
        other => return Err(Unknown::invalid(format!("{} has no elements", other.kind()))),
    })
}

/// Returns what an expression without names comes to.
pub(super) fn constant(scope: &Scope<'_>, node: &Expression) -> Value {
    Frame { scope, text: None, bound: None, closed: true }.eval(node)
}
