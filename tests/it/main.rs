//! One test binary: it links once, and its modules share their helpers.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

mod bad_input;
mod canaries;
mod chaos;
mod commands;
mod console;
mod critical_path;
mod cutover;
mod drill;
mod engine;
mod evidence;
mod failover;
mod forecast;
mod history;

mod images;
mod interrupt;
mod kong;
mod layers;
mod modules;
mod notify;
mod pitfalls;
mod plan;
mod probe;
mod probe_command;
mod probe_kinds;
mod provider_wire;
mod recovery_point;
mod rehearse;
mod report;
mod resume;
mod simulate;
mod source;
mod state;
mod support;
mod terraform;
mod validate;
mod watch;
