//! A display that keeps quiet until somebody said go.

use crate::model::event::{Event, EventKind, Sink};
use std::io;

/// Holds events back until the run is declared or over, since a prompt has the terminal until then.
pub(super) struct AfterGo {
    show: Box<dyn Sink>,
    held: Option<Vec<Event>>,
}

impl AfterGo {
    pub(super) fn new(show: Box<dyn Sink>) -> Self {
        Self { show, held: Some(Vec::new()) }
    }
}

impl Sink for AfterGo {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        let Some(held) = &mut self.held else { return self.show.take(event) };
        held.push(event.clone());
        if matches!(event.kind, EventKind::Declared { .. } | EventKind::RunResumed { .. }) {
            let held = self.held.take().unwrap_or_default();
            return held.iter().try_for_each(|event| self.show.take(event));
        }
        Ok(())
    }
}
