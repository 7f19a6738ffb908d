//! What a provider says of itself: its resources, their attributes and blocks.
//!
//! A [`Block`] also reads and writes the values of its type, so that who works with them sees one
//! shape: an object of attributes and of sequences of blocks, each attribute of an open type with a
//! type of its own.

mod block;
mod offer;

pub use super::message::Nesting;
pub use block::{Attribute, Block, Mode, NestedBlock};
pub use offer::{Function, Parameter, ProviderSchema, Schema, SchemaError};
