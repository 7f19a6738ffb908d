//! The stream itself, for programs: one JSON object a line, as in the journal.

use super::json_line;
use crate::model::event::{Event, Sink};
use std::io::{self, Write};

/// Writes every event as a line of JSON and flushes it.
pub struct JsonLines<W> {
    out: W,
}

impl<W: Write> JsonLines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + Send> Sink for JsonLines<W> {
    fn take(&mut self, event: &Event) -> io::Result<()> {
        self.out.write_all(&json_line(event)?)?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{event::EventKind, step::StepId};

    #[test]
    fn one_event_is_one_line_also_when_a_name_has_two() {
        let mut out = Vec::new();
        let kind =
            EventKind::Noted { step: Some(StepId::new("data")), message: "a\nb\u{1b}".into() };
        JsonLines::new(&mut out).take(&Event { seq: 0, elapsed_ms: 5, kind }).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"{"seq":0,"elapsed_ms":5,"event":"noted","step":"data","message":"a\nb\u001b"}"#);
    }
}
