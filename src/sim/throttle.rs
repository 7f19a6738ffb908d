//! A queue before an interface that lets only so many calls through a second.

use crate::sim::scenario::Throttle;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// When each throttled interface lets the next call through.
///
/// A token bucket, kept as one time per interface: the time at which it would be
/// full of calls again. Microseconds, so that 300 calls a second do not drift.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Queues {
    full_at_us: BTreeMap<String, u64>,
}

impl Queues {
    /// Lines a call up at `now_ms`, and returns when it is let through.
    ///
    /// # Errors
    ///
    /// How long a caller waited that gave up, in milliseconds; it used up no turn.
    pub(super) fn enter(
        &mut self,
        throttle: &Throttle,
        interface: String,
        now_ms: u64,
    ) -> Result<u64, u64> {
        let now_us = now_ms.saturating_mul(1_000);
        let gap_us = ((1_000_000.0 / throttle.per_second).round() as u64).max(1);
        let burst_us = gap_us.saturating_mul(u64::from(throttle.burst.max(1)) - 1);

        let full_at_us = self.full_at_us.get(&interface).copied().unwrap_or_default();
        let start_us = now_us.max(full_at_us.saturating_sub(burst_us));
        let start_ms = start_us.div_ceil(1_000);
        match throttle.give_up_after_ms {
            Some(patience_ms) if start_ms - now_ms > patience_ms => Err(patience_ms),
            _ => {
                self.full_at_us.insert(interface, full_at_us.max(start_us) + gap_us);
                Ok(start_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::scenario::On;

    fn throttle(per_second: f64, burst: u32, give_up_after_ms: Option<u64>) -> Throttle {
        Throttle { on: On::default(), per_second, burst, give_up_after_ms }
    }

    fn starts(throttle: &Throttle, arrivals: &[u64]) -> Vec<Result<u64, u64>> {
        let mut queues = Queues::default();
        arrivals.iter().map(|now| queues.enter(throttle, "ec2".to_owned(), *now)).collect()
    }

    #[test]
    fn two_a_second_without_a_burst_start_half_a_second_apart() {
        let starts = starts(&throttle(2.0, 1, None), &[0, 0, 0, 100, 5_000]);
        assert_eq!(starts, [Ok(0), Ok(500), Ok(1_000), Ok(1_500), Ok(5_000)]);
    }

    #[test]
    fn a_burst_goes_through_at_once_and_is_saved_up_again() {
        // Three at once, then one each 500 ms; at 10 s three have been saved up again.
        let starts =
            starts(&throttle(2.0, 3, None), &[0, 0, 0, 0, 0, 10_000, 10_000, 10_000, 10_000]);
        let expected = [0, 0, 0, 500, 1_000, 10_000, 10_000, 10_000, 10_500].map(Ok);
        assert_eq!(starts, expected);
    }

    #[test]
    fn who_gives_up_uses_no_turn() {
        let starts = starts(&throttle(1.0, 1, Some(1_500)), &[0, 0, 0, 600]);
        // The third would wait 2 s; the fourth gets that turn after 1.4 s.
        assert_eq!(starts, [Ok(0), Ok(1_000), Err(1_500), Ok(2_000)]);
    }

    #[test]
    fn a_rate_that_is_no_whole_number_of_milliseconds_does_not_drift() {
        let starts = starts(&throttle(300.0, 1, None), &[0; 301]);
        // 300 turns of 3,333 microseconds.
        assert_eq!(starts[300], Ok(1_000));
    }
}
