//! What a provider says of itself, from what was inferred of it.
//!
//! Attributes are open and may be set by either side; blocks are lists. Nested blocks of data
//! sources have concrete types, since Terraform panics on open ones there.

use crate::provider::{
    cty::Type,
    infer::{self, Hint, Mode, Position, ProviderShape, TypeShape},
    wire::schema::{
        Attribute, Block, Function, Mode as Setter, Nesting, Parameter, ProviderSchema, Schema,
    },
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Returns the schema of a provider of which this was inferred.
///
/// Names that Terraform takes for neither an attribute nor a block are left out: one of them would
/// make the whole provider unusable.
pub fn provider_schema(shape: &ProviderShape) -> ProviderSchema {
    let types = |mode| {
        let types = shape.types(mode).iter();
        types.map(|(name, shape)| (name.clone(), type_schema(mode, shape))).collect()
    };
    let has_meta = !shape.meta.attributes.is_empty() || !shape.meta.blocks.is_empty();
    ProviderSchema {
        provider: block(&shape.config, Position::Nested, false),
        provider_meta: has_meta.then(|| block(&shape.meta, Position::Nested, false)),
        resources: types(Mode::Managed),
        data_sources: types(Mode::Data),
        ephemeral_resources: types(Mode::Ephemeral),
        functions: shape.functions.keys().map(|name| (name.clone(), any_function())).collect(),
    }
}

fn type_schema(mode: Mode, shape: &TypeShape) -> Schema {
    let mut top = block(&shape.block, Position::Top, mode == Mode::Data);
    let has_id = top.attributes().contains_key("id") || top.blocks().contains_key("id");
    if mode != Mode::Ephemeral && !has_id {
        top = top.with_attribute("id", Attribute::new(Type::String, Setter::OptionalComputed));
    }
    let version = if mode == Mode::Managed { shape.schema_version } else { 0 };
    Schema { version: i64::try_from(version).unwrap_or(i64::MAX), block: top }
}

/// `in_data` says that the blocks inside must be concrete.
fn block(shape: &infer::Block, position: Position, in_data: bool) -> Block {
    let mut block = Block::default();
    for (name, attribute) in shape.attributes.iter().filter(|(name, _)| is_name(name)) {
        let setter = if attribute.write_only && !in_data {
            Setter::WriteOnly
        } else {
            Setter::OptionalComputed
        };
        let ty = read_type(&attribute.schema_type(name, position));
        block = block.with_attribute(name, Attribute::new(ty, setter));
    }
    for (name, nested) in shape.blocks.iter().filter(|(name, _)| is_name(name)) {
        if nested.also_attribute {
            let ty = Type::list(read_type(&nested.concrete_type()));
            block = block.with_attribute(name, Attribute::new(ty, Setter::OptionalComputed));
        } else {
            let inside = if in_data { Position::DataNested } else { Position::Nested };
            let nested = self::block(nested, inside, in_data);
            block = block.with_block(name, Nesting::List, nested);
        }
    }
    block
}

/// Takes any arguments, and returns anything.
fn any_function() -> Function {
    let any = Parameter { name: "args".to_owned(), ty: Type::Dynamic, allow_null: true };
    Function { parameters: Vec::new(), variadic: Some(any), returns: Type::Dynamic }
}

/// What Terraform takes for the name of an attribute or a block of a provider.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    !name.is_empty() && name.bytes().all(allowed)
}

fn read_type(json: &Json) -> Type {
    serde_json::from_value(json.clone()).unwrap_or(Type::Dynamic)
}

/// A type of a provider: what may be written, and what was inferred of it.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its name, such as `aws_vpc`.
    pub(super) name: String,
    /// Whether it is of resources, data sources or ephemeral resources.
    pub(super) mode: Mode,
    /// What may be written.
    pub(super) schema: Block,
    /// What was inferred.
    pub(super) shape: infer::Block,
}

/// Returns every type of a provider, by mode and name.
pub(super) fn kinds(
    shape: &ProviderShape,
    schema: &ProviderSchema,
) -> BTreeMap<(Mode, String), Kind> {
    let mut kinds = BTreeMap::new();
    for (mode, schemas) in [
        (Mode::Managed, &schema.resources),
        (Mode::Data, &schema.data_sources),
        (Mode::Ephemeral, &schema.ephemeral_resources),
    ] {
        for (name, schema) in schemas {
            let shape = shape.types(mode).get(name).map(|shape| shape.block.clone());
            let kind = Kind {
                name: name.clone(),
                mode,
                schema: schema.block.clone(),
                shape: shape.unwrap_or_default(),
            };
            kinds.insert((mode, name.clone()), kind);
        }
    }
    kinds
}

/// Whether anything in a block is read.
pub(super) fn is_read(shape: &infer::Block) -> bool {
    shape.attributes.values().any(|attribute| attribute.read) || shape.blocks.values().any(is_read)
}

/// Returns what is best known of an attribute's value: how it is read, then what others write.
pub(super) fn best_hint(attribute: &infer::Attribute) -> &Hint {
    match &attribute.hint {
        Hint::Unknown | Hint::Text(infer::Text::Plain) if !attribute.written_as.is_unknown() => {
            &attribute.written_as
        }
        hint => hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> infer::Attribute {
        infer::Attribute { read: true, ..infer::Attribute::default() }
    }

    fn shape() -> TypeShape {
        let rule = infer::Block {
            attributes: [("ports".into(), read()), ("Odd-name".into(), read())].into(),
            ..infer::Block::default()
        };
        let both = infer::Block { also_attribute: true, ..rule.clone() };
        let secret = infer::Attribute { write_only: true, ..read() };
        TypeShape {
            schema_version: 3,
            block: infer::Block {
                attributes: [("name".into(), read()), ("secret_wo".into(), secret)].into(),
                blocks: [("rule".into(), rule), ("route".into(), both)].into(),
                ..infer::Block::default()
            },
        }
    }

    #[test]
    fn attributes_are_open_and_blocks_are_lists() {
        let provider = ProviderShape {
            resources: [("acme_box".into(), shape())].into(),
            ..ProviderShape::default()
        };
        let schema = provider_schema(&provider);
        let acme = &schema.resources["acme_box"];
        assert_eq!(acme.version, 3);
        insta::assert_snapshot!(acme.block.ty(), @r#"["object",{"id":"string","name":"dynamic","route":["list",["object",{"Odd-name":"string","ports":["list","string"]}]],"rule":"dynamic","secret_wo":"dynamic"}]"#);
        assert_eq!(acme.block.attributes()["secret_wo"].mode, Setter::WriteOnly);
        schema.to_message().unwrap();
    }

    #[test]
    fn blocks_of_data_sources_are_concrete() {
        let provider = ProviderShape {
            data_sources: [("acme_box".into(), shape())].into(),
            ..ProviderShape::default()
        };
        let schema = provider_schema(&provider);
        insta::assert_snapshot!(schema.data_sources["acme_box"].block.ty(), @r#"["object",{"id":"string","name":"dynamic","route":["list",["object",{"Odd-name":"string","ports":["list","string"]}]],"rule":["list",["object",{"ports":["list","string"]}]],"secret_wo":"dynamic"}]"#);
        schema.to_message().unwrap();
    }
}
