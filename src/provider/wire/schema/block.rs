//! Blocks, and the values that have their shape.

use crate::provider::{
    cty::{Dynamic, EncodeError, JsonError, JsonForm, Type, Value, from_json},
    wire::message::{DynamicValue, Nesting, UnreadableValue},
};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Who sets an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The configuration must.
    Required,
    /// The configuration may.
    Optional,
    /// The provider does.
    Computed,
    /// The configuration may, and else the provider does.
    OptionalComputed,
    /// The configuration may, and it is never stored: always null in plans and states.
    WriteOnly,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Its type; [`Type::Dynamic`] leaves it to each value.
    pub ty: Type,
    /// Who sets it.
    pub mode: Mode,
    /// Whether Terraform keeps it from being shown.
    pub sensitive: bool,
}

impl Attribute {
    /// Returns an attribute that is not sensitive.
    pub fn new(ty: Type, mode: Mode) -> Self {
        Self { ty, mode, sensitive: false }
    }

    /// Returns an attribute of an open type that the configuration or the provider sets: what can be
    /// said of an attribute that is only known by name.
    pub fn open() -> Self {
        Self::new(Type::Dynamic, Mode::OptionalComputed)
    }
}

/// A block inside another.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// How often it may stand.
    pub nesting: Nesting,
    /// What may stand in it.
    pub block: Block,
}

/// What may stand between two braces.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    attributes: BTreeMap<String, Attribute>,
    blocks: BTreeMap<String, NestedBlock>,
    /// The type of its values on the wire, an object.
    ty: Type,
}

impl Default for Block {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            blocks: BTreeMap::new(),
            ty: Type::Object(BTreeMap::new()),
        }
    }
}

impl Block {
    /// Returns the block with this attribute as well.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, attribute: Attribute) -> Self {
        let name = name.into();
        self.declare(name.clone(), attribute.ty.clone());
        self.attributes.insert(name, attribute);
        self
    }

    /// Returns the block with this block inside as well.
    #[must_use]
    pub fn with_block(mut self, name: impl Into<String>, nesting: Nesting, block: Block) -> Self {
        let name = name.into();
        let nested = NestedBlock { nesting, block };
        self.declare(name.clone(), nested.ty());
        self.blocks.insert(name, nested);
        self
    }

    fn declare(&mut self, name: String, ty: Type) {
        if let Type::Object(types) = &mut self.ty {
            types.insert(name, ty);
        }
    }

    /// Returns the attributes, by name.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// Returns the blocks inside, by name.
    pub fn blocks(&self) -> &BTreeMap<String, NestedBlock> {
        &self.blocks
    }

    /// Returns the type of the block's values on the wire.
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Returns a value in which nothing is set: attributes are null and there are no blocks.
    pub fn unset(&self) -> Value {
        let attributes = self.attributes.keys().map(|name| (name.clone(), Value::Null));
        let blocks = self.blocks.iter().map(|(name, nested)| (name.clone(), nested.unset()));
        Value::Members(attributes.chain(blocks).collect())
    }

    /// Reads a value that Terraform sent; none at all is null.
    ///
    /// # Errors
    ///
    /// [`UnreadableValue`] if it does not fit the block.
    pub fn decode(&self, sent: Option<&DynamicValue>) -> Result<Value, UnreadableValue> {
        let value = sent.map_or(Ok(Value::Null), |sent| sent.decode(&self.ty))?;
        Ok(self.unpack(&self.ty, value))
    }

    /// Writes a value for Terraform.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] if it does not fit the block.
    pub fn encode(&self, value: Value) -> Result<DynamicValue, EncodeError> {
        DynamicValue::encode(&self.ty, &self.pack(value))
    }

    /// Reads the JSON of a state, whether a schema like this one wrote it or the real provider's.
    ///
    /// What the block does not have is left out; what the state does not have is not set.
    ///
    /// # Errors
    ///
    /// [`JsonError`] if it does not fit the block.
    pub fn decode_state(&self, json: &Json) -> Result<Value, JsonError> {
        if json.is_null() {
            return Ok(Value::Null);
        }
        self.read_json(json, JsonForm::of(&self.ty, json))
    }

    fn read_json(&self, json: &Json, form: JsonForm) -> Result<Value, JsonError> {
        let of = |name: &String| json.get(name).unwrap_or(&Json::Null);
        let mut members = BTreeMap::new();
        for (name, attribute) in &self.attributes {
            let value = from_json(&attribute.ty, of(name), form).map_err(|at| at.inside(name))?;
            members.insert(name.clone(), value);
        }
        for (name, nested) in &self.blocks {
            let value = nested.read_json(of(name), form).map_err(|at| at.inside(name))?;
            members.insert(name.clone(), value);
        }
        Ok(Value::Members(members))
    }

    /// Gives every attribute of an open type a type of its own again.
    ///
    /// A value inside a block of an open type comes with one type for the whole of it.
    fn unpack(&self, ty: &Type, value: Value) -> Value {
        let Value::Members(members) = value else { return value };
        let unpacked = members.into_iter().map(|(name, value)| {
            let ty = ty.member(&name).unwrap_or(&Type::Dynamic);
            let value = match (self.attributes.get(&name), self.blocks.get(&name)) {
                (_, Some(nested)) => nested.unpack(ty, value),
                (Some(attribute), None) => loosen(&attribute.ty, ty, value),
                (None, None) => value,
            };
            (name, value)
        });
        Value::Members(unpacked.collect())
    }

    /// Gives blocks of an open type the type that Terraform expects of them.
    fn pack(&self, value: Value) -> Value {
        let Value::Members(members) = value else { return value };
        let packed = members.into_iter().map(|(name, value)| {
            let value = match self.blocks.get(&name) {
                Some(nested) => nested.pack(value),
                None => value,
            };
            (name, value)
        });
        Value::Members(packed.collect())
    }
}

