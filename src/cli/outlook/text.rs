//! The forecast for a person: the verdict first, then why.

use super::{Foretold, Outlook, StepOutlook};
use crate::{
    forecast::calibration::Calibrated,
    model::time::Rounded,
    report::{Page, Style, Tone, fit},
};
use std::{fmt::Display, time::Duration};

/// The width of a time, such as `1h02m05s`.
const TIME: usize = 8;
/// The widest that a column of steps gets.
const WIDEST_STEP: usize = 20;
/// Entries of the critical path that are shown; the shortest are left out first.
const PATH_SHOWN: usize = 12;
/// How many rows the histogram has at most, besides its ends.
const ROWS: u64 = 8;
/// Widths of a row of the histogram, in seconds.
const WIDTHS: [u64; 14] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200];

impl Outlook {
    /// Returns the forecast as text, at most 100 columns wide.
    pub(in crate::cli) fn to_text(&self, style: Style) -> String {
        let mut page = Page::new(style);
        self.verdict(&mut page);
        self.histogram(&mut page);
        self.dominant(&mut page);
        self.path(&mut page);
        self.steps(&mut page);
        self.parallelism(&mut page);
        self.rests_on(&mut page);
        list(&mut page, "Not in it", &self.forecast.missing);
        self.calibration(&mut page);
        list(&mut page, "Notes", &self.notes);
        page.text
    }

    fn verdict(&self, page: &mut Page) {
        self.objective(page);
        if let Some(held) = self.forecast.behind_caches() {
            page.hanging("  Note: ", &held);
        }
    }

    fn objective(&self, page: &mut Page) {
        let forecast = &self.forecast;
        let times = forecast.in_words();
        let (Some(rto), Some(chance)) = (self.rto_ms, forecast.chance_of_100()) else {
            page.hanging_toned(Tone::Doubtful, "NO RTO", "  ", &times);
            page.hanging(
                "  Note: ",
                "no objective is known: give `--rto 30m`, or `rto` in the runbook",
            );
            return;
        };
        let (word, tone) = match self.verdict {
            Foretold::Met => ("MET", Tone::Good),
            Foretold::Missed | Foretold::NoObjective => ("MISSED", Tone::Bad),
        };
        page.hanging_toned(
            tone,
            word,
            "  ",
            &format!("RTO {}: met in {} of 100; {times}", short(rto), chance),
        );
        if let Some(before) = forecast.before_ms {
            let before = time(before);
            page.hanging(
                "  Note: ",
                &format!("the times count from the declaration; what own runs took until then ({before} at the median) is in how often the RTO is met"),
            );
        }
        if !self.without.is_empty() {
            page.hanging(
                "  Note: ",
                &format!("taken as there already: {}", self.without.join(", ")),
            );
        }
    }

    fn histogram(&self, page: &mut Page) {
        let forecast = &self.forecast;
        page.section(&format!(
            "How long it takes ({} draws, seed {})",
            forecast.draws, forecast.seed
        ));
        let quantiles = &forecast.quantiles_ms;
        let (Some(low), Some(high)) = (quantiles.get(1), quantiles.iter().nth_back(1)) else {
            return;
        };
        let fits = |width: &u64| (high - low) / (width * 1_000) < ROWS;
        let width = 1_000
            * WIDTHS.into_iter().find(fits).unwrap_or_else(|| (high - low) / ROWS / 1_000 + 1);
        let (first, end) = (low / width * width, (high / width + 1) * width);
        let mut rows = vec![(0, first)];
        rows.extend(
            (first..end)
                .step_by(usize::try_from(width).unwrap_or(usize::MAX))
                .map(|at| (at, at + width)),
        );
        rows.push((end, u64::MAX));
        // What ends at a bound belongs to the row before it.
        let below = |ms: u64| if ms == 0 { 0.0 } else { forecast.position(ms).unwrap_or(0.0) };
        for (from, to) in rows {
            let share = below(to) - below(from);
            let span = match (from, to) {
                (0, _) => format!("up to {}", time(to)),
                (_, u64::MAX) => format!("over {}", time(from)),
                _ => format!("up to {}", time(to)),
            };
            let is_outside = from == 0 || to == u64::MAX;
            let holds_rto = self.rto_ms.is_some_and(|rto| from < rto && rto <= to);
            if is_outside && share < 0.005 && !holds_rto {
                continue;
            }
            let bar = "#".repeat((share * 100.0).round() as usize);
            let mark = if holds_rto { "  < RTO" } else { "" };
            page.line(&format!("  {span:<16} {:>3} of 100  {bar}{mark}", rounded(share)));
        }
    }

