//! Standard output and standard error.

use super::error::CliError;
use crate::model::text::{plain_json, plain_lines};
use clap::ColorChoice;
use std::{
    env,
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

/// Where drctl prints: answers to standard output, everything else to standard error.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ui {
    color: ColorChoice,
}

impl Ui {
    /// Prints with colour as `color` says.
    pub(super) fn new(color: ColorChoice) -> Self {
        Self { color }
    }

    /// Prints an answer. A reader that has gone away is no error.
    ///
    /// Whoever made a text has made names in it harmless, and put its colours in; JSON holds them as they
    /// are.
    pub(super) fn answer(&self, text: &str) {
        let text = match text.starts_with(['{', '[']) {
            true => plain_json(text),
            false => text.into(),
        };
        let mut out = io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// Prints something that is no answer; names in it are made harmless.
    pub(super) fn say(&self, text: &str) {
        self.write(&plain_lines(text));
    }

    fn write(&self, text: &str) {
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }

    /// Prints an error.
    pub(super) fn error(&self, error: &CliError) {
        let text = error.to_string();
        let text = plain_lines(&text).into_owned();
        let text = match text.strip_prefix("error:") {
            Some(rest) if self.color_on_stderr() => format!("\x1b[1;31merror:\x1b[0m{rest}"),
            _ => text,
        };
        self.write(&text);
    }

    /// Returns true when answers are coloured.
    pub(super) fn color_on_stdout(&self) -> bool {
        self.wants_color(io::stdout().is_terminal())
    }

    /// Returns true when what is said is coloured.
    pub(super) fn color_on_stderr(&self) -> bool {
        self.wants_color(io::stderr().is_terminal())
    }

    /// Returns true when a person sits at both ends.
    pub(super) fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Returns a line on a terminal that tells how far something is.
    pub(super) fn meter(&self) -> Meter {
        let shown = io::stderr().is_terminal();
        Meter { began: Instant::now(), last: None, shown }
    }

    fn wants_color(&self, terminal: bool) -> bool {
        match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org
            ColorChoice::Auto => terminal && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }
}

/// A line on a terminal that tells how far something is, once it has taken a second.
pub(super) struct Meter {
    began: Instant,
    last: Option<Instant>,
    shown: bool,
}

impl Meter {
    /// Shows `words`, at most ten times a second.
    pub(super) fn show(&mut self, words: impl FnOnce() -> String) {
        let due = |last: Instant| last.elapsed() > Duration::from_millis(100);
        if self.shown && self.began.elapsed() > Duration::from_secs(1) && self.last.is_none_or(due)
        {
            self.last = Some(Instant::now());
            let _ = write!(io::stderr().lock(), "\r\x1b[K{}", words());
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.last.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}