impl NestedBlock {
    /// Whether all its values are one value of an open type on the wire.
    ///
    /// A list has one type of element. Terraform makes a tuple where the blocks can differ.
    fn is_tuple(&self) -> bool {
        self.nesting == Nesting::List && self.block.ty.has_dynamic()
    }

    fn ty(&self) -> Type {
        if self.is_tuple() { Type::Dynamic } else { self.shape() }
    }

    /// Returns the type of its values if they were all of one type.
    fn shape(&self) -> Type {
        let block = self.block.ty.clone();
        match self.nesting {
            Nesting::Single | Nesting::Group | Nesting::Invalid => block,
            Nesting::List => Type::list(block),
            Nesting::Set => Type::set(block),
            Nesting::Map => Type::map(block),
        }
    }

    fn unset(&self) -> Value {
        match self.nesting {
            Nesting::Single | Nesting::Invalid => Value::Null,
            Nesting::Group => self.block.unset(),
            Nesting::List | Nesting::Set => Value::Sequence(Vec::new()),
            Nesting::Map => Value::Members(BTreeMap::new()),
        }
    }

    fn read_json(&self, json: &Json, form: JsonForm) -> Result<Value, JsonError> {
        if self.is_tuple() && form == JsonForm::Typed {
            let value = from_json(&Type::Dynamic, json, form)?;
            return Ok(if value.is_null() {
                self.unset()
            } else {
                self.unpack(&Type::Dynamic, value)
            });
        }
        let one = |json| self.block.read_json(json, form);
        match (self.nesting, json) {
            (_, Json::Null) => Ok(self.unset()),
            (Nesting::List | Nesting::Set, Json::Array(blocks)) => blocks.iter().map(one).collect(),
            // What stands once at most is an object with some providers and a list with others.
            (Nesting::List | Nesting::Set, Json::Object(_)) => {
                Ok(Value::Sequence(vec![one(json)?]))
            }
            (Nesting::Single | Nesting::Group, Json::Object(_)) => one(json),
            (Nesting::Map, Json::Object(blocks)) => {
                let blocks = blocks.iter().map(|(label, json)| Ok((label.clone(), one(json)?)));
                Ok(Value::Members(blocks.collect::<Result<_, JsonError>>()?))
            }
            _ => from_json(&self.shape(), json, form),
        }
    }

    fn unpack(&self, ty: &Type, value: Value) -> Value {
        match value {
            Value::Dynamic(dynamic) => {
                let Dynamic { ty, value } = *dynamic;
                self.unpack(&ty, value)
            }
            Value::Sequence(blocks) => {
                let open = &Type::Dynamic;
                let typed = blocks.into_iter().enumerate();
                typed.map(|(i, b)| self.block.unpack(ty.element(i).unwrap_or(open), b)).collect()
            }
            Value::Members(blocks) if self.nesting == Nesting::Map => Value::members(
                blocks.into_iter().map(|(label, block)| (label, self.block.unpack(ty, block))),
            ),
            value @ Value::Members(_) => self.block.unpack(ty, value),
            value => value,
        }
    }

    fn pack(&self, value: Value) -> Value {
        match value {
            Value::Sequence(blocks) => {
                let ty = Type::Tuple(vec![self.block.ty.clone(); blocks.len()]);
                let blocks = blocks.into_iter().map(|block| self.block.pack(block)).collect();
                if self.is_tuple() { Value::dynamic(ty, blocks) } else { blocks }
            }
            value @ Value::Members(_) if self.nesting != Nesting::Map => self.block.pack(value),
            value => value,
        }
    }
}

