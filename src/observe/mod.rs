//! Where the stream of events goes: the journal, a terminal, a pipe.
//!
//! * [`journal`]: the run on disk; the one sink that may stop a run.
//! * [`lines`]: one line of words an event, for pipes and CI.
//! * [`progress`]: what is going on right now, for a terminal.
//! * [`json`]: the stream itself as JSON Lines.
//! * [`Ending`]: what a run that was asked to stop waits for.
//! * [`Apart`]: any of the shows on a thread of its own.

pub mod journal;
pub mod json;
pub mod lines;
pub mod progress;

mod apart;
mod board;
mod ending;
mod words;

#[cfg(test)]
mod samples;

pub use apart::Apart;
pub use ending::{Ending, Graces};
pub use words::refusals;

use crate::model::{
    event::{Event, Sink},
    text::plain_json,
};
use std::io;

/// One stream to many sinks, with the journal set apart.
///
/// The journal is what a run is remembered by: when it cannot be written, the
/// run must stop before it does what it could not remember. Every other sink is
/// for show: when one fails it is dropped, which is said once through
/// `tracing`, and the recovery goes on.
///
/// Shows are called on the run's own loop. One that may have to wait for its
/// reader, as a terminal or a pipe may, belongs in [`Apart`].
pub struct Fanout {
    journal: Box<dyn Sink>,
    shows: Vec<Box<dyn Sink>>,
}

impl Fanout {
    /// Writes to `journal` first and then to `shows`, in order.
    pub fn new(journal: Box<dyn Sink>, shows: Vec<Box<dyn Sink>>) -> Self {
        Self { journal, shows }
    }
}

impl Sink for Fanout {
    /// Takes one event.
    ///
    /// # Errors
    ///
    /// What the journal could not write. No show has seen the event then.
    fn take(&mut self, event: &Event) -> io::Result<()> {
        self.journal.take(event)?;
        self.shows.retain_mut(|show| match show.take(event) {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(%error, seq = event.seq, "a display failed and was dropped");
                false
            }
        });
        Ok(())
    }
}

/// Returns the event as one line of JSON, with its newline.
fn json_line(event: &Event) -> io::Result<Vec<u8>> {
    let line = serde_json::to_string(event)?;
    let mut line = plain_json(&line).into_owned().into_bytes();
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::EventKind;
    use std::sync::{Arc, Mutex};

    /// Takes `room` events, counts every call, and fails from then on.
    struct FullAfter {
        room: usize,
        calls: Arc<Mutex<usize>>,
    }

    impl Sink for FullAfter {
        fn take(&mut self, _: &Event) -> io::Result<()> {
            let mut calls = self.calls.lock().unwrap();
            *calls += 1;
            if *calls > self.room { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    fn sink(room: usize) -> (Box<dyn Sink>, Arc<Mutex<usize>>) {
        let calls = Arc::new(Mutex::new(0));
        (Box::new(FullAfter { room, calls: Arc::clone(&calls) }), calls)
    }

    fn event(seq: u64) -> Event {
        Event { seq, elapsed_ms: seq, kind: EventKind::ServiceVerified }
    }

    #[test]
    fn a_failing_show_is_dropped_and_the_run_goes_on() {
        let ((journal, kept), (weak, weak_calls), (strong, strong_calls)) =
            (sink(usize::MAX), sink(1), sink(usize::MAX));
        let mut fanout = Fanout::new(journal, vec![weak, strong]);

        for seq in 0..4 {
            fanout.take(&event(seq)).unwrap();
        }

        assert_eq!(*kept.lock().unwrap(), 4);
        assert_eq!(*weak_calls.lock().unwrap(), 2, "not called again after its failure");
        assert_eq!(*strong_calls.lock().unwrap(), 4);
    }

    #[test]
    fn a_failing_journal_stops_the_run_before_anything_is_shown() {
        let ((journal, _), (show, shown)) = (sink(1), sink(usize::MAX));
        let mut fanout = Fanout::new(journal, vec![show]);

        fanout.take(&event(0)).unwrap();
        let error = fanout.take(&event(1)).unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(*shown.lock().unwrap(), 1);
    }
}
