//! The `drctl` program.

fn main() {}
