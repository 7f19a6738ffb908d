//! What was unknown in a plan becomes known.

use super::{
    json::{coerce, typed},
    maker::{Maker, Step},
    plan::{elements, mark},
    schema::best_hint,
};
use crate::provider::{
    cty::{Type, Value},
    infer::{self, Hint},
    wire::schema::{Attribute, Block, Mode as Setter},
};
use serde_json::{Map, Value as Json};

/// Gives every unknown of a value what the configuration says of it, or else what is made for it.
pub(super) fn fill(
    maker: &Maker<'_>,
    schema: &Block,
    shape: &infer::Block,
    value: &mut Value,
    config: &Value,
    path: &mut Vec<Step>,
) {
    let Value::Members(members) = value else { return };
    for (name, attribute) in schema.attributes() {
        let slot = members.entry(name.clone()).or_default();
        if attribute.mode == Setter::WriteOnly {
            *slot = Value::Null;
        } else if !slot.is_wholly_known() {
            let configured = config.get(name).filter(|it| !it.is_null() && it.is_wholly_known());
            *slot = match configured {
                Some(configured) => configured.clone(),
                None => made(maker, shape, name, attribute, slot, path),
            };
        }
    }
    for (name, nested) in schema.blocks() {
        let nothing = infer::Block::default();
        let inner = shape.blocks.get(name).unwrap_or(&nothing);
        let configured = config.get(name).and_then(Value::as_sequence).unwrap_or_default();
        let slot = members.entry(name.clone()).or_default();
        if slot.is_unknown() {
            *slot = Value::Sequence(if configured.is_empty() {
                let mut one = nested.block.unset();
                mark(&nested.block, inner, &mut one, &Value::Null, None);
                vec![one]
            } else {
                configured.to_vec()
            });
        }
        for (nth, value) in elements(slot).iter_mut().enumerate() {
            path.push(Step { block: name.clone(), nth });
            let config = configured.get(nth).unwrap_or(&Value::Null);
            fill(maker, &nested.block, inner, value, config, path);
            path.pop();
        }
    }
}

/// Makes a value, of the type that was promised.
fn made(
    maker: &Maker<'_>,
    shape: &infer::Block,
    name: &str,
    attribute: &Attribute,
    planned: &Value,
    path: &mut Vec<Step>,
) -> Value {
    let (json, hint) = match (shape.attributes.get(name), shape.blocks.get(name)) {
        (Some(inferred), _) => (maker.attribute(path, name, inferred), best_hint(inferred)),
        (None, Some(block)) => {
            path.push(Step { block: name.to_owned(), nth: 0 });
            let one = block_json(maker, block, path);
            path.pop();
            (Json::Array(vec![one]), &Hint::Unknown)
        }
        (None, None) => (maker.attribute(path, name, &infer::Attribute::default()), &Hint::Unknown),
    };
    match (&attribute.ty, planned) {
        (Type::Dynamic, Value::Dynamic(dynamic)) => {
            Value::dynamic(dynamic.ty.clone(), coerce(&dynamic.ty, &json))
        }
        (Type::Dynamic, _) => typed(&json, hint),
        (fixed, _) => coerce(fixed, &json),
    }
}

/// Makes one block that is also written as an attribute.
fn block_json(maker: &Maker<'_>, block: &infer::Block, path: &mut Vec<Step>) -> Json {
    let mut members = Map::new();
    for (name, inferred) in block.attributes.iter().filter(|(_, inferred)| inferred.read) {
        members.insert(name.clone(), maker.attribute(path, name, inferred));
    }
    for (name, inner) in &block.blocks {
        path.push(Step { block: name.clone(), nth: 0 });
        members.insert(name.clone(), Json::Array(vec![block_json(maker, inner, path)]));
        path.pop();
    }
    Json::Object(members)
}
