//! What is planned: which values are known, which will be, and which make a new resource.

use super::schema::{best_hint, is_read};
use crate::provider::{
    cty::{Dynamic, Type, Value, equal_up_to_type},
    infer::{self, Hint},
    wire::schema::{Attribute, Block, Mode as Setter},
};

/// What is known of a resource's attributes before it is made.
pub(super) trait Foreknowledge {
    /// Returns an attribute that the real provider knows at plan time.
    fn planned(&self, name: &str) -> Option<Value>;
    /// Whether an attribute that is made later will be a string.
    fn is_text(&self, name: &str) -> bool;
}

/// Marks what will be known later: attributes that are read and that nobody set.
///
/// What nobody reads stays null. A typed null keeps its type, which must not change before the end
/// of the apply.
pub(super) fn mark(
    schema: &Block,
    shape: &infer::Block,
    value: &mut Value,
    config: &Value,
    top: Option<&dyn Foreknowledge>,
) {
    let Value::Members(members) = value else { return };
    for (name, attribute) in schema.attributes() {
        let slot = members.entry(name.clone()).or_default();
        if attribute.mode == Setter::WriteOnly {
            *slot = Value::Null;
            continue;
        }
        if !slot.is_null() {
            continue;
        }
        // Terraform proposes an untyped null; the configuration has the typed one.
        if let Some(null) = config.get(name).filter(|null| null.is_null()) {
            *slot = null.clone();
        }
        if let Some(known) = top.and_then(|top| top.planned(name)) {
            *slot = known;
            continue;
        }
        let inferred = shape.attributes.get(name);
        let is_id = name == "id" && top.is_some();
        let read = inferred.is_some_and(|inferred| inferred.read)
            || shape.blocks.get(name).is_some_and(is_read);
        if is_id || read {
            let is_text = inferred.is_some_and(|it| matches!(best_hint(it), Hint::Text(_)))
                && top.is_none_or(|top| top.is_text(name));
            *slot = later(attribute, slot, is_id, is_text);
        }
    }
    for (name, nested) in schema.blocks() {
        let Some(inner) = shape.blocks.get(name) else { continue };
        let slot = members.entry(name.clone()).or_default();
        let configured = config.get(name);
        let is_empty = |value: Option<&Value>| {
            value.is_none_or(|value| {
                value.is_null() || value.as_sequence().is_some_and(<[_]>::is_empty)
            })
        };
        if is_empty(Some(slot)) && is_empty(configured) && is_read(inner) {
            *slot = Value::UNKNOWN;
            continue;
        }
        for (n, value) in elements(slot).iter_mut().enumerate() {
            let config = configured.and_then(Value::as_sequence).and_then(|all| all.get(n));
            mark(&nested.block, inner, value, config.unwrap_or(&Value::Null), None);
        }
    }
}

/// Returns the unknown of an attribute, as far as its type is known.
fn later(attribute: &Attribute, slot: &Value, is_id: bool, is_text: bool) -> Value {
    match slot {
        Value::Dynamic(dynamic) => Value::dynamic(dynamic.ty.clone(), Value::UNKNOWN),
        _ if is_id => Value::UNKNOWN_NOT_NULL,
        // Only a typed unknown can promise that it is not null.
        _ if attribute.ty == Type::Dynamic && is_text => {
            Value::dynamic(Type::String, Value::UNKNOWN_NOT_NULL)
        }
        _ => Value::UNKNOWN,
    }
}