/// Returns a value of type `actual` as one of `declared`, which may leave open what `actual` fixes.
fn loosen(declared: &Type, actual: &Type, value: Value) -> Value {
    if !declared.has_dynamic() {
        return value;
    }
    let open = &Type::Dynamic;
    match (declared, value) {
        (_, Value::Dynamic(dynamic)) => {
            let Dynamic { ty, value } = *dynamic;
            loosen(declared, &ty, value)
        }
        (Type::Dynamic, value) => Value::dynamic(actual.clone(), value),
        (declared, Value::Sequence(elements)) => {
            let of = |i| (declared.element(i).unwrap_or(open), actual.element(i).unwrap_or(open));
            let typed = elements.into_iter().enumerate();
            typed.map(|(i, value)| loosen(of(i).0, of(i).1, value)).collect()
        }
        (declared, Value::Members(members)) => Value::members(members.into_iter().map(|(n, v)| {
            let declared = declared.member(&n).unwrap_or(open);
            let value = loosen(declared, actual.member(&n).unwrap_or(open), v);
            (n, value)
        })),
        (_, value) => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// `name`, and any number of `rule { ports, target { to } }`, all of open types.
    fn group() -> Block {
        let target = Block::default().with_attribute("to", Attribute::open());
        let rule = Block::default().with_attribute("ports", Attribute::open()).with_block(
            "target",
            Nesting::List,
            target,
        );
        Block::default().with_attribute("name", Attribute::open()).with_block(
            "rule",
            Nesting::List,
            rule,
        )
    }

    fn text(text: &str) -> Value {
        Value::dynamic(Type::String, text.into())
    }

    fn ports() -> Value {
        Value::dynamic(Type::set(Type::Number), Value::from_iter([Value::from(80)]))
    }

    /// One rule with one target, as who works with values sees it.
    fn one_rule() -> Value {
        let target = Value::members([("to", text("b"))]);
        let rule = Value::members([("ports", ports()), ("target", Value::Sequence(vec![target]))]);
        Value::members([("name", text("a")), ("rule", Value::Sequence(vec![rule]))])
    }

    /// The same as Terraform sends it: one type for all that is in the blocks.
    fn as_terraform_sends_it() -> DynamicValue {
        let target = Type::object([("to", Type::String)]);
        let rule = Type::object([
            ("ports", Type::set(Type::Number)),
            ("target", Type::Tuple(vec![target])),
        ]);
        let plain = Value::from_iter([Value::members([
            ("ports", Value::from_iter([Value::from(80)])),
            ("target", Value::from_iter([Value::members([("to", Value::from("b"))])])),
        ])]);
        let sent = Value::members([
            ("name", text("a")),
            ("rule", Value::dynamic(Type::Tuple(vec![rule]), plain)),
        ]);
        DynamicValue::encode(group().ty(), &sent).unwrap()
    }

    #[test]
    fn blocks_of_an_open_type_are_taken_apart() {
        let sent = as_terraform_sends_it();
        assert_eq!(group().decode(Some(&sent)).unwrap(), one_rule());
        assert_eq!(group().decode(None).unwrap(), Value::Null);
    }

    #[test]
    fn what_is_written_reads_back() {
        let blocks = group();
        let unknown = Value::members([("name", text("a")), ("rule", Value::UNKNOWN)]);
        for value in [one_rule(), blocks.unset(), unknown, Value::Null] {
            let sent = blocks.encode(value.clone()).unwrap();
            assert_eq!(blocks.decode(Some(&sent)).unwrap(), value);
        }
    }

    #[test]
    fn only_a_list_of_blocks_with_open_types_is_of_an_open_type() {
        let fixed =
            Block::default().with_attribute("from", Attribute::new(Type::Number, Mode::Optional));
        let block = Block::default()
            .with_block("fixed", Nesting::List, fixed.clone())
            .with_block("once", Nesting::Single, fixed)
            .with_block("open", Nesting::List, group());
        insta::assert_snapshot!(block.ty(), @r#"["object",{"fixed":["list",["object",{"from":"number"}]],"once":["object",{"from":"number"}],"open":"dynamic"}]"#);
    }

    #[test]
    fn a_state_of_the_real_provider_and_one_of_ours_read_alike() {
        let real = json!({
            "name": "a",
            "rule": [{"ports": [80], "target": [{"to": "b"}], "unknown_to_us": 1}],
            "arn": "arn:…",
        });
        let ours = json!({
            "name": {"value": "a", "type": "string"},
            "rule": {
                "value": [{"ports": [80], "target": [{"to": "b"}]}],
                "type": ["tuple", [["object", {
                    "ports": ["set", "number"],
                    "target": ["tuple", [["object", {"to": "string"}]]],
                }]]],
            },
        });
        let real = group().decode_state(&real).unwrap();
        let ours = group().decode_state(&ours).unwrap();
        assert_eq!(ours, one_rule());
        // The real state does not tell a set from a tuple.
        assert!(crate::provider::cty::equal_up_to_type(
            (&Type::Dynamic, &real),
            (&Type::Dynamic, &ours)
        ));
        assert_eq!(group().decode_state(&json!({})).unwrap(), group().unset());
    }

    #[test]
    fn a_block_that_stands_once_may_be_an_object_in_a_state() {
        let read = group().decode_state(&json!({"name": "a", "rule": {"ports": null}})).unwrap();
        assert_eq!(read.get("rule").unwrap().as_sequence().unwrap().len(), 1);
        let error = group().decode_state(&json!({"name": "a", "rule": {"target": 5}})).unwrap_err();
        assert_eq!(error.to_string(), "the value of `rule.target` does not fit its schema");
    }
}
