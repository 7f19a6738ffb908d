//! Everything that a provider offers, in the form in which it is sent.

use super::{Attribute, Block, Mode, NestedBlock};
use crate::provider::{
    cty::Type,
    wire::message::{self, GetProviderSchemaResponse, Nesting, ServerCapabilities},
};
use std::collections::BTreeMap;

/// A block that stands at the top, with its version.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Schema {
    /// Terraform refuses a state that was written with a higher one.
    pub version: i64,
    /// What may be written.
    pub block: Block,
}

/// A function that a provider offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// Its parameters, in order.
    pub parameters: Vec<Parameter>,
    /// What takes any number of further arguments.
    pub variadic: Option<Parameter>,
    /// The type of its result.
    pub returns: Type,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, for messages.
    pub name: String,
    /// Its type.
    pub ty: Type,
    /// Whether the argument may be null.
    pub allow_null: bool,
}

/// Everything that a provider offers.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct ProviderSchema {
    /// Its own configuration.
    pub provider: Block,
    /// What a module may write into `provider_meta`.
    pub provider_meta: Option<Block>,
    /// Its resources, by type.
    pub resources: BTreeMap<String, Schema>,
    /// Its data sources, by type.
    pub data_sources: BTreeMap<String, Schema>,
    /// Its ephemeral resources, by type.
    pub ephemeral_resources: BTreeMap<String, Schema>,
    /// Its functions, by name.
    pub functions: BTreeMap<String, Function>,
}

/// Why Terraform would refuse a schema, or break on it.
///
/// Terraform checks a provider's schema as a whole, so one mistake here would make every resource of
/// the provider unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// Names are lower case letters, digits and underscores.
    #[error("`{name}` in `{type_name}` is not a name of an attribute or block")]
    Name {
        /// The type that has it.
        type_name: String,
        /// The name.
        name: String,
    },
    /// A name is both an attribute's and a block's.
    #[error("`{name}` in `{type_name}` is both an attribute and a block")]
    Twice {
        /// The type that has it.
        type_name: String,
        /// The name.
        name: String,
    },
    /// Terraform keeps blocks in a set or map only if they all have one type.
    #[error("the blocks `{name}` in `{type_name}` leave types open and are not a list")]
    OpenBlock {
        /// The type that has it.
        type_name: String,
        /// The block.
        name: String,
    },
    /// Terraform panics on it when it puts off the read to the apply ("`ProposedNew` only supports
    /// object-typed values", seen with 1.11).
    #[error("the block `{name}` in the data source `{type_name}` leaves types open")]
    OpenBlockInData {
        /// The data source.
        type_name: String,
        /// The block.
        name: String,
    },
}

impl ProviderSchema {
    /// Returns the answer to Terraform's question for the schema.
    ///
    /// # Errors
    ///
    /// [`SchemaError`] for what Terraform would refuse.
    pub fn to_message(&self) -> Result<GetProviderSchemaResponse, SchemaError> {
        for (type_name, schema) in &self.data_sources {
            let mut blocks = schema.block.blocks().iter();
            if let Some((name, _)) = blocks.find(|(_, nested)| nested.block.ty().has_dynamic()) {
                let (type_name, name) = (type_name.clone(), name.clone());
                return Err(SchemaError::OpenBlockInData { type_name, name });
            }
        }
        let meta = self.provider_meta.as_ref();
        Ok(GetProviderSchemaResponse {
            provider: Some(schema("provider", 0, &self.provider)?),
            provider_meta: meta.map(|block| schema("provider_meta", 0, block)).transpose()?,
            resource_schemas: schemas(&self.resources)?,
            data_source_schemas: schemas(&self.data_sources)?,
            ephemeral_resource_schemas: schemas(&self.ephemeral_resources)?,
            functions: self.functions.iter().map(|(name, f)| (name.clone(), function(f))).collect(),
            server_capabilities: Some(ServerCapabilities {
                plan_destroy: false,
                // Else Terraform asks for the schema on every connection.
                get_provider_schema_optional: true,
                move_resource_state: true,
            }),
            diagnostics: Vec::new(),
        })
    }
}

fn schemas(
    schemas: &BTreeMap<String, Schema>,
) -> Result<BTreeMap<String, message::Schema>, SchemaError> {
    let each =
        |(name, s): (&String, &Schema)| Ok((name.clone(), schema(name, s.version, &s.block)?));
    schemas.iter().map(each).collect()
}

fn schema(type_name: &str, version: i64, top: &Block) -> Result<message::Schema, SchemaError> {
    Ok(message::Schema { version, block: Some(block(type_name, top)?) })
}

