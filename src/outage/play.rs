//! What a watch would see, played on a clock of its own: nothing waits, and nothing is asked for real.

use super::{Change, Control, Judge, Moment, standing::Seen};
use crate::probe::Why;
use jiff::Timestamp;

/// What a question meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// What is answered.
    pub why: Why,
    /// How long that takes, in milliseconds; at most the probe's timeout counts.
    pub took_ms: Moment,
}

/// Where questions are asked and answers heard, on a clock that is played.
pub trait Stage {
    /// Returns what a probe that is asked at a moment meets.
    fn ask(&mut self, judge: &Judge, probe: usize, asked: Moment) -> Met;

    /// Hears what changed with an answer.
    fn hear(&mut self, judge: &Judge, answered: Moment, changes: Vec<Change>) -> Control;

    /// Returns what the wall clock shows at a moment.
    fn wall(&self, at: Moment) -> Timestamp;
}

/// Asks every probe of `judge`, each first when `due` says and then as [`super::watch()`] would, until
/// `until` or until the stage says stop. Returns when that was.
pub fn play(
    judge: &mut Judge,
    mut due: Vec<Moment>,
    until: Moment,
    stage: &mut dyn Stage,
) -> Moment {
    loop {
        let next = due.iter().copied().enumerate().min_by_key(|(_, at)| *at);
        let Some((probe, asked)) = next.filter(|(_, at)| *at <= until) else { return until };
        let timeout_ms = judge.questions()[probe].timeout_ms;
        let met = stage.ask(judge, probe, asked);
        let (why, took_ms) = match met.took_ms < timeout_ms {
            true => (met.why, met.took_ms),
            false => (Why::Timeout, timeout_ms),
        };
        let answered = asked + took_ms;
        let seen = Seen { asked, answered, why, detail: why.to_string(), warning: None };
        let changes = judge.take(probe, &seen, stage.wall(answered));
        let control = stage.hear(judge, answered, changes);
        due[probe] = (asked + judge.pace_ms(probe)).max(answered);
        if control == Control::Stop {
            return answered;
        }
    }
}
