//! One test binary: it links once, and its modules share their helpers.

mod bad_input;
mod commands;
mod failover;
mod layers;
mod probe;
mod report;
mod source;
mod state;
mod support;
mod terraform;
