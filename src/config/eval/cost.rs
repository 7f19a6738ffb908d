//! What evaluation may cost, so that no input takes all time, memory or stack.

use super::value::{Piece, Unknown, Value};
use std::cell::Cell;

/// How many nodes of expressions and values one question may visit.
const STEPS: u64 = 1_000_000;
/// How many all questions about a root module may visit.
const TOTAL: u64 = 30_000_000;
/// How deep expressions may stand in each other, through all the names that they use.
const DEPTH: u32 = 320;
/// How many values may be in one.
const SIZE: u64 = 250_000;
/// How deep values may be in each other.
const NESTED: u32 = 96;
/// How many bytes a string may have.
pub(super) const TEXT: usize = 1 << 20;

/// A count of what was spent.
pub(super) struct Cost {
    left: Cell<u64>,
    total: Cell<u64>,
    depth: Cell<u32>,
    limits: Cell<u64>,
    question: Cell<u64>,
    refused: Cell<u64>,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            left: Cell::new(STEPS),
            total: Cell::new(TOTAL),
            depth: Cell::new(0),
            limits: Cell::new(0),
            question: Cell::new(0),
            refused: Cell::new(0),
        }
    }
}

impl Cost {
    /// Runs one step that is deeper than the one that it is run in.
    pub(super) fn enter(&self, run: impl FnOnce() -> Value) -> Value {
        let depth = self.depth.get();
        if depth == 0 {
            let steps = STEPS.min(self.total.get());
            self.left.set(steps);
            self.question.set(self.question.get() + 1);
        }
        if depth >= DEPTH || !self.spend(1) {
            return self.limit();
        }
        self.depth.set(depth + 1);
        let value = run();
        self.depth.set(depth);
        value
    }

    /// Takes steps away; false when none are left.
    pub(super) fn spend(&self, steps: u64) -> bool {
        let left = self.left.get();
        self.total.set(self.total.get().saturating_sub(steps));
        self.left.set(left.saturating_sub(steps));
        left >= steps
    }

    /// Says that something was too much from where it was asked, and may not be from elsewhere.
    pub(super) fn limit(&self) -> Value {
        self.limits.set(self.limits.get() + 1);
        Value::Unknown(Unknown::Limit)
    }

    /// How often something was too much from where it was asked.
    pub(super) fn limits(&self) -> u64 {
        self.limits.get()
    }

    /// The number of the question that is being answered.
    pub(super) fn question(&self) -> u64 {
        self.question.get()
    }

    /// Notes an error that no `try` saves from.
    pub(super) fn refuse(&self) {
        self.refused.set(self.refused.get() + 1);
    }

    /// How many errors there were that no `try` saves from.
    pub(super) fn refused(&self) -> u64 {
        self.refused.get()
    }

    /// Returns a value unless it is too large. Values share their parts, so that a short text can
    /// make one that would take forever to walk through.
    pub(super) fn bounded(&self, value: Value) -> Value {
        let plain = match &value {
            Value::String(text) => text.len() <= TEXT && self.spend(text.len() as u64 / 256),
            Value::Partial(pieces) => {
                let length = |piece: &Piece| match piece {
                    Piece::Text(text) => text.len(),
                    Piece::Unknown(_) => 0,
                };
                pieces.len() <= 4096 && pieces.iter().map(length).sum::<usize>() <= TEXT
            }
            Value::List(_) | Value::Set(_) | Value::Map(_) => {
                let mut left = SIZE;
                let fits = fits(&value, NESTED, &mut left);
                fits && self.spend(SIZE - left)
            }
            _ => return value,
        };
        // That is so wherever it is asked.
        if plain { value } else { Value::Unknown(Unknown::Limit) }
    }
}

fn fits(value: &Value, depth: u32, left: &mut u64) -> bool {
    let items = match value {
        Value::List(items) | Value::Set(items) => items,
        Value::Map(entries) => {
            return depth > 0
                && take(left, entries.len())
                && entries.values().all(|value| fits(value, depth - 1, left));
        }
        _ => return true,
    };
    depth > 0 && take(left, items.len()) && items.iter().all(|value| fits(value, depth - 1, left))
}

fn take(left: &mut u64, count: usize) -> bool {
    let count = u64::try_from(count).unwrap_or(u64::MAX).saturating_add(1);
    let enough = *left >= count;
    *left = left.saturating_sub(count);
    enough
}