/// Takes what is stored in place of what is proposed wherever nothing really changes.
///
/// Types alone are no change. Blocks that the provider made are kept when none is configured.
pub(super) fn keep(
    schema: &Block,
    shape: &infer::Block,
    planned: &mut Value,
    prior: &Value,
    config: &Value,
) {
    let Value::Members(members) = planned else { return };
    for (name, attribute) in schema.attributes() {
        let slot = members.entry(name.clone()).or_default();
        if attribute.mode == Setter::WriteOnly {
            *slot = Value::Null;
            continue;
        }
        let null = &Value::Null;
        let (old, wanted) = (prior.get(name).unwrap_or(null), config.get(name).unwrap_or(null));
        if equal_up_to_type((&attribute.ty, slot), (&attribute.ty, old)) {
            *slot = old.clone();
        } else if slot.is_null() && wanted.is_null() {
            *slot = wanted.clone();
        }
    }
    for (name, nested) in schema.blocks() {
        let Some(slot) = members.get_mut(name) else { continue };
        let Some(old) = prior.get(name).and_then(Value::as_sequence) else { continue };
        let inner = shape.blocks.get(name);
        let none = slot.is_null() || slot.as_sequence().is_some_and(<[_]>::is_empty);
        if none && !old.is_empty() && inner.is_some_and(is_read) {
            *slot = Value::Sequence(old.to_vec());
            continue;
        }
        let configured = config.get(name).and_then(Value::as_sequence).unwrap_or_default();
        let nothing = infer::Block::default();
        for (n, value) in elements(slot).iter_mut().enumerate() {
            let null = &Value::Null;
            let config = configured.get(n).unwrap_or(null);
            match old.get(n) {
                Some(old) => keep(&nested.block, inner.unwrap_or(&nothing), value, old, config),
                None => mark(&nested.block, inner.unwrap_or(&nothing), value, config, None),
            }
        }
    }
}

/// Returns those of `forcing` that changed. A dot goes into a block, which then counts as a whole.
///
/// What was imported has nothing to compare with in attributes that were never read.
pub(super) fn replacing(
    schema: &Block,
    forcing: &[String],
    prior: &Value,
    planned: &Value,
    ours: bool,
) -> Vec<String> {
    let mut changed = Vec::new();
    for path in forcing {
        let first = path.split('.').next().unwrap_or(path);
        if !schema.attributes().contains_key(first) && !schema.blocks().contains_key(first) {
            continue;
        }
        let steps: Vec<&str> = path.split('.').collect();
        let (old, new) = (inside(prior, &steps), inside(planned, &steps));
        let open = &Type::Dynamic;
        let known_before = ours || old.iter().any(|value| !value.is_null());
        let same = old.len() == new.len()
            && old.iter().zip(&new).all(|(old, new)| equal_up_to_type((open, old), (open, new)));
        if known_before && !same && !changed.iter().any(|name| name == first) {
            changed.push(first.to_owned());
        }
    }
    changed
}

/// Returns every value at a path, one for each block on the way.
fn inside<'v>(value: &'v Value, steps: &[&str]) -> Vec<&'v Value> {
    let Some((first, rest)) = steps.split_first() else { return vec![value] };
    match value.inner() {
        Value::Sequence(elements) => elements.iter().flat_map(|e| inside(e, steps)).collect(),
        value => value.get(first).map(|value| inside(value, rest)).unwrap_or_default(),
    }
}

