//! When two values are the same to a reader, whatever types they have.

use super::{Type, Value};

/// Whether two values, each with its type, are equal once their types are disregarded.
///
/// A provider that leaves types open must keep the prior value where this holds. To Terraform a
/// tuple and a list of the same elements differ, and so do `"1"` and `1`, or an untyped and a typed
/// null; it would show an update without a visible change, on every plan.
///
/// - Lists, tuples and sets compare by their elements, and in any order if either is a set.
/// - Maps and objects compare by their members; one that is null equals one that is absent.
/// - A number or bool equals the string that Terraform turns it into.
/// - Unknown equals nothing, not even itself.
pub fn equal_up_to_type(left: (&Type, &Value), right: (&Type, &Value)) -> bool {
    let ((left_type, left), (right_type, right)) = (peel(left), peel(right));
    match (left, right) {
        (Value::Unknown(_), _) | (_, Value::Unknown(_)) => false,
        (Value::Sequence(lefts), Value::Sequence(rights)) => {
            let pair = |l: usize, r: usize| {
                equal_up_to_type(
                    (left_type.element(l).unwrap_or(&Type::Dynamic), &lefts[l]),
                    (right_type.element(r).unwrap_or(&Type::Dynamic), &rights[r]),
                )
            };
            let any_order = matches!(left_type, Type::Set(_)) || matches!(right_type, Type::Set(_));
            lefts.len() == rights.len()
                && ((0..lefts.len()).all(|i| pair(i, i))
                    || (any_order && matches_in_some_order(lefts.len(), pair)))
        }
        (Value::Members(lefts), Value::Members(rights)) => {
            let null = &Value::Null;
            let open = &Type::Dynamic;
            lefts.keys().chain(rights.keys().filter(|name| !lefts.contains_key(*name))).all(
                |name| {
                    equal_up_to_type(
                        (left_type.member(name).unwrap_or(open), lefts.get(name).unwrap_or(null)),
                        (right_type.member(name).unwrap_or(open), rights.get(name).unwrap_or(null)),
                    )
                },
            )
        }
        (Value::String(text), Value::Number(number))
        | (Value::Number(number), Value::String(text)) => *text == number.to_string(),
        (Value::String(text), Value::Bool(bool)) | (Value::Bool(bool), Value::String(text)) => {
            *text == bool.to_string()
        }
        (left, right) => left == right,
    }
}

/// Returns a value without the type that it brings, and that type in place of an open one.
fn peel<'a>((mut ty, mut value): (&'a Type, &'a Value)) -> (&'a Type, &'a Value) {
    while let Value::Dynamic(dynamic) = value {
        (ty, value) = (&dynamic.ty, &dynamic.value);
    }
    (ty, value)
}

/// Whether every left index can be given a right index of its own for which `pair` holds.
///
/// Taking the first that fits is enough as long as what equals one thing equals each other.
fn matches_in_some_order(len: usize, pair: impl Fn(usize, usize) -> bool) -> bool {
    let mut free: Vec<usize> = (0..len).collect();
    (0..len).all(|left| {
        let found = free.iter().position(|&right| pair(left, right));
        found.map(|at| free.swap_remove(at)).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::cty::arbitrary::Arbitrary;

    fn strings(texts: &[&str]) -> Value {
        texts.iter().map(|text| Value::from(*text)).collect()
    }

    fn same(left: &Value, right: &Value) -> bool {
        equal_up_to_type((&Type::Dynamic, left), (&Type::Dynamic, right))
    }

    #[test]
    fn a_tuple_equals_a_list_in_order_and_a_set_in_any_order() {
        let tuple = strings(&["a", "b"]);
        let list = Value::dynamic(Type::list(Type::String), strings(&["a", "b"]));
        let turned = Value::dynamic(Type::list(Type::String), strings(&["b", "a"]));
        let set = Value::dynamic(Type::set(Type::String), strings(&["b", "a"]));
        assert!(same(&tuple, &list));
        assert!(!same(&tuple, &turned));
        assert!(same(&tuple, &set));
        assert!(same(&set, &list));
        assert!(!same(&set, &strings(&["a", "a"])));
        assert!(!same(&set, &strings(&["a", "b", "c"])));
    }

    #[test]
    fn scalars_equal_the_strings_that_they_become() {
        assert!(same(&Value::from("1"), &Value::from(1)));
        assert!(same(&Value::from(true), &Value::from("true")));
        assert!(!same(&Value::from("1.0"), &Value::from(1)));
        assert!(!same(&Value::from(0), &Value::from(false)));
    }

    #[test]
    fn a_null_member_equals_an_absent_one_and_a_typed_null_an_untyped_one() {
        let typed = Value::dynamic(Type::Bool, Value::Null);
        assert!(same(&typed, &Value::Null));
        let with = Value::members([("a", Value::from("x")), ("b", typed)]);
        let without = Value::members([("a", Value::from("x"))]);
        assert!(same(&with, &without));
        assert!(same(&without, &with));
        assert!(!same(&with, &Value::members([("a", Value::from("y"))])));
    }

    #[test]
    fn unknown_equals_nothing() {
        assert!(!same(&Value::UNKNOWN, &Value::UNKNOWN));
        assert!(!same(&Value::from_iter([Value::UNKNOWN]), &Value::from_iter([Value::UNKNOWN])));
    }

    #[test]
    fn every_wholly_known_value_equals_itself() {
        let mut arbitrary = Arbitrary::new(2);
        for _ in 0..500 {
            let ty = arbitrary.ty(3);
            let value = arbitrary.value(&ty);
            assert_eq!(
                equal_up_to_type((&ty, &value), (&ty, &value)),
                value.is_wholly_known(),
                "{value:?}"
            );
        }
    }
}