    fn dominant(&self, page: &mut Page) {
        if self.dominant.is_empty() {
            return;
        }
        page.section("What dominates");
        page.line("  critical    median      90th     saves  what");
        for entry in &self.dominant {
            let resource = &entry.resource;
            let what = address(&resource.step, &resource.address, resource.instances);
            page.line(&format!(
                "  {:>3} of 100  {:>TIME$}  {:>TIME$}  {:>TIME$}  {}",
                rounded(resource.critical),
                time(resource.p50_ms),
                time(resource.p90_ms),
                time(entry.saves_ms),
                fit(&what, page.style.width() - 44)
            ));
            page.hanging(&" ".repeat(44), &format!("by {}", resource.basis));
        }
    }

    fn path(&self, page: &mut Page) {
        if self.critical_path.is_empty() {
            return;
        }
        let whole = time(self.forecast.at_medians_ms);
        page.section(&format!("Critical path, with every resource at its median: {whole}"));
        let mut longest: Vec<u64> = self.critical_path.iter().map(|entry| entry.p50_ms).collect();
        longest.sort_unstable_by(|a, b| b.cmp(a));
        let least = longest.get(PATH_SHOWN - 1).copied().unwrap_or(0);
        let (mut shown, mut left, mut left_ms) = (0, 0, 0);
        for entry in &self.critical_path {
            if entry.p50_ms < least || shown == PATH_SHOWN {
                (left, left_ms) = (left + 1, left_ms + entry.p50_ms);
                continue;
            }
            shown += 1;
            let mut what = address(&entry.step, &entry.address, 1);
            if entry.turns > 1 {
                what += &format!(", {} in turn", entry.turns);
            }
            let mark = if entry.by_lane { "  (waited for a lane)" } else { "" };
            let room = page.style.width() - TIME - 4 - mark.len();
            page.line(&format!("  {:>TIME$}  {}{mark}", time(entry.p50_ms), fit(&what, room)));
        }
        if left > 0 {
            page.line(&format!("  {:>TIME$}  {left} more, each shorter", time(left_ms)));
        }
        let before: u64 = self.forecast.at_medians_ms.saturating_sub(longest.iter().sum());
        if before > 0 {
            page.line(&format!(
                "  {:>TIME$}  besides: verification, and init, plan and programs as far as seen",
                time(before)
            ));
        }
    }

    fn steps(&self, page: &mut Page) {
        page.section("Steps from the declaration on: at the medians, and their ends as drawn");
        let names = self.steps.iter().map(|step| step.step.as_str().chars().count());
        let width = names.max().unwrap_or(0).clamp(4, WIDEST_STEP);
        page.line(&format!("  {:width$}    begins      ends    median      90th  by", "step"));
        for step in &self.steps {
            page.hanging(
                &format!(
                    "  {:width$}  {:>TIME$}  {:>TIME$}  {:>TIME$}  {:>TIME$}  ",
                    fit(step.step.as_str(), width),
                    time(step.begins_ms),
                    time(step.ends_ms),
                    time(step.p50_ms),
                    time(step.p90_ms),
                ),
                &step.basis(),
            );
        }
    }

    fn parallelism(&self, page: &mut Page) {
        let (now, floor) = (self.forecast.at_medians_ms, self.forecast.floor_ms);
        page.section("Parallelism");
        let limit = self.lanes.map_or_else(
            || "as the runbook says, or what the providers bear".to_owned(),
            |lanes| lanes.to_string(),
        );
        page.field("limit", &limit);
        // Seconds are what is shown; less is nothing.
        let cost = now.saturating_sub(floor);
        if cost < 500 {
            page.field("costs", "nothing: no resource waits long for another one's lane");
            return;
        }
        page.field(
            "costs",
            &format!("{} of {}; without a limit it takes {}", time(cost), time(now), time(floor)),
        );
        let others = self
            .parallelism
            .iter()
            .map(|with| format!("{} with {}", time(with.at_medians_ms), with.lanes));
        page.field("others", &others.collect::<Vec<_>>().join(", "));
    }

