//! Text from outside made safe to show, and bytes made text.

use std::{borrow::Cow, collections::BTreeMap};

/// Returns bytes in hexadecimal, lower case.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// Returns `text` on one line and without anything that a terminal would obey.
///
/// Line breaks and tabs become spaces. Other control characters (escape
/// sequences begin with one) and the marks that turn the direction of writing,
/// which can make a name look like another, are written out, as in `\u{1b}`.
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' | '\t' | '\u{2028}' | '\u{2029}' => safe.push(' '),
            '\r' => {}
            c if is_harmful(c) => safe.extend(c.escape_unicode()),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Returns lines without anything that a terminal would obey, as [`plain`] does for one.
pub fn plain_lines(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c != '\n' && is_harmful(c)) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<Cow<'_, str>> = text.split('\n').map(plain).collect();
    Cow::Owned(lines.join("\n"))
}

/// Returns JSON in which everything that a terminal would obey is escaped, which JSON allows in a string,
/// where alone it can stand.
pub fn plain_json(json: &str) -> Cow<'_, str> {
    let steers = |c: char| !matches!(c, '\n' | '\t' | '\r') && is_harmful(c);
    if !json.contains(steers) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 8);
    for c in json.chars() {
        match c {
            c if steers(c) => safe.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Returns true for a character that a terminal obeys, or that turns the direction of writing.
///
/// Line breaks and tabs are among them.
pub fn is_harmful(c: char) -> bool {
    // The directional marks of Unicode's bidirectional algorithm (UAX #9), and the line separators.
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns a text with what stands in the fallback in the place of what stands in the primary: of all
/// that `replace` has and the text holds, the longest, wherever it is. `None` when it holds none.
pub fn replaced(text: &str, replace: &BTreeMap<String, String>) -> Option<String> {
    let held = replace.iter().filter(|(old, _)| !old.is_empty() && text.contains(old.as_str()));
    let (old, new) = held.max_by_key(|(old, _)| old.len())?;
    Some(text.replace(old.as_str(), new))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_what_is_replaced_is() {
        let replace = [("tokyo", "seoul"), ("tokyo.example.com", "pull.example.com"), ("", "x")]
            .map(|(old, new)| (old.to_owned(), new.to_owned()))
            .into();
        let of = |text| replaced(text, &replace);
        assert_eq!(of("tokyo.example.com/web:1").as_deref(), Some("pull.example.com/web:1"));
        assert_eq!(of("tokyo/web:1").as_deref(), Some("seoul/web:1"));
        assert_eq!(of("busybox"), None);
    }

    #[test]
    fn lines_stay_lines_and_json_stays_the_same_json() {
        assert_eq!(plain_lines("a\n  b\u{1b}[2J\n"), "a\n  b\\u{1b}[2J\n");
        let json = serde_json::to_string(&["\u{9b}2J\u{202e}\u{7f}\u{1b}"]).unwrap();
        let safe = plain_json(&json);
        assert_eq!(safe, r#"["\u009b2J\u202e\u007f\u001b"]"#);
        let read = |json: &str| serde_json::from_str::<serde_json::Value>(json).unwrap();
        assert_eq!(read(&safe), read(&json));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let shown = [
            "aws_instance.web[\"서울\"]",
            "\u{1b}[2Jgone\u{7}",
            "two\r\nlines\tand a tab",
            "\u{9b}31mC1",
            "abc\u{202e}fed",
        ]
        .map(plain);
        insta::assert_snapshot!(shown.join("\n"), @r#"
        aws_instance.web["서울"]
        \u{1b}[2Jgone\u{7}
        two lines and a tab
        \u{9b}31mC1
        abc\u{202e}fed
        "#);
    }
}
