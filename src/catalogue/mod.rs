//! What is publicly known of clouds, as data files with their sources.

mod regions;

pub use regions::{Cloud, Region, Regions};
