//! How long the work on each resource took, by Terraform's own clock.

use crate::{model::resource::ResourceAction, terraform::UiMessage};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// One piece of work on one resource, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed {
    /// The resource's address.
    pub address: String,
    /// What was done to it.
    pub action: ResourceAction,
    /// From Terraform's start to its end, in milliseconds, rounded to the nearest.
    /// Zero when Terraform's clock was set back in between.
    pub took_ms: u64,
    /// True when it went well.
    pub ok: bool,
}

/// Pairs starts with ends.
///
/// One address can be worked on more than once in one command: a replacement is a
/// delete and a create, and several deposed objects of one address may be deleted
/// at the same time. So a pair is known by address, action and occurrence: the
/// first end belongs to the first start that has none yet.
#[derive(Clone, Debug, Default)]
pub struct Timing {
    open: BTreeMap<(String, ResourceAction), VecDeque<Timestamp>>,
}

impl Timing {
    /// Takes a message, and returns what it is the end of, when it is an end.
    pub fn take(&mut self, message: &UiMessage) -> Option<Timed> {
        let (address, action, end, ok) = match message {
            UiMessage::ApplyStart { address, action, at } => {
                self.open.entry((address.clone(), *action)).or_default().push_back(*at);
                return None;
            }
            UiMessage::ApplyComplete { address, action, at } => (address, *action, at, true),
            UiMessage::ApplyErrored { address, action, at } => (address, *action, at, false),
            _ => return None,
        };
        let key = (address.clone(), action);
        let starts = self.open.get_mut(&key)?;
        let start = starts.pop_front()?;
        if starts.is_empty() {
            self.open.remove(&key);
        }
        let micros = end.duration_since(start).as_micros();
        let took_ms = u64::try_from((micros + 500).div_euclid(1_000)).unwrap_or(0);
        Some(Timed { address: key.0, action, took_ms, ok })
    }

    /// Returns what has begun and not ended, in the order of the addresses.
    pub fn in_flight(&self) -> impl Iterator<Item = (&str, ResourceAction)> {
        self.open.iter().flat_map(|((address, action), starts)| {
            starts.iter().map(move |_| (address.as_str(), *action))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(lines: &str) -> (Vec<String>, Timing) {
        let mut timing = Timing::default();
        let done = lines
            .lines()
            .filter_map(|line| timing.take(&UiMessage::read(line)))
            .map(|t| {
                let ok = if t.ok { "ok" } else { "failed" };
                format!("[{} ms, {ok}] {} {}", t.took_ms, t.action, t.address)
            })
            .collect();
        (done, timing)
    }

    fn line(kind: &str, action: &str, at: &str) -> String {
        format!(
            r#"{{"type":"{kind}","@timestamp":"{at}","hook":{{"resource":{{"addr":"a.b"}},"action":"{action}"}}}}"#
        )
    }

    #[test]
    fn a_replacement_is_two_pieces_of_work() {
        let (done, _) = timed(include_str!("../../fixtures/terraform/replace/apply.jsonl"));
        let work: Vec<_> = done.iter().filter_map(|line| Some(line.split_once("] ")?.1)).collect();
        assert_eq!(
            work,
            [
                "delete terraform_data.app",
                "delete terraform_data.old[0]",
                "update terraform_data.db",
                "create terraform_data.app"
            ]
        );
    }

    #[test]
    fn the_same_work_twice_is_paired_in_order() {
        let (done, _) = timed(
            &[
                line("apply_start", "delete", "2026-01-02T03:04:05.000000Z"),
                line("apply_start", "delete", "2026-01-02T03:04:05.100000Z"),
                line("apply_complete", "delete", "2026-01-02T03:04:06.000400Z"),
                line("apply_errored", "delete", "2026-01-02T03:04:07.100600Z"),
            ]
            .join("\n"),
        );
        assert_eq!(done, ["[1000 ms, ok] delete a.b", "[2001 ms, failed] delete a.b"]);
    }

    #[test]
    fn zones_are_minded_and_a_clock_set_back_gives_zero() {
        let (done, _) = timed(
            &[
                line("apply_start", "create", "2026-01-02T12:00:00.000000+09:00"),
                line("apply_complete", "create", "2026-01-02T03:00:01.500000Z"),
                line("apply_start", "create", "2026-01-02T03:00:02.000000Z"),
                line("apply_complete", "create", "2026-01-02T03:00:01.000000Z"),
            ]
            .join("\n"),
        );
        assert_eq!(done, ["[1500 ms, ok] create a.b", "[0 ms, ok] create a.b"]);
    }

    #[test]
    fn an_end_without_a_start_is_let_go_and_a_start_without_an_end_is_in_flight() {
        let (done, timing) = timed(
            &[
                line("apply_complete", "create", "2026-01-02T03:00:01.500000Z"),
                line("apply_start", "create", "2026-01-02T03:00:02.000000Z"),
            ]
            .join("\n"),
        );
        assert!(done.is_empty());
        assert_eq!(timing.in_flight().collect::<Vec<_>>(), [("a.b", ResourceAction::Create)]);
    }
}
