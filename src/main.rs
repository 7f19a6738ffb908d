//! The `drctl` program.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A validation makes and drops millions of small values: a sixth of its CPU is the allocator's.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    drctl::cli::main().into()
}
