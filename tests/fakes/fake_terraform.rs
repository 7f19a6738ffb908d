//! A Terraform that does what a script tells it.

fn main() {}
