//! The availability for a person.

use super::{Availability, Budget, End, Outage, Verdict};
use crate::{
    model::time::Pretty,
    report::layout::{Page, Style, TIME, Tone},
};

/// Outages shown, the newest; the JSON document has them all.
const SHOWN: usize = 20;

impl Availability {
    /// Returns the availability as text, at most 100 columns wide.
    pub fn to_text(&self, style: Style) -> String {
        let mut page = Page::new(style);
        self.headline(&mut page);
        self.figures(&mut page);
        if let Some(budget) = &self.budget {
            page.budget(budget, self.at_least);
        }
        self.outages(&mut page);
        page.section("What this rests on");
        self.assumed.iter().for_each(|what| page.hanging("  - ", what));
        page.text
    }

    /// Returns the share in which it was up, never rounded up to what it did not reach.
    fn percent(&self) -> String {
        let kept = (self.availability * 1e6).floor() / 1e4;
        format!("{kept:.4}%")
    }

    fn headline(&self, page: &mut Page) {
        let (word, tone) = match self.verdict {
            Verdict::Kept => ("KEPT", Tone::Good),
            Verdict::Spent => ("SPENT", Tone::Bad),
            Verdict::Unknown => ("UNKNOWN", Tone::Doubtful),
        };
        let most = if self.at_least { "at most " } else { "" };
        let (service, up) = (&self.service, self.percent());
        let mut text = match self.history_begins {
            None => format!("nothing is known of {service}"),
            Some(_) => format!("{service} was up {most}{up} of the time"),
        };
        match self.budget {
            None => text += "; no objective is given",
            Some(budget) if budget.left_ms < 0 => {
                let over = Pretty::ms(budget.left_ms.unsigned_abs());
                text += &format!(", {over} beyond what {} allows", budget.objective);
            }
            Some(budget) => text += &format!("; the objective is {}", budget.objective),
        }
        page.hanging_toned(tone, word, "  ", &text);
    }

    fn figures(&self, page: &mut Page) {
        let least = if self.at_least { "at least " } else { "" };
        let (from, to) = (self.window.began_at, self.window.ended_at);
        page.section("Availability");
        page.field("window", &format!("{from:.0} to {to:.0}, {}", days(self.window_ms)));
        page.field(
            "history",
            &match self.history_begins {
                Some(at) => format!("begins {at:.0}"),
                None => "none".to_owned(),
            },
        );
        page.field("downtime", &format!("{least}{}", Pretty::ms(self.down_ms)));
        let most = if self.at_least { "at most " } else { "" };
        page.field(
            "nines",
            &match self.nines {
                Some(nines) => format!("{most}{:.2}", (nines * 100.0).floor() / 100.0),
                None => "no downtime is known".to_owned(),
            },
        );
        page.field("outages", &self.outages.len().to_string());
        if let Some(ms) = self.mean_time_to_recover_ms {
            let ended = || self.outages.iter().filter(|outage| outage.end == End::Known);
            let least = if ended().any(|outage| outage.start_assumed) { "at least " } else { "" };
            let (mean, count) = (Pretty::ms(ms), ended().count());
            page.field("mean recovery", &format!("{least}{mean} over {count} outage(s)"));
        }
        if let Some(rehearsed) = self.rehearsed {
            page.field(
                "rehearsed",
                &format!(
                    "{} is the median of {} rehearsal(s), which are no outages",
                    Pretty::ms(rehearsed.median_ms),
                    rehearsed.count
                ),
            );
        }
    }

    fn outages(&self, page: &mut Page) {
        if self.outages.is_empty() {
            return;
        }
        page.section("Outages");
        for outage in self.outages.iter().rev().take(SHOWN) {
            page.outage(outage);
        }
        if self.outages.len() > SHOWN {
            page.line(&format!("  and {} older", self.outages.len() - SHOWN));
        }
    }
}

impl Page {
    fn budget(&mut self, budget: &Budget, at_least: bool) {
        let (least, most) = if at_least { ("at least ", "at most ") } else { ("", "") };
        self.section("Error budget");
        let allowed = Pretty::ms(budget.allowed_ms);
        self.field("allowed", &format!("{allowed} of downtime, by {}", budget.objective));
        self.field("used", &format!("{least}{}", Pretty::ms(budget.used_ms)));
        let left = match budget.left_ms {
            0.. => format!("{most}{}", Pretty::ms(budget.left_ms.unsigned_abs())),
            _ => format!("none: {} too much", Pretty::ms(budget.left_ms.unsigned_abs())),
        };
        self.field("left", &left);
        self.field("burn", &format!("{least}{:.2}, where 1 just spends it", budget.burn));
    }

    fn outage(&mut self, outage: &Outage) {
        let least = if outage.start_assumed || outage.end != End::Known { ">" } else { "" };
        let lasted = format!("{least}{}", Pretty::ms(outage.lasted_ms));
        let mut parts: Vec<String> = Vec::new();
        parts.extend(outage.runs.iter().map(ToString::to_string));
        if !outage.entered.is_empty() {
            parts.push("entered".to_owned());
        }
        parts.extend(outage.notes.iter().cloned());
        if outage.start_assumed {
            parts.push("start assumed".to_owned());
        }
        match outage.end {
            End::Known => {}
            End::Before { .. } => parts.push("end not known".to_owned()),
            End::Open => parts.push("may still last".to_owned()),
        }
        let (began, width) = (outage.began_at, TIME + 1);
        self.hanging(&format!("  {began:.0}  {lasted:>width$}  "), &parts.join(", "));
    }
}

fn days(ms: u64) -> String {
    let days = ms as f64 / 86_400_000.0;
    if days.fract() == 0.0 { format!("{days} day(s)") } else { format!("{days:.1} days") }
}
