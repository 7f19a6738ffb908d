//! Text from outside inside of Markdown, as GitHub and GitLab read it.
//!
//! Everything is first made [`plain`], so that it is on one line and obeys nothing.

use crate::model::text::plain;

/// Returns a message, also in a table; what stands in backticks is code, and nothing else is markup.
pub fn prose(text: &str) -> String {
    let parts: Vec<_> = text.split('`').collect();
    // An odd backtick is only a backtick, and then nobody can tell which one it is.
    if parts.len().is_multiple_of(2) {
        return literal(text);
    }
    let show = |(number, part): (usize, &&str)| match number % 2 {
        0 => literal(part),
        _ => code(part),
    };
    parts.iter().enumerate().map(show).collect()
}

/// Returns text of which Markdown makes nothing.
pub fn literal(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            // A backslash before it would do, but not behind another one.
            '|' => safe.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' | '$' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

/// Returns text as code.
pub fn code(text: &str) -> String {
    let text = plain(text);
    if text.trim() == text && !text.is_empty() && !text.contains(['|', '`', '\\']) {
        return format!("`{text}`");
    }
    format!("<code>{}</code>", html(&text))
}

/// Returns text inside of an HTML element, with nothing that Markdown would take for its own.
pub fn html(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in plain(text).chars() {
        match c {
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '$' => {
                safe += &format!("&#{};", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let nasty = "a|b `c|d` <b>*x*</b> [l](u)\nnext";
        assert_eq!(
            prose(nasty),
            "a&#124;b <code>c&#124;d</code> &lt;b&gt;\\*x\\*&lt;/b&gt; \\[l\\](u) next"
        );
        assert_eq!(code("aws_vpc.main"), "`aws_vpc.main`");
        assert_eq!(code("a`b"), "<code>a&#96;b</code>");
        assert_eq!(html("<i>|"), "&#60;i&#62;&#124;");
        assert_eq!(literal("an odd ` alone"), "an odd \\` alone");
    }
}
