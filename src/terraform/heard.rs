//! What was heard of a command while it ran.

use crate::terraform::{Diagnostic, InFlight, Severity, Timing, UiMessage, tail::Tail};
use std::io;

/// How many of a command's errors are kept: a disk that is full gives one a resource.
const KEPT: usize = 100;

/// How many chunks are read in one look, so that a flood of output cannot keep
/// drctl from hearing that it should stop.
const AT_ONCE: usize = 64;

/// Follows a command while it runs. What is not overridden is what one hears of
/// a command that prints a document.
pub(super) trait Listen: Send {
    /// Takes in what has been written since the last look, if it is not too much.
    fn look(&mut self) {}
    /// Takes in all the rest: the command has ended.
    fn end(&mut self) {}
    /// Notes that the command was interrupted, and returns what is in flight.
    fn interrupted(&mut self) -> Vec<InFlight> {
        vec![]
    }
    /// Returns what has begun and not ended.
    fn in_flight(&self) -> Vec<InFlight> {
        vec![]
    }
    /// Tells whether a piece of work ended well since the command was interrupted.
    fn has_done(&self, _: &InFlight) -> bool {
        false
    }
    /// Returns the errors that the command told, each once.
    fn errors(&self) -> &[Diagnostic] {
        &[]
    }
}

/// Listens to nothing: a document is read when it is whole.
pub(super) struct Deaf;

impl Listen for Deaf {}

/// Listens to a stream of messages, and hands each on.
pub(super) struct Heard<'a> {
    tail: Tail,
    on: &'a mut (dyn FnMut(UiMessage) + Send),
    timing: Timing,
    done: Vec<InFlight>,
    errors: Vec<Diagnostic>,
    /// Why the log cannot be read any more. The command goes on all the same.
    pub(super) broken: Option<io::Error>,
}

impl<'a> Heard<'a> {
    pub(super) fn new(tail: Tail, on: &'a mut (dyn FnMut(UiMessage) + Send)) -> Self {
        Self { tail, on, timing: Timing::default(), done: vec![], errors: vec![], broken: None }
    }

    /// Reads one chunk; returns false when there is no more.
    fn read_some(&mut self) -> bool {
        if self.broken.is_some() {
            return false;
        }
        let Self { tail, on, timing, done, errors, .. } = self;
        let more = tail.read_some(&mut |message| {
            note(&message, timing, done, errors);
            on(message);
        });
        more.unwrap_or_else(|error| {
            self.broken = Some(error);
            false
        })
    }
}

fn note(
    message: &UiMessage,
    timing: &mut Timing,
    done: &mut Vec<InFlight>,
    errors: &mut Vec<Diagnostic>,
) {
    if let Some(timed) = timing.take(message)
        && timed.ok
    {
        done.push(InFlight { address: timed.address, action: timed.action });
    }
    if let UiMessage::Diagnostic(found) = message
        && found.severity == Severity::Error
        && errors.len() < KEPT
        && !errors.contains(found)
    {
        errors.push(found.clone());
    }
}

impl Listen for Heard<'_> {
    fn look(&mut self) {
        for _ in 0..AT_ONCE {
            if !self.read_some() {
                break;
            }
        }
    }

    fn end(&mut self) {
        while self.read_some() {}
        let Self { tail, on, timing, done, errors, .. } = self;
        tail.finish(&mut |message| {
            note(&message, timing, done, errors);
            on(message);
        });
    }

    fn interrupted(&mut self) -> Vec<InFlight> {
        self.look();
        self.done.clear();
        self.in_flight()
    }

    fn in_flight(&self) -> Vec<InFlight> {
        let open = self.timing.in_flight();
        open.map(|(address, action)| InFlight { address: address.to_owned(), action }).collect()
    }

    fn has_done(&self, work: &InFlight) -> bool {
        self.done.contains(work)
    }

    fn errors(&self) -> &[Diagnostic] {
        &self.errors
    }
}
