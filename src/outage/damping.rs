//! Who goes up and down all the time is not believed, as routers damp routes (RFC 2439).

use super::Moment;
use crate::runbook::Flap;
use serde::{Deserialize, Serialize};

/// A penalty for coming up again, which halves in a half-life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Damping {
    penalty: f64,
    at_ms: Moment,
    suppressed: bool,
}

impl Damping {
    /// Counts that it came up again.
    pub(super) fn came_up(&mut self, now: Moment, rules: &Flap) {
        self.penalty = (self.at(now, rules) + 1.0).min(rules.most);
        self.at_ms = now;
        self.suppressed |= self.penalty >= rules.suppress;
    }

    /// Lets time pass; returns true when it is not believed.
    pub(super) fn is_suppressed(&mut self, now: Moment, rules: &Flap) -> bool {
        if self.suppressed && self.at(now, rules) < rules.reuse {
            self.suppressed = false;
        }
        self.suppressed
    }

    /// Moves its time, which is another after a restart.
    pub(super) fn shift(&mut self, by: Moment) {
        self.at_ms = self.at_ms.saturating_add(by);
    }

    fn at(&self, now: Moment, rules: &Flap) -> f64 {
        let halves = (now - self.at_ms).max(0) as f64 / rules.half_life.as_millis() as f64;
        self.penalty * 0.5_f64.powf(halves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_times_in_a_short_while_is_too_often_and_is_forgiven() {
        let rules = Flap::default();
        let mut damping = Damping::default();
        for at in [0, 20_000, 40_000] {
            assert!(!damping.is_suppressed(at, &rules));
            damping.came_up(at, &rules);
        }
        assert!(!damping.is_suppressed(40_000, &rules), "2.87 is below 3");
        damping.came_up(60_000, &rules);
        assert!(damping.is_suppressed(60_000, &rules));
        // 3.74 is 1.5 after 1.32 half-lives of 5 min.
        assert!(damping.is_suppressed(60_000 + 390_000, &rules));
        assert!(!damping.is_suppressed(60_000 + 400_000, &rules));
    }

    #[test]
    fn however_often_it_is_forgiven_after_two_half_lives() {
        let rules = Flap::default();
        let mut damping = Damping::default();
        (0..1_000).for_each(|at| damping.came_up(at * 15_000, &rules));
        let last = 999 * 15_000;
        assert!(damping.is_suppressed(last + 599_000, &rules));
        assert!(!damping.is_suppressed(last + 601_000, &rules));
    }
}
