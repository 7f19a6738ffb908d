//! How a stack is pointed at another region and its state kept apart; the plan gate.

pub mod gate;
mod harmless;
mod redirect;

pub use harmless::harmless;
pub use redirect::{OVERRIDE_FILE, Redirection, RetargetError, add_override, redirect};
