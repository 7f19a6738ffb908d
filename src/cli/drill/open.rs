//! Whether a drill came to its end.

use crate::{
    cli::{earlier, home::RunFolder},
    model::{event::EventKind, run::RunOutcome},
    observe::journal::JournalReader,
};

/// Whether something may be left of a drill.
pub(super) fn is_open(folder: &RunFolder) -> bool {
    if earlier::resources(&folder.state()) > 0 {
        return true;
    }
    // A journal that cannot be read proves nothing.
    let Ok(journal) = JournalReader::open(&folder.journal()) else { return true };
    let mut closed = false;
    for event in journal {
        let Ok(event) = event else { return true };
        match event.kind {
            EventKind::RunFinished { outcome } => closed = outcome != RunOutcome::NotRemoved,
            // It may have been killed, too.
            EventKind::SweepStarted { .. } => closed = false,
            EventKind::SweepFinished { removed, .. } => closed = removed,
            _ => {}
        }
    }
    !closed
}
