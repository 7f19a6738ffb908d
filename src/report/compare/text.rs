//! A comparison for a person.

use super::{Change, Comparison, Named, ResourceChange, Side};
use crate::{
    model::{text::plain, time::Pretty},
    report::{
        layout::{Page, Style, TIME, Tone, fit},
        measure::Measure,
    },
};

/// Resources shown in each list; the JSON document has them all.
const SHOWN: usize = 10;
/// Differences shorter than this, in milliseconds, are shown as none.
const SHORTEST_SHOWN: u64 = 100;

impl Comparison {
    /// Returns the comparison as text, at most 100 columns wide.
    pub fn to_text(&self, style: Style) -> String {
        let mut page = Page::new(style);
        self.headline(&mut page);
        for caveat in &self.caveats {
            page.hanging("  Note: ", caveat);
        }
        page.line("");
        page.side("earlier", &self.earlier);
        page.side("later", &self.later);
        self.what_changed(&mut page);

        page.section("Times");
        page.head("");
        page.change("recovery time", &self.recovery_time);
        page.change("execution", &self.execution);
        page.table("Phases", &self.phases);
        page.table("Steps", &self.steps);
        page.resources("Resources that differ the most", &self.differing());
        page.resources("Only in the later run", &self.added.iter().collect::<Vec<_>>());
        page.resources("Only in the earlier run", &self.removed.iter().collect::<Vec<_>>());
        page.text
    }

    /// Returns what is not as long in both, as far as that is shown.
    fn differing(&self) -> Vec<&ResourceChange> {
        self.resources.iter().filter(|r| shown(&r.time).is_some_and(|ms| ms != 0)).collect()
    }

    fn headline(&self, page: &mut Page) {
        let time = match self.measure {
            Measure::RecoveryTime => &self.recovery_time,
            Measure::Execution => &self.execution,
        };
        let (what, Some(difference)) = (self.measure.words(), time.difference_ms) else {
            page.hanging("", "There is no time that both runs have: one of them did not come back");
            return;
        };
        let by = Pretty::ms(difference.unsigned_abs());
        match difference {
            0 => page.hanging("", &format!("The {what} of both is the same")),
            1.. => page.hanging_toned(Tone::Bad, "SLOWER", "  ", &format!("{what}, by {by}")),
            _ => page.hanging_toned(Tone::Good, "FASTER", "  ", &format!("{what}, by {by}")),
        }
    }

    fn what_changed(&self, page: &mut Page) {
        let (one, two) = (&self.earlier, &self.later);
        let short = |digest: &Option<String>| match digest {
            Some(digest) => digest.chars().take(12).collect(),
            None => "unknown".to_owned(),
        };
        let rto = |ms: Option<u64>| ms.map_or("none".to_owned(), |ms| Pretty::ms(ms).to_string());
        let rows = [
            ("commit", short(&one.commit), short(&two.commit), one.commit == two.commit),
            (
                "plan",
                short(&one.plan_digest),
                short(&two.plan_digest),
                one.plan_digest == two.plan_digest,
            ),
            ("RTO", rto(one.rto_ms), rto(two.rto_ms), one.rto_ms == two.rto_ms),
            ("drctl", one.drctl.clone(), two.drctl.clone(), one.drctl == two.drctl),
        ];
        for (what, before, after, same) in rows {
            let text =
                if same { format!("{before} in both") } else { format!("{before}, then {after}") };
            page.field(what, &text);
        }
    }
}

impl Page {
    fn side(&mut self, name: &str, side: &Side) {
        let service = side.service.as_deref().unwrap_or("?");
        let (word, kind) = (side.summary.word(), side.kind.word());
        self.field(name, &format!("{}  {word}, {kind} of {service} to {}", side.run, side.region));
    }

    /// The width of the names in a table.
    fn names(&self) -> usize {
        // Two margins, three gaps, two times, a difference and its share.
        self.style.width() - (2 + 3 * 2 + 2 * TIME + 10 + 2 + 6)
    }

    fn head(&mut self, what: &str) {
        let names = self.names();
        let line = format!(
            "  {what:<names$}  {:>TIME$}  {:>TIME$}  {:>10}",
            "earlier", "later", "difference"
        );
        self.line(&line);
    }

    fn table(&mut self, title: &str, rows: &[Named]) {
        if rows.is_empty() {
            return;
        }
        self.section(title);
        for row in rows {
            self.change(&row.name, &row.time);
        }
    }

    fn resources(&mut self, title: &str, rows: &[&ResourceChange]) {
        if rows.is_empty() {
            return;
        }
        self.section(title);
        for row in rows.iter().take(SHOWN) {
            self.change(&format!("{}: {}", row.step, row.address), &row.time);
        }
        if rows.len() > SHOWN {
            self.line(&format!("  and {} more", rows.len() - SHOWN));
        }
    }

    fn change(&mut self, name: &str, change: &Change) {
        let names = self.names();
        let name = fit(name, names);
        let time = |ms: Option<u64>| ms.map_or("-".to_owned(), |ms| Pretty::ms(ms).to_string());
        let (before, after) = (time(change.earlier_ms), time(change.later_ms));
        let difference = shown(change).map(signed).unwrap_or_default();
        let share = share(change).unwrap_or_default();
        self.line(&format!(
            "  {:<names$}  {before:>TIME$}  {after:>TIME$}  {difference:>10}  {share:>6}",
            plain(&name)
        ));
    }
}

/// Returns the difference; none at all where it would be shown as one of nothing.
fn shown(change: &Change) -> Option<i64> {
    change.difference_ms.map(|ms| if ms.unsigned_abs() < SHORTEST_SHOWN { 0 } else { ms })
}

fn signed(ms: i64) -> String {
    let sign = match ms {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", Pretty::ms(ms.unsigned_abs()))
}

/// Returns the difference in percent of the earlier time.
fn share(change: &Change) -> Option<String> {
    let difference = shown(change).filter(|ms| *ms != 0)?;
    let of = change.earlier_ms.filter(|ms| *ms > 0)?;
    let percent = difference as f64 * 100.0 / of as f64;
    Some(if percent.abs() >= 1_000.0 { "> 10x".to_owned() } else { format!("{percent:+.0}%") })
}
