//! Is it an outage? Probes are asked without end; what they answer is judged.
//!
//! [`Judge`] is the judgement alone, without a clock and without a network: answers and times go in,
//! [`Change`]s come out. [`watch()`] asks, and feeds it.

mod damping;
mod judge;
mod moment;
mod picture;
mod play;
mod standing;
mod watch;

#[cfg(test)]
mod thousand_days;

pub use judge::{Change, Judge, Kept, Ongoing, Rules};
pub use moment::{Clock, Moment, Stamp, SystemClock, millis};
pub use picture::{Picture, Scope};
pub use play::{Met, Stage, play};
pub use standing::{Asked, Question, Seen, Settled};
pub use watch::{Control, Look, Watched, watch};
