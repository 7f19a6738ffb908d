//! What the gate saw, and what a failover would be refused for, as text.

use crate::model::gate::whereabouts;
use crate::report::{json::Report, layout::Page};

/// How many remnants of a step are shown; the JSON has all.
const REMNANTS_SHOWN: usize = 5;

impl Report {
    /// Where things lie, what still names the primary, and what was changed of an earlier run's.
    pub(super) fn gate(&self, page: &mut Page) {
        let mut lines: Vec<(&str, String)> = Vec::new();
        for step in &self.steps {
            let step = &step.step;
            let name = step.id.as_str();
            lines.extend(whereabouts(&step.placed).map(|words| (name, words)));
            for remnant in step.remnants.iter().take(REMNANTS_SHOWN) {
                lines.push((name, remnant.to_string()));
            }
            if step.remnants.len() > REMNANTS_SHOWN {
                let more = step.remnants.len() - REMNANTS_SHOWN;
                lines.push((name, format!("{more} more value(s) still name the primary")));
            }
            for change in step.changes.iter().flat_map(|changes| &changes.changes) {
                lines.push((name, change.to_string()));
            }
        }
        if lines.is_empty() {
            return;
        }
        page.section("What the gate saw");
        lines.iter().for_each(|(name, text)| page.field(name, text));
    }

    /// What a failover would be refused for: a rehearsal goes on to find the rest.
    pub(super) fn obstacles(&self, page: &mut Page) {
        if self.obstacles.is_empty() {
            return;
        }
        page.section("A failover would be refused");
        for obstructed in &self.obstacles {
            page.field(obstructed.step.as_str(), &obstructed.obstacle.to_string());
            page.hanging("                  Hint: ", &obstructed.obstacle.hint);
        }
    }
}
