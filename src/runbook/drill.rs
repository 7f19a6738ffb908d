//! What bounds a drill.

use super::{Mistake, reader::Reader, window};
use crate::{
    config::body::{Attribute, Block},
    model::window::Window,
};
use std::time::Duration;

/// What bounds a drill.
#[derive(Clone, Debug, Default)]
pub struct Drill {
    /// How long it may stand before it is torn down.
    pub max_time: Option<Duration>,
    /// What it may cost, in the currency of the prices.
    pub max_cost: Option<f64>,
    /// Prices for an hour by type of resource, over those that drctl knows.
    pub hourly: Vec<Attribute>,
    /// When no drill begins, by name.
    pub blocked: Vec<(String, Window)>,
}

impl Drill {
    /// Reads a `drill` block.
    pub(super) fn read(block: &Block, mistakes: &mut Vec<Mistake>) -> Self {
        let blocked = window::named(block, "blocked", mistakes);
        let mut reader =
            Reader::new(block, &["max_time", "max_cost", "hourly"], &["blocked"], mistakes);
        Self {
            max_time: reader.duration("max_time"),
            max_cost: reader.amount("max_cost"),
            hourly: reader.entries("hourly"),
            blocked,
        }
    }
}
