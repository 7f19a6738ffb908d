//! The clock of a rehearsal: while the simulated cloud works, its time goes faster.

use crate::model::event::{Event, EventKind};

/// The longest time that is believed, in milliseconds: 1,115 years. A journal that says more was not
/// written by drctl, and half a million of these still add up.
pub(super) const LONGEST: u64 = 1 << 45;

/// Turns the time of a journal into the time that the run stands for.
///
/// A rehearsal divides what a cloud would take by its time scale. So while at
/// least one resource is being worked on, or a stack is being removed, every millisecond of the journal stands
/// for as many as the scale says; at all other times, when Terraform itself and
/// drctl work, for one. The result never falls, and times on it add up.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Clock {
    scale: u64,
    in_flight: u64,
    last_ms: u64,
    stands_for_ms: u64,
}

impl Default for Clock {
    fn default() -> Self {
        Self { scale: 1, in_flight: 0, last_ms: 0, stands_for_ms: 0 }
    }
}

impl Clock {
    /// Returns what the time of `event` stands for, in milliseconds since the run began.
    pub(super) fn read(&mut self, event: &Event) -> u64 {
        let elapsed_ms = event.elapsed_ms.min(LONGEST);
        let passed = elapsed_ms.saturating_sub(self.last_ms);
        let rate = if self.in_flight > 0 { self.scale } else { 1 };
        self.last_ms = self.last_ms.max(elapsed_ms);
        let stands_for_ms = self.stands_for_ms.saturating_add(passed.saturating_mul(rate));
        self.stands_for_ms = stands_for_ms.min(LONGEST);
        match &event.kind {
            EventKind::Simulated { time_scale, .. } => self.scale = u64::from(*time_scale).max(1),
            EventKind::ResourceStarted { .. } | EventKind::RemovalStarted { .. } => {
                self.in_flight += 1;
            }
            EventKind::ResourceFinished { .. } | EventKind::RemovalFinished { .. } => {
                self.in_flight = self.in_flight.saturating_sub(1);
            }
            _ => {}
        }
        self.stands_for_ms
    }

    /// Returns what a time that one resource took stands for.
    pub(super) fn took(&self, took_ms: u64) -> u64 {
        took_ms.saturating_mul(self.scale).min(LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{resource::ResourceAction, step::StepId};

    #[test]
    fn only_what_the_cloud_takes_is_multiplied_back() {
        let started = || EventKind::ResourceStarted {
            step: StepId::new("data"),
            address: "a.b".into(),
            action: ResourceAction::Create,
        };
        let finished = || EventKind::ResourceFinished {
            step: StepId::new("data"),
            address: "a.b".into(),
            action: ResourceAction::Create,
            took_ms: 10,
            ok: true,
        };
        let simulated = EventKind::Simulated { time_scale: 100, seed: 1, dark: vec![] };
        let mut clock = Clock::default();
        let times: Vec<u64> = [
            (0, simulated),
            (500, started()),
            (505, started()),
            (510, finished()),
            (520, finished()),
            (600, EventKind::ServiceVerified),
        ]
        .into_iter()
        .enumerate()
        .map(|(seq, (elapsed_ms, kind))| clock.read(&Event { seq: seq as u64, elapsed_ms, kind }))
        .collect();
        assert_eq!(times, [0, 500, 1_000, 1_500, 2_500, 2_580]);
        assert_eq!(clock.took(10), 1_000);
    }
}
