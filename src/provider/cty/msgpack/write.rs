//! Writing values.

use super::{NOT_NULL, REFINED, UNKNOWN};
use crate::provider::cty::{
    Refinement, Type, Value,
    number::Repr,
    place::{At, Within},
};
use rmp::encode::{self as raw, ByteBuf, RmpWrite};

/// A value could not be written with the type that it was to have.
pub type EncodeError = At<EncodeFault>;

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeFault {
    /// It is of another type.
    #[error("it is {found} where `{expected}` is wanted")]
    Mismatch {
        /// The type that the schema has.
        expected: Type,
        /// What there is instead.
        found: &'static str,
    },
    /// It has an attribute that the schema does not have.
    #[error("it has an attribute `{0}` that its type does not have")]
    UnknownAttribute(String),
    /// A tuple has more or fewer elements than its type.
    #[error("it has {found} elements where {expected} are wanted")]
    Length {
        /// How many its type has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// It is longer than MessagePack can say, 4 GiB or 2^32 elements.
    #[error("it is too long to be sent")]
    TooLong,
}

/// Writes `value` as a `ty`.
///
/// An attribute of an object that the value lacks is written as null. A value without a type of its
/// own where the type is open gets its [implied type](Value::implied_type).
///
/// # Errors
///
/// [`EncodeError`] names the place where the value does not fit the type.
pub fn encode(ty: &Type, value: &Value) -> Result<Vec<u8>, EncodeError> {
    let mut out = ByteBuf::new();
    write(&mut out, ty, value)?;
    Ok(out.into_vec())
}

fn write(out: &mut ByteBuf, ty: &Type, value: &Value) -> Result<(), EncodeError> {
    match (ty, value) {
        (Type::Dynamic, Value::Dynamic(dynamic)) if dynamic.ty == Type::Dynamic => {
            write(out, ty, &dynamic.value)
        }
        (Type::Dynamic, Value::Dynamic(dynamic)) => write_typed(out, &dynamic.ty, &dynamic.value),
        (ty, Value::Dynamic(dynamic)) => write(out, ty, &dynamic.value),
        (_, Value::Null) => {
            let Ok(()) = raw::write_nil(out);
            Ok(())
        }
        (ty, Value::Unknown(refinement)) => write_unknown(out, ty, refinement),
        (Type::Dynamic, value) => write_typed(out, &value.implied_type(), value),
        (Type::Bool, Value::Bool(bool)) => {
            let Ok(()) = raw::write_bool(out, *bool);
            Ok(())
        }
        (Type::Number, Value::Number(number)) => write_number(out, number.repr()),
        (Type::String, Value::String(text)) => write_text(out, text),
        (Type::List(element) | Type::Set(element), Value::Sequence(elements)) => {
            let Ok(_) = raw::write_array_len(out, length(elements.len())?);
            elements
                .iter()
                .enumerate()
                .try_for_each(|(i, value)| write(out, element, value).within_index(i))
        }
        (Type::Tuple(types), Value::Sequence(elements)) => {
            if types.len() != elements.len() {
                let (expected, found) = (types.len(), elements.len());
                return Err(EncodeFault::Length { expected, found }.into());
            }
            let Ok(_) = raw::write_array_len(out, length(elements.len())?);
            let typed = types.iter().zip(elements).enumerate();
            typed.into_iter().try_for_each(|(i, (ty, value))| write(out, ty, value).within_index(i))
        }
        (Type::Map(element), Value::Members(members)) => {
            let Ok(_) = raw::write_map_len(out, length(members.len())?);
            members.iter().try_for_each(|(name, value)| {
                write_text(out, name)?;
                write(out, element, value).within(name)
            })
        }
        (Type::Object(attributes), Value::Members(members)) => {
            if let Some(name) = members.keys().find(|name| !attributes.contains_key(*name)) {
                return Err(EncodeFault::UnknownAttribute(name.clone()).into());
            }
            let Ok(_) = raw::write_map_len(out, length(attributes.len())?);
            attributes.iter().try_for_each(|(name, ty)| {
                write_text(out, name)?;
                write(out, ty, members.get(name).unwrap_or(&Value::Null)).within(name)
            })
        }
        (ty, value) => {
            Err(EncodeFault::Mismatch { expected: ty.clone(), found: value.kind() }.into())
        }
    }
}

fn write_typed(out: &mut ByteBuf, ty: &Type, value: &Value) -> Result<(), EncodeError> {
    let json = ty.to_json();
    let Ok(_) = raw::write_array_len(out, 2);
    let Ok(_) = raw::write_bin_len(out, length(json.len())?);
    let Ok(()) = out.write_bytes(&json);
    write(out, ty, value)
}

fn write_unknown(out: &mut ByteBuf, ty: &Type, refinement: &Refinement) -> Result<(), EncodeError> {
    let content: &[u8] = match refinement {
        // Terraform knows no refinement of a value whose type is open.
        _ if *ty == Type::Dynamic => &[],
        Refinement::None => &[],
        Refinement::NotNull => &NOT_NULL,
        Refinement::Encoded(content) => content,
    };
    if content.is_empty() {
        let Ok(_) = raw::write_ext_meta(out, 1, UNKNOWN);
        let Ok(()) = out.write_bytes(&[0]);
    } else {
        let Ok(_) = raw::write_ext_meta(out, length(content.len())?, REFINED);
        let Ok(()) = out.write_bytes(content);
    }
    Ok(())
}

fn write_number(out: &mut ByteBuf, number: &Repr) -> Result<(), EncodeError> {
    match number {
        Repr::Int(int) => {
            let Ok(_) = raw::write_sint(out, *int);
        }
        Repr::Float(float) => {
            let Ok(()) = raw::write_f64(out, *float);
        }
        Repr::Decimal(text) => write_text(out, text)?,
    }
    Ok(())
}

fn write_text(out: &mut ByteBuf, text: &str) -> Result<(), EncodeError> {
    length(text.len())?;
    let Ok(()) = raw::write_str(out, text);
    Ok(())
}

fn length(len: usize) -> Result<u32, EncodeError> {
    u32::try_from(len).map_err(|_| EncodeFault::TooLong.into())
}
