//! What a run took: a fold over its events, so a live run and its journal give the same.
//!
//! * [`timeline`]: the fold: milestones, steps, resources, and what else was said.
//! * [`availability`]: how much of the time a service was up.
//! * [`compare`]: two runs beside each other.
//! * [`critical`]: what decided when it was over, and what would have made it shorter.
//! * [`milestones`]: `t0` to `t8`, and the phases between them.
//! * [`verdict`]: the times held against the objectives.
//! * [`json`]: [`Report`], the whole of it as one value and one JSON document.
//! * [`trend`]: a series of runs, and whether the newest is slower.
//! * [`text`]: the same value for a person.
//! * [`html`], [`show`]: for a browser, and every other form.
//! * [`schema`]: what holds of the JSON document.

pub mod availability;
pub mod compare;
pub mod critical;
pub mod evidence;
pub mod html;
pub mod json;
pub mod measure;
pub mod milestones;
pub mod schema;
pub mod show;
pub mod text;
pub mod timeline;
pub mod trend;
pub mod verdict;

mod clock;
mod junit;
mod layout;
mod markdown;
mod metrics;
mod orphans;
mod record;
mod spans;
mod words;

pub use json::{Kept, Report};
pub use layout::Style;
pub(crate) use layout::{Page, Tone, fit};
pub use timeline::Timeline;
pub use verdict::{Summary, Verdict};

#[cfg(test)]
mod samples;
