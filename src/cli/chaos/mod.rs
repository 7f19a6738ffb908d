//! `drctl chaos`: what is declared, what it really is, and what came of it.

pub(super) mod kills;
pub(super) mod monkey;

mod declared;
mod guard;
mod real;
mod report;
