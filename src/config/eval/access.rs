//! Steps into a value: attributes, indexes and splats.

use super::{
    convert,
    expression::{Frame, certain},
    value::{Unknown, Value},
};
use crate::config::syntax::{Decorated, Expression, Traversal, TraversalOperator};

type Steps<'e> = &'e [Decorated<TraversalOperator>];

impl Frame<'_, '_> {
    pub(super) fn traversal(&self, traversal: &Traversal) -> Value {
        let steps = traversal.operators.as_slice();
        match &traversal.expr {
            Expression::Variable(name) => self.reference(name, steps),
            other => self.walk(self.eval(other), steps),
        }
    }

    /// Goes on from a value.
    pub(super) fn walk(&self, mut value: Value, steps: Steps<'_>) -> Value {
        for (at, step) in steps.iter().enumerate() {
            let rest = &steps[at + 1..];
            let next = match step.value() {
                TraversalOperator::GetAttr(name) => attribute(&value, name),
                TraversalOperator::LegacyIndex(index) => index_at(&value, *index.value()),
                TraversalOperator::Index(index) => {
                    let key = self.eval(index);
                    self::index(&value, &key)
                }
                TraversalOperator::FullSplat(_) => return self.splat(&value, rest),
                TraversalOperator::AttrSplat(_) => {
                    // Behind `.*` an index in brackets is of the whole list.
                    let own = rest.iter().take_while(|step| {
                        !matches!(
                            step.value(),
                            TraversalOperator::Index(_)
                                | TraversalOperator::FullSplat(_)
                                | TraversalOperator::AttrSplat(_)
                        )
                    });
                    let own = own.count();
                    let list = self.splat(&value, &rest[..own]);
                    return self.walk(list, &rest[own..]);
                }
            };
            value = match next {
                Ok(value) => value,
                Err(why) => return Value::Unknown(why),
            };
        }
        value
    }

    fn splat(&self, value: &Value, steps: Steps<'_>) -> Value {
        let one = [value.clone()];
        let items = match value {
            Value::Unknown(_) => return value.clone(),
            Value::Null => &[],
            Value::List(items) | Value::Set(items) => items.as_ref(),
            _ => one.as_slice(),
        };
        let walked = items.iter().map(|item| certain(self.walk(item.clone(), steps)));
        match walked.collect::<Result<Vec<_>, _>>() {
            Ok(items) => self.scope.cost().bounded(Value::list(items)),
            Err(why) => Value::Unknown(why),
        }
    }
}

pub(super) fn attribute(value: &Value, name: &str) -> Result<Value, Unknown> {
    match value {
        Value::Unknown(why) => Err(why.clone()),
        Value::Map(entries) => match entries.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(Unknown::invalid(format!("there is no `{name}` in it"))),
        },
        other => Err(Unknown::invalid(format!("{} has no attributes", other.kind()))),
    }
}

fn index_at(value: &Value, at: u64) -> Result<Value, Unknown> {
    index(value, &Value::Number(super::number::Number::written(at)))
}

/// Returns `value[key]`.
pub(super) fn index(value: &Value, key: &Value) -> Result<Value, Unknown> {
    if let Value::Unknown(why @ Unknown::Invalid(_)) = key {
        return Err(why.clone());
    }
    match value {
        Value::Unknown(why) => Err(why.clone()),
        Value::List(items) => {
            let at = convert::number(key)?.as_usize();
            let item = at.and_then(|at| items.get(at));
            item.cloned().ok_or_else(|| Unknown::invalid("there is no such element"))
        }
        Value::Map(_) => match convert::text(key)? {
            Value::String(name) => attribute(value, &name),
            partial => Err(convert::reason(&partial)),
        },
        other => Err(Unknown::invalid(format!("{} has no index", other.kind()))),
    }
}
