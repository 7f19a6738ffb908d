//! The critical path as a list, and what would have made it shorter.

use super::{scale::Axis, text, what_class};
use crate::{
    model::time::Pretty,
    report::{
        critical::{Saving, Segment, What},
        json::Report,
        words::{self, percent, rounded, share},
    },
};
use std::cmp::Reverse;

/// Segments shown, the longest ones.
const SEGMENTS: usize = 40;
/// Savings shown.
const SAVINGS: usize = 8;

/// The critical path as a list.
pub(super) struct Critical {
    pub(super) rows: Vec<PathRow>,
    pub(super) savings: Vec<SavingRow>,
    pub(super) summary: Vec<String>,
}

pub(super) enum PathRow {
    Segment(Box<SegmentRow>),
    /// So many shorter ones, and how long they took together.
    Shorter(usize, String),
}

pub(super) struct SegmentRow {
    pub(super) class: &'static str,
    pub(super) step: String,
    pub(super) what: String,
    pub(super) code: bool,
    pub(super) waits: bool,
    pub(super) by_lane: bool,
    pub(super) took: String,
    pub(super) share: String,
    pub(super) left: String,
    pub(super) width: String,
}

pub(super) struct SavingRow {
    pub(super) what: String,
    pub(super) step: Option<String>,
    pub(super) saves: String,
    pub(super) took: String,
}

impl Critical {
    pub(super) fn of(report: &Report) -> Option<Self> {
        let path = report.critical_path.as_ref().filter(|path| !path.segments.is_empty())?;
        let whole_ms: u64 = path.segments.iter().map(|segment| segment.took_ms).sum();
        let axis = Axis::new(0, whole_ms);
        let mut lengths: Vec<u64> = path.segments.iter().map(|segment| segment.took_ms).collect();
        lengths.sort_by_key(|length| Reverse(*length));
        let least_ms = lengths.get(SEGMENTS - 1).copied().unwrap_or(0).max(1);
        let mut rows = Vec::new();
        let mut shorter = (0, 0);
        let flush = |shorter: &mut (usize, u64), rows: &mut Vec<PathRow>| {
            let (count, took_ms) = std::mem::take(shorter);
            if count > 0 && took_ms > 0 {
                rows.push(PathRow::Shorter(count, Pretty::ms(took_ms).to_string()));
            }
        };
        let mut shown = 0;
        for segment in &path.segments {
            if segment.took_ms < least_ms || shown == SEGMENTS {
                shorter = (shorter.0 + 1, shorter.1 + segment.took_ms);
                continue;
            }
            flush(&mut shorter, &mut rows);
            rows.push(PathRow::Segment(Box::new(SegmentRow::of(segment, axis, whole_ms))));
            shown += 1;
        }
        flush(&mut shorter, &mut rows);
        let mut summary = vec![format!(
            "{} of it was work, {} was waiting.",
            Pretty::ms(path.worked_ms),
            Pretty::ms(path.waited_ms)
        )];
        if let Some((cost, floor)) = path.parallelism() {
            summary.push(format!(
                "With unlimited parallelism it would have taken {}; -parallelism cost {}.",
                rounded(floor),
                rounded(cost)
            ));
        }
        if let Some(saved) = path.saved_by_parallelism() {
            summary.push(format!("-parallelism saved {} over Terraform's own 10.", rounded(saved)));
        }
        let saving = |saving: &Saving| {
            let (what, saves) = words::saving(saving);
            SavingRow {
                what: text(&what),
                step: saving.address.is_some().then(|| text(saving.step.as_str())),
                saves,
                took: Pretty::ms(saving.took_ms).to_string(),
            }
        };
        let savings = path.worth_doing().take(SAVINGS);
        Some(Self { rows, savings: savings.map(saving).collect(), summary })
    }
}

impl SegmentRow {
    fn of(segment: &Segment, axis: Axis, whole_ms: u64) -> Self {
        let (left, width) = axis.stretch(segment.began_ms, segment.took_ms);
        Self {
            class: what_class(&segment.what),
            step: segment.step.as_ref().map_or(String::new(), |step| text(step.as_str())),
            what: text(&words::what(&segment.what)),
            code: matches!(segment.what, What::Resource { .. }),
            waits: !segment.what.is_work(),
            by_lane: matches!(segment.what, What::Resource { by_lane: true, .. }),
            took: Pretty::ms(segment.took_ms).to_string(),
            share: percent(share(segment.took_ms, whole_ms)),
            left,
            width,
        }
    }
}
