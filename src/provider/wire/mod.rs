//! The plugin protocol on the wire: gRPC over a unix socket that Terraform is told to use.
//!
//! From below: [`grpc`] answers calls on a connection, [`message`] is what they carry, [`service`]
//! is what a provider has to answer, [`reattach`] is where Terraform finds it, and [`schema`] is
//! what a provider says of itself.

pub mod grpc;
pub mod message;
pub mod reattach;
pub mod schema;
pub mod service;
