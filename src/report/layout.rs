//! How text is laid out: colours, columns, line breaks, and what is safe to show.

use crate::model::text::plain;
use crate::model::time::Pretty;

/// The widest a report gets, in columns: wider lines are hard to read.
const WIDEST: usize = 100;
/// The narrowest that the tables fit in.
const NARROWEST: usize = 60;

/// The width of a duration, such as `12h02m05s`.
pub(super) const TIME: usize = 9;

/// How a report is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// True for colours, as ANSI escape sequences.
    pub color: bool,
    /// The width of the terminal, in columns. Less than 60 is taken as 60, more than 100 as 100.
    pub columns: usize,
}

impl Default for Style {
    /// No colour, and as wide as a report gets: for files and pipes.
    fn default() -> Self {
        Self { color: false, columns: WIDEST }
    }
}

/// What a piece of text is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Doubtful,
    Title,
}

impl Style {
    pub(crate) fn width(self) -> usize {
        self.columns.clamp(NARROWEST, WIDEST)
    }

    /// Returns `text` in its colour, when colours are wanted. Pad it before.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        // SGR codes of ECMA-48: bold, with green, red or yellow.
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Bad => "1;31",
            Tone::Doubtful => "1;33",
            Tone::Title => "1",
        };
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Text that grows downwards.
pub(crate) struct Page {
    pub(crate) style: Style,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn new(style: Style) -> Self {
        Self { style, text: String::new() }
    }

    /// Adds a line that is known to fit and to be safe.
    pub(crate) fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    /// Adds an empty line and a title.
    pub(crate) fn section(&mut self, title: &str) {
        let title = self.style.paint(Tone::Title, title);
        self.line("");
        self.line(&title);
    }

    /// Adds text behind a mark; where it breaks, it goes on below itself.
    pub(crate) fn hanging(&mut self, mark: &str, text: &str) {
        let indent = plain(mark).chars().count();
        for (number, line) in wrap(text, self.style.width() - indent).into_iter().enumerate() {
            let before = if number == 0 { plain(mark).into_owned() } else { " ".repeat(indent) };
            self.line(&format!("{before}{line}"));
        }
    }

    /// As [`Page::hanging`], behind a word in its colour and `between`.
    pub(crate) fn hanging_toned(&mut self, tone: Tone, word: &str, between: &str, text: &str) {
        let begin = self.text.len();
        self.hanging(&format!("{word}{between}"), text);
        let painted = self.style.paint(tone, word);
        self.text.replace_range(begin..begin + word.len(), &painted);
    }

    /// Adds a name and its value, as text that may break.
    pub(crate) fn field(&mut self, name: &str, text: &str) {
        self.hanging(&format!("  {name:<14}  "), text);
    }

    /// Adds a duration with its share of a whole, in numbers and as a bar.
    pub(crate) fn share(&mut self, what: &str, ms: u64, of_ms: u64, mark: &str) {
        let room = (self.style.width() as u64).saturating_sub(52);
        let share = |parts: u64| (ms * parts + of_ms / 2).checked_div(of_ms).unwrap_or(0);
        let (time, percent) = (Pretty::ms(ms).to_string(), format!("{}%", share(100)));
        let bar = "#".repeat(usize::try_from(share(room)).unwrap_or(0));
        self.line(&format!("  {what:<14}  {time:>TIME$}  {percent:>4}  {bar}{mark}"));
    }
}

/// Returns `text` in at most `room` characters, with its middle left out: both
/// ends of an address tell it apart.
pub(crate) fn fit(text: &str, room: usize) -> String {
    let text = plain(text);
    let length = text.chars().count();
    if length <= room {
        return text.into_owned();
    }
    let kept = room.saturating_sub(3);
    let (front, back) = (kept - kept / 2, kept / 2);
    text.chars().take(front).chain("...".chars()).chain(text.chars().skip(length - back)).collect()
}

/// Breaks `text` into lines of at most `room` characters, at spaces where there are any.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let text = plain(text);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_whitespace() {
        let mut letters: Vec<char> = word.chars().collect();
        if used > 0 && used + 1 + letters.len() > room {
            lines.push(String::new());
            used = 0;
        }
        while letters.len() > room {
            let rest = letters.split_off(room);
            lines.last_mut().into_iter().for_each(|line| line.extend(&letters));
            lines.push(String::new());
            letters = rest;
        }
        if let Some(line) = lines.last_mut() {
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            used += letters.len();
            line.extend(letters);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_spaces_and_inside_only_when_they_must() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("a abcdefghijkl b", 5), ["a", "abcde", "fghij", "kl b"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("two\nlines", 20), ["two lines"]);
    }

    #[test]
    fn an_address_keeps_both_ends() {
        assert_eq!(fit("module.a.aws_instance.web[0]", 15), "module...web[0]");
        assert_eq!(fit("short", 15), "short");
    }
}
