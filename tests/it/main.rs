//! One test binary: it links once, and its modules share their helpers.

mod layers;
mod provider_wire;
