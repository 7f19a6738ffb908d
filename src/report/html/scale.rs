//! An axis of time: what it spans, where its ticks are, and where a time lies on it.

/// Steps between ticks that people count in, in seconds.
const STEPS: &[u64] = &[
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200,
    86_400,
];
/// The most ticks there are on an axis; more would not be read.
const TICKS: u64 = 8;

/// A stretch of time that is drawn from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    begin_ms: u64,
    span_ms: u64,
}

/// A mark on an axis.
#[derive(Debug, PartialEq)]
pub(super) struct Tick {
    /// In percent from the left.
    pub(super) left: String,
    pub(super) label: String,
}

impl Axis {
    /// Spans from one time to another, and at least a millisecond.
    pub(super) fn new(begin_ms: u64, end_ms: u64) -> Self {
        Self { begin_ms, span_ms: end_ms.saturating_sub(begin_ms).max(1) }
    }

    /// Returns where a time lies, in percent from the left; what lies outside is at the edge.
    pub(super) fn at(self, ms: u64) -> f64 {
        let passed = ms.saturating_sub(self.begin_ms).min(self.span_ms);
        passed as f64 * 100.0 / self.span_ms as f64
    }

    /// Returns true when a time lies on it.
    pub(super) fn holds(self, ms: u64) -> bool {
        (self.begin_ms..=self.begin_ms.saturating_add(self.span_ms)).contains(&ms)
    }

    /// Returns where a stretch begins and how wide it is, in percent, as text.
    pub(super) fn stretch(self, began_ms: u64, took_ms: u64) -> (String, String) {
        let (left, right) = (self.at(began_ms), self.at(began_ms.saturating_add(took_ms)));
        (pct(left), pct(right - left))
    }

    /// Returns the ticks, counted from where `zero_ms` is.
    pub(super) fn ticks(self, zero_ms: u64) -> Vec<Tick> {
        let fits = |step: &&u64| self.span_ms / (**step * 1_000) < TICKS;
        let days = (self.span_ms / TICKS).div_ceil(86_400_000).saturating_mul(86_400_000);
        let step_ms = STEPS.iter().find(fits).map_or(days, |step| step * 1_000);
        let first = self.begin_ms.saturating_sub(zero_ms).div_ceil(step_ms);
        (first..)
            .map_while(|number| {
                let since: u64 = step_ms.checked_mul(number)?;
                Some((since, zero_ms.checked_add(since)?))
            })
            .take_while(|(_, ms)| self.holds(*ms))
            .map(|(since, ms)| Tick { left: pct(self.at(ms)), label: short(since) })
            .collect()
    }
}

/// Returns a number of percent as a style sheet reads it.
pub(super) fn pct(percent: f64) -> String {
    format!("{percent:.2}")
}

/// Returns a whole number of seconds without the parts that are zero: `1h30m`, `45s`.
fn short(ms: u64) -> String {
    let secs = ms / 1_000;
    let parts =
        [(secs / 86_400, "d"), (secs / 3_600 % 24, "h"), (secs / 60 % 60, "m"), (secs % 60, "s")];
    let text: String =
        parts.iter().filter(|part| part.0 > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(begin_ms: u64, end_ms: u64, zero_ms: u64) -> String {
        let ticks = Axis::new(begin_ms, end_ms).ticks(zero_ms);
        ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_are_where_people_count() {
        assert_eq!(labels(0, 812_000, 0), "0 2m 4m 6m 8m 10m 12m");
        assert_eq!(labels(0, 2_300_000, 0), "0 5m 10m 15m 20m 25m 30m 35m");
        assert_eq!(labels(0, 2_400_000, 0), "0 10m 20m 30m 40m");
        assert_eq!(labels(0, 7_000, 0), "0 1s 2s 3s 4s 5s 6s 7s");
        assert_eq!(labels(0, 40_000_000, 0), "0 2h 4h 6h 8h 10h");
        assert_eq!(labels(3_600_000, 3_900_000, 3_600_000), "0 1m 2m 3m 4m 5m");
        assert_eq!(labels(0, 0, 0), "0");
        assert!(Axis::new(0, u64::MAX).ticks(0).len() < 10);
    }

    #[test]
    fn a_time_lies_on_the_axis_or_at_its_edge() {
        let axis = Axis::new(1_000, 3_000);
        assert_eq!(
            [0, 1_000, 2_000, 3_000, 9_000].map(|ms| pct(axis.at(ms))),
            ["0.00", "0.00", "50.00", "100.00", "100.00"]
        );
        assert_eq!(axis.stretch(1_500, 500), ("25.00".to_owned(), "25.00".to_owned()));
        assert_eq!(axis.stretch(2_500, u64::MAX), ("75.00".to_owned(), "25.00".to_owned()));
    }
}
