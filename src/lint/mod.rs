//! Can this be rebuilt in another region? Rules over the code, and what they found.

pub mod report;
pub mod show;
