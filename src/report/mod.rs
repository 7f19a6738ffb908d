//! What a run took: a fold over its events, so a live run and its journal give the same.
//!
//! * [`timeline`]: the fold: milestones, steps, resources, and what else was said.
//! * [`critical`]: what decided when it was over, and what would have made it shorter.
//! * [`milestones`]: `t0` to `t8`, and the phases between them.
//! * [`verdict`]: the times held against the objectives.
//! * [`json`]: [`Report`], the whole of it as one value and one JSON document.
//! * [`text`]: the same value for a person.

pub mod critical;
pub mod json;
pub mod milestones;
pub mod text;
pub mod timeline;
pub mod verdict;

mod clock;
mod gate_text;
mod layout;
mod record;

pub use json::{Kept, Report};
pub use layout::Style;
pub(crate) use layout::{Page, Tone, fit};
pub use timeline::Timeline;
pub use verdict::{Summary, Verdict};

#[cfg(test)]
mod samples;
