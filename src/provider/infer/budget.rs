//! What an inference may cost, so that no repository can make it run forever.

/// How much work is left, and what was exceeded first.
///
/// Work that finds it spent does nothing more and returns what is unknown; the one who began the
/// inference looks at [`Budget::exceeded`] in the end.
#[derive(Debug)]
pub(super) struct Budget {
    steps: usize,
    depth: usize,
    exceeded: Option<Limit>,
}

/// A limit of the inference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Limit {
    /// [`MAX_STEPS`] steps.
    Steps,
    /// [`MAX_DEPTH`] references or expressions inside each other.
    Depth,
}

/// Expressions evaluated, names looked up and values put together in one walk. More than twenty
/// times what the examples of large public modules need; a repository made to need all of them is
/// refused after a second or two, and some hundred megabytes.
pub const MAX_STEPS: usize = 2_000_000;

/// References and expressions inside each other.
pub const MAX_DEPTH: usize = 1_500;

/// A list is not made longer than this, whatever number it is indexed by.
pub const MAX_LENGTH: usize = 1_000;

impl Budget {
    pub(super) fn new(steps: usize) -> Self {
        Self { steps, depth: 0, exceeded: None }
    }

    /// Takes `cost` steps; false when there are none left.
    pub(super) fn spend(&mut self, cost: usize) -> bool {
        match self.steps.checked_sub(cost) {
            Some(left) if self.exceeded.is_none() => {
                self.steps = left;
                true
            }
            _ => {
                self.exceeded.get_or_insert(Limit::Steps);
                false
            }
        }
    }

    /// Goes one level deeper; false when that is too deep. [`Budget::leave`] must follow a true.
    pub(super) fn enter(&mut self) -> bool {
        if !self.spend(1) {
            return false;
        }
        if self.depth == MAX_DEPTH {
            self.exceeded = Some(Limit::Depth);
            return false;
        }
        self.depth += 1;
        true
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// How many steps are left.
    pub(super) fn left(&self) -> usize {
        self.steps
    }

    pub(super) fn exceeded(&self) -> Option<Limit> {
        self.exceeded
    }
}
