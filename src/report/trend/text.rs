//! A trend for a person.

use super::{Measure, Point, Trend, Verdict};
use crate::{
    model::time::Pretty,
    report::layout::{Page, Style, TIME, Tone},
};

impl Trend {
    /// Returns the trend as text, at most 100 columns wide.
    pub fn to_text(&self, style: Style) -> String {
        let mut page = Page::new(style);
        self.headline(&mut page);
        page.section(&format!(
            "{} of {} to {}, by {}",
            match self.kind.word() {
                "failover" => "Failovers",
                "rehearsal" => "Rehearsals",
                "drill" => "Drills",
                _ => "Runs",
            },
            self.service.as_deref().unwrap_or("an unknown service"),
            self.region,
            self.measure.words()
        ));
        let most = self.runs.iter().filter_map(|run| run.took_ms).max().unwrap_or(0);
        let scale = most.max(self.before.map_or(0, |before| before.limit_ms));
        self.runs.iter().for_each(|run| self.bar(&mut page, run, scale));
        self.figures(&mut page);
        page.text
    }

    fn headline(&self, page: &mut Page) {
        let newest = self.runs.last().and_then(|run| run.took_ms).map(Pretty::ms);
        let took = newest.map_or_else(String::new, |took| took.to_string());
        let what = self.measure.words();
        match self.verdict {
            Verdict::Slower { by_ms } => {
                let by = Pretty::ms(by_ms);
                let text = format!("{what} of the newest run is {took}, {by} above the median");
                page.hanging_toned(Tone::Bad, "SLOWER", "  ", &text);
            }
            Verdict::Steady => {
                let text =
                    format!("{what} of the newest run is {took}, no slower than those before");
                page.hanging_toned(Tone::Good, "STEADY", "  ", &text);
            }
            Verdict::Alone => {
                let text = format!(
                    "{what} of the newest run is {took}, and there is nothing to compare it with"
                );
                page.hanging_toned(Tone::Doubtful, "ALONE", "  ", &text);
            }
            Verdict::NotBack => {
                let text = "the service was not seen to be back in the newest run";
                page.hanging_toned(Tone::Bad, "NOT BACK", "  ", text);
            }
        }
        if self.measure == Measure::Execution {
            page.hanging(
                "  Note: ",
                "compared by execution, from the declaration on: the start of an outage was not seen",
            );
        }
    }

    /// A line of the chart: the run, its time and a bar, with the median and the limit marked.
    fn bar(&self, page: &mut Page, run: &Point, scale: u64) {
        let room = page.style.width() - (2 + 20 + 2 + TIME + 2 + 1);
        let Some(took) = run.took_ms else {
            let word = run.summary.word();
            page.line(&format!("  {}  {:>TIME$}  not counted: {word}", run.run, "-"));
            return;
        };
        let at = |ms: u64| {
            let cells = (u128::from(ms) * room as u128 + u128::from(scale) / 2)
                .checked_div(u128::from(scale));
            cells.and_then(|cells| usize::try_from(cells).ok()).unwrap_or(0).min(room)
        };
        let mut cells = vec![' '; room + 1];
        cells[..at(took)].fill('#');
        if let Some(before) = self.before {
            cells[at(before.median_ms)] = '|';
            cells[at(before.limit_ms)] = '!';
        }
        let bar: String = cells.into_iter().collect();
        let time = Pretty::ms(took).to_string();
        page.line(&format!("  {}  {time:>TIME$}  {bar}", run.run));
    }

    fn figures(&self, page: &mut Page) {
        page.line("");
        if let Some(rto_ms) = self.rto_ms {
            page.field("RTO", &Pretty::ms(rto_ms).to_string());
        }
        let Some(before) = self.before else {
            page.field("before it", "no run that came back");
            return;
        };
        let time = |ms| Pretty::ms(ms).to_string();
        page.field(
            "median |",
            &format!("{} of {} run(s) before the newest", time(before.median_ms), before.count),
        );
        page.field(
            "spread",
            &format!(
                "{} to {}, robust standard deviation {} (1.4826 x median absolute deviation)",
                time(before.least_ms),
                time(before.most_ms),
                time(before.deviation_ms)
            ),
        );
        page.field(
            "limit !",
            &format!(
                "{}: the median and {}, or three deviations where they are more",
                time(before.limit_ms),
                self.tolerance
            ),
        );
    }
}
