//! Terraform's values and their types, and how they are written on the wire and in state files.
//!
//! A [`Value`] is read with a [`Type`]: the type says whether a sequence is a list, a set or a
//! tuple. Where a schema leaves the type open, the value carries its own ([`Value::Dynamic`]).

mod compare;
mod json;
mod msgpack;
mod number;
mod place;
mod types;
mod value;

pub use compare::equal_up_to_type;
pub use json::{JsonError, JsonFault, JsonForm, from_json, plain};
pub use msgpack::{DecodeError, DecodeFault, EncodeError, EncodeFault, decode, encode};
pub use number::{Number, NumberError};
pub use place::At;
pub use types::Type;
pub use value::{Dynamic, Refinement, Value};

#[cfg(test)]
mod arbitrary;
