//! A show on a thread of its own, so that a stuck terminal or pipe cannot slow the run.

use crate::model::event::{Event, Sink};
use std::{
    io,
    sync::mpsc::{self, Receiver, Sender},
    thread::{self, JoinHandle},
    time::Duration,
};

/// How long the last events may take to be shown once the run is over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Hands every event to a thread that shows it.
///
/// The queue has no limit: what a run says is finite (a few events a resource),
/// while a dropped event could leave a display wrong for good. A failure of the
/// show is returned by the first [`Sink::take`] after it. Dropping an `Apart`
/// waits until all is shown, but not longer than two seconds: who pressed Ctrl-S
/// must still get their prompt back.
pub struct Apart {
    queue: Option<Sender<Event>>,
    shown: Receiver<()>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Apart {
    /// Moves `show` to a thread of its own.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn new(mut show: Box<dyn Sink>) -> io::Result<Self> {
        let (queue, events) = mpsc::channel::<Event>();
        let (done, shown) = mpsc::channel();
        let thread = thread::Builder::new().name("drctl-show".into()).spawn(move || {
            let result = events.iter().try_for_each(|event| show.take(&event));
            // Dropped on this thread, and before anybody waits for it: a display cleans up after itself.
            drop(show);
            // Nobody may be waiting any more.
            let _ = done.send(());
            result
        })?;
        Ok(Self { queue: Some(queue), shown, thread: Some(thread) })
    }

    /// Returns why the thread ended before its queue did.
    fn failure(&mut self) -> io::Error {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => error,
            Some(Err(_)) => io::Error::other("the display panicked"),
            Some(Ok(Ok(()))) | None => io::ErrorKind::BrokenPipe.into(),
        }
    }
}

impl Sink for Apart {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        let sent = self.queue.as_ref().is_some_and(|queue| queue.send(event.clone()).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // The thread's loop ends when the last sender is gone.
        self.queue = None;
        // Either all is shown, or patience is at its end; there is nobody to tell.
        let _ = self.shown.recv_timeout(PATIENCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::EventKind;
    use std::sync::{Arc, Mutex, mpsc::SyncSender};

    fn event(seq: u64) -> Event {
        Event { seq, elapsed_ms: seq, kind: EventKind::ServiceVerified }
    }

    /// Shows nothing before it is let go on.
    struct Stuck {
        gate: Receiver<()>,
        seen: Arc<Mutex<Vec<u64>>>,
    }

    impl Sink for Stuck {
        fn take(&mut self, event: &Event) -> io::Result<()> {
            // An error means that the gate was opened for good.
            let _ = self.gate.recv();
            self.seen.lock().unwrap().push(event.seq);
            Ok(())
        }
    }

    #[test]
    fn a_stuck_show_does_not_hold_the_run_and_loses_nothing() {
        let (open, gate) = mpsc::channel();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut apart = Apart::new(Box::new(Stuck { gate, seen: Arc::clone(&seen) })).unwrap();

        (0..1_000).for_each(|seq| apart.take(&event(seq)).unwrap());
        assert_eq!(seen.lock().unwrap().len(), 0, "the run is through before anything is shown");
        drop(open);
        drop(apart);

        assert_eq!(*seen.lock().unwrap(), (0..1_000).collect::<Vec<_>>());
    }

    /// Fails at once, and says when it is gone.
    struct Broken {
        #[expect(dead_code, reason = "held for its drop, which closes the channel")]
        alive: SyncSender<()>,
    }

    impl Sink for Broken {
        fn take(&mut self, _: &Event) -> io::Result<()> {
            Err(io::Error::other("stderr is gone"))
        }
    }

    #[test]
    fn a_failure_comes_back_with_a_later_event() {
        let (alive, gone) = mpsc::sync_channel(0);
        let mut apart = Apart::new(Box::new(Broken { alive })).unwrap();

        apart.take(&event(0)).unwrap();
        gone.recv().unwrap_err();
        // The queue closes with the thread's closure, a moment after the show is dropped.
        let error = (1..).find_map(|seq| apart.take(&event(seq)).err()).unwrap();

        assert_eq!(error.to_string(), "stderr is gone");
    }
}
