//! Valid text that the parser refuses, rewritten so that it takes it.
//!
//! Whatever can be done by overwriting bytes is done so, since then no offset moves. Only a very
//! large object needs bytes put in between, and those are kept in an [`OffsetMap`].

use super::{
    scan::{Heredoc, LARGE, LargeObject, Scan},
    text::{BYTE_ORDER_MARK, OffsetMap},
};
use std::ops::Range;

/// How many entries an object has after it was cut up. The parser looks at every earlier entry for
/// each new one; at this size that costs less than the rest.
const PIECE: usize = 512;

/// Returns `text` as the parser takes it, and where its bytes stood.
pub(super) fn repair(text: &str, scan: &Scan) -> (String, OffsetMap) {
    let mut bytes = text.as_bytes().to_vec();
    if text.starts_with(BYTE_ORDER_MARK) {
        blank(&mut bytes, 0..BYTE_ORDER_MARK.len(), Lines::Kept);
    }
    for range in &scan.soft {
        blank(&mut bytes, range.clone(), Lines::Joined);
    }
    for duplicate in &scan.duplicates {
        blank(&mut bytes, duplicate.dead_entry.clone(), Lines::Kept);
    }
    for heredoc in &scan.misleading {
        rename(&mut bytes, heredoc);
    }
    // Only whole characters were overwritten, and only with ASCII.
    let text = String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned());
    if scan.large.is_empty() { (text, OffsetMap::default()) } else { cut(&text, &scan.large) }
}

#[derive(Clone, Copy, PartialEq)]
enum Lines {
    Kept,
    Joined,
}

fn blank(bytes: &mut [u8], range: Range<usize>, lines: Lines) {
    for byte in &mut bytes[range] {
        if lines == Lines::Joined || !matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
}

/// Gives a heredoc a marker of the same length that no line of it starts with.
fn rename(bytes: &mut [u8], heredoc: &Heredoc) {
    let length = heredoc.opening.len();
    let free = (b'A'..=b'Z').chain(b'a'..=b'z').rev().find(|letter| {
        bytes[heredoc.content.clone()].split(|byte| *byte == b'\n').all(|line| {
            let line = line.trim_ascii_start();
            line.len() < length || line[..length].iter().any(|byte| byte != letter)
        })
    });
    if let Some(letter) = free {
        bytes[heredoc.opening.clone()].fill(letter);
        bytes[heredoc.closing.clone()].fill(letter);
    }
}

/// Turns `{a, b, …}` into `merge({a, …}, {b, …})`, which is the same value.
fn cut(text: &str, large: &[LargeObject]) -> (String, OffsetMap) {
    let mut cuts: Vec<(usize, &str)> = Vec::new();
    for object in large {
        cuts.push((object.whole.start, "merge("));
        let pieces = object.entries.iter().step_by(PIECE).skip(1);
        cuts.extend(pieces.map(|start| (*start, "}, {")));
        cuts.push((object.whole.end, ")"));
    }
    cuts.sort_by_key(|(at, _)| *at);
    let (mut parsed, mut map, mut from) =
        (String::with_capacity(text.len()), OffsetMap::default(), 0);
    for (at, extra) in cuts {
        map.push(parsed.len(), from, at - from);
        parsed.push_str(&text[from..at]);
        parsed.push_str(extra);
        from = at;
    }
    map.push(parsed.len(), from, text.len() - from);
    parsed.push_str(&text[from..]);
    (parsed, map)
}

const _: () = assert!(PIECE < LARGE);
