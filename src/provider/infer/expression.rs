//! Expressions: what each may denote.

use super::{
    interpreter::{At, Interpreter},
    kinds::Kinds,
    shape::Kind,
    value::{Parts, Value},
};
use crate::config::syntax::{
    BinaryOp, BinaryOperator, Conditional, Directive, Element, Expression, ForExpr, Number, Object,
    ObjectKey, Template, UnaryOp, UnaryOperator,
};

impl Interpreter<'_> {
    pub(super) fn expression(&mut self, node: &Expression, at: At<'_>) -> Value {
        if !self.budget.enter() {
            return Value::default();
        }
        let value = self.inside(node, at);
        self.budget.leave();
        value
    }

    fn inside(&mut self, node: &Expression, at: At<'_>) -> Value {
        match node {
            Expression::Null(_) => Value::kind(Kind::Null),
            Expression::Bool(_) => Value::kind(Kind::Bool),
            Expression::Number(number) => Value::number(whole(number.value())),
            Expression::String(text) => Value::text(text.value()),
            Expression::Array(array) => {
                let mut element = Value::default();
                for node in array.iter() {
                    let value = self.expression(node, at);
                    element = element.join(&value, &mut self.budget);
                }
                Value::of(Kind::List, element)
            }
            Expression::Object(object) => self.object(object, at),
            Expression::StringTemplate(template) => match template.as_single_element() {
                // `"${x}"` is `x`, of whatever kind.
                Some(Element::Interpolation(inner)) => self.expression(&inner.expr, at),
                _ => self.elements(template.iter(), at),
            },
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template, at),
            Expression::Parenthesis(inner) => self.expression(inner.inner(), at),
            Expression::Variable(name) => at.scope.lookup(name.as_str()).unwrap_or_default(),
            Expression::Conditional(conditional) => self.conditional(conditional, at),
            Expression::FuncCall(call) => self.call(call, at),
            Expression::Traversal(traversal) => self.traversal(traversal, at),
            Expression::UnaryOp(operation) => self.unary(operation, at),
            Expression::BinaryOp(operation) => self.binary(operation, at),
            Expression::ForExpr(for_expr) => self.for_expr(for_expr, at),
        }
    }

    fn object(&mut self, object: &Object, at: At<'_>) -> Value {
        let mut parts = Parts { kinds: Kinds::of(Kind::Object), ..Parts::default() };
        for (key, entry) in object.iter() {
            let value = self.expression(entry.expr(), at);
            match self.key(key, at) {
                Some(name) => {
                    parts.fields.insert(name, value);
                }
                None => parts.element = parts.element.join(&value, &mut self.budget),
            }
        }
        Value::new(parts)
    }

    /// Returns the name of an entry, if it is known.
    fn key(&mut self, key: &ObjectKey, at: At<'_>) -> Option<String> {
        match key {
            ObjectKey::Ident(name) => Some(name.to_string()),
            // A bare word is the name itself, not a reference.
            ObjectKey::Expression(Expression::Variable(name)) => Some(name.to_string()),
            ObjectKey::Expression(node) => {
                let value = self.expression(node, at);
                self.used(&value, Kind::Text);
                let number = value.constant_number().map(|number| number.to_string());
                value.constant_text().map(|text| text.as_ref().to_owned()).or(number)
            }
        }
    }

    fn conditional(&mut self, node: &Conditional, at: At<'_>) -> Value {
        let decides = self.expression(&node.cond_expr, at);
        self.decides(&decides, &node.cond_expr, at);
        let yes = self.expression(&node.true_expr, at);
        let no = self.expression(&node.false_expr, at);
        yes.join(&no, &mut self.budget)
    }

    /// Notes that a value is a condition.
    pub(super) fn decides(&mut self, value: &Value, node: &Expression, at: At<'_>) {
        self.used(value, Kind::Bool);
        self.condition(value, || at.text.place_of(node));
    }

    fn unary(&mut self, node: &UnaryOp, at: At<'_>) -> Value {
        let value = self.expression(&node.expr, at);
        let kind = match node.operator.value() {
            UnaryOperator::Not => Kind::Bool,
            UnaryOperator::Neg => Kind::Number,
        };
        self.used(&value, kind);
        Value::kind(kind).from([&value])
    }

    fn binary(&mut self, node: &BinaryOp, at: At<'_>) -> Value {
        let left = self.expression(&node.lhs_expr, at);
        let right = self.expression(&node.rhs_expr, at);
        use BinaryOperator as Is;
        let (takes, gives) = match node.operator.value() {
            Is::And | Is::Or => (Some(Kind::Bool), Kind::Bool),
            Is::Eq | Is::NotEq => (None, Kind::Bool),
            Is::Less | Is::LessEq | Is::Greater | Is::GreaterEq => (Some(Kind::Number), Kind::Bool),
            Is::Plus | Is::Minus | Is::Mul | Is::Div | Is::Mod => {
                (Some(Kind::Number), Kind::Number)
            }
        };
        match takes {
            Some(kind) => {
                self.used(&left, kind);
                self.used(&right, kind);
            }
            None => {
                self.compared(&left, &right);
                self.compared(&right, &left);
            }
        }
        Value::kind(gives).from([&left, &right])
    }

    /// Notes that a value is compared with another, and so is of the other's kind.
    fn compared(&mut self, value: &Value, other: &Value) {
        self.read(value);
        for kind in other.kinds().iter() {
            match kind {
                Kind::Null | Kind::List | Kind::Set | Kind::Map | Kind::Object => {}
                kind => self.used(value, kind),
            }
        }
    }

    fn for_expr(&mut self, node: &ForExpr, at: At<'_>) -> Value {
        let collection = self.expression(&node.intro.collection_expr, at);
        let (key, value) = self.entry(&collection);
        let key_name = node.intro.key_var.as_ref().map_or("", |name| name.as_str());
        let outer = at.scope.bind(key_name, key);
        let middle = at.scope.with(&outer);
        let inner = middle.bind(node.intro.value_var.as_str(), value);
        let at = At { scope: middle.with(&inner), ..at };
        if let Some(filter) = &node.cond {
            let value = self.expression(&filter.expr, at);
            self.decides(&value, &filter.expr, at);
        }
        let key = node.key_expr.as_ref().map(|key| self.expression(key, at));
        let value = self.expression(&node.value_expr, at);
        self.read(&value);
        let Some(key) = key else { return Value::of(Kind::List, value) };
        self.used(&key, Kind::Text);
        let value = if node.grouping { Value::of(Kind::List, value) } else { value };
        Value::of(Kind::Map, value)
    }

    pub(super) fn template(&mut self, template: &Template, at: At<'_>) -> Value {
        self.elements(template.iter(), at)
    }

    fn elements<'e>(&mut self, elements: impl Iterator<Item = &'e Element>, at: At<'_>) -> Value {
        let (mut parts, mut inserted) = (Vec::new(), Vec::new());
        for element in elements {
            match element {
                Element::Literal(text) => parts.push(text.as_str()),
                Element::Interpolation(inner) => {
                    let value = self.expression(&inner.expr, at);
                    self.used(&value, Kind::Text);
                    inserted.push(value);
                    parts.push("\0");
                }
                Element::Directive(directive) => {
                    self.directive(directive, at);
                    parts.push("\0");
                }
            }
        }
        match &parts[..] {
            [] => Value::text(""),
            [whole] if *whole != "\0" => Value::text(whole),
            [start, ..] if start.starts_with("arn:") => Value::kind(Kind::Arn),
            [start, ..] if start.starts_with("https://") => Value::kind(Kind::Url),
            _ => Value::kind(Kind::Text),
        }
        .from(&inserted)
    }

    fn directive(&mut self, directive: &Directive, at: At<'_>) {
        match directive {
            Directive::If(node) => {
                let node_if = &node.if_expr;
                let value = self.expression(&node_if.cond_expr, at);
                self.decides(&value, &node_if.cond_expr, at);
                self.template(&node_if.template, at);
                if let Some(otherwise) = &node.else_expr {
                    self.template(&otherwise.template, at);
                }
            }
            Directive::For(node) => {
                let node = &node.for_expr;
                let collection = self.expression(&node.collection_expr, at);
                let (key, value) = self.entry(&collection);
                let key_name = node.key_var.as_ref().map_or("", |name| name.as_str());
                let outer = at.scope.bind(key_name, key);
                let middle = at.scope.with(&outer);
                let inner = middle.bind(node.value_var.as_str(), value);
                self.template(&node.template, At { scope: middle.with(&inner), ..at });
            }
        }
    }
}

fn whole(number: &Number) -> Option<usize> {
    number.as_u64().and_then(|number| usize::try_from(number).ok())
}
