//! Reading values.

use super::{NOT_NULL, REFINED};
use crate::provider::cty::{
    Number, NumberError, Refinement, Type, Value,
    place::{At, Within},
};
use bytes::Bytes;
use rmp::{Marker, decode as raw};
use std::{collections::BTreeMap, str};

/// Bytes could not be read as a value of the type that they were to have.
pub type DecodeError = At<DecodeFault>;

/// What does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeFault {
    /// It ends before it should, or is no MessagePack.
    #[error("it is cut off or damaged")]
    Damaged,
    /// It goes on after its end.
    #[error("{0} bytes follow its end")]
    Trailing(usize),
    /// It is of another type.
    #[error("it is MessagePack's {found} where `{expected}` is wanted")]
    Mismatch {
        /// The type that the schema has.
        expected: Type,
        /// What there is instead.
        found: String,
    },
    /// Text is not UTF-8.
    #[error("it is not UTF-8")]
    Utf8,
    /// It is not a number.
    #[error("it is not a number")]
    Number(#[source] NumberError),
    /// The type that it brings is none.
    #[error("it brings `{0}` as its type, which is none")]
    Type(String),
    /// A tuple or object has more or fewer parts than its type.
    #[error("it has {found} parts where {expected} are wanted")]
    Length {
        /// How many its type has.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// It has an attribute that the schema does not have.
    #[error("it has an attribute `{0}` that its type does not have")]
    UnknownAttribute(String),
    /// It is nested deeper than any schema.
    #[error("it is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
}

/// How many levels are read, which bounds the stack that damaged bytes can use.
const MAX_DEPTH: usize = 256;

/// Reads a value of type `ty` from the whole of `bytes`.
///
/// # Errors
///
/// [`DecodeError`] names the place where the bytes do not fit the type.
pub fn decode(ty: &Type, bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let value = reader.value(ty)?;
    match reader.rest.len() {
        0 => Ok(value),
        more => Err(DecodeFault::Trailing(more).into()),
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    depth: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self, ty: &Type) -> Result<Value, DecodeError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(DecodeFault::TooDeep.into());
        }
        let value = match self.peek()? {
            Marker::Null => {
                self.take(1)?;
                Value::Null
            }
            marker if is_extension(marker) => Value::Unknown(self.refinement()?),
            marker => self.known(ty, marker)?,
        };
        self.depth -= 1;
        Ok(value)
    }

    fn known(&mut self, ty: &Type, marker: Marker) -> Result<Value, DecodeError> {
        match ty {
            Type::Dynamic => self.typed(marker),
            Type::String if is_text(marker) => Ok(Value::String(self.text()?.to_owned())),
            Type::Number => self.number(marker),
            Type::Bool if matches!(marker, Marker::True | Marker::False) => {
                self.take(1)?;
                Ok(Value::Bool(marker == Marker::True))
            }
            Type::List(element) | Type::Set(element) if is_array(marker) => {
                let len = self.array_len()?;
                (0..len).map(|i| self.value(element).within_index(i)).collect()
            }
            Type::Tuple(types) if is_array(marker) => {
                expect_length(types.len(), self.array_len()?)?;
                types.iter().enumerate().map(|(i, ty)| self.value(ty).within_index(i)).collect()
            }
            Type::Map(element) if is_map(marker) => self.members(|_| Some(element)),
            Type::Object(attributes) if is_map(marker) => {
                let members = self.members(|name| attributes.get(name))?;
                expect_length(attributes.len(), members.as_members().map_or(0, BTreeMap::len))?;
                Ok(members)
            }
            _ => Err(mismatch(ty, marker)),
        }
    }

    /// Reads `[type, value]`.
    fn typed(&mut self, marker: Marker) -> Result<Value, DecodeError> {
        if !is_array(marker) {
            return Err(mismatch(&Type::Dynamic, marker));
        }
        expect_length(2, self.array_len()?)?;
        let json = match self.peek()? {
            marker if is_text(marker) => self.text()?.as_bytes(),
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => {
                let len = raw::read_bin_len(&mut self.rest).map_err(damaged)?;
                self.take(len as usize)?
            }
            marker => return Err(mismatch(&Type::Dynamic, marker)),
        };
        let ty: Type = serde_json::from_slice(json)
            .map_err(|_| DecodeFault::Type(String::from_utf8_lossy(json).into_owned()))?;
        let value = self.value(&ty)?;
        Ok(Value::dynamic(ty, value))
    }

    fn number(&mut self, marker: Marker) -> Result<Value, DecodeError> {
        let number = match marker {
            Marker::F32 => f64::from(raw::read_f32(&mut self.rest).map_err(damaged)?).try_into(),
            Marker::F64 => raw::read_f64(&mut self.rest).map_err(damaged)?.try_into(),
            Marker::U64 => raw::read_u64(&mut self.rest).map_err(damaged)?.to_string().parse(),
            marker if is_text(marker) => self.text()?.parse(),
            marker if is_integer(marker) => {
                Ok(raw::read_int::<i64, _>(&mut self.rest).map_err(damaged)?.into())
            }
            marker => return Err(mismatch(&Type::Number, marker)),
        };
        let number: Number = number.map_err(DecodeFault::Number)?;
        Ok(number.into())
    }

    fn members<'t>(
        &mut self,
        type_of: impl Fn(&str) -> Option<&'t Type>,
    ) -> Result<Value, DecodeError> {
        let len = raw::read_map_len(&mut self.rest).map_err(damaged)?;
        let mut members = Vec::with_capacity((len as usize).min(self.rest.len()));
        for _ in 0..len {
            let name = self.text()?;
            let Some(ty) = type_of(name) else {
                return Err(DecodeFault::UnknownAttribute(name.to_owned()).into());
            };
            members.push((name.to_owned(), self.value(ty).within(name)?));
        }
        // Terraform sends names in order, so the tree is built in one go.
        Ok(Value::Members(members.into_iter().collect()))
    }

    fn refinement(&mut self) -> Result<Refinement, DecodeError> {
        let meta = raw::read_ext_meta(&mut self.rest).map_err(damaged)?;
        let content = self.take(meta.size as usize)?;
        Ok(match meta.typeid {
            REFINED if content == NOT_NULL => Refinement::NotNull,
            REFINED => Refinement::Encoded(Bytes::copy_from_slice(content)),
            _ => Refinement::None,
        })
    }

    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let len = raw::read_str_len(&mut self.rest).map_err(damaged)?;
        str::from_utf8(self.take(len as usize)?).map_err(|_| DecodeFault::Utf8.into())
    }

    fn array_len(&mut self) -> Result<usize, DecodeError> {
        Ok(raw::read_array_len(&mut self.rest).map_err(damaged)? as usize)
    }

    fn peek(&self) -> Result<Marker, DecodeError> {
        Ok(Marker::from_u8(*self.rest.first().ok_or(DecodeFault::Damaged)?))
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeFault::Damaged)?;
        self.rest = rest;
        Ok(taken)
    }
}

