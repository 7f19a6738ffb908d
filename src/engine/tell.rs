//! How a task of a run says what it does: only the run's loop makes events.

use crate::model::{
    event::EventKind,
    secrets::Secrets,
    step::{Phase, StepId},
};
use tokio::sync::{mpsc, oneshot};

/// What a task says, and who waits until it is remembered.
pub(super) struct Word {
    /// What happened.
    pub(super) kind: EventKind,
    /// Answered once it is in the journal: true when it really is.
    pub(super) heard: Option<oneshot::Sender<bool>>,
    /// What must not be shown from now on.
    pub(super) secrets: Secrets,
}

/// The journal could not be written, so nothing new may be begun.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forgotten;

/// The voice of one step.
#[derive(Clone)]
pub(super) struct Teller {
    step: StepId,
    words: mpsc::UnboundedSender<Word>,
}

impl Teller {
    /// Makes the voice of `step`, heard by whoever reads `words`.
    pub(super) fn new(step: StepId, words: mpsc::UnboundedSender<Word>) -> Self {
        Self { step, words }
    }

    /// Returns whose voice it is.
    pub(super) fn step(&self) -> &StepId {
        &self.step
    }

    /// Says what happened. What nobody hears any more is lost, as the run then is over.
    pub(super) fn say(&self, kind: EventKind) {
        self.say_with(kind, Secrets::default());
    }

    /// Says what happened, after which `secrets` are known and never told.
    pub(super) fn say_with(&self, kind: EventKind, secrets: Secrets) {
        let _ = self.words.send(Word { kind, heard: None, secrets });
    }

    /// Says something worth knowing that stopped nothing.
    pub(super) fn note(&self, message: impl Into<String>) {
        self.say(EventKind::Noted { step: Some(self.step.clone()), message: message.into() });
    }

    /// Says that a phase begins, and returns once that is in the journal.
    pub(super) async fn begins(&self, phase: Phase) -> Result<(), Forgotten> {
        let (heard, hears) = oneshot::channel();
        let kind = EventKind::PhaseStarted { step: self.step.clone(), phase };
        let word = Word { kind, heard: Some(heard), secrets: Secrets::default() };
        self.words.send(word).map_err(|_| Forgotten)?;
        if hears.await == Ok(true) { Ok(()) } else { Err(Forgotten) }
    }

    /// Says that a phase ended.
    pub(super) fn ends(&self, phase: Phase, ok: bool) {
        self.say(EventKind::PhaseFinished { step: self.step.clone(), phase, ok });
    }
}