/// Returns the blocks of a value, to be changed.
pub(super) fn elements(value: &mut Value) -> &mut [Value] {
    match value {
        Value::Sequence(elements) => elements,
        Value::Dynamic(dynamic) => {
            let Dynamic { value, .. } = &mut **dynamic;
            elements(value)
        }
        _ => &mut [],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::wire::schema::Nesting;

    struct Nothing;

    impl Foreknowledge for Nothing {
        fn planned(&self, _: &str) -> Option<Value> {
            None
        }

        fn is_text(&self, _: &str) -> bool {
            true
        }
    }

    fn schema() -> Block {
        let rule = Block::default().with_attribute("port", Attribute::open());
        Block::default()
            .with_attribute("id", Attribute::new(Type::String, Setter::OptionalComputed))
            .with_attribute("name", Attribute::open())
            .with_attribute("arn", Attribute::open())
            .with_attribute("rest", Attribute::open())
            .with_attribute("secret_wo", Attribute::new(Type::Dynamic, Setter::WriteOnly))
            .with_block("rule", Nesting::List, rule)
    }

    fn shape() -> infer::Block {
        let read = |hint| infer::Attribute { read: true, hint, ..infer::Attribute::default() };
        let rule = infer::Block {
            attributes: [("port".to_owned(), read(Hint::Number))].into(),
            ..infer::Block::default()
        };
        infer::Block {
            attributes: [
                ("arn".to_owned(), read(Hint::TEXT)),
                ("name".to_owned(), read(Hint::Bool)),
            ]
            .into(),
            blocks: [("rule".to_owned(), rule)].into(),
            ..infer::Block::default()
        }
    }

    fn text(text: &str) -> Value {
        Value::dynamic(Type::String, text.into())
    }

    #[test]
    fn what_is_read_and_not_set_will_be_known_later() {
        let mut value = schema().unset();
        let mut config = schema().unset();
        if let Value::Members(members) = &mut config {
            members.insert("name".into(), Value::dynamic(Type::Bool, Value::Null));
        }
        mark(&schema(), &shape(), &mut value, &config, Some(&Nothing));
        let of = |name: &str| value.get(name).unwrap().clone();
        assert_eq!(of("id"), Value::UNKNOWN_NOT_NULL);
        assert_eq!(of("arn"), Value::dynamic(Type::String, Value::UNKNOWN_NOT_NULL));
        assert_eq!(of("name"), Value::dynamic(Type::Bool, Value::UNKNOWN));
        assert_eq!(of("rest"), Value::Null);
        assert_eq!(of("rule"), Value::UNKNOWN);
    }

    #[test]
    fn a_change_of_type_alone_keeps_what_is_stored() {
        let stored = Value::dynamic(Type::set(Type::String), Value::from_iter(["1".into()]));
        let wanted = Value::dynamic(Type::Tuple(vec![Type::Number]), Value::from_iter([1.into()]));
        let prior = Value::members([("name", stored.clone()), ("arn", text("a"))]);
        let config = Value::members([("name", wanted.clone())]);
        let mut planned =
            Value::members([("name", wanted), ("arn", text("b")), ("secret_wo", text("hunter2"))]);
        keep(&schema(), &shape(), &mut planned, &prior, &config);
        assert_eq!(planned.get("name"), Some(&stored));
        assert_eq!(planned.get("arn"), Some(&text("b")));
        assert_eq!(planned.get("secret_wo"), Some(&Value::Null));
    }

    #[test]
    fn blocks_that_were_made_are_kept() {
        let made = Value::from_iter([Value::members([("port", Value::from(1))])]);
        let prior = Value::members([("rule", made.clone())]);
        let mut planned = schema().unset();
        keep(&schema(), &shape(), &mut planned, &prior, &schema().unset());
        assert_eq!(planned.get("rule"), Some(&made));
    }

    #[test]
    fn a_change_of_what_forces_it_replaces() {
        let with = |name: &str, port: i64| {
            let rule = Value::members([("port", Value::from(port))]);
            Value::members([("name", text(name)), ("rule", Value::from_iter([rule]))])
        };
        let forcing = ["name".to_owned(), "rule.port".to_owned(), "absent".to_owned()];
        let changed = |old: &Value, new: &Value| replacing(&schema(), &forcing, old, new, true);
        assert_eq!(changed(&with("a", 1), &with("a", 1)), Vec::<String>::new());
        assert_eq!(changed(&with("a", 1), &with("b", 1)), ["name"]);
        assert_eq!(changed(&with("a", 1), &with("a", 2)), ["rule"]);
        let imported = Value::members([("name", Value::Null)]);
        assert_eq!(
            replacing(&schema(), &forcing[..1], &imported, &with("a", 1), false),
            Vec::<String>::new()
        );
    }
}