fn block(type_name: &str, block: &Block) -> Result<message::Block, SchemaError> {
    let attributes = block.attributes().iter().map(|(name, a)| attribute(type_name, name, a));
    let block_types = block.blocks().iter().map(|(name, nested)| {
        if block.attributes().contains_key(name) {
            return Err(SchemaError::Twice { type_name: type_name.into(), name: name.clone() });
        }
        nested_block(type_name, name, nested)
    });
    Ok(message::Block {
        attributes: attributes.collect::<Result<_, _>>()?,
        block_types: block_types.collect::<Result<_, _>>()?,
    })
}

fn attribute(
    type_name: &str,
    name: &str,
    attribute: &Attribute,
) -> Result<message::Attribute, SchemaError> {
    check_name(type_name, name)?;
    let mode = attribute.mode;
    Ok(message::Attribute {
        name: name.to_owned(),
        r#type: attribute.ty.to_json().into(),
        required: mode == Mode::Required,
        optional: matches!(mode, Mode::Optional | Mode::OptionalComputed | Mode::WriteOnly),
        computed: matches!(mode, Mode::Computed | Mode::OptionalComputed),
        sensitive: attribute.sensitive,
        write_only: mode == Mode::WriteOnly,
    })
}

fn nested_block(
    type_name: &str,
    name: &str,
    nested: &NestedBlock,
) -> Result<message::NestedBlock, SchemaError> {
    check_name(type_name, name)?;
    let one_type = matches!(nested.nesting, Nesting::Set | Nesting::Map);
    if one_type && nested.block.ty().has_dynamic() {
        return Err(SchemaError::OpenBlock { type_name: type_name.into(), name: name.into() });
    }
    Ok(message::NestedBlock {
        type_name: name.to_owned(),
        block: Some(block(type_name, &nested.block)?),
        nesting: nested.nesting.into(),
    })
}

fn check_name(type_name: &str, name: &str) -> Result<(), SchemaError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if !name.is_empty() && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(SchemaError::Name { type_name: type_name.to_owned(), name: name.to_owned() })
}

fn function(function: &Function) -> message::Function {
    message::Function {
        parameters: function.parameters.iter().map(parameter).collect(),
        variadic_parameter: function.variadic.as_ref().map(parameter),
        r#return: Some(message::Return { r#type: function.returns.to_json().into() }),
    }
}

fn parameter(parameter: &Parameter) -> message::Parameter {
    message::Parameter {
        name: parameter.name.clone(),
        r#type: parameter.ty.to_json().into(),
        allow_null_value: parameter.allow_null,
        allow_unknown_values: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_resource(block: Block) -> ProviderSchema {
        ProviderSchema {
            resources: BTreeMap::from([("aws_thing".into(), Schema { version: 1, block })]),
            ..ProviderSchema::default()
        }
    }

    fn open() -> Block {
        Block::default().with_attribute("a", Attribute::open())
    }

    #[test]
    fn a_write_only_attribute_is_optional_and_not_computed() {
        let block = Block::default()
            .with_attribute("password_wo", Attribute::new(Type::String, Mode::WriteOnly));
        let message = with_resource(block).to_message().unwrap();
        let schema = &message.resource_schemas["aws_thing"];
        let attribute = &schema.block.as_ref().unwrap().attributes[0];
        assert!(attribute.write_only && attribute.optional && !attribute.computed);
        assert_eq!(schema.version, 1);
        assert_eq!(&attribute.r#type[..], b"\"string\"");
    }

    #[test]
    fn what_terraform_would_refuse_is_refused_here() {
        let refused = |block| with_resource(block).to_message().unwrap_err().to_string();
        insta::assert_snapshot!(
            refused(Block::default().with_attribute("Name", Attribute::open())),
            @"`Name` in `aws_thing` is not a name of an attribute or block"
        );
        insta::assert_snapshot!(
            refused(open().with_block("a", Nesting::List, Block::default())),
            @"`a` in `aws_thing` is both an attribute and a block"
        );
        insta::assert_snapshot!(
            refused(Block::default().with_block("rule", Nesting::Set, open())),
            @"the blocks `rule` in `aws_thing` leave types open and are not a list"
        );
    }

    #[test]
    fn a_data_source_has_no_block_of_open_types_at_any_depth() {
        let block = Block::default().with_block("filter", Nesting::List, open());
        let outer = Block::default().with_block("outer", Nesting::List, block);
        let schema = ProviderSchema {
            data_sources: BTreeMap::from([("aws_ami".into(), Schema { version: 0, block: outer })]),
            ..ProviderSchema::default()
        };
        insta::assert_snapshot!(
            schema.to_message().unwrap_err(),
            @"the block `outer` in the data source `aws_ami` leaves types open"
        );
    }
}
