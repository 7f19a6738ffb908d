//! A run as it speaks: the one place where events are made and stamped.

use super::stop::Stop;
use crate::model::{
    event::{Event, EventKind, Sink},
    run::{DeclaredBy, RunOutcome},
    secrets::Secrets,
};
use std::io;
use tokio::time::Instant;

/// A run that has begun and has not ended.
///
/// Every event of a run goes through here, in one thread, so that its number
/// and its time are right.
pub struct Run<'a> {
    start: Instant,
    /// What had passed at `start`, in milliseconds.
    before_ms: u64,
    next: u64,
    sink: &'a mut dyn Sink,
    broken: Option<io::Error>,
    interrupted: bool,
    secrets: Secrets,
}

impl<'a> Run<'a> {
    /// Begins a run at `start` and says `started`, which is its [`EventKind::RunStarted`].
    ///
    /// # Errors
    ///
    /// The journal could not be written: a run that cannot be remembered is not begun.
    pub fn begin(start: Instant, started: EventKind, sink: &'a mut dyn Sink) -> io::Result<Self> {
        let mut run = Self {
            start,
            before_ms: 0,
            next: 0,
            sink,
            broken: None,
            interrupted: false,
            secrets: env(),
        };
        run.say(started);
        match run.broken.take() {
            None => Ok(run),
            Some(error) => Err(error),
        }
    }

    /// Takes up the stream of a run whose last event was `last`, to say what was done about it since.
    pub fn take_up(last: &Event, sink: &'a mut dyn Sink) -> Self {
        Self {
            start: Instant::now(),
            before_ms: last.elapsed_ms,
            next: last.seq + 1,
            sink,
            broken: None,
            interrupted: false,
            secrets: env(),
        }
    }

    /// Takes up the stream of a run whose last event was `last`, to go on with the run `since_ms`
    /// milliseconds after it began.
    pub fn go_on(last: &Event, since_ms: u64, sink: &'a mut dyn Sink) -> Self {
        let mut run = Self::take_up(last, sink);
        run.before_ms = run.before_ms.max(since_ms);
        run
    }

    /// Says that the operator or the policy said go.
    pub fn declared(&mut self, by: DeclaredBy) {
        self.say(EventKind::Declared { by });
    }

    /// Says something worth knowing that stopped nothing.
    pub fn note(&mut self, message: impl Into<String>) {
        self.say(EventKind::Noted { step: None, message: message.into() });
    }

    /// Says that the run was asked to stop, if it was and that is not said yet.
    pub fn interrupted(&mut self, stop: &Stop) {
        let kind = match (stop.signal(), stop.limit()) {
            // A signal that came after a limit changed nothing.
            (_, Some(limit)) => EventKind::Noted { step: None, message: limit.to_owned() },
            (Some(signal), None) => EventKind::InterruptReceived { signal: signal.to_owned() },
            (None, None) => return,
        };
        if !std::mem::replace(&mut self.interrupted, true) {
            self.say(kind);
        }
    }

    /// Takes in what is never told from now on.
    pub fn keep(&mut self, secrets: Secrets) {
        self.secrets.extend(secrets);
    }

    /// Says what happened, without the secrets that are known.
    ///
    /// Once the journal is broken nothing more is said, and [`Run::remembers`]
    /// is false from then on.
    pub fn say(&mut self, kind: EventKind) {
        if self.broken.is_some() {
            return;
        }
        let since = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        let elapsed_ms = self.before_ms.saturating_add(since);
        let event = Event { seq: self.next, elapsed_ms, kind: self.secrets.hide_in(kind) };
        self.next += 1;
        self.broken = self.sink.take(&event).err();
    }

    /// Returns false once the journal could not be written: nothing new may be begun.
    pub fn remembers(&self) -> bool {
        self.broken.is_none()
    }

    /// Ends the run.
    ///
    /// # Errors
    ///
    /// The first error from the journal, when there was one: the journal then
    /// tells less than what happened.
    pub fn finish(mut self, outcome: RunOutcome) -> io::Result<()> {
        self.say(EventKind::RunFinished { outcome });
        match self.broken {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }
}

/// What must not be told of drctl's own environment, which every program of a run has.
fn env() -> Secrets {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    Secrets::of_env(std::env::vars_os().map(|(name, value)| (text(name), text(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_falls_though_the_wall_clock_was_set_back() {
        let last = Event { seq: 7, elapsed_ms: 90_000, kind: EventKind::Unknown };
        for (since_ms, least) in [(0, 90_000), (60_000, 90_000), (600_000, 600_000)] {
            let mut sink: Vec<Event> = Vec::new();
            Run::go_on(&last, since_ms, &mut sink).note("on");
            assert_eq!(sink[0].seq, 8);
            assert!(sink[0].elapsed_ms >= least, "{since_ms}: {:?}", sink[0]);
        }
    }
}
