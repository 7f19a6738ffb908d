//! Operators and the choice of a condition.

use super::{
    convert,
    number::Number,
    value::{Unknown, Value},
};
use crate::config::syntax::BinaryOperator;

pub(super) fn negate(value: &Value) -> Value {
    match convert::number(value) {
        // Terraform has a negative zero, and prints it so.
        Ok(number) if number.is_zero() => Value::Unknown(Unknown::function("-")),
        Ok(number) => Value::Number(number.negated()),
        Err(why) => Value::Unknown(why),
    }
}

pub(super) fn not(value: &Value) -> Value {
    match convert::boolean(value) {
        Ok(value) => Value::Bool(!value),
        Err(why) => Value::Unknown(why),
    }
}

pub(super) fn binary(operator: BinaryOperator, left: &Value, right: &Value) -> Value {
    for side in [left, right] {
        if let Value::Unknown(why @ Unknown::Invalid(_)) = side {
            return Value::Unknown(why.clone());
        }
    }
    let made = match operator {
        BinaryOperator::Eq => convert::equal(left, right).map(Value::Bool),
        BinaryOperator::NotEq => convert::equal(left, right).map(|equal| Value::Bool(!equal)),
        BinaryOperator::And => logical(left, right, false),
        BinaryOperator::Or => logical(left, right, true),
        _ => arithmetic(operator, left, right),
    };
    made.unwrap_or_else(Value::Unknown)
}

/// `&&` and `||`: one side can decide, whatever the other comes to.
fn logical(left: &Value, right: &Value, decisive: bool) -> Result<Value, Unknown> {
    match (convert::boolean(left), convert::boolean(right)) {
        (Err(why), _) | (_, Err(why)) if why.is_invalid() => Err(why),
        (Ok(one), Ok(other)) => Ok(Value::Bool(if decisive { one || other } else { one && other })),
        (Ok(one), Err(_)) | (Err(_), Ok(one)) if one == decisive => Ok(Value::Bool(decisive)),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

fn arithmetic(operator: BinaryOperator, left: &Value, right: &Value) -> Result<Value, Unknown> {
    let (left, right) = match (convert::number(left), convert::number(right)) {
        (Ok(left), Ok(right)) => (left, right),
        (Err(why), _) | (_, Err(why)) if why.is_invalid() => return Err(why),
        (Err(why), _) | (_, Err(why)) => return Err(why),
    };
    // A remainder of a division by zero is no error in Terraform.
    if operator == BinaryOperator::Div && right.is_zero() {
        return Err(Unknown::invalid("division by zero"));
    }
    let number = |result: Option<Number>| result.map(Value::Number).ok_or(Unknown::Limit);
    match operator {
        BinaryOperator::Plus => number(left.plus(&right)),
        BinaryOperator::Minus => number(left.minus(&right)),
        BinaryOperator::Mul => number(left.times(&right)),
        BinaryOperator::Div => number(left.over(&right)),
        BinaryOperator::Mod => number(left.modulo(&right)),
        BinaryOperator::Less => Ok(Value::Bool(left < right)),
        BinaryOperator::LessEq => Ok(Value::Bool(left <= right)),
        BinaryOperator::Greater => Ok(Value::Bool(left > right)),
        BinaryOperator::GreaterEq => Ok(Value::Bool(left >= right)),
        BinaryOperator::Eq | BinaryOperator::NotEq | BinaryOperator::And | BinaryOperator::Or => {
            Err(Unknown::Limit)
        }
    }
}

/// What an expression that is not known will be, as far as its syntax tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Number,
    String,
    List,
    Map,
    Null,
    Any,
}

impl Kind {
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(_) => Self::Bool,
            Value::Number(_) => Self::Number,
            Value::String(_) | Value::Partial(_) => Self::String,
            Value::List(_) => Self::List,
            Value::Map(_) => Self::Map,
            Value::Unknown(_) | Value::Null | Value::Set(_) => Self::Any,
        }
    }
}

/// Returns the branch that a condition takes, converted to the type that it has in common with the
/// other; `kind` says what the other will be, where it is not known.
pub(super) fn choose(chosen: Value, other: &Value, kind: impl Fn() -> Kind) -> Value {
    match (&chosen, other) {
        (Value::Unknown(_) | Value::Null, _) => chosen,
        // An error in the other branch is none here, and says nothing of its type.
        (_, Value::Unknown(Unknown::Invalid(_))) => chosen,
        // A `null` has a type, too, which is not kept here.
        (_, Value::Unknown(_) | Value::Null) => {
            // A string stays one beside anything that it can stand beside.
            let stays = match (Kind::of(&chosen), kind()) {
                (Kind::String, _) | (_, Kind::Null) => true,
                (Kind::Any, _) => false,
                (Kind::List, Kind::List) | (Kind::Map, Kind::Map) => only_strings(&chosen, 6),
                (Kind::List | Kind::Map, _) => false,
                (plain, other) => other == plain,
            };
            match other {
                _ if stays => chosen,
                Value::Unknown(why) => Value::Unknown(why.clone()),
                _ => Value::Unknown(Unknown::function("conditional")),
            }
        }
        _ => match convert::unify(vec![chosen, other.clone()], "conditional") {
            Ok(mut both) => {
                both.truncate(1);
                both.pop().unwrap_or(Value::Null)
            }
            Err(why) => Value::Unknown(why),
        },
    }
}

fn only_strings(value: &Value, depth: usize) -> bool {
    match value {
        Value::String(_) | Value::Partial(_) | Value::Null => true,
        Value::List(items) => depth > 0 && items.iter().all(|item| only_strings(item, depth - 1)),
        Value::Map(entries) => {
            depth > 0 && entries.values().all(|item| only_strings(item, depth - 1))
        }
        _ => false,
    }
}
