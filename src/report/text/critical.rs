//! The critical path and the forecast, as text.

use crate::model::time::Pretty;
use crate::report::{
    critical::{CriticalPath, Saving, Segment, What},
    json::{Expected, Report},
    layout::{Page, TIME, fit},
    words,
};

/// Segments shown, the longest; the JSON document has them all.
const SEGMENTS_SHOWN: usize = 12;
/// Segments shown take at least this part of the whole: one 200th.
const SMALLEST_PART: u64 = 200;
/// Segments shown take at least this, in milliseconds: less would be shown as nothing.
const SHORTEST: u64 = 100;
/// Savings shown.
const SAVINGS_SHOWN: usize = 5;

impl Report {
    /// What the recovery time was made of, and what would have made it shorter.
    pub(super) fn critical_path(&self, page: &mut Page) {
        let Some(path) = self.critical_path.as_ref().filter(|path| !path.segments.is_empty())
        else {
            return;
        };
        page.section("What decided it");
        let whole: u64 = path.segments.iter().map(|segment| segment.took_ms).sum();
        let shown = longest(path);
        let left: Vec<_> = path.segments.iter().filter(|s| !shown.contains(s)).collect();
        for segment in &shown {
            let step = segment.step.as_ref().map_or("", |step| step.as_str());
            let words = words(&segment.what);
            page.decisive(segment.took_ms, whole, step, &words);
        }
        if !left.is_empty() {
            let ms = left.iter().map(|segment| segment.took_ms).sum();
            let words = match left.len() {
                1 => "a shorter stretch between them".to_owned(),
                n => format!("{n} shorter stretches between them"),
            };
            page.decisive(ms, whole, "", &words);
        }
        page.savings(path);
        for step in &path.inferred {
            page.hanging(
                "  Note: ",
                &format!("which resources of {step} needed which is not known: guessed by time"),
            );
        }
    }

    /// What was expected, beside what was measured.
    pub(super) fn expectation(&self, page: &mut Page) {
        let Some(expected) = &self.forecast else { return };
        page.section("Forecast");
        let prediction = &expected.prediction;
        page.field("execution", &prediction.in_words());
        if let Some(held) = prediction.behind_caches() {
            page.field("with caches", &held);
        }
        if let Some(text) = measured(expected, self.execution_ms) {
            page.field("measured", &text);
        }
        if let Some(chance) = prediction.chance_of_100() {
            let text = format!("the objective is met in {chance} of 100 draws");
            page.field("chance", &text);
        }
        if !prediction.missing.is_empty() {
            page.field("not in it", &prediction.missing.join("; "));
        }
    }
}

/// Returns the longest segments, in the order of time.
fn longest(path: &CriticalPath) -> Vec<&Segment> {
    let whole: u64 = path.segments.iter().map(|segment| segment.took_ms).sum();
    let worth = |segment: &&Segment| segment.took_ms >= SHORTEST.max(whole / SMALLEST_PART);
    let mut shown: Vec<_> = path.segments.iter().filter(worth).collect();
    shown.sort_by_key(|segment| std::cmp::Reverse(segment.took_ms));
    shown.truncate(SEGMENTS_SHOWN);
    shown.sort_by_key(|segment| segment.began_ms);
    shown
}

fn measured(expected: &Expected, execution_ms: Option<u64>) -> Option<String> {
    let (ms, position) = execution_ms.zip(expected.position)?;
    let mut text = format!("{}, ", Pretty::ms(ms));
    text += &match position {
        0.0 => "shorter than every draw".to_owned(),
        1.0 => "longer than every draw".to_owned(),
        share => format!("longer than {:.0} of 100 draws", share * 100.0),
    };
    Some(text)
}

/// Returns what a stretch was, in a few words.
fn words(what: &What) -> String {
    let mut text = words::what(what);
    if matches!(what, What::Resource { by_lane: true, .. }) {
        text += " (waited for -parallelism)";
    }
    text
}

impl Page {
    /// Adds a stretch of the critical path with its share of the whole.
    fn decisive(&mut self, ms: u64, whole: u64, step: &str, words: &str) {
        let percent = (ms * 100 + whole / 2).checked_div(whole).unwrap_or(0);
        let time = Pretty::ms(ms).to_string();
        let step = if step.is_empty() { String::new() } else { format!("{step}: ") };
        let before = format!("  {time:>TIME$}  {percent:>3}%  ");
        let room = self.style.width() - before.chars().count();
        self.line(&format!("{before}{}", fit(&format!("{step}{words}"), room)));
    }

    fn savings(&mut self, path: &CriticalPath) {
        for saving in path.worth_doing().take(SAVINGS_SHOWN) {
            let Saving { step, address, saves_ms, .. } = saving;
            let what = match address {
                Some(address) => format!("{step}: pre-provision {address}"),
                None => format!("{step}: have it done before"),
            };
            let time = format!("-{}", Pretty::ms(*saves_ms));
            let before = format!("  {time:>TIME$}        ");
            let room = self.style.width() - before.chars().count();
            self.line(&format!("{before}{}", fit(&what, room)));
        }
        if let Some((cost, floor)) = path.parallelism() {
            let text = format!(
                "-parallelism cost {}: {} with everything at once",
                Pretty::ms(cost),
                Pretty::ms(floor)
            );
            self.hanging("  ", &text);
        }
        if let Some(saved) = path.saved_by_parallelism() {
            let text = format!("-parallelism saved {} over Terraform's own 10", Pretty::ms(saved));
            self.hanging("  ", &text);
        }
    }
}
