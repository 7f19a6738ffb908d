//! How a stack is pointed at another region and its state kept apart; the plan gate.
//!
//! * [`redirect()`] decides, before anything runs, how one root module is moved: its [`Layout`],
//!   what moves and by which means, what stays, and each [`Obstacle`] with its place.
//! * [`gate`](mod@gate) reads a saved plan and says whether it may be applied.
//!
//! [`Layout`]: crate::model::redirect::Layout
//! [`Obstacle`]: crate::model::redirect::Obstacle

pub mod gate;
mod global;
mod harmless;
pub mod home;
mod inventory;
mod layout;
mod naming;
mod override_file;
mod proof;
mod provider;
mod reach;
mod redirect;
mod remote_state;
mod sweep;
mod unprotected;
mod workspace;

#[cfg(test)]
mod tests;

pub use global::GlobalRule;
pub use harmless::harmless;
pub use override_file::{OVERRIDE_FILE, Overrides, add_override};
pub use provider::environment;
pub use redirect::{Redirection, Target, redirect};
pub use remote_state::{RemoteState, StateKey, own_state, placeholder};
pub use unprotected::unprotected;
