//! How a stack is pointed at another region and its state kept apart; the plan gate.

pub mod gate;
mod redirect;

pub use redirect::{Redirection, RetargetError, redirect};