    fn rests_on(&self, page: &mut Page) {
        page.section("What the times rest on");
        let rests = &self.rests_on;
        page.field(
            "resources",
            &format!(
                "{}, with {}",
                count(rests.resources, "resource"),
                count(rests.instances, "instance")
            ),
        );
        let parts = [
            (rests.own_runs, "by the team's own runs"),
            (rests.type_known, "by public times of their type"),
            (rests.like_its_kind, "estimated like others of their kind"),
            (rests.guesses, "guessed"),
            (rests.said_by_code, "said by the code"),
            (rests.there_already, "there already"),
        ];
        let parts = parts.into_iter().filter(|(number, _)| *number > 0);
        let parts: Vec<_> = parts.map(|(number, what)| format!("{number} {what}")).collect();
        page.field("times", &parts.join(", "));
        let runs = match rests.runs {
            0 => "none yet: every real run makes the next forecast better".to_owned(),
            runs => format!("{}, with {}", count(runs, "run"), count(rests.creates, "create")),
        };
        page.field("own runs", &runs);
    }

    fn calibration(&self, page: &mut Page) {
        page.section("How good earlier forecasts were");
        let all =
            [("real runs", &self.calibration.real), ("rehearsals", &self.calibration.rehearsals)];
        for (name, seen) in all {
            page.field(name, &calibrated(seen));
        }
        let types = [&self.calibration.real, &self.calibration.rehearsals];
        let Some(types) = types.into_iter().map(|seen| &seen.types).find(|types| !types.is_empty())
        else {
            return;
        };
        let ratio = |of: &crate::forecast::calibration::TypeRatio| {
            format!("{} {:.2} (n={})", of.kind, of.ratio, of.creates)
        };
        let types: Vec<_> = types.iter().map(ratio).collect();
        page.field("by type", &format!("measured / expected: {}", types.join(", ")));
    }
}

impl StepOutlook {
    /// Says what its time rests on.
    fn basis(&self) -> String {
        let Some(plan) = &self.plan else {
            return match (self.is_stack, self.overhead_ms) {
                (true, _) => "the code".to_owned(),
                (false, Some(_)) => "own runs".to_owned(),
                (false, None) => "nobody: taken as no time".to_owned(),
            };
        };
        let mut text = format!(
            "the plan: {}, {}",
            count(plan.resources, "resource"),
            count(plan.instances, "instance")
        );
        if plan.locals_from_code > 0 {
            text += &format!("; {} by the code", count(plan.locals_from_code, "local value"));
        }
        if plan.locals_not_known > 0 {
            let lost = count(plan.locals_not_known, "local value");
            text += &format!("; what waits through {lost} of other repositories is not known");
        }
        text
    }
}

fn calibrated(seen: &Calibrated) -> String {
    let (Some(ratio), Some((least, most))) = (seen.ratio, seen.ratio_range) else {
        return "none kept a forecast and got to its end".to_owned();
    };
    format!(
        "{}; {} by the median, {} by the 90th percentile; measured / median {ratio:.2} ({least:.2} to {most:.2}): {}",
        count(seen.runs, "run"),
        seen.by_p50,
        seen.by_p90,
        seen.verdict
    )
}

fn list(page: &mut Page, title: &str, lines: &[String]) {
    if !lines.is_empty() {
        page.section(title);
        lines.iter().for_each(|line| page.hanging("  - ", line));
    }
}

fn time(ms: u64) -> String {
    Rounded(Duration::from_millis(ms)).to_string()
}

/// Writes a promise as people do: `30m` and not `30m00s`.
fn short(ms: u64) -> String {
    let long = time(ms);
    let minutes = long.strip_suffix("m00s").map_or(long.clone(), |front| format!("{front}m"));
    minutes.strip_suffix("h00m").map_or(minutes.clone(), |front| format!("{front}h"))
}

fn rounded(share: f64) -> u64 {
    (share * 100.0).round() as u64
}

fn address(step: &impl Display, address: &str, instances: u64) -> String {
    match instances {
        1 => format!("{step}: {address}"),
        n => format!("{step}: {address} ({n} instances)"),
    }
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