fn damaged<E>(_: E) -> DecodeError {
    DecodeFault::Damaged.into()
}

fn mismatch(expected: &Type, found: Marker) -> DecodeError {
    let (expected, found) = (expected.clone(), format!("{found:?}"));
    DecodeFault::Mismatch { expected, found }.into()
}

fn expect_length(expected: usize, found: usize) -> Result<(), DecodeError> {
    if expected == found {
        return Ok(());
    }
    Err(DecodeFault::Length { expected, found }.into())
}

fn is_extension(marker: Marker) -> bool {
    use Marker::{Ext8, Ext16, Ext32, FixExt1, FixExt2, FixExt4, FixExt8, FixExt16};
    matches!(marker, FixExt1 | FixExt2 | FixExt4 | FixExt8 | FixExt16 | Ext8 | Ext16 | Ext32)
}

fn is_text(marker: Marker) -> bool {
    matches!(marker, Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32)
}

fn is_array(marker: Marker) -> bool {
    matches!(marker, Marker::FixArray(_) | Marker::Array16 | Marker::Array32)
}

fn is_map(marker: Marker) -> bool {
    matches!(marker, Marker::FixMap(_) | Marker::Map16 | Marker::Map32)
}

fn is_integer(marker: Marker) -> bool {
    use Marker::{FixNeg, FixPos, I8, I16, I32, I64, U8, U16, U32};
    matches!(marker, FixPos(_) | FixNeg(_) | U8 | U16 | U32 | I8 | I16 | I32 | I64)
}
